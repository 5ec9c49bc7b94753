"""What is declared personal is blank after an erasure, and stands in no entry; on both stores."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from typing import TypeAlias

import pytest
from audit.texts import Personal, marked, personal_columns, texts_in
from sdk.customers import ANA, MAIN, MARIA, decide, everything_stored, live
from support.shop_workspace import ShopWorkspace

from sayso.actions.approvals.decision import DecisionChoice
from sayso.actions.controls.kill_switch import Resumption
from sayso.store.base import Reader, text

pytestmark = pytest.mark.promise("subjects:texts")
MARK = "qzcanaryqz"
ENDED = {
    "action": "status in ('succeeded', 'rejected', 'refused', 'expired', 'failed')",
    "approval": "status not in ('pending')",
    "request": "status in ('answered', 'handed_over')",
    "stop": "released_at is not null",
    "request_answer": "1 = 1",
}
"""Rows of what is over: whatever is open is refused first, and its row is compared with the log."""


Statement: TypeAlias = tuple[str, tuple[str, ...]]


def run_behind(opened: ShopWorkspace, *statements: Statement) -> list[list[str]]:
    """Statements of somebody who writes the database, whom no trigger holds back."""
    if str(opened.workspace.store_url).startswith("sqlite"):
        with closing(sqlite3.connect(opened.workspace.store_path, isolation_level=None)) as rows:
            for (name,) in rows.execute("select name from sqlite_master where type = 'trigger'"):
                rows.execute(f'drop trigger "{name}"')
            return [
                [str(row[0]) for row in rows.execute(sql, values)] for sql, values in statements
            ]
    from sayso.store.postgres.connection import connect_plainly  # needs an extra

    with connect_plainly(str(opened.workspace.store_url)) as connection:
        for table in ENDED:
            connection.execute(f'alter table sayso."{table}" disable trigger user'.encode())
        connection.execute("set search_path = sayso")
        found: list[list[str]] = []
        for sql, values in statements:
            cursor = connection.execute(sql.replace("?", "%s").encode(), values)
            found.append([str(row[0]) for row in cursor.fetchall()] if cursor.description else [])
        return found


def values_of(opened: ShopWorkspace, table: str, column: str) -> list[str]:
    """What is stored in a column of what is over."""
    where = f'"{column}" is not null and ({ENDED[table]})'
    return run_behind(opened, (f'select "{column}" from "{table}" where {where}', ()))[0]


async def live_widely(opened: ShopWorkspace) -> None:
    """A life that fills every column that is declared personal."""
    await live(opened)
    sayso = opened.sayso
    await sayso.ask(ANA, "and Quispe's lamp?", conversation="thread Quispe", idempotency_key="w2")
    for request in await sayso.requests.list():
        for action in request.actions:
            if action.status == "pending_approval":
                await decide(opened, action, DecisionChoice.REJECT)
    await sayso.container.dispatcher.drain()
    stop = await sayso.stops.engage("customer", ANA, reason="Quispe rang")
    for person in ("maria", "noor"):
        call = Resumption(
            tenant=MAIN,
            stop_id=stop.id,
            person=person,
            via="test",
            credential="host",
            key=f"{person}, for Quispe",
        )
        await sayso.container.stops.resume(call)
    (about, *_) = await sayso.requests.list()
    answered = "insert into request_answer (tenant, key_sha256, request_id, fingerprint)"
    run_behind(opened, (f"{answered} values ('main', ?, ?, ?)", ("a" * 64, about.id, "b" * 64)))


BLANKED = [one for one in personal_columns() if one[0] in ENDED]
OTHERS = {"erasure.subject_id", "subject.id"}
"""Of the customer's id alone, which every test here looks for."""


def test_no_personal_column_is_left_out() -> None:
    """Each is filled and searched for here, or holds the id alone."""
    declared = {f"{table}.{column}" for table, column, _ in personal_columns()}
    assert declared - {f"{table}.{column}" for table, column, _ in BLANKED} == OTHERS


@pytest.mark.parametrize(
    ("table", "column", "personal"),
    BLANKED,
    ids=[f"{table}.{column}" for table, column, _ in BLANKED],
)
async def test_what_is_declared_personal_is_gone_after_an_erasure(
    opened: ShopWorkspace, table: str, column: str, personal: Personal
) -> None:
    """Filled with a mark wherever it may quote a customer, then searched for in every table."""
    await live_widely(opened)
    stored = values_of(opened, table, column)
    setting = f'update "{table}" set "{column}" = ? where ({ENDED[table]})'
    edits: list[Statement] = [
        (f'{setting} and "{column}" = ?', (marked(value, MARK, personal.kept), value))
        for value in stored
        if value != ANA  # by which the customer is found
    ]
    if not stored:  # as of a question, which goes with the answer to it
        edits.append((setting, (f'{{"said":"{MARK}"}}',)))
    if edits:
        run_behind(opened, *edits)
        assert MARK in await everything_stored(opened)
    await opened.sayso.privacy.erase(ANA, reason="subject_request", by=MARIA)
    left = await everything_stored(opened)
    for gone in (MARK, ANA):
        assert gone not in left, left[max(left.index(gone) - 300, 0) : left.index(gone) + 100]


async def test_nothing_that_is_declared_personal_stands_in_an_entry(opened: ShopWorkspace) -> None:
    """The log is for good: no text of any such column is in it, whatever adds a column."""
    await live_widely(opened)
    bodies = await opened.sayso.container.store.read(_bodies)
    found: list[tuple[str, str, str]] = []
    for table, column, personal in BLANKED:
        for value in values_of(opened, table, column):
            found += [
                (table, column, one)
                for one in texts_in(value, personal.kept)
                if len(one) > 3
                and re.search(r"[\s\dA-Z]", one)
                and any(one in body for body in bodies)
            ]
    assert found == []


def _bodies(reader: Reader) -> list[str]:
    rows = reader.all("log.bodies", tenant=MAIN, from_seq=0, limit=10_000)
    return [text(row, "body") for row in rows]
