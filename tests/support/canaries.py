"""A workspace in which a test card is due, and waits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from support.shop import Shop

from sayso.actions.approvals.answer import SolutionDecision
from sayso.actions.approvals.repository import DecisionChoice
from sayso.ids import DEFAULT_TENANT
from sayso.money import Money
from sayso.sdk.client import Sayso
from sayso.sdk.resources.canaries import CanaryView
from sayso.sdk.views.solution import SolutionView
from sayso.testing.clock import FakeClock

CANARIES = {"canaries": 0.2}
"""At least every fifth: one is due after three to five answers."""
MOST = 5


class WithShop(Protocol):
    """A workspace whose shop a test can fill."""

    @property
    def sayso(self) -> Sayso:
        """The open workspace."""
        ...

    @property
    def shop(self) -> Shop:
        """Its shop."""
        ...

    @property
    def clock(self) -> FakeClock:
        """Its clock, which a test moves."""
        ...


def said(
    view: SolutionView,
    choice: str = "approve",
    person: str = "maria",
    lower: Mapping[str, Money] | None = None,
) -> SolutionDecision:
    """What a person says about a card that was shown, by the host's word."""
    return SolutionDecision(
        tenant=DEFAULT_TENANT,
        approval_id=view.id,
        revision=view.revision,
        digest=view.digest,
        choice=DecisionChoice(choice),
        person=person,
        via="sdk",
        credential="host",
        reason_code="wrong_amount" if choice == "reject" else "",
        lower=lower or {},
    )


async def refunds(opened: WithShop, number: int, *, person: str = "maria", begin: int = 1) -> None:
    """So many refunds that a person says yes to, each of another customer's order of $129."""
    opened.clock.advance(seconds=1)
    for place in range(begin, begin + number):
        opened.shop.books.add(f"of{place}", f"cus_f{place}", Money(129_00, "USD"))
        view = await opened.sayso.propose(
            "shop.refund", {"order": f"of{place}"}, subject=f"cus_f{place}", reason="it broke"
        )
        assert view.approval is not None, view
        shown = await opened.sayso.solutions.get(view.approval.id)
        await opened.sayso.solutions.answer_as(said(shown, person=person))


async def waiting(opened: WithShop, *, person: str = "maria") -> CanaryView:
    """A test card that waits, after as many answers as it takes."""
    await refunds(opened, MOST, person=person)
    made = await opened.sayso.canaries.look_after()
    assert made is not None
    return await opened.sayso.canaries.get(made)
