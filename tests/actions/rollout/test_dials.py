"""Roll-out: how far an action may go, for whom; a ceiling, never a permission."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from actions.limits.limit_work import BOT, refund
from actions.policy.test_versions import token_of
from actions.steps import (
    assert_verified,
    bodies,
    code_of,
    run_due,
    say,
    shown,
    stock,
    submit_plan,
    usd,
)
from support.shop import Shop
from support.shop_workspace import ShopWorkspace, open_shop

from sayso.actions.controls.kill_switch import Resumption
from sayso.actions.model.plan import Step
from sayso.actions.policy.tables.rows import RowKind, RuleRow
from sayso.actions.rollout.definition import Dial, Stage
from sayso.actions.rollout.dials import Draw
from sayso.errors import ConfigError
from sayso.ids import Tenant

FILES = ["policy.cedar", "rollout.toml"]
DIAL = """
[[dial]]
id     = "refunds"
say    = "Refunds"
action = "shop.refund"
stage  = "{stage}"
else   = "{other}"
share  = {share}
"""


def dial(stage: str, share: float = 100, other: str = "off", more: str = "") -> str:
    """A file with one dial about everybody."""
    return DIAL.format(stage=stage, share=share, other=other) + more


@asynccontextmanager
async def rolled_out(
    folder: Path,
    text: str,
    *,
    follow: bool = True,
    shop: Shop | None = None,
    loosening_needs: int = 1,
) -> AsyncGenerator[ShopWorkspace]:
    """A shop with these dials."""
    (folder / "rollout.toml").write_text(text)
    section: dict[str, object] = {"files": FILES, **({"follow": "files"} if follow else {})}
    if loosening_needs > 1:
        section["loosening_needs"] = loosening_needs
    async with open_shop(folder, shop=shop, policy_section=section) as opened:
        if not follow:
            await opened.sayso.policy.begin(by=BOT, via="test")
        yield opened


@pytest.mark.promise("rollout:stages")
@pytest.mark.parametrize(
    ("stage", "small", "big"),
    [
        ("off", "refused", "refused"),
        ("shadow", "refused", "refused"),
        ("suggest", "pending_approval", "pending_approval"),
        ("auto", "succeeded", "pending_approval"),
    ],
)
async def test_a_stage_is_a_ceiling(tmp_path: Path, stage: str, small: str, big: str) -> None:
    """What the policy allows at once, and what it asks about, under each of the four."""
    async with rolled_out(tmp_path, dial(stage)) as opened:
        one, other = await refund(opened, 4_900), await refund(opened, 12_900)
        assert (one.status, other.status) == (small, big)
        if stage in ("off", "shadow"):
            assert one.error is not None
            assert one.error.code == "not_rolled_out"
            (entry, _) = [body for body in bodies(opened) if body["kind"] == "action.refused"]
            data = entry["data"]
            assert isinstance(data, dict)
            assert (data["stage"], data["would"]) == (stage, "allow")
            assert not await opened.sayso.approvals.list()
        if stage == "suggest":
            assert (await shown(opened, one)).card["roles"] == ["support_manager"]
            assert await code_of(opened, say(await shown(opened, one))) == "done"
        assert_verified(opened)


@pytest.mark.promise("rollout:stages")
async def test_what_the_policy_refuses_is_refused_at_every_stage(tmp_path: Path) -> None:
    """A dial permits nothing."""
    never = '@id("no") @explain("never") forbid (principal, action, resource);'
    for stage in ("off", "shadow", "suggest", "auto"):
        folder = tmp_path / stage
        folder.mkdir()
        (folder / "rollout.toml").write_text(dial(stage))
        section: dict[str, object] = {"files": FILES, "follow": "files"}
        async with open_shop(folder, policy=never, policy_section=section) as opened:
            view = await refund(opened)
            assert view.error is not None
            assert (view.status, view.error.code) == ("refused", "policy_denied")


@pytest.mark.promise("rollout:share")
async def test_a_wider_share_keeps_who_is_in(tmp_path: Path) -> None:
    """By a stable hash: the same customers, whatever is tried how often, and about that many."""
    text = dial("auto", 10, "suggest")
    async with rolled_out(tmp_path, text, follow=False) as opened:
        first = {at: (await refund(opened, customer=f"cus_{at}")).status for at in range(60)}
        again = {at: (await refund(opened, customer=f"cus_{at}")).status for at in range(60)}
        assert first == again
        done = {at for at, status in first.items() if status == "succeeded"}
        assert 1 <= len(done) <= 14
        (tmp_path / "rollout.toml").write_text(dial("auto", 50, "suggest"))
        await opened.sayso.policy.activate(token=await token_of(opened.sayso, "maria"))
        wider = {at: (await refund(opened, customer=f"cus_{at}")).status for at in range(60)}
        more = {at for at, status in wider.items() if status == "succeeded"}
        assert done < more
        assert 18 <= len(more) <= 42
    row = RuleRow(sort=RowKind.ALLOW, id="dial", say="", conditions=())
    for share in (50, 1_000, 5_000, 9_900, 10_000):
        one = Dial(
            id="dial", say="", action="shop.refund", segment=row, stage=Stage.AUTO, share=share
        )
        inside = sum(Draw(salt="salt", customer=str(at)).is_in(one) for at in range(20_000))
        assert abs(inside / 20_000 - share / 10_000) < 0.012


@pytest.mark.promise("rollout:dials")
async def test_the_first_dial_that_fits_decides(tmp_path: Path) -> None:
    """By the same words as a row; the last is everybody else."""
    text = """
