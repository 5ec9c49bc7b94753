"""Whether somebody asked for it: each step of a plan is looked for in the customer's own words.

INVARIANT: this check does not depend on the planner. Whoever planned, and whatever it was told, a
step whose act, object, amount or time is not found in what the customer wrote (or in an offer that
they accepted) is done by nobody but a person.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sayso.actions.model.plan import Plan, Step
from sayso.agent.base import Handles, Message
from sayso.agent.understanding.base import HandOverError, UnclearError
from sayso.agent.understanding.dialogue import follow
from sayso.agent.understanding.drafts import ActDraft
from sayso.agent.understanding.fill_object import fill_object
from sayso.agent.understanding.lexicon import Knowledge
from sayso.agent.understanding.objection import objection, too_long
from sayso.agent.understanding.playbook import Playbook, slot_of
from sayso.agent.understanding.records import Things
from sayso.agent.understanding.state import ConversationState

_STATE = re.compile(r"[a-z0-9_.-]*")


def with_own_texts(plan: Plan, knowledge: Knowledge) -> Plan:
    """The plan with the texts that its playbooks write, whatever a planner wrote in their place.

    INVARIANT: what goes out under the team's name is a text of the team's, with its slots filled.
    """
    return replace(plan, steps=tuple(_with_own_text(step, knowledge) for step in plan.steps))


def _with_own_text(step: Step, knowledge: Knowledge) -> Step:
    book = knowledge.playbook_for(step.action)
    if book is None:
        return step
    template = next(one for one in book.steps if one.action == step.action)
    texts = {name: value for name, value in template.args.items() if _is_own_text(value)}
    return replace(step, args={**step.args, **texts}) if texts else step


def _is_own_text(value: object) -> bool:
    """What a playbook writes for people to read: no state such as `period_end`, and no slot."""
    return isinstance(value, str) and slot_of(value) is None and not _STATE.fullmatch(value)


def _is_text(value: object) -> bool:
    """Words rather than a name or a handle."""
    return isinstance(value, str) and len(value.split()) > 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Unasked:
    """A step that nobody asked for.

    Attributes:
        why: what of it is not found, in words for the person who takes over.
    """

    step: str
    action: str
    why: str


def find_unasked(
    plan: Plan, messages: Sequence[Message], handles: Handles, knowledge: Knowledge
) -> list[Unasked]:
    """The steps of a plan that are not found in the customer's own words.

    Args:
        plan: over handles, as a planner gave it.
        messages: the conversation; an agent's turn counts only as an offer that was accepted.
    """
    letter = too_long(messages)
    if letter is not None:
        return [Unasked(step=step.id, action=step.action, why=letter) for step in plan.steps]
    things = Things.of(handles.records, knowledge)
    state = follow(messages, things, knowledge)
    against = objection(state, knowledge)
    found: list[Unasked] = []
    for step in plan.steps:
        why = against or _why_not(step, state, knowledge, things)
        if why is not None:
            found.append(Unasked(step=step.id, action=step.action, why=why))
    return found


def _why_not(
    step: Step, state: ConversationState, knowledge: Knowledge, things: Things
) -> str | None:
    """What of a step nobody asked for; None when all of it is found."""
    reasons: list[str] = []
    for book in knowledge.playbooks:
        for template in book.steps:
            if template.action != step.action:
                continue
            free = [n for n, v in step.args.items() if n not in template.args and _is_text(v)]
            for draft in state.open:
                if draft.act == book.name and free:
                    reasons.append(f"nobody but the planner wrote its `{free[0]}`")
                elif draft.act == book.name:
                    args = {
                        slot: step.args.get(name)
                        for name, value in template.args.items()
                        if (slot := slot_of(value)) is not None
                    }
                    why = _differs(args, draft, book, state, things)
                    if why is None:
                        return None
                    reasons.append(why)
    return reasons[0] if reasons else "nobody asked for it"


def _differs(
    args: Mapping[str, object],
    draft: ActDraft,
    book: Playbook,
    state: ConversationState,
    things: Things,
) -> str | None:
    """Which argument is another one than what is said about it; only the step's own slots count."""
    if book.object_slot is not None and book.object_slot[0] in args:
        name, slot = book.object_slot
        said = next(
            (
                f
                for f in (draft.object, draft.around, state.topic.get(slot.kind))
                if f and f.handles
            ),
            None,
        )
        if said is not None and args.get(name) not in said.handles:
            return "another object than the one that is named"
        strange = _strange(draft, book, state, things)
        if strange is not None:
            return strange
        usable = [thing.handle for thing in things.usable(slot)]
        if said is None and args.get(name) not in usable:
            return "an object that is not named"
    for name, more in book.more_object_slots:
        known = set(draft.choices.get(name, ())) or {thing.handle for thing in things.usable(more)}
        if args.get(name) is not None and args[name] not in known:
            return "another object than the one that is named"
    if book.money_slot is not None and book.money_slot[0] in args:
        name, money = book.money_slot
        amount = draft.amount
        part = bool(amount.tokens or amount.shares or amount.part or amount.except_)
        if (
            money.of is not None
            and part
            and args.get(name) is None
            and not _is_whole(draft, things)
        ):
            return "all of it, where a part is asked for"
        if money.of is not None and not part and not _is_all(args, name, book, things):
            return "an amount that is not named"
    for name, slot_ in book.choice_slots():
        values = draft.choices.get(name, ())
        chosen = args.get(name) or slot_.default
        if name in args and values and chosen not in values:
            return f"`{name}` is another one than what is asked for"
    return None


def _strange(
    draft: ActDraft, book: Playbook, state: ConversationState, things: Things
) -> str | None:
    """What the words say of the object that fits none of theirs; not whether it is the only one."""
    try:
        fill_object(draft, book, state, things)
    except HandOverError as reason:
        return str(reason)
    except UnclearError as unclear:
        return None if unclear.open else unclear.why
    return None


def _is_all(args: Mapping[str, object], name: str, book: Playbook, things: Things) -> bool:
    """Whether no amount is given, or the one that is left of the object."""
    value = args.get(name)
    if value is None or book.object_slot is None:
        return value is None
    handle = args.get(book.object_slot[0])
    known = [t.money(fact) for t in things.all if t.handle == handle for fact in ("left", "amount")]
    return any(money is not None and money.to_json() == value for money in known)


def _is_whole(draft: ActDraft, things: Things) -> bool:
    """Whether the amounts that are named are all of something they have."""
    known = {
        money
        for thing in things.all
        for fact in ("amount", "left")
        if (money := thing.money(fact)) is not None
    }
    if draft.amount.shares or draft.amount.except_ or not draft.amount.tokens:
        return False
    return all(
        any(token.as_money(money.currency) == money for money in known)
        for token in draft.amount.tokens
    )
