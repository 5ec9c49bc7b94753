"""`bench.crash --after-paying`: few kills here, sixty of each way by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.crash.after_paying import Way, report_of, run_way
from sayso.testing.faults.paying import PayingFault


@pytest.mark.promise("engine:after-paying")
@pytest.mark.parametrize("fault", [PayingFault.ROLLED_BACK, PayingFault.LATE_RECORD])
def test_killed_while_the_shop_has_paid_it_is_paid_once(tmp_path: Path, fault: PayingFault) -> None:
    """Two kills of a process that asks, one of them while the shop keeps its answer."""
    way = run_way(tmp_path / "w", fault, 2, seed=1)
    assert way.ok, way
    assert way.paid >= 1
    # A late record is found; what was killed before it was paid may be a person's all the same.
    assert fault is not PayingFault.ROLLED_BACK or way.statuses["unknown"] > 0


def test_what_is_wrong_fails_the_bench() -> None:
    """One payment too many, one untrue word, one outcome that nobody was given."""
    fault = PayingFault.ROLLED_BACK
    for wrong in (
        Way(fault=fault, double=1),
        Way(fault=fault, untrue=1),
        Way(fault=fault, alone=1),
    ):
        assert not report_of([wrong]).ok
    assert report_of([Way(fault=PayingFault.ROLLED_BACK)]).ok
