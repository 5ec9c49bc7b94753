"""Suggestions: what people's own decisions ask for, as a draft that only a person puts in force."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from actions.policy.test_versions import opened_strictly, token_of
from actions.steps import decide, say, shown, usd
from support.shop_workspace import ShopWorkspace

from sayso.actions.approvals.decision import DecisionChoice
from sayso.actions.policy.playing import Said
from sayso.actions.policy.suggest import LEAST_CARDS, DecidedCard, Suggestion, suggest
from sayso.errors import RefusedError
from sayso.money import Money
from sayso.sdk.views.suggestion import SuggestionView

MINUTE = 60_000_000


def card(at: int, minor: int = 2_000, said: Said = "yes", **facts: int) -> DecidedCard:
    """A card of a customer of its own, decided by one of two people within a minute."""
    question: dict[str, Any] = {"amount": minor * 100, "currency": "USD", "tenure_days": 400}
    return DecidedCard(
        id=f"act_{at}",
        customer=f"cus_{at}",
        question={**question, "plan": "pro", **facts},
        said=said,
        took=MINUTE,
        people=frozenset({"maria" if at % 2 else "noor"}),
    )


def cards(many: int = 120, minor: int = 2_000) -> list[DecidedCard]:
    """So many that people approved unchanged."""
    return [card(at, minor) for at in range(many)]


def found(decided: Sequence[DecidedCard]) -> Suggestion:
    """The one that is suggested."""
    one = suggest("shop.refund", decided)
    assert one is not None
    return one


@pytest.mark.promise("policy:suggestions")
def test_what_people_always_approve_is_suggested_and_never_above_what_was_seen() -> None:
    """The highest round amount, in the currency that was seen."""
    one = found([card(at, 1_000 + at * 20) for at in range(120)])  # up to $33.80
    assert (one.up_to, one.currency, one.condition) == (Decimal(30), "USD", None)
    assert one.yes == one.cards == 101


@pytest.mark.promise("policy:suggestions")
def test_the_segment_that_agrees_is_found_with_its_counterexamples() -> None:
    """Young customers are refused; those of over a year are not, but for three."""
    old = cards()
    other = [card(200 + at, said="no", tenure_days=20) for at in range(60)]
    three = [card(300, said="no"), card(301, said="less"), card(302, said="less")]
    one = found([*old, *other, *three])
    assert one.condition is not None
    assert one.condition.toml == "tenure_days = { over = 365 }"
    assert sorted(case.said for case in one.others) == ["less", "less", "no"]
    assert one.table("s1") == (
        'action   = "shop.refund"\ncurrency = "USD"\n\n[[allow]]\nid    = "s1"\n'
        'say   = "Up to 20 USD, tenure days over 365"\ntenure_days = { over = 365 }\n'
        "up_to = 20\n"
    )


@pytest.mark.promise("policy:suggestions")
@pytest.mark.parametrize(
    "few",
    [
        cards(LEAST_CARDS - 1),
        [replace(one, took=2_000_000) for one in cards()],
        [replace(one, people=frozenset({"maria"})) for one in cards()],
        [replace(one, customer="cus_1") for one in cards()],
        [*cards(100), *(card(500 + at, said="no") for at in range(12))],
        [replace(one, said="") for one in cards()],
    ],
    ids=["too few", "too quick", "one person", "one customer", "too many noes", "nobody"],
)
def test_what_is_not_enough_suggests_nothing(few: list[DecidedCard]) -> None:
    """A hundred cards, two people, thirty customers, three seconds, and 90 % for sure."""
    assert suggest("shop.refund", few) is None


@pytest.mark.promise("policy:suggestions")
def test_what_somebody_said_no_to_is_not_suggested_again() -> None:
    """Whatever its amount has become meanwhile."""
    one = found(cards())
    assert suggest("shop.refund", cards(130, minor=4_000), {one.id}) is None or (
        found(cards(130, minor=4_000)).id == one.id
    )
    assert suggest("shop.refund", cards(), {one.id}) is None


async def decide_many(opened: ShopWorkspace, many: int) -> None:
    """People decide about so many refunds of $60.00 of as many customers, two of them with a no."""
    for at in range(many):
        order, customer = f"s{at}", f"cus_s{at}"
        opened.shop.books.add(order, customer, Money(100_000, "USD"))
        view = await opened.sayso.propose(
            "shop.refund", {"order": order, "amount": usd(6_000)}, subject=customer
        )
        opened.clock.advance(seconds=30)
        choice = DecisionChoice.REJECT if at in (3, 7) else DecisionChoice.APPROVE
        person = "maria" if at % 2 else "noor"
        await decide(opened, replace(say(await shown(opened, view), choice=choice), person=person))


@pytest.mark.promise("policy:suggestions")
async def test_a_suggestion_is_a_draft_with_its_backtest_that_a_person_puts_in_force(
    tmp_path: Path,
) -> None:
    """Its figures are those of the ledger; nothing changes until somebody activates it."""
    section: dict[str, object] = {"files": ["policy.cedar", "policies/*"]}
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "limits.toml").write_text("")
    async with opened_strictly(tmp_path, **section) as opened:
        await decide_many(opened, 110)
        (view,) = await opened.sayso.suggestions.list()
        assert_is_rule(view)
        before = await opened.sayso.policy.in_force()
        assert before is not None
        assert before.version.version == 1
        opened.sayso.suggestions.write(view)
        draft = await opened.sayso.policy.draft()
        assert draft.changed == tuple(view.files)
        token = await token_of(opened.sayso, "maria")
        done = await opened.sayso.policy.activate(token=token)
        assert done.version is not None
        assert done.version.direction == "looser"
        opened.shop.books.add("n1", "cus_n1", Money(100_000, "USD"))
        after = await opened.sayso.propose(
            "shop.refund", {"order": "n1", "amount": usd(6_000)}, subject="cus_n1"
        )
        assert after.status == "succeeded"
        assert await opened.sayso.suggestions.list() == []


def assert_is_rule(view: SuggestionView) -> None:
    """What 108 of 110 say."""
    assert (view.kind, view.action) == ("rule", "shop.refund")
    assert "108 of 110 cards" in view.sentence
    assert view.figures[0] == "of the other 2: 0 were less, 2 no"
    assert "110 more would be done at once; people had said yes, unchanged 108" in view.figures[1]
    assert [case.said for case in view.counterexamples] == ["no", "no"]
    assert list(view.files) == ["policies/suggested-shop-refund.toml"]


@pytest.mark.promise("policy:suggestions")
async def test_a_no_to_a_suggestion_is_kept_for_ninety_days(tmp_path: Path) -> None:
    """By a person; then it may be suggested again, where people still agree."""
    async with opened_strictly(tmp_path) as opened:
        await decide_many(opened, 105)
        (view,) = await opened.sayso.suggestions.list()
        token = await token_of(opened.sayso, "maria")
        await opened.sayso.suggestions.decline(view.id, token=token)
        assert await opened.sayso.suggestions.list() == []
        with pytest.raises(RefusedError):
            await opened.sayso.suggestions.get(view.id)
        opened.clock.advance(days=80)
        assert await opened.sayso.suggestions.list() == []
