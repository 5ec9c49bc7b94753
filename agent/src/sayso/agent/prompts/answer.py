"""The form of a model's answer, made from the action definitions and this run's handles.

A model can only name what the schema lists: the connected actions, the customer's own objects by
handle, and amounts as decimal text. What it answers is read by the same models again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, cast, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model
from pydantic.fields import FieldInfo

from sayso.actions.model.definition import Action
from sayso.actions.model.plan import MAX_STEPS, Handoff, Plan, Step
from sayso.agent.base import Choice, Handles, Question
from sayso.agent.grounding import object_kind
from sayso.errors import RefusedError
from sayso.json import JsonValue
from sayso.money import Money
from sayso.text import without_hidden

MAX_CHOICES = 8
"""So many answers a question of a model's may offer."""
AMOUNT = r"^[0-9]{1,12}(\.[0-9]{1,4})?$"
_DROPPED = frozenset("default discriminator title format examples".split())
_NOT_STRICT = frozenset({"minLength", "maxLength"})
"""What strict modes of providers refuse. Elsewhere it keeps grammars finite: decoding ends."""


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DecimalAmount(_Closed):
    """Money as a model writes it: decimal text in major units."""

    amount: str = Field(pattern=AMOUNT, description='major units as text, such as "18.50"')
    currency: str = Field(pattern="^[A-Z]{3}$", description="ISO 4217, such as USD")

    def to_money(self) -> Money:
        """The amount in whole minor units.

        Raises:
            RefusedError: `invalid_money`, when it has more decimals than the currency.
        """
        return Money.parse(self.amount, self.currency)


class _StepForm(_Closed):
    action: str
    args: BaseModel
    after: tuple[int, ...] = Field(default=(), max_length=MAX_STEPS)
    reason: str = Field(default="", max_length=300)


class _AskForm(_Closed):
    action: str
    argument: str = Field(max_length=40)
    choices: tuple[str, ...] = Field(default=(), max_length=MAX_CHOICES)


class _AnswerForm(_Closed):
    steps: tuple[_StepForm, ...]
    ask: _AskForm | None = None
    hand_over: str | None = Field(default=None, max_length=500)


class UnreadableAnswerError(Exception):
    """The answer does not have the form; the message says where, and repeats no value."""


class AnswerForm:
    """What a model may answer in this run.

    Args:
        actions: those that may be used; one that needs an object of a kind which the customer does
            not have is left out.
        handles: of this run.
    """

    def __init__(self, actions: Sequence[Action], handles: Handles) -> None:
        forms = [(action, _args_form(action, handles)) for action in actions]
        self.actions = tuple(action for action, form in forms if form is not None)
        steps = [_step_form(action, form) for action, form in forms if form is not None]
        self._handles = handles
        self._model = _answer_form(steps) if steps else None

    def schema(self, *, strict: bool = False) -> dict[str, Any]:
        """JSON Schema with everything required and closed, and every list and text bounded.

        Args:
            strict: without the bounds of texts, which strict modes of providers refuse.
        """
        assert self._model is not None, "without an action there is nothing to ask a model"
        dropped = _DROPPED | _NOT_STRICT if strict else _DROPPED
        schema = cast("dict[str, Any]", _closed(self._model.model_json_schema(), dropped))
        return {"title": "plan", "description": "The plan for the newest request.", **schema}

    def read(self, answer: object, planner: str) -> Plan | Question | Handoff:
        """The answer as a plan or a question over handles.

        Raises:
            UnreadableError: when it has another form.
        """
        assert self._model is not None, "without an action there is nothing to ask a model"
        try:
            form = self._model.model_validate(answer)
            if not form.steps and form.ask is not None:
                return self._question(form.ask, planner)
            if not form.steps:
                why = form.hand_over or "the model planned nothing and gave no reason"
                return Handoff(reason=why, planner=planner)
            return Plan(steps=tuple(_read_steps(form)), planner=planner)
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            place = ".".join(map(str, first["loc"]))[:80]
            raise UnreadableAnswerError(f"{place}: {first['msg'][:200]}") from error
        except RefusedError as error:
            raise UnreadableAnswerError(error.message) from error

    def _question(self, ask: _AskForm, planner: str) -> Question:
        """One question about one argument; its choices are what the customer has, or its values."""
        action = next((one for one in self.actions if one.name == ask.action), None)
        info = None if action is None else action.args.model_fields.get(ask.argument)
        if action is None or info is None:
            raise UnreadableAnswerError("ask: there is no such action, or it has no such argument")
        kind = object_kind(action, ask.argument, self._handles)
        values = [*map(str, get_args(_plain(info)))]
        if kind is not None:
            values = [h for h, record in self._handles.records.items() if record.kind == kind]
        elif _is_money(info):
            values = []
        elif not values:
            raise UnreadableAnswerError(f"ask: {ask.argument} is nothing that can be asked for")
        if not set(ask.choices) <= set(values) or (kind is not None and len(values) < 2):
            raise UnreadableAnswerError(f"ask: {ask.argument} has other choices than these")
        return Question(
            about=action.name,
            slot=ask.argument,
            choices=tuple(
                Choice(slot=ask.argument, value=value)
                for value in dict.fromkeys(ask.choices or values[:MAX_CHOICES])
            ),
            planner=planner,
            why=f"the model asks for {ask.argument}",
        )


