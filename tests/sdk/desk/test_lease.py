"""A lease lasts as long as its work, and not two minutes longer than whoever was killed."""

from __future__ import annotations

import asyncio

import pytest

from sayso.sdk.desk.lease import LEASE_MICROS, renewing

pytestmark = pytest.mark.promise("desk:once")


async def test_a_lease_is_renewed_while_a_desk_is_slow_and_not_afterwards() -> None:
    """Else another process would read beside this one, or wait for one that is gone."""
    renewed, answered = 0, asyncio.Event()

    async def renew() -> None:
        nonlocal renewed
        renewed += 1
        if renewed == 3:
            answered.set()

    async def read() -> str:
        await answered.wait()
        return "read"

    assert await renewing(read(), renew, beat_s=0.001) == "read"
    assert renewed >= 3
    assert [one for one in asyncio.all_tasks() if one is not asyncio.current_task()] == []
    assert LEASE_MICROS <= 30_000_000


async def test_what_is_cancelled_or_fails_ends_with_its_lease() -> None:
    """Nothing of it goes on once its row is put back."""
    begun, ended = asyncio.Event(), asyncio.Event()

    async def renew() -> None:
        return

    async def read() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async def fail() -> None:
        raise LookupError("gone")

    with pytest.raises(LookupError):
        await renewing(fail(), renew)
    going = asyncio.ensure_future(renewing(read(), renew, beat_s=0.001))
    await begun.wait()
    going.cancel()
    with pytest.raises(asyncio.CancelledError):
        await going
    assert ended.is_set()