[[dial]]
id = "small"
say = "Small refunds"
action = "shop.refund"
currency = "USD"
up_to = 20
stage = "auto"

[[dial]]
id = "rest"
say = "The others"
action = "shop.refund"
stage = "suggest"
"""
    async with rolled_out(tmp_path, text) as opened:
        assert (await refund(opened, 2_000)).status == "succeeded"
        assert (await refund(opened, 2_001)).status == "pending_approval"
        assert (await refund(opened, 2_000, currency="EUR")).status == "pending_approval"


@pytest.mark.promise("rollout:dials")
@pytest.mark.parametrize(
    ("text", "said"),
    [
        (dial("auto") + dial("off").replace('"refunds"', '"late"'), "nothing reaches this dial"),
        (dial("auto") + dial("off"), "a second dial with the id"),
        (dial("shadow", 100, "auto"), "goes further than `stage`"),
        (dial("automatic"), "`stage`"),
        (dial("auto", 101), "`share`"),
        (dial("auto", 0.001), "two decimals at most"),
        (dial("auto").replace("shop.refund", "shop.refnd"), "did you mean `shop.refund`?"),
        (dial("auto", more='weekdy = "sat"'), "did you mean `weekday`?"),
        ("[[dials]]", "did you mean `dial`?"),
        ('others = "on"', "`others` is no stage"),
    ],
)
async def test_a_wrong_dial_is_refused_with_what_to_write(
    tmp_path: Path, text: str, said: str
) -> None:
    """And one that nothing can reach is named, found by search."""
    with pytest.raises(ConfigError) as wrong:
        async with rolled_out(tmp_path, text):
            pass
    assert said in f"{wrong.value.message} {wrong.value.next_step} {wrong.value.detail}"


@pytest.mark.promise("rollout:schedule")
async def test_outside_its_schedule_and_its_time_a_dial_falls_back(tmp_path: Path) -> None:
    """To the left; nothing moves right by a date."""
    weekdays = 'schedule = { weekday = ["mon", "tue", "wed", "thu", "fri"] }\nuntil = 2026-03-31\n'
    async with rolled_out(tmp_path, dial("auto", 100, "suggest", weekdays)) as opened:
        found: dict[str, str] = {}
        while len(found) < 7:
            day = opened.clock.now().strftime("%a")
            found[day] = (await refund(opened, customer=f"cus_{day}")).status
            opened.clock.advance(hours=24)
        opened.clock.advance(hours=24 * 400)
        late = await refund(opened, customer="late")
    weekend = {found.pop("Sat"), found.pop("Sun")}
    assert weekend == {"pending_approval"}
    assert late.status == "pending_approval"


@pytest.mark.promise("rollout:claim")
async def test_a_dial_that_moved_left_holds_at_the_claim_and_at_the_yes(tmp_path: Path) -> None:
    """What was allowed before is judged anew, and a yes that came too late opens nothing."""
    async with rolled_out(tmp_path, dial("auto"), follow=False) as opened:
        stopped = await opened.sayso.stops.engage("action", "shop.refund", reason="look")
        allowed = await refund(opened, 4_900)
        assert allowed.status == "approved"
        asked = await refund(opened, 12_900)
        (tmp_path / "rollout.toml").write_text(dial("off"))
        done = await opened.sayso.policy.activate(token=await token_of(opened.sayso, "maria"))
        assert done.version is not None
        assert done.version.direction == "tighter"
        for person in ("maria", "noor"):
            await opened.sayso.stops.resume_as(
                Resumption(
                    tenant=Tenant("main"),
                    stop_id=stopped.id,
                    person=person,
                    via="t",
                    credential="host",
                    key=person,
                )
            )
        await run_due(opened)
        assert (await opened.sayso.actions.get(allowed.id)).status == "refused"
        assert await code_of(opened, say(await shown(opened, asked))) != "done"
        assert not opened.shop.books.payouts
        assert_verified(opened)


@pytest.mark.promise("rollout:plans")
async def test_a_plan_goes_as_far_as_the_step_that_goes_least_far(tmp_path: Path) -> None:
    """In shadow nothing of a request is touched, although each other step might be done."""
    text = """
