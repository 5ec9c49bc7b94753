"""Suggestions that take something away, dials and limits: each a draft of the direction it says."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path

import pytest
from actions.limits.limit_work import KEPT, limited, refund
from actions.policy.test_suggestions import MINUTE, card, cards
from actions.policy.test_versions import opened_strictly, token_of
from actions.rollout.test_dials import dial, rolled_out
from actions.rollout.test_shadow import WatchedShop
from actions.steps import assert_verified, decide, say, shown
from support.shop_workspace import ShopWorkspace

from sayso.actions.approvals.decision import DecisionChoice
from sayso.actions.limits.file import change_limit, drop_limit
from sayso.actions.model.snapshot import SeenEffect
from sayso.actions.policy.suggest import (
    LEAST_DONE,
    Done,
    Tightening,
    suggest_ask,
    suggest_never,
)
from sayso.audit.entry import Actor, ActorKind
from sayso.errors import RefusedError
from sayso.ids import to_micros
from sayso.money import Money
from sayso.sdk.resources.rollout import How
from sayso.sdk.views.suggestion import SuggestionView

FILES: dict[str, object] = {"files": ["policy.cedar", "policies/*"]}
BIG = """
# what one bot may do
[[limit]]
id     = "token-hour"
say    = "One bot refunds at most $9,000 an hour"
of     = "token"
action = "shop.refund"
sum    = { USD = 9_000, EUR = 8_000 }   # both
count  = 400
per    = "hour"

