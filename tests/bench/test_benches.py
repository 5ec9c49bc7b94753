"""Every bench runs, with tiny numbers, and prints its document."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import pytest

from bench.overhead.command import measure

ROOT = Path(__file__).parents[2]
TIMEOUT_S = 400
BENCHES = {
    "overhead": "--actions 4 --rounds 1 --here".split(),
    "crash": "--runs 1 --stores sqlite --workers 1 --peer-runs 0 --stripe-runs 1".split(),
    "log_crash": [],
    "retention": "--store sqlite --entries 512 --part 256".split(),
    "startup": ["--rounds", "1", "--no-instructions"],
    "tamper": ["--quick"],
    "writers": "--store sqlite --rounds 1 --seconds 0.6".split(),
}
CASES = {
    "overhead": {"sayso, one at a time, p50", "sayso, 32 at once"},
    "crash": {"double", "lost", "disagree", "unverified"},
    "log_crash": {"gaps", "roots", "histories", "states", "exports", "lost", "sealed"},
    "retention": {
        "sqlite: sealing 512 entries",
        "sqlite: a writer waits while it is pruned, longest",
    },
    "startup": {"import sayso", "sayso --help"},
    "tamper": {"edit a body", "caught: witness", "missed with a checkpoint outside"},
    "writers": {"1 task: what is shipped, on a file", "8 tasks: state only, on a file"},
}


def run_bench(name: str, *more: str) -> tuple[int, dict[str, Any]]:
    """Its exit status and its document."""
    done = subprocess.run(
        [sys.executable, "-m", f"bench.{name}", "--json", *BENCHES[name], *more],
        cwd=ROOT,
        check=False,
        stdout=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        timeout=TIMEOUT_S,
    )
    return done.returncode, cast("dict[str, Any]", json.loads(done.stdout))


@pytest.mark.parametrize("name", sorted(BENCHES.keys() - {"log_crash"}))
def test_a_bench_prints_one_document_and_its_exit_status_says_whether_it_is_ok(name: str) -> None:
    """design.md section 7: `{"name", "rows": [{"case", "value", "unit", "ratio_to"?}], "ok"}`."""
    check_form(name, *run_bench(name))


def check_form(name: str, status: int, document: dict[str, Any]) -> None:
    """Whether the document has the form that every bench's has."""
    assert set(document) == {"name", "rows", "ok"}
    assert document["name"] == name
    assert status == (0 if document["ok"] else 1)
    rows = cast("list[dict[str, Any]]", document["rows"])
    assert CASES[name] <= {row["case"] for row in rows}
    for row in rows:
        assert {"case", "value", "unit"} <= set(row) <= {"case", "value", "unit", "ratio_to"}
        assert row["value"] >= 0


@pytest.mark.promise("bench:crash")
def test_the_crash_campaign_finds_what_a_provider_did_twice() -> None:
    """A campaign that says 0 of everything is worth something only if it can say otherwise."""
    status, document = run_bench("crash", "--sabotage", "--stripe-runs", "0")
    values = {row["case"]: row["value"] for row in document["rows"]}
    assert status == 1
    assert values["double"] > 0


@pytest.mark.promise("bench:log-crash")
def test_the_log_crash_campaign_finds_what_was_changed_by_hand() -> None:
    """The same of the campaign that kills those who write, export and publish.

    What is changed is what stands there after its last run: more runs before it prove no more.
    """
    status, document = run_bench("log_crash", "--sabotage", "--runs", "2")
    values = {row["case"]: row["value"] for row in document["rows"]}
    assert status == 1
    assert min(values["roots"], values["states"], values["unverified"]) > 0


@pytest.mark.promise("bench:log-crash")
@pytest.mark.parametrize("store", ["sqlite", "postgres"])
def test_a_short_log_crash_campaign_finds_nothing(store: str) -> None:
    """Kill -9 while two processes write, export, publish, seal and prune."""
    status, document = run_bench("log_crash", "--runs", "5", "--store", store)
    values = {row["case"]: row["value"] for row in document["rows"]}
    assert status == 0, document
    check_form("log_crash", status, document)
    assert values[f"{store}: runs"] == 5
    assert values[f"{store}: entries"] > 0
    assert values[f"{store}: killed at: seal"] == values[f"{store}: killed at: prune"] == 1


def test_a_measurement_of_overhead_comes_back_from_its_own_process(tmp_path: Path) -> None:
    """As each of a whole run does; above all are taken in one process, which saves imports."""
    taken = measure("sayso", tmp_path / "place", 3, 1)
    assert len(taken.each_s) == 3
    assert taken.per_s > 0
