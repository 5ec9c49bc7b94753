"""The bench of a fleet's syncs: a small real run, and its bars."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from bench import fleet
from bench.throughput.flow import Flow


def flow(syncs: float | None, actions: int = 10) -> Flow:
    """A made-up measurement, by syncs of an action."""
    counted = None if syncs is None else round(syncs * actions)
    return Flow(execute_s=[0.1] * actions, all_s=1.0, syncs=counted)


@pytest.mark.parametrize(
    ("alone", "many", "missed"),
    [
        (6.0, 5.9, []),
        (6.1, 0.5, ["one at a time"]),
        (5.0, 5.0, ["32 at once"]),
        (None, None, ["one at a time", "32 at once"]),
    ],
)
def test_each_bar_alone_decides(alone: float | None, many: float | None, missed: list[str]) -> None:
    """At most six alone, fewer where many are; what was not counted is not met."""
    said = fleet.report({("batch work", 1): flow(alone), ("batch work", 32): flow(many)})
    assert said.ok is not bool(missed)
    found = [row.case for row in said.rows if not row.case.endswith(": met")]
    assert [what in case for what, case in zip(missed, found, strict=True)] == [True] * len(missed)


@pytest.mark.skipif(shutil.which("cc") is None, reason="nothing is counted without a C compiler")
def test_a_small_run_counts_what_workers_of_a_fleet_make_the_server_sync(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The workers carry out, and the count comes from outside of every program."""
    monkeypatch.chdir(tmp_path)
    found = fleet.run(3, ["somebody waits"], [fleet.ONE])
    assert [flow.actions for flow in found.values()] == [3]
    alone = fleet.syncs_of(found["somebody waits", 1])
    assert alone is not None
    assert alone >= 4
