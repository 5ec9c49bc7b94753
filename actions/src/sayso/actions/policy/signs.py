"""Signs: what is unusual about an action, computed from history, as short lines for a card.

Each sign looks at one thing and says one line or nothing. What could not be looked at, because a
connector does not tell it, is not counted as looked at: a card says how many signs were quiet.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice

from sayso.actions.customers.link import LinkEnd
from sayso.actions.model.action_row import ActionRow, read_action, requesters_of
from sayso.actions.model.definition import Action, Assurance, Effect, FactValue
from sayso.actions.model.snapshot import Resolved
from sayso.actions.model.status import Status
from sayso.audit.entry import ActorKind
from sayso.money import Money
from sayso.store.base import (
    Reader,
    Row,
    SqlValue,
    integer,
    integer_or_none,
    text,
    text_or_none,
)

LOOK_BACK = timedelta(days=90)
NEARLY = timedelta(days=30)
"""How far back "lately" goes in what a card says of a customer."""
MOST_ROWS = 200
"""So many of a customer's newest actions are looked at, however many there are."""
MOST_OPEN = 50
"""So many of a customer's actions that wait for people are looked at."""
SAMPLE = 1000
"""So many of the newest amounts of an action are compared with."""
SMALLEST_SAMPLE = 20
"""Below it, "larger than most" says nothing."""
NEW_CUSTOMER_DAYS = 30
OLD_OBJECT_DAYS = 90
SOON_AFTER_DELIVERY_MINUTES = 120
BURST = 3
"""So many actions of one customer within an hour are worth a line."""

_DAY = 24 * 3600 * 1_000_000
_HOUR = 3600 * 1_000_000
_FRESH = 60 * 1_000_000
_MOST_KINDS = 1000
_COUNTED = frozenset(
    {
        Status.PENDING_APPROVAL,
        Status.APPROVED,
        Status.EXECUTING,
        Status.ACCEPTED,
        Status.UNKNOWN,
        Status.SUCCEEDED,
        Status.STALE,
    }
)
_MONEY = frozenset({Effect.MONEY_OUT, Effect.CREDIT})
_ORDINALS = {2: "Second", 3: "Third", 4: "Fourth", 5: "Fifth", 6: "Sixth"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Signs:
    """What was found.

    Attributes:
        unusual: one line each, the most telling first.
        quiet: how many other signs were looked at and said nothing.
    """

    unusual: tuple[str, ...]
    quiet: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """One earlier action of the same customer. `at`: microseconds since 1970."""

    name: str
    status: Status
    amount: Money | None
    request: str | None
    at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Everything that signs look at; read once, in the transaction that judges.

    Attributes:
        earlier: of the last 90 days, the newest first, without this action and its plan.
        amounts: of the newest such actions that were done, in this currency; minor units.
        beside: what else waits for people about the same object, the oldest first.
    """

    action: Action
    resolved: Resolved
    assurance: Assurance
    now: int
    earlier: Sequence[Earlier]
    amounts: Sequence[int]
    beside: Sequence[ActionRow] = ()

    def lately(self) -> list[Earlier]:
        """Those of the last 30 days that count: waiting, running or done."""
        since = self.now - NEARLY // timedelta(microseconds=1)
        return [one for one in self.earlier if one.at >= since and one.status in _COUNTED]

    def fact(self, name: str) -> FactValue | None:
        """What the connector told under a name; None when it tells no such thing."""
        return self.resolved.facts.get(name)


def earlier_of(
    reader: Reader, row: ActionRow, now: int, beside: Sequence[LinkEnd] = ()
) -> list[Earlier]:
    """A customer's actions of the last 90 days, the newest first, without this one's plan.

    Args:
        beside: their other accounts, whose actions are theirs as well.
    """
    own = _earlier_params(row, now)
    found = reader.all("sign.of_subject", **own)
    for end in beside:
        found += reader.all("sign.of_subject", **{**own, "subject_id": end.account})
    newest = sorted(map(_read, found), key=lambda one: -one.at) if beside else map(_read, found)
    return list(islice(newest, MOST_ROWS))


def ahead_of_earlier(reader: Reader, row: ActionRow, now: int) -> None:
    """Say that they will be read next; see `Reader.ahead`."""
    reader.ahead("sign.of_subject", **_earlier_params(row, now))


def _earlier_params(row: ActionRow, now: int) -> dict[str, SqlValue]:
    return {
        "tenant": row.tenant,
        "subject_id": row.subject.id,
        "since": now - LOOK_BACK // timedelta(microseconds=1),
        "but": row.id,
        "but_request": row.request_id or "",
        "limit": MOST_ROWS,
    }


def open_beside(reader: Reader, row: ActionRow, resolved: Resolved) -> list[ActionRow]:
    """What waits for people about the same object of the same customer, without this one's plan.

    Returns:
        the oldest first.
    """
    rows = reader.all(
        "sign.open_of_subject",
        tenant=row.tenant,
        subject_id=row.subject.id,
        but=row.id,
        but_request=row.request_id or "",
        limit=MOST_OPEN,
    )
    return [one for one in map(read_action, rows) if _is_about(one, row, resolved)]


def _is_about(one: ActionRow, row: ActionRow, resolved: Resolved) -> bool:
    """Whether an open action is about the object that was found for another one."""
    if one.snapshot is None or one.name.partition(".")[0] != row.name.partition(".")[0]:
        return False
    found = one.snapshot.resolved
    there = (found.account, found.object_kind, found.object_id)
    return there == (resolved.account, resolved.object_kind, resolved.object_id)


def equal_to(reader: Reader, row: ActionRow, opened: Sequence[ActionRow]) -> ActionRow | None:
    """The open action that is what a new one asks for, so that people are asked once.

    Neither is a step beside others, whose fate hangs on theirs; nor for whoever looks only.
    """
    if not reader.writes or row.revision > 1:
        return None
    # INVARIANT: nobody approves their own request, so no person's is put under another's name.
    people = {one for one in requesters_of(reader, row) if one.startswith(f"{ActorKind.PERSON}:")}
    for one in opened:
        same = (one.name, one.fingerprint) == (row.name, row.fingerprint)
        if same and people <= requesters_of(reader, one) and _is_alone(reader, one):
            return one if _is_alone(reader, row) else None
    return None


def _is_alone(reader: Reader, row: ActionRow) -> bool:
    """Whether no other step shares its fate."""
    if row.request_id is None:
        return True
    found = reader.all("action.by_request", tenant=row.tenant, request_id=row.request_id)
    return all(step.id == row.id for step in map(read_action, found))


class Amounts:
    """The newest amounts that actions of one kind have moved.

    What is known is used for a minute: it says what is usual, and that does not change with one.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[str, str, str], tuple[int, tuple[int, ...]]] = {}

    def like(
        self, reader: Reader, row: ActionRow, amount: Money | None, now: int
    ) -> tuple[int, ...]:
        """Of such actions in this currency, in minor units."""
        if amount is None:
            return ()
        key = (row.tenant, row.name, amount.currency)
        until, known = self._known.get(key, (0, ()))
        if now < until:
            return known
        tenant, name, currency = key
        rows = reader.all("sign.amounts", tenant=tenant, name=name, currency=currency, limit=SAMPLE)
        found = tuple(integer(one, "amount_minor") for one in rows)
        if len(self._known) >= _MOST_KINDS:
            self._known.clear()
        self._known[key] = (now + _FRESH, found)
        return found


