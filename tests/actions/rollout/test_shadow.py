"""Shadow beside what people did, agreement with its interval, and the brake."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from actions.limits.limit_work import refund
from actions.policy.test_versions import token_of
from actions.rollout.test_dials import dial, rolled_out
from actions.steps import assert_verified, bodies
from support.shop import Shop
from support.shop_workspace import POLICY
from support.sql import run_sql

from sayso.actions.model.definition import Subject
from sayso.actions.model.snapshot import SeenEffect
from sayso.actions.rollout.agreement import BAR, LOOKS, Match, ShadowCase, agreement_of, wilson
from sayso.errors import Code, RetryableError
from sayso.ids import to_micros
from sayso.money import Money
from sayso.sdk.resources.policy import ActivationView

FIRST = date(2026, 1, 5)


class WatchedShop(Shop):
    """A shop that tells what people did by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.by_hand: list[tuple[str, SeenEffect]] = []
        self.is_away = False

    async def effects_of(self, subject: Subject, since: int) -> Sequence[SeenEffect]:
        if self.is_away:
            raise RetryableError(Code.PROVIDER_UNAVAILABLE, "closed")
        return [one for customer, one in self.by_hand if customer == subject.id]


def case(at: int, match: Match = Match.SAME, customer: str = "") -> ShadowCase:
    """One case of a day; of another customer unless it is named."""
    return ShadowCase(
        customer=customer or f"cus_{at}", day=FIRST + timedelta(days=at % 28), match=match
    )


@pytest.mark.promise("rollout:shadow")
async def test_shadow_is_compared_with_what_people_did(tmp_path: Path) -> None:
    """After 72 hours, each once: same, less, more, other, nothing; what is ours counts nothing."""
    (tmp_path / "rollout.toml").write_text(dial("shadow"))
    shop = WatchedShop()
    async with rolled_out(tmp_path, dial("shadow"), shop=shop) as opened:
        did = {"same": 4_900, "less": 3_000, "more": 6_000, "other": 4_900, "ours": 4_900}
        for name, minor in did.items():
            view = await refund(opened, 4_900, customer=name, order=f"order-{name}")
            assert view.status == "refused"
            effect = SeenEffect(
                action="shop.credit" if name == "other" else "shop.refund",
                object_id=f"order-{name}",
                amount=Money(minor, "USD"),
                at=to_micros(opened.clock.now()) + 3_600_000_000,
                is_ours=name == "ours",
            )
            shop.by_hand.append((name, effect))
        await refund(opened, 4_900, customer="nothing")
        assert await opened.sayso.rollout.compare() == 0
        opened.clock.advance(hours=73)
        shop.is_away = True
        assert await opened.sayso.rollout.compare() == 0
        shop.is_away = False
        assert await opened.sayso.rollout.compare() == 6
        assert await opened.sayso.rollout.compare() == 0
        (found,) = await opened.sayso.rollout.list()
        counts = found.agreement
        assert (counts.same, counts.less, counts.more, counts.other) == (1, 1, 1, 1)
        assert (counts.nothing, counts.unseen, counts.counted) == (2, 0, 6)
        assert counts.words == "1 of 6"
        assert not found.ready
        assert not opened.shop.books.payouts
        assert_verified(opened)


@pytest.mark.promise("rollout:shadow")
async def test_what_nobody_can_see_is_in_no_share(tmp_path: Path) -> None:
    """A provider that cannot be looked through is told beside the share."""
    async with rolled_out(tmp_path, dial("shadow")) as opened:
        await refund(opened, 4_900)
        opened.clock.advance(hours=73)
        assert await opened.sayso.rollout.compare() == 1
        (found,) = await opened.sayso.rollout.list()
        assert (found.agreement.unseen, found.agreement.counted) == (1, 0)
        assert found.agreement.words == "nothing to compare yet"


@pytest.mark.promise("rollout:agreement")
def test_the_interval_is_wilsons_rounded_outwards() -> None:
    """By the figures of the page that planned it: 29 of 30 is 83 to 99 %, 206 of 212 94 to 99."""
    for hits, of, low, high in (
        (29, 30, 83, 100),
        (206, 212, 93, 99),
        (52, 64, 70, 89),
        (35, 35, 90, 100),
        (0, 0, 0, 100),
    ):
        cases = [case(at, Match.SAME if at < hits else Match.LESS) for at in range(of)]
        found = agreement_of(cases, wrong_since=None)
        assert (found.low, found.high) == (low, high)
        exact = wilson(hits, of)
        assert found.low / 100 <= exact[0]
        assert exact[1] <= found.high / 100
    assert wilson(29, 30)[0] == pytest.approx(0.8333, abs=5e-4)


@pytest.mark.promise("rollout:agreement")
def test_ready_needs_all_five_looks_to_be_right() -> None:
    """Enough for sure, enough customers, two weeks with every weekday, nothing wrong for a month,
    and only at the five looks."""
    good = [case(at) for at in range(60)]
    assert agreement_of(good, wrong_since=None).missing == ()
    assert agreement_of(good[:29], wrong_since=None).missing == (
        "1 more cases until the first look",
    )
    assert agreement_of(good[:35], wrong_since=None).missing != ()  # 30 of 30 is 88 % at least
    few = [case(at, customer=f"cus_{at % 5}") for at in range(400)]
    assert any("customers" in why for why in agreement_of(few, wrong_since=None).missing)
    short = [
        ShadowCase(customer=f"c{at}", day=FIRST + timedelta(days=at % 5), match=Match.SAME)
        for at in range(60)
    ]
    assert any("every weekday" in why for why in agreement_of(short, wrong_since=None).missing)
    wrong = agreement_of(good, wrong_since=timedelta(days=29))
    assert any("wrong" in why for why in wrong.missing)
    assert agreement_of(good, wrong_since=timedelta(days=31)).missing == ()