def _plain(info: FieldInfo) -> Any:
    """The closed list of a field's values, also where it may be left out."""
    inner = [one for one in get_args(info.annotation) if get_origin(one) is Literal]
    return (
        inner[0] if inner else info.annotation if get_origin(info.annotation) is Literal else None
    )


def _read_steps(form: _AnswerForm) -> list[Step]:
    return [
        Step(
            id=f"s{number}",
            action=step.action,
            args=_read_args(step.args),
            after=tuple(f"s{other}" for other in step.after),
            reason=step.reason,
        )
        for number, step in enumerate(form.steps, 1)
    ]


def _read_args(args: BaseModel) -> dict[str, JsonValue]:
    """The arguments as JSON; null means left out."""
    read: dict[str, JsonValue] = {}
    plain = cast("dict[str, JsonValue]", args.model_dump(mode="json", exclude_none=True))
    for name in plain:
        value: object = getattr(args, name)
        read[name] = value.to_money().to_json() if isinstance(value, DecimalAmount) else plain[name]
    return read


def _args_form(action: Action, handles: Handles) -> type[BaseModel] | None:
    """The arguments' form; None when a needed object is none that the customer has."""
    fields: dict[str, Any] = {}
    for name, info in action.args.model_fields.items():
        kind = object_kind(action, name, handles)
        annotation: Any = _annotation(info)
        description = info.description
        if kind is not None:
            names = tuple(h for h, record in handles.records.items() if record.kind == kind)
            if not names:
                if info.is_required():
                    return None
                continue
            annotation = Literal[names]
            description = f"handle of a {kind}, exactly as listed"
        elif _is_money(info):
            annotation = DecimalAmount
        described = Field(default=... if info.is_required() else None, description=description)
        fields[name] = (annotation if info.is_required() else annotation | None, described)
    name = re.sub(r"\W", "_", action.name)
    return create_model(f"{name}_args", __base__=_Closed, **fields)


def _annotation(info: FieldInfo) -> Any:
    """The field's type with its limits; a pattern of provider ids means nothing for handles."""
    return Annotated[info.annotation, *info.metadata] if info.metadata else info.annotation


def _is_money(info: FieldInfo) -> bool:
    return info.annotation is Money or Money in get_args(info.annotation)


def _step_form(action: Action, args: type[BaseModel]) -> type[_StepForm]:
    fields: dict[str, Any] = {"action": (Literal[action.name], ...), "args": (args, ...)}
    return create_model(re.sub(r"\W", "_", action.name), __base__=_StepForm, **fields)


def _answer_form(steps: Sequence[type[_StepForm]]) -> type[_AnswerForm]:
    union: Any = steps[0]
    for step in steps[1:]:
        union = union | step
    if len(steps) > 1:
        union = Annotated[union, Field(discriminator="action")]
    listed: Any = tuple[union, ...]
    fields: dict[str, Any] = {"steps": (listed, Field(max_length=MAX_STEPS))}
    return create_model("plan", __base__=_AnswerForm, **fields)


def _closed(schema: object, dropped: frozenset[str]) -> object:
    """The schema without some words; every property required, no further ones.

    Source: OpenAI docs: Structured Outputs, supported schemas.
    """
    if isinstance(schema, list):
        return [_closed(part, dropped) for part in cast("list[object]", schema)]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return {"$ref": cast("Mapping[str, object]", schema)["$ref"]}
    kept: dict[str, object] = {}
    for name, value in cast("Mapping[str, object]", schema).items():
        if name in ("properties", "$defs") and isinstance(value, dict):
            inner = cast("Mapping[str, object]", value)
            kept[name] = {key: _closed(part, dropped) for key, part in inner.items()}
        elif name == "oneOf":
            kept["anyOf"] = _closed(value, dropped)
        elif name == "description":
            kept[name] = without_hidden(str(value))
        elif name not in dropped:
            kept[name] = _closed(value, dropped)
    if "properties" in kept:
        kept["required"] = list(cast("Mapping[str, object]", kept["properties"]))
        kept["additionalProperties"] = False
    return kept
