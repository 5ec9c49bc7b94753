"""The bars of eight writers: each alone decides, and only what is shipped is judged."""

from __future__ import annotations

import pytest

from bench.writers.candidates import (
    ALONE,
    CHAIN,
    FILE,
    GROUPED,
    RELEASED,
    SEQUENCED,
    SHIPPED,
    STATE,
)
from bench.writers.command import (
    JUDGED,
    POSTGRES_CANDIDATES,
    POSTGRES_LAYOUTS,
    SQLITE_CANDIDATES,
    SQLITE_LAYOUTS,
    Found,
    Layout,
    Measured,
    report,
)

RATES = {STATE: 1000.0, GROUPED: 900.0, SHIPPED: 500.0, CHAIN: 200.0, SEQUENCED: 1.0, RELEASED: 1.0}


def at(per_s: float) -> Measured:
    """A made-up measurement."""
    return Measured(per_s=per_s, cpu_us=1.0, syncs=1.0, each_s=[1 / per_s], lag_s=[])


def run(rates: dict[str, float], layouts: tuple[Layout, ...] = POSTGRES_LAYOUTS) -> Found:
    """A made-up run of one round with these rates everywhere."""
    return Found(
        disk="ext4",
        measured={(layout, name): [at(rate)] for layout in layouts for name, rate in rates.items()},
    )


def test_a_run_in_which_every_bar_is_met_is_ok() -> None:
    """Half of the state alone, and 2.5 times one inline chain; prototypes do not count."""
    assert report(run(RATES), POSTGRES_LAYOUTS, POSTGRES_CANDIDATES).ok


@pytest.mark.parametrize(
    "changed", [{STATE: 1001.0}, {GROUPED: 1001.0}, {CHAIN: 201.0}, {SHIPPED: 499.0}]
)
@pytest.mark.parametrize("layout", JUDGED)
def test_a_bar_that_is_just_missed_makes_the_run_not_ok(
    changed: dict[str, float], layout: Layout
) -> None:
    """In either layout, and against the faster of the two that store the state alone."""
    found = run(RATES)
    for name, rate in changed.items():
        for one in JUDGED:
            if one == layout:
                found.measured[one, name] = [at(rate)]
    said = report(found, POSTGRES_LAYOUTS, POSTGRES_CANDIDATES)
    assert not said.ok
    assert any(SHIPPED in row.case and "NOT MET" in row.case for row in said.rows)


def test_a_file_is_judged_one_at_a_time() -> None:
    """0.85 of the state alone."""
    good, bad = {ALONE: 100.0, FILE: 85.0}, {ALONE: 100.0, FILE: 84.0}
    assert report(run(good, SQLITE_LAYOUTS), SQLITE_LAYOUTS, SQLITE_CANDIDATES).ok
    assert not report(run(bad, SQLITE_LAYOUTS), SQLITE_LAYOUTS, SQLITE_CANDIDATES).ok
