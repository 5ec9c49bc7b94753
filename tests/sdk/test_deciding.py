"""What `decide` answers is what the store holds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support.house import ShopHouse, open_shop
from support.shop import ShopFault

from sayso.audit.entry import Actor, ActorKind
from sayso.json import JsonValue
from sayso.money import Money
from sayso.sdk.resources.tokens import Scope
from sayso.sdk.views import ActionView, ApprovalView
from sayso.surfaces.cli.card import needs

ONE_OF_MANY: JsonValue = {"amount_minor": 10_000, "currency": "USD"}


async def token_of(house: ShopHouse, person: str) -> str:
    """A token with which the person decides."""
    tenant, scopes = house.sayso.house.tenant, frozenset({Scope.DECIDE, Scope.READ})
    by = Actor(kind=ActorKind.SERVICE, id="test")
    _, secret = await house.sayso.tokens.create(tenant, "person", person, scopes, days=1, by=by)
    return secret


async def ask_for(house: ShopHouse, *, paid: int = 20_000) -> ApprovalView:
    """The approval of a refund that people have to allow."""
    house.shop.books.add("o1", "cus_1", Money(paid, "USD"))
    view = await house.sayso.propose("shop.refund", {"order": "o1"}, subject="cus_1")
    assert view.approval is not None, view
    return view.approval


async def decide(house: ShopHouse, asked: ApprovalView, person: str, choice: str) -> ActionView:
    """What the SDK answers to one person's decision."""
    return await house.sayso.decide(
        asked.id,
        choice,
        token=await token_of(house, person),
        revision=asked.revision,
        digest=asked.digest,
        reason_code="not_owed" if choice == "reject" else "",
    )


async def test_a_list_says_who_has_said_yes_already(tmp_path: Path, store_url: str) -> None:
    """A page shows each approval as it is shown alone: no votes there meant that nobody had."""
    async with open_shop(tmp_path) as house:
        asked = await ask_for(house, paid=80_000)  # which needs two people
        house.clock.advance(seconds=1)  # the ids of one moment have no order
        other = await house.sayso.propose(
            "shop.refund", {"order": "o1", "amount": ONE_OF_MANY}, subject="cus_1"
        )
        await decide(house, asked, "maria", "approve")
        listed = await house.sayso.approvals()
        assert [len(one.votes) for one in listed] == [1, 0], store_url
        assert [one.id for one in listed] == [asked.id, other.approval and other.approval.id]
        assert listed == [await house.sayso.approval(one.id) for one in listed]
        assert needs(listed[0]) == "support manager and finance; yes from maria"


async def test_a_no_after_the_own_yes_is_shown_with_it(tmp_path: Path, store_url: str) -> None:
    """A vote keeps the first word; a rejected approval with a yes alone named nobody's no."""
    async with open_shop(tmp_path) as house:
        asked = await ask_for(house, paid=80_000)  # which needs two people
        await decide(house, asked, "maria", "approve")
        house.clock.advance(seconds=1)
        said = await decide(house, asked, "maria", "reject")
        assert said.approval is not None
        words = [(vote.person, vote.decision) for vote in said.approval.votes]
        assert words == [("maria", "approve"), ("maria", "reject")], store_url
        (listed,) = await house.sayso.approvals(status="rejected")
        assert said.approval == listed == (await house.sayso.action(said.id)).approval


def nothing_changes(house: ShopHouse) -> None:
    """The world stays as it was judged."""


def half_is_left(house: ShopHouse) -> None:
    """Somebody else has refunded half of it."""
    house.clock.advance(hours=1)  # so that the provider is read again
    house.shop.books.orders["o1"].refunded_minor += 10_000


def little_is_left(house: ShopHouse) -> None:
    """Somebody else has refunded all but what needs nobody's yes."""
    house.clock.advance(hours=1)
    house.shop.books.orders["o1"].refunded_minor += 19_000


def provider(fault: ShopFault) -> Callable[[ShopHouse], None]:
    """The next call goes wrong."""
    return lambda house: house.shop.faults.append(fault)


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
    tmp_path: Path, choice: str, change: Callable[[ShopHouse], None], status: str
) -> None:
    """`decide` answers from what its own units left, which must be what the next reader sees; also
    where the yes went stale on the way, and the card that was decided is not the last one."""
    async with open_shop(tmp_path) as house:
        asked = await ask_for(house)
        change(house)
        answered = await decide(house, asked, "maria", choice)
        assert answered.status == status
        assert answered == await house.sayso.action(answered.id, timeline=False)


async def test_a_first_yes_of_two_is_answered_as_waiting(tmp_path: Path) -> None:
    """A yes that is not enough answers with both the vote and the people who are still asked."""
    async with open_shop(tmp_path) as house:
        asked = await ask_for(house, paid=90_000)
        first = await decide(house, asked, "maria", "approve")
        assert first.status == "pending_approval"
        assert first == await house.sayso.action(first.id, timeline=False)
        both = await decide(house, asked, "finn", "approve")
        assert both.status == "succeeded"
        assert both == await house.sayso.action(both.id, timeline=False)
        assert both.approval is not None
        assert {vote.person for vote in both.approval.votes} == {"maria", "finn"}
