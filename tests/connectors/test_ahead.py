"""Reads that begin at once fail in the order of the code, and leave nothing behind."""

from __future__ import annotations

import asyncio

import pytest

from sayso.connectors.ahead import Ahead


async def test_what_is_awaited_first_fails_first() -> None:
    """However fast another one failed."""

    async def slow() -> str:
        await asyncio.sleep(0.01)
        raise LookupError("who?")

    async def fast() -> str:
        raise ValueError("what?")

    async def both() -> None:
        async with Ahead() as ahead:
            who, what = ahead.read(slow()), ahead.read(fast())
            await who
            await what

    with pytest.raises(LookupError):
        await both()


async def test_what_nobody_awaits_is_given_up() -> None:
    """Nothing goes on behind the block."""
    ended = asyncio.Event()

    async def long() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    async with Ahead() as ahead:
        ahead.read(long())
        await asyncio.sleep(0)
    assert ended.is_set()
