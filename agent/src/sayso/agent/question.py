"""A question to the customer: its text in their language, and its form in the database.

INVARIANT: no planner writes what the customer reads. The text follows from what is asked for, the
words of the action's definition, and the provider's labels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import cast

import orjson

from sayso.actions.model.customer_words import CustomerWords
from sayso.actions.model.definition import Action
from sayso.actions.model.plan import OnFailure, Plan, Step
from sayso.actions.model.snapshot import Record
from sayso.actions.model.status import Status
from sayso.agent.base import CONFIRM, INSTEAD, Choice, Handles, Message, Question
from sayso.agent.calling import called, text_form
from sayso.agent.phrases import Phrases, phrases_of
from sayso.agent.reply import StepOutcome, choice_label, general_words, thing_of
from sayso.audit.request_digests import NONCE
from sayso.json import JsonObject, JsonValue
from sayso.money import Money
from sayso.text import unmarked

YES, NO = "yes", "no"
MOST_CHOICES = 10
"""So many things are offered at most; more than that nobody reads on a telephone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedText:
    """What the customer reads: sealed beside the log, since labels may name what they bought.

    Attributes:
        draft: the plan that is restated, as a person sees it where the customer does not answer.
    """

    text: str
    labels: tuple[str, ...]
    draft: JsonObject | None = None

    def to_text(self) -> str:
        """As it is sealed."""
        drafted = {} if self.draft is None else {"draft": self.draft}
        return orjson.dumps(
            {"text": self.text, "labels": list(self.labels), **drafted}, default=dict
        ).decode()

    def reply(self, question: Mapping[str, JsonValue]) -> str:
        """All of it, for a customer who sees nothing but text."""
        if question.get("plan") is not None or len(self.labels) <= 1:
            return self.text
        return "\n".join((self.text, "", *(f"- {label}" for label in self.labels)))

    @classmethod
    def read(cls, sealed: str) -> AskedText:
        """What `to_text` wrote."""
        found = cast("Mapping[str, object]", orjson.loads(sealed))
        labels = cast("Sequence[str]", found.get("labels", ()))
        return cls(
            text=str(found.get("text", "")),
            labels=tuple(map(str, labels)),
            draft=cast("JsonObject | None", found.get("draft")),
        )


def confirm_plan(plan: Plan, about: str) -> Question:
    """The question that restates a plan."""
    choices = (Choice(slot=CONFIRM, value=YES), Choice(slot=CONFIRM, value=NO))
    return Question(
        about=about,
        slot=CONFIRM,
        choices=choices,
        plan=plan,
        planner=plan.planner,
        why="the plan is restated to the customer",
        tokens=plan.tokens,
        cost_micro_usd=plan.cost_micro_usd,
    )


def with_ids(question: Question, handles: Handles) -> Question:
    """A planner's question with the provider's ids in place of this run's handles.

    An id that two records have goes with what tells them apart: a value picks one of them. Of more
    than `MOST_CHOICES` things the newest are offered, and that there are more is said.
    """
    choices = question.choices
    if len(choices) > MOST_CHOICES and all(one.value in handles.records for one in choices):
        newest = sorted(choices, key=lambda one: _created(handles.records[one.value]), reverse=True)
        kept = newest[:MOST_CHOICES]
        choices = tuple(one for one in choices if one in kept)
        question = replace(question, more=True)
    written = tuple(
        replace(choice, value=choice_value(handles.records[choice.value], handles))
        if choice.value in handles.records
        else choice
        for choice in choices
    )
    return replace(question, choices=written)


def choice_value(record: Record, handles: Handles) -> str:
    """What picks a record: its id, and where another one has the same, the record's full name."""
    same = [one for one in handles.records.values() if one.id == record.id]
    return record.id if len(same) == 1 else record.full_name


def _created(record: Record) -> str:
    return str(record.facts.get("created", ""))


def write_question(
    question: Question, *, language: str, handles: Handles, actions: Mapping[str, Action]
) -> Question:
    """The question with its choices labelled in the customer's language."""
    phrases = phrases_of(language)
    words = words_of(actions.get(question.about), language)
    labelled = tuple(
        replace(choice, label=_label(choice, phrases, words, handles))
        for choice in question.choices
    )
    return replace(question, choices=labelled)


def text_of(
    question: Question,
    *,
    language: str,
    handles: Handles,
    actions: Mapping[str, Action],
    again: bool = False,
) -> str:
    """What the customer reads above the choices, which have their labels.

    Args:
        again: they were asked the same before, and their answer did not say it.
    """
    asked = _first_text(question, language, handles, actions)
    return f"{phrases_of(language).again} {asked}" if again else asked


def _first_text(
    question: Question, language: str, handles: Handles, actions: Mapping[str, Action]
) -> str:
    phrases = phrases_of(language)
    if question.plan is not None:
        things = [_restated(step, language, handles, actions) for step in question.plan.steps]
        return phrases.confirm.replace("{things}", _listed(things, phrases))
    if question.slot == INSTEAD:
        return phrases.instead
    values = {choice.value for choice in question.choices}
    # The numbers of an order look like amounts, and are none.
    are_amounts = all(map(_is_amount, values)) and not values & {
        name for record in handles.records.values() for name in (record.id, record.full_name)
    }
    form = text_form(actions.get(question.about), question.slot)
    if form is not None and not values:
        asked = phrases.texts[form]
    elif values == {"one", "both"}:
        asked = phrases.one_or_both
    elif are_amounts:
        asked = phrases.how_much
    elif values <= set(words_of(actions.get(question.about), language).values):
        asked = phrases.when
    elif len(question.choices) == 1:
        asked = phrases.this_one.replace("{thing}", question.choices[0].label)
    else:
        asked = phrases.which
    return f"{asked} {phrases.more}" if question.more else asked


