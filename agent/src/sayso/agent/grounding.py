"""The guard that every plan passes, whoever planned it: nothing in it may come from nowhere.

Deterministic and free of models. An object must be a handle of this run, an amount must stand in
the customer's words or follow from a record, an action must be known, and free text must not carry
ids, links or sums that nobody has seen. What passes holds the provider's ids in place of handles.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import cast

from pydantic import ValidationError

from sayso.actions.model.definition import Action, Effect
from sayso.actions.model.plan import Plan, Step
from sayso.actions.model.snapshot import Record
from sayso.agent.base import Handles, Message
from sayso.agent.customer_statement import CustomerStatement
from sayso.agent.understanding.act_file import read_shipped_acts
from sayso.agent.understanding.lexicon import Knowledge
from sayso.agent.understanding.playbook import OptionSlot, TextSlot
from sayso.agent.understanding.reading import read
from sayso.agent.understanding.tokens import TextToken, normalise
from sayso.errors import RefusedError
from sayso.json import JsonObject, JsonValue
from sayso.money import Money
from sayso.text import hidden

OBJECT_KINDS = frozenset(
    "charge subscription order invoice payment item fulfillment ticket".split()
)
"""Arguments of these names are objects even when the customer has none of that kind."""

MAX_TEXT_CHARS = 2_000
MAX_REASON_CHARS = 300

_STEP_ID = re.compile(r"[a-z][a-z0-9_]{0,15}")
_HANDLE = re.compile(r"\b[a-z_]+#[0-9]+\b")
# An id of a provider (`ch_3Qx…`, `gid://…`, a UUID), a long number or token, a link or an e-mail
# address; what stands like `bit.ly/x` or `evil.shop` becomes a link in the reader's program.
_FOREIGN = re.compile(
    r"\b[A-Za-z]{2,12}_(?=\w*[0-9A-Z])\w{3,}|\bgid://|\b[0-9a-f]{8}-[0-9a-f]{4}-"
    r"|[0-9(][0-9 ().-]{7,}[0-9]|\b(?=[a-z]*[0-9])[a-z0-9]{16,}\b|\b[A-Z]{2}[0-9]{2}[A-Z0-9]{8,}\b|\w+://|\bwww\."
    r"|[\w.+-]+@[\w-]+|\b[\w-]{2,}\.(?:[a-z]{2,24}(?![\w'])|[a-z]{2,24}/)|\b\w\.[a-z]{2,}/",
)


class ProblemKind(StrEnum):
    """What is wrong with a plan."""

    UNKNOWN_ACTION = "unknown_action"
    UNKNOWN_HANDLE = "unknown_handle"
    WRONG_KIND = "wrong_kind"
    UNSEEN_AMOUNT = "unseen_amount"
    AMOUNT_ABOVE_LEFT = "amount_above_left"
    INVALID_ARGUMENT = "invalid_argument"
    FOREIGN_TEXT = "foreign_text"
    TEXT_TOO_LONG = "text_too_long"
    DOUBLE_STEP = "double_step"
    INVALID_STEP = "invalid_step"


@dataclass(frozen=True, slots=True, kw_only=True)
class GroundingProblem:
    """One thing that is wrong.

    Attributes:
        step: the step's id, bounded.
        argument: the argument's name; empty for the step as a whole.
        message: what is wrong, in words that may be sent back to a model; it repeats no value.
    """

    kind: ProblemKind
    step: str
    argument: str = ""
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Problems:
    """Why a plan does not pass; never empty."""

    items: tuple[GroundingProblem, ...]

    @property
    def text(self) -> str:
        """All of it, one line each, fit to be sent back to a model."""
        return "\n".join(
            f"- step {item.step}{f', {item.argument}' if item.argument else ''}: {item.message}"
            for item in self.items
        )


def ground_plan(
    plan: Plan,
    *,
    handles: Handles,
    messages: Sequence[Message],
    actions: Sequence[Action],
    knowledge: Knowledge,
) -> Plan | Problems:
    """Check a plan against what was said and what the customer has.

    Args:
        plan: over handles, as a planner gave it.
        handles: of this very run.
        messages: the conversation; only the customer's turns count as said, and an offer that they
            said yes to.
        actions: what may be used.
        knowledge: the words of amounts, by language.

    Returns:
        The plan with the provider's ids in place of handles, or everything that is wrong with it.
    """
    known = {action.name: action for action in actions}
    said = CustomerStatement.of(messages, handles, knowledge)
    problems: list[GroundingProblem] = []
    steps: list[Step] = []
    for step in plan.steps:
        found = list(_step_problems(step, known, said))
        if not found:
            checked = _validated(step, known[step.action], handles)
            if isinstance(checked, Step):
                steps.append(checked)
                continue
            found = [checked]
        problems += found
    problems += _across(plan, known, handles)
    problems += _named_money(plan, known, said)
    return Problems(items=tuple(problems)) if problems else replace(plan, steps=tuple(steps))


def object_kind(action: Action, argument: str, handles: Handles) -> str | None:
    """The record kind that an argument takes; None when it is no object.

    An action says it with `json_schema_extra={"object": kind}` on the field; else the argument's
    name is the kind, as in `charge`.
    """
    if own_words(action, argument):
        return None
    info = action.args.model_fields.get(argument)
    extra = info.json_schema_extra if info is not None else None
    if isinstance(extra, Mapping):
        declared = cast("Mapping[str, object]", extra).get("object")
        if isinstance(declared, str):
            return declared
    kinds = {record.kind for record in handles.records.values()} | OBJECT_KINDS
    return argument if argument in kinds else None


_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TOLD = frozenset({"country", "province", "field"})
"""Parts of what a customer wrote that its form says, or the record."""


def own_words(action: Action, argument: str) -> bool:
    """Whether an argument is what the customer wrote, such as a new address, or a plan's id.

    Nothing else fits there, whoever planned.
    """
    act = None if action.act is None else read_shipped_acts().get(action.act.name)
    if action.act is None or act is None:
        return False
    slot, _, part = action.act.fills.get(argument, "").partition(".")
    kind = act.slots.get(slot)
    return isinstance(kind, OptionSlot) or (isinstance(kind, TextSlot) and part not in _TOLD)


def _step_problems(
    step: Step, known: Mapping[str, Action], said: CustomerStatement
) -> Iterator[GroundingProblem]:
    action = known.get(step.action)
    if not _STEP_ID.fullmatch(step.id):
        yield _problem(ProblemKind.INVALID_STEP, step, "", "the step's id is not like s1")
    if len(step.reason) > MAX_REASON_CHARS:
        yield _problem(ProblemKind.TEXT_TOO_LONG, step, "reason", "the reason is too long")
    elif _FOREIGN.search(normalise(step.reason)) or hidden(step.reason):
        yield _problem(ProblemKind.FOREIGN_TEXT, step, "reason", "the reason holds an id or a link")
    elif any(not _said_in_text(m, None, said) for m in _amounts(step.reason, said)):
        message = "the reason names an amount that nobody has seen"
        yield _problem(ProblemKind.UNSEEN_AMOUNT, step, "reason", message)
    if action is None:
        yield _problem(ProblemKind.UNKNOWN_ACTION, step, "", "there is no such action")
        return
    record = _record_of(step, action, said.handles)
    for name, value in step.args.items():
        if name not in action.args.model_fields:
            message = "the action has no such argument"
            yield _problem(ProblemKind.INVALID_ARGUMENT, step, name[:40], message)
            continue
        kind = object_kind(action, name, said.handles)
        if own_words(action, name):
            options = {one for ids in said.knowledge.shop.ids.values() for one in ids.values()}
            if not said.writes(value) and value not in options:
                message = "the customer has not written that"
                yield _problem(ProblemKind.FOREIGN_TEXT, step, name, message)
        elif kind is not None:
            yield from _object_problems(step, name, value, kind, said.handles)
        else:
            yield from _value_problems(step, name, value, record, said)


def _object_problems(
    step: Step, name: str, value: JsonValue, kind: str, handles: Handles
) -> Iterator[GroundingProblem]:
    record = handles.records.get(value) if isinstance(value, str) else None
    if record is None:
        message = f"it is none of the customer's objects; use a listed {kind}"
        yield _problem(ProblemKind.UNKNOWN_HANDLE, step, name, message)
    elif record.kind != kind:
        message = f"that is a {record.kind}, and a {kind} is needed"
        yield _problem(ProblemKind.WRONG_KIND, step, name, message)


def _value_problems(
    step: Step, name: str, value: JsonValue, record: Record | None, said: CustomerStatement
) -> Iterator[GroundingProblem]:
    if isinstance(value, Mapping) and "amount_minor" in value:
        yield from _money_problems(step, name, value, record, said)
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _value_problems(step, name, inner, record, said)
        yield from _text_problems(step, name, " ".join(map(str, value)), record, said)
    elif isinstance(value, str) and (value in said.handles.parts or _DAY.fullmatch(value)):
        return  # a line of an order, whose owner the provider tells; or a day
    elif isinstance(value, str):
        yield from _text_problems(step, name, value, record, said)
    elif isinstance(value, Sequence):
        for inner in value:
            yield from _value_problems(step, name, inner, record, said)


def _money_problems(
    step: Step, name: str, value: JsonObject, record: Record | None, said: CustomerStatement
) -> Iterator[GroundingProblem]:
    try:
        amount = Money.from_json(value)
    except RefusedError:
        yield _problem(ProblemKind.INVALID_ARGUMENT, step, name, "that is no amount of money")
        return
    if amount.amount_minor <= 0:
        yield _problem(ProblemKind.INVALID_ARGUMENT, step, name, "the amount is not above zero")
    elif not said.allows(amount, record):
        message = "the customer did not name that amount, and it does not follow from the object"
        yield _problem(ProblemKind.UNSEEN_AMOUNT, step, name, message)


def _text_problems(
    step: Step, name: str, value: str, record: Record | None, said: CustomerStatement
) -> Iterator[GroundingProblem]:
    text = normalise(value)
    ids = [one.id for one in said.handles.records.values()]
    if len(value) > MAX_TEXT_CHARS:
        yield _problem(ProblemKind.TEXT_TOO_LONG, step, name, "the text is too long")
    elif (
        _FOREIGN.search(text)
        or _HANDLE.search(text)
        or hidden(value)
        or any(one in value for one in ids)
    ):
        message = "the text holds an id, a handle, a link or an address"
        yield _problem(ProblemKind.FOREIGN_TEXT, step, name, message)
    for mention in _amounts(value, said):
        if not _said_in_text(mention, record, said):
            message = "the text names an amount that nobody has seen"
            yield _problem(ProblemKind.UNSEEN_AMOUNT, step, name, message)
            return


def _amounts(text: str, said: CustomerStatement) -> list[TextToken]:
    reading = read(text[:MAX_TEXT_CHARS], said.knowledge, whole=True)
    return [token for token in reading.tokens if token.kind == "money"]


def _said_in_text(mention: TextToken, record: Record | None, said: CustomerStatement) -> bool:
    amounts = (mention.as_money(currency) for currency in sorted(mention.currencies))
    return any(amount is not None and said.allows(amount, record) for amount in amounts)


def _record_of(step: Step, action: Action, handles: Handles) -> Record | None:
    """The object that the step acts on: the first of its object arguments."""
    for name, value in step.args.items():
        if object_kind(action, name, handles) is not None and isinstance(value, str):
            return handles.records.get(value)
    return None


def _validated(step: Step, action: Action, handles: Handles) -> Step | GroundingProblem:
    """The step with ids in place, as the action's own model reads it."""
    args = {
        name: handles.id_of(value)
        if isinstance(value, str) and object_kind(action, name, handles) is not None
        else _with_ids(value, handles)
        for name, value in step.args.items()
    }
    try:
        # As JSON: strict models take a plan's values from text as they take them from HTTP.
        model = action.args.model_validate_json(json.dumps(args, default=dict))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(map(str, first["loc"]))[:60]
        return _problem(ProblemKind.INVALID_ARGUMENT, step, place, first["msg"][:200])
    clean: dict[str, JsonValue] = model.model_dump(mode="json", exclude_unset=True)
    return replace(step, args=clean)