def signs_of(seen: Seen) -> Signs:
    """What is unusual, the most telling first."""
    unusual: list[str] = []
    looked = 0
    for said in _looks(seen):
        looked += said is not None
        if said:
            unusual.append(said)
    return Signs(unusual=tuple(unusual), quiet=looked - len(unusual))


def _looks(seen: Seen) -> Iterator[str | None]:
    """Each sign's line; empty when it is quiet, None when it could not be looked at."""
    yield _open_beside(seen)
    yield _repeated(seen)
    yield _largest(seen)
    yield _soon_after_delivery(seen)
    yield _declined_before(seen)
    yield _burst(seen)
    yield _other_money(seen)
    yield _new_means_of_payment(seen)
    yield _refunded_elsewhere(seen)
    yield _new_customer(seen)
    yield _old_object(seen)
    yield _weakly_known(seen)


def _open_beside(seen: Seen) -> str | None:
    if not seen.beside:
        return None
    first, others = seen.beside[0], len(seen.beside) - 1
    amount = "" if first.amount is None else f", {first.amount}"
    more = f" and {others} more" if others else ""
    noun = "Others are" if others else "Another is"
    return f"{noun} open for the same {seen.resolved.object_kind}: {first.name}{amount}{more}"


def _repeated(seen: Seen) -> str:
    count = sum(one.name == seen.action.name for one in seen.lately()) + 1
    if count == 1 or seen.action.effect is Effect.MESSAGE:
        return ""
    ordinal = _ORDINALS.get(count, f"{count}th")
    return f"{ordinal} {kind_of(seen.action)} in {NEARLY.days} days"


def _largest(seen: Seen) -> str | None:
    amount = seen.resolved.amount
    if amount is None or len(seen.amounts) < SMALLEST_SAMPLE:
        return None
    below = sum(other < amount.amount_minor for other in seen.amounts)
    if below == len(seen.amounts):
        return f"Largest of the last {len(seen.amounts) + 1:,} {kind_of(seen.action)}s"
    share = below * 100 // len(seen.amounts)
    if share < 95:
        return ""
    return f"Larger than {share} % of the last {len(seen.amounts):,} {kind_of(seen.action)}s"


