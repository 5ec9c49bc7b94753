"""What the bench of processes and tenants says of what it has measured: each bar can be missed."""

from __future__ import annotations

import pytest

from bench.scale import LAYOUTS, ONE, Layout, Measured, report


def _found(**per_s: float) -> dict[Layout, list[Measured]]:
    """A round in which each layout does two hundred a second, but for those named."""
    rates = {layout: per_s.get(layout.name.replace(" ", ""), 200.0) for layout in LAYOUTS}
    rates[ONE] = 100.0
    return {layout: [Measured(per_s=rate, cpu_s=0.01, busy=1.5)] for layout, rate in rates.items()}


def test_each_layout_says_how_much_of_the_machine_it_takes() -> None:
    """Where all of it is taken, more processes can do no more."""
    said = report(_found())
    assert said.ok
    assert [row.value for row in said.rows if "in use" in row.case] == [1.5] * len(LAYOUTS)


@pytest.mark.parametrize(("layout", "rate"), [("4x1", 94.0), ("4x4", 139.0)])
def test_a_bar_that_is_missed_is_said(layout: str, rate: float) -> None:
    """By the one that misses it, and by the whole."""
    said = report(_found(**{layout: rate}))
    assert not said.ok
    (row,) = [row for row in said.rows if "NOT MET" in row.case]
    assert row.case.startswith(layout.replace("x", " x "))
