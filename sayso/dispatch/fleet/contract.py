"""What is relied upon of DBOS, in one place, and the check that it is there.

`dbos.enqueue_workflow` is a documented function of its schema, called inside our transactions by
the trigger `hand_over` of `0033_pre_base.sql`; the names here stand in that file too (a test
compares).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Never, cast

import psycopg
from psycopg import conninfo

from sayso.errors import Code, ConfigError
from sayso.extras import missing_extra
from sayso.store.postgres.connection import APP_ROLE

if TYPE_CHECKING:
    from dbos import Serializer
    from sqlalchemy import Engine

    from sayso.store.postgres.connection import PgConnection

SCHEMA = "dbos"
QUEUE = "sayso"
WORKFLOW = "sayso.advance"
APPLICATION = "sayso"
APPLICATION_VERSION = "sayso-1"
"""INVARIANT: pinned. By default it is a hash of the code, and a worker takes nothing of another
one's version (docs/decisions/0014). All applications of a database share these names."""
ARGUMENTS = (
    *("workflow_name", "queue_name", "positional_args", "workflow_id", "app_version"),
    *("priority", "application_name"),
)
_MAJOR, _MINOR = 3, 4


def check_package(find: Callable[[str], str] = version) -> None:
    """Refuse a DBOS that was never tried.

    Args:
        find: the version of an installed package.

    Raises:
        ConfigError: `missing_extra`; `engine_unavailable` for another version.
    """
    try:
        found = find("dbos")
    except PackageNotFoundError as error:
        raise missing_extra("fleet", "a fleet needs an optional part") from error
    numbers = [int(part) for part in re.findall(r"\d+", found)[:2]]
    if len(numbers) < 2 or numbers[0] != _MAJOR or numbers[1] < _MINOR:
        raise _unavailable(f"DBOS {found} is installed", f"dbos>={_MAJOR}.{_MINOR},<{_MAJOR + 1}")


def check_schema(connection: PgConnection) -> None:
    """Refuse a database in which nothing can be handed over.

    Raises:
        ConfigError: `engine_unavailable`.
    """
    row = connection.execute(
        "select bool_or(p.proargnames @> %s::text[]"
        " and has_function_privilege(p.oid, 'execute')) from pg_proc p"
        " join pg_namespace n on n.oid = p.pronamespace"
        " where n.nspname = %s and p.proname = 'enqueue_workflow'",
        [list(ARGUMENTS), SCHEMA],
    ).fetchone()
    if row is None or not row[0]:
        raise _unavailable(
            f"the database has no `{SCHEMA}.enqueue_workflow` as it is called here",
            '`sayso migrate`, with [dispatch] engine = "fleet"',
        )


def only_json() -> Serializer:
    """Have DBOS read JSON and nothing else in this process; what it is to write with.

    INVARIANT: no row of its tables is code. Whatever its setting is, DBOS unpickles each value
    whose row says `py_pickle`, and whoever may write rows would run code by it in every worker. So
    what unpickles is taken away, before anything is read.

    Raises:
        ConfigError: `engine_unavailable`, when there is another way to unpickle.
    """
    try:
        values = import_module("dbos._serialization")  # heavy, and needs the extra `fleet`
        pickled, portable = values.DefaultSerializer, values.DBOSPortableJSON
        if type(values.DBOSDefaultSerializer) is not pickled or "deserialize" not in vars(pickled):
            raise AttributeError("DBOSDefaultSerializer")
    except (AttributeError, ImportError) as error:
        raise _unavailable("how it reads its rows is not known", "the detail", str(error)) from None
    pickled.deserialize = pickled.serialize = _refuse_code
    return cast("Serializer", portable)


def _refuse_code(_self: object, _value: object) -> Never:
    raise TypeError("a row of the engine that is not JSON is not read")


def unusable(error: Exception) -> ConfigError:
    """What any other trouble with the engine is to its operator."""
    return _unavailable(f"DBOS does not start: {type(error).__name__}", "the detail", str(error))


def _unavailable(problem: str, needs: str, detail: str = "") -> ConfigError:
    return ConfigError(
        Code.ENGINE_UNAVAILABLE,
        f"the fleet's engine cannot be used: {problem}",
        next_step=f"see {needs}; until then the workers' own sweep carries everything",
        detail=detail,
    )


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
