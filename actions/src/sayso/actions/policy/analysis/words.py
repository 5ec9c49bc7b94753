"""A question that was found or recorded, in words for people, and who it needs."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from sayso.actions.policy.analysis.people import who
from sayso.actions.policy.cedarpy_adapter import CedarVerdict
from sayso.actions.policy.formula.domain import OTHER
from sayso.actions.policy.formula.terms import Value
from sayso.actions.policy.formula.translate import SCALE
from sayso.actions.policy.slices import Hypothetical, Slice
from sayso.actions.policy.tables.rows import name_in_table
from sayso.errors import RefusedError
from sayso.money import Money, exponent_of

_IN_FRONT = ("amount", "weekday", "localHour")


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalysisAnswer:
    """What a policy says to a question, by the engine itself.

    Attributes:
        roles: the least people; None where nobody can approve it.
        rules: that decided. steps: each set of people that was asked about, with its verdict.
    """

    roles: Hypothetical | None
    rules: tuple[str, ...]
    steps: tuple[tuple[Hypothetical, CedarVerdict], ...]

    @property
    def words(self) -> str:
        """Such as `nobody asked`, `support manager alone`, `refused`."""
        if self.roles is None:
            return "refused"
        return "nobody asked" if not self.roles else who(self.roles)

    @property
    def outcome(self) -> str:
        """`allow`, `ask` or `deny`."""
        return "deny" if self.roles is None else "ask" if self.roles else "allow"


def answer_of(
    mine: Slice, values: Mapping[str, Value], missing: Sequence[str] = ()
) -> AnalysisAnswer:
    """Ask the engine about nobody, each one, each two, …, until it is allowed."""
    asked = mine.lacking(tuple(missing)) if missing else mine
    steps: list[tuple[Hypothetical, CedarVerdict]] = []
    always: frozenset[str] | None = None
    for roles in mine.hypotheticals:
        verdict = asked.ask(values, len(roles), frozenset(roles))
        steps.append((roles, verdict))
        if verdict.errors:
            break
        if verdict.allowed:
            return AnalysisAnswer(
                roles=roles, rules=_in_order(asked, verdict.rules), steps=tuple(steps)
            )
        always = verdict.rules if always is None else always & verdict.rules
    return AnalysisAnswer(roles=None, rules=_in_order(asked, always or ()), steps=tuple(steps))


def _in_order(mine: Slice, rules: Collection[str]) -> tuple[str, ...]:
    return tuple(sorted(rules, key=lambda rule: mine.order.get(rule, 0)))


def whole(values: Mapping[str, Value]) -> dict[str, Value]:
    """A recorded question with what stands for any customer and any object."""
    return {"principal": "customer", "resource": "object", **values}


def missing_of(mine: Slice, values: Mapping[str, Value]) -> tuple[tuple[str, ...], bool]:
    """Facts that the rules read and the question lacks, and whether one of them denies."""
    lacking = sorted(name for name in mine.form.reads if name in mine.facts and name not in values)
    if "holiday" in mine.form.reads and "holiday" not in values:
        lacking.append("holiday")
    denies = any(mine.facts[name].missing == "deny" for name in lacking if name in mine.facts)
    return tuple(lacking), denies


def question_words(values: Mapping[str, Value], reads: Collection[str]) -> str:
    """A question by what rules read of it, such as `$75.00 · tenure days 366 · Mon`."""
    currency = str(values.get("currency", ""))
    first = [name for name in _IN_FRONT if name in reads]
    rest = sorted(name for name in reads if name not in (*_IN_FRONT, "currency"))
    told = [name for name in (*first, *rest) if name in values and not _is_plain(name, values)]
    said = [_field(name, values[name], currency) for name in told]
    lacking = [name for name in (*first, *rest) if name not in values]
    said += [f"{name.replace('_', ' ')} not known" for name in lacking if not _is_ours(name)]
    return " · ".join(one for one in said if one)


def _is_plain(name: str, values: Mapping[str, Value]) -> bool:
    """Whether a field says nothing, since it is as it mostly is."""
    value = values[name]
    if name in ("undoes", "plannedByModel", "holiday"):
        return value is False
    return (name == "amount30d" and value == 0) or value == OTHER


def _is_ours(name: str) -> bool:
    return name in ("approvals", "approvedBy", "principal", "resource")


def _field(name: str, value: Value, currency: str) -> str:
    label = name_in_table(name).replace("_", " ")
    if name in ("amount", "amount30d"):
        said = _money(value, currency)
        return said if name == "amount" else f"{label} {said}"
    if name == "weekday":
        return str(value).capitalize()
    if name == "localHour":
        return f"{value}:00"
    if isinstance(value, bool):
        return f"{label}: {'yes' if value else 'no'}"
    return f"{label} {value:,}" if isinstance(value, int) else f"{label} {value}"


def _money(value: Value, currency: str) -> str:
    number = Decimal(int(value)) / SCALE
    try:
        return str(Money(int(number.scaleb(exponent_of(currency))), currency))
    except (RefusedError, ValueError):
        return f"{number:.2f} {currency}".strip()
