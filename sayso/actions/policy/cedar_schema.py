"""What a rule may read: the schema made from the actions, and the request made from a question."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC
from decimal import Decimal

from sayso.actions.model.definition import Action, Effect, FactType, FactValue
from sayso.actions.policy.base import Question
from sayso.errors import Code, ConfigError
from sayso.json import JsonValue
from sayso.money import Money, exponent_of


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextField:
    """One field that every rule can read as `context.<name>`.

    docs/how-to/write-a-policy.md lists them all.
    """

    name: str
    type: str
    meaning: str


CONTEXT_FIELDS: tuple[ContextField, ...] = tuple(
    ContextField(name=name, type=kind, meaning=meaning)
    for name, kind, meaning in (
        ("amount", "decimal", "the money that moves, in major units; `0.0000` when none does"),
        ("currency", "String", "its ISO 4217 code; empty when no money moves"),
        ("approvals", "Long", "how many distinct people with a declared role said yes"),
        ("approvedBy", "Set<String>", "every declared role that one of those people holds"),
        ("count30d", "Long", "this action for this customer in the last 30 days, without this one"),
        ("amount30d", "decimal", "the sum of those in this currency, in major units"),
        ("hour", "Long", "hour of the day in UTC, 0 to 23"),
        ("undoes", "Bool", "whether it takes back what a plan did, of which another step failed"),
        ("planner", "String", "`caller` for a concrete action, else the planner's name"),
    )
)
"""The fields of ours, in camelCase; facts keep the snake_case of the action that declares them."""

ENTITY_ATTRIBUTES: dict[str, tuple[str, ...]] = {
    "Customer": ("assurance",),
    "Object": ("kind", "owner"),
}
GROUPS: tuple[str, ...] = tuple(effect.value for effect in Effect)
"""Every effect is a group: `action in Action::"money_out"`."""

_MONEY_EFFECTS = frozenset({Effect.MONEY_OUT, Effect.CREDIT})
_CEDAR_TYPES: dict[FactType, str] = {
    "string": "String",
    "long": "Long",
    "bool": "Bool",
    "decimal": "decimal",
}
_FACT_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_LONG = range(-(2**63), 2**63)


def schema_text(actions: Sequence[Action]) -> str:
    """Write the Cedar schema of these actions; the same for any order of them.

    Raises:
        ConfigError: `invalid_action` for two of one name, or a fact with a bad name or type.
    """
    ours = {field.name: field.type for field in CONTEXT_FIELDS}
    lines = [
        "entity Customer { assurance: String };",
        "entity Object { kind: String, owner: Customer };",
        f"action {', '.join(_quoted(group) for group in GROUPS)};",
    ]
    seen: set[str] = set()
    for action in sorted(actions, key=lambda action: action.name):
        if action.name in seen:
            raise _invalid(action, "it is defined twice", "remove one of them")
        seen.add(action.name)
        fields = ours | {name: _fact_type(action, name) for name in sorted(action.facts)}
        context = ", ".join(f"{_quoted(name)}: {kind}" for name, kind in fields.items())
        lines.append(
            f"action {_quoted(action.name)} in [{_quoted(action.effect.value)}] appliesTo "
            f"{{ principal: Customer, resource: Object, context: {{ {context} }} }};"
        )
    return "\n".join(lines) + "\n"


def _quoted(name: str) -> str:
    return f'"{name}"'


def _fact_type(action: Action, name: str) -> str:
    if not _FACT_NAME.fullmatch(name):
        raise _invalid(action, f"fact `{name[:40]}` is no snake_case name", "rename the fact")
    if any(field.name == name for field in CONTEXT_FIELDS):
        raise _invalid(action, f"fact `{name}` is a field of ours", "rename the fact")
    kind = _CEDAR_TYPES.get(action.facts[name])
    if kind is None:
        raise _invalid(
            action,
            f"fact `{name}` has the unknown type `{action.facts[name]!s:.40}`",
            f"use one of {', '.join(_CEDAR_TYPES)}",
        )
    return kind


def _invalid(action: Action, problem: str, next_step: str) -> ConfigError:
    return ConfigError(
        Code.INVALID_ACTION, f"action `{action.name}` is not valid: {problem}", next_step=next_step
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A question in Cedar's shape, without the approvals.

    Attributes:
        parts: `principal`, `action` and `resource`.
        context: every context field but `approvals` and `approvedBy`.
        entities: the customer and the object, for Cedar.
        errors: what is missing or of a wrong type; with any of them nothing may be allowed.
    """

    parts: dict[str, JsonValue]
    context: dict[str, JsonValue]
    entities: list[JsonValue]
    errors: tuple[str, ...]


