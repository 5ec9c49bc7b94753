"""Reads that begin at once fail in the order of the code, and leave nothing behind."""

from __future__ import annotations

import asyncio

import pytest

from sayso.connectors.ahead import Ahead


async def test_what_is_awaited_first_fails_first() -> None:
    """However fast another one failed."""
    failed = asyncio.Event()

    async def slow() -> str:
        await failed.wait()
        raise LookupError("who?")

    async def fast() -> str:
        failed.set()
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
    begun, ended = asyncio.Event(), asyncio.Event()

    async def long() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with Ahead() as ahead:
        ahead.read(long())
        await begun.wait()
    assert ended.is_set()
