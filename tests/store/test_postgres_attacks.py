"""The fifteen attacks on a PostgreSQL database, by somebody with every right on its server."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, cast

import psycopg
import pytest
from audit.attacks import ATTACKS, OK, TAMPERED
from audit.small_log import DEPLOYMENT, SIZE, SmallLog
from surfaces.cli.cli_workspace import Line

from sayso.audit.verifier.checks import Trust
from sayso.audit.verifier.stored_rows import STORED, row_text
from sayso.audit.verifier.verification import Check
from sayso.sdk.audit.verifying import verify_postgres
from sayso.store.base import blob
from sayso.store.postgres.connection import connect_plainly
from sayso.store.postgres.store import open_reader

# A superuser takes every guard away, but for the one that fills the columns beside the body.
GUARDS_OFF = """
set search_path to sayso, pg_temp;
set app.tenant = '*';
alter table log_entry disable trigger all;
alter table log_entry enable trigger log_entry_is_dense;
alter table log_head disable trigger all;
alter table log_key disable trigger all;
alter table action disable trigger all;
alter table approval disable trigger all;
"""
# What the attacks write for the small tables of SQLite, in the words of the real ones.
IN_OTHER_WORDS = {
    "insert or replace into log_head values (?, ?, ?, ?)": (
        "insert into log_head (tenant, size, frontier, note) values (?, ?, ?, ?)"
        " on conflict (tenant) do update set size = excluded.size, frontier = excluded.frontier,"
        " note = excluded.note"
    ),
    "insert into action values (?, ?, ?, ?, ?)": (
        "insert into action (tenant, id, status, revision, last_seq, idempotency_key, fingerprint,"
        " requester, name, subject_id, assurance, args, planner, created_at, updated_at)"
        " select tenant, id, status, revision, last_seq, gen_random_uuid()::text, '',"
        " 'agent:agt_1', 'shop.refund', '', '', '', '', coalesce((select min(e.at)"
        " from log_entry e where e.action_id = given.id), 0), 0 from"
        " (values (?, ?, ?, ?::bigint, ?::bigint))"
        " as given (tenant, id, status, revision, last_seq)"
    ),
    "insert into approval values (?, ?, ?, ?)": (
        "insert into approval (tenant, id, status, last_seq, action_id, revision, digest, view,"
        " roles, requester, expires_at, created_at, updated_at) select tenant, id, status,"
        " last_seq, replace(id, 'apr', 'act'), 1, '', '', '', '', 0, coalesce((select min(e.at)"
        " from log_entry e where e.approval_id = given.id), 0), 0"
        " from (values (?, ?, ?, ?::bigint)) as given (tenant, id, status, last_seq)"
    ),
}


class Translated:
    """Takes the statements of the attacks, which are written for SQLite."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    def execute(self, statement: str, values: Sequence[object] = ()) -> None:
        """Run one."""
        words = re.sub(r"\s+", " ", IN_OTHER_WORDS.get(statement, statement)).replace("?", "%s")
        self._connection.execute(words.encode(), list(values) or None)


@contextmanager
def superuser(url: str) -> Generator[sqlite3.Connection]:
    """A connection that no guard stops; what it did is committed at the end."""
    with connect_plainly(url) as connection:
        connection.execute(GUARDS_OFF)
        with connection.transaction():
            yield cast("sqlite3.Connection", Translated(connection))


def write(log: SmallLog, url: str) -> None:
    """Put the small log into the database."""
    with superuser(url) as database:
        database.execute("insert into meta values ('deployment', ?)", (DEPLOYMENT,))
        for vkey, from_size in log.keys:
            key = (log.tenant, vkey, from_size)
            database.execute("insert into log_key values (?, ?, ?, null)", key)
        log.store_bodies(database)
        log.store_head(database)
        if not log.plain:
            log.store_state(database)


def test_an_untouched_log_verifies_on_postgresql(postgres_url: str) -> None:
    """No false alarm: what the attacks below change is a log in which nothing is wrong."""
    log = SmallLog()
    write(log, postgres_url)
    trust = Trust.parse([log.signer.vkey], [log.note(20).encode(), log.note().encode()])
    found = verify_postgres(postgres_url, trust=trust, deep=True)
    assert found.verdict is OK, found.all_findings
    assert (found.logs[0].entries, found.logs[0].state_rows) == (SIZE, 20)


@pytest.mark.promise("audit:attacks")
@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_on_the_server_is_noticed(name: str, postgres_url: str) -> None:
    """A superuser with the triggers off is caught, as whoever edits a SQLite file is."""
    attack, log = ATTACKS[name], SmallLog()
    write(log, postgres_url)
    key, seen = log.signer.vkey, log.note().encode()
    with superuser(postgres_url) as database:
        attack.change(database, log)
    assert verify_postgres(postgres_url, trust=Trust()).verdict is attack.alone
    assert verify_postgres(postgres_url, trust=Trust.parse([key])).verdict is attack.pinned
    found = verify_postgres(postgres_url, trust=Trust.parse([key], [seen]))
    assert found.verdict is TAMPERED
    assert attack.outside in {one.damage for one in found.all_findings}


