"""One limit as an action meets it, and what is said of it."""

from __future__ import annotations

from typing import NamedTuple

from sayso.actions.limits.definition import Limit
from sayso.actions.limits.usage import CARDS, NOTHING, CounterKey, Use, Used, Why
from sayso.actions.policy.base import Demand
from sayso.actions.policy.calendar import Calendar
from sayso.money import Money

NOT_NAMED = "is not among its currencies"
"""What is said of an amount whose currency a limit does not name."""


class BesideCounted(NamedTuple):
    """The counters of another account of the same customer.

    Attributes:
        pseudonym: how the log names it.
    """

    pseudonym: str
    places: tuple[CounterKey, ...]


class LimitCheck(NamedTuple):
    """One limit, as an action meets it.

    Attributes:
        oldest: the first bucket of its window.
        used: by others, in its window. minor: what the action would add.
        beside: counters that count with its own: of accounts that are the same customer's now.
        unknown_currency: it is in a currency that the limit does not name, which is over.
        counter: the log's own name of the counter, where an entry must not say its key.
    """

    limit: Limit
    place: CounterKey
    bucket: int = 0
    oldest: int = 0
    minor: int = 0
    unknown_currency: bool = False
    used: Used = NOTHING
    counter: str = ""
    beside: tuple[BesideCounted, ...] = ()

    @property
    def places(self) -> tuple[CounterKey, ...]:
        """Every counter that counts, its own first."""
        return (self.place, *(place for other in self.beside for place in other.places))

    @property
    def currency(self) -> str:
        """Of what is summed; empty where it is counted how many."""
        return "" if self.place.currency == CARDS else self.place.currency

    @property
    def cap_minor(self) -> int | None:
        """The most in that currency, in minor units; None where it is counted how many."""
        return self.limit.sums.get(self.currency)

    @property
    def cap_count(self) -> int | None:
        """The most of them; None where something is summed."""
        if self.currency:
            return None
        return self.limit.cards if self.limit.window is None else self.limit.count

    @property
    def is_over(self) -> bool:
        """Whether the action does not fit."""
        if self.unknown_currency:
            return True
        if (cap := self.cap_minor) is not None:
            return self.used.minor + self.minor > cap
        return (cap := self.cap_count) is not None and self.used.count + 1 > cap

    @property
    def level(self) -> int:
        """How full it is with the action: 1 from four fifths on, 2 when it is full, else 0."""
        return self._level(self.used.count + 1, self.used.minor + self.minor)

    @property
    def level_without(self) -> int:
        """The same without the action."""
        return self._level(self.used.count, self.used.minor)

    def _level(self, count: int, minor: int) -> int:
        cap, now = self.cap_minor, minor
        if cap is None:
            cap, now = self.cap_count, count
        if cap is None:
            return 0
        return 2 if now >= cap else int(now * 5 >= cap * 4)

    @property
    def left_minor(self) -> int:
        """How much would still fit."""
        return 0 if self.cap_minor is None else max(0, self.cap_minor - self.used.minor)

    def use(self, why: Why) -> Use:
        """What the action uses of it from now on."""
        return Use(
            place=self.place,
            bucket=self.bucket,
            count=1,
            minor=self.minor,
            state="held",
            why=why,
        )


class Planned(NamedTuple):
    """What an action will reserve when it is stored.

    Attributes:
        turned_away: it reserves nothing, since the limit had no room for it.
    """

    action_id: str
    check: LimitCheck
    why: Why = "fits"
    turned_away: bool = False

    @property
    def use(self) -> Use:
        """The use."""
        return self.check.use(self.why)


# ---- what is said ------------------------------------------------------------------------------


def sentence(look: LimitCheck, *, now: int, calendar: Calendar) -> str:
    """How full a limit is, for a person."""
    limit = look.limit
    if limit.cards is not None:
        return f"{limit.say}: {look.used.count} of {limit.cards} wait already (limit {limit.id})"
    assert limit.window is not None, "only of what counts over a time"
    when = limit.window.words
    if look.unknown_currency:
        return f"{limit.say}: {look.currency} {NOT_NAMED} (limit {limit.id})"
    if look.cap_minor is not None:
        used = Money(look.used.minor, look.currency)
        cap = Money(look.cap_minor, look.currency)
        state = f"{used} of {cap} are used {when}"
    else:
        state = f"{look.used.count} of {look.cap_count} are used {when}"
    said = f"{limit.say}: {state} (limit {limit.id})"
    if not limit.is_hard:
        return said
    ends = calendar.local(limit.window.ends(now, calendar))
    left = f"up to {Money(look.left_minor, look.currency)} now, " if look.left_minor else ""
    return f"{said}; {left}the rest from {ends:%Y-%m-%d %H:%M} on"


def after_words(look: LimitCheck) -> str:
    """How full it will be with the action, for whoever is asked about it."""
    assert look.limit.window is not None, "only of what counts over a time"
    if look.cap_minor is not None:
        after = Money(look.used.minor + look.minor, look.currency)
        state = f"{after} of {Money(look.cap_minor, look.currency)}"
    else:
        state = f"{look.used.count + 1} of {look.cap_count}"
    return f"after this: {state} {look.limit.window.words}"


def demand_of(look: LimitCheck, *, now: int, calendar: Calendar) -> Demand:
    """Who has to agree beyond a soft limit."""
    return Demand(
        rule=look.limit.rule,
        say=sentence(look, now=now, calendar=calendar),
        by=frozenset(look.limit.ask),
    )
