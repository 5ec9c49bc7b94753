"""What is used of limits, in rows: counters, and the uses of which each is the sum."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple, cast

from sayso.ids import Tenant
from sayso.store.base import Reader, Row, Transaction, integer, text

State = Literal["held", "settled", "returned", "released"]
Why = Literal["fits", "agreed", "late", "before"]

CARDS = "cards"
"""Stands in place of a currency where open cards are counted."""


class CounterKey(NamedTuple):
    """Which counter.

    Attributes:
        owner: the tenant, or `*`. currency: empty where it is counted how many.
    """

    owner: Tenant
    limit_id: str
    key: str
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """What one revision of an action uses of one counter.

    Attributes:
        count: 1. minor: in minor units of the currency; 0 where it is counted how many.
    """

    place: CounterKey
    bucket: int
    count: int
    minor: int
    state: State
    why: Why


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """What a counter holds in its window."""

    count: int
    minor: int


NOTHING = Used(count=0, minor=0)


def sum_of(used: Iterable[Used]) -> Used:
    """All together."""
    count = minor = 0
    for one in used:
        count, minor = count + one.count, minor + one.minor
    return Used(count=count, minor=minor)


def read_used(reader: Reader, places: Sequence[tuple[CounterKey, int]]) -> list[Used]:
    """What is used of each, held and settled together.

    Args:
        places: each with the oldest bucket that counts.
    """
    asked = [{**place._asdict(), "oldest": oldest} for place, oldest in places]
    rows = reader.each("limits.used", asked)
    return [Used(count=integer(row, "count"), minor=integer(row, "minor")) for row in rows]


def uses_of(reader: Reader, home: Tenant, action_id: str) -> list[tuple[int, Use]]:
    """The uses of an action, with the revision that each is of."""
    rows = reader.all("limits.uses_of", home=home, action_id=action_id)
    return [(integer(row, "revision"), _read(row)) for row in rows]


def _read(row: Row) -> Use:
    return Use(
        place=CounterKey(
            owner=Tenant(text(row, "tenant")),
            limit_id=text(row, "limit_id"),
            key=text(row, "key"),
            currency=text(row, "currency"),
        ),
        bucket=integer(row, "bucket"),
        count=integer(row, "count"),
        minor=integer(row, "minor"),
        state=cast("State", text(row, "state")),
        why=cast("Why", text(row, "why")),
    )


def put_uses(
    tx: Transaction, home: Tenant, action_id: str, revision: int, seq: int, uses: Iterable[Use]
) -> None:
    """Store uses, of whatever state, and add them to their counters.

    INVARIANT: in the order of limits and keys, so that two writers never wait for each other.
    """
    ordered = sorted(uses, key=lambda use: (use.place.limit_id, use.place.key, use.place.currency))
    for use in ordered:
        tx.run(
            "limits.use",
            owner=use.place.owner,
            home=home,
            action_id=action_id,
            revision=revision,
            limit_id=use.place.limit_id,
            key=use.place.key,
            currency=use.place.currency,
            bucket=use.bucket,
            count=use.count,
            minor=use.minor,
            state=use.state,
            why=use.why,
            last_seq=seq,
        )
        _add(tx, use)


def _add(tx: Transaction, use: Use) -> None:
    if use.state == "released":
        return
    tx.run(
        "limits.add",
        owner=use.place.owner,
        limit_id=use.place.limit_id,
        key=use.place.key,
        currency=use.place.currency,
        bucket=use.bucket,
        count=use.count,
        held=use.minor if use.state == "held" else 0,
        settled=use.minor if use.state == "settled" else 0,
    )


def put_counter(tx: Transaction, use: Use) -> None:
    """Have the counter of a use, with nothing in it where there was none."""
    _add(tx, in_state(replace(use, count=0, minor=0), "held"))


def change_use(
    tx: Transaction, home: Tenant, action_id: str, revision: int, seq: int, was: Use, now: Use
) -> None:
    """Change a use, and take the difference to its counters."""
    counts = was.state != "released"
    if counts:
        tx.run(
            "limits.change",
            owner=was.place.owner,
            limit_id=was.place.limit_id,
            key=was.place.key,
            currency=was.place.currency,
            bucket=was.bucket,
            count=-was.count,
            held=-was.minor if was.state == "held" else 0,
            settled=-was.minor if was.state == "settled" else 0,
        )
    put_uses(tx, home, action_id, revision, seq, [now])


def in_state(use: Use, state: State, *, minor: int | None = None, why: Why | None = None) -> Use:
    """The same use in another state."""
    return replace(
        use,
        state=state,
        minor=use.minor if minor is None else minor,
        why=use.why if why is None else why,
    )
