"""Limits: how much may be done by itself or at all, of whom, and in which time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from actions.limits.limit_work import BOT, KEPT, TOKEN_HOUR, limited, refund
from actions.policy.test_versions import token_of
from actions.steps import (
    assert_verified,
    bodies,
    code_of,
    decide,
    open_rows,
    run_due,
    say,
    settle,
    shown,
    stock,
    submit_plan,
    usd,
)
from support.shop import ShopFault
from support.shop_workspace import ShopWorkspace

from sayso.actions.controls.kill_switch import Resumption
from sayso.actions.model.plan import Step
from sayso.audit.entry import Actor, ActorKind
from sayso.errors import ConfigError, RefusedError
from sayso.ids import Tenant
from sayso.sdk.resources.limits import used_words
from sayso.sdk.setup.scaffold_tables import template

ASKS = TOKEN_HOUR + 'then = { ask = "support_manager" }\ncounts = "automatic"\n'


TWO_OPEN = """
[[limit]]
id = "open"
say = "At most two questions of a customer wait"
of = "customer"
action = "shop.refund"
cards = 2
"""


async def done(opened: ShopWorkspace, times: int) -> list[str]:
    """How so many refunds ended, one after the other, each of another customer."""
    return [(await refund(opened, customer=f"cus_{at}")).status for at in range(times)]


@pytest.mark.promise("limits:token")
async def test_one_token_stops_at_its_limit_whoever_the_customer_is(tmp_path: Path) -> None:
    """18 refunds of $49 fit into $900, and no 19th; another bot has its own."""
    async with limited(tmp_path, TOKEN_HOUR) as opened:
        found = await done(opened, 20)
        assert found == ["succeeded"] * 18 + ["refused"] * 2
        view = await refund(opened, customer="cus_19")
        assert view.error is not None
        assert view.error.code == "limit_reached"
        assert "$882.00 of $900.00 are used this hour (limit token-hour)" in view.error.message
        other = await refund(opened, by=Actor(kind=ActorKind.SERVICE, id="other"))
        assert other.status == "succeeded"
        opened.clock.advance(minutes=60)
        assert (await refund(opened)).status == "succeeded"
        assert_verified(opened)


@pytest.mark.promise("limits:soft")
async def test_beyond_a_soft_limit_a_person_is_asked_and_may_agree(tmp_path: Path) -> None:
    """It acts as a rule that forbids unless somebody agrees, by name, on the card as well."""
    async with limited(tmp_path, ASKS) as opened:
        assert (await done(opened, 18)).count("succeeded") == 18
        view = await refund(opened, customer="cus_18")
        assert view.status == "pending_approval"
        card = await shown(opened, view)
        assert card.card["rules"][0] == "limit.token-hour"
        assert card.card["roles"] == ["support_manager"]
        assert await code_of(opened, say(card)) == "done"
        assert (await opened.sayso.actions.get(view.id)).status == "succeeded"
        assert (await refund(opened, customer="cus_19")).status == "pending_approval"
        assert_verified(opened)


@pytest.mark.promise("limits:hard")
async def test_nobody_approves_beyond_a_hard_limit(tmp_path: Path) -> None:
    """A card that waited while the rest was used says so to whoever says yes."""
    async with limited(tmp_path, TOKEN_HOUR.replace("900", "1_000")) as opened:
        waits = await refund(opened, 60_000)
        assert waits.status == "pending_approval"
        assert (await refund(opened, 50_000)).status == "succeeded"
        assert await code_of(opened, say(await shown(opened, waits))) == "limit_reached"
        assert (await shown(opened, waits)).status == "pending"
        opened.clock.advance(hours=1)
        assert await code_of(opened, say(await shown(opened, waits))) == "done"
        assert_verified(opened)


@pytest.mark.promise("limits:holds")
async def test_a_waiting_card_holds_nothing(tmp_path: Path) -> None:
    """Or a thousand of them would lock the day for everybody."""
    async with limited(tmp_path, TOKEN_HOUR) as opened:
        for _ in range(3):
            assert (await refund(opened, 60_000)).status == "pending_approval"
        assert (await refund(opened, 50_000)).status == "succeeded"


@pytest.mark.promise("limits:holds")
@pytest.mark.parametrize(
    ("fault", "ends", "fits"),
    [
        (ShopFault.SAYS_NO, "failed", True),
        (ShopFault.LOST_AFTER, "unknown", False),
    ],
)
async def test_what_fails_is_free_again_and_what_nobody_knows_is_held(
    tmp_path: Path, fault: ShopFault, ends: str, fits: bool
) -> None:
    """An unknown outcome keeps its hold, for however long; a failed one is released at once."""
    whole = TOKEN_HOUR.replace('per    = "hour"', 'per    = "month"').replace("900", "500")
    async with limited(tmp_path, whole) as opened:
        opened.shop.faults.append(fault)
        first = await refund(opened, 50_000)
        assert first.status == ends
        opened.clock.advance(minutes=30)
        second = await refund(opened, 50_000)
        assert (second.status == "succeeded") is fits
        assert await opened.sayso.limits.check() == []
        settled = await settle(opened, first)
        assert settled.status == ("failed" if fits else "succeeded")
        third = await refund(opened, 50_000)
        assert third.status == "refused"
        assert_verified(opened)


@pytest.mark.promise("limits:windows")
async def test_a_hold_that_outlives_its_window_moves_into_the_present_one(tmp_path: Path) -> None:
    """What a stop held back since yesterday counts today, when it is done."""
    async with limited(tmp_path, TOKEN_HOUR) as opened:
        stopped = await opened.sayso.stops.engage("action", "shop.refund", reason="look")
        first = await refund(opened, 50_000)
        assert first.status == "approved"
        opened.clock.advance(hours=2)
        await _resume(opened, stopped.id)
        await run_due(opened)
        assert (await opened.sayso.actions.get(first.id)).status == "succeeded"
        assert (await refund(opened, 50_000)).status == "refused"
        assert (await refund(opened, 40_000)).status == "succeeded"


async def _resume(opened: ShopWorkspace, stop: str) -> None:
    for person in ("maria", "noor"):
        await opened.sayso.stops.resume_as(
            Resumption(
                tenant=Tenant("main"),
                stop_id=stop,
                person=person,
                via="test",
                credential="host",
                key=person,
            )
        )


def near(opened: ShopWorkspace) -> list[tuple[bool, int]]:
    """What people were told of limits: whether full, and how many actions had used it."""
    told: list[Any] = [body for body in bodies(opened) if body["kind"] == "limit.near"]
    return [(one["data"]["full"], one["data"]["used_count"]) for one in told]


@pytest.mark.promise("limits:near")
async def test_people_are_told_once_at_four_fifths_and_once_when_it_is_full(
    tmp_path: Path,
) -> None:
    """In the transaction that reserves it, so that nobody is told of what did not happen."""
    async with limited(tmp_path, TOKEN_HOUR) as opened:
        await done(opened, 14)
        assert near(opened) == []
        await done(opened, 4)
        assert near(opened) == [(False, 15)]
        # $882.00 of $900.00 is full for whoever is turned away by it.
        assert await done(opened, 2) == ["refused", "refused"]
        assert near(opened) == [(False, 15), (True, 18)]
        opened.clock.advance(hours=1)
        await done(opened, 15)
        assert near(opened)[2:] == [(False, 15)]
        seqs = [body["seq"] for body in bodies(opened) if body["kind"] == "limit.near"]
        news = await opened.sayso.limits.news(int(str(seqs[1])))
        assert news is not None
        assert (news.full, news.whose) == (True, "service:bot")
        assert await opened.sayso.limits.news(0) is None
        assert_verified(opened)


@pytest.mark.promise("limits:near")
async def test_a_rolling_window_is_told_of_once_however_many_parts_it_has(tmp_path: Path) -> None:
    """It counts in thirty buckets, and people are told of the window."""
    rolling = TOKEN_HOUR.replace('per    = "hour"', 'rolling = "30d"').replace(
        "sum    = { USD = 900 }", "count = 5"
    )
    async with limited(tmp_path, rolling) as opened:
        for _ in range(5):
            await done(opened, 1)
            opened.clock.advance(hours=25)
        assert near(opened) == [(False, 4), (True, 5)]
        assert await done(opened, 1) == ["refused"]
        assert near(opened) == [(False, 4), (True, 5)]


@pytest.mark.promise("limits:near")
async def test_open_cards_are_told_of_anew_once_none_is_left(tmp_path: Path) -> None:
    """They have no window; what empties and fills again is news."""
    cards = """