[[limit]]
id = "open"
say = "At most 20 questions of a customer wait"
of = "customer"
action = "shop.refund"
cards = 20
"""


def done(at: int, wrong: str = "", minor: int = 2_000, tenure: int = 400) -> Done:
    """What was done at once for a customer of its own."""
    return Done(
        id=f"act_{at:03}",
        customer=f"cus_{at}",
        question={"amount": minor * 100, "currency": "USD", "tenure_days": tenure},
        wrong=wrong,
        at=at * MINUTE,
    )


def ask(cases: Sequence[Done]) -> Tightening | None:
    """The row that asks a person."""
    return suggest_ask("shop.refund", cases, "support_manager")


@pytest.mark.promise("policy:suggestions-tighter")
def test_where_one_in_twenty_was_surely_wrong_a_person_is_better_asked() -> None:
    """Of the segment that it is true of: young customers, and not those of over a year."""
    young = [done(at, "disputed" if at < 8 else "", tenure=20) for at in range(40)]
    old = [done(100 + at) for at in range(300)]
    found = ask([*young, *old])
    assert found is not None
    assert found.condition is not None
    assert found.condition.toml == "tenure_days = { under = 30 }"
    assert (len(found.hits), found.of, found.over) == (8, 40, None)
    assert found.table("s1") == (
        'action   = "shop.refund"\ncurrency = "USD"\n\n[[ask]]\nid   = "s1"\n'
        'say  = "Tenure days under 30: support manager is asked"\n'
        'tenure_days = { under = 30 }\nby   = "support_manager"\n'
    )
    large = [done(at, "reversed" if at < 9 else "", minor=9_000) for at in range(40)]
    found = ask([*large, *old])
    assert found is not None
    assert (found.over, len(found.hits), found.of) == (Decimal(80), 9, 40)


@pytest.mark.promise("policy:suggestions-tighter")
@pytest.mark.parametrize(
    "cases",
    [
        [done(at, "disputed" if at < 9 else "") for at in range(LEAST_DONE - 1)],
        [done(at, "disputed" if at < 3 else "") for at in range(LEAST_DONE)],
        [done(at, "disputed" if at < 9 else "") for at in range(400)],
        [done(at) for at in range(400)],
        [
            Done(id=one.id, customer="cus_1", question=one.question, wrong=one.wrong, at=one.at)
            for one in (done(at, "disputed" if at < 9 else "") for at in range(40))
        ],
    ],
    ids=["too few", "not surely", "rare", "never", "one customer"],
)
def test_what_is_too_little_takes_nothing_away(cases: list[Done]) -> None:
    """Thirty of thirty customers, and the lower end of the share at 5 %."""
    assert ask(cases) is None


@pytest.mark.promise("policy:suggestions-tighter")
def test_nothing_is_taken_from_a_currency_that_was_not_seen() -> None:
    """A row that asks over an amount holds for every other currency: so only where there is one."""
    euros = Done(
        id="act_eur", customer="c", question={"amount": 1, "currency": "EUR"}, wrong="", at=1
    )
    wrong = [done(at, "disputed" if at < 9 else "") for at in range(40)]
    assert ask(wrong) is not None
    assert ask([*wrong, euros]) is None


@pytest.mark.promise("policy:suggestions-tighter")
def test_what_people_always_refuse_need_not_be_asked() -> None:
    """By the bar of the loosenings; a no to it is kept."""
    noes = [card(500 + at, said="no", tenure_days=20) for at in range(120)]
    found = suggest_never("shop.refund", [*cards(), *noes])
    assert found is not None
    assert found.condition is not None
    assert found.condition.toml == "tenure_days = { under = 30 }"
    assert (len(found.hits), found.of) == (120, 120)
    assert "[[never]]" in found.table("s1")
    assert "by " not in found.table("s1")
    assert suggest_never("shop.refund", cards()) is None
    assert suggest_never("shop.refund", noes[:99]) is None
    mixed = [card(at, said="no" if at % 5 else "yes", tenure_days=20) for at in range(120)]
    assert suggest_never("shop.refund", mixed) is None


@asynccontextmanager
async def without_limits(folder: Path) -> AsyncGenerator[ShopWorkspace]:
    """A shop whose policy only people change, and that has no limits yet."""
    (folder / "policies").mkdir()
    (folder / "policies" / "limits.toml").write_text("")
    async with opened_strictly(folder, **FILES) as opened:
        yield opened


async def assert_as_said(opened: ShopWorkspace, view: SuggestionView) -> None:
    """The draft is in its direction, as `policy diff` says it."""
    change = await opened.sayso.analysis.compare(view.files)
    assert change.direction == view.direction, view.sentence


async def regret(opened: ShopWorkspace, many: int = 40, wrong: int = 8) -> None:
    """So many refunds at once, each of another customer, of which some were disputed."""
    token = await token_of(opened.sayso, "maria")
    for at in range(many):
        view = await refund(opened, 2_000, customer=f"cus_{at}", order=f"r{at}")
        assert view.status == "succeeded"
        if at < wrong:
            how: How = "disputed" if at % 2 else "reversed"
            await opened.sayso.rollout.report_wrong(view.id, how, token=token)
        opened.clock.advance(minutes=90)


BOT = Actor(kind=ActorKind.SERVICE, id="bot")


@pytest.mark.promise("policy:suggestions-tighter")
async def test_a_rule_whose_effects_were_regretted_is_suggested_to_ask(tmp_path: Path) -> None:
    """With its counts; once a person puts the draft in force, a person is asked."""
    async with without_limits(tmp_path) as opened:
        await regret(opened)
        (view,) = await opened.sayso.suggestions.list()
        assert (view.kind, view.direction, view.action) == ("rule", "tighter", "shop.refund")
        assert "of 40 times" in view.sentence
        assert "8 something was wrong (10 to 35 %)" in view.sentence
        assert view.figures[0].startswith("of the 8: reversed 4, disputed 4, mistaken 0; such as")
        assert view.figures[1].startswith("of the 0 that are older than 60 days, 0 were wrong")
        assert view.figures[2].startswith("of the last 90 days, 40 would not be done at once")
        await assert_as_said(opened, view)
        opened.sayso.suggestions.write(view)
        done_by = await opened.sayso.policy.activate(token=await token_of(opened.sayso, "maria"))
        assert done_by.version is not None
        assert done_by.version.direction == "tighter"
        after = await refund(opened, 2_000, customer="cus_n", order="n")
        assert after.status == "pending_approval"
        assert await opened.sayso.suggestions.list() == []
        assert_verified(opened)


@pytest.mark.promise("policy:suggestions-tighter")
async def test_what_people_refuse_is_suggested_never_to_be_asked(tmp_path: Path) -> None:
    """The cards that it would have spared, and those that it would have refused wrongly."""
    async with without_limits(tmp_path) as opened:
        for at in range(105):
            view = await refund(opened, 6_000, customer=f"cus_{at}", order=f"r{at}")
            opened.clock.advance(seconds=30)
            choice = DecisionChoice.APPROVE if at in (3, 7) else DecisionChoice.REJECT
            person = "maria" if at % 2 else "noor"
            await decide(opened, say(await shown(opened, view), person, choice))
        (view_of,) = [one for one in await opened.sayso.suggestions.list() if one.kind == "rule"]
        assert view_of.direction == "tighter"
        assert "of 105 cards about shop.refund" in view_of.sentence
        assert "103 ended with a no (93 to 100 %)" in view_of.sentence
        assert view_of.figures[0] == "of the other 2: 2 were approved, 0 less"
        await assert_as_said(opened, view_of)


@pytest.mark.promise("policy:suggestions-tighter")
async def test_a_limit_that_is_never_reached_is_suggested_lower(tmp_path: Path) -> None:
    """Half as much again as the fullest hour; what nothing is known of stays as it is."""
    async with limited(tmp_path, BIG, section=KEPT) as opened:
        await opened.sayso.policy.begin(by=BOT, via="test")
        for day in range(31):
            await refund(opened, 4_900 + day * 100, customer=f"cus_{day}")
            if day == 20:
                early = [one.id for one in await opened.sayso.suggestions.list()]
                assert "limit_token-hour_lower" not in early
            opened.clock.advance(days=1)
        found = {one.id: one for one in await opened.sayso.suggestions.list()}
        view = found["limit_token-hour_lower"]
        assert (view.kind, view.direction) == ("limit", "tighter")
        assert "31 days" in view.sentence
        assert view.figures[0].startswith("at most $79.00 of $9,000.00 were used; 120 USD")
        (text,) = view.files.values()
        assert "sum    = { USD = 120, EUR = 8000 }   # both" in text
        assert "count  = 2" in text
        await assert_as_said(opened, view)


@pytest.mark.promise("policy:suggestions-tighter")
async def test_a_first_limit_is_suggested_where_there_is_none(tmp_path: Path) -> None:
    """From thirty days on which something was done; a new limit is tighter."""
    async with without_limits(tmp_path) as opened:
        for at in range(31):
            await refund(opened, 2_000, customer=f"cus_{at}", order=f"r{at}")
            opened.clock.advance(days=1)
        (view,) = await opened.sayso.suggestions.list()
        assert (view.kind, view.direction) == ("limit", "tighter")
        assert "the fullest of 31 days had $20.00, so at most 30 USD a day" in view.sentence
        await assert_as_said(opened, view)


@pytest.mark.promise("policy:suggestions-tighter")
async def test_a_dial_that_was_wrong_too_often_is_suggested_back(tmp_path: Path) -> None:
    """To the left, with how many were wrong of how many that went through it."""
    async with rolled_out(tmp_path, dial("auto"), follow=False) as opened:
        await regret(opened)
        found = {one.id: one for one in await opened.sayso.suggestions.list()}
        view = found["dial_refunds_back"]
        assert (view.kind, view.direction) == ("dial", "tighter")
        assert "of 40 that nobody was asked about, 8 were wrong (10 to 35 %)" in view.sentence
        await assert_as_said(opened, view)


@pytest.mark.promise("policy:suggestions-tighter")
async def test_a_dial_that_agrees_is_suggested_one_step_wider(tmp_path: Path) -> None:
    """From shadow to a tenth of the customers: looser, and a person's to sign."""
    shop = WatchedShop()
    async with rolled_out(tmp_path, dial("shadow"), follow=False, shop=shop) as opened:
        for at in range(60):
            name = f"cus_{at}"
            await refund(opened, 2_000, customer=name, order=f"order-{name}")
            effect = SeenEffect(
                action="shop.refund",
                object_id=f"order-{name}",
                amount=Money(2_000, "USD"),
                at=to_micros(opened.clock.now()) + 3_600_000_000,
                is_ours=False,
            )
            shop.by_hand.append((name, effect))
            opened.clock.advance(hours=11)
        opened.clock.advance(hours=73)
        assert await opened.sayso.rollout.compare() == 60
        (view,) = await opened.sayso.suggestions.list()
        assert (view.id, view.kind, view.direction) == ("dial_refunds_10", "dial", "looser")
        assert view.figures[0].startswith("people did the same as shadow in 100 % of 60")
        await assert_as_said(opened, view)


