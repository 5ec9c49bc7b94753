"""What a rule may read: the schema made from the actions, and the request made from a question."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC
from decimal import Decimal
from typing import Literal, TypeAlias, cast

import orjson

from sayso.actions.customers.proof import Proof, rests_on
from sayso.actions.model.definition import (
    Action,
    Assurance,
    Effect,
    Fact,
    FactType,
    FactValue,
)
from sayso.actions.policy.base import PolicyQuestion
from sayso.actions.policy.calendar import WEEKDAYS, Calendar
from sayso.actions.policy.cedarpy_adapter import Entities, Schema, parse_entities, parse_schema
from sayso.audit.customer_codes import VerifiedBy
from sayso.audit.request_digests import ON_A_YES
from sayso.errors import Code, ConfigError
from sayso.frozen import quickly_made
from sayso.json import JsonValue
from sayso.money import Money, exponent_of

VERIFIED_BY = ("caller", "signed", *(one.value for one in VerifiedBy))
"""By what it can be known who writes; see `PolicyQuestion.verified_by`."""
LINKS = ("own", *(proof.value for proof in Proof))
"""What a customer's account can be known by; see `rests_on`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextField:
    """One field that every rule can read as `context.<name>`.

    docs/how-to/write-a-rule-in-cedar.md lists them all.

    Attributes:
        words: all that a text can be, where that is a closed list.
        missing: as in `Fact`.
    """

    name: str
    type: str
    meaning: str
    words: tuple[str, ...] = ()
    missing: Literal["deny", "ask"] = "deny"


CONTEXT_FIELDS: tuple[ContextField, ...] = (
    *(
        ContextField(name=name, type=kind, meaning=meaning)
        for name, kind, meaning in (
            ("amount", "decimal", "the money that moves, in major units; `0.0000` when none does"),
            ("currency", "String", "its ISO 4217 code; empty when no money moves"),
            ("approvals", "Long", "how many distinct people with a declared role said yes"),
            ("approvedBy", "Set<String>", "every declared role that one of those people holds"),
            (
                *("count30d", "Long"),
                "this action for this customer in the last 30 days, without this one",
            ),
            ("amount30d", "decimal", "the sum of those in this currency, in major units"),
            ("hour", "Long", "hour of the day in UTC, 0 to 23"),
            ("localHour", "Long", "hour of the day in the workspace's `time_zone`, 0 to 23"),
        )
    ),
    ContextField(
        name="weekday",
        type="String",
        meaning="day of the week there: `mon`, `tue`, `wed`, `thu`, `fri`, `sat` or `sun`",
        words=WEEKDAYS,
    ),
    ContextField(
        name="holiday",
        type="Bool",
        meaning="whether the day is one of `policies/holidays.txt`; missing after its last line",
        missing="ask",
    ),
    ContextField(
        name="undoes",
        type="Bool",
        meaning="whether it takes back what a plan did, of which another step failed",
    ),
    ContextField(
        name="link",
        type="String",
        meaning="how the account is known to be the customer's: `own` where they wrote from it, "
        "else the weakest proof of the links to it: `signed`, `record`, `code`, `person`, `email`",
        words=LINKS,
    ),
    ContextField(
        name="verifiedBy",
        type="String",
        meaning="by what it is known who writes: `caller` where it is the caller's word, `signed` "
        "where they are signed in (by your assertion alone, where `[identity]` requires it), else "
        "what they showed in this conversation: `code`, `link`, or `person` where a colleague "
        "vouched",
        words=VERIFIED_BY,
    ),
    ContextField(
        name="addressChangedDays",
        type="Long",
        meaning="days since the address on file at the account changed; missing where the provider "
        "does not tell it, or the customer wrote from the account",
        missing="ask",
    ),
    ContextField(
        name="planner",
        type="String",
        meaning="`caller` for a concrete action, else the planner's name",
    ),
    ContextField(
        name="plannedByModel",
        type="Bool",
        meaning="whether a language model planned it",
    ),
)
"""The fields of ours, in camelCase; facts keep the snake_case of the action that declares them."""

