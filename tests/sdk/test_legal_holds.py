"""A legal hold: nothing of the customer goes until two people end it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sdk.customers import ANA, FINN, MARIA, NOOR, OneRefund, live, live_as_new, pass_days, verdict
from support.shop_workspace import PEOPLE, ShopWorkspace, open_shop

from sayso.audit.verifier.verification import Verdict
from sayso.errors import Code, RefusedError
from sayso.money import Money


@pytest.mark.promise("subjects:held")
async def test_a_legal_hold_keeps_everything_until_two_people_release_it(
    opened: ShopWorkspace,
) -> None:
    """Neither an erasure nor a sweep touches what a court may want."""
    await live(opened)
    subjects = opened.sayso.privacy
    hold = await subjects.hold(ANA, reason="litigation", by=MARIA)
    for _ in range(2):
        with pytest.raises(RefusedError) as caught:
            await subjects.erase(ANA, reason="subject_request", by=MARIA)
        assert caught.value.code is Code.LEGAL_HOLD
    assert (await subjects.release(hold.id, by=NOOR)).status == "release_asked"
    with pytest.raises(RefusedError) as caught:
        await subjects.release(hold.id, by=NOOR)
    assert caught.value.code is Code.OWN_REQUEST
    with pytest.raises(RefusedError):
        await subjects.erase(ANA, reason="subject_request", by=MARIA)
    assert (await subjects.release(hold.id, by=MARIA)).status == "released"
    assert await subjects.holds() == []
    assert [one.id for one in await subjects.holds(released=True)] == [hold.id]
    assert (await subjects.erase(ANA, reason="subject_request", by=MARIA)).status == "erased"
    assert verdict(opened) is Verdict.VERIFIED


@pytest.mark.tampers("the database is written behind the log's back")
@pytest.mark.promise("subjects:held")
async def test_a_hold_whose_row_is_gone_still_keeps_everything(tmp_path: Path) -> None:
    """The log says that it holds: no sweep takes anything, and the verifier misses the row."""
    kept = {"requests": "90d"}
    async with open_shop(tmp_path, planner=OneRefund(), retention=kept) as opened:
        opened.shop.books.add("o_ana", ANA, Money(30_000, "USD"))
        await live(opened)
        await opened.sayso.privacy.hold(ANA, reason="litigation", by=MARIA)
        with closing(sqlite3.connect(opened.workspace.store_path)) as rows, rows:
            for (name,) in rows.execute("select name from sqlite_master where type = 'trigger'"):
                rows.execute(f"drop trigger {name}")
            rows.execute("delete from hold")
        opened.clock.advance(days=60)
        await live_as_new(opened)
        await pass_days(opened, 32)
        swept = await opened.sayso.privacy.sweep()
        assert (swept.actions, swept.requests, swept.subjects) == (0, 0, 0)
        assert verdict(opened) is Verdict.TAMPERED


@pytest.mark.promise("subjects:held")
async def test_the_word_of_somebody_who_left_does_not_count_for_a_release(tmp_path: Path) -> None:
    """Two people with the role, who have it at the end: noor asked, and is gone."""
    async with open_shop(tmp_path) as opened:
        hold = await opened.sayso.privacy.hold(ANA, reason="litigation", by=MARIA)
        asked = await opened.sayso.privacy.release(hold.id, by=NOOR)
        assert asked.status == "release_asked"
    gone = [{**person, "active": person["id"] != "noor"} for person in PEOPLE]
    async with open_shop(tmp_path, clock=opened.clock, people=gone) as later:
        subjects = later.sayso.privacy
        assert (await subjects.release(hold.id, by=MARIA)).status == "release_asked"
        assert (await subjects.release(hold.id, by=FINN)).status == "released"


async def test_a_word_about_a_hold_said_again_is_one(opened: ShopWorkspace) -> None:
    """By its key: placed once, asked once, released once; for another customer it is refused."""
    subjects = opened.sayso.privacy
    placed = [
        await subjects.hold("cus_new", reason="litigation", by=MARIA, key="h1") for _ in range(2)
    ]
    assert placed[0] == placed[1]
    with pytest.raises(RefusedError) as caught:
        await subjects.hold(ANA, reason="litigation", by=MARIA, key="h1")
    assert caught.value.code is Code.IDEMPOTENCY_CONFLICT
    asked = [await subjects.release(placed[0].id, by=MARIA, key="r1") for _ in range(2)]
    assert asked[0] == asked[1]
    ended = await subjects.release(placed[0].id, by=NOOR, key="r1")
    assert ended.status == "released"
    for person in (MARIA, NOOR):
        assert await subjects.release(placed[0].id, by=person, key="r1") == ended
    kinds = [entry.kind for entry in await opened.sayso.audit.query("kind:subject.released")]
    assert kinds == ["subject.released"]
    assert verdict(opened) is Verdict.VERIFIED


@pytest.mark.promise("subjects:held")
@pytest.mark.parametrize("swept", [False, True])
async def test_no_hold_and_no_stop_is_placed_under_a_name_of_the_log(
    tmp_path: Path, *, swept: bool
) -> None:
    """The log and the lists show a customer's pseudonym. A hold under it was in force and kept
    nothing, and a stop held nobody, although both were answered as if they did."""
    async with open_shop(tmp_path, planner=OneRefund(), retention={"requests": "90d"}) as opened:
        opened.shop.books.add("o_ana", ANA, Money(30_000, "USD"))
        await live(opened)
        if swept:
            await pass_days(opened, 92)
            await live_as_new(opened)
            await opened.sayso.privacy.sweep()
        shown = (await opened.sayso.privacy.export(ANA, by=MARIA))["pseudonym"]
        for said in (
            opened.sayso.privacy.hold(shown, reason="litigation", by=MARIA),
            opened.sayso.stops.engage("customer", shown),
        ):
            with pytest.raises(RefusedError, match="not their id") as caught:
                await said
            assert caught.value.code is Code.INVALID_INPUT
        assert await opened.sayso.privacy.holds() == []
        assert await opened.sayso.stops.list() == []
        assert verdict(opened) is Verdict.VERIFIED
