"""What a server does beside its calls begins once calls are answered."""

from __future__ import annotations

import asyncio
from typing import cast

from sayso.sdk.background.chores import keeping
from sayso.sdk.client import Sayso


class Asked:
    """A workspace, or a noun of one, that remembers by which names it was asked."""

    def __init__(self, name: str, asked: list[str]) -> None:
        self._name = name
        self._asked = asked

    def __getattr__(self, name: str) -> object:
        self._asked.append(f"{self._name}{name}")
        return self._done if self._name else Asked(f"{name}.", self._asked)

    async def _done(self) -> None:
        pass


async def turn(times: int = 3) -> None:
    """Let every task that can go on do so."""
    for _ in range(times):
        await asyncio.sleep(0)


async def test_nothing_is_loaded_or_begun_before_calls_are_answered() -> None:
    """Nobody waits for it, and its modules would only keep a start from being over."""
    asked: list[str] = []
    serving = asyncio.Event()
    async with keeping(cast("Sayso", Asked("", asked)), serving):
        await turn()
        assert asked == []
        serving.set()
        await turn()
    begun = {"privacy.sweep_all", "limits.forget", "rollout.compare", "work.tell_late"}
    assert {*begun, "canaries.look_after"} <= set(asked)
