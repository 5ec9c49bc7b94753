"""The same log in a PostgreSQL database: rows by COPY, guards and indexes as they are."""

from __future__ import annotations

import time
from collections.abc import Sequence

from bench.audit.log import (
    ACTION_COLUMNS,
    APPROVAL_COLUMNS,
    CARD_COLUMNS,
    DEPLOYMENT,
    TENANT,
    VOTE_COLUMNS,
    Built,
    action_row,
    approval_row,
    batches,
    card_rows,
    head_of,
    vote_rows,
)
from bench.report import show_progress
from sayso.audit.signed_note.note import Ed25519Signer
from sayso.audit.tree.merkle import Frontier


def vkey_of(url: str) -> str | None:
    """The key of the log that is there already; None in an empty database that has its schema."""
    from sayso.store.postgres.connection import connect_plainly  # needs an extra

    with connect_plainly(url) as connection:
        connection.execute("set app.tenant = '*'")
        found = connection.execute(
            "select vkey from sayso.log_key where tenant = %s", (TENANT,)
        ).fetchone()
    return found[0] if found else None


def build_postgres(url: str, signer: Ed25519Signer, count: int) -> Built:
    """Fill an empty database that has its schema.

    The trigger fills the columns beside the body, as it does for every entry. The login must be a
    superuser: COPY knows no row security.
    """
    from sayso.store.postgres.connection import connect_plainly  # needs an extra

    begin = time.perf_counter()
    frontier = Frontier()
    with connect_plainly(url) as connection:
        for setting in (
            "set search_path to sayso, pg_temp",
            "set app.tenant = '*'",
            "set synchronous_commit = off",
        ):
            connection.execute(setting)  # pyright: ignore[reportArgumentType, reportCallIssue]
        for batch in batches(count, frontier):
            with connection.transaction(), connection.cursor() as cursor:
                entries = [(TENANT, seq, body.decode()) for seq, body in batch.entries]
                _copy(cursor, "log_entry", ("tenant", "seq", "body"), entries)
                actions = [action_row(*one) for one in batch.actions]
                _copy(cursor, "action", ACTION_COLUMNS, actions)
                approvals = [approval_row(*one) for one in batch.approvals]
                _copy(cursor, "approval", APPROVAL_COLUMNS, approvals)
                _copy(cursor, "outbox", CARD_COLUMNS, card_rows(batch))
                _copy(cursor, "vote", VOTE_COLUMNS, vote_rows(batch))
        note, vkey = head_of(frontier, signer)
        connection.execute("insert into meta values ('deployment', %s)", (DEPLOYMENT,))
        connection.execute("insert into log_key values (%s, %s, 0, null)", (TENANT, vkey))
        head = (TENANT, count, frontier.to_bytes(), note)
        connection.execute("insert into log_head values (%s, %s, %s, %s)", head)
        show_progress("building: statistics")
        connection.execute("vacuum analyze log_entry")
    show_progress("")
    return Built(entries=count, seconds=time.perf_counter() - begin)


def _copy(
    cursor: object, table: str, columns: Sequence[str], rows: Sequence[tuple[object, ...]]
) -> None:
    import psycopg  # needs an extra

    assert isinstance(cursor, psycopg.Cursor)
    statement = f"copy {table} ({', '.join(columns)}) from stdin"
    with cursor.copy(statement) as copy:  # pyright: ignore[reportArgumentType, reportCallIssue]
        for row in rows:
            copy.write_row(row)
