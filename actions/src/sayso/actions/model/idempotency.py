"""Idempotency keys of callers: which ones may be used, and what stands under them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from itertools import count
from typing import cast

import orjson

from sayso.actions.model.action_row import ActionRow, get_action, joins_of, read_action
from sayso.actions.model.digest import is_text
from sayso.audit.authority.keyring import Keyring
from sayso.audit.authority.state import changed_outside
from sayso.errors import Code, RefusedError
from sayso.ids import Tenant
from sayso.store.base import Reader, Row, Transaction

MAX_KEY_CHARS = 200
_OWN_KEY = re.compile(r"(?:req|act)_[0-9a-hjkmnp-tv-z]{26}/.*", re.DOTALL)
"""Keys of what nobody but the engine stores: a plan's steps, and what takes them back."""
_ERASED_KEY = re.compile(r"erased_[0-9a-f]{64}")
"""What takes the place of a key whose customer is erased; it has to be free then."""


def check_key(key: str) -> None:
    """Refuse a key that no store keeps as it is, or that an erased one may need.

    Raises:
        RefusedError: `invalid_input`.
    """
    if not 1 <= len(key) <= MAX_KEY_CHARS:
        raise RefusedError(
            Code.INVALID_INPUT,
            f"an idempotency key has 1 to {MAX_KEY_CHARS} characters",
            next_step="use a shorter one, such as a UUID",
        )
    if not is_text(key) or "\0" in key:
        raise RefusedError(
            Code.INVALID_INPUT,
            "the key holds what is not text",
            next_step="remove lone surrogates and NUL",
        )
    if _ERASED_KEY.fullmatch(key):
        raise _reserved()


def check_callers_key(key: str) -> None:
    """Refuse a key in the form of the engine's own, beside what `check_key` refuses.

    A step that is not stored yet would find its place taken, and a caller somebody's step.

    Raises:
        RefusedError: `invalid_input`.
    """
    check_key(key)
    if _OWN_KEY.fullmatch(key):
        raise _reserved()


def _reserved() -> RefusedError:
    return RefusedError(
        Code.INVALID_INPUT,
        "idempotency keys of this form are Sayso's own",
        next_step="use another one, such as a UUID",
    )


def erased_key(tenant: str, key: str) -> str:
    """What stands for an idempotency key once its row is erased.

    It is still found by whoever repeats the key, so that a late retry does nothing anew; whoever
    does not know the key does not learn it.
    """
    parts = "\0".join((tenant, key))
    return "erased_" + hashlib.sha256(b"sayso/erased-key/v1\0" + parts.encode()).hexdigest()


def key_params(tenant: Tenant, key: str) -> dict[str, str]:
    """What a query by key takes, so that an erased row is found as well."""
    return {
        "tenant": tenant,
        "idempotency_key": key,
        "erased_key": erased_key(tenant, key),
    }


def read_by_key(reader: Reader, query: str, tenant: Tenant, key: str) -> Row | None:
    """The row that a caller's key has, erased or not; None when none was stored.

    Args:
        query: names it: `action.by_key`, `request.by_key` or `stop.by_key`.
    """
    return reader.one(query, **key_params(tenant, key))


def check_repeated(noun: str, *, is_same: bool, is_erased: bool = False) -> None:
    """Refuse a key that stands for something else than what is asked for now.

    Args:
        noun: what the key was used for.
        is_erased: the customer of what stands under it is erased.
        is_same: what stands under it is what is asked for now.

    Raises:
        RefusedError: `erased`, `idempotency_conflict`.
    """
    if is_erased:
        raise RefusedError(
            Code.ERASED,
            "this idempotency key was used for a customer who was erased",
            next_step=f"use a new key for a new {noun}",
        )
    if not is_same:
        raise RefusedError(
            Code.IDEMPOTENCY_CONFLICT,
            f"this idempotency key was used for another {noun}",
            next_step=f"use a new key for a new {noun}",
        )


def key_of_step(
    tx: Reader, tenant: Tenant, asked: str, request_id: str | None, step: str | None
) -> tuple[str, ActionRow | None]:
    """The key under which a step stands, and its row; or the first one that is free for it."""
    place = (request_id, step)
    for key in _keys_of_step(asked):
        found = read_by_key(tx, "action.by_key", tenant, key)
        if found is None:
            return key, None
        row = read_action(found)
        # INVARIANT: only the step itself stands for the step, or it would be missing in the plan.
        if (row.request_id, row.step) == place:
            return key, row
    raise AssertionError("there is always another key")


def _keys_of_step(key: str) -> Iterator[str]:
    yield key
    yield from (f"{key}/{number}" for number in count(2))


def same_action(row: ActionRow, fingerprint: str) -> ActionRow:
    """The action that a key stands for already, if it is what is asked for now.

    Raises:
        RefusedError: see `check_repeated`.
    """
    check_repeated(
        "action",
        is_erased=row.erased_seq is not None,
        is_same=row.fingerprint == fingerprint,
    )
    return row


def stands_for(reader: Reader, row: ActionRow) -> ActionRow:
    """The action that a caller's key stands for: its own, or the one that it has joined."""
    joins = joins_of(row)
    if joins is None:
        return row
    found = get_action(reader, row.tenant, joins)
    if (found.fingerprint, found.subject.id) != (row.fingerprint, row.subject.id):
        raise changed_outside(f"which action {row.id} has joined")
    return found


CALLER_KEY = "caller_key"
"""Where the entry with which an action or a request begins, or is answered, has a MAC of the key by
which its caller finds it again. NOTE: a column of the log's is cut out of these very bytes."""
_UNTOLD = "caller_key/untold"


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
        if tx.recall((_UNTOLD, tenant, seal)):
            tx.remember((_UNTOLD, tenant, seal), None)  # from here on it is told
        elif tx.one("log.by_caller_key", tenant=tenant, key=seal) is not None:
            raise changed_outside(f"the {table} that a caller's idempotency key stands for")
    return seals[0]


def read_new_key(tx: Transaction, keyring: Keyring, tenant: Tenant, key: str) -> Row | None:
    """The action that a caller's key has, and with it what `take_key` asks next of the log."""
    newest = _seals(tx, keyring, "action", tenant, key)[0]
    row = tx.one("action.by_new_key", **key_params(tenant, key), told=newest)
    assert row is not None, "there is always one row"
    if row["told"] is None:
        tx.remember((_UNTOLD, tenant, newest), True)
    return None if row["id"] is None else row


def ahead_of_new_key(tx: Transaction, keyring: Keyring, tenant: Tenant, key: str) -> None:
    """Say that `read_new_key` and `take_key` come next; see `Reader.ahead`."""
    newest, *others = _seals(tx, keyring, "action", tenant, key)
    tx.ahead("action.by_new_key", **key_params(tenant, key), told=newest)
    for seal in others:
        tx.ahead("log.by_caller_key", tenant=tenant, key=seal)


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
