"""What the answers ask for beside a click, as fields that each chat draws in its own way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from sayso.actions.approvals.decision import MAX_REASON_CHARS
from sayso.agent.people_question import MAX_QUESTION_CHARS
from sayso.money import decimals_of
from sayso.sdk.chat.card import Answer
from sayso.sdk.chat.fit import Fit
from sayso.sdk.views.solution import SolutionView, StepView
from sayso.sdk.words.no_reasons import NO_REASONS
from sayso.sdk.words.solution import first_name

CODE, REASON, QUESTION, STEPS, LOWER = "code", "reason", "question", "steps", "lower."
"""The names of the fields; `LOWER` begins the name of a step's, before its id."""
_MOST_BOXES = 10
"""SOURCE: Slack docs, Checkboxes: at most ten options."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoiceField:
    """One of several, or with `many` any of them, which are ticked at first.

    Attributes:
        options: labels by value.
    """

    name: str
    label: str
    options: Mapping[str, str]
    placeholder: str = ""
    hint: str = ""
    many: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TextField:
    """Words of one's own, or an amount."""

    name: str
    label: str
    hint: str
    limit: int
    optional: bool = False
    lines: bool = False


Field: TypeAlias = ChoiceField | TextField


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatForm:
    """A form; sending it is the answer."""

    title: str
    submit: str
    fields: tuple[Field, ...]


def form_for(answer: Answer, view: SolutionView, fit: Fit) -> ChatForm | None:
    """The form of an answer; None for one that is a click alone."""
    match answer:
        case "no":
            return ChatForm(title="No", submit="No, nothing moves", fields=_NO)
        case "less":
            return ChatForm(title="Less", submit="Yes to this much", fields=_less(view, fit))
        case "ask":
            fields = (_question(view, fit),)
            return ChatForm(title="Ask", submit="Send the question", fields=fields)
        case _:
            return None


_NO: tuple[Field, ...] = (
    ChoiceField(name=CODE, label="Why not?", options=NO_REASONS, placeholder="Choose a reason"),
    TextField(
        name=REASON,
        label="In your own words",
        hint="Kept sealed beside the log; the customer does not read it.",
        limit=MAX_REASON_CHARS,
        optional=True,
        lines=True,
    ),
)


def amounts_in(inputs: Mapping[str, str]) -> dict[str, str]:
    """The lower amounts of a form that was sent, by the ids of their steps."""
    return {
        name.removeprefix(LOWER): words for name, words in inputs.items() if name.startswith(LOWER)
    }


def _less(view: SolutionView, fit: Fit) -> tuple[Field, ...]:
    """Which steps are meant, where that is a choice, and lower amounts."""
    waiting = [step for step in view.steps if step.asks]
    fields: list[Field] = []
    if 1 < len(waiting) <= _MOST_BOXES and not view.all_or_nothing:
        fields.append(
            ChoiceField(
                name=STEPS,
                label="What should happen",
                hint="Untick what should not happen; it is a no to that step.",
                options={step.id: fit(step.title, 75) for step in waiting},
                many=True,
            )
        )
    return (*fields, *(_amount(step, fit) for step in waiting if step.may_lower))


def _amount(step: StepView, fit: Fit) -> TextField:
    amount = step.amount
    assert amount is not None, "only an amount can be lowered"
    return TextField(
        name=f"{LOWER}{step.id}",
        label=f"{fit(step.title, 300)}: less than {amount}, in {amount.currency}",
        hint=f"Digits with {decimals_of(amount.currency)}; empty leaves it as it is. It is judged "
        "again, and your yes to it counts.",
        limit=20,
        optional=True,
    )


def _question(view: SolutionView, fit: Fit) -> TextField:
    return TextField(
        name=QUESTION,
        label=f"What {fit(first_name(view.customer.name), 60)} reads",
        hint="The answer makes the card anew. Whoever decides meanwhile decides.",
        limit=MAX_QUESTION_CHARS,
        lines=True,
    )
