"""The forms of a card: a no with its reason, less, a question. And the note in their place."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from sayso.actions.approvals.decision import MAX_REASON_CHARS
from sayso.agent.people_question import MAX_QUESTION_CHARS
from sayso.json import JsonObject, JsonValue
from sayso.money import decimals_of
from sayso.sdk.views.solution import SolutionView, StepView
from sayso.sdk.words.solution import first_name
from sayso.surfaces.slack.payload import Pointer
from sayso.surfaces.slack.wording import fit

NO_FORM = "sayso.solution.no"
LESS_FORM = "sayso.solution.less"
ASK_FORM = "sayso.solution.ask"
CODE = "code"
REASON = "reason"
QUESTION = "question"
STEPS = "steps"
LOWER = "lower."
_MOST_BOXES = 10
"""SOURCE: Slack docs, Checkboxes: at most ten options."""

REASON_CODES: Mapping[str, str] = MappingProxyType(
    {
        "not_covered": "Not covered by our policy",
        "wrong_amount": "The amount is wrong",
        "duplicate": "Done already, or asked twice",
        "evidence_missing": "Evidence is missing",
        "suspected_fraud": "Looks like fraud",
        "other": "Another reason",
    }
)
"""What a no can be for; the code stands in the log and reaches the planner."""


def no_form(view: SolutionView) -> JsonObject:
    """The form that asks why not: a code is required, a text is not."""
    return _form(view, NO_FORM, title="No", submit="No, nothing moves", inputs=_no_inputs())


def _no_inputs() -> list[JsonValue]:
    """What every no asks for: its code, and words of one's own where somebody wants to."""
    options: list[JsonValue] = [
        {"text": _plain(title), "value": code} for code, title in REASON_CODES.items()
    ]
    return [
        {
            "type": "input",
            "block_id": CODE,
            "label": _plain("Why not?"),
            "element": {
                "type": "static_select",
                "action_id": CODE,
                "placeholder": _plain("Choose a reason"),
                "options": options,
            },
        },
        {
            "type": "input",
            "block_id": REASON,
            "optional": True,
            "label": _plain("In your own words"),
            "hint": _plain("Kept sealed beside the log; the customer does not read it."),
            "element": {
                "type": "plain_text_input",
                "action_id": REASON,
                "multiline": True,
                "max_length": MAX_REASON_CHARS,
            },
        },
    ]


def less_form(view: SolutionView) -> JsonObject:
    """The form in which steps are left out and amounts lowered; sending it is the yes to that."""
    waiting = [step for step in view.steps if step.asks]
    inputs: list[JsonValue] = []
    if 1 < len(waiting) <= _MOST_BOXES and not view.all_or_nothing:
        boxes: list[JsonValue] = [_box(step) for step in waiting]
        inputs.append(
            {
                "type": "input",
                "block_id": STEPS,
                "label": _plain("What should happen"),
                "hint": _plain("Untick what should not happen; it is a no to that step."),
                "element": {
                    "type": "checkboxes",
                    "action_id": STEPS,
                    "options": boxes,
                    "initial_options": boxes,
                },
            }
        )
    inputs += [_amount(step) for step in waiting if step.may_lower]
    return _form(view, LESS_FORM, title="Less", submit="Yes to this much", inputs=inputs)


def ask_form(view: SolutionView) -> JsonObject:
    """The form that asks the customer something; nothing is decided by it."""
    name = fit(first_name(view.customer.name), 60)
    question: JsonObject = {
        "type": "input",
        "block_id": QUESTION,
        "label": _plain(f"What {name} reads"),
        "hint": _plain("The answer makes the card anew. Whoever decides meanwhile decides."),
        "element": {
            "type": "plain_text_input",
            "action_id": QUESTION,
            "multiline": True,
            "max_length": MAX_QUESTION_CHARS,
        },
    }
    return _form(view, ASK_FORM, title="Ask", submit="Send the question", inputs=[question])


def note(title: str, text: str) -> JsonObject:
    """What stands in a form's place once there is nothing more to fill in."""
    return {
        "type": "modal",
        "title": _plain(title),
        "close": _plain("Close"),
        "blocks": [{"type": "section", "text": _plain(fit(text, 1000))}],
    }


def _box(step: StepView) -> JsonObject:
    return {"text": _plain(fit(step.title, 75)), "value": step.id}


def _amount(step: StepView) -> JsonObject:
    amount = step.amount
    assert amount is not None, "only an amount can be lowered"
    return {
        "type": "input",
        "block_id": f"{LOWER}{step.id}",
        "optional": True,
        "label": _plain(f"{fit(step.title, 300)}: less than {amount}, in {amount.currency}"),
        "hint": _plain(
            f"Digits with {decimals_of(amount.currency)}; empty leaves it as it is. It is judged "
            "again, and your yes to it counts."
        ),
        "element": {
            "type": "plain_text_input",
            "action_id": f"{LOWER}{step.id}",
            "max_length": 20,
        },
    }


def _form(
    view: SolutionView, callback_id: str, *, title: str, submit: str, inputs: list[JsonValue]
) -> JsonObject:
    return {
        "type": "modal",
        "callback_id": callback_id,
        "private_metadata": str(Pointer.to(view.id, view.revision, view.digest)),
        "title": _plain(title),
        "submit": _plain(submit),
        "close": _plain("Back"),
        "blocks": [
            {"type": "section", "text": _plain(fit(view.lead.headline, 600))},
            *inputs,
        ],
    }


def _plain(text: str) -> JsonObject:
    """A text object of text that is escaped already."""
    return {"type": "plain_text", "text": text, "emoji": False}
