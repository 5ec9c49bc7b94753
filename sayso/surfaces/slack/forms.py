"""The two forms: a no with its reason, and a smaller amount. And the note that replaces a form."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from sayso.actions.policy.card import Card
from sayso.json import JsonObject, JsonValue
from sayso.money import Money, decimals_of
from sayso.sdk.views import ApprovalView
from sayso.surfaces.slack.payload import Pointer
from sayso.surfaces.slack.wording import fit

REJECT_FORM = "sayso.reject"
LOWER_FORM = "sayso.lower"
CODE = "code"
REASON = "reason"
AMOUNT = "amount"
MAX_REASON_CHARS = 1500

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


def reject_form(approval: ApprovalView) -> JsonObject:
    """The form that asks why not: a code is required, a text is not."""
    return _form(approval, REJECT_FORM, title="Reject", submit="Reject", inputs=no_inputs())


def no_inputs() -> list[JsonValue]:
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


def lower_form(approval: ApprovalView, amount: Money) -> JsonObject:
    """The form that asks for less; what is sent is judged again as a new revision."""
    return _form(
        approval,
        LOWER_FORM,
        title="Lower the amount",
        submit="Approve less",
        inputs=[
            {
                "type": "input",
                "block_id": AMOUNT,
                "label": _plain(f"Less than {amount}, in {amount.currency}"),
                "hint": _plain(
                    f"Digits with {decimals_of(amount.currency)}. This is your yes to that amount."
                ),
                "element": {
                    "type": "plain_text_input",
                    "action_id": AMOUNT,
                    "initial_value": f"{amount.decimal:f}",
                    "max_length": 20,
                },
            }
        ],
    )


def note(title: str, text: str) -> JsonObject:
    """What stands in a form's place once there is nothing more to fill in."""
    return {
        "type": "modal",
        "title": _plain(fit(title, 24) if len(title) <= 24 else title[:24]),
        "close": _plain("Close"),
        "blocks": [{"type": "section", "text": _plain(fit(text, 1000))}],
    }


def _form(
    approval: ApprovalView, callback_id: str, *, title: str, submit: str, inputs: list[JsonValue]
) -> JsonObject:
    card = Card.from_json(approval.card)
    pointer = Pointer.to(approval.id, approval.revision, approval.digest)
    return {
        "type": "modal",
        "callback_id": callback_id,
        "private_metadata": str(pointer),
        "title": _plain(title),
        "submit": _plain(submit),
        "close": _plain("Back"),
        "blocks": [{"type": "section", "text": _plain(fit(card.title, 600))}, *inputs],
    }


def _plain(text: str) -> JsonObject:
    """A text object of text that is escaped already."""
    return {"type": "plain_text", "text": text, "emoji": False}
