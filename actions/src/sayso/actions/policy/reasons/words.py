"""What is said of a condition that asks: what it is, and from where on nobody would be asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from sayso.actions.model.definition import Fact
from sayso.actions.policy.formula.domain import OTHER
from sayso.actions.policy.formula.terms import HasRole, Value
from sayso.actions.policy.formula.translate import (
    ASSURANCE,
    OBJECT_KIND,
    PRINCIPAL,
    RESOURCE,
    SCALE,
)
from sayso.actions.policy.reasons.cheapest import FactChange, Values
from sayso.actions.policy.reasons.variables import TIME
from sayso.money import Money, exponent_of

AUTOMATIC, FEWER = "automatic", "fewer people"
_TIMES = {
    "tenure_days": "Customer for {value} days",
    "charge_age_days": "Paid {value} days ago",
    "subscription_age_days": "Subscribed for {value} days",
    "addressChangedDays": "Address on file changed {value} days ago",
}
_FLAGS = {
    ("at_once", True): "Ends at once, not with the paid period",
    ("full", True): "Refunds all that is left",
    ("livemode", True): "Real money",
}
_DAYS = {
    "mon": "Monday",
    "tue": "Tuesday",
    "wed": "Wednesday",
    "thu": "Thursday",
    "fri": "Friday",
    "sat": "Saturday",
    "sun": "Sunday",
}


def said_of(
    change: FactChange,
    before: Values,
    after: Values,
    facts: Mapping[str, Fact],
    goal: str = AUTOMATIC,
    others: Sequence[Value] = (),
) -> tuple[str, str]:
    """A condition that asks, as a sentence, and what would have to be so instead.

    Args:
        before, after: all that the rules read, as it is and after every change.
        goal: what it would be then. others: values that would do as well, for a text.
    """
    names = changed_names(change, before)
    told = [name for name in names if name != "amount30d" or change.values[name]] or names
    if change.variable.names == TIME:
        return _time(before, after, goal)
    parts = [_one(name, before, after, facts, goal, others) for name in told]
    return " and ".join(say for say, _ in parts), " and ".join(to for _, to in parts)


def changed_names(change: FactChange, before: Values) -> tuple[str, ...]:
    """The facts that are otherwise then, of those that rules read."""
    read = before.keys() | {atom.name for atom, _ in change.wanted if not isinstance(atom, HasRole)}
    return tuple(
        name for name, value in change.values.items() if name in read and before.get(name) != value
    )


def _one(
    name: str,
    before: Values,
    after: Values,
    facts: Mapping[str, Fact],
    goal: str,
    others: Sequence[Value],
) -> tuple[str, str]:
    was, now = before.get(name), after[name]
    fact = facts.get(name)
    if name == "amount":
        return _amount(int(was or 0), int(now), str(after["currency"]), goal)
    if name == "amount30d" or (fact is not None and fact.type == "decimal"):
        here, there = _money(was, before), _money(now, after)
        subject = "In 30 days already" if name == "amount30d" else label(name, fact)
        bound, to = _bound(was, now, there)
        return f"{subject} {here}; {goal} {bound}", f"{subject[:1].lower()}{subject[1:]} {to}"
    if name == "count30d":
        return _count(int(was or 0), int(now), goal)
    if isinstance(now, bool):
        return _flag(name, was, now, fact, goal)
    if isinstance(now, int):
        return _number(name, was, now, fact, goal)
    return _text(name, was, now, fact, goal, others)


def _amount(was: int, now: int, currency: str, goal: str) -> tuple[str, str]:
    limit = short_of(now, currency)
    where, to = ("Above", f"at most {limit}") if now < was else ("Below", f"at least {limit}")
    if goal == FEWER:
        return f"{where} {limit}: more than one person must agree", to
    return f"{where} the automatic {limit}", to


def _bound(was: Value | None, now: Value, there: str) -> tuple[str, str]:
    assert not isinstance(now, str), "of a number"
    if was is None:
        return f"at {there}", f"is {there}"
    assert not isinstance(was, str), "of a number"
    return (
        (f"up to {there}", f"at most {there}")
        if now < was
        else (f"from {there}", f"at least {there}")
    )


def _count(was: int, now: int, goal: str) -> tuple[str, str]:
    times = "One" if was == 1 else "None" if was == 0 else str(was)
    bound, to = _bound(was, now, str(now))
    if now == 0:
        bound, to = "with none", "none"
    return f"{times} like it in 30 days already; {goal} {bound}", f"{to} like it in 30 days"


def _flag(name: str, was: Value | None, now: bool, fact: Fact | None, goal: str) -> tuple[str, str]:
    there = "yes" if now else "no"
    said = label(name, fact)
    if was is None:
        return f"{said} could not be read; {goal} at `{there}`", f"{said.lower()}: {there}"
    known = _FLAGS.get((name, was is True))
    if name == "plannedByModel":
        return ("Planned by a language model" if was else "Not planned by a language model"), (
            "planned without a language model" if was else "planned by a language model"
        )
    here = "yes" if was else "no"
    return known or f"{said}: {here}; {goal} at `{there}`", f"{said.lower()}: {there}"


def _number(
    name: str, was: Value | None, now: int, fact: Fact | None, goal: str
) -> tuple[str, str]:
    bound, to = _bound(was, now, f"{now:,}")
    said = label(name, fact)
    if was is None:
        return f"{said} could not be read; {goal} {bound}", f"{said.lower()} {to}"
    known = _TIMES.get(name, f"{said} {{value}}")
    there = known[:1].lower() + known[1:]
    return f"{known.format(value=f'{was:,}')}; {goal} {bound}", there.format(value=to)


def _text(
    name: str,
    was: Value | None,
    now: Value,
    fact: Fact | None,
    goal: str,
    others: Sequence[Value],
) -> tuple[str, str]:
    if name in (PRINCIPAL, RESOURCE):
        whom = "customer" if name == PRINCIPAL else "object"
        return f"A rule names this {whom}", f"another {whom}"
    words = [str(one) for one in dict.fromkeys((now, *others)) if one != OTHER]
    there = " or ".join(_word(one) for one in words) or f"anything but {_word(str(was))}"
    if name == "currency":
        return f"In {was}; {goal} in {there}", f"in {there}"
    said = {ASSURANCE: "Customer identified as", OBJECT_KIND: "About"}.get(name) or label(
        name, fact
    )
    if was is None:
        return f"{said} could not be read; {goal} for {there}", f"{said.lower()} {there}"
    return f"{said} {_word(str(was))}; {goal} for {there}", f"{said.lower()} {there}"


def _word(word: str) -> str:
    return f"`{word.replace('_', ' ')}`" if word else "nothing"


def _time(before: Values, after: Values, goal: str) -> tuple[str, str]:
    here, there = _moment(before), _moment(after)
    return f"It is {here}; {goal} from {there}", f"from {there}"


def _moment(values: Values) -> str:
    """Such as `Sunday 23:00`."""
    parts = [_DAYS[str(values["weekday"])]] if "weekday" in values else []
    if "localHour" in values:
        parts.append(f"{values['localHour']:02}:00")
    elif "hour" in values:
        parts.append(f"{values['hour']:02}:00 UTC")
    if values.get("holiday") is True:
        parts.append("on a holiday")
    return " ".join(parts) or "this hour"


def label(name: str, fact: Fact | None) -> str:
    """What people call a fact, at the beginning of a sentence."""
    said = fact.say if fact is not None and fact.say else _OURS.get(name, name.replace("_", " "))
    return said[:1].upper() + said[1:]


_OURS = {"verifiedBy": "who writes is known by", "link": "account known by"}


def _money(value: Value | None, values: Values) -> str:
    if value is None:
        return "not known"
    return short_of(int(value), str(values.get("currency", "")))


def short_of(scaled: int, currency: str) -> str:
    """An amount without decimals that say nothing: `$50`, but `$49.50`."""
    number = Decimal(scaled) / SCALE
    if not currency:
        return f"{number:f}"
    return short(Money(int(number.scaleb(exponent_of(currency))), currency))


def short(money: Money) -> str:
    """See `short_of`."""
    return str(money).removesuffix(".00")
