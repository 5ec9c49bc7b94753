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

_BOT = Actor(kind=ActorKind.SERVICE, id="bench")
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
    "snapshot": f'{{"account":"acct_1","object":"charge:ch_1","resolved":{{"args":{_ARGS}}}}}',
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
    """One change of the state: a named query, what it needs besides the index of its entry, and
    when it is, in microseconds since 1970."""

    query: str
    values: dict[str, SqlValue]
    entry: Entry
    at: int


class Transitions:
    """The changes of one writer, which nobody else's wait for: each action has four."""

    def __init__(self) -> None:
        self._action = ""
        self._step = 0
        self._called_at: int | None = None
        self._last = -1

    def next(self) -> Change:
        """The change that follows."""
        kind, status = _STEPS[self._step]
        now = time.time_ns() // 1000
        if self._step == 0:
            self._action, self._called_at = f"act_{secrets.token_hex(13)}", None
        if kind is EntryKind.ACTION_INTENT:
            self._called_at = now
        entry = Entry(
            kind=kind,
            actor=_BOT,
            action=self._action,
            name="shop.refund",
            amount=Money(20_000, "USD"),
            status=status,
            digest=_DIGEST if self._step else None,
            data={"account": "acct_1", "attempt": 1, "object": "charge:ch_1"},
        )
        own: dict[str, SqlValue] = {"id": self._action, "status": status, "updated_at": now}
        if self._step == 0:
            more: dict[str, SqlValue] = {
                "idempotency_key": self._action,
                "subject_id": "cus_1",
                "created_at": now,
            }
            return Change("action.insert", {**_NEW, **own, **more}, entry, now)
        own |= {"called_at": self._called_at, "was_seq": self._last}
        return Change("action.update", {**_MOVED, **own}, entry, now)

    def done(self, seq: int) -> None:
        """The change was stored, and its entry has this index."""
        self._last = seq
        self._step = (self._step + 1) % len(_STEPS)


def logged(log: AuditLog, change: Change) -> Callable[[Transaction], int]:
    """State, entry, tree and signed head, as the engine writes them."""

    def work(tx: Transaction) -> int:
        seq = log.append(tx, TENANT, change.entry, at=change.at)
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
