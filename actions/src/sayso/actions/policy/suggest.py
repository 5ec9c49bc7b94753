"""Suggestions: a row that people's own decisions ask for, as a draft that a person puts in force.

Looser, and only of what people decided: a hundred cards at least, by two people at least, of thirty
customers, none answered faster than it can be read, and the lower end of the share that was
approved unchanged at 90 % or more. Never above what was seen, never in another currency, and never
for what cannot be looked up afterwards.

Tighter, by the same bar where people say no to nearly all; and where of what was done at once, of
thirty customers, surely one in twenty was wrong. Only where all was in one currency, since a row
that asks or forbids holds for any other as well.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, TypeVar

from sayso.actions.model.definition import Action
from sayso.actions.policy.formula.terms import Value
from sayso.actions.policy.formula.translate import SCALE
from sayso.actions.policy.playing import Said
from sayso.actions.policy.tables.rows import name_in_table
from sayso.actions.rollout.agreement import BAR, LEAST_CUSTOMERS, wilson

LEAST_CARDS = 100
LEAST_PEOPLE = 2
QUICK_MICROS = 3_000_000
"""Nobody reads a card that fast, so such an answer is none."""
LEAST_DONE = 30
REGRET = 0.05
"""The lower end of the share of what was wrong, from which on a person is better asked."""
_DAYS = (30, 90, 180, 365, 730)
_STEPS = (10, 12, 15, 20, 25, 30, 40, 50, 60, 75, 80)
_MOST_WORDS = 12
_OURS = frozenset({"amount", "currency", "amount30d", "undoes", "planner", "plannedByModel"})
_NOT_A_SEGMENT = frozenset({"hour", "localHour", "weekday", "holiday"})


@dataclass(frozen=True, slots=True, kw_only=True)
class DecidedCard:
    """A card that people decided.

    Attributes:
        question: as it was judged. took: from the card to the last word, in microseconds.
        people: who decided.
    """

    id: str
    customer: str
    question: Mapping[str, Value]
    said: Said
    took: int
    people: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What was done with nobody's yes.

    Attributes:
        question: as it was judged. wrong: how, as somebody has said since; empty where nobody has.
        at: when it was asked for, in microseconds since 1970.
    """

    id: str
    customer: str
    question: Mapping[str, Value]
    wrong: str
    at: int