def _with_ids(value: JsonValue, handles: Handles) -> JsonValue:
    """A list with the ids of lines in place of their handles; anything else as it is."""
    if isinstance(value, str) or not isinstance(value, Sequence):
        return value
    return [
        {
            key: handles.id_of(one) if isinstance(one, str) and one in handles.parts else one
            for key, one in item.items()
        }
        if isinstance(item, Mapping)
        else item
        for item in value
    ]


def _across(
    plan: Plan, known: Mapping[str, Action], handles: Handles
) -> Iterator[GroundingProblem]:
    """What only shows across steps: the same step twice, and more than is left in sum."""
    seen: list[tuple[str, JsonValue]] = []
    spent: dict[str, Money] = {}
    for step in plan.steps:
        action = known.get(step.action)
        what = (step.action, step.args if action is None else _target(step, action, handles))
        if what in seen:
            yield _problem(ProblemKind.DOUBLE_STEP, step, "", "the plan has this step twice")
        seen.append(what)
        if action is None or action.money_arg is None:
            continue
        names = [n for n in step.args if object_kind(action, n, handles) is not None]
        handle = step.args[names[0]] if names else None
        record = handles.records.get(handle) if isinstance(handle, str) else None
        left = None if record is None else record.left
        if not isinstance(handle, str) or left is None:
            continue
        amount = _amount_of(step.args.get(action.money_arg), left)
        if amount is None or amount.currency != left.currency:
            message = f"the amount must be in {left.currency}"
            yield _problem(ProblemKind.INVALID_ARGUMENT, step, action.money_arg, message)
            continue
        spent[handle] = spent.get(handle, Money(0, left.currency)) + amount
        if spent[handle] > left:
            message = "that is more than is left of the object"
            yield _problem(ProblemKind.AMOUNT_ABOVE_LEFT, step, action.money_arg, message)


