"""Whether somebody asked for it: each step of a plan is looked for in the customer's own words.

INVARIANT: this check does not depend on the planner. Whoever planned, and whatever it was told, a
step whose act, object, amount, time or reason is not found in what the customer wrote (or in an
offer that they accepted) is done by nobody but a person. Where the words merely do not show it, it
is restated first; where they say something else, it is not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from sayso.actions.model.plan import Plan, Step
from sayso.agent.base import Handles, Message
from sayso.agent.understanding.acts import Mood
from sayso.agent.understanding.base import HandOverError, UnclearError
from sayso.agent.understanding.decision import id_of_plan
from sayso.agent.understanding.dialogue import follow
from sayso.agent.understanding.drafts import ActDraft
from sayso.agent.understanding.fill_amount import fill_amounts, major
from sayso.agent.understanding.fill_object import fill_object
from sayso.agent.understanding.fill_text import fill_more, part_said
from sayso.agent.understanding.lexicon import Knowledge
from sayso.agent.understanding.objection import objections, too_long
from sayso.agent.understanding.playbook import (
    ChoiceSlot,
    DateSlot,
    ItemsSlot,
    OptionSlot,
    Playbook,
    Shop,
    StepTemplate,
    TextSlot,
    WordsSlot,
    part_of,
    slot_of,
)
from sayso.agent.understanding.records import Thing, Things
from sayso.agent.understanding.state import ConversationState
from sayso.json import JsonValue
from sayso.money import Money

_DENIED = {Mood.DECLINED, Mood.CONDITIONAL, Mood.OTHERS, Mood.HESITANT}
_CLOSED = (DateSlot, OptionSlot, WordsSlot, ItemsSlot)
_PAYEE = frozenset(
    "account bank bank_account card customer destination iban on_behalf_of payee recipient "
    "send_to to wallet".split()
)
"""Arguments of these names say where something goes, which no customer's words can move."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unasked:
    """A step that is not found in the customer's words.

    Attributes:
        why: what of it is not found, in words for the person who takes over.
        against: the words say something else, so that it is not even restated to them.
    """

    step: str
    action: str
    why: str
    against: bool = False


def with_own_values(plan: Plan, knowledge: Knowledge) -> Plan:
    """The plan with what its playbooks fix, whatever a planner wrote in its place.

    INVARIANT: what goes out under the team's name is a text of the team's, with its slots filled;
    and what it is filed under is the team's, too.
    """
    return replace(plan, steps=tuple(_with_own_values(step, knowledge) for step in plan.steps))


def _with_own_values(step: Step, knowledge: Knowledge) -> Step:
    fixed = [_fixed(template) for _, template in _templates(step.action, knowledge)]
    if not fixed or any(_has(step.args, one) for one in fixed):
        return step
    return replace(step, args={**step.args, **fixed[0]})


def _templates(action: str, knowledge: Knowledge) -> Iterator[tuple[Playbook, StepTemplate]]:
    for book in knowledge.playbooks:
        yield from ((book, template) for template in book.steps if template.action == action)


def _fixed(template: StepTemplate) -> dict[str, JsonValue]:
    return {name: value for name, value in template.args.items() if slot_of(value) is None}


def _has(args: Mapping[str, JsonValue], fixed: Mapping[str, JsonValue]) -> bool:
    return all(args.get(name) == value for name, value in fixed.items())


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
    things = Things.of(handles.records, knowledge, handles.parts)
    state = follow(messages, things, knowledge)
    found: list[Unasked] = []
    for step in plan.steps:
        faults = list(_faults(step, plan, state, knowledge, things))
        if faults:
            worst = next((one for one in faults if one.against), faults[0])
            found.append(
                Unasked(step=step.id, action=step.action, why=worst.why, against=worst.against)
            )
    return found


@dataclass(frozen=True, slots=True)
class _Fault:
    why: str
    against: bool = False


def _faults(
    step: Step, plan: Plan, state: ConversationState, knowledge: Knowledge, things: Things
) -> Iterator[_Fault]:
    """What of a step nobody asked for; nothing when all of it is found."""
    templates = list(_templates(step.action, knowledge))
    acts = {book.name for book, _ in templates}
    if state.reading is None:
        yield _Fault("the customer has not written anything", against=True)
        return
    for one in objections(state, knowledge):
        if one.act is None or one.act in acts:
            yield _Fault(one.why, one.against)
    moods = {cue.mood for cue in state.cues if cue.act in acts}
    if Mood.ASKED not in moods and moods & _DENIED:
        yield _Fault(f"it is {min(moods & _DENIED).value}, and not asked for", against=True)
    yield from _free_values(step, [template for _, template in templates])
    compared = [
        list(
            _differences(
                step, draft, book, template, state, things, knowledge, _amounts(plan, template)
            )
        )
        for book, template in templates
        for draft in state.open
        if draft.act == book.name
    ]
    if not compared:
        yield _Fault("nobody asked for it")
    elif all(compared):
        yield from min(compared, key=lambda faults: any(one.against for one in faults))