[[limit]]
id = "open"
say = "Five questions wait at most"
of = "token"
action = "shop.refund"
cards = 5
"""
    async with limited(tmp_path, cards) as opened:
        asked = [await refund(opened, 60_000) for _ in range(6)]
        assert asked[-1].status == "refused"
        assert near(opened) == [(False, 4), (True, 5)]
        for view in asked[:5]:
            assert await code_of(opened, say(await shown(opened, view))) == "done"
        for _ in range(4):
            await refund(opened, 60_000)
        assert near(opened)[2:] == [(False, 4)]


@pytest.mark.promise("limits:cards")
async def test_open_cards_of_every_action_are_limited_by_what_init_writes(tmp_path: Path) -> None:
    """Twenty of a customer, a thousand of a bot; what nobody is asked about is not counted."""
    async with limited(tmp_path, template("limits.toml")) as opened:
        assert (await refund(opened)).status == "succeeded"
        found = [(await refund(opened, 60_000)).status for _ in range(21)]
        assert found == ["pending_approval"] * 20 + ["refused"]
        assert (await refund(opened, 60_000, customer="cus_2")).status == "pending_approval"
        views = {view.id: view for view in await opened.sayso.limits.list()}
        assert [use.used for use in views["cards-customer"].uses] == [20, 1]
        assert [used_words(use) for use in views["cards-token"].uses] == ["21 of 1,000"]


@pytest.mark.promise("limits:near")
async def test_a_card_says_how_full_limits_are_after_it(tmp_path: Path) -> None:
    """Whoever says yes knows what is left for the others today."""
    async with limited(tmp_path, TOKEN_HOUR.replace("900", "1_000")) as opened:
        await done(opened, 2)
        card = await shown(opened, await refund(opened, 60_000))
        said = ["limit token-hour", "after this: $698.00 of $1,000.00 this hour"]
        assert said in card.card["fields"]
        assert await code_of(opened, say(card)) == "done"
        assert_verified(opened)


@pytest.mark.promise("limits:customer")
async def test_three_tenants_are_one_customer_where_they_count_together(tmp_path: Path) -> None:
    """As the provider knows them, never by our tenant's word; their keys tell of nobody."""
    across = """
[[limit]]
id     = "customer-month"
say    = "A customer gets at most three refunds a month"
of     = "customer"
action = "shop.refund"
count  = 3
per    = "month"
across = "tenants"
"""
    async with limited(tmp_path, across) as opened:
        tenants = ("main", "north", "south")
        found = [
            (await refund(opened, tenant=tenants[at % 3], order=f"o{at}")).status for at in range(9)
        ]
        assert found == ["succeeded"] * 3 + ["refused"] * 6
        assert (await refund(opened, customer="cus_2")).status == "succeeded"
        (view,) = await opened.sayso.limits.list()
        assert [use.used for use in view.uses] == [3, 1]
        told = [body["data"]["limits"] for body in bodies(opened) if "limits" in body["data"]]  # type: ignore[operator,index,call-overload]
        assert told
        assert "key" not in str(told)