@pytest.mark.promise("limits:set")
def test_a_cap_is_changed_and_the_rest_of_the_file_stays() -> None:
    """Also the comments; a measure that a limit has not is another limit."""
    changed = change_limit(BIG, "token-hour", sums={"EUR": Decimal("75.5")}, count=3)
    assert changed == BIG.replace(
        "{ USD = 9_000, EUR = 8_000 }", "{ USD = 9000, EUR = 75.5 }"
    ).replace("count  = 400", "count  = 3").replace(
        "One bot refunds at most $9,000 an hour",
        "At most 9,000 USD or 75.5 EUR and 3 of them an hour, of one token",
    )
    alone = change_limit(BIG, "token-hour", sums={"USD": Decimal(500)})
    assert 'say    = "One bot refunds at most $500 an hour"' in alone
    fewer = BIG.replace("cards = 20", "cards = 5").replace("At most 20", "At most 5")
    assert change_limit(BIG, "open", cards=5) == fewer
    assert drop_limit(BIG, "open") == BIG[: BIG.index('[[limit]]\nid = "open"')]
    said = "# The shop's.\n\n# why a\n[[limit]]\nid = 'a'\n\n# why b\n[[limit]]\nid = 'b'\n"
    assert drop_limit(said, "a") == "# The shop's.\n\n# why b\n[[limit]]\nid = 'b'\n"
    assert drop_limit(said, "b") == "# The shop's.\n\n# why a\n[[limit]]\nid = 'a'\n\n"
    for sums, many in (({"GBP": Decimal(1)}, None), (None, 5), (None, None)):
        with pytest.raises(RefusedError) as refused:
            change_limit(BIG, "token-hour", sums=sums, cards=many)
        assert refused.value.code == "invalid_input"
    with pytest.raises(RefusedError):
        change_limit(BIG, "nothing", count=1)
    spread = BIG.replace("sum    = { USD = 9_000, EUR = 8_000 }   # both\n", "").replace(
        'per    = "hour"\n', 'per    = "hour"\n[limit.sum]\nUSD = 9_000\n'
    )
    with pytest.raises(RefusedError) as refused:
        change_limit(spread, "token-hour", sums={"USD": Decimal(1)})
    assert "in a form that cannot be changed here" in refused.value.message
