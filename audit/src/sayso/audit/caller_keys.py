"""Callers' idempotency keys as the log knows them, each by a MAC in the entry that took it."""

from __future__ import annotations

import orjson

from sayso.audit.authority.keyring import Keyring
from sayso.audit.authority.state import changed_outside
from sayso.ids import Tenant
from sayso.store.base import Reader

CALLER_KEY = "caller_key"
"""Where the entry with which an action or a request begins, or is answered, has a MAC of the key by
which its caller finds it again. NOTE: an index of the log's is over these very bytes."""


def caller_key(keyring: Keyring, table: str, tenant: Tenant, key: str) -> str:
    """What an entry says of a caller's key, so that it is known by the log, and by nobody else."""
    return keyring.seal_row(_key_bytes(table, tenant, key))


def ahead_of_key(reader: Reader, keyring: Keyring, table: str, tenant: Tenant, key: str) -> None:
    """Say that `check_is_new` comes next; see `Reader.ahead`."""
    for seal in keyring.row_seals(_key_bytes(table, tenant, key)):
        reader.ahead("log.by_caller_key", tenant=tenant, key=seal)


def check_is_new(reader: Reader, keyring: Keyring, table: str, tenant: Tenant, key: str) -> None:
    """Refuse a key for which no row was found, though the log has used it.

    INVARIANT: before anything is judged or signed, since whoever changes or deletes such a row has
    a caller's retry done as if it were a new call.

    Raises:
        IntegrityError: `tampered`.
    """
    for seal in keyring.row_seals(_key_bytes(table, tenant, key)):
        if reader.one("log.by_caller_key", tenant=tenant, key=seal) is not None:
            raise changed_outside(f"the {table} that a caller's idempotency key stands for")


def _key_bytes(table: str, tenant: Tenant, key: str) -> bytes:
    return orjson.dumps(["caller_key", table, tenant, key])