def _amounts(plan: Plan, template: StepTemplate) -> list[JsonValue]:
    """What the steps of a plan that do the same give as an amount."""
    values = [
        step.args.get(name)
        for step in plan.steps
        if step.action == template.action
        for name, _ in _slots(template)
    ]
    return [value for value in values if isinstance(value, Mapping)]


def _free_values(step: Step, templates: Sequence[StepTemplate]) -> Iterator[_Fault]:
    """Values that no playbook has a place for, so that no words can have filled them."""
    for name, value in step.args.items():
        if value is None or any(name in template.args for template in templates):
            continue
        if name in _PAYEE:
            yield _Fault(f"nobody but the planner says `{name}`", against=True)
        elif templates:
            yield _Fault(f"nobody but the planner wrote its `{name}`")


def _differences(
    step: Step,
    draft: ActDraft,
    book: Playbook,
    template: StepTemplate,
    state: ConversationState,
    things: Things,
    knowledge: Knowledge,
    beside: Sequence[JsonValue],
) -> Iterator[_Fault]:
    """Which arguments are others than what is said about them; only the step's own slots count."""
    args = {slot: step.args.get(name) for name, slot in _slots(template)}
    for name, value in _fixed(template).items():
        if step.args.get(name, value) != value:
            yield _Fault(f"`{name}` is fixed by the playbook", against=True)
    yield from _other_object(args, draft, book, state, things)
    yield from _other_amount(args, draft, book, things, beside)
    for name, slot in book.choice_slots():
        if name in args:
            yield from _other_choice(name, args[name], slot, draft)
    for name, _ in book.number_slots():
        said = tuple(dict.fromkeys(draft.numbers.get(name, ())))
        if name in args and said != (args[name],):
            yield _Fault(f"`{name}` is another one than what is asked for", against=bool(said))
    yield from _other_words(step, template, draft, book, things, knowledge.shop)


def _other_words(
    step: Step,
    template: StepTemplate,
    draft: ActDraft,
    book: Playbook,
    things: Things,
    shop: Shop,
) -> Iterator[_Fault]:
    """What is said beside object and amount: an address, a day, a plan, a size, a part of it."""
    slot = book.object_slot
    handle = None if slot is None else dict(_objects(step, template)).get(slot[0])
    thing = next((one for one in things.all if one.handle == handle), None)
    texts = {name for name, _ in book.slots_of(TextSlot)}
    said: dict[str, JsonValue] = {}
    try:
        said.update(fill_more(draft, book, thing))
        for name, _ in book.slots_of(OptionSlot):
            if name in said:
                said[name] = id_of_plan(str(said[name]), step.action, shop)
    except (HandOverError, UnclearError) as unclear:
        yield _Fault(str(unclear))
        return
    for name, _ in book.slots_of(ItemsSlot):
        if not (draft.items or draft.quantities):
            said.pop(name)  # all of it, which is what a plan without its parts means as well
    closed = {name for kind in _CLOSED for name, _ in book.slots_of(kind)}
    for name, value in template.args.items():
        of = slot_of(value)
        if of is None or of not in texts | closed:
            continue
        wanted, given = part_said(said.get(of), part_of(value)), step.args.get(name)
        if _plainly(given) == _plainly(wanted):
            continue
        if wanted is None:
            yield _Fault(f"nobody said its `{name}`")
        else:
            # An address can be written in several ways, and is restated; a day cannot.
            why = f"`{name}` is another one than what is asked for"
            yield _Fault(why, against=of in closed or given is None)


def _objects(step: Step, template: StepTemplate) -> Iterator[tuple[str, JsonValue]]:
    for name, slot in _slots(template):
        yield slot, step.args.get(name)


def _plainly(value: JsonValue) -> JsonValue:
    return " ".join(value.split()).casefold() if isinstance(value, str) else value


def _slots(template: StepTemplate) -> Iterator[tuple[str, str]]:
    for name, value in template.args.items():
        if (slot := slot_of(value)) is not None:
            yield name, slot


