"""`bench.ask` on a small scale: how many rounds of requests to the provider one ask makes."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.ask import ROUNDS_BAR, Relay, run


@pytest.mark.promise("agent:few-rounds")
async def test_an_ask_makes_few_rounds(tmp_path: Path) -> None:
    """Reads that do not need each other are made at once; later asks need two rounds."""
    found = await run(tmp_path, delay_ms=60.0, asks=3)
    assert set(found) == {"in process", "HTTP", "MCP"}
    for asked in found.values():
        assert 1 <= max(asked.rounds) <= ROUNDS_BAR
        assert asked.rounds[-1] == 2


def test_rounds_are_the_longest_chain_without_overlap() -> None:
    """Three at once are one round; the fourth, which began after one had ended, is the next."""
    relay = Relay(target="", delay_s=0.0)
    relay.times += [(0.0, 1.0), (0.1, 1.2), (0.2, 1.1), (1.05, 2.0)]
    assert relay.rounds() == 2
    assert relay.rounds() == 0