@pytest.mark.promise("limits:customer")
@pytest.mark.parametrize(
    ("of", "same"),
    [
        ("customer", False),
        ("instrument", True),
        ("token", True),
        ("agent", True),
        ("tenant", True),
        ("connector", True),
        ("workspace", True),
    ],
)
async def test_a_limit_is_of_whom_it_says(tmp_path: Path, of: str, same: bool) -> None:
    """Whether a refund of another customer, by the same bot, counts together with the first."""
    one = f"""
[[limit]]
id = "one"
say = "One refund a day"
of = "{of}"
effect = "money_out"
count = 1
per = "day"
"""
    async with limited(tmp_path, one) as opened:
        assert (await refund(opened)).status == "succeeded"
        assert (await refund(opened)).status == "refused"
        other = await refund(opened, customer="cus_2")
        assert other.status == ("refused" if same else "succeeded")


@pytest.mark.promise("limits:approver")
async def test_a_person_who_has_agreed_to_enough_is_not_counted_and_another_is(
    tmp_path: Path,
) -> None:
    """Checked at the yes, and nothing else is lost by it."""
    mine = """
[[limit]]
id = "each"
say = "Each person agrees to $1,500 a day"
of = "approver"
action = "shop.refund"
sum = { USD = 1500 }
per = "day"
"""
    async with limited(tmp_path, mine) as opened:
        first, second = await refund(opened, 90_000), await refund(opened, 90_000)
        assert await code_of(opened, say(await shown(opened, first))) == "done"
        assert await code_of(opened, say(await shown(opened, second))) == "limit_reached"
        assert await code_of(opened, say(await shown(opened, second), "noor")) == "done"
        assert_verified(opened)


