"""Opening connections to PostgreSQL, with the settings that durability and waiting rest on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import psycopg
from psycopg import conninfo

from sayso.errors import Code, ConfigError
from sayso.store.postgres.errors import is_lost, read_only, store_error, unreachable

PgConnection: TypeAlias = "psycopg.Connection[Any]"

SCHEMA = "sayso"
APP_ROLE = "sayso_app"
OWNER_ROLE = "sayso_owner"
AUDITOR_ROLE = "sayso_auditor"
STATEMENT_TIMEOUT_S = 30
IDLE_TIMEOUT_S = 3
"""How long a writer that stands still may hold everybody up before the server ends it."""

# SOURCE: PostgreSQL documentation, libpq connection parameters. A URL may say otherwise.
_CONNECT: Mapping[str, str] = {
    "application_name": "sayso",
    "connect_timeout": "5",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "20000",
}
_SESSION: Mapping[str, str] = {
    "role": APP_ROLE,
    "search_path": f"{SCHEMA}, pg_temp",
    "default_transaction_isolation": "read committed",
    "statement_timeout": f"{STATEMENT_TIMEOUT_S}s",
    "idle_in_transaction_session_timeout": f"{IDLE_TIMEOUT_S}s",
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
    "jit": "off",
}
# INVARIANT: anything weaker could forget an intent whose call has left already.
_TAKES_NO_WRITES = ("session is read-only", "server is in hot standby mode")
# SOURCE: libpq's words for a server that `target_session_attrs` turns down.
_DURABLE = {"on", "remote_apply"}


def connect(url: str, *, writes: bool = True, settings: Mapping[str, str] = {}) -> PgConnection:
    """Open a connection in autocommit mode that acts as `sayso_app`.

    Args:
        writes: whether only a server that takes writes will do.
        settings: of the session, in place of ours.

    Raises:
        ConfigError: `store_unavailable`, `store_version` when nothing was migrated yet.
        RetryableError: `store_unavailable`, while the server cannot be reached.
    """
    connection = connect_plainly(url, writes=writes)
    try:
        _set_up(connection, {**_SESSION, **settings})
    except BaseException as error:
        connection.close()
        if isinstance(error, psycopg.errors.InvalidParameterValue):
            raise ConfigError(
                Code.STORE_VERSION,
                "the database has no Sayso schema yet",
                next_step="run `sayso migrate`",
                detail=str(error),
            ) from error
        if is_lost(error):
            raise unreachable(str(error).strip()) from error
        raise store_error(error) from error
    return connection


def connect_plainly(url: str, *, writes: bool = True) -> PgConnection:
    """Open a connection as the URL's own login, without any setting of the session.

    Raises:
        ConfigError: `invalid_setting`, `store_unavailable`.
        RetryableError: `store_unavailable`, while the server cannot be reached.
    """
    try:
        parameters = conninfo.conninfo_to_dict(url)
    except psycopg.Error:
        raise _bad_url() from None
    wanted = {**_CONNECT, **({"target_session_attrs": "read-write"} if writes else {})}
    try:
        return psycopg.connect(
            conninfo.make_conninfo("", **{**wanted, **parameters}),
            autocommit=True,
            prepare_threshold=None,
        )
    except psycopg.OperationalError as error:
        detail = str(error).strip()
        if error.sqlstate is None and "invalid " in detail:
            raise _bad_url() from None
        if writes and any(words in detail for words in _TAKES_NO_WRITES):
            raise read_only(detail) from error
        if error.sqlstate is None and not _is_refusal(detail):
            raise unreachable(detail) from error
        raise store_error(error) from error


def _bad_url() -> ConfigError:
    # NOTE: without libpq's words: it quotes the part it does not like, which may be a password.
    return ConfigError(
        Code.INVALID_SETTING,
        "`store.url` is no PostgreSQL URL",
        next_step="write it as postgresql://USER@HOST:PORT/DATABASE",
    )


def _is_refusal(detail: str) -> bool:
    """Whether the server answered, and said that waiting will not help."""
    words = ("does not exist", "authentication failed", "no password supplied", "pg_hba.conf")
    return any(word in detail for word in words)


def _set_up(connection: PgConnection, settings: Mapping[str, str]) -> None:
    calls = ", ".join(["set_config(%s, %s, false)"] * len(settings))
    values = [part for pair in settings.items() for part in pair]
    connection.execute(f"select {calls}", values)  # pyright: ignore[reportArgumentType, reportCallIssue]
    row = connection.execute("show synchronous_commit").fetchone()
    if row is None or row[0] not in _DURABLE:
        connection.execute("set synchronous_commit = on")