def _target(step: Step, action: Action, handles: Handles) -> JsonValue:
    """By what a step is the same as another: its objects where it moves no money, else all of it.

    Another wording makes no second cancellation, and no second e-mail to the same customer.
    """
    objects = {n: v for n, v in step.args.items() if object_kind(action, n, handles) is not None}
    if action.money_arg is None and (objects or action.effect is Effect.MESSAGE):
        return objects
    return step.args


def _named_money(
    plan: Plan, known: Mapping[str, Action], said: CustomerStatement
) -> Iterator[GroundingProblem]:
    """Amounts that follow from no object of their step: all of an action's together must be named.

    The price of something the customer has says nothing of a credit, and `$10` asks neither for ten
    credits of it nor for that much of each order.
    """
    sums: dict[str, Money] = {}
    for step in plan.steps:
        action = known.get(step.action)
        if action is None or action.money_arg is None:
            continue
        try:
            amount = Money.from_json(step.args.get(action.money_arg))
        except RefusedError:
            continue  # none, or one that the step's own check tells of
        record = _record_of(step, action, said.handles)
        if record is not None and said.follows(amount, record):
            continue
        before = sums.get(step.action)
        if before is not None and before.currency == amount.currency:
            amount = before + amount
        sums[step.action] = amount
        if not said.names(amount):
            message = "the customer did not name that amount, or not so often"
            yield _problem(ProblemKind.UNSEEN_AMOUNT, step, action.money_arg, message)


def _amount_of(value: JsonValue, left: Money) -> Money | None:
    """The step's amount; no amount means all that is left."""
    if value is None:
        return left
    try:
        return Money.from_json(value)
    except RefusedError:
        return None


def _problem(kind: ProblemKind, step: Step, argument: str, message: str) -> GroundingProblem:
    return GroundingProblem(kind=kind, step=step.id[:16], argument=argument, message=message)
