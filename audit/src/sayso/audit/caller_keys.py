"""Callers' idempotency keys as the log knows them, each by a MAC in the entry that took it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import orjson

from sayso.audit.authority.keyring import Keyring
from sayso.audit.authority.state import changed_outside
from sayso.ids import Tenant
from sayso.store.base import Transaction

CALLER_KEY = "caller_key"
"""Where the entry with which an action or a request begins, or is answered, has a MAC of the key by
which its caller finds it again. NOTE: an index of the log's is over these very bytes."""


def ahead_of_key(tx: Transaction, keyring: Keyring, table: str, tenant: Tenant, key: str) -> None:
    """Say that `take_key` comes next; see `Reader.ahead`."""
    for seal in _seals(tx, keyring, table, tenant, key):
        tx.ahead("log.by_caller_key", tenant=tenant, key=seal)


def take_key(tx: Transaction, keyring: Keyring, table: str, tenant: Tenant, key: str) -> str:
    """Refuse a key for which no row was found, though the log has used it.

    INVARIANT: before anything is judged or signed, since whoever changes or deletes such a row has
    a caller's retry done as if it were a new call.

    Returns:
        What the entry says of the key, so that it is known by the log, and by nobody else.

    Raises:
        IntegrityError: `tampered`.
    """
    seals = _seals(tx, keyring, table, tenant, key)
    for seal in seals:
        if tx.one("log.by_caller_key", tenant=tenant, key=seal) is not None:
            raise changed_outside(f"the {table} that a caller's idempotency key stands for")
    return seals[0]


def _seals(
    tx: Transaction, keyring: Keyring, table: str, tenant: Tenant, key: str
) -> Sequence[str]:
    """The key's MAC under each root, the newest first; made once in a commit."""
    place = (CALLER_KEY, table, tenant, key)
    known = tx.recall(place)
    if known is None:
        known = keyring.row_seals(orjson.dumps(["caller_key", table, tenant, key]))
        tx.remember(place, known)
    return cast("Sequence[str]", known)
