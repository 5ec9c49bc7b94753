"""What was kept long enough goes by itself."""

from __future__ import annotations

from pathlib import Path

import pytest
from sdk.customers import (
    ANA,
    MARIA,
    NOOR,
    OneRefund,
    everything_stored,
    live,
    live_again,
    live_as_new,
    pass_days,
    refund_of,
    verdict,
)
from support.shop_workspace import open_shop

from sayso.audit.verifier.verification import Verdict
from sayso.errors import Code, RefusedError
from sayso.money import Money


@pytest.mark.promise("subjects:swept")
async def test_what_was_kept_long_enough_goes_by_itself(store_url: str, tmp_path: Path) -> None:
    """Rows, words and at last the key; what is open or new stays, and each batch is an entry."""
    kept = {"requests": "90d"}
    async with open_shop(tmp_path / "shop", planner=OneRefund(), retention=kept) as workspace:
        workspace.shop.books.add("o_ana", ANA, Money(30_000, "USD"))
        ids = await live(workspace)
        nothing = await workspace.sayso.privacy.sweep()
        assert (nothing.actions, nothing.requests, nothing.subjects) == (0, 0, 0)
        workspace.clock.advance(days=60)
        await live_as_new(workspace)
        await pass_days(workspace, 32)
        swept = await workspace.sayso.privacy.sweep()
        assert swept.actions == 3, "two are open: one waits, one is a step of a request that does"
        assert swept.subjects == 0
        stored = await everything_stored(workspace)
        assert ANA in stored, "what is open or new is still there"
        done = await workspace.sayso.actions.get(ids[0])
        assert done.subject != ANA
        assert done.args == {}
        noted = await workspace.sayso.audit.query("kind:retention.swept")
        of = [one.body["data"]["of"] for one in noted if "actions" in one.body["data"]]
        assert of == [[done.subject]], "so that a hold is judged by it"
        assert verdict(workspace) is Verdict.VERIFIED


@pytest.mark.promise("subjects:swept")
async def test_nothing_is_swept_by_one_reading_of_a_clock(store_url: str, tmp_path: Path) -> None:
    """Invariant 10: what was swept cannot come back, and a clock that is far ahead can."""
    kept = {"requests": "90d"}
    async with open_shop(tmp_path / "shop", planner=OneRefund(), retention=kept) as workspace:
        workspace.shop.books.add("o_ana", ANA, Money(30_000, "USD"))
        await live(workspace)
        workspace.clock.advance(days=400)
        for _ in range(3):
            swept = await workspace.sayso.privacy.sweep()
            assert (swept.actions, swept.requests, swept.put_off) == (0, 0, True)
            workspace.clock.advance(hours=6)
        noted = await workspace.sayso.audit.query("kind:retention.swept")
        assert [one.body["data"]["put_off"] for one in noted] == [True]
        workspace.clock.advance(days=-400)
        swept = await workspace.sayso.privacy.sweep()
        assert (swept.actions, swept.put_off) == (0, False)
        assert verdict(workspace) is Verdict.VERIFIED


async def test_a_shop_in_which_nothing_happens_any_more_is_swept_a_day_later(
    store_url: str, tmp_path: Path
) -> None:
    """The log says by itself what time it is, once, where nobody else writes to it."""
    async with open_shop(tmp_path / "shop", retention={"requests": "90d"}) as workspace:
        workspace.shop.books.add("o_ana", ANA, Money(30_000, "USD"))
        await live_again(workspace)
        workspace.clock.advance(days=91)
        assert (await workspace.sayso.privacy.sweep()).put_off
        workspace.clock.advance(days=1)
        swept = await workspace.sayso.privacy.sweep()
        assert (swept.actions, swept.subjects, swept.put_off) == (1, 1, False)


async def test_a_customer_of_whom_nothing_is_left_loses_the_key(
    store_url: str, tmp_path: Path
) -> None:
    """The last thing that could open an old backup's text here."""
    kept = {"requests": "90d"}
    async with open_shop(tmp_path / "shop", retention=kept) as workspace:
        workspace.shop.books.add("o_ana", ANA, Money(30_000, "USD"))
        await live_again(workspace)
        hold = await workspace.sayso.privacy.hold(ANA, reason="litigation", by=MARIA)
        await pass_days(workspace, 92)
        assert (await workspace.sayso.privacy.sweep()).actions == 0, "held"
        await workspace.sayso.privacy.release(hold.id, by=MARIA)
        await workspace.sayso.privacy.release(hold.id, by=NOOR)
        swept = await workspace.sayso.privacy.sweep()
        assert (swept.actions, swept.subjects) == (1, 1)
        assert ANA not in await everything_stored(workspace)
        assert verdict(workspace) is Verdict.VERIFIED


@pytest.mark.promise("subjects:erased")
async def test_a_pseudonym_is_erased_as_nobody_and_its_customer_as_before(
    store_url: str, tmp_path: Path
) -> None:
    """What a swept row shows in place of the customer is no id: it was answered with `erased`, the
    texts went and the key stayed, and after that nobody could erase the customer any more."""
    async with open_shop(
        tmp_path / "shop", planner=OneRefund(), retention={"requests": "90d"}
    ) as workspace:
        subjects = workspace.sayso.privacy
        workspace.shop.books.add("o_ana", ANA, Money(30_000, "USD"))
        ids = await live(workspace)
        await pass_days(workspace, 92)
        await live_as_new(workspace)
        await subjects.sweep()
        shown = (await workspace.sayso.actions.get(ids[0])).subject
        assert shown.startswith("sub_")
        # Somebody who asks for something under it makes a row that was not blanked.
        await workspace.sayso.propose(
            "shop.refund", refund_of("o_ana", 1000), subject=shown, idempotency_key="it"
        )
        with pytest.raises(RefusedError) as caught:
            await subjects.erase(shown, reason="subject_request", by=MARIA)
        assert caught.value.code is Code.NOT_FOUND
        held = await subjects.export(ANA, by=MARIA)
        assert held["pseudonym"] == shown
        assert held["texts"], "nothing of the customer is touched"
        erased = await subjects.erase(ANA, reason="subject_request", by=MARIA)
        assert (erased.status, erased.subject) == ("erased", shown)
        with pytest.raises(RefusedError) as caught:
            await subjects.erase(shown, reason="subject_request", by=MARIA)
        assert caught.value.code is Code.NOT_FOUND
        assert verdict(workspace) is Verdict.VERIFIED