def _other_object(
    args: Mapping[str, JsonValue],
    draft: ActDraft,
    book: Playbook,
    state: ConversationState,
    things: Things,
) -> Iterator[_Fault]:
    if book.object_slot is not None and book.object_slot[0] in args:
        name, slot = book.object_slot
        said = (draft.object, draft.around, *map(state.topic.get, slot.kinds))
        named = next((one for one in said if one and one.handles), None)
        if named is not None and args[name] not in named.handles:
            yield _Fault("another object than the one that is named", against=True)
        try:
            meant = {thing.handle for thing in fill_object(draft, book, state, things)}
        except HandOverError as reason:
            yield _Fault(str(reason))
        except UnclearError as unclear:
            # NOTE: a number that is none of theirs is no matter of words that nobody knows.
            yield _Fault(unclear.why, against="(number)" in unclear.why)
        else:
            if args[name] not in meant and named is None:
                yield _Fault("an object that is not named")
    for name, more in book.more_object_slots:
        known = set(draft.choices.get(name, ()))
        usable = {thing.handle for thing in things.usable(more)}
        if args.get(name) is not None and args[name] not in (known or usable):
            yield _Fault("another object than the one that is named", against=bool(known))
        elif args.get(name) is not None and not known and len(usable) > 1:
            yield _Fault("an object that is not named")


def _other_amount(
    args: Mapping[str, JsonValue],
    draft: ActDraft,
    book: Playbook,
    things: Things,
    beside: Sequence[JsonValue],
) -> Iterator[_Fault]:
    """How much, by the very rules by which a playbook fills it.

    Args:
        beside: the amounts of all steps for this act; several may be asked for at once.
    """
    if book.money_slot is None or book.money_slot[0] not in args:
        return
    given = args[book.money_slot[0]]
    handle = None if book.object_slot is None else args.get(book.object_slot[0])
    chosen = [thing for thing in things.all if thing.handle == handle]
    if book.object_slot is not None and not chosen:
        return
    several = [thing for thing in things.all if thing.handle in draft.object.handles]
    if len(several) > 1 and chosen[0] in several:
        chosen = [chosen[0], *(thing for thing in several if thing != chosen[0])]
    try:
        said = _amount_of_each(draft, chosen) or fill_amounts(draft, book, chosen, things)[0]
    except HandOverError as reason:
        yield _Fault(str(reason), against=True)
        return
    except UnclearError as unclear:
        if given is None and (draft.amount.part or unclear.choices):
            yield _Fault("all of it, where a part is asked for", against=True)
        elif not _are_all([choice.value for choice in unclear.choices], beside):
            yield _Fault(unclear.why)
        return
    left = chosen[0].money("left") if chosen else None
    wanted = said or left
    if wanted is not None and given is not None and given != wanted.to_json():
        yield _Fault("an amount that is not named", against=True)
    elif given is None and said is not None and said != left:
        yield _Fault("all of it, where a part is asked for", against=True)


def _amount_of_each(draft: ActDraft, chosen: Sequence[Thing]) -> Money | None:
    """What is named for the first of several things, where each has an amount of its own, in order.

    `$129 of o1. $99 of o2.`: as many plain amounts as things, each as it stands in the words.
    """
    said, handles = draft.amount, draft.object.handles
    vague = said.shares or said.part or said.whole or said.except_ or said.odd
    if vague or not 1 < len(handles) == len(said.tokens) == len(chosen):
        return None
    price = chosen[0].money("amount")
    at = handles.index(chosen[0].handle)
    return None if price is None else said.tokens[at].as_money(price.currency)


def _are_all(named: Sequence[str], given: Sequence[JsonValue]) -> bool:
    """Whether the steps give every amount that is named, each by itself or all as one."""
    amounts = [Money.from_json(one) for one in given]
    total = sum(map(Decimal, named))
    return sorted(named) == sorted(map(major, amounts)) or (
        len(amounts) == 1 and len(named) > 1 and Decimal(major(amounts[0])) == total
    )


def _other_choice(
    name: str, given: JsonValue, slot: ChoiceSlot, draft: ActDraft
) -> Iterator[_Fault]:
    """One of a few words, such as a time: where nothing is said it is the mild one."""
    said = draft.choices.get(name, ())
    chosen = given or slot.default
    if said and chosen not in said:
        yield _Fault(f"`{name}` is another one than what is asked for", against=True)
    elif not said and slot.default is not None and chosen != slot.default:
        yield _Fault(f"`{name}` was not asked for", against=True)
    elif len(said) > 1 or (not said and slot.default is None):
        yield _Fault(f"`{name}` is not clear")
