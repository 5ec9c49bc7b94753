"""The sandbox's memory: rows, effects and saved answers, changed one call at a time.

A call works on a `Work`, which nobody else sees, and `ProviderState.commit` makes all of it
true at once: in memory, and as one line of the books file when there is one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from sayso.errors import ConfigError
from sayso.sandbox.journal import Books, Journal, JournalEffect, JournalLine, Saved, sum_by_currency
from sayso.sandbox.rows import KIND_NAMES, Refund, Row

R = TypeVar("R", bound=Row)

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_ID_DIGITS = 20


def _no_rows() -> dict[str, Row]:
    return {}


def _no_effects() -> list[JournalEffect]:
    return []


class ProviderState:
    """Everything the provider knows.

    Args:
        books: the file that keeps it, made when absent; None keeps it in memory only.

    Guarantees: what was committed before the process died is there after a restart with the same
    file (it is handed to the operating system before the answer leaves; a power cut may lose the
    last lines, which never leaves half a call).

    Raises:
        ConfigError: `invalid_setting`, when the file is no books file.
    """

    def __init__(self, books: Path | None = None) -> None:
        self._rows: dict[str, Row] = {}
        self._order: dict[str, int] = {}
        self._children: dict[tuple[str, str], dict[str, None]] = {}
        self._kinds: dict[str, dict[str, None]] = {}
        self._effects: list[JournalEffect] = []
        self._open_refunds: dict[str, int] = {}
        self._saved: dict[str, Saved] = {}
        self._calls: dict[str, int] = {}
        self.serial = 0
        self.clock_offset_s = 0.0
        self._journal = Journal(books) if books is not None else None
        if self._journal is not None:
            self._load(self._journal)

    def _load(self, journal: Journal) -> None:
        try:
            for line in journal.replay():
                self._apply(line)
        except ConfigError:
            journal.close()
            raise

    def close(self) -> None:
        """Close the books file."""
        if self._journal is not None:
            self._journal.close()

    @property
    def empty(self) -> bool:
        """Whether it knows no object at all."""
        return not self._rows

    def find(self, row_id: str) -> Row | None:
        """Any object by its id."""
        return self._rows.get(row_id)

    def rows_of(self, kind: type[R], parent: str | None = None) -> list[R]:
        """The objects of a kind, newest first; of one parent when one is given.

        Args:
            kind: the row class.
            parent: an id the rows name in `parents`, such as a customer or a charge.
        """
        name = KIND_NAMES[kind]
        ids: Iterable[str] = (
            self._kinds.get(name, {}) if parent is None else self._children.get((name, parent), {})
        )
        rows: list[R] = [row for row in map(self._rows.__getitem__, ids) if isinstance(row, kind)]
        rows.sort(key=lambda row: (row.created, self._order[row.id]), reverse=True)
        return rows

    def refunds_ended(self, now: int) -> list[Refund]:
        """The refunds that banks have answered by now, and that do not say so yet."""
        over = [row_id for row_id, ends_at in self._open_refunds.items() if ends_at <= now]
        return [row for row in map(self._rows.__getitem__, over) if isinstance(row, Refund)]

    def saved(self, key: str) -> Saved | None:
        """The answer that is kept for an idempotency key."""
        return self._saved.get(key)

    def count_call(self, key: str) -> None:
        """Note that one more API call came with the idempotency key."""
        self.write(JournalLine(called=key))

    def commit(self, work: Work, saved: Saved | None) -> None:
        """Make a call's work true, together with the answer kept for its key."""
        self.write(
            JournalLine(
                rows=tuple(work.rows.values()),
                effects=tuple(work.effects),
                saved=saved,
                serial=work.serial,
            )
        )

    def write(self, line: JournalLine) -> None:
        """Apply a change, and append it to the books file first when there is one."""
        if self._journal is not None:
            self._journal.append(line)
        self._apply(line)

    def books(self) -> Books:
        """What really happened, with the calls per key as of now."""
        effects = tuple(
            replace(effect, calls=self._calls.get(effect.idempotency_key, 1))
            for effect in self._effects
        )
        return Books(
            effects=effects,
            money_out=sum_by_currency(effects, "refund"),
            credits=sum_by_currency(effects, "balance_credit"),
            keys=dict(self._calls),
        )

    @property
    def effect_count(self) -> int:
        """How many effects there are."""
        return len(self._effects)

    def _apply(self, line: JournalLine) -> None:
        for row in line.rows:
            self._rows[row.id] = row
            self._open_refunds.pop(row.id, None)
            if isinstance(row, Refund) and row.ends_at is not None:
                self._open_refunds[row.id] = row.ends_at
            self._order.setdefault(row.id, len(self._order))
            self._kinds.setdefault(row.object, {})[row.id] = None
            for parent in row.parents:
                if parent is not None:
                    self._children.setdefault((row.object, parent), {})[row.id] = None
        self._effects.extend(line.effects)
        if line.saved is not None:
            self._saved[line.saved.key] = line.saved
        if line.called:
            self._calls[line.called] = self._calls.get(line.called, 0) + 1
        if line.clock_offset_s is not None:
            self.clock_offset_s = line.clock_offset_s
        self.serial = max(self.serial, line.serial)


@dataclass(slots=True, kw_only=True)
class Work:
    """What one call does, until it is committed.

    Attributes:
        state: what was true before.
        now: seconds since 1970, by the sandbox's clock.
        key: the call's idempotency key, or empty.
        buggy: the provider forgets to check the state (the `do_twice` fault).
    """

    state: ProviderState
    now: int
    key: str = ""
    buggy: bool = False
    rows: dict[str, Row] = field(default_factory=_no_rows)
    effects: list[JournalEffect] = field(default_factory=_no_effects)
    serial: int = 0

    def __post_init__(self) -> None:
        self.serial = self.state.serial

    def get(self, kind: type[R], row_id: str | None) -> R | None:
        """The object of that kind and id, as this call left it."""
        if row_id is None:
            return None
        row = self.rows.get(row_id) or self.state.find(row_id)
        return row if isinstance(row, kind) else None

    def put(self, row: R) -> R:
        """Make or replace an object."""
        self.rows[row.id] = row
        return row

    def new_id(self, prefix: str) -> str:
        """An id such as `re_sbx4Rk…`; the same books give the same ids again."""
        self.serial += 1
        digest = hashlib.sha256(f"{prefix}:{self.serial}".encode()).digest()
        number = int.from_bytes(digest)
        digits: list[str] = []
        for _ in range(_ID_DIGITS):
            number, digit = divmod(number, len(_ALPHABET))
            digits.append(_ALPHABET[digit])
        return f"{prefix}_sbx{''.join(digits)}"

    def record(self, make: Callable[[int], JournalEffect]) -> None:
        """Write an effect into the books; `make` gets its number."""
        self.effects.append(make(self.state.effect_count + len(self.effects) + 1))
