"""Identifiers that sort by time, and the clock and randomness they are made from."""

from __future__ import annotations

import functools
import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import NewType, Protocol

from sayso.errors import Code, IntegrityError

Tenant = NewType("Tenant", str)

DEFAULT_TENANT = Tenant("main")

# SOURCE: Crockford base 32, as ULID uses it: no I, L, O, U.
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_DIGITS = 26


class Clock(Protocol):
    """Where the time comes from. Code below the surfaces never asks the machine itself."""

    def now(self) -> datetime:
        """The time now, aware, in UTC."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The time now, aware, in UTC."""
        return datetime.now(UTC)


Entropy = Callable[[int], bytes]
"""Gives that many unpredictable bytes; `secrets.token_bytes` unless a test says otherwise."""


class IdSource:
    """Makes ids such as `act_01kb2m…`: a prefix, 48 bits of milliseconds, 80 random bits.

    Guarantees: ids of one prefix sort by the millisecond they were made in; within one millisecond
    their order is random. Source: the ULID layout.
    """

    def __init__(self, clock: Clock, entropy: Entropy = secrets.token_bytes) -> None:
        self._clock = clock
        self._entropy = entropy

    def new(self, prefix: str) -> str:
        """A new id with the prefix."""
        milliseconds = to_micros(self._clock.now()) // 1000
        value = (milliseconds & (2**48 - 1)) << 80 | int.from_bytes(self._entropy(10))
        digits = [_ALPHABET[value >> shift & 31] for shift in range(125, -1, -5)]
        return f"{prefix}_{''.join(digits)}"


def first_at(prefix: str, moment: datetime) -> str:
    """The lowest id that `IdSource` can make at that moment; later ones sort above it."""
    value = (to_micros(moment) // 1000 & (2**48 - 1)) << 80
    return f"{prefix}_{''.join(_ALPHABET[value >> shift & 31] for shift in range(125, -1, -5))}"


def is_id(prefix: str, text: str) -> bool:
    """Whether a text has the form of an id with that prefix; there may be nothing of that id."""
    head, _, digits = text.partition("_")
    return head == prefix and len(digits) == _DIGITS and set(digits) <= set(_ALPHABET)


def made_at(identifier: str) -> datetime:
    """When an id of `IdSource` was made, to the millisecond.

    Raises:
        ValueError: for what is none.
    """
    digits = identifier.partition("_")[2]
    if len(digits) != _DIGITS or not set(digits) <= set(_ALPHABET):
        raise ValueError(identifier)
    value = 0
    for digit in digits:
        value = value << 5 | _ALPHABET.index(digit)
    return from_micros((value >> 80) * 1000)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def to_micros(moment: datetime) -> int:
    """Whole microseconds since 1970, UTC: the form in which times are stored and hashed."""
    return (moment - _EPOCH) // _MICROSECOND


def from_micros(micros: int) -> datetime:
    """The aware UTC time of whole microseconds since 1970.

    Raises:
        IntegrityError: `tampered`, for a time that no calendar has, which only a row can say.
    """
    try:
        return _EPOCH + timedelta(microseconds=micros)
    except OverflowError as error:
        raise IntegrityError(
            Code.TAMPERED,
            f"a stored time is none: {micros}",
            next_step="run `sayso audit verify`, and restore the database from a backup",
        ) from error


def rfc3339(micros: int) -> str:
    """The external form of a time, such as `2026-11-25T12:00:00.000000Z`.

    Raises:
        IntegrityError: as `from_micros`.
    """
    seconds, rest = divmod(micros, 1_000_000)
    return f"{_second(seconds)}.{rest:06d}Z"


@functools.lru_cache(maxsize=1024)
def _second(seconds: int) -> str:
    """A whole second; most times that are told are of few of them."""
    return from_micros(seconds * 1_000_000).isoformat()[:19]


def rfc3339_of_seconds(seconds: int) -> str:
    """The same of whole seconds since 1970, as providers say them.

    Raises:
        OverflowError: for a time that no calendar has.
    """
    return _rfc3339(_EPOCH + timedelta(seconds=seconds))


def _rfc3339(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds")[:26] + "Z"  # without its `+00:00`


def monotonic_s() -> float:
    """Seconds of a clock that never jumps, for deadlines within one process."""
    return time.monotonic()
