"""The card: an approval as Slack blocks. A pure function of what the store says now.

The order is what a right and quick answer needs: the decision, the money, why it came to a person,
what was there before, what the customer said, and what happens next. Everything above the quote is
built from typed fields; all foreign text is plain text (SL-18).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from sayso.actions.card import Card
from sayso.json import JsonObject
from sayso.sdk.views import ActionView, ApprovalView
from sayso.surfaces.slack.outcome import Outcome, outcome_of
from sayso.surfaces.slack.pointer import Pointer
from sayso.surfaces.slack.wording import escape, fit, show_hidden

APPROVE = "sayso.approve"
REJECT = "sayso.reject"
LOWER = "sayso.lower"
EVENT_TYPE = "sayso_approval"
"""`metadata.event_type` of our cards, by which a card is found again (SL-15)."""

MAX_FIELDS = 20
_FIELD_CHARS = 200
_QUOTE_CHARS = 2000
_PER_SECTION = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What is posted.

    Attributes:
        text: for notifications and screen readers; from typed fields only.
        blocks: Block Kit.
        approval_id, revision: for the metadata.
    """

    text: str
    blocks: tuple[JsonObject, ...]
    approval_id: str
    revision: int

    @property
    def metadata(self) -> JsonObject:
        """Slack's message metadata: names the approval, so that the card is found again."""
        return {
            "event_type": EVENT_TYPE,
            "event_payload": {"approval_id": self.approval_id, "revision": self.revision},
        }


def build_message(approval: ApprovalView, action: ActionView | None = None) -> Message:
    """The card as it should stand now: with buttons while it waits, with the outcome afterwards.

    Args:
        action: the action as it is now; without it, the outcome says only what was decided.
    """
    card = Card.from_json(approval.card)
    outcome = outcome_of(approval, action)
    blocks: list[JsonObject] = [
        {"type": "header", "text": _plain(fit(f"{outcome.lead}{card.title}", 150))}
    ]
    if outcome.text:
        blocks.append(_section(fit(outcome.text, 900, more=_where(approval))))
    if len(outcome.lead) + len(card.title) > 120:
        # What the header has no room for must not be missing from the card.
        blocks.append(_section(fit(card.title, 600, more=_where(approval))))
    blocks += _fields(card, approval)
    blocks.append(_section(_why(card, approval)))
    blocks.append(_quote(card, approval))
    if outcome.asks:
        blocks.append(_context(_consequences(card, approval)))
        blocks.append(_buttons(card, approval))
    blocks.append(_context(_footer(card, approval, outcome)))
    return Message(
        text=_fallback(card, approval, outcome),
        blocks=tuple(blocks),
        approval_id=approval.id,
        revision=approval.revision,
    )


def _fields(card: Card, approval: ApprovalView) -> list[JsonObject]:
    money = str(card.amount) if card.amount else "none"
    lines = [
        ("money", money),
        ("goes to", card.payee),
        ("from account", card.account),
        *card.fields,
        *((f"customer {label}", value) for label, value in card.customer),
    ]
    if len(lines) > MAX_FIELDS:
        left = len(lines) - MAX_FIELDS + 1
        lines = [*lines[: MAX_FIELDS - 1], ("not shown", f"{left} more fields {_where(approval)}")]
    texts = [_plain(_labelled(label, value)) for label, value in lines]
    return [
        {"type": "section", "fields": texts[start : start + _PER_SECTION]}
        for start in range(0, len(texts), _PER_SECTION)
    ]


def _labelled(label: str, value: str) -> str:
    name = fit(label, 80)
    return f"{name[:1].upper()}{name[1:]}: {fit(value, _FIELD_CHARS)}"


def _why(card: Card, approval: ApprovalView) -> str:
    where = _where(approval)
    rules = fit(", ".join(card.rules), 200, more=where)
    return (
        f"Why you: {fit(card.why, 400, more=where)}. {fit(_needed(card.roles), 200)}. "
        f"Before: {fit(card.history, 200, more=where)}."
        + (f" Rule, once people say yes: {rules}." if card.rules else "")
    )


def _needed(roles: Sequence[str]) -> str:
    names = " and ".join(role.replace("_", " ") for role in roles)
    return f"Needs {len(roles)} {'person' if len(roles) == 1 else 'people'}: {names or 'nobody'}"


def _quote(card: Card, approval: ApprovalView) -> JsonObject:
    quote = fit(card.quote, _QUOTE_CHARS, more=_where(approval), lines=True)
    if not card.quote.strip():
        quote = "nothing was passed on"
    return {
        "type": "rich_text",
        "elements": [
            {
                "type": "rich_text_section",
                "elements": [
                    {
                        "type": "text",
                        "text": "Customer wrote (not verified)",
                        "style": {"bold": True},
                    }
                ],
            },
            {"type": "rich_text_quote", "elements": [{"type": "text", "text": quote}]},
        ],
    }


def _consequences(card: Card, approval: ApprovalView) -> str:
    where = _where(approval)
    deadline = fit(f"{card.deadline[:10]} {card.deadline[11:16]} UTC", 80)
    return (
        f"Yes: {fit(card.on_yes, 600, more=where)}. No: {fit(card.on_no, 300, more=where)}. "
        f"No answer by {deadline}: counts as no."
    )


def _buttons(card: Card, approval: ApprovalView) -> JsonObject:
    value = str(Pointer.to(approval.id, approval.revision, approval.digest))
    money = f" {card.amount}" if card.amount else ""
    buttons = [
        _button(APPROVE, f"Approve{money}", value, "primary"),
        _button(REJECT, "Reject…", value, "danger"),
    ]
    if card.may_lower and card.amount is not None and card.amount.amount_minor > 1:
        buttons.append(_button(LOWER, "Lower amount…", value, None))
    return {"type": "actions", "block_id": "decide", "elements": buttons}


def _button(action_id: str, label: str, value: str, style: str | None) -> JsonObject:
    button: dict[str, JsonObject | str] = {
        "type": "button",
        "action_id": action_id,
        "text": _plain(fit(label, 75)),
        "value": value,
    }
    if style is not None:
        button["style"] = style
    return button


def _footer(card: Card, approval: ApprovalView, outcome: Outcome) -> str:
    parts = [
        approval.id,
        f"revision {approval.revision}",
        f"digest {approval.digest[:12]}",
        f"{card.action} by {card.planner}",
    ]
    if outcome.asks:
        parts.append(_needed(card.roles))
    return fit(" · ".join(parts), 600)


def _fallback(card: Card, approval: ApprovalView, outcome: Outcome) -> str:
    """One line without any foreign text: this one is parsed as mrkdwn by notifications."""
    money = f" of {card.amount}" if card.amount else ""
    return escape(show_hidden(f"{outcome.lead.strip()} {card.action}{money} ({approval.id})"))


def _where(approval: ApprovalView) -> str:
    return f"in `sayso approvals show {approval.id}`"


def _section(text: str) -> JsonObject:
    return {"type": "section", "text": _plain(text)}


def _context(text: str) -> JsonObject:
    return {"type": "context", "elements": [_plain(text)]}


def _plain(text: str) -> JsonObject:
    """A text object of text that is escaped already."""
    return cast("JsonObject", {"type": "plain_text", "text": text, "emoji": False})