_Case = TypeVar("_Case", DecidedCard, Done)


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One fact that holds a segment together: over or under a number, or just a word or a flag."""

    field: str
    value: Value
    under: bool = False

    def holds(self, question: Mapping[str, Value]) -> bool:
        """Whether a question is of the segment."""
        found = question.get(self.field)
        if isinstance(self.value, (bool, str)):
            return type(found) is type(self.value) and found == self.value
        if not isinstance(found, int) or isinstance(found, bool):
            return False
        return found < self.value if self.under else found > self.value

    @property
    def strictness(self) -> int:
        """Of two that hold for the same cards, the stricter one goes no further than was seen."""
        if isinstance(self.value, (bool, str)):
            return 0
        return -self.value if self.under else self.value

    @property
    def toml(self) -> str:
        """As a key of a row."""
        name = name_in_table(self.field)
        if isinstance(self.value, bool):
            return f"{name} = {'true' if self.value else 'false'}"
        if isinstance(self.value, str):
            return f'{name} = "{self.value}"'
        return f"{name} = {{ {'under' if self.under else 'over'} = {self.value} }}"

    @property
    def words(self) -> str:
        """For a sentence."""
        name = name_in_table(self.field).replace("_", " ")
        if isinstance(self.value, bool):
            return f"{name}: {'yes' if self.value else 'no'}"
        if isinstance(self.value, str):
            return f"{name} {self.value}"
        return f"{name} {'under' if self.under else 'over'} {self.value}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tightening:
    """A row that takes something away.

    Attributes:
        over: in major units; None for any amount. by: who is asked; empty for `never`.
        hits: what speaks for it: noes, or what was wrong. others: what speaks against it.
    """

    action: str
    currency: str
    over: Decimal | None
    condition: Condition | None
    sort: Literal["ask", "never"]
    by: str
    hits: tuple[DecidedCard | Done, ...]
    others: tuple[DecidedCard | Done, ...]

    @property
    def of(self) -> int:
        """How many it is made of."""
        return len(self.hits) + len(self.others)

    @property
    def id(self) -> str:
        """The same for the same segment, whatever its amount: a no to it is kept."""
        where = self.condition.toml if self.condition else ""
        said = f"{self.sort}|{self.action}|{self.currency}|{where}"
        return f"sug_{hashlib.sha256(said.encode()).hexdigest()[:12]}"

    @property
    def rank(self) -> tuple[int, int, bool, int]:
        """The most that speaks for it first, then the least against it, then the plainest."""
        strict = 0 if self.condition is None else self.condition.strictness
        return len(self.hits), -len(self.others), self.condition is None, strict

    @property
    def say(self) -> str:
        """The row's sentence."""
        amount = "" if self.over is None else f"over {self.over} {self.currency}"
        where = self.condition.words if self.condition else ""
        segment = ", ".join(one for one in (amount, where) if one)
        then = f"{self.by.replace('_', ' ')} is asked" if self.by else "nobody can approve it"
        return f"{segment or 'whatever it is'}: {then}"

    def table(self, row_id: str) -> str:
        """The draft: a file of its own with the one row."""
        head = [f'action   = "{self.action}"']
        if self.currency:
            head.append(f'currency = "{self.currency}"')
        row = [f'id   = "{row_id}"', f'say  = "{self.say[0].upper()}{self.say[1:]}"']
        if self.condition is not None:
            row.append(self.condition.toml)
        if self.over is not None:
            row.append(f"over = {self.over}")
        if self.by:
            row.append(f'by   = "{self.by}"')
        return "\n".join([*head, "", f"[[{self.sort}]]", *row, ""])


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """A row that would have been right.

    Attributes:
        currency: empty where no money moves. up_to: in major units; None without money.
        yes: approved unchanged. others: the counterexamples.
    """

    action: str
    currency: str
    up_to: Decimal | None
    condition: Condition | None
    yes: int
    others: tuple[DecidedCard, ...]

    @property
    def cards(self) -> int:
        """How many cards it is made of."""
        return self.yes + len(self.others)

    @property
    def id(self) -> str:
        """The same for the same segment, whatever its amount: a no to it is kept."""
        said = f"{self.action}|{self.currency}|{self.condition.toml if self.condition else ''}"
        return f"sug_{hashlib.sha256(said.encode()).hexdigest()[:12]}"

    @property
    def rank(self) -> tuple[int, int, bool, int]:
        """The most spared cards first, then the fewest that went otherwise, then the plainest."""
        strict = 0 if self.condition is None else self.condition.strictness
        return self.yes, -len(self.others), self.condition is None, strict

    @property
    def say(self) -> str:
        """The row's sentence."""
        amount = "" if self.up_to is None else f"Up to {self.up_to} {self.currency}"
        where = self.condition.words if self.condition else ""
        return ", ".join(one for one in (amount or "At once", where) if one)

    def table(self, row_id: str) -> str:
        """The draft: a file of its own with the one row."""
        head = [f'action   = "{self.action}"']
        if self.currency:
            head.append(f'currency = "{self.currency}"')
        row = [f'id    = "{row_id}"', f'say   = "{self.say}"']
        if self.condition is not None:
            row.append(self.condition.toml)
        if self.up_to is not None:
            row.append(f"up_to = {self.up_to}")
        return "\n".join([*head, "", "[[allow]]", *row, ""])


def may_be_suggested(action: Action) -> bool:
    """Whether it can be looked up afterwards what was done."""
    guarantee = action.guarantee
    return guarantee.kind != "at_most_once" or guarantee.shown_after_s is not None


def suggest(
    action: str, decided: Sequence[DecidedCard], declined: Collection[str] = ()
) -> Suggestion | None:
    """The row of one action that would have spared people the most cards; None where none would.

    Args:
        declined: ids of segments that somebody has said no to.
    """
    read = [one for one in decided if one.took >= QUICK_MICROS and one.said]
    best: Suggestion | None = None
    for currency in sorted({str(one.question.get("currency", "")) for one in read}):
        mine = [one for one in read if one.question.get("currency", "") == currency]
        for condition in (None, *_conditions(mine)):
            cases = [one for one in mine if condition is None or condition.holds(one.question)]
            found = _widest(action, currency, condition, cases)
            if found is None or found.id in declined:
                continue
            if best is None or found.rank > best.rank:
                best = found
    return best


def suggest_never(
    action: str, decided: Sequence[DecidedCard], declined: Collection[str] = ()
) -> Tightening | None:
    """The row that would have spared people the most cards to which they say no."""
    read = [one for one in decided if one.took >= QUICK_MICROS and one.said]
    noes = [one for one in read if one.said == "no"]

    def is_enough(hits: int, kept: Sequence[DecidedCard]) -> bool:
        people = {person for one in kept for person in one.people}
        low, _ = wilson(hits, len(kept))
        return len(kept) >= LEAST_CARDS and len(people) >= LEAST_PEOPLE and low >= BAR

    return _tightest(action, read, noes, is_enough, declined, "never", "")


