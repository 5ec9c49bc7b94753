"""The card: what people are asked with one yes, in parts that each chat draws in its own way.

A pure function of what the store says now. What is read in five seconds stands first: what and how
much to whom, the customer's own words, why it came to people and what is unusual. Ids and digests
stand last. Everything beside the quote is built from typed fields; all foreign text has gone
through the chat's `fit`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from sayso.actions.approvals.repository import ApprovalStatus
from sayso.actions.policy.card import Card
from sayso.sdk.chat.fit import Fit, plain_fit
from sayso.sdk.chat.moment import Moment, Pieces
from sayso.sdk.chat.pointer import Pointer
from sayso.sdk.views.solution import SolutionView, StepView, is_unverified
from sayso.sdk.words.approval_outcome import CardOutcome
from sayso.sdk.words.quoted import UNCHECKED, who_wrote
from sayso.sdk.words.solution import first_name
from sayso.sdk.words.solution_outcome import answer_of, outcome_of_step, progress_of
from sayso.settings.surfaces import CONSOLE_PATH
from sayso.text import show_hidden

Answer: TypeAlias = Literal["yes", "no", "less", "ask", "open", "back"]
"""What a button is for; `open` leads to the console, `back` takes a yes back."""

_TEXT_CHARS = 100
"""Of a notification, which a phone cuts without a word."""
_FACTS_CHARS = 1500
_MOST_SIGNS = 3
_MOST_REASONS = 5
_MOST_STEPS = 15
_LETTERS_CHARS = 4000
"""Of all letters together; the rest is counted, with the place where it can be read."""
_CONSEQUENCES_CHARS = 1200


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    """The first line."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """Plain lines; `small` ones are looked up and not read first."""

    text: str
    small: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Timed:
    """Plain lines with times in them."""

    pieces: Pieces


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """Somebody's own words, and below them whose they are."""

    text: str
    whose: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Runs:
    """Texts one after the other, each `(bold, text)`."""

    runs: tuple[tuple[bool, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Button:
    """One of the answers; `url` for the one that leads elsewhere."""

    answer: Answer
    label: str
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Buttons:
    """The answers that count now; `value` is the `Pointer` that each carries."""

    value: str
    buttons: tuple[Button, ...]


Part: TypeAlias = Heading | Lines | Timed | Quote | Runs | Buttons


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatCard:
    """A card as it should stand now.

    Attributes:
        text: for notifications and screen readers: amount, payee and state. Foreign characters
            that nobody can see are shown; nothing is escaped, which is the chat's.
        parts: from the top.
        asks: whether it has buttons.
    """

    text: str
    parts: tuple[Part, ...]
    asks: bool


def labelled(label: str, text: str) -> Runs:
    """A bold line of ours above a text."""
    return Runs(runs=((True, label), (False, f"\n{text}")))


def build_card(
    view: SolutionView, outcome: CardOutcome | None = None, *, fit: Fit, url: str = ""
) -> ChatCard:
    """The card as it should stand now: with buttons while it waits, with the outcome afterwards.

    Args:
        outcome: what became of the only step; without it, as with several, what was answered.
        fit: the chat's. url: of the console, where there is one that others can open.
    """
    asks = view.status == ApprovalStatus.PENDING and (outcome is None or outcome.asks)
    made = _Making(view=view, fit=fit, url=url, asks=asks)
    parts = [*made.top(outcome), *made.starts(), *made.escalated(), *made.quote()]
    if asks:
        parts += [made.why(said=outcome is not None), made.unusual(), *made.question()]
        parts += made.unverified()
    if asks or outcome is None:
        parts.append(made.steps())
    parts += made.letters()
    if asks:
        parts += [made.no(), made.buttons()]
    elif view.may_take_back and view.starts_at is not None:
        parts.append(made.way_back())
    parts += [Lines(text=line, small=True) for line in made.small()]
    said = answer_of(view) if asks or outcome is None else outcome.lead.strip(": ")
    text = f"{text_of(view)}: {show_hidden(said)} ({view.id})"
    return ChatCard(text=text, parts=tuple(parts), asks=asks)


def text_of(view: SolutionView) -> str:
    """What and how much to whom, for a notification; the card's first line, and not escaped."""
    return plain_fit(view.lead.headline, _TEXT_CHARS)


def starts_of(starts_at: str) -> Pieces:
    """When something starts that people agreed to, in RFC 3339, and what can be done until then."""
    return (
        "It starts at ",
        Moment(at=starts_at, seconds=True),
        "; until then the yes can be taken back.",
    )


def where_of(view: SolutionView) -> str:
    """Where the rest of what is cut can be read."""
    return f"in `sayso approvals show {view.id}`"


def is_blank(view: SolutionView) -> bool:
    """Whether what people were shown has gone with its customer."""
    cards = [Card.from_json(step.card) for step in view.steps if step.card is not None]
    # An erased card has lost its salt; cards of the first version never had one.
    return any(not card.salt and card.version > 1 for card in cards)


def may_be_less(view: SolutionView) -> bool:
    """Whether there is anything that a smaller yes could leave out or lower."""
    waiting = [step for step in view.steps if step.asks]
    return any(step.may_lower for step in waiting) or (len(waiting) > 1 and not view.all_or_nothing)


def _needed(view: SolutionView) -> str:
    names = " and ".join(role.replace("_", " ") for role in view.roles)
    count = len(view.roles)
    return f"Needs {count} {'person' if count == 1 else 'people'}: {names or 'nobody'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Making:
    """A card in the making: what is shown, for whom, and whether it asks."""

    view: SolutionView
    fit: Fit
    url: str
    asks: bool

    @property
    def where(self) -> str:
        """Where the rest of what is cut can be read."""
        return where_of(self.view)

    def top(self, outcome: CardOutcome | None) -> list[Part]:
        """What and how much to whom, and what was answered; below it its parts, or its outcome."""
        view = self.view
        if self.asks or outcome is None:
            head = f"{self.fit(view.lead.headline, 100)}: {self.fit(answer_of(view), 45)}"
            below = [self.split()] if view.lead.split or len(view.lead.headline) > 100 else []
            below += [] if self.asks or view.starts_at is not None else [progress_of(view)]
            if outcome is not None and outcome.text:  # whose yes lapsed, or was to more
                below.append(self.fit(outcome.text, 900, more=self.where))
            return [Heading(text=head), *([Lines(text="\n".join(below))] if below else [])]
        title = view.steps[0].title
        top: list[Part] = [Heading(text=self.fit(f"{outcome.lead}{title}", 150))]
        if outcome.text:
            top.append(Lines(text=self.fit(outcome.text, 900, more=self.where)))
        if len(outcome.lead) + len(title) > 120:
            # What the header has no room for must not be missing from the card.
            top.append(Lines(text=self.fit(title, 600, more=self.where)))
        return top

    def starts(self) -> list[Part]:
        """When what was agreed to starts, where it waits for that."""
        return [] if self.view.starts_at is None else [Timed(pieces=starts_of(self.view.starts_at))]

    def escalated(self) -> list[Part]:
        view = self.view
        if view.escalated is None:
            return []
        may = ": they may decide it, too" if self.asks else ""
        said = f"Escalated {self.fit(view.escalated.whom, 200)}, "
        return [Timed(pieces=(said, Moment(at=view.escalated.at), f"{may}."))]

    def split(self) -> str:
        view = self.view
        parts = [f"{amount} {what}".strip() for amount, what in view.lead.split]
        return self.fit(", ".join(parts) or view.lead.headline, 600, more=self.where)

    def quote(self) -> list[Part]:
        view = self.view
        if (
            not view.lead.quote.strip()
        ):  # a caller's own action, of which no customer wrote anything
            return []
        quote = self.fit(view.lead.quote, 2000, more=self.where, lines=True)
        whose = self.fit(who_wrote(view), 200)
        return [Quote(text=quote, whose=f"{whose} {UNCHECKED}")]

    def why(self, *, said: bool) -> Part:
        """Why people are asked, and who has agreed where that is not `said` above."""
        view = self.view
        reasons = view.lead.reasons or (view.lead.why,)
        mark = "• " if len(reasons) > 1 else ""
        asked = [f"{mark}{self.fit(one, 300, more=self.where)}" for one in reasons[:_MOST_REASONS]]
        if len(reasons) > _MOST_REASONS:
            asked.append(f"{len(reasons) - _MOST_REASONS} more {self.where}")
        if view.passkey:
            asked.append("A yes to this amount needs your passkey, which the console asks for")
        if view.says_why:
            asked.append("A yes to this amount needs a reason, which the console asks for")
        if view.agreed and not said:
            asked.append(f"{self.fit(', '.join(view.agreed), 200)} said yes already")
        asked.append(self.fit(view.lead.needed or _needed(view), 200))
        return labelled("Why it came to you", "\n".join(asked))

    def unusual(self) -> Part:
        view = self.view
        signs = [f"⚠ {self.fit(sign, 200)}" for sign in view.lead.unusual[:_MOST_SIGNS]]
        more = len(view.lead.unusual) - len(signs)
        if more > 0:
            signs.append(f"{more} more {self.where}")
        if not signs:
            signs.append(f"Nothing. {view.lead.quiet} signs looked at.")
        return labelled("Unusual", "\n".join(signs))

    def question(self) -> list[Part]:
        """What the customer was asked and has not answered; nothing when nobody waits for them."""
        view = self.view
        if view.question is None:
            return []
        name, by = self.fit(first_name(view.customer.name), 80), self.fit(view.question.by, 80)
        text = self.fit(view.question.text, 1000, more=self.where, lines=True)
        after = "The answer will stand here. A yes or no counts without."
        return [Lines(text=f"{by} has asked {name}: {text}\n{after}")]

    def unverified(self) -> list[Part]:
        """That nobody knows who writes, and where a colleague says it; else nothing."""
        view = self.view
        if not is_unverified(view):
            return []
        way = "open it and vouch" if self.url else f"sayso customers vouch {view.request_id}"
        said = f"Nobody checked who is writing. If you know that it is them: {way}."
        return [labelled("The customer is not verified", said)]

    def steps(self) -> Part:
        """What each step does, or did; its sentence is bold, what follows from it is not."""
        view = self.view
        shown = view.steps[:_MOST_STEPS]
        room = min(240, _CONSEQUENCES_CHARS // len(shown)) if self.asks else 0
        parts = [(True, "What a yes does, in this order" if self.asks else "What happened")]
        if self.asks and len(view.steps) == 1:
            parts = [(True, "What a yes does")]
        for place, step in enumerate(shown, 1):
            number = "" if len(view.steps) == 1 else f"{place}. "
            parts += [
                (True, f"\n{number}{self.fit(step.title, 120)}"),
                (False, self.of(step, room)),
            ]
        if len(view.steps) > len(shown):
            parts.append((False, f"\n{len(view.steps) - len(shown)} more steps {self.where}"))
        return Runs(runs=tuple(parts))

    def of(self, step: StepView, room: int) -> str:
        """What came of a step or, with room for it, what would."""
        outcome = outcome_of_step(step)
        if outcome:
            return f": {self.fit(outcome, 120)}"
        if not room:
            return ": under way"
        said = ["Needs nobody."] if step.needs == "nobody" else []
        said += [self.fit(step.consequence, room)] if step.consequence else []
        return f". {' '.join(said)}" if said else "."

    def letters(self) -> list[Part]:
        """What is written to the customer, as a yes is bound to it."""
        view = self.view
        letters = [
            (place, step.letter)
            for place, step in enumerate(view.steps, 1)
            if step.letter is not None
        ]
        room = _LETTERS_CHARS // max(1, len(letters))
        return [
            labelled(
                f"{'It' if len(view.steps) == 1 else f'Step {place}'} writes: "
                + self.fit(letter.subject, 150),
                self.fit(letter.text, max(100, min(room, 2500)), more=self.where, lines=True),
            )
            for place, letter in letters[:_MOST_STEPS]
        ]

    def no(self) -> Part:
        """What a no does, and until when there is time for a yes."""
        view = self.view
        no = self.fit(view.lead.on_no, 300, more=self.where)
        said = f"A no: {no}\nNo answer by "
        return Timed(pieces=(said, Moment(at=view.expires_at), " counts as no."))

    def small(self) -> list[str]:
        """What is looked up and not read first: the facts, and what a yes is bound to."""
        view = self.view
        named = view.customer.name != view.customer.id
        whose = [("Account", view.customer.id)] if named else []
        facts = " · ".join(f"{label}: {value}" for label, value in (*whose, *view.lead.facts))
        known = [self.fit(facts, _FACTS_CHARS, more=self.where)] if facts and self.asks else []
        parts = [view.id, f"revision {view.revision}", f"digest {view.digest[:12]}"]
        parts.append(f"{', '.join(step.action for step in view.steps)} by {view.planner}")
        cards = [Card.from_json(step.card) for step in view.steps if step.card is not None]
        parts += dict.fromkeys(card.guarantee.partition(":")[0] for card in cards)
        if self.asks:
            parts.append(f"all of it {self.where}")
        return [*known, self.fit(" · ".join(parts), 600)]

    def way_back(self) -> Part:
        """Takes back a yes that waits to start."""
        view = self.view
        value = str(Pointer.to(view.id, view.revision, view.digest))
        return Buttons(value=value, buttons=(Button(answer="back", label="Take back"),))

    def buttons(self) -> Part:
        view = self.view
        money = " + ".join(map(str, view.totals))
        # NOTE: no colours: a green yes would be a nudge.
        said: list[tuple[Answer, str]] = []
        elsewhere = view.passkey or view.says_why
        if not elsewhere:
            said.append(("yes", f"Yes, {money}" if money else "Yes, do it"))
        said.append(("no", "No…"))
        if may_be_less(view):
            said.append(("less", "Less…"))
        if (
            view.request_id is not None and view.question is None
        ):  # somebody wrote, and is not asked
            said.append(("ask", f"Ask {self.fit(first_name(view.customer.name), 60)}…"))
        if view.may_take_back:  # somebody's yes waits for another's; one row of buttons is all
            said.append(("back", "Take back"))
        if self.url:
            said.append(("open", "Open to decide ↗" if elsewhere else "Open ↗"))
        value = str(Pointer.to(view.id, view.revision, view.digest))
        # In the console a passkey can be asked for.
        place = f"{self.url}{CONSOLE_PATH}/solution/{view.id}"
        made = tuple(
            Button(answer=answer, label=self.fit(label, 75), url=place if answer == "open" else "")
            for answer, label in said
        )
        return Buttons(value=value, buttons=made)
