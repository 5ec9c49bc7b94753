"""How well customers are understood: `python -m bench.understanding [--set acts|planner] [--json]`.

Every conversation of the development sets in `SAYSO_TEST_DATA` (or ../shared/data) goes through the
product as a bot would have it: one workspace, the shipped languages and playbooks, connectors in
this process that hold what the set says. What was planned, asked, told, done and left to people is
read from the requests and from the providers' books, and judged by the set's own scorer.

A customer says a plain yes to whatever is restated. A person decides everything in a thread of
several turns; elsewhere small money and harmless things go on alone, so that what was understood
wrongly is also seen to be done.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.place import working_folder
from bench.understanding import planner_set
from bench.understanding.dialogue import Json
from bench.understanding.figures import BARS, RIGHT, Bar, Figures, Scorer, figures_of
from bench.understanding.planner_set import PlannerFigures
from bench.understanding.reader import measure
from bench.understanding.run import have_all, read_items
from bench.understanding.world import World

DATA = Path(os.environ.get("SAYSO_TEST_DATA", Path(__file__).parents[3] / "shared" / "data"))
READ_BAR = Bar(must=5.0, most=True)


def run_acts(data: Path, part: tuple[int, int], only: str = "") -> tuple[Figures, list[Json]]:
    """The set of all acts."""
    folder = data / "acts"
    items = _part(read_items(folder / "messages_dev.jsonl"), part, only)
    world = World.read(folder / "records.json")
    with working_folder() as work:
        answers = asyncio.run(have_all(work / "acts", world, items, _progress))
    return figures_of(items, answers, Scorer.load(folder)), answers


def run_planner(data: Path, part: tuple[int, int], only: str = "") -> PlannerFigures:
    """The older set of four acts."""
    cases = _part(read_items(data / "planner" / "messages_dev.jsonl"), part, only)
    items = list(planner_set.as_conversations(cases))
    with working_folder() as work:
        world = asyncio.run(planner_set.read_world(work.absolute(), cases))
        answers = asyncio.run(have_all(work / "planner", world, items, _progress))
    return planner_set.judge(cases, answers)


def read_ms(data: Path) -> tuple[float, float]:
    """The median and the 95th percentile of understanding one conversation, in milliseconds."""
    folder = data / "acts"
    taken = measure(World.read(folder / "records.json"), read_items(folder / "messages_dev.jsonl"))
    return taken[len(taken) // 2], taken[int(len(taken) * 0.95)]


def _part(items: Sequence[Json], part: tuple[int, int], only: str) -> list[Json]:
    if only:
        return [item for item in items if str(item["id"]).startswith(only)]
    number, of = part
    return list(items[number - 1 :: of])


def _progress(done: int, all_: int) -> None:
    if sys.stderr.isatty() and done % 20 == 0:
        sys.stderr.write(f"\r{done} of {all_} ")


def table_of(figures: Figures, read: tuple[float, float] | None) -> tuple[list[Json], bool]:
    """The figures with their bars, and whether each is what it must be."""
    rows: list[Json] = []
    ok = True
    found = [(name, value, told, BARS[name]) for name, value, told in figures.values()]
    if read is not None:
        found.append(("understanding one conversation, p50", read[0], "ms of CPU", Bar()))
        found.append(("understanding one conversation, p95", read[1], "ms of CPU", READ_BAR))
    for name, value, told, bar in found:
        holds = bar.holds(value)
        ok = ok and holds
        row: Json = {"case": name, "value": value, "unit": told}
        rows.append(row | {"must": bar.must, "aim": bar.aim, "holds": holds})
    return rows, ok


def _shown(row: Json) -> str:
    value, name = float(str(row["value"])), str(row["case"])
    is_share = name not in ("wrong executed", "turns to done") and "ms" not in str(row["unit"])
    scale, sign = (100, " %") if is_share else (1, "")
    bars = ", ".join(
        f"{what} {float(str(row[what])) * scale:g}{sign}"
        for what in ("must", "aim")
        if row[what] is not None
    )
    mark = "" if row["holds"] else "  <-"
    return (
        f"{name:44} {value * scale:6.2f}{sign:2} ({row['unit']}){'  ' + bars if bars else ''}{mark}"
    )


def _print(figures: Figures, read: tuple[float, float] | None) -> None:
    rows, _ = table_of(figures, read)
    for row in rows:
        sys.stdout.write(_shown(row) + "\n")
    sys.stdout.write("\n")
    for name, counts in sorted(figures.rows.items()):
        missed = dict(counts.most_common())
        right = missed.pop(RIGHT, 0)
        told = ", ".join(f"{word} {count}" for word, count in missed.items())
        sys.stdout.write(f"{name:44} {right:4} of {counts.total():4}  {told}\n")


def _print_planner(figures: PlannerFigures) -> None:
    for name, counts in sorted(figures.rows.items()):
        missed = dict(counts.most_common())
        right = missed.pop(RIGHT, 0)
        told = ", ".join(f"{word} {count}" for word, count in missed.items())
        sys.stdout.write(f"planner set, {name:31} {right:4} of {counts.total():4}  {told}\n")
    wrong = figures.wrong_executed
    sys.stdout.write(f"planner set, wrong executed: {len(wrong)} {' '.join(wrong)}\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.understanding")
    parser.add_argument("data", nargs="?", type=Path, default=DATA, help="where the sets are")
    parser.add_argument("--set", choices=("acts", "planner", "both"), default="acts")
    parser.add_argument("--part", default="1/1", metavar="N/M", help="every M-th, from the N-th")
    parser.add_argument("--only", default="", metavar="ID", help="those whose id begins so")
    parser.add_argument(
        "--list",
        default="",
        choices=("", "failures", "executed", "person", "work", "all"),
        help="print the turns that were not right, or did or made what nobody asked for",
    )
    parser.add_argument("--answers", type=Path, metavar="FILE", help="for the set's own score.py")
    parser.add_argument("--no-read", action="store_true", help="don't time the reader alone")
    parser.add_argument("--json", action="store_true")
    return parser


def _list(figures: Figures, what: str) -> None:
    lists = {
        "failures": [one for one in figures.judged if one.word != RIGHT],
        "all": figures.judged,
        "executed": figures.wrong_executed,
        "person": figures.wrong_person,
        "work": figures.made_work,
    }
    for one in lists.get(what, ()):
        sys.stdout.write(one.line + "\n")


def main(arguments: Sequence[str]) -> int:
    """Run, print, and say whether each figure is what it must be."""
    chosen = _parser().parse_args(arguments)
    if not (chosen.data / "acts").is_dir():
        sys.stderr.write(f"no development set in {chosen.data}; set SAYSO_TEST_DATA\n")
        return 2
    number, _, of = chosen.part.partition("/")
    part = int(number), int(of or 1)
    document: Json = {"name": "understanding", "rows": [], "ok": True}
    if chosen.set != "planner":
        figures, answers = run_acts(chosen.data, part, chosen.only)
        read = None if chosen.no_read or chosen.only else read_ms(chosen.data)
        if chosen.answers is not None:
            lines = (json.dumps(one, default=str) + "\n" for one in answers)
            chosen.answers.write_text("".join(lines), "utf-8")
        rows, ok = table_of(figures, read)
        document |= {"rows": rows, "ok": ok}
        _list(figures, chosen.list)
        if not chosen.json:
            _print(figures, read)
    if chosen.set != "acts":
        older = run_planner(chosen.data, part, chosen.only)
        document["ok"] = bool(document["ok"]) and not older.wrong_executed
        if chosen.list == "failures":
            sys.stdout.write("".join(f"{line}\n" for line in older.failures))
        if not chosen.json:
            _print_planner(older)
    if chosen.json:
        sys.stdout.write(json.dumps(document) + "\n")
    return 0 if document["ok"] else 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
