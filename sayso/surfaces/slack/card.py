"""The card: what people are asked with one yes, as Slack blocks, be it one step or several.

A pure function of what the store says now. What is read in five seconds stands first: what and how
much to whom, the customer's own words, why it came to people and what is unusual. Ids and digests
stand last. Everything beside the quote is built from typed fields; all foreign text is plain text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from sayso.actions.approvals.repository import ApprovalStatus
from sayso.actions.policy.card import Card
from sayso.json import JsonObject
from sayso.sdk.views.solution import SolutionView, StepView, is_unverified
from sayso.sdk.words.approval_outcome import CardOutcome
from sayso.sdk.words.solution import first_name
from sayso.sdk.words.solution_outcome import answer_of, outcome_of_step, progress_of
from sayso.settings.surfaces import CONSOLE_PATH
from sayso.surfaces.slack.payload import Pointer
from sayso.surfaces.slack.wording import escape, fit, show_hidden

YES = "sayso.solution.yes"
NO = "sayso.solution.no"
LESS = "sayso.solution.less"
ASK = "sayso.solution.ask"
OPEN = "sayso.solution.open"
EVENT_TYPE = "sayso_approval"
"""`metadata.event_type` of our cards, by which a card is found again."""

_FACTS_CHARS = 1500
_MOST_SIGNS = 3
_MOST_STEPS = 15
_LETTERS_CHARS = 4000
"""Of all letters together; the rest is counted, with the place where it can be read."""
_CONSEQUENCES_CHARS = 1200


@dataclass(frozen=True, slots=True, kw_only=True)
class SlackMessage:
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
    view: SolutionView, outcome: CardOutcome | None = None, *, url: str = ""
) -> SlackMessage:
    """The card as it should stand now: with buttons while it waits, with the outcome afterwards.

    Args:
        outcome: what became of the only step; without it, as with several, what was answered.
        url: of the console, where there is one that others can open.
    """
    asks = view.status == ApprovalStatus.PENDING and (outcome is None or outcome.asks)
    blocks = [*_top(view, outcome, asks=asks), *_escalated(view, asks=asks), *_quote(view)]
    if asks:
        blocks += [_why(view, said=outcome is not None), _unusual(view), *_question(view)]
        blocks += _unverified(view, url)
    if asks or outcome is None:
        blocks.append(_steps(view, asks=asks))
    blocks += _letters(view)
    if asks:
        blocks += [section(_no(view)), _buttons(view, url)]
    blocks += [context(line) for line in _small(view, asks=asks)]
    money = " + ".join(map(str, view.totals)) or "no money"
    said = answer_of(view) if asks or outcome is None else outcome.lead.strip(": ")
    return SlackMessage(
        # Without any foreign text: notifications parse it as mrkdwn.
        text=escape(show_hidden(f"{money}: {said} ({view.id})")),
        blocks=tuple(blocks),
        approval_id=view.id,
        revision=view.revision,
    )


def where_of(view: SolutionView) -> str:
    """Where the rest of what is cut can be read."""
    return f"in `sayso approvals show {view.id}`"


def is_blank(view: SolutionView) -> bool:
    """Whether what people were shown has gone with its customer."""
    cards = [Card.from_json(step.card) for step in view.steps if step.card is not None]
    # An erased card has lost its salt; cards of the first version never had one.
    return any(not card.salt and card.version > 1 for card in cards)


def _top(view: SolutionView, outcome: CardOutcome | None, *, asks: bool) -> list[JsonObject]:
    """What and how much to whom, with what was answered; below it the parts, or what came of it."""
    if asks or outcome is None:
        head = f"{fit(view.lead.headline, 100)}: {fit(answer_of(view), 45)}"
        below = [_split(view)] if view.lead.split or len(view.lead.headline) > 100 else []
        below += [] if asks else [progress_of(view)]
        if outcome is not None and outcome.text:  # whose yes lapsed, or was to more
            below.append(fit(outcome.text, 900, more=where_of(view)))
        return [_header(head), *([section("\n".join(below))] if below else [])]
    title = view.steps[0].title
    top = [_header(fit(f"{outcome.lead}{title}", 150))]
    if outcome.text:
        top.append(section(fit(outcome.text, 900, more=where_of(view))))
    if len(outcome.lead) + len(title) > 120:
        # What the header has no room for must not be missing from the card.
        top.append(section(fit(title, 600, more=where_of(view))))
    return top


def _escalated(view: SolutionView, *, asks: bool) -> list[JsonObject]:
    if view.escalated is None:
        return []
    at = f"{view.escalated.at[:10]} {view.escalated.at[11:16]} UTC"
    may = ": they may decide it, too" if asks else ""
    return [section(f"Escalated {fit(view.escalated.whom, 200)}, {at}{may}.")]


def may_be_less(view: SolutionView) -> bool:
    """Whether there is anything that a smaller yes could leave out or lower."""
    waiting = [step for step in view.steps if step.asks]
    return any(step.may_lower for step in waiting) or (len(waiting) > 1 and not view.all_or_nothing)


def _split(view: SolutionView) -> str:
    parts = [f"{amount} {what}".strip() for amount, what in view.lead.split]
    return fit(", ".join(parts) or view.lead.headline, 600, more=where_of(view))


def _quote(view: SolutionView) -> list[JsonObject]:
    if not view.lead.quote.strip():  # a caller's own action, of which no customer wrote anything
        return []
    quote = fit(view.lead.quote, 2000, more=where_of(view), lines=True)
    wrote = f"{fit(first_name(view.customer.name), 80)} wrote this. What it says is not checked."
    return [
        {
            "type": "rich_text",
            "elements": [
                {"type": "rich_text_quote", "elements": [{"type": "text", "text": quote}]},
                {
                    "type": "rich_text_section",
                    "elements": [{"type": "text", "text": wrote, "style": {"italic": True}}],
                },
            ],
        }
    ]


def _why(view: SolutionView, *, said: bool) -> JsonObject:
    """Why people are asked, and who has agreed where that is not `said` above."""
    asked = [fit(view.lead.why, 400, more=where_of(view))]
    if view.passkey:
        asked.append("A yes to this amount needs your passkey, which the console asks for")
    if view.agreed and not said:
        asked.append(f"{fit(', '.join(view.agreed), 200)} said yes already")
    asked.append(fit(view.lead.needed or _needed(view), 200))
    return labelled("Why it came to you", "\n".join(asked))


def _needed(view: SolutionView) -> str:
    names = " and ".join(role.replace("_", " ") for role in view.roles)
    count = len(view.roles)
    return f"Needs {count} {'person' if count == 1 else 'people'}: {names or 'nobody'}"


def _unusual(view: SolutionView) -> JsonObject:
    signs = [f"⚠ {fit(sign, 200)}" for sign in view.lead.unusual[:_MOST_SIGNS]]
    more = len(view.lead.unusual) - len(signs)
    if more > 0:
        signs.append(f"{more} more {where_of(view)}")
    if not signs:
        signs.append(f"Nothing. {view.lead.quiet} signs looked at.")
    return labelled("Unusual", "\n".join(signs))


def _question(view: SolutionView) -> list[JsonObject]:
    """What the customer was asked and has not answered; nothing when nobody waits for them."""
    if view.question is None:
        return []
    name, by = fit(first_name(view.customer.name), 80), fit(view.question.by, 80)
    text = fit(view.question.text, 1000, more=where_of(view), lines=True)
    after = "The answer will stand here. A yes or no counts without."
    return [section(f"{by} has asked {name}: {text}\n{after}")]


def _unverified(view: SolutionView, url: str) -> list[JsonObject]:
    """That nobody knows who writes, and where a colleague says it; nothing where it is known."""
    if not is_unverified(view):
        return []
    way = "open it and vouch" if url else f"sayso customers vouch {view.request_id}"
    said = f"Nobody checked who is writing. If you know that it is them: {way}."
    return [labelled("The customer is not verified", said)]


def _steps(view: SolutionView, *, asks: bool) -> JsonObject:
    """What each step does, or did; the sentence of each is bold, what follows from it is not."""
    shown = view.steps[:_MOST_STEPS]
    room = min(240, _CONSEQUENCES_CHARS // len(shown)) if asks else 0
    parts = [_bold("What a yes does, in this order" if asks else "What happened")]
    if asks and len(view.steps) == 1:
        parts = [_bold("What a yes does")]
    for place, step in enumerate(shown, 1):
        number = "" if len(view.steps) == 1 else f"{place}. "
        parts += [_bold(f"\n{number}{fit(step.title, 120)}"), _text(_of(step, room))]
    if len(view.steps) > len(shown):
        parts.append(_text(f"\n{len(view.steps) - len(shown)} more steps {where_of(view)}"))
    return _rich(parts)


def _of(step: StepView, room: int) -> str:
    """What came of a step or, with room for it, what would."""
    outcome = outcome_of_step(step)
    if outcome:
        return f": {fit(outcome, 120)}"
    if not room:
        return ": under way"
    said = ["Needs nobody."] if step.needs == "nobody" else []
    said += [fit(step.consequence, room)] if step.consequence else []
    return f". {' '.join(said)}" if said else "."


def _letters(view: SolutionView) -> list[JsonObject]:
    """What is written to the customer, as a yes is bound to it."""
    letters = [
        (place, step.letter) for place, step in enumerate(view.steps, 1) if step.letter is not None
    ]
    room = _LETTERS_CHARS // max(1, len(letters))
    return [
        labelled(
            f"{'It' if len(view.steps) == 1 else f'Step {place}'} writes: "
            + fit(letter.subject, 150),
            fit(letter.text, max(100, min(room, 2500)), more=where_of(view), lines=True),
        )
        for place, letter in letters[:_MOST_STEPS]
    ]


def _no(view: SolutionView) -> str:
    """What a no does, and until when there is time for a yes."""
    until = fit(f"{view.expires_at[:10]} {view.expires_at[11:16]} UTC", 80)
    no = fit(view.lead.on_no, 300, more=where_of(view))
    return f"A no: {no}\nNo answer by {until} counts as no."


def _small(view: SolutionView, *, asks: bool) -> list[str]:
    """What is looked up and not read first: the facts, and what a yes is bound to."""
    named = view.customer.name != view.customer.id
    whose = [("Account", view.customer.id)] if named else []
    facts = " · ".join(f"{label}: {value}" for label, value in (*whose, *view.lead.facts))
    known = [fit(facts, _FACTS_CHARS, more=where_of(view))] if facts and asks else []
    parts = [view.id, f"revision {view.revision}", f"digest {view.digest[:12]}"]
    parts.append(f"{', '.join(step.action for step in view.steps)} by {view.planner}")
    cards = [Card.from_json(step.card) for step in view.steps if step.card is not None]
    parts += dict.fromkeys(card.guarantee.partition(":")[0] for card in cards)
    if asks:
        parts.append(f"all of it {where_of(view)}")
    return [*known, fit(" · ".join(parts), 600)]


def _buttons(view: SolutionView, url: str) -> JsonObject:
    money = " + ".join(map(str, view.totals))
    # NOTE: no colours: a green yes would be a nudge.
    said = [] if view.passkey else [(YES, f"Yes, {money}" if money else "Yes, do it")]
    said.append((NO, "No…"))
    if may_be_less(view):
        said.append((LESS, "Less…"))
    if view.request_id is not None and view.question is None:  # somebody wrote, and is not asked
        said.append((ASK, f"Ask {fit(first_name(view.customer.name), 60)}…"))
    if url:
        said.append((OPEN, "Open to decide ↗" if view.passkey else "Open ↗"))
    value = str(Pointer.to(view.id, view.revision, view.digest))
    buttons: list[JsonObject] = [
        {
            "type": "button",
            "action_id": action_id,
            "text": _plain(fit(label, 75)),
            "value": value,
            # In the console a passkey can be asked for.
            **({"url": f"{url}{CONSOLE_PATH}/solution/{view.id}"} if action_id == OPEN else {}),
        }
        for action_id, label in said
    ]
    return {"type": "actions", "block_id": "decide", "elements": buttons}


def section(text: str) -> JsonObject:
    """A section of text that is escaped already."""
    return {"type": "section", "text": _plain(text)}


def context(text: str) -> JsonObject:
    """The same, small and grey."""
    return {"type": "context", "elements": [_plain(text)]}


def labelled(label: str, text: str) -> JsonObject:
    """A bold line of ours above text that is escaped already."""
    return _rich([_bold(label), _text(f"\n{text}")])


def _rich(parts: Sequence[JsonObject]) -> JsonObject:
    return {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": parts}]}


def _bold(text: str) -> JsonObject:
    return {"type": "text", "text": text, "style": {"bold": True}}


def _text(text: str) -> JsonObject:
    return {"type": "text", "text": text}


def _header(text: str) -> JsonObject:
    return {"type": "header", "text": _plain(text)}


def _plain(text: str) -> JsonObject:
    """A text object of text that is escaped already."""
    return cast("JsonObject", {"type": "plain_text", "text": text, "emoji": False})
