"""What each writer of `bench.writers` does, over and over: an action is stored, then moves on."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from sayso.audit.entry import Actor, ActorKind, Entry, EntryKind
from sayso.audit.log import AuditLog
from sayso.ids import Tenant
from sayso.json import JsonValue
from sayso.money import Money
from sayso.store.base import SqlValue, Transaction

TENANT = Tenant("main")
DEPLOYMENT = "bench"

_SYSTEM = Actor(kind=ActorKind.SYSTEM, id="sayso")
_STEPS = (
    (EntryKind.ACTION_PROPOSED, "planned"),
    (EntryKind.ACTION_APPROVED, "approved"),
    (EntryKind.ACTION_INTENT, "executing"),
    (EntryKind.ACTION_SUCCEEDED, "succeeded"),
)
_DIGEST = "5e" * 32
_ARGS = '{"amount":{"amount_minor":20000,"currency":"USD"},"order":"o1"}'
_NEW: dict[str, SqlValue] = {
    "tenant": TENANT,
    "fingerprint": _DIGEST,
    "requester": "service:bench",
    "request_id": None,
    "step": None,
    "after": "[]",
    "name": "shop.refund",
    "assurance": "verified",
    "args": _ARGS,
    "reason_ref": None,
    "planner": "playbook",
    "revision": 1,
    "snapshot": None,
    "digest": None,
    "amount_minor": 20_000,
    "currency": "USD",
    "judgement": None,
    "error": None,
    "due_at": None,
    "traceparent": None,
    "on_failure": "continue",
    "undoes": None,
    "priority": 5,
}
_MOVED: dict[str, SqlValue] = {
    "tenant": TENANT,
    "revision": 1,
    "args": _ARGS,
    "snapshot": '{"account":"acct_1","object":"charge:ch_1","state":"paid"}',
    "digest": _DIGEST,
    "amount_minor": 20_000,
    "currency": "USD",
    "judgement": '{"outcome":"ask","rule":"refund-manager"}',
    "error": None,
    "receipt": None,
    "call_key": None,
    "call_key_until": None,
    "called_at": None,
    "fence": 1,
    "attempts": 1,
    "due_at": None,
    "blocked_by": None,
    "occupies": None,
}


class Change(NamedTuple):
    """One change of the state: a named query, what it needs besides the index of its entry."""

    query: str
    values: dict[str, SqlValue]
    entry: Entry


class Transitions:
    """The changes of one writer, which nobody else's wait for: each action has four."""

    def __init__(self) -> None:
        self._action = ""
        self._step = 0
        self._last = -1

    def next(self) -> Change:
        """The change that follows."""
        kind, status = _STEPS[self._step]
        now = time.time_ns() // 1000
        if self._step == 0:
            self._action = f"act_{secrets.token_hex(13)}"
        entry = Entry(
            kind=kind,
            actor=_SYSTEM,
            action=self._action,
            subject="sub_0123456789abcdef",
            name="shop.refund",
            amount=Money(20_000, "USD"),
            status=status,
            digest=_DIGEST,
            data={"account": "acct_1", "attempt": 1, "object": "charge:ch_1"},
        )
        own: dict[str, SqlValue] = {"id": self._action, "status": status, "updated_at": now}
        if self._step == 0:
            more: dict[str, SqlValue] = {
                "idempotency_key": self._action,
                "subject_id": "cus_1",
                "created_at": now,
            }
            return Change("action.insert", {**_NEW, **own, **more}, entry)
        return Change("action.update", {**_MOVED, **own, "was_seq": self._last}, entry)

    def done(self, seq: int) -> None:
        """The change was stored, and its entry has this index."""
        self._last = seq
        self._step = (self._step + 1) % len(_STEPS)


def logged(log: AuditLog, change: Change) -> Callable[[Transaction], int]:
    """State, entry, tree and signed head, as the engine writes them."""

    def work(tx: Transaction) -> int:
        seq = log.append(tx, TENANT, change.entry)
        tx.run(change.query, **change.values, last_seq=seq)
        return seq

    return work


def bare(change: Change, seq: int) -> Callable[[Transaction], int]:
    """The same row alone; its index is made up."""

    def work(tx: Transaction) -> int:
        tx.run(change.query, **change.values, last_seq=seq)
        return seq

    return work


@dataclass(slots=True, kw_only=True)
class Told:
    """What one process did.

    Attributes:
        units: how many changes were stored while the time ran.
        cpu_s: all threads of the process.
        each_s: how long each took.
    """

    units: int = 0
    cpu_s: float = 0.0
    each_s: list[float] = field(default_factory=list[float])

    def to_json(self) -> dict[str, JsonValue]:
        """For the process that asked."""
        return {"units": self.units, "cpu_s": self.cpu_s, "each_s": list(self.each_s)}
