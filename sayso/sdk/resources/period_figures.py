"""Statistics of a period and of the one before it: waits, refusals, money, what was done."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import orjson

from sayso.actions.limits.definition import RULE_PREFIX as LIMIT
from sayso.actions.limits.limit_check import NOT_NAMED
from sayso.json import JsonValue
from sayso.money import Money
from sayso.sdk.views.base import View
from sayso.store.base import Row, integer, integer_or_none, text, text_or_none

ANSWERED_WITHIN_S = (3, 60, 300, 900, 3600, 4 * 3600, 24 * 3600)
"""Ends of the spans by which answers are counted; what took longer is the last one."""


class AnswerTimesView(View):
    """How long cards waited for an answer.

    Attributes:
        count: answers. median_s, slow_s: within how long half, and nine of ten came.
        spans: how many came within each of `ANSWERED_WITHIN_S` and after all of it; each once.
    """

    count: int = 0
    median_s: float | None = None
    slow_s: float | None = None
    spans: tuple[int, ...] = (0,) * (len(ANSWERED_WITHIN_S) + 1)


class DoneView(View):
    """What was done.

    Attributes:
        count: actions. wrong: of them, what was taken back later or told to be wrong.
        automatic_s: from asking to the end, half of what nobody was asked about: machine time.
        asked_s: half of what people were asked about, their wait included.
    """

    count: int = 0
    wrong: int = 0
    automatic_s: float | None = None
    asked_s: float | None = None


class RefusalView(View):
    """What one limit or rule refused, whatever else has a name of its own.

    Attributes:
        rule: ids joined by `+`; of what was refused without a judgement the error's code.
        say: what it says, in its own words; empty where it has none.
        limit: the limit's id; empty for a rule.
        count, before: in the period, and in the one before.
        amounts: what was refused in the period by currency, never added up over currencies.
        unnamed: so many of `count`, since the limit does not name their currency.
        unnamed_currencies: those currencies.
    """

    rule: str
    say: str = ""
    limit: str = ""
    count: int = 0
    before: int = 0
    amounts: tuple[Money, ...] = ()
    unnamed: int = 0
    unnamed_currencies: tuple[str, ...] = ()


class CurrencyView(View):
    """What moved in one currency, what did not, and what moved in the period before."""

    currency: str
    automatic: Money
    agreed: Money
    refused: Money
    before: Money


def answer_times(took: Iterable[float]) -> AnswerTimesView:
    """Counted from seconds between cards and their answers."""
    ordered = sorted(took)
    if not ordered:
        return AnswerTimesView()
    ends = [sum(one < end for one in ordered) for end in ANSWERED_WITHIN_S]
    ends.append(len(ordered))
    return AnswerTimesView(
        count=len(ordered),
        median_s=statistics.median(ordered),
        slow_s=ordered[min(len(ordered) - 1, len(ordered) * 9 // 10)],
        spans=tuple(end - before for before, end in zip((0, *ends), ends, strict=False)),
    )


def done(rows: Iterable[Row]) -> DoneView:
    """Counted from rows of `statistics.done`."""
    took: dict[bool, list[float]] = {True: [], False: []}
    wrong = 0
    for row in rows:
        took[bool(integer(row, "asked"))].append(integer(row, "took") / 1e6)
        wrong += integer(row, "wrong")
    asked, automatic = took[True], took[False]
    return DoneView(
        count=len(asked) + len(automatic),
        wrong=wrong,
        automatic_s=statistics.median(automatic) if automatic else None,
        asked_s=statistics.median(asked) if asked else None,
    )


@dataclass(slots=True)
class _Refusal:
    say: str = ""
    count: int = 0
    before: int = 0
    minor: Counter[str] = field(default_factory=Counter[str])
    unnamed: Counter[str] = field(default_factory=Counter[str])


def refusals(rows: Iterable[Row]) -> tuple[RefusalView, ...]:
    """By what refused, the most first; from rows of `statistics.refused`, the newest first."""
    found: dict[str, _Refusal] = {}
    for row in rows:
        rule, said = _refused_by(row)
        one = found.setdefault(rule, _Refusal(say=_say_of(rule, said)))
        if integer(row, "before"):
            one.before += 1
            continue
        one.count += 1
        minor, currency = integer_or_none(row, "amount_minor"), text_or_none(row, "currency")
        if minor is not None and currency is not None:
            one.minor[currency] += minor
        if NOT_NAMED in said and rule.startswith(LIMIT):
            one.unnamed[currency or "?"] += 1
    views = [_refusal_view(rule, one) for rule, one in found.items()]
    return tuple(sorted(views, key=lambda one: (-one.count, -one.before, one.rule)))


def _refused_by(row: Row) -> tuple[str, str]:
    """The rules that a refusal is by, and what was said of it."""
    stored, failed = text_or_none(row, "judgement"), text_or_none(row, "error")
    judged: Mapping[str, JsonValue] = orjson.loads(stored) if stored else {}
    error: Mapping[str, object] = orjson.loads(failed) if failed else {}
    said, rules = str(error.get("message", "")), judged.get("rules")
    if judged.get("outcome") == "deny" and isinstance(rules, list) and rules:
        return "+".join(map(str, rules)), said
    return str(error.get("code", "")), said


def _say_of(rule: str, said: str) -> str:
    """A limit's own words, without how full it was; a rule's as they are."""
    return said.partition(": ")[0] if rule.startswith(LIMIT) else said


def _refusal_view(rule: str, one: _Refusal) -> RefusalView:
    first = rule.partition("+")[0]
    return RefusalView(
        rule=rule,
        say=one.say,
        limit=first.removeprefix(LIMIT) if first.startswith(LIMIT) else "",
        count=one.count,
        before=one.before,
        amounts=tuple(Money(minor, currency) for currency, minor in sorted(one.minor.items())),
        unnamed=one.unnamed.total(),
        unnamed_currencies=tuple(sorted(one.unnamed)),
    )


def currencies(moved: Sequence[Row], refused: Sequence[RefusalView]) -> tuple[CurrencyView, ...]:
    """By currency, by how often; from rows of `statistics.money` and what was refused."""
    counts: Counter[str] = Counter()
    minor: Counter[tuple[str, str]] = Counter()
    for row in moved:
        currency = text(row, "currency")
        counts[currency] += integer(row, "count")
        how = "before" if integer(row, "before") else text(row, "how")
        minor[currency, how] += integer(row, "minor")
    for amount in (amount for one in refused for amount in one.amounts):
        counts[amount.currency] += 1
        minor[amount.currency, "refused"] += amount.amount_minor
    return tuple(
        CurrencyView(
            currency=currency,
            automatic=Money(minor[currency, "automatic"], currency),
            agreed=Money(minor[currency, "asked"], currency),
            refused=Money(minor[currency, "refused"], currency),
            before=Money(minor[currency, "before"], currency),
        )
        for currency, _ in counts.most_common()
    )
