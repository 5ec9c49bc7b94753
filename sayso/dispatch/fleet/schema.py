"""The engine's tables, made by `sayso migrate`; no worker changes a schema."""

from __future__ import annotations

import logging

import psycopg

from sayso.dispatch.fleet.contract import (
    APPLICATION,
    APPLICATION_VERSION,
    SCHEMA,
    check_package,
    check_schema,
    only_json,
    open_pool,
    unusable,
)
from sayso.store.postgres.connection import APP_ROLE, OWNER_ROLE, connect_plainly
from sayso.store.postgres.errors import store_error


def migrate_fleet(url: str) -> None:
    """Bring the engine's schema to the version that is installed, and let workers use it.

    Args:
        url: of a login that may create schemas, or for which that has been done; see
            `migrate_postgres`, which runs first.

    Guarantees: waits five seconds for a table at most; doing it again changes nothing.

    Raises:
        ConfigError: `missing_extra`, `engine_unavailable`, `store_unavailable`.
        RetryableError: `store_busy`, when a table stays locked.
    """
    check_package()
    with connect_plainly(url) as connection:
        try:
            connection.execute(
                f"create schema if not exists {SCHEMA} authorization {OWNER_ROLE}".encode()
            )
            _run_migrations(url)
            connection.execute(f"set role {OWNER_ROLE}".encode())
            connection.execute(f"grant usage on schema {SCHEMA} to {APP_ROLE}".encode())
            connection.execute(
                "grant select, insert, update, delete on all tables in schema"
                f" {SCHEMA} to {APP_ROLE}".encode()
            )
            connection.execute(
                f"revoke insert, update, delete on {SCHEMA}.dbos_migrations"
                f" from {APP_ROLE}".encode()
            )
            connection.execute(f"set role {APP_ROLE}".encode())
            check_schema(connection)
        except psycopg.Error as error:
            raise store_error(error) from error


def _run_migrations(url: str) -> None:
    """Launch DBOS once as the owner, which migrates; it listens to no queue of ours."""
    from dbos import DBOS  # heavy, and needs the extra `fleet`

    serializer = only_json()
    quiet(logging.getLogger("dbos"))
    pool = open_pool(url, role=OWNER_ROLE, size=4)
    try:
        DBOS(
            config={
                "name": APPLICATION,
                "system_database_engine": pool,
                "dbos_system_schema": SCHEMA,
                "serializer": serializer,
                "use_listen_notify": False,
                "run_migrations": True,
                "application_version": APPLICATION_VERSION,
                "executor_id": "sayso-migrate",
                "enable_otlp": False,
                "log_level": "WARNING",
                "notification_listener_polling_interval_sec": 0.1,
            }
        )
        DBOS.listen_queues([])
        DBOS.launch()
    except Exception as error:
        # DBOS raises SQLAlchemy's errors and its own; all mean that its tables are not there.
        raise unusable(error) from error
    finally:
        DBOS.destroy(destroy_registry=True)
        pool.dispose()


def quiet(logger: logging.Logger) -> None:
    """Keep the engine's own console handler and its notices away; warnings go to our log."""
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
    logger.setLevel(logging.WARNING)
