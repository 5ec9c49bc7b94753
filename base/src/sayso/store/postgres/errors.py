"""What PostgreSQL's errors mean for the caller."""

from __future__ import annotations

import psycopg
from psycopg import errors

from sayso.errors import (
    Code,
    ConfigError,
    IntegrityError,
    RetryableError,
    SaysoError,
    logged,
)
from sayso.store.units import not_one_row
from sayso.verdicts import damaged

_BUSY = (
    errors.LockNotAvailable,
    errors.QueryCanceled,
    errors.DeadlockDetected,
    errors.SerializationFailure,
    errors.TooManyConnections,
)
_OTHER_SCHEMA = (
    errors.UndefinedTable,
    errors.UndefinedColumn,
    errors.UndefinedFunction,
    errors.InvalidSchemaName,
)

_DAMAGE = (errors.DataCorrupted, errors.IndexCorrupted, errors.IoError, errors.UndefinedFile)
"""What a server says of a file of its own that it cannot read; a checksum that fails, too."""

WRITABLE = (
    "point `store.url` at the primary; there, see `show default_transaction_read_only` and "
    "`select pg_is_in_recovery()`"
)
"""The next step where a server answers, and takes no writes."""


class ConnectionLostError(Exception):
    """The connection broke; whatever it had not committed is undone by the server."""


def logged_with_state(error: BaseException) -> str:
    """As `errors.logged`, with the server's SQLSTATE and the names of ours that it is about.

    Guarantees: no word of the server's, which quotes values: `Key (tenant, id)=(main, cus_1)`.
    Such as `UniqueViolation 23505 subject subject_pkey`.
    """
    told = logged(error)
    server = error if isinstance(error, psycopg.Error) else error.__cause__
    if not isinstance(server, psycopg.Error) or server.sqlstate is None:
        return told
    names = (server.diag.table_name, server.diag.constraint_name)
    return " ".join([told, server.sqlstate, *(name for name in names if name)])


def is_replanned(error: BaseException) -> bool:
    """Whether a migration has just changed a table under a prepared statement."""
    return isinstance(error, errors.FeatureNotSupported) and "cached plan" in str(error)


def is_lost(error: BaseException) -> bool:
    """Whether the connection broke under a statement, or the server ended it as it stopped."""
    if isinstance(error, (errors.AdminShutdown, errors.CrashShutdown, errors.CannotConnectNow)):
        return True
    return isinstance(error, psycopg.OperationalError) and error.sqlstate is None


def unreachable(detail: str) -> RetryableError:
    """There is no connection, and so nothing was asked."""
    return RetryableError(
        Code.STORE_UNAVAILABLE,
        "the database server cannot be reached",
        next_step="check `store.url` and that the server runs, then try again",
        detail=detail,
    )


def read_only(detail: str) -> RetryableError:
    """The server answers, and takes no writes: a standby, perhaps until it is promoted."""
    return RetryableError(
        Code.STORE_READ_ONLY,
        "the database server takes no writes now",
        next_step=WRITABLE,
        detail=detail,
    )


def lost(detail: str = "") -> RetryableError:
    """The server went away before anything was committed."""
    return RetryableError(
        Code.STORE_UNAVAILABLE,
        "the connection to the database was lost, and nothing was stored",
        next_step="try again",
        detail=detail,
    )


def store_error(error: BaseException) -> BaseException:
    """Say what an error of PostgreSQL or of its driver means; other errors stay as they are."""
    if isinstance(error, ConnectionLostError):
        return lost(str(error))
    if isinstance(error, psycopg.Error):
        return _of_driver(error)
    return error


def unit_error(error: BaseException) -> BaseException:
    """The same for what a unit sent, where a division by zero is a `(one row)` that was not."""
    if isinstance(error, errors.DivisionByZero):
        return not_one_row(str(error).strip())
    return store_error(error)


def _of_driver(error: psycopg.Error) -> SaysoError:
    detail = str(error).strip()
    if isinstance(error, errors.IntegrityError):
        return IntegrityError(
            Code.TAMPERED,
            "the database refused a write that contradicts it",
            next_step="run `sayso audit verify`",
            detail=detail,
        )
    if isinstance(error, _BUSY) or is_replanned(error):
        return RetryableError(
            Code.STORE_BUSY,
            "the database is busy",
            next_step="try again; if it stays so, see who holds locks in pg_stat_activity",
            detail=detail,
        )
    if isinstance(error, _DAMAGE):
        return damaged(str(error.diag.message_primary or "a file cannot be read"), detail=detail)
    code, problem, step = _lasting(error)
    return ConfigError(code, f"the database {problem}", next_step=step, detail=detail)


def _lasting(error: psycopg.Error) -> tuple[Code, str, str]:
    match error:
        case errors.DiskFull() | errors.OutOfMemory():
            return Code.STORE_FULL, "has no room left", "free some disk space on its server"
        case errors.ReadOnlySqlTransaction():
            return Code.STORE_READ_ONLY, "cannot be written", WRITABLE
        case errors.InsufficientPrivilege():
            step = "run `sayso migrate` as the owner, and `grant sayso_app` to this login"
            return Code.STORE_READ_ONLY, "does not let this login do that", step
        case errors.InvalidCatalogName():
            return Code.STORE_UNAVAILABLE, "does not exist", "create it, then run `sayso migrate`"
        case _ if isinstance(error, _OTHER_SCHEMA):
            return Code.STORE_VERSION, "has other tables than expected", "run `sayso migrate`"
        case _:
            step = "check `store.url` and that the server runs"
            return Code.STORE_UNAVAILABLE, "cannot be used", step
