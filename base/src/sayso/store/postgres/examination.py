"""Reading every table of a PostgreSQL database, to find what its medium does not give back.

Where the cluster has data checksums, a page that changed by itself fails as it is read; without
them the server notices only what is no page any more. What it has in its own memory is not read
from the disk again.
"""

from __future__ import annotations

from collections.abc import Sequence

import psycopg
from psycopg import sql

from sayso.errors import Code, SaysoError
from sayso.store.postgres.connection import SCHEMA, connect
from sayso.store.postgres.errors import store_error
from sayso.verdicts import damaged

_TABLES = """
select relname from pg_class where relnamespace = %s::regnamespace and relkind = 'r'
    and has_table_privilege(oid, 'select') order by relname
"""
# As text, so that what is stored apart from its row is read as well.
_READ = "select count(t::text) from {} t"
_SETTINGS = {"app.tenant": "*", "statement_timeout": "0"}


def read_parts(url: str) -> Sequence[str]:
    """The tables that this login may read."""
    with connect(url, writes=False, settings=_SETTINGS) as connection:
        rows = connection.execute(_TABLES, (SCHEMA,)).fetchall()
    return [str(name) for (name,) in rows]


def examine_part(url: str, part: str) -> None:
    """Read a whole table.

    Raises:
        ConfigError: `damaged`, with the table and the server's words, which name the page.
    """
    with connect(url, writes=False, settings=_SETTINGS) as connection:
        try:
            connection.execute(sql.SQL(_READ).format(sql.Identifier(SCHEMA, part)))
        except psycopg.Error as error:
            meant = store_error(error)
            if isinstance(meant, SaysoError) and meant.code is Code.DAMAGED:
                told = error.diag.message_primary or "it cannot be read"
                raise damaged(f"the table `{part}`: {told}", detail=meant.detail) from error
            raise
