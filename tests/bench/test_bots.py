"""What the bench of bots says of what it has seen: each bar can be missed."""

from __future__ import annotations

from collections import Counter

import pytest

from bench.bots import Asked, Seen, report

ASKED = Asked(bots=2, per_s=1.0, seconds=4.0)


def _well() -> Seen:
    return Seen(
        took_s=[0.01] * 100,
        told=Counter({201: 100}),
        resident_mb=[100.0, 150.0, 155.0, 155.0],
        descriptors=[20, 220, 220, 20],
    )


def test_a_server_that_stays_as_it_was_meets_every_bar() -> None:
    """Answers in time, and neither memory nor files grow on."""
    assert report(ASKED, _well()).ok


@pytest.mark.parametrize("what", ["slow", "refused", "grown", "open"])
def test_each_bar_can_be_missed(what: str) -> None:
    """A figure without a bar that can be missed says nothing."""
    seen = _well()
    match what:
        case "slow":
            seen.took_s[-2:] = [0.2, 0.2]
        case "refused":
            seen.told[503] += 1
        case "grown":
            seen.resident_mb[2] = 170.0
        case _:
            seen.descriptors[3] = 40
    said = report(ASKED, seen)
    assert not said.ok
    assert sum("NOT MET" in row.case for row in said.rows) == 1
