"""The whole product at random, judged after every step: `python -m bench.walk --walks 100`.

Customers ask and answer, people decide, rules and limits move, providers fail, processes die. After
each step the log, the server's own judgement, the provider's books, the limits and the replies are
judged; in the end everything has to be over. A walk is repeated by its seed and its number, and one
that found something is made as short as it can be. docs/reference/benchmarks.md says how.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
import tempfile
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

from support.postgres import shared_server
from walk.campaign import Campaign, campaign
from walk.driver import Step, Walked, walk
from walk.places import Places
from walk.shrink import shrink
from walk.variants import VARIANTS

from bench.report import Report, Row, print_report, show_progress
from bench.walk.guards import GUARDS, without

KINDS = ("accused", "stuck", "untrue", "undocumented", "allowed", "money", "counter", "reopened")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the campaign; 0 where nothing was found."""
    options = _parser().parse_args(argv)
    # On a memory disk where there is one: what a disk costs is measured elsewhere.
    memory = Path("/dev/shm")
    place = memory if memory.is_dir() else None
    with (
        tempfile.TemporaryDirectory(prefix="sayso-walk-", dir=place) as folder,
        _places(Path(folder), options.store) as places,
    ):
        if options.replay is not None:
            return asyncio.run(_replay(places, options))
        if options.without:
            return asyncio.run(_without_each(places, options))
        came = Campaign()
        with contextlib.suppress(KeyboardInterrupt):  # what came of it until then is told
            asyncio.run(_campaign(places, options, came))
        return print_report(_report(came, options.store), as_json=options.json)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.walk", description=__doc__)
    parser.add_argument("--walks", type=int, default=30, help="how many")
    parser.add_argument("--walk", type=int, help="only the one of this number")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--steps", type=int, default=40, help="of each")
    parser.add_argument("--store", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("--variant", choices=tuple(VARIANTS), default="", help="else all in turn")
    parser.add_argument(
        "--without", choices=(*GUARDS, "each"), help="take out a guard; it must be found"
    )
    parser.add_argument("--replay", type=Path, help="a journal; `-` reads it from here")
    parser.add_argument("--no-shrink", action="store_true")
    parser.add_argument("--json", action="store_true")
    return parser


@contextmanager
def _places(folder: Path, store: str) -> Generator[Places]:
    if store == "sqlite":
        places = Places(scratch=folder)
        yield places
        return
    with shared_server(folder) as server:
        places = Places(scratch=folder, server=server)
        try:
            yield places
        finally:
            places.close()


async def _campaign(places: Places, options: argparse.Namespace, came: Campaign) -> None:
    async def tell(came: Campaign, number: int, walked: Walked) -> bool:
        show_progress(f"{came.walks} walks, {came.steps} steps, {len(came.found)} found")
        if number in came.found:
            short = walked if options.no_shrink else await _shrunk(places, walked)
            _tell(f"walk {number} of seed {options.seed}", short)
        return True

    numbers = [options.walk] if options.walk is not None else range(options.walks)
    await campaign(
        places,
        numbers=numbers,
        seed=options.seed,
        steps=options.steps,
        variant=options.variant,
        tell=tell,
        came=came,
    )


async def _shrunk(places: Places, walked: Walked) -> Walked:
    async def again(steps: Sequence[Step]) -> Walked:
        return await walk(places, walked.variant, steps, whole=1)

    return await shrink(walked, again)


def _tell(title: str, walked: Walked) -> None:
    assert walked.found is not None, "of a walk that found something"
    lines = [f"{title}, variant {walked.variant}:", *walked.journal]
    told = "\n  ".join([*lines, f"{walked.found.kind}: {walked.found.what}"])
    print(told, file=sys.stderr, flush=True)


async def _replay(places: Places, options: argparse.Namespace) -> int:
    """Walk the steps of a journal."""
    told = sys.stdin.read() if str(options.replay) == "-" else options.replay.read_text("utf-8")
    steps = [Step.read(line.strip()) for line in told.splitlines() if " #" in line]
    walked = await walk(places, options.variant or "init", steps, whole=1)
    if walked.found is None:
        print("\n".join(walked.journal))
        return 0
    _tell("replayed", walked)
    return 1


async def _without_each(places: Places, options: argparse.Namespace) -> int:
    """Take guards out, one at a time; each must be found within the walks."""
    names = list(GUARDS) if options.without == "each" else [options.without]
    rows: list[Row] = []
    for name in names:
        with without(name):
            came = await campaign(
                places,
                numbers=range(options.walks),
                seed=options.seed,
                steps=options.steps,
                variant=options.variant or GUARDS[name].variant,
                often=frozenset(GUARDS[name].often),
                tell=_until_found,
            )
        for walked in came.found.values():
            _tell(f"without {name}", walked)
        walks = came.walks if came.found else -1
        rows.append(Row(case=f"without {name}: found after", value=walks, unit="walks"))
    ok = all(row.value > 0 for row in rows)
    return print_report(Report(name="walk", rows=rows, ok=ok), as_json=options.json)


async def _until_found(came: Campaign, number: int, walked: Walked) -> bool:
    return not came.found


def _report(came: Campaign, store: str) -> Report:
    rows = [
        Row(case=f"{store}: walks", value=came.walks, unit=""),
        Row(case=f"{store}: steps", value=came.steps, unit=""),
        Row(case=f"{store}: steps per second", value=came.steps / (came.seconds or 1), unit="/s"),
        *(Row(case=kind, value=came.count(kind), unit="walks") for kind in KINDS),
    ]
    return Report(name="walk", rows=rows, ok=not came.found)
