"""Somebody who can write the database, and does so behind Sayso's back."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from sayso.sdk.wiring.database import is_postgres
from sayso.sdk.workspace import Workspace
from sayso.store.postgres.connection import connect_plainly

_TABLES = (
    *("action", "approval", "vote", "request", "limit_use", "log_entry", "customer_link"),
    "subject",
)


def overwrite(workspace: Workspace, statement: str) -> None:
    """Run a statement that changes rows; the guards of the tables are as before afterwards."""
    if is_postgres(workspace):
        with connect_plainly(workspace.store_url) as admin:
            admin.execute("set search_path to sayso")
            for table in _TABLES:
                admin.execute(f"alter table {table} disable trigger user".encode())
            assert admin.execute(statement.encode()).rowcount > 0
            for table in _TABLES:
                admin.execute(f"alter table {table} enable trigger user".encode())
            admin.execute("select guard_tables()")
        return
    with closing(sqlite3.connect(workspace.store_path)) as rows, rows:
        guards = rows.execute(
            "select name, sql from sqlite_master where type = 'trigger'"
        ).fetchall()
        for name, _ in guards:
            rows.execute(f"drop trigger {name}")
        assert rows.execute(statement).rowcount > 0
        for _, sql in guards:
            rows.execute(sql)