ENTITY_ATTRIBUTES: dict[str, tuple[str, ...]] = {
    "Customer": ("assurance",),
    "Object": ("kind", "owner"),
}
GROUPS: tuple[str, ...] = tuple(effect.value for effect in Effect)
"""Every effect is a group: `action in Action::"money_out"`."""

MODEL = "model:"
"""How the name of a planner begins that is a language model."""
APPROVAL_FIELDS = ("approvals", "approvedBy")
MONEY_EFFECTS = frozenset({Effect.MONEY_OUT, Effect.CREDIT})
_OURS = {field.name: field for field in CONTEXT_FIELDS}
_ENTITIES = (
    "entity Customer { assurance: String };",
    "entity Object { kind: String, owner: Customer };",
    f"action {', '.join(f'{chr(34)}{group}{chr(34)}' for group in GROUPS)};",
)
_CEDAR_TYPES: dict[FactType, str] = {
    "string": "String",
    "long": "Long",
    "bool": "Bool",
    "decimal": "decimal",
}
_FACT_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_PLACES = 4
Given: TypeAlias = "int | str | bool | Decimal"
_LONG = range(-(2**63), 2**63)
_MIN, _MAX = _LONG.start, _LONG.stop - 1
_LEAST, _MOST = Decimal(_MIN).scaleb(-_PLACES), Decimal(_MAX).scaleb(-_PLACES)
_LOCAL = frozenset({"localHour", "weekday", "holiday"})
_ANYBODY, _ANYTHING = "customer", "object"
"""Who and what it is about, to rules that name nobody and nothing."""
_MOST_ENTITIES = 1000


def schema_text(actions: Sequence[Action]) -> str:
    """Write the Cedar schema of these actions; the same for any order of them.

    Raises:
        ConfigError: `invalid_action` for two of one name, or a fact with a bad name or type.
    """
    lines = list(_ENTITIES)
    seen: set[str] = set()
    for action in sorted(actions, key=lambda action: action.name):
        if action.name in seen:
            raise _invalid(action, "it is defined twice", "remove one of them")
        seen.add(action.name)
        lines.append(_action_line(action, None))
    return "\n".join(lines) + "\n"


def _action_line(action: Action, reads: Collection[str] | None) -> str:
    """One action's declaration, with all that can be read of it or only with what is."""
    fields = {field.name: field.type for field in CONTEXT_FIELDS}
    fields |= {name: _fact_type(action, name) for name in sorted(action.facts)}
    if reads is not None:
        kept = {*reads, *APPROVAL_FIELDS}
        fields = {name: kind for name, kind in fields.items() if name in kept}
    context = ", ".join(f'"{name}": {kind}' for name, kind in fields.items())
    return (
        f'action "{action.name}" in ["{action.effect.value}"] appliesTo '
        f"{{ principal: Customer, resource: Object, context: {{ {context} }} }};"
    )


def _fact_type(action: Action, name: str) -> str:
    if not _FACT_NAME.fullmatch(name):
        raise _invalid(action, f"fact `{name[:40]}` is no snake_case name", "rename the fact")
    if name in _OURS:
        raise _invalid(action, f"fact `{name}` is a field of ours", "rename the fact")
    fact = action.declared[name]
    kind = _CEDAR_TYPES.get(fact.type)
    if kind is None:
        raise _invalid(
            action,
            f"fact `{name}` has the unknown type `{fact.type!s:.40}`",
            f"use one of {', '.join(_CEDAR_TYPES)}",
        )
    return kind


def _invalid(action: Action, problem: str, next_step: str) -> ConfigError:
    return ConfigError(
        Code.INVALID_ACTION, f"action `{action.name}` is not valid: {problem}", next_step=next_step
    )


