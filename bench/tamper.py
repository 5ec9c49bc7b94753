"""Who notices a changed past: `python -m bench.tamper [--json] [--quick]`.

Fifteen attacks on a log of 40 entries, each verified four times: the database by itself, with the
log's key pinned, with a head that was published to a directory before the attack, and with what a
witness cosigned before it. A row says in how many of the four it was caught; the last rows count
the attacks that each of the four catches. It is ok only if the last two catch all fifteen, and if
nothing is said against the log before the attack. Then each thief of the threat model tries what
they have the means for: one value of every column that is not declared free is edited by SQL, rows
are changed and planted, texts are opened, rules are broken under the log's own key. Nothing may go
unnoticed, and nothing may be opened. A row of every table is deleted, put back as it was, and
planted, on both stores: what the verifier does not see is declared with its reason, and a server
that is opened on it, or on any free column edited, pays nothing and takes nobody's word. The rows
of limits that are nearly full are deleted, edited column by column, added to and put back as they
were, on both stores, and nothing may be paid beyond the limit; nor where what ties two accounts of
one customer is deleted, ended, edited or told otherwise. `--quick` leaves out columns and rows,
which the tests edit as well.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from pathlib import Path

from bench.report import Report, Row

# The attacks are those of the tests, so that the two cannot differ.
sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from actions.limits.limit_attacks import FULL, PERSON_DAY, limits_passed, links_passed
from actions.limits.limit_work import limited
from audit.attacks import ATTACKS
from audit.column_edits import count_edits, make_busy
from audit.columns import FREE_ROWS
from audit.postgres_row_attacks import make_busy_on, unnoticed_on
from audit.row_attacks import KINDS, Attack, attacks, free_edits, powers, unnoticed
from audit.small_log import SmallLog, editing
from audit.thieves import Tried, plant, read_copy, sign_by_key, write_database, write_files
from support.postgres import fresh_database, shared_server
from support.shop_workspace import STORE_URLS

from sayso.audit.signed_note.cosignature import Ed25519Cosigner
from sayso.audit.signed_note.note import parse_note
from sayso.audit.signed_note.witness_policy import WitnessPolicy
from sayso.audit.verifier.checks import Trust
from sayso.audit.verifier.verification import Verdict
from sayso.audit.verify import verify

ALONE, PINNED, OUTSIDE, WITNESSED = "alone", "key pinned", "checkpoint outside", "witness"
WAYS = (ALONE, PINNED, OUTSIDE, WITNESSED)


def held_against(log: SmallLog) -> dict[str, Trust]:
    """What the auditor has in each of the four ways, from before the attack."""
    witness = Ed25519Cosigner.generate("witness.example/w")
    note = log.note()
    cosigned = note + witness.cosign(parse_note(note)[0], 1_764_072_000).text()
    policy = WitnessPolicy.parse(f"log {log.signer.vkey}\nwitness w {witness.vkey}\nquorum w\n")
    key = log.signer.vkey
    return {
        ALONE: Trust(),
        PINNED: Trust.parse([key]),
        OUTSIDE: Trust.parse([key], [note.encode()]),
        WITNESSED: Trust.parse(witnessed=[cosigned.encode()], policy=policy),
    }


def attack(name: str, folder: Path) -> set[str]:
    """The ways in which an attack is caught."""
    log = SmallLog()
    path = log.write(folder / "log.db")
    held = held_against(log)
    for way, trust in held.items():
        assert verify(path, trust=trust, deep=True).verdict is Verdict.VERIFIED, way
    with editing(path) as database:
        ATTACKS[name].change(database, log)
    # NOTE: `cannot judge` is no alarm, so it does not count as caught.
    return {
        way for way, trust in held.items() if verify(path, trust=trust).verdict is Verdict.TAMPERED
    }


def measure(*, quick: bool = False) -> Report:
    """The whole matrix; without columns and rows when it is to be quick."""
    caught: dict[str, set[str]] = {}
    for name in ATTACKS:
        with tempfile.TemporaryDirectory() as folder:
            caught[name] = attack(name, Path(folder))
    rows = [Row(case=name, value=len(ways), unit=_words(ways)) for name, ways in caught.items()]
    counts = {way: sum(way in ways for ways in caught.values()) for way in WAYS}
    rows += [Row(case=f"caught: {way}", value=counts[way], unit="of 15") for way in WAYS]
    rows.append(Row(case="missed with a checkpoint outside", value=15 - counts[OUTSIDE], unit=""))
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "busy"
        place.mkdir()
        busy = asyncio.run(make_busy(place))
        thieves = [] if quick else [_columns(busy, Path(folder)), *_rows(busy, Path(folder))]
        thieves += _thieves(busy, Path(folder))
    for one in thieves:
        noticed, passed = one.attempted - len(one.passed), ", ".join(one.passed)
        rows.append(Row(case=f"{one.thief}: attempted", value=one.attempted, unit=""))
        rows.append(Row(case=f"{one.thief}: noticed, or opened nothing", value=noticed, unit=""))
        rows.append(Row(case=f"{one.thief}: unnoticed", value=len(one.passed), unit=passed))
    ok = len(ATTACKS) == 15 and counts[OUTSIDE] == counts[WITNESSED] == 15
    return Report(name="tamper", rows=rows, ok=ok and not any(one.passed for one in thieves))


def _columns(busy: Path, folder: Path) -> Tried:
    attempted, passed = count_edits(busy, folder / "edited.db")
    return Tried(thief="database writer: columns", attempted=attempted, passed=tuple(passed))


def _rows(busy: Path, folder: Path) -> list[Tried]:
    """Rows that are gone, older or planted: who notices, and what a server does on them."""
    tried: list[Tried] = []
    for kind in KINDS:
        made, passed = unnoticed(busy, folder, kind)
        tried.append(_undeclared(f"database writer: rows {kind}", kind, made, passed))
    statements = {
        f"{one.table} {one.kind} {at}": one.statement for at, one in enumerate(attacks(busy))
    }
    edits = {
        f"{table} edited {at}": edit
        for table, found in free_edits(busy).items()
        for at, edit in enumerate(found)
    }
    gained = [
        f"{name}: {', '.join(found)}"
        for at, (name, statement) in enumerate({**statements, **edits}.items())
        if (found := asyncio.run(powers(busy, folder / f"power-{at}", [statement])))
    ]
    count = len(statements) + len(edits)
    tried.append(Tried(thief="database writer: powers", attempted=count, passed=tuple(gained)))
    limits = asyncio.run(_limits(folder / "limits", ""))
    return [*tried, limits, *_on_postgres(folder)]


async def _limits(folder: Path, url: str) -> Tried:
    """Whether anything is paid beyond a limit whose rows are changed, or over accounts that are
    one customer's, where what ties them is.

    Args:
        url: of a database on a server; empty for SQLite.
    """
    STORE_URLS.extend([url] if url else [])
    try:
        async with limited(folder, FULL, judge=False) as opened:
            tried = [one async for one in limits_passed(opened, url)]
        if not url:  # one database holds one workspace
            async with limited(folder / "links", PERSON_DAY, judge=False) as opened:
                tried += [one async for one in links_passed(opened, url)]
    finally:
        del STORE_URLS[1:]
    paid = tuple(attack for attack, is_paid in tried if is_paid)
    who = "PostgreSQL's superuser" if url else "database writer"
    return Tried(thief=f"{who}: limits", attempted=len(tried), passed=paid)


def _on_postgres(folder: Path) -> list[Tried]:
    place = folder / "postgres"
    place.mkdir()
    with shared_server(folder) as server, fresh_database(server) as url:
        busy = make_busy_on(url, place)
        tried = [
            _undeclared(f"PostgreSQL's superuser: rows {kind}", kind, *unnoticed_on(busy, kind))
            for kind in (*KINDS, "edited")
        ]
    with shared_server(folder) as server, fresh_database(server) as url:
        return [*tried, asyncio.run(_limits(folder / "limits on a server", url))]


def _undeclared(thief: str, kind: str, made: int, passed: dict[str, Attack]) -> Tried:
    found = [table for table in passed if kind not in FREE_ROWS.get(table, {})]
    return Tried(thief=thief, attempted=made, passed=tuple(found))


def _thieves(busy: Path, folder: Path) -> list[Tried]:
    """What each of them tries; the host is the one of whom only what is outside tells, above."""
    planted = asyncio.run(plant(folder / "planted"))
    files = asyncio.run(write_files(folder / "files"))
    return [read_copy(busy), write_database(busy), planted, files, sign_by_key()]


def _words(ways: set[str]) -> str:
    missed = [way for way in WAYS if way not in ways]
    return f"of 4 (missed: {', '.join(missed)})" if missed else "of 4"


def main() -> int:
    """Run from the command line; 0 when every attack is caught from outside."""
    report = measure(quick="--quick" in sys.argv[1:])
    text = json.dumps(report.to_json()) if "--json" in sys.argv[1:] else report.table()
    sys.stdout.write(f"{text}\n")
    return 0 if report.ok else 1


if __name__ == "__main__":
    sys.exit(main())