@pytest.mark.promise("limits:cards")
async def test_open_cards_are_limited_too(tmp_path: Path) -> None:
    """The 3rd question of one customer is refused while two wait; a decided one is free again."""
    async with limited(tmp_path, TWO_OPEN) as opened:
        waits = [await refund(opened, 60_000) for _ in range(2)]
        assert [one.status for one in waits] == ["pending_approval"] * 2
        third = await refund(opened, 60_000)
        assert third.status == "refused"
        assert (await refund(opened, 60_000, customer="cus_2")).status == "pending_approval"
        await decide(opened, say(await shown(opened, waits[0])))
        assert (await refund(opened, 60_000)).status == "pending_approval"
        assert_verified(opened)


@pytest.mark.promise("limits:cards")
async def test_a_flood_beyond_the_open_cards_is_logged_once(tmp_path: Path) -> None:
    """A clear refusal, logged once; the log doesn't grow with the tries."""
    async with limited(tmp_path, TWO_OPEN) as opened:
        for _ in range(2):
            await refund(opened, 60_000)
        assert (await refund(opened, 60_000)).status == "refused"
        before = len(bodies(opened))
        for _ in range(20):
            with pytest.raises(RefusedError) as refused:
                await refund(opened, 60_000)
            assert refused.value.code == "limit_reached"
            assert refused.value.next_step
        assert len(bodies(opened)) == before
        opened.clock.advance(minutes=61)
        assert (await refund(opened, 60_000)).status == "refused"
        assert_verified(opened)


@pytest.mark.promise("limits:currencies")
async def test_currencies_count_apart_and_an_unnamed_one_is_over(tmp_path: Path) -> None:
    """Nothing is converted unseen."""
    both = TOKEN_HOUR.replace("USD = 900", "USD = 900, EUR = 50")
    policy = """
@id("all") @explain("everything")
permit (principal, action == Action::"shop.refund", resource);
"""
    async with limited(tmp_path, both, policy=policy) as opened:
        found = [
            (await refund(opened, currency=one)).status for one in ("USD", "EUR", "EUR", "GBP")
        ]
        assert found == ["succeeded", "succeeded", "refused", "refused"]


@pytest.mark.promise("limits:currencies")
async def test_a_limit_that_reports_in_one_currency_sums_all_that_have_a_rate(
    tmp_path: Path,
) -> None:
    """Rounded up; rates older than a week convert nothing."""
    reporting = TOKEN_HOUR.replace("USD = 900", "EUR = 100") + 'reporting = "EUR"\n'
    policy = """
@id("all") @explain("everything")
permit (principal, action == Action::"shop.refund", resource);
"""
    (tmp_path / "rates.toml").write_text("as_of = 2026-01-01\n[EUR]\nUSD = 0.9\n")
    files = {"files": ["policy.cedar", "limits.toml", "rates.toml"], "follow": "files"}
    async with limited(tmp_path, reporting, policy=policy, section=files) as opened:
        day = opened.clock.now().date()
        rates = f"as_of = {day}\n[EUR]\nUSD = 0.9\n"
        (tmp_path / "rates.toml").write_text(rates)
        # 49 USD are 44.10 EUR: two fit, then 11.80 are left.
        found = [(await refund(opened, 4_900)).status for _ in range(3)]
        found.append((await refund(opened, 1_000, currency="EUR")).status)
        found.append((await refund(opened, 1_000, currency="GBP")).status)
        assert found == ["succeeded", "succeeded", "refused", "succeeded", "refused"]
        opened.clock.advance(hours=24 * 8)
        assert (await refund(opened, 100)).status == "refused"
        assert (await refund(opened, 100, currency="EUR")).status == "succeeded"