def suggest_ask(
    action: str, done: Sequence[Done], by: str, declined: Collection[str] = ()
) -> Tightening | None:
    """The row by which people would have been asked of the most that turned out wrong.

    Args:
        by: the least role that is to be asked.
    """
    wrong = [one for one in done if one.wrong]

    def is_enough(hits: int, kept: Sequence[Done]) -> bool:
        return len(kept) >= LEAST_DONE and wilson(hits, len(kept))[0] >= REGRET

    return _tightest(action, done, wrong, is_enough, declined, "ask", by)


def _tightest(
    action: str,
    cases: Sequence[_Case],
    hits: Sequence[_Case],
    is_enough: Callable[[int, Sequence[_Case]], bool],
    declined: Collection[str],
    sort: Literal["ask", "never"],
    by: str,
) -> Tightening | None:
    if not hits or len({str(one.question.get("currency", "")) for one in cases}) != 1:
        return None
    currency = str(cases[0].question.get("currency", ""))
    ours = {one.id for one in hits}
    best: Tightening | None = None
    for condition in (None, *_conditions(cases)):
        mine = [one for one in cases if condition is None or condition.holds(one.question)]
        most = max((_amount(one) for one in mine), default=0)
        amounts: list[int] = list(_round_amounts(most - 1)) if currency else []
        for over in (None, *amounts):
            kept = [one for one in mine if over is None or _amount(one) > over]
            if len({one.customer for one in kept}) < LEAST_CUSTOMERS:
                continue
            against = tuple(one for one in kept if one.id not in ours)
            if not is_enough(len(kept) - len(against), kept):
                continue
            found = Tightening(
                action=action,
                currency=currency,
                over=None if over is None else Decimal(over) / SCALE,
                condition=condition,
                sort=sort,
                by=by,
                hits=tuple(one for one in kept if one.id in ours),
                others=against,
            )
            if found.id not in declined and (best is None or found.rank > best.rank):
                best = found
    return best


def _widest(
    action: str, currency: str, condition: Condition | None, cases: Sequence[DecidedCard]
) -> Suggestion | None:
    """The highest round amount of a segment up to which its cards are approved unchanged."""
    if len(cases) < LEAST_CARDS:
        return None
    ordered = sorted(cases, key=_amount)
    amounts = [_amount(one) for one in ordered]
    highest = max((_amount(one) for one in cases if one.said == "yes"), default=0)
    caps: list[int | None] = [None] if not currency else list(_round_amounts(highest))
    for cap in caps:
        kept = ordered if cap is None else ordered[: bisect_right(amounts, cap)]
        if not _is_enough(kept):
            continue
        others = tuple(one for one in kept if one.said != "yes")
        return Suggestion(
            action=action,
            currency=currency,
            up_to=None if cap is None else Decimal(cap) / SCALE,
            condition=condition,
            yes=len(kept) - len(others),
            others=others,
        )
    return None


def _is_enough(kept: Sequence[DecidedCard]) -> bool:
    yes = sum(one.said == "yes" for one in kept)
    people = {person for one in kept for person in one.people}
    customers = {one.customer for one in kept}
    low, _ = wilson(yes, len(kept))
    return (
        len(kept) >= LEAST_CARDS
        and len(people) >= LEAST_PEOPLE
        and len(customers) >= LEAST_CUSTOMERS
        and low >= BAR
    )


def _amount(one: DecidedCard | Done) -> int:
    found = one.question.get("amount", 0)
    return found if isinstance(found, int) else 0


def _round_amounts(highest: int) -> Iterator[int]:
    """Round amounts up to what was seen, the highest first."""
    power = 10**7 * SCALE
    while power >= SCALE // 10:
        for step in reversed(_STEPS):
            amount = step * power // 10
            if 0 < amount <= highest:
                yield amount
        power //= 10


def _conditions(cases: Iterable[DecidedCard | Done]) -> Iterator[Condition]:
    """What a segment may be held together by, of what was seen."""
    seen: dict[str, set[Value]] = {}
    for one in cases:
        for name, value in one.question.items():
            if name not in _OURS | _NOT_A_SEGMENT:
                seen.setdefault(name, set()).add(value)
    for name, values in sorted(seen.items()):
        if len(values) < 2 or "." in name:
            continue
        if all(isinstance(value, bool) for value in values):
            yield from (Condition(field=name, value=value) for value in (False, True))
        elif name.endswith("_days"):
            for days in _DAYS:
                yield Condition(field=name, value=days)
                yield Condition(field=name, value=days, under=True)
        elif all(isinstance(value, str) for value in values) and len(values) <= _MOST_WORDS:
            words = sorted(str(value) for value in values)
            yield from (Condition(field=name, value=word) for word in words if _is_plain(word))


def _is_plain(word: str) -> bool:
    return word.isprintable() and word.isascii() and not set(word) & set('"\\') and len(word) < 60
