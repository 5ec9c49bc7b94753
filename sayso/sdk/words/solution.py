"""The words of a solution: headline, split, consequences and facts, from typed fields alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from sayso.actions.approvals.solution import Solution, SolutionStep
from sayso.actions.customers.proof import PROOF_WORDS, VERIFIED_WORDS
from sayso.actions.model.action_row import ActionRow
from sayso.actions.model.attempt import WRITES_FROM
from sayso.actions.model.definition import Action, Effect, FactValue
from sayso.actions.model.status import Status
from sayso.actions.policy.card import Card, sentence_of
from sayso.audit.customer_codes import VerifiedBy
from sayso.money import Money
from sayso.text import plain

Definitions = Callable[[str], "Action | None"]
"""Finds an action's definition; None for one that the workspace does not have any more."""

NOT_SHOWN_AGAIN = frozenset({"amount", "title", "text", "body", "left afterwards", "id"})
"""Fields that stand elsewhere on the page already."""

_ASSURANCE = {
    "signed_in": "signed in",
    "verified": "verified",
    "unverified": "nobody checked who is writing",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SmallerAnswer:
    """A smaller answer that somebody thinks about: what it leaves out, and what it lowers."""

    left_out: frozenset[str] = frozenset()
    lower: Mapping[str, Money] = field(default_factory=dict[str, Money])


@dataclass(frozen=True, slots=True, kw_only=True)
class SolutionStepView:
    """A step with what is known of it, whether or not people were asked about it.

    Attributes:
        lowered: the amount in a smaller answer. left_out: a smaller answer leaves it out.
    """

    step: SolutionStep
    action: Action | None
    card: Card | None
    lowered: Money | None = None
    left_out: bool = False

    @property
    def row(self) -> ActionRow:
        """The action."""
        return self.step.action

    @property
    def effect(self) -> Effect | None:
        """What it does to the world; None when nobody knows any more."""
        if self.card is not None:
            return Effect(self.card.effect)
        return None if self.action is None else self.action.effect

    @property
    def amount(self) -> Money | None:
        """The money that moves."""
        return self.lowered or self.asked

    @property
    def asked(self) -> Money | None:
        """The money that was proposed."""
        return self.card.amount if self.card is not None else self.row.amount

    @property
    def fields(self) -> dict[str, str]:
        """What the connector resolved for the card, by label."""
        if self.card is not None:
            return dict(self.card.fields)
        if self.row.snapshot is None:
            return {}
        found = self.row.snapshot.resolved.fields
        return {name.replace("_", " "): str(value) for name, value in found.items()}

    @property
    def payee(self) -> str:
        """Where the effect goes."""
        if self.card is not None:
            return self.card.payee
        return "" if self.row.snapshot is None else self.row.snapshot.resolved.payee

    @property
    def account(self) -> str:
        """The provider's account that acts."""
        if self.card is not None:
            return self.card.account
        return "" if self.row.snapshot is None else self.row.snapshot.resolved.account

    @property
    def title(self) -> str:
        """The sentence with the resolved values."""
        if self.card is not None:
            if self.lowered is None:
                return self.card.title
            return self.card.title.replace(str(self.asked), str(self.lowered))
        if self.action is None or self.row.snapshot is None:
            return self.row.name
        return sentence_of(self.action, self.row.snapshot.resolved)

    @property
    def brief(self) -> str:
        """The step in the second line of the card, without its amount."""
        if self.action is not None and self.action.brief:
            return self.action.brief
        match self.effect:
            case Effect.MONEY_OUT:
                return f"back to {spoken(self.payee)}" if self.payee else "paid out"
            case Effect.CREDIT:
                return "as account credit"
            case Effect.MESSAGE:
                return "a message"
            case _:
                return self.title[:1].lower() + self.title[1:]

    @property
    def label(self) -> str:
        """What the money is called beside the buttons."""
        return "Account credit" if self.effect is Effect.CREDIT else _receipt_label(self.payee)


def steps_of_solution(
    solution: Solution, definition: Definitions, smaller: SmallerAnswer
) -> list[SolutionStepView]:
    """Each step with its card, or with its definition."""
    return [
        SolutionStepView(
            step=step,
            action=definition(step.action.name),
            card=None if step.approval is None else step.approval.card,
            lowered=smaller.lower.get(step.id) if step.waits else None,
            left_out=step.id in smaller.left_out,
        )
        for step in solution.steps
    ]


def counts(one: SolutionStepView) -> bool:
    """Whether a step still is, or was, a part of what happens: not what was refused or declined."""
    gone = {Status.REFUSED, Status.REJECTED, Status.EXPIRED, Status.WITHDRAWN}
    return not one.left_out and one.row.status not in gone


def cautions(steps: Sequence[SolutionStepView]) -> tuple[str, ...]:
    """Where a letter of the plan still names an amount that a smaller answer changes."""
    changed = [one.asked for one in steps if one.asked and (one.left_out or one.lowered)]
    return tuple(
        f"The text of step {place} still says {amount}. Leave it out, or write to them yourself."
        for place, one in enumerate(steps, 1)
        for amount in changed
        if not one.left_out and str(amount) in one.fields.get("text", "")
    )


def totals(steps: Sequence[SolutionStepView]) -> tuple[Money, ...]:
    """What moves, by currency: currencies are never added up."""
    sums: dict[str, Money] = {}
    for one in steps:
        if one.amount is not None:
            before = sums.get(one.amount.currency)
            sums[one.amount.currency] = one.amount if before is None else before + one.amount
    return tuple(sums.values())


def money_lines(steps: Sequence[SolutionStepView]) -> list[tuple[str, Money]]:
    """What moves, by where it goes, so that credit is never called money out."""
    lines: dict[tuple[str, str], Money] = {}
    for one in steps:
        if one.amount is not None:
            key = (one.label, one.amount.currency)
            lines[key] = one.amount if key not in lines else lines[key] + one.amount
    return [(label, amount) for (label, _), amount in lines.items()]


def headline(steps: Sequence[SolutionStepView], name: str) -> str:
    """What and how much to whom."""
    sums = totals(steps)
    if sums:
        return f"{join([str(money) for money in sums])} to {name}"
    first = next(iter(steps), None)
    return f"{first.title}, for {name}" if first is not None else f"Nothing for {name}"


def split(steps: Sequence[SolutionStepView]) -> tuple[tuple[str, str], ...]:
    """The parts of the headline: an amount, or nothing, and what it is.

    Where the headline is the one step's own sentence, that is not said twice.
    """
    if len(steps) == 1 and not totals(steps):
        moves = {Effect.MONEY_OUT, Effect.CREDIT, None}
        return () if steps[0].effect in moves else (("", "No money moves"),)
    return tuple(("" if one.amount is None else str(one.amount), one.brief) for one in steps)


def consequence(one: SolutionStepView, solution: Solution) -> str:
    """Where a step goes, what it waits for, and whether it can be undone."""
    said: list[str] = []
    before = [_number(solution, name) for name in one.row.after]
    if before:
        steps = f"step {before[0]}" if len(before) == 1 else f"steps {join(before)}"
        said.append(f"After {steps}, if that is done")
    if one.effect is Effect.MONEY_OUT and one.payee:
        said.append(f"To {spoken(one.payee)}")
    left = one.fields.get("left afterwards")
    if left:
        said.append(f"{left} is left afterwards")
    return "".join(f"{part[:1].upper()}{part[1:]}. " for part in said).strip()


def undone(one: SolutionStepView) -> str:
    """Whether it can be taken back."""
    if one.effect is Effect.MESSAGE:
        return ""
    action = one.action
    snapshot = one.row.snapshot
    if action is not None and action.undo is not None and snapshot is not None:
        if action.undo.fits(snapshot.resolved.args):
            return "Can be taken back."
        return "Cannot be undone."
    reversible = one.card.reversible if one.card is not None else bool(action and action.reversible)
    return "Can be undone." if reversible else "Cannot be undone."


_NOTHING = {
    Effect.MONEY_OUT: "no money",
    Effect.CREDIT: "no credit",
    Effect.CANCELLATION: "nothing ends",
    Effect.CHANGE: "nothing changes",
    Effect.MESSAGE: "no e-mail",
}


def on_no(steps: Sequence[SolutionStepView], name: str) -> str:
    """What a no does, over all steps that wait."""
    parts = dict.fromkeys(_NOTHING[one.effect] for one in steps if one.effect is not None)
    nothing = join(list(parts)) or "nothing happens"
    told_so = f" {first_name(name)} is told that it was declined."
    return f"{nothing}.{told_so if any(one.effect is not Effect.MESSAGE for one in steps) else ''}"


def on_yes(steps: Sequence[SolutionStepView], left: Sequence[str], stopped: str, hold: int) -> str:
    """What one more yes does.

    Args:
        left: the roles that are asked for beside the one who answers next.
        stopped: what a stop holds of it, such as `connector stripe`; empty without one.
        hold: seconds that what was agreed to waits before it starts.
    """
    if left:
        return f"nothing moves until {join([role.replace('_', ' ') for role in left])} agrees too."
    if stopped:
        rest = "" if len(steps) == 1 else " What is not stopped starts at once."
        return f"stopped ({stopped}): it waits until two people let it go on.{rest}"
    if hold:
        wait = f"{hold} s" if hold < 120 else f"{hold // 60} min"
        return f"it starts after {wait}; until then the yes can be taken back."
    if len(steps) == 1:
        return "it starts at once."
    return f"the {number_word(len(steps))} steps start at once."


def facts(steps: Sequence[SolutionStepView], assurance: str) -> tuple[tuple[str, str], ...]:
    """Label and value: what is known of the customer, and of what each step is about."""
    found: dict[str, str] = {"Customer": _customer(steps, assurance), **_accounts(steps)}
    for one in steps:
        if one.card is not None and one.card.earlier:
            found.setdefault("Before", one.card.earlier)
    for one in steps:
        if one.effect is Effect.MESSAGE:
            continue
        for label, value in one.fields.items():
            if label not in NOT_SHOWN_AGAIN and value:
                found.setdefault(label[:1].upper() + label[1:], value.replace(" ..", " ··"))
    return tuple(found.items())


def _accounts(steps: Sequence[SolutionStepView]) -> dict[str, str]:
    """Which account wrote, and how each that is acted on is known to be the same customer's."""
    said: dict[str, str] = {}
    wrote = ""
    for one in steps:
        resolved = None if one.row.snapshot is None else one.row.snapshot.resolved
        way = None if resolved is None else resolved.reached
        if resolved is not None and way is not None:
            wrote = wrote or plain(resolved.personal.get(WRITES_FROM, ""), limit=140)
            said[one.row.subject.id] = f"{one.row.subject.id}, known by {PROOF_WORDS[way.proof]}"
        else:
            said.setdefault(one.row.subject.id, one.row.subject.id)
    if not wrote and len(said) < 2:
        return {}
    others = [words for account, words in said.items() if account != wrote]
    first = {"Writes from": wrote} if wrote else {}
    return {**first, "Acts on": "; ".join(others)} if others else first


def _customer(steps: Sequence[SolutionStepView], assurance: str) -> str:
    known: dict[str, FactValue] = {}
    for one in steps:
        if one.row.snapshot is not None:
            known |= one.row.snapshot.resolved.facts
    said: list[str] = []
    days = known.get("tenure_days")
    if isinstance(days, int):
        said.append(span(days))
    orders = known.get("orders")
    if isinstance(orders, int):
        said.append(f"{orders:,} {'order' if orders == 1 else 'orders'}")
    spent = known.get("spent")
    if isinstance(spent, Money):
        said.append(f"{spent} spent")
    plan = known.get("plan")
    if isinstance(plan, str) and plan:
        said.append(plan)
    by = verified_by([one.row for one in steps])
    known_by = f"known by {VERIFIED_WORDS[VerifiedBy(by)]}" if by else _ASSURANCE.get(assurance)
    said.append(known_by or assurance)
    return ", ".join(said)


def verified_by(rows: Sequence[ActionRow]) -> str:
    """By what each was judged to be of a known customer; empty where one was not, or needed not."""
    found = [row.snapshot.resolved.verified for row in rows if row.snapshot is not None]
    known = [one.by for one in found if one is not None]
    if not known or len(known) < len(found):
        return ""
    return (VerifiedBy.PERSON if VerifiedBy.PERSON in known else known[0]).value


def span(days: int) -> str:
    """So many days as people say it."""
    if days >= 730:
        return f"{days // 365} years"
    if days >= 60:
        return f"{days // 30} months"
    return "1 day" if days == 1 else f"{days} days"


def spoken(payee: str) -> str:
    """A payee in a sentence: `Visa ..4242, which paid` is `the Visa ··4242 that paid`."""
    what, comma, rest = payee.partition(", which ")
    return f"the {what.replace('..', '··')} that {rest}" if comma else payee


def name_of(rows: Sequence[ActionRow]) -> str:
    """The customer's name as a connector knows it, else their id."""
    return named_by(rows) or rows[0].subject.id


def named_by(rows: Sequence[ActionRow]) -> str:
    """The customer's name as a connector resolved it with one of these; empty where none did."""
    for row in rows:
        named = "" if row.snapshot is None else row.snapshot.resolved.personal.get("name", "")
        if named:
            return plain(named, limit=60)
    return ""


def first_name(name: str) -> str:
    """What a customer is called in a sentence."""
    first = name.split(" ", 1)[0]
    return first if len(first) > 1 else name


def join(parts: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} and {parts[-1]}"


def number_word(number: int) -> str:
    """Small numbers in words."""
    words = {2: "two", 3: "three", 4: "four", 5: "five", 6: "six", 7: "seven", 8: "eight"}
    return words.get(number, str(number))


def _number(solution: Solution, step: str) -> str:
    places = {one.id: place for place, one in enumerate(solution.steps, 1)}
    return str(places.get(step, step))


def _receipt_label(payee: str) -> str:
    what = payee.partition(",")[0].replace("..", "··")
    return f"Back to {what}" if what else "Back to the customer"