def words_of(action: Action | None, language: str) -> CustomerWords:
    """How an action is called in a language; general words where nothing says."""
    found = None if action is None else called(action, language)
    return found or general_words(phrases_of(language))


def words_of_plan(plan: Plan, actions: Mapping[str, Action], language: str) -> JsonValue:
    """How the plan's actions are called, kept with it: the reply needs no connector then."""
    return {
        step.action: cast("JsonValue", asdict(words_of(actions.get(step.action), language)))
        for step in plan.steps
    }


def _listed(things: Sequence[str], phrases: Phrases) -> str:
    if len(things) == 1:
        return things[0]
    return f"{', '.join(things[:-1])} {phrases.joint} {things[-1]}"


def _restated(step: Step, language: str, handles: Handles, actions: Mapping[str, Action]) -> str:
    action = actions.get(step.action)
    words = words_of(action, language)
    record = record_of(step, handles)
    return thing_of(
        StepOutcome(
            action=step.action,
            status=Status.PLANNED,
            words=words,
            amount=amount_of(step, action, record),
            label="" if record is None else record.label or record.title,
            choice=choice_label(step.args, words),
            args=step.args,
        ),
        phrases_of(language),
    )


def record_of(step: Step, handles: Handles) -> Record | None:
    """The object that a step is about; its arguments are handles or the provider's ids.

    Of two providers' objects with one id it is the one of the step's own connector.
    """
    found = [
        record
        for value in step.args.values()
        for handle, record in handles.records.items()
        if value in (handle, record.id)
    ]
    own = step.action.partition(".")[0]
    return next((one for one in found if one.connector == own), found[0] if found else None)


def amount_of(step: Step, action: Action | None, record: Record | None) -> Money | None:
    """What the step moves: its own amount, or all that is left of its object."""
    if action is None or action.money_arg is None:
        return None
    value = step.args.get(action.money_arg)
    if value is not None:
        return Money.from_json(value)
    return None if record is None else record.left


def _label(choice: Choice, phrases: Phrases, words: CustomerWords, handles: Handles) -> str:
    fixed = {
        YES: phrases.yes,
        NO: phrases.no,
        "one": phrases.one,
        "both": phrases.both,
        **words.values,
    }
    for record in handles.records.values():
        if choice.value in (record.id, record.full_name):
            return unmarked(record.title)
    return fixed.get(choice.value, choice.value)


def _is_amount(value: str) -> bool:
    return value.replace(".", "", 1).isdigit()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What the newest message of a conversation answers; empty where it answers nothing of ours.

    Attributes:
        digest, nonce: of the question. restated: its plan, where it restated one.
    """

    digest: str = ""
    nonce: str = ""
    restated: Plan | None = None


def question_answered(messages: Sequence[Message]) -> Answered:
    """What the newest message answers."""
    asked = messages[-2] if len(messages) > 1 else None
    if asked is None or asked.question is None:
        return Answered()
    question = asked.question
    plan = question.plan if question.slot == CONFIRM else None
    return Answered(digest=asked.asked, nonce=question.nonce, restated=plan)


# ---- as it is stored ---------------------------------------------------------------------------


def question_json(question: Question, *, number: int, language: str) -> JsonObject:
    """A question as typed data: ids and amounts, none of the customer's words."""
    return {
        "number": number,
        "language": language,
        "about": question.about,
        "slot": question.slot,
        "choices": [{"slot": one.slot, "value": one.value} for one in question.choices],
        "plan": None if question.plan is None else plan_json(question.plan),
        "planner": question.planner,
        NONCE: question.nonce,
        **({"more": True} if question.more else {}),
    }


def question_from_json(value: Mapping[str, JsonValue], labels: Sequence[str] = ()) -> Question:
    """The question behind `question_json`."""
    choices = cast("Sequence[Mapping[str, str]]", value["choices"])
    plan = value.get("plan")
    return Question(
        about=str(value["about"]),
        slot=str(value["slot"]),
        choices=tuple(
            Choice(slot=one["slot"], value=one["value"], label=label)
            for one, label in zip(choices, [*labels, *[""] * len(choices)], strict=False)
        ),
        plan=plan_from_json(cast("dict[str, JsonValue]", plan)) if plan else None,
        planner=str(value.get("planner", "")),
        more=value.get("more") is True,
        nonce=str(value.get(NONCE, "")),
    )


def plan_json(plan: Plan) -> dict[str, JsonValue]:
    """A plan as plain JSON."""
    return {
        "planner": plan.planner,
        "certain": plan.certain,
        **({"named": plan.named} if plan.named else {}),
        "notes": dict(plan.notes),
        "on_failure": plan.on_failure.value,
        "steps": [
            {
                "id": step.id,
                "action": step.action,
                "args": dict(step.args),
                "after": list(step.after),
                "reason": step.reason,
            }
            for step in plan.steps
        ],
    }


def plan_from_json(value: Mapping[str, JsonValue]) -> Plan:
    """The plan behind `plan_json`."""
    steps = cast("Sequence[Mapping[str, object]]", value["steps"])
    return Plan(
        steps=tuple(
            Step(
                id=str(step["id"]),
                action=str(step["action"]),
                args=cast("Mapping[str, JsonValue]", step["args"]),
                after=tuple(cast("Sequence[str]", step["after"])),
                reason=str(step["reason"]),
            )
            for step in steps
        ),
        planner=str(value["planner"]),
        certain=bool(value.get("certain", False)),
        named=str(value.get("named", "")),
        notes=cast("Mapping[str, str]", value["notes"]),
        on_failure=OnFailure(str(value.get("on_failure", OnFailure.CONTINUE))),
    )
