"""How long it takes until anything happens: `python -m bench.startup [--json] [--rounds N]`.

Whole processes, wall clock, with warm bytecode, beside a Python that does nothing.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Sequence

from bench.place import with_bytecode, working_folder
from bench.report import Report, Row, median, print_report, show_progress

BARE = "python -c pass"
CASES: dict[str, list[str]] = {
    BARE: ["-c", "pass"],
    "import sayso": ["-c", "import sayso"],
    "from sayso import Sayso": ["-c", "from sayso import Sayso"],
    "sayso --help": ["-m", "sayso", "--help"],
}
BARS_S = {"import sayso": 0.3, "sayso --help": 0.4}


def run(rounds: int) -> Report:
    """Start each of them in turn, `rounds` times after one that is not counted."""
    took: dict[str, list[float]] = {case: [] for case in CASES}
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
    show_progress("")
    return report(took)


def report(took: dict[str, list[float]]) -> Report:
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
    ok = all(medians[case] < bar for case, bar in BARS_S.items())
    return Report(name="startup", rows=rows, ok=ok)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; the exit status is 0 when both bars are met."""
    parser = argparse.ArgumentParser(prog="python -m bench.startup", description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON document")
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args(argv)
    return print_report(run(arguments.rounds), as_json=arguments.json)


if __name__ == "__main__":
    sys.exit(main())