def _soon_after_delivery(seen: Seen) -> str | None:
    minutes = seen.fact("minutes_since_delivery")
    if not isinstance(minutes, int):
        return None
    if not 0 <= minutes <= SOON_AFTER_DELIVERY_MINUTES:
        return ""
    return f"Asked {minutes} {'minute' if minutes == 1 else 'minutes'} after delivery"


def _declined_before(seen: Seen) -> str:
    said_no = {one.request or str(one.at) for one in seen.earlier if one.status is Status.REJECTED}
    if not said_no:
        return ""
    times = "once" if len(said_no) == 1 else f"{len(said_no)} times"
    return f"People said no to them {times} in {LOOK_BACK.days} days"


def _burst(seen: Seen) -> str:
    requests = {one.request or str(one.at) for one in seen.earlier if one.at >= seen.now - _HOUR}
    if len(requests) + 1 < BURST:
        return ""
    return f"{_ORDINALS.get(len(requests) + 1, f'{len(requests) + 1}th')} request within an hour"


def _other_money(seen: Seen) -> str:
    if seen.action.effect not in _MONEY:
        return ""
    sums: Counter[str] = Counter()
    for one in seen.lately():
        if one.name != seen.action.name and one.amount is not None:
            sums[one.amount.currency] += one.amount.amount_minor
    if not sums:
        return ""
    totals = " and ".join(str(Money(minor, currency)) for currency, minor in sorted(sums.items()))
    return f"{totals} given to them by other actions in {NEARLY.days} days"


def _new_means_of_payment(seen: Seen) -> str | None:
    days = seen.fact("payment_method_age_days")
    if not isinstance(days, int):
        return None
    return f"The card is new: {_days(days)}" if days < NEW_CUSTOMER_DAYS else ""


def _refunded_elsewhere(seen: Seen) -> str | None:
    count = seen.fact("refunded_before")
    if not isinstance(count, int):
        return None
    here = sum(
        one.name == seen.action.name and one.status is Status.SUCCEEDED for one in seen.earlier
    )
    if count <= here:
        return ""
    return f"{count} earlier {'payment was' if count == 1 else 'payments were'} refunded"


def _new_customer(seen: Seen) -> str | None:
    days = seen.fact("tenure_days")
    if not isinstance(days, int):
        return None
    return f"Customer for {_days(days)}" if days < NEW_CUSTOMER_DAYS else ""


def _old_object(seen: Seen) -> str | None:
    days = seen.fact("charge_age_days")
    if not isinstance(days, int):
        return None
    return f"Paid {_days(days)} ago" if days > OLD_OBJECT_DAYS else ""


def _weakly_known(seen: Seen) -> str:
    return "Nobody checked who is writing" if seen.assurance is Assurance.UNVERIFIED else ""


def _days(days: int) -> str:
    return f"{days} day" if days == 1 else f"{days} days"


KINDS: Mapping[Effect, str] = {
    Effect.MONEY_OUT: "refund",
    Effect.CREDIT: "credit",
    Effect.CANCELLATION: "cancellation",
    Effect.CHANGE: "change",
    Effect.MESSAGE: "message",
}


def kind_of(action: Action) -> str:
    """What people call such an action: by its own verb where that is one word, else its effect."""
    verb = action.verb.replace("_", " ")
    return verb if action.effect in _MONEY and " " not in verb else KINDS[action.effect]


def _read(row: Row) -> Earlier:
    minor, currency = integer_or_none(row, "amount_minor"), text_or_none(row, "currency")
    return Earlier(
        name=text(row, "name"),
        status=Status(text(row, "status")),
        amount=None if minor is None or currency is None else Money(minor, currency),
        request=text_or_none(row, "request_id"),
        at=integer(row, "created_at"),
    )


def earlier_words(earlier: Sequence[Earlier], now: int) -> str:
    """What was done for a customer before, over all actions, as one line for a card."""
    since = f"in {LOOK_BACK.days} days"
    if not earlier:
        return f"none {since}"
    done = [one for one in earlier if one.status is Status.SUCCEEDED and one.amount is not None]
    told = [f"{one.amount} {_ago(one.at, now)}" for one in done[:3]]
    if len(done) > len(told):
        told.append(f"{len(done) - len(told)} more {since}")
    declined = sum(one.status is Status.REJECTED for one in earlier)
    refused = sum(one.status is Status.REFUSED for one in earlier)
    told += [
        f"{count} {word}" for count, word in ((declined, "declined"), (refused, "refused")) if count
    ]
    return ", ".join(told) or f"no money {since}"


def _ago(at: int, now: int) -> str:
    days = max(0, now - at) // _DAY
    return "today" if days == 0 else f"{_days(days)} ago"