@pytest.mark.parametrize("name", ["edit a body", "delete from the middle", "cut the end off"])
def test_the_command_line_says_so_with_its_exit_status(
    name: str, postgres_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """`sayso audit verify postgresql://…` ends with 1, and names the damage."""
    log = SmallLog()
    write(log, postgres_url)
    line = Line(capsys)
    assert line("audit", "verify", postgres_url, "--vkey", log.signer.vkey).status == 0
    with superuser(postgres_url) as database:
        ATTACKS[name].change(database, log)
    ran = line("audit", "verify", postgres_url, "--vkey", log.signer.vkey, "--json")
    assert (ran.status, ran.json["verdict"]) == (1, "tampered")


CHANGED_COLUMNS = {
    "kind": "'action.failed'",
    "actor": "null",
    "at": "at + 1",
    "amount_minor": "coalesce(amount_minor, 0) + 1",
    "request_id": "chr(1)",
    "name": "name || chr(31)",
    "status": "status || chr(10)",
    "rule": "chr(31) || chr(1) || chr(10)",
}
"""What a superuser writes beside a body, also what stands between values where they are read."""


@pytest.mark.parametrize("column", CHANGED_COLUMNS)
def test_a_column_that_says_something_else_is_named(column: str, postgres_url: str) -> None:
    """Whatever is written into it, it is found at its entry and nowhere else."""
    log = SmallLog()
    write(log, postgres_url)
    with superuser(postgres_url) as database:
        database.execute(f"update log_entry set {column} = {CHANGED_COLUMNS[column]} where seq = 5")
    found = verify_postgres(postgres_url, trust=Trust.parse([log.signer.vkey]))
    assert [(one.check, one.seq, one.message) for one in found.all_findings] == [
        (Check.PROJECTIONS_AGREE, 5, f"the column `{column}` does not say what the body says")
    ]


def test_the_server_writes_the_columns_of_a_row_as_we_do(postgres_url: str) -> None:
    """Else each entry would be compared value by value, at several times the cost."""
    log = SmallLog(len(STORED) + 3, plain=True)
    write(log, postgres_url)
    odd: dict[str, object] = {
        name: f'{name}\x01\x1f\x7f\x80ß\u2028😀"\\/\b\f\n\r\t' for name in STORED
    }
    odd |= {"at": 2**63 - 1, "amount_minor": -(2**63)}
    empty: dict[str, object] = {name: 0 if type(odd[name]) is int else "" for name in STORED}
    nothing = dict.fromkeys(STORED)
    written: list[Mapping[str, object]] = [odd | {name: None} for name in STORED]
    written += [odd, empty, nothing]
    with superuser(postgres_url) as database:
        for seq, columns in enumerate(written):
            assigned = ", ".join(f"{name} = ?" for name in columns)
            statement = f"update log_entry set {assigned} where seq = {seq}"
            database.execute(statement, cast("list[str]", list(columns.values())))
    with open_reader(postgres_url) as reader:
        (page,) = reader.all("log.texts_to_verify", tenant=log.tenant, seq=0, limit=100)
    expected = [row_text(log.tenant, seq, columns) for seq, columns in enumerate(written)]
    assert blob(page, "said").split(b"\n") == expected


def test_a_body_with_a_line_break_is_found_at_its_entry(postgres_url: str) -> None:
    """Line breaks stand between the bodies of a page, so such a page is read row by row."""
    log = SmallLog(12, plain=True)
    write(log, postgres_url)
    with superuser(postgres_url) as database:
        database.execute("update log_entry set body = body || chr(10) || body where seq = 5")
    found = verify_postgres(postgres_url, trust=Trust()).all_findings
    assert [one.seq for one in found if one.check is Check.BODY_CANONICAL] == [5]
    assert not [one for one in found if one.check in {Check.BODY_SEQ, Check.SEQ_DENSE}]


@pytest.mark.parametrize(
    "gap", [(5, 5), (995, 1004), (999, 999), (1000, 1999), (1500, 2399)], ids=str
)
def test_a_gap_at_any_place_is_found_once(gap: tuple[int, int], postgres_url: str) -> None:
    """The server is asked for the next page before it is known where it begins."""
    log = SmallLog(2400, plain=True)
    write(log, postgres_url)
    assert verify_postgres(postgres_url, trust=Trust()).verdict is OK
    with superuser(postgres_url) as database:
        database.execute("delete from log_entry where seq between ? and ?", gap)
    found = verify_postgres(postgres_url, trust=Trust())
    first, last = gap
    assert (found.verdict, found.entries) == (TAMPERED, 2399 + first - last)
    said = [(one.seq, one.last_seq) for one in found.all_findings if one.check is Check.SEQ_DENSE]
    assert said == ([] if last == 2399 else [gap])
