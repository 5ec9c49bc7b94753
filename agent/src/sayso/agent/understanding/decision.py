"""From what is open to an answer: a plan, one question, or a person, with the reasons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sayso.actions.model.plan import MAX_STEPS, OnFailure, Plan, Step
from sayso.agent.base import Question
from sayso.agent.understanding.base import HandOverError, UnclearError, Understanding
from sayso.agent.understanding.certainty import is_certain
from sayso.agent.understanding.drafts import ActDraft
from sayso.agent.understanding.fill_amount import fill_amounts
from sayso.agent.understanding.fill_object import by_plain_word, fill_object
from sayso.agent.understanding.fill_text import fill_more, part_said
from sayso.agent.understanding.lexicon import Knowledge
from sayso.agent.understanding.naming import named
from sayso.agent.understanding.objection import objection
from sayso.agent.understanding.playbook import (
    OptionSlot,
    Playbook,
    Shop,
    StepTemplate,
    part_of,
    slot_of,
)
from sayso.agent.understanding.records import Thing, Things
from sayso.agent.understanding.state import ConversationState
from sayso.agent.understanding.vocabulary import ActPlaybook, steps_on
from sayso.json import JsonValue


@dataclass(frozen=True, slots=True, kw_only=True)
class _Filled:
    """One act on at most one object, every slot filled."""

    book: Playbook
    steps: Sequence[StepTemplate]
    thing: Thing | None
    values: Mapping[str, JsonValue]


def decide(
    state: ConversationState, things: Things, knowledge: Knowledge, actions: frozenset[str]
) -> Understanding:
    """What the state of a conversation comes to.

    Args:
        actions: names of those that can be planned.
    """
    reading = state.reading
    assert reading is not None, "a conversation ends with the customer"
    language = reading.lexicon.language
    try:
        against = objection(state, knowledge)
        if against is not None:
            raise HandOverError(against)
        filled = _fill_all(state, things, knowledge, actions)
        steps = _steps(filled)
    except HandOverError as reason:
        return Understanding(hand_over=str(reason), language=language)
    except UnclearError as unclear:
        question = Question(
            about=knowledge.playbook(unclear.act).steps[0].action,
            slot=unclear.slot,
            choices=unclear.choices,
            why=unclear.why,
            planner=f"playbook:{unclear.act}",
        )
        return Understanding(question=question, language=language)
    names = "+".join(dict.fromkeys(draft.act for draft in state.open))
    books = [knowledge.playbook(draft.act) for draft in state.open]
    thing = filled[0].thing
    known = frozenset[str]() if thing is None else thing.names
    plan = Plan(
        steps=tuple(steps),
        planner=f"playbook:{names}",
        certain=len(books) == 1 and is_certain(state, books[0], len(steps), known),
        named=named(state, books, things),
        on_failure=OnFailure.strictest(book.on_failure for book in books),
    )
    return Understanding(plan=plan, language=language)


def _fill_all(
    state: ConversationState, things: Things, knowledge: Knowledge, actions: frozenset[str]
) -> list[_Filled]:
    filled: list[_Filled] = []
    # `Cancel my box`: what one word is for is told by what it is said of.
    state.open = [by_plain_word(draft, state, knowledge, things) for draft in state.open]
    for draft in state.open:
        book = knowledge.playbook(draft.act)
        filled += _fill(draft, book, state, things, actions, knowledge.shop)
    if not state.moved:
        raise HandOverError("the newest message neither asks for it nor agrees to it")
    return filled


def _steps(filled: Sequence[_Filled]) -> list[Step]:
    steps: list[Step] = []
    for one in filled:
        names: dict[int, str] = {}
        for place, template in enumerate(one.steps, 1):
            names[place] = f"s{len(steps) + 1}"
            steps.append(_step(template, names, place, one.values))
    if len(steps) > MAX_STEPS:
        raise HandOverError(f"it takes more than {MAX_STEPS} steps")
    return steps


def _step(
    template: StepTemplate, names: Mapping[int, str], place: int, values: Mapping[str, JsonValue]
) -> Step:
    args: dict[str, JsonValue] = {}
    for name, value in template.args.items():
        slot, part = slot_of(value), part_of(value)
        found: JsonValue = value if slot is None else part_said(values.get(slot), part)
        if found is not None:
            args[name] = found
    return Step(
        id=names[place],
        action=template.action,
        args=args,
        after=tuple(names[other] for other in template.after),
        reason=template.reason,
    )


def _fill(
    draft: ActDraft,
    book: Playbook,
    state: ConversationState,
    things: Things,
    actions: frozenset[str],
    shop: Shop,
) -> list[_Filled]:
    if not book.steps:
        raise HandOverError(f"nothing that is connected does `{book.name}`")
    missing = [step.action for step in book.steps if step.action not in actions]
    if len(missing) == len(book.steps) or (missing and not isinstance(book, ActPlaybook)):
        raise HandOverError(f"the action `{missing[0]}` is not connected")
    chosen = fill_object(draft, book, state, things)
    choices = {
        **_more_objects(draft, book, things),
        **_choices(draft, book, state),
        **_numbers(draft, book),
    }
    found = book.object_slot
    filled: list[_Filled] = []
    amounts = fill_amounts(draft, book, chosen, things)
    objects: list[Thing | None] = [*chosen] or [None]
    for thing, amount in zip(objects, amounts, strict=True):
        values: dict[str, JsonValue] = dict(choices)
        if thing is not None:
            _check_already(book, choices, thing)
        if found is not None and thing is not None:
            values[found[0]] = thing.handle
        if book.money_slot is not None and amount is not None:
            values[book.money_slot[0]] = amount.to_json()
        values.update(fill_more(draft, book, thing))
        steps = steps_on(draft, book, thing, values, actions)
        for name, _ in book.slots_of(OptionSlot):
            if name in values:
                values[name] = id_of_plan(str(values[name]), steps[0].action, shop)
        filled.append(_Filled(book=book, steps=steps, thing=thing, values=values))
    return filled


def id_of_plan(plan: str, action: str, shop: Shop) -> str:
    """How a plan is called at the provider of an action.

    Raises:
        HandOverError: shop.toml does not say.
    """
    found = shop.ids.get(plan, {}).get(action.partition(".")[0])
    if found is None:
        raise HandOverError(f"shop.toml does not say what `{plan}` is for `{action}`")
    return found


def _more_objects(draft: ActDraft, book: Playbook, things: Things) -> dict[str, JsonValue]:
    """Further objects of a plan: the one that is named, or the only one that there is."""
    values: dict[str, JsonValue] = {}
    for name, slot in book.more_object_slots:
        usable = things.usable(slot)
        said = set(draft.choices.get(name, ()))
        found = [t.handle for t in usable if not said or said & set(t.names_of_record)]
        if not found:
            raise HandOverError(f"the customer has no {slot.kind} for which that can be done")
        if len(found) > 1:
            raise UnclearError(draft.act, name, found, "several could be meant")
        values[name] = found[0]
    return values


def _check_already(book: Playbook, choices: Mapping[str, JsonValue], thing: Thing) -> None:
    for name, slot in book.choice_slots():
        fact = slot.already.get(str(choices.get(name)))
        if fact is not None and thing.record.facts.get(fact) is True:
            raise HandOverError("what is asked for is arranged already")


def _choices(draft: ActDraft, book: Playbook, state: ConversationState) -> dict[str, JsonValue]:
    values: dict[str, JsonValue] = {}
    for name, slot in book.choice_slots():
        said = draft.choices.get(name, ())
        unsure = any(reading.has(f"unsure:{draft.act}.{name}") for reading in state.readings)
        if len(said) == 1 or (not said and slot.default is not None and not unsure):
            values[name] = said[0] if said else slot.default
            continue
        offered = said or tuple(slot.choices)
        raise UnclearError(draft.act, name, offered, f"{name} is not clear")
    return values


def _numbers(draft: ActDraft, book: Playbook) -> dict[str, JsonValue]:
    values: dict[str, JsonValue] = {}
    for name, _ in book.number_slots():
        said = tuple(dict.fromkeys(draft.numbers.get(name, ())))
        if len(said) != 1:
            raise UnclearError(draft.act, name, map(str, said), "how many is not clear")
        values[name] = said[0]
    return values
