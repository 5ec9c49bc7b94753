"""What `decide` answers is what the store holds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support.shop import ShopFault
from support.shop_workspace import ShopWorkspace, open_shop

from sayso.audit.entry import Actor, ActorKind
from sayso.json import JsonValue
from sayso.money import Money
from sayso.sdk.resources.tokens import Scope
from sayso.sdk.views.rows import ActionView, ApprovalView
from sayso.surfaces.cli.solution import needs

ONE_OF_MANY: JsonValue = {"amount_minor": 10_000, "currency": "USD"}


async def token_of(opened: ShopWorkspace, person: str) -> str:
    """A token with which the person decides."""
    tenant, scopes = opened.sayso.container.tenant, frozenset({Scope.DECIDE, Scope.READ})
    by = Actor(kind=ActorKind.SERVICE, id="test")
    _, secret = await opened.sayso.tokens.create(tenant, "person", person, scopes, days=1, by=by)
    return secret


async def ask_for(opened: ShopWorkspace, *, paid: int = 20_000) -> ApprovalView:
    """The approval of a refund that people have to allow."""
    opened.shop.books.add("o1", "cus_1", Money(paid, "USD"))
    view = await opened.sayso.propose("shop.refund", {"order": "o1"}, subject="cus_1")
    assert view.approval is not None, view
    return view.approval


async def decide(
    opened: ShopWorkspace, asked: ApprovalView, person: str, choice: str
) -> ActionView:
    """What the SDK answers to one person's decision."""
    return await opened.sayso.approvals.decide(
        asked.id,
        choice,
        token=await token_of(opened, person),
        revision=asked.revision,
        digest=asked.digest,
        reason_code="not_owed" if choice == "reject" else "",
    )


async def test_a_list_says_who_has_said_yes_already(tmp_path: Path, store_url: str) -> None:
    """A page shows each approval as it is shown alone: no votes there meant that nobody had."""
    async with open_shop(tmp_path) as opened:
        asked = await ask_for(opened, paid=80_000)  # which needs two people
        opened.clock.advance(seconds=1)  # the ids of one moment have no order
        other = await opened.sayso.propose(
            "shop.refund", {"order": "o1", "amount": ONE_OF_MANY}, subject="cus_1"
        )
        await decide(opened, asked, "maria", "approve")
        listed = await opened.sayso.approvals.list()
        assert [len(one.votes) for one in listed] == [1, 0], store_url
        assert [one.id for one in listed] == [asked.id, other.approval and other.approval.id]
        assert listed == [await opened.sayso.approvals.get(one.id) for one in listed]
        assert needs(listed[0]) == "support manager and finance; yes from maria"


async def test_a_no_after_the_own_yes_is_shown_with_it(tmp_path: Path, store_url: str) -> None:
    """A vote keeps the first word; a rejected approval with a yes alone named nobody's no."""
    async with open_shop(tmp_path) as opened:
        asked = await ask_for(opened, paid=80_000)  # which needs two people
        await decide(opened, asked, "maria", "approve")
        opened.clock.advance(seconds=1)
        said = await decide(opened, asked, "maria", "reject")
        assert said.approval is not None
        words = [(vote.person, vote.decision) for vote in said.approval.votes]
        assert words == [("maria", "approve"), ("maria", "reject")], store_url
        (listed,) = await opened.sayso.approvals.list(status="rejected")
        assert said.approval == listed == (await opened.sayso.actions.get(said.id)).approval


def nothing_changes(opened: ShopWorkspace) -> None:
    """The world stays as it was judged."""


def half_is_left(opened: ShopWorkspace) -> None:
    """Somebody else has refunded half of it."""
    opened.clock.advance(hours=1)  # so that the provider is read again
    opened.shop.books.orders["o1"].refunded_minor += 10_000


def little_is_left(opened: ShopWorkspace) -> None:
    """Somebody else has refunded all but what needs nobody's yes."""
    opened.clock.advance(hours=1)
    opened.shop.books.orders["o1"].refunded_minor += 19_000


def provider(fault: ShopFault) -> Callable[[ShopWorkspace], None]:
    """The next call goes wrong."""
    return lambda opened: opened.shop.faults.append(fault)


@pytest.mark.parametrize(
    ("choice", "change", "status"),
    [
        ("approve", nothing_changes, "succeeded"),
        ("reject", nothing_changes, "rejected"),
        ("approve", provider(ShopFault.SAYS_NO), "failed"),
        ("approve", provider(ShopFault.LOST_AFTER), "unknown"),
        ("approve", provider(ShopFault.UNREACHABLE), "approved"),
        ("approve", half_is_left, "pending_approval"),
        ("approve", little_is_left, "succeeded"),
    ],
)
async def test_a_decision_is_answered_with_what_is_stored(
    tmp_path: Path, choice: str, change: Callable[[ShopWorkspace], None], status: str
) -> None:
    """`decide` answers from what its own units left, which must be what the next reader sees; also
    where the yes went stale on the way, and the card that was decided is not the last one."""
    async with open_shop(tmp_path) as opened:
        asked = await ask_for(opened)
        change(opened)
        answered = await decide(opened, asked, "maria", choice)
        assert answered.status == status
        assert answered == await opened.sayso.actions.get(answered.id, timeline=False)


async def test_a_first_yes_of_two_is_answered_as_waiting(tmp_path: Path) -> None:
    """A yes that is not enough answers with both the vote and the people who are still asked."""
    async with open_shop(tmp_path) as opened:
        asked = await ask_for(opened, paid=90_000)
        first = await decide(opened, asked, "maria", "approve")
        assert first.status == "pending_approval"
        assert first == await opened.sayso.actions.get(first.id, timeline=False)
        both = await decide(opened, asked, "finn", "approve")
        assert both.status == "succeeded"
        assert both == await opened.sayso.actions.get(both.id, timeline=False)
        assert both.approval is not None
        assert {vote.person for vote in both.approval.votes} == {"maria", "finn"}
