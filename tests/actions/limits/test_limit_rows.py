"""The rows of limits: what is found of those that were changed, and what is forgotten."""

from __future__ import annotations

from pathlib import Path

import pytest
from actions.limits.limit_work import TOKEN_HOUR, limited, refund
from actions.steps import open_rows
from support.shop import ShopFault


@pytest.mark.promise("limits:checked")
@pytest.mark.parametrize(
    "change",
    [
        "update limit_counter set held_minor = held_minor + 1",
        "update limit_use set state = 'released'",
        "delete from limit_use",
        "delete from limit_counter",
        "update limit_use set minor = minor * 100; update limit_counter set settled_minor = 5e6",
        # Counters and uses that agree with each other, and not with what was done.
        "delete from limit_use; delete from limit_counter",
        """update limit_use set state = 'held';
        update limit_counter set held_minor = settled_minor, settled_minor = 0""",
        """update limit_use set state = 'released';
        update limit_counter set count = 0, settled_minor = 0""",
        """insert into limit_use select tenant, home, action_id, revision - 1, limit_id, key,
            currency, bucket, count, 0, 'held', why, last_seq from limit_use;
        update limit_counter set count = count * 2""",
    ],
)
async def test_rows_that_were_changed_by_hand_are_found(tmp_path: Path, change: str) -> None:
    """`sayso doctor` says so."""
    async with limited(tmp_path, TOKEN_HOUR, judge=False) as opened:
        await refund(opened, 50_000)
        assert await opened.sayso.limits.check() == []
        rows = open_rows(opened)
        rows.executescript(change)
        rows.close()
        assert await opened.sayso.limits.check()


@pytest.mark.promise("limits:windows")
async def test_windows_that_are_over_are_forgotten_and_what_is_held_is_not(tmp_path: Path) -> None:
    """So that the tables do not grow for ever; an unknown outcome keeps its hold."""
    async with limited(tmp_path, TOKEN_HOUR) as opened:
        assert [(await refund(opened)).status for _ in range(3)] == ["succeeded"] * 3
        opened.clock.advance(hours=6)
        opened.shop.faults.append(ShopFault.LOST_AFTER)
        assert (await refund(opened)).status == "unknown"
        assert await opened.sayso.limits.forget() == 4  # three uses and their counter
        opened.clock.advance(hours=6)
        assert await opened.sayso.limits.forget() == 0
        rows = open_rows(opened)
        assert rows.execute("select state from limit_use").fetchall() == [("held",)]