[[dial]]
id = "small"
say = "Small refunds"
action = "shop.refund"
currency = "USD"
up_to = 20
stage = "auto"

[[dial]]
id = "rest"
say = "The others"
action = "shop.refund"
stage = "shadow"
"""
    async with rolled_out(tmp_path, text) as opened:
        stock(opened, "o1", "o2", "o3")
        steps = [
            Step(id=f"s{at}", action="shop.refund", args={"order": f"o{at}", "amount": usd(minor)})
            for at, minor in ((1, 1_000), (2, 3_000), (3, 1_500))
        ]
        await submit_plan(opened, *steps)
        await run_due(opened)
        views = await opened.sayso.actions.list(limit=10)
        assert {view.status for view in views} == {"refused"}
        assert not opened.shop.books.payouts
        assert_verified(opened)


@pytest.mark.promise("rollout:direction")
@pytest.mark.parametrize(
    ("was", "now", "direction"),
    [
        (dial("suggest"), dial("auto"), "looser"),
        (dial("auto"), dial("suggest"), "tighter"),
        (dial("auto", 10, "suggest"), dial("auto", 20, "suggest"), "looser"),
        (dial("auto", 20, "suggest"), dial("auto", 10, "suggest"), "tighter"),
        (dial("auto", 10, "suggest"), dial("auto", 10, "off"), "tighter"),
        (dial("auto", 10, "off"), dial("auto", 5, "off").replace("refunds", "r2"), "looser"),
        (dial("shadow"), "", "looser"),
        ("", dial("suggest"), "tighter"),
        (dial("auto"), dial("auto", more='weekday = "sat"\n'), "same"),
        (dial("suggest"), dial("suggest", more='weekday = "sat"\n'), "looser"),
        (
            dial("auto", more='schedule = { weekday = "sat" }\n'),
            dial("auto", more='schedule = { weekday = ["sat", "sun"] }\n'),
            "looser",
        ),
        (dial("auto", more="until = 2026-03-01\n"), dial("auto"), "looser"),
        (dial("auto", more="brake = { wrong = 1, days = 7 }\n"), dial("auto"), "looser"),
        ('model = "suggest"', 'model = "auto"', "looser"),
    ],
)
async def test_what_a_change_of_the_dials_does(
    tmp_path: Path, was: str, now: str, direction: str
) -> None:
    """It loosens where anybody meets a stage further right, found by search."""
    async with rolled_out(tmp_path, was, follow=False) as opened:
        (tmp_path / "rollout.toml").write_text(now)
        done = await opened.sayso.policy.activate(token=await token_of(opened.sayso, "maria"))
        assert done.version is not None
        assert done.version.direction == direction
