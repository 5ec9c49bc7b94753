"""The benches of what waits and of what is idle: small real runs, and their bars."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from bench import idle
from bench.waiting import command as waiting
from bench.waiting.command import Waited
from bench.waiting.server import cpu_of

WELL = Waited(
    filled_s=1.0,
    waiting_bytes=5600.0,
    ready_s=[1.0, 2.0],
    resident_mb=90.0,
    resident_after_mb=110.0,
    page_s=[0.005] * 10,
    deep_page_s=[0.006] * 10,
    decide_s=[0.02] * 10,
    decide_alone_s=[0.015] * 10,
    judging_s=20.0,
    idle_percent=0.4,
)


def test_a_store_that_meets_every_bar_is_ok() -> None:
    """Ready, memory, pages, idle."""
    said = waiting.report({"sqlite": WELL, "postgres": WELL}, 100_000, 0)
    assert said.ok
    assert sum(": met" in row.case for row in said.rows) == 14


@pytest.mark.parametrize(
    ("worse", "what"),
    [
        ({"ready_s": [5.1, 5.2]}, "restart until ready"),
        ({"resident_mb": 301.0}, "resident memory"),
        ({"resident_after_mb": 301.0}, "the same after use"),
        ({"page_s": [0.101] * 10}, "first page"),
        ({"deep_page_s": [0.101] * 10}, "page of 50 in the middle"),
        ({"idle_percent": 1.1}, "idle"),
        ({"decide_s": [0.031] * 10}, "decision to executed, to one alone"),
    ],
)
def test_one_missed_bar_on_one_store_makes_the_run_not_ok(worse: dict[str, Any], what: str) -> None:
    """The bench never bends."""
    said = waiting.report({"sqlite": WELL, "postgres": replace(WELL, **worse)}, 100_000, 0)
    assert not said.ok
    missed = [row.case for row in said.rows if "NOT MET" in row.case]
    assert len(missed) == 1
    assert missed[0].startswith("postgres")
    assert what in missed[0]


def test_nothing_measured_is_not_ok() -> None:
    """A run without a store proves nothing."""
    assert not waiting.report({}, 100_000, 0).ok
    assert not idle.report({}).ok


def test_a_server_that_is_busy_while_idle_is_not_ok() -> None:
    """Nothing idle uses more than one per cent of a core."""
    assert idle.report({"sqlite": (0.9, 0.0), "postgres": (1.0, 3.0)}).ok
    assert not idle.report({"sqlite": (0.9, 0.0), "postgres": (1.1, 0.0)}).ok
    assert not idle.report({"postgres": (0.3, 0.0), "fleet": (1.1, 0.0)}).ok


def test_processor_time_is_that_of_the_process() -> None:
    """The figure of the idle bar can be something else than 0."""
    busy = "import time\nwhile time.process_time() < 0.2: pass\nprint(flush=True)\ninput()"
    with subprocess.Popen(
        [sys.executable, "-c", busy], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        used_s = cpu_of(process.pid)
        process.communicate(b"\n")
    assert 0.19 <= used_s < 5


def test_the_bench_prints_one_document(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A few approvals wait, are paged through, and approved at a served workspace over HTTP."""
    monkeypatch.chdir(tmp_path)
    few = ["--approvals", "5", "--calls", "2", "--idle-s", "0.05", "--starts", "1"]
    status = waiting.main(["--json", "--stores", "sqlite", *few])
    document = cast("dict[str, Any]", json.loads(capsys.readouterr().out))
    assert document["name"] == "waiting"
    assert status == (0 if document["ok"] else 1)
    values = {row["case"]: row["value"] for row in document["rows"]}
    for case in ("decision to executed, p50", "database, for each", "first page, p99"):
        assert values[f"sqlite, 5 waiting: {case}"] > 0
    assert [value > 10 for case, value in values.items() if "resident memory" in case] == [True]
