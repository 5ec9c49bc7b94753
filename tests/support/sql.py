"""What somebody does who has the database and nothing else, on either store: guards off."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any

from support.shop_workspace import ShopWorkspace

from sayso.store.postgres.connection import connect_plainly

_TRIGGERS = b"""
select tgrelid::regclass::text, tgname,
    case tgenabled when 'A' then 'enable always' else 'enable' end
from pg_trigger where not tgisinternal and tgrelid::regclass::text not like 'dbos.%'
"""


def run_sql(url: str, opened: ShopWorkspace, statement: str) -> list[tuple[Any, ...]]:
    """Run a statement as the owner of the database; what it finds, if it looks.

    Args:
        url: of the store, as the fixture `store_url` says it.
    """
    if url.startswith("postgres"):
        with connect_plainly(url) as admin:
            admin.execute(b"set search_path = sayso")
            triggers = admin.execute(_TRIGGERS).fetchall()
            for table, name, _ in triggers:
                admin.execute(f"alter table {table} disable trigger {name}".encode())
            done = admin.execute(statement.encode())
            found = [] if done.description is None else done.fetchall()
            for table, name, how in triggers:  # what fills columns has to be there afterwards
                admin.execute(f"alter table {table} {how} trigger {name}".encode())
            return found
    with closing(sqlite3.connect(opened.workspace.store_path)) as rows, rows:
        for (name,) in rows.execute("select name from sqlite_master where type = 'trigger'"):
            rows.execute(f"drop trigger {name}")
        return rows.execute(statement).fetchall()
