"""The card: an approval as Slack blocks. A pure function of what the store says now.

The order is what a right and quick answer needs: the decision with its money, the customer's words,
why it came to a person, what is unusual, then the fields, and what happens next. Everything beside
the quote is built from typed fields; all foreign text is plain text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from sayso.actions.policy.card import Card
from sayso.json import JsonObject, JsonValue
from sayso.sdk.outcome_words import Outcome, outcome_of
from sayso.sdk.solution_view import SolutionView
from sayso.sdk.solution_words import first_name
from sayso.sdk.views import ActionView, ApprovalView, EscalationView
from sayso.settings.surfaces import CONSOLE_PATH
from sayso.surfaces.slack.blocks import MAX_TOTAL_CHARS
from sayso.surfaces.slack.payload import Pointer
from sayso.surfaces.slack.wording import escape, fit, show_hidden

APPROVE = "sayso.approve"
REJECT = "sayso.reject"
LOWER = "sayso.lower"
ASK = "sayso.solution.ask"
"""On every card: a question is about all that is asked with one yes, be it one step or more."""
OPEN = "sayso.solution.open"
EVENT_TYPE = "sayso_approval"
"""`metadata.event_type` of our cards, by which a card is found again."""

MAX_FIELDS = 20
_FIELD_CHARS = 200
_LONG_CHARS = 2900
_MOST_CHARS = MAX_TOTAL_CHARS - 500
"""Of a whole card, so that Slack takes it with whatever it counts differently."""
_QUOTE_CHARS = 2000
_PER_SECTION = 10
_MOST_SIGNS = 3


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


def build_message(
    approval: ApprovalView,
    action: ActionView | None = None,
    *,
    solution: SolutionView | None = None,
    url: str = "",
) -> Message:
    """The card as it should stand now: with buttons while it waits, with the outcome afterwards.

    Args:
        action: the action as it is now; without it, the outcome says only what was decided.
        solution: what people are asked about with one yes. By it the card says that a yes needs a
            passkey, has the customer asked, and leads to the console; without it, it does not.
        url: of the console, where there is one that others can open.
    """
    card = Card.from_json(approval.card)
    outcome = outcome_of(approval, action)
    above: list[JsonObject] = [
        {"type": "header", "text": _plain(fit(f"{outcome.lead}{card.title}", 150))}
    ]
    if outcome.text:
        above.append(_section(fit(outcome.text, 900, more=_where(approval))))
    if approval.escalated is not None:
        above.append(_section(_escalated(approval.escalated, asks=outcome.asks)))
    if len(outcome.lead) + len(card.title) > 120:
        # What the header has no room for must not be missing from the card.
        above.append(_section(fit(card.title, 600, more=_where(approval))))
    above += [*_quote(card, approval), _section(_why(card, approval))]
    below: list[JsonObject] = []
    if outcome.asks:
        if solution is not None:
            above += asked_section(solution)
        below.append(_context(_consequences(card, approval)))
        if solution is not None and solution.passkey:
            below.append(_section("A yes to so much needs your passkey: say it in the console."))
        below.append(_buttons(card, approval, solution, url))
    below.append(_context(_footer(card, approval, outcome)))
    room = _MOST_CHARS - _chars([*above, *below])
    return Message(
        text=_fallback(card, approval, outcome),
        blocks=(*above, *_fields(card, approval, room), *below),
        approval_id=approval.id,
        revision=approval.revision,
    )


def asked_section(view: SolutionView) -> list[JsonObject]:
    """What the customer was asked and has not answered; nothing when nobody waits for them."""
    if view.question is None:
        return []
    more = f"in `sayso approvals show {view.id}`"
    name, by = fit(first_name(view.customer.name), 80), fit(view.question.by, 80)
    text = fit(view.question.text, 1000, more=more, lines=True)
    after = "The answer will stand here. A yes or no counts without."
    return [_section(f"{by} has asked {name}: {text}\n{after}")]


def ask_buttons(view: SolutionView) -> list[JsonObject]:
    """The button that asks the customer; none where nobody wrote, or while they are being asked."""
    if view.request_id is None or view.question is not None:
        return []
    value = str(Pointer.to(view.id, view.revision, view.digest))
    return [_button(ASK, f"Ask {fit(first_name(view.customer.name), 60)}…", value, None)]


def open_buttons(view: SolutionView, url: str) -> list[JsonObject]:
    """The link to the same in the console, where a passkey can be asked for; none without a URL."""
    if not url:
        return []
    value = str(Pointer.to(view.id, view.revision, view.digest))
    label = "Open to decide ↗" if view.passkey else "Open ↗"
    link = {"url": f"{url}{CONSOLE_PATH}/solution/{view.id}"}
    return [cast("JsonObject", {**_button(OPEN, label, value, None), **link})]


def _fields(card: Card, approval: ApprovalView, room: int) -> list[JsonObject]:
    """The typed fields: short ones side by side, then each long one in a block of its own.

    Args:
        room: characters for all of them; each has some, and the long ones share what is left.
    """
    money = str(card.amount) if card.amount else "none"
    where = _where(approval)
    lines = [
        ("money", money),
        ("goes to", card.payee),
        ("from account", card.account),
        *card.fields,
        *((f"customer {label}", value) for label, value in card.customer),
    ]
    if len(lines) > MAX_FIELDS:
        left = len(lines) - MAX_FIELDS + 1
        lines = [*lines[: MAX_FIELDS - 1], ("not shown", f"{left} more fields {where}")]
    texts = [_labelled(label, value, _FIELD_CHARS, where) for label, value in lines]
    spare = room - sum(map(len, texts))
    short: list[JsonObject] = []
    long: list[JsonObject] = []
    for (label, value), text in zip(lines, texts, strict=True):
        whole = _labelled(label, value, min(_FIELD_CHARS + max(spare, 0), _LONG_CHARS), where)
        if whole == text:
            short.append(_plain(text))
        else:
            spare -= len(whole) - len(text)
            long.append(_section(whole))
    blocks: list[JsonObject] = [
        {"type": "section", "fields": short[start : start + _PER_SECTION]}
        for start in range(0, len(short), _PER_SECTION)
    ]
    return [*blocks, *long]


def _chars(blocks: Sequence[JsonObject]) -> int:
    """How many characters of text the blocks have."""
    size = 0
    left: list[JsonValue] = [*blocks]
    while left:
        inner = left.pop()
        if isinstance(inner, Mapping):
            text = inner.get("text")
            size += len(text) if isinstance(text, str) else 0
            left += inner.values()
        elif isinstance(inner, Sequence) and not isinstance(inner, str):
            left += inner
    return size


def _labelled(label: str, value: str, limit: int, where: str) -> str:
    name = fit(label, 80)
    return f"{name[:1].upper()}{name[1:]}: {fit(value, limit, more=where)}"


def _why(card: Card, approval: ApprovalView) -> str:
    where = _where(approval)
    signs = [f"⚠ {fit(sign, 200)}" for sign in card.unusual[:_MOST_SIGNS]]
    if len(card.unusual) > len(signs):
        signs.append(f"{len(card.unusual) - len(signs)} more {where}")
    lines = [
        f"Why it came to you: {fit(card.reason or card.why, 400, more=where)}",
        f"{fit((card.needed or _needed(card.roles)).rstrip('.'), 200)}.",
        f"Before: {fit(card.history, 200, more=where)}.",
        f"Unusual: {', '.join(signs)}"
        if signs
        else f"Nothing unusual: {card.quiet} signs looked at.",
    ]
    return "\n".join(lines)


def _needed(roles: Sequence[str]) -> str:
    names = " and ".join(role.replace("_", " ") for role in roles)
    return f"Needs {len(roles)} {'person' if len(roles) == 1 else 'people'}: {names or 'nobody'}"


def _escalated(escalated: EscalationView, *, asks: bool) -> str:
    at = f"{escalated.at[:10]} {escalated.at[11:16]} UTC"
    may = ": they may decide it, too" if asks else ""
    return fit(f"Escalated {escalated.whom}, {at}{may}.", 300)


def _quote(card: Card, approval: ApprovalView) -> list[JsonObject]:
    if not card.quote.strip():  # a caller's own action, of which no customer wrote anything
        return []
    quote = fit(card.quote, _QUOTE_CHARS, more=_where(approval), lines=True)
    block: JsonObject = {
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
    return [block]


def _consequences(card: Card, approval: ApprovalView) -> str:
    where = _where(approval)
    deadline = fit(f"{card.deadline[:10]} {card.deadline[11:16]} UTC", 80)
    return (
        f"Yes: {fit(card.on_yes, 600, more=where)}. No: {fit(card.on_no, 300, more=where)}. "
        f"No answer by {deadline}: counts as no."
    )


def _buttons(
    card: Card, approval: ApprovalView, solution: SolutionView | None, url: str
) -> JsonObject:
    value = str(Pointer.to(approval.id, approval.revision, approval.digest))
    money = f" {card.amount}" if card.amount else ""
    yes = _button(APPROVE, f"Approve{money}", value, "primary")
    passkey = solution is not None and solution.passkey
    buttons = [*([] if passkey else [yes]), _button(REJECT, "Reject…", value, "danger")]
    if card.may_lower and card.amount is not None and card.amount.amount_minor > 1:
        buttons.append(_button(LOWER, "Lower amount…", value, None))
    if solution is not None:
        buttons += [*ask_buttons(solution), *open_buttons(solution, url)]
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
    if card.rules:
        parts.append(f"rule, once people say yes: {', '.join(card.rules)}")
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
