"""The engine's own connections: the same database, a role of ours, and no waiting for the disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
from psycopg import conninfo

from sayso.store.postgres_connection import APP_ROLE

if TYPE_CHECKING:
    from sqlalchemy import Engine

_IDLE_S = 10
_LOCK_S = 5


def open_pool(url: str, *, role: str = APP_ROLE, size: int = 8) -> Engine:
    """A pool of connections for DBOS.

    Args:
        url: of the database, as `store.url` has it.
        role: that they act as.

    Guarantees: what DBOS commits on them is not waited for (`synchronous_commit = off`). A crash
    of the server may lose its newest commits, which only say what was delivered; that is looked
    up in our rows. What hands work over is part of our own, durable commits.
    """
    import sqlalchemy  # heavy, and needs the extra `fleet`

    asked = conninfo.conninfo_to_dict(url)
    given = asked.get("options")
    ours = (
        f"-c role={role} -c synchronous_commit=off -c lock_timeout={_LOCK_S}s"
        f" -c idle_in_transaction_session_timeout={_IDLE_S}s -c search_path=pg_catalog,pg_temp"
    )
    parameters = conninfo.make_conninfo(
        url,
        options=f"{given} {ours}" if given else ours,
        application_name="sayso-fleet",
        connect_timeout=asked.get("connect_timeout", "5"),
        target_session_attrs="read-write",
        keepalives_idle="10",
        keepalives_interval="5",
        keepalives_count="3",
        tcp_user_timeout="20000",
    )
    return sqlalchemy.create_engine(
        "postgresql+psycopg://",
        creator=lambda: psycopg.connect(parameters),
        pool_size=size,
        max_overflow=0,
        pool_timeout=30,
        pool_recycle=3600,
    )
