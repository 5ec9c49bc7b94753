"""The books file: one JSON line per call, appended before the call is answered."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import orjson
from pydantic import TypeAdapter, ValidationError

from sayso.errors import Code, ConfigError
from sayso.sandbox.rows import Metadata, StoredRow, no_metadata


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """The answer that is kept for an idempotency key.

    Attributes:
        key: the `Idempotency-Key` header.
        endpoint: method and path of the first call.
        fingerprint: its parameters (`Params.fingerprint`).
        at: when, seconds since 1970, by the sandbox's clock.
        status: HTTP status.
        body: the JSON text.
        request_id: the first call's `Request-Id`.
    """

    key: str
    endpoint: str
    fingerprint: str
    at: int
    status: int
    body: str
    request_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalLine:
    """One change of the books: whatever of these a call changed, all of it or nothing.

    Attributes:
        rows: new or replaced objects.
        effects: what happened.
        saved: the answer kept for the call's key.
        called: an idempotency key that one more call came with.
        clock_offset_s: how far the clock is ahead from now on.
        serial: the last number an id was made from.
    """

    rows: tuple[StoredRow, ...] = ()
    effects: tuple[JournalEffect, ...] = ()
    saved: Saved | None = None
    called: str = ""
    clock_offset_s: float | None = None
    serial: int = 0


_LINE = TypeAdapter(JournalLine)


class Journal:
    """An append-only file of lines.

    Args:
        path: the file, made when absent.

    Raises:
        ConfigError: `invalid_setting`, when it cannot be opened.

    Guarantees: a line is in the operating system's hands when `append` returns, so killing the
    process loses nothing; the end of a torn line is cut off on the next start.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise ConfigError(
                Code.INVALID_SETTING,
                f"the books file `{path}` cannot be opened",
                next_step="name a file in a folder that can be written",
                detail=str(error),
            ) from error

    def replay(self) -> Iterator[JournalLine]:
        """All whole lines, oldest first.

        Raises:
            ConfigError: `invalid_setting`, when a whole line is not of these books.
        """
        whole = self._path.read_bytes()
        end = whole.rfind(b"\n") + 1
        if end < len(whole):
            os.ftruncate(self._file, end)
        for number, text in enumerate(whole[:end].splitlines(), start=1):
            try:
                yield _LINE.validate_json(text)
            except ValidationError as error:
                raise ConfigError(
                    Code.INVALID_SETTING,
                    f"line {number} of `{self._path}` is no line of sandbox books",
                    next_step="name another file, or delete this one",
                    detail=str(error),
                ) from error

    def append(self, line: JournalLine) -> None:
        """Add one line."""
        text = orjson.dumps(line) + b"\n"
        while text:
            text = text[os.write(self._file, text) :]

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)


EffectKind = Literal[
    "refund",
    "cancel",
    "cancel_at_period_end",
    "keep",
    "balance_credit",
    "balance_debit",
    "customer_update",
    "subscription_update",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalEffect:
    """One thing that happened, in the order it happened.

    Attributes:
        number: 1, 2, 3, ... over the life of the books.
        at: seconds since 1970, by the sandbox's clock.
        kind: `keep` takes a cancellation at the period's end back.
        id: the object that came to be (refund, balance transaction) or was changed.
        target: what it was done to: the charge of a refund, else the same as `id`'s owner or `id`.
        customer: whose it is.
        amount: minor units that left (refund) or were credited; 0 where no money moved.
        currency: lower-case ISO 4217; empty where no money moved.
        metadata: of the object, afterwards.
        idempotency_key: the header of the call, empty when it had none.
        calls: how many API calls came with that key by now, including the ones that were only
            replayed or never answered; 1 when there was no key.
    """

    number: int
    at: int
    kind: EffectKind
    id: str
    target: str
    customer: str | None = None
    amount: int = 0
    currency: str = ""
    metadata: Metadata = field(default_factory=no_metadata)
    idempotency_key: str = ""
    calls: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """All effects in order, and the sums.

    Attributes:
        effects: see `JournalEffect`.
        money_out: refunded minor units per currency.
        credits: credited minor units per currency.
        keys: API calls per idempotency key, also of calls without effect.
    """

    effects: tuple[JournalEffect, ...]
    money_out: dict[str, int]
    credits: dict[str, int]
    keys: dict[str, int]

    def of(self, kind: EffectKind) -> tuple[JournalEffect, ...]:
        """The effects of one kind, in order."""
        return tuple(effect for effect in self.effects if effect.kind == kind)

    def on(self, target: str) -> tuple[JournalEffect, ...]:
        """The effects on one object (a charge, a subscription, a customer), in order."""
        return tuple(effect for effect in self.effects if effect.target == target)


def sum_by_currency(effects: tuple[JournalEffect, ...], kind: EffectKind) -> dict[str, int]:
    """Minor units per currency of one kind of effect."""
    sums: dict[str, int] = {}
    for effect in effects:
        if effect.kind == kind:
            sums[effect.currency] = sums.get(effect.currency, 0) + effect.amount
    return sums
