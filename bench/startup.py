"""How long it takes until anything happens: `python -m bench.startup [--json] [--rounds N]`.

Whole processes with warm bytecode: wall clock beside a Python that does nothing, and, where
valgrind is there, instructions beside a Python that imports FastAPI.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence

from bench.counted import build_of_python, can_count, instructions_of
from bench.place import with_bytecode, working_folder
from bench.report import Report, Row, median, print_report, show_progress

BARE = "python -c pass"
FASTAPI = "import fastapi"
CASES: dict[str, list[str]] = {
    BARE: ["-c", "pass"],
    FASTAPI: ["-c", "import fastapi"],
    "import sayso": ["-c", "import sayso"],
    "from sayso import Sayso": ["-c", "from sayso import Sayso"],
    "sayso --help": ["-m", "sayso", "--help"],
    "sayso ask --help": ["-m", "sayso", "ask", "--help"],
}
BARS_S = {"import sayso": 0.3, "sayso --help": 0.4}
BARS = {"from sayso import Sayso": 1.2, "sayso ask --help": 1.4}
"""How many times the instructions of importing FastAPI."""


def run(rounds: int, *, count: bool) -> Report:
    """Start each of them in turn, `rounds` times after one that is not counted."""
    took: dict[str, list[float]] = {case: [] for case in CASES}
    counts: dict[str, int] = {}
    with working_folder() as folder:
        environment = with_bytecode(folder)
        for turn in range(rounds + 1):
            show_progress(f"round {turn} of {rounds}")
            for case, arguments in CASES.items():
                begin = time.perf_counter()
                subprocess.run(
                    [sys.executable, *arguments],
                    check=True,
                    stdout=subprocess.DEVNULL,
                    env=environment,
                    timeout=60,
                )
                if turn > 0:
                    took[case].append(time.perf_counter() - begin)
        for case, arguments in CASES.items() if count else ():
            show_progress(f"instructions of {case}")
            counts[case] = instructions_of(arguments, folder)
    show_progress("")
    return report(took, counts)


def report(took: Mapping[str, Sequence[float]], counts: Mapping[str, int]) -> Report:
    """The medians, and whether the bars are met."""
    medians = {case: median(values) for case, values in took.items()}
    rows = [
        Row(
            case=case,
            value=value,
            unit="s",
            ratio_to=None if case == BARE else {BARE: value / medians[BARE]},
        )
        for case, value in medians.items()
    ]
    rows += [
        Row(
            case=f"{case}, instructions, {build_of_python()}",
            value=value / 1e6,
            unit="million",
            ratio_to=None if case == FASTAPI else {FASTAPI: value / counts[FASTAPI]},
        )
        for case, value in counts.items()
    ]
    ok = all(medians[case] < bar for case, bar in BARS_S.items())
    ok &= all(counts[case] <= bar * counts[FASTAPI] for case, bar in BARS.items() if counts)
    return Report(name="startup", rows=rows, ok=ok)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; the exit status is 0 when every bar is met."""
    parser = argparse.ArgumentParser(prog="python -m bench.startup", description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON document")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--no-instructions", action="store_true", help="the wall clock alone")
    asked = parser.parse_args(argv)
    count = can_count() and not asked.no_instructions
    return print_report(run(asked.rounds, count=count), as_json=asked.json)


if __name__ == "__main__":
    sys.exit(main())
