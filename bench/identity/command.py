"""Whose is it: `python -m bench.identity [--pairs N] [--kills N] [--store sqlite] [--seed N]`.

Pairs: colliding, look-alike and twin ids over five connectors at once; what one customer gets of
another one's is counted, and is to be 0. Kills: a solution over a help desk, a shop and payments,
whose process is killed at random times, until another one finishes; the three books are compared
with what Sayso says.
"""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

from bench.identity.kills import Judged, campaign
from bench.identity.pairs import Reached, judge
from bench.place import working_folder
from bench.report import Report, Row, print_report


def rows_of(reached: Reached | None, judged: Judged | None, pairs: int) -> list[Row]:
    """The figures of both parts."""
    rows: list[Row] = []
    if reached is not None:
        rows += [
            Row(case="pairs of ids", value=pairs, unit="pairs"),
            Row(case="foreign objects read", value=reached.read, unit="objects"),
            Row(case="foreign objects listed", value=reached.listed, unit="objects"),
            Row(case="foreign objects touched", value=reached.touched, unit="objects"),
            Row(case="refused as no clear id", value=reached.refused_as_no_id, unit="ids"),
        ]
    if judged is not None:
        rows += [
            Row(case="kills", value=judged.kills, unit="kills"),
            Row(case="solutions over three providers", value=judged.solutions, unit="solutions"),
            Row(case="done twice", value=judged.double, unit="actions"),
            Row(case="told otherwise than done", value=judged.lost, unit="actions"),
            Row(case="half done and untold", value=judged.untold, unit="solutions"),
            Row(case="on somebody else's account", value=judged.foreign, unit="actions"),
            Row(case="logs that do not verify", value=int(not judged.intact), unit="logs"),
        ]
    return rows


def main(argv: list[str] | None = None) -> int:
    """Run it; the exit status is 0 where nothing foreign was reached and nothing done twice."""
    parser = argparse.ArgumentParser(prog="python -m bench.identity", description=__doc__)
    parser.add_argument("--pairs", type=int, default=10_000, metavar="N")
    parser.add_argument("--kills", type=int, default=60, metavar="N")
    parser.add_argument("--customers", type=int, default=40, metavar="N")
    parser.add_argument("--url", default="-", metavar="URL", help="PostgreSQL, migrated and empty")
    parser.add_argument("--seed", type=int, default=1, metavar="N")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args(argv)
    with working_folder() as folder:
        reached = (
            asyncio.run(judge(Path(folder) / "pairs", given.pairs, given.seed))
            if given.pairs
            else None
        )
        judged = (
            asyncio.run(
                campaign(
                    Path(folder) / "kills", given.url, given.kills, given.customers, given.seed
                )
            )
            if given.kills
            else None
        )
    for line in [*(reached.examples if reached else ()), *(judged.examples if judged else ())][:20]:
        print(line)
    bad = 0 if reached is None else reached.read + reached.listed + reached.touched
    if judged is not None:
        bad += judged.double + judged.lost + judged.untold + judged.foreign + (not judged.intact)
    report = Report(name="identity", rows=rows_of(reached, judged, given.pairs), ok=not bad)
    return print_report(report, as_json=given.json)