@pytest.mark.promise("limits:windows")
async def test_a_rolling_window_is_never_above_in_any_true_window(tmp_path: Path) -> None:
    """At every moment the last 30 hours hold at most what they may."""
    rolling = TOKEN_HOUR.replace('per    = "hour"', 'rolling = "30h"').replace("900", "100")
    async with limited(tmp_path, rolling) as opened:
        moments: list[float] = []
        for _ in range(120):
            if (await refund(opened, 4_900)).status == "succeeded":
                moments.append(opened.clock.now().timestamp())
            opened.clock.advance(minutes=47)
        assert len(moments) >= 5
        for moment in moments:
            assert sum(moment - 30 * 3600 < other <= moment for other in moments) <= 2


@pytest.mark.promise("limits:plans")
async def test_three_steps_of_a_plan_count_as_three(tmp_path: Path) -> None:
    """They are judged in one transaction, and the second one sees the first."""
    small = TOKEN_HOUR.replace("900", "100")
    async with limited(tmp_path, small) as opened:
        stock(opened, "o1", "o2", "o3")
        steps = [
            Step(
                id=f"s{at}",
                action="shop.refund",
                args={"order": f"o{at}", "amount": usd(4_900)},
            )
            for at in (1, 2, 3)
        ]
        await submit_plan(opened, *steps)
        await run_due(opened)
        views = await opened.sayso.actions.list(limit=10)
        assert sorted(view.status for view in views) == ["refused", "succeeded", "succeeded"]
        assert_verified(opened)


@pytest.mark.promise("limits:filled")
async def test_a_new_limit_is_filled_from_the_ledger_before_it_holds(tmp_path: Path) -> None:
    """What was done before it came in force counts, in the transaction that puts it in force."""
    async with limited(tmp_path, "") as opened:
        assert (await done(opened, 17)).count("succeeded") == 17
    async with limited(tmp_path, TOKEN_HOUR) as opened:
        stock(opened, "earlier")  # so that the orders are other ones
        assert await done(opened, 3) == ["succeeded", "refused", "refused"]
        (view,) = await opened.sayso.limits.list()
        (use,) = view.uses
        assert (use.whose, used_words(use)) == ("service:bot", "$882.00 of $900.00")


@pytest.mark.promise("limits:late")
async def test_a_late_effect_is_booked_also_above_the_limit(tmp_path: Path) -> None:
    """The books say what happened; what was released meanwhile is not taken from others."""
    whole = TOKEN_HOUR.replace('per    = "hour"', 'per    = "month"').replace("900", "500")
    async with limited(tmp_path, whole) as opened:
        opened.shop.faults.append(ShopFault.DENIES)
        first = await refund(opened, 50_000)
        ended = await settle(opened, first)
        if ended.status == "succeeded":
            return  # found at once, so that nothing was ever released
        assert ended.status == "failed"
        assert (await refund(opened, 50_000)).status == "succeeded"
        for _ in range(10):
            opened.clock.advance(hours=24)
            await run_due(opened)
        assert (await opened.sayso.actions.get(first.id)).status == "succeeded"
        (view,) = await opened.sayso.limits.list()
        assert view.uses[0].used_minor == 100_000


@pytest.mark.promise("limits:declared")
@pytest.mark.parametrize(
    ("text", "said"),
    [
        (TOKEN_HOUR.replace("sum    = { USD = 900 }", ""), "limits nothing"),
        (TOKEN_HOUR.replace("shop.refund", "shop.refnud"), "did you mean `shop.refund`?"),
        (TOKEN_HOUR.replace('"token"', '"tokn"'), "`of`"),
        (TOKEN_HOUR.replace("USD", "USX"), "no ISO 4217 currency"),
        (TOKEN_HOUR.replace('per    = "hour"', ""), "in which time?"),
        (TOKEN_HOUR + TOKEN_HOUR, "a second limit with the id"),
        (TOKEN_HOUR + 'then = { ask = "manager" }', "did you mean `support_manager`?"),
        (TOKEN_HOUR + "peer = 3", "did you mean `per`?"),
        ("[[limits]]", "write each limit as [[limit]]"),
        ("[[limit]", "no TOML"),
    ],
)
async def test_a_wrong_limit_is_refused_with_what_to_write(
    tmp_path: Path, text: str, said: str
) -> None:
    """By its id, at once, and nothing is judged by a policy whose limits nobody can read."""
    with pytest.raises(ConfigError) as wrong:
        async with limited(tmp_path, text):
            pass
    told = f"{wrong.value.message} {wrong.value.next_step} {wrong.value.detail}"
    assert said in told