def build_request(question: Question, action: Action) -> Request:
    """Put a question into Cedar's shape.

    Args:
        question: the owner is already known to be the subject.
        action: the definition that the schema was made from, not the one in the question.
    """
    errors: list[str] = []
    amount = question.resolved.amount
    currency = amount.currency if amount is not None else ""
    context: dict[str, JsonValue] = {
        "amount": _amount(action, amount, errors),
        "currency": currency,
        "planner": question.planner,
        "undoes": question.undoes,
        "hour": _hour(question, errors),
        **_history(question, currency, errors),
    }
    for name, kind in action.facts.items():
        context[name] = _fact(name, kind, question.resolved.facts.get(name), currency, errors)
    customer: JsonValue = {"type": "Customer", "id": question.subject.id}
    thing: JsonValue = {"type": "Object", "id": question.resolved.object_id}
    return Request(
        parts={
            "principal": customer,
            "action": {"type": "Action", "id": action.name},
            "resource": thing,
        },
        context=context,
        entities=[
            {
                "uid": customer,
                "attrs": {"assurance": question.subject.assurance.value},
                "parents": [],
            },
            {
                "uid": thing,
                "attrs": {"kind": question.resolved.object_kind, "owner": {"__entity": customer}},
                "parents": [],
            },
        ],
        errors=tuple(errors),
    )


def _decimal(value: Decimal) -> JsonValue:
    # SOURCE: Cedar's decimal has at most four places, which is also ISO 4217's largest exponent.
    return {"__extn": {"fn": "decimal", "arg": f"{value:.4f}"}}


def _amount(action: Action, amount: Money | None, errors: list[str]) -> JsonValue:
    # A forgotten amount would read as zero and pass every "up to" rule.
    if action.effect in _MONEY_EFFECTS and (amount is None or amount.amount_minor <= 0):
        errors.append(f"`{action.name}` moves money, and the snapshot holds no amount above zero")
    elif amount is not None and amount.amount_minor < 0:
        errors.append("the snapshot holds a negative amount")
    return _decimal(amount.decimal if amount is not None else Decimal(0))


def _hour(question: Question, errors: list[str]) -> int:
    if question.at.tzinfo is None:
        errors.append("the time of the judgement has no time zone")
    return question.at.astimezone(UTC).hour


def _history(question: Question, currency: str, errors: list[str]) -> dict[str, JsonValue]:
    history = question.history
    if history.count_30d < 0 or history.amount_30d_minor < 0:
        errors.append("the history of the last 30 days is negative")
    if not currency and history.amount_30d_minor:
        errors.append("the history holds money, and the snapshot has no currency for it")
    exponent = exponent_of(currency) if currency else 0
    return {
        "count30d": history.count_30d,
        "amount30d": _decimal(Decimal(history.amount_30d_minor).scaleb(-exponent)),
    }


def _fact(
    name: str, kind: FactType, value: FactValue | None, currency: str, errors: list[str]
) -> JsonValue:
    match kind, value:
        case _, None:
            errors.append(f"fact `{name}` is missing from the snapshot")
        case "bool", bool():
            return value
        case "long", int() if not isinstance(value, bool) and value in _LONG:
            return value
        case "string", str():
            return value
        case "decimal", Money() if currency in ("", value.currency):
            return _decimal(value.decimal)
        case "decimal", Money():
            errors.append(f"fact `{name}` is in {value.currency}, the amount in {currency}")
        case _:
            errors.append(f"fact `{name}` is no {kind}")
    return None