@pytest.mark.promise("rollout:agreement")
def test_one_case_of_a_customer_and_day_counts() -> None:
    """A customer who asks ten times on a day is one."""
    same = [ShadowCase(customer="a", day=FIRST, match=Match.SAME) for _ in range(10)]
    assert agreement_of(same, wrong_since=None).counted == 1


@pytest.mark.promise("rollout:agreement")
def test_a_share_just_at_the_bar_is_called_ready_in_one_of_twenty() -> None:
    """Simulated with a true agreement of 90 %: looking five times, not after every case."""
    dice = random.Random(17)
    wrongly = 0
    runs = 300
    for _ in range(runs):
        cases = [case(at, Match.SAME if dice.random() < BAR else Match.LESS) for at in range(480)]
        wrongly += any(not agreement_of(cases[:look], wrong_since=None).missing for look in LOOKS)
    assert wrongly / runs < 0.10


@pytest.mark.promise("rollout:brake")
async def test_a_brake_moves_left_by_itself_until_a_person_moves_it_again(tmp_path: Path) -> None:
    """At two wrong ones in a week; the log says so, and nothing moves right by itself."""
    text = dial("auto", more="brake = { wrong = 2, days = 7 }\n")
    async with rolled_out(tmp_path, text, follow=False) as opened:
        maria = await token_of(opened.sayso, "maria")
        done = [await refund(opened, 4_900, customer=f"cus_{at}") for at in range(3)]
        assert {view.status for view in done} == {"succeeded"}
        found = await opened.sayso.rollout.report_wrong(done[0].id, "disputed", token=maria)
        assert found is not None
        assert (found.braked, found.wrong, found.done) == (False, 1, 3)
        assert (await refund(opened, 4_900, customer="next")).status == "succeeded"
        await opened.sayso.rollout.report_wrong(done[0].id, "disputed", token=maria)  # once
        found = await opened.sayso.rollout.report_wrong(done[1].id, "mistaken", token=maria)
        assert found is not None
        assert found.braked
        assert (await refund(opened, 4_900, customer="later")).status == "pending_approval"
        kinds = [body["kind"] for body in bodies(opened)]
        assert kinds.count("rollout.wrong") == 2
        assert kinds.count("rollout.braked") == 1
        (tmp_path / "policy.cedar").write_text(POLICY + "// another version\n")
        await opened.sayso.policy.activate(token=maria)
        assert (await refund(opened, 4_900, customer="still")).status == "pending_approval"
        back = await opened.sayso.rollout.set("refunds", "auto", token=maria, note="looked")
        assert back.version is not None
        assert back.version.direction == "looser"
        assert (await refund(opened, 4_900, customer="again")).status == "succeeded"
        assert_verified(opened)


@pytest.mark.promise("rollout:brake")
async def test_a_brake_whose_row_is_deleted_holds(tmp_path: Path, store_url: str) -> None:
    """Whoever writes the database makes nothing automatic again: the log tells of the brake."""
    text = dial("auto", more="brake = { wrong = 1, days = 7 }\n")
    async with rolled_out(tmp_path, text, follow=False) as opened:
        maria = await token_of(opened.sayso, "maria")
        done = await refund(opened, 4_900, customer="cus_1")
        found = await opened.sayso.rollout.report_wrong(done.id, "disputed", token=maria)
        assert found is not None
        assert found.braked
        run_sql(store_url, opened, "delete from rollout_brake")
        assert (await refund(opened, 4_900, customer="later")).status == "pending_approval"


@pytest.mark.promise("rollout:set")
async def test_a_dial_is_moved_in_force_and_the_rest_of_the_file_stays(tmp_path: Path) -> None:
    """To the left alone; to the right by two people where the workspace says so."""
    text = "# ours\n" + dial("auto", 10, "suggest", "# kept\n")
    async with rolled_out(tmp_path, text, follow=False, loosening_needs=2) as opened:
        maria, noor = [await token_of(opened.sayso, one) for one in ("maria", "noor")]
        wider = await opened.sayso.rollout.set("refunds", "auto", token=maria, share=Decimal(50))
        assert wider.waits is not None
        assert wider.waits.direction == "looser"
        await opened.sayso.policy.confirm(wider.waits.id, sha256=wider.waits.sha256, token=noor)
        (found,) = await opened.sayso.rollout.list()
        assert found.share == 50
        left: ActivationView = await opened.sayso.rollout.set(
            "refunds", "off", token=maria, otherwise="off"
        )
        assert left.version is not None
        assert left.version.direction == "tighter"
        in_force = await opened.sayso.policy.in_force()
        assert in_force is not None
        kept = in_force.files["rollout.toml"]
        assert kept.startswith("# ours")
        assert "# kept" in kept
        assert (await refund(opened)).status == "refused"