@pytest.mark.promise("limits:direction")
@pytest.mark.parametrize(
    ("change", "direction"),
    [
        (("900", "950"), "looser"),
        (("900", "850"), "tighter"),
        ((TOKEN_HOUR, ""), "looser"),
        (('per    = "hour"', 'per    = "hour"\nthen = { ask = "finance" }'), "looser"),
        (("USD = 900", "USD = 900, EUR = 1"), "looser"),
        (("at most $900", "no more than $900"), "same"),
    ],
)
async def test_what_a_change_of_a_limit_does(
    tmp_path: Path, change: tuple[str, str], direction: str
) -> None:
    """A cap that rises, one that goes, and one that asks instead of refusing let more through."""
    async with limited(tmp_path, TOKEN_HOUR, section=KEPT) as opened:
        await opened.sayso.policy.begin(by=BOT, via="test")
        (tmp_path / "limits.toml").write_text(TOKEN_HOUR.replace(*change))
        maria = await token_of(opened.sayso, "maria")
        found = (await opened.sayso.policy.activate(token=maria)).version
        assert found is not None
        assert found.direction == direction


@pytest.mark.promise("limits:direction")
@pytest.mark.parametrize("change", [('per    = "hour"', 'per    = "day"'), ('"token"', '"tenant"')])
async def test_what_a_limit_counts_never_changes_under_one_id(
    tmp_path: Path, change: tuple[str, str]
) -> None:
    """What it has counted would mean something else."""
    async with limited(tmp_path, TOKEN_HOUR, section=KEPT) as opened:
        await opened.sayso.policy.begin(by=BOT, via="test")
        (tmp_path / "limits.toml").write_text(TOKEN_HOUR.replace(*change))
        maria = await token_of(opened.sayso, "maria")
        with pytest.raises(ConfigError) as wrong:
            await opened.sayso.policy.activate(token=maria)
        assert "another id" in wrong.value.next_step


@pytest.mark.promise("limits:windows")
async def test_windows_that_are_over_are_forgotten_and_what_is_held_is_not(tmp_path: Path) -> None:
    """So that the tables do not grow for ever; an unknown outcome keeps its hold."""
    async with limited(tmp_path, TOKEN_HOUR) as opened:
        assert await done(opened, 3) == ["succeeded"] * 3
        opened.clock.advance(hours=6)
        opened.shop.faults.append(ShopFault.LOST_AFTER)
        assert (await refund(opened)).status == "unknown"
        assert await opened.sayso.limits.forget() == 4  # three uses and their counter
        opened.clock.advance(hours=6)
        assert await opened.sayso.limits.forget() == 0
        rows = open_rows(opened)
        assert rows.execute("select state from limit_use").fetchall() == [("held",)]


@pytest.mark.promise("limits:soft")
async def test_a_first_yes_that_is_not_the_one_a_limit_wants_is_kept(tmp_path: Path) -> None:
    """A card that needs two people stays what it is after the first of them."""
    finance = TOKEN_HOUR.replace("900", "700") + 'then = { ask = "finance" }\n'
    async with limited(tmp_path, finance) as opened:
        view = await refund(opened, 90_000)
        card = await shown(opened, view)
        assert sorted(card.card["roles"]) == ["finance", "support_manager"]
        assert await code_of(opened, say(card)) == "done"
        assert (await shown(opened, view)).status == "pending"
        assert await code_of(opened, say(await shown(opened, view), "finn")) == "done"
        assert (await opened.sayso.actions.get(view.id)).status == "succeeded"