@quickly_made
@dataclass(frozen=True, slots=True, kw_only=True)
class CedarRequest:
    """A question in Cedar's shape, without the approvals.

    Attributes:
        parts: `principal`, `action` and `resource`.
        context: every context field that a rule reads, but `approvals` and `approvedBy`.
        values: the same for formulas: money in ten-thousandths, and what stands beside the context.
        named: customer and object where rules name some, else what stands for any.
        assurance, kind: the attributes of the two that a rule can read.
        missing: facts that could not be read and need not be: the rules about them are met, or
            out of the question (`sayso.actions.policy.slices`).
        errors: what else is missing or of a wrong type; with any of them nothing may be allowed.
    """

    parts: dict[str, JsonValue]
    context: dict[str, JsonValue]
    values: dict[str, int | str | bool]
    named: tuple[str, str]
    assurance: str
    kind: str
    missing: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()


_OUR_NAMES = frozenset(field.name for field in CONTEXT_FIELDS)


@dataclass(slots=True, kw_only=True)
class RequestForm:
    """How a question about one action is put to its rules: only what they read is in it.

    Attributes:
        action: the definition that the schema was made from.
        facts: its facts, as the policy takes them.
        reads: the fields that a rule reads.
        names_ids: whether a rule names a customer or an object, so that their ids matter.
    """

    action: Action
    facts: Mapping[str, Fact]
    reads: frozenset[str]
    names_ids: bool
    calendar: Calendar
    needs: frozenset[str] = field(init=False)
    """The fields of ours that a rule reads and each question has."""
    schema: Schema = field(init=False)
    _known: OrderedDict[tuple[str, ...], Entities] = field(
        init=False, default_factory=OrderedDict[tuple[str, ...], Entities]
    )

    _last: (
        tuple[PolicyQuestion, tuple[Mapping[str, Given], tuple[str, ...], tuple[str, ...]]] | None
    ) = field(init=False, default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        self.needs = frozenset(
            one.name
            for one in CONTEXT_FIELDS
            if one.name in self.reads and one.name not in APPROVAL_FIELDS and one.missing != "ask"
        )
        self.schema = parse_schema("\n".join((*_ENTITIES, _action_line(self.action, self.reads))))

    def values(
        self, question: PolicyQuestion
    ) -> tuple[Mapping[str, Given], tuple[str, ...], tuple[str, ...]]:
        """What the rules read of a question, what of it is missing, and what is wrong with it.

        The very same question is read once: who asks for people asks why as well.
        """
        last = self._last
        if last is None or last[0] is not question:
            last = self._last = (question, self._read(question))
        return last[1]

    def _read(
        self, question: PolicyQuestion
    ) -> tuple[dict[str, Given], tuple[str, ...], tuple[str, ...]]:
        errors: list[str] = []
        missing: list[str] = []
        reads = self.reads
        amount = question.resolved.amount
        currency = amount.currency if amount is not None else ""
        ours: dict[str, Given] = {
            "amount": _amount(self.action, amount, errors),
            "currency": currency,
            "planner": question.planner.removesuffix(ON_A_YES),
            "plannedByModel": question.planner.startswith(MODEL),
            "undoes": question.undoes,
            "link": rests_on(question.resolved.reached),
            "verifiedBy": question.verified_by,
            **self._address(question, missing),
            **self._time(question, missing, errors),
            **_history(question, currency, errors),
        }
        known = {name: value for name, value in ours.items() if name in reads}
        given = question.resolved.facts
        for name, fact in self.facts.items():
            value = given.get(name)
            if value is None or (fact.words and value not in fact.words):
                self._lacks(name, fact, value, missing, errors)
            elif (read := _fact(name, fact, value, currency, errors)) is not None:
                known[name] = read
        errors += [
            f"`{name}` is larger than a rule can read"
            for name, value in (ours | known).items()
            if type(value) is not str and not _is_in_range(value)
        ]
        return known, tuple(missing), tuple(errors)

    def build(self, question: PolicyQuestion) -> CedarRequest:
        """Put a question into Cedar's shape; its owner is already known to be the subject."""
        known, missing, errors = self.values(question)
        values = self._named(question)
        customer, thing = str(values["principal"]), str(values["resource"])
        context: dict[str, JsonValue] = {}
        for name, value in known.items():
            values[name] = _scaled(value)
            if name in self.reads:
                context[name] = _decimal(value) if isinstance(value, Decimal) else value
        return CedarRequest(
            parts=self._parts(customer, thing),
            context=context,
            values=values,
            named=(customer, thing),
            assurance=question.assurance.value,
            kind=question.resolved.object_kind,
            missing=missing,
            errors=errors,
        )

    def _named(self, question: PolicyQuestion) -> dict[str, int | str | bool]:
        """What stands beside the context."""
        return {
            "principal": question.subject.id if self.names_ids else _ANYBODY,
            "resource": question.resolved.object_id if self.names_ids else _ANYTHING,
            "principal.assurance": question.assurance.value,
            "resource.kind": question.resolved.object_kind,
        }

    def _parts(self, customer: str, thing: str) -> dict[str, JsonValue]:
        return {
            "principal": {"type": "Customer", "id": customer},
            "action": {"type": "Action", "id": self.action.name},
            "resource": {"type": "Object", "id": thing},
        }

    def plain(
        self, question: PolicyQuestion
    ) -> tuple[dict[str, int | str | bool], tuple[str, ...], tuple[str, ...]]:
        """The values of a question as formulas take them, with what is missing and wrong."""
        values = self._named(question)
        if not self.reads & _OUR_NAMES and not self.facts.keys() - question.resolved.facts.keys():
            facts = question.resolved.facts
            told = {name: facts[name] for name in self.facts}
            if all(_is_plain(self.facts[name], value) for name, value in told.items()):
                # Mostly so, and quick: numbers, words and flags stand for themselves.
                return values | cast("dict[str, int | str | bool]", told), (), ()
        known, missing, errors = self.values(question)
        for name, value in known.items():
            values[name] = _scaled(value)
        return values, missing, errors

    def of_values(self, values: Mapping[str, int | str | bool]) -> CedarRequest:
        """The request behind a question that is given by its values: see `CedarRequest.values`."""
        money = {field.name for field in CONTEXT_FIELDS if field.type == "decimal"}
        money |= {name for name, fact in self.facts.items() if fact.type == "decimal"}
        context: dict[str, JsonValue] = {
            name: _decimal(Decimal(value).scaleb(-_PLACES)) if name in money else value
            for name, value in values.items()
            if name in self.reads
        }
        customer, thing = str(values["principal"]), str(values["resource"])
        return CedarRequest(
            parts=self._parts(customer, thing),
            context=context,
            values=dict(values),
            named=(customer, thing),
            assurance=str(values["principal.assurance"]),
            kind=str(values["resource.kind"]),
        )

    def entities(self, request: CedarRequest) -> Entities:
        """The customer and the object of a request, for Cedar; those of before are kept."""
        key = (*request.named, request.assurance, request.kind)
        known = self._known.get(key)
        if known is None:
            customer: JsonValue = {"type": "Customer", "id": request.named[0]}
            both: list[JsonValue] = [
                {"uid": customer, "attrs": {"assurance": request.assurance}, "parents": []},
                {
                    "uid": {"type": "Object", "id": request.named[1]},
                    "attrs": {"kind": request.kind, "owner": {"__entity": customer}},
                    "parents": [],
                },
            ]
            known = self._known[key] = parse_entities(orjson.dumps(both).decode(), self.schema)
            while len(self._known) > _MOST_ENTITIES:
                self._known.popitem(last=False)
        return known

    def _lacks(
        self,
        name: str,
        fact: Fact,
        value: FactValue | None,
        missing: list[str],
        errors: list[str],
    ) -> None:
        is_read = name in self.reads
        if fact.missing == "ask" or (fact.on_demand and not is_read):
            missing += [name] * is_read
        elif value is None:
            errors.append(f"fact `{name}` is missing from the snapshot")
        else:
            errors.append(f"fact `{name}` is none of its words")

    def _address(self, question: PolicyQuestion, missing: list[str]) -> dict[str, Given]:
        way = question.resolved.reached
        if way is not None and way.address_changed_days is not None:
            return {"addressChangedDays": way.address_changed_days}
        missing += ["addressChangedDays"] * ("addressChangedDays" in self.reads)
        return {}

    def _time(
        self, question: PolicyQuestion, missing: list[str], errors: list[str]
    ) -> dict[str, Given]:
        if question.at.tzinfo is None:
            errors.append("the time of the judgement has no time zone")
        found: dict[str, Given] = {"hour": question.at.astimezone(UTC).hour}
        if self.reads.isdisjoint(_LOCAL):
            return found
        moment = self.calendar.moment(question.at)
        found |= {"localHour": moment.hour, "weekday": moment.weekday}
        if moment.holiday is not None:
            found["holiday"] = moment.holiday
        elif "holiday" in self.reads:
            missing.append("holiday")
        return found


def _is_plain(fact: Fact, value: FactValue) -> bool:
    """Whether a fact is a number, a word or a flag as it was declared."""
    match fact.type, value:
        case "bool", bool():
            return True
        case "long", int() if not isinstance(value, bool):
            return value in _LONG
        case "string", str():
            return not fact.words or value in fact.words
        case _:
            return False


def _decimal(value: Decimal) -> JsonValue:
    # SOURCE: Cedar's decimal has at most four places, which is also ISO 4217's largest exponent.
    return {"__extn": {"fn": "decimal", "arg": f"{value:.4f}"}}


def _is_in_range(value: Given) -> bool:
    if isinstance(value, Decimal):
        return _LEAST <= value <= _MOST
    return isinstance(value, str) or _MIN <= value <= _MAX


def _scaled(value: Given) -> int | str | bool:
    return int(value.scaleb(_PLACES)) if isinstance(value, Decimal) else value


def _amount(action: Action, amount: Money | None, errors: list[str]) -> Decimal:
    # A forgotten amount would read as zero and pass every "up to" rule.
    if action.effect in MONEY_EFFECTS and (amount is None or amount.amount_minor <= 0):
        errors.append(f"`{action.name}` moves money, and the snapshot holds no amount above zero")
    elif amount is not None and amount.amount_minor < 0:
        errors.append("the snapshot holds a negative amount")
    return amount.decimal if amount is not None else Decimal(0)


def _history(question: PolicyQuestion, currency: str, errors: list[str]) -> dict[str, Given]:
    history = question.history
    if history.count_30d < 0 or history.amount_30d_minor < 0:
        errors.append("the history of the last 30 days is negative")
    if not currency and history.amount_30d_minor:
        errors.append("the history holds money, and the snapshot has no currency for it")
    exponent = exponent_of(currency) if currency else 0
    return {
        "count30d": history.count_30d,
        "amount30d": Decimal(history.amount_30d_minor).scaleb(-exponent),
    }


def _fact(
    name: str, fact: Fact, value: FactValue, currency: str, errors: list[str]
) -> Given | None:
    match fact.type, value:
        case "bool", bool():
            return value
        case "long", int() if not isinstance(value, bool) and value in _LONG:
            return value
        case "string", str():
            return value
        case "decimal", Money() if currency in ("", value.currency):
            return value.decimal
        case "decimal", Money():
            errors.append(f"fact `{name}` is in {value.currency}, the amount in {currency}")
        case _:
            errors.append(f"fact `{name}` is no {fact.type}")
    return None


ASSURANCES = tuple(level.value for level in Assurance)
