"""Acts and the actions of a workspace put together: a playbook for each act that can be asked for.

The words are the act's; which records can be meant, and what is called then, are the actions' own.
Where several actions carry out one act, the record that is meant decides.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from pydantic import Field

from sayso.actions.model.act import ACCOUNT, ActUse
from sayso.actions.model.definition import Action
from sayso.agent.understanding.act_file import Act
from sayso.agent.understanding.base import HandOverError, UnclearError
from sayso.agent.understanding.drafts import ActDraft
from sayso.agent.understanding.fill_text import part_said
from sayso.agent.understanding.playbook import (
    DateSlot,
    ItemsSlot,
    MoneySlot,
    ObjectSlot,
    OptionSlot,
    Playbook,
    Slot,
    StepTemplate,
    TomlValue,
    WordsSlot,
    part_of,
    slot_of,
)
from sayso.agent.understanding.records import Thing, is_usable
from sayso.json import JsonValue

OBJECT = "object"
"""What acts call the slot of the record that is meant."""


class ActStep(StepTemplate):
    """One action that carries an act out.

    Attributes:
        among: the records that it can be on; None for the customer's account.
        takes: slots that fill its arguments. needs: arguments without which it cannot be called.
        does: slots that it settles in any case.
    """

    among: ObjectSlot | None = None
    takes: frozenset[str] = frozenset()
    needs: frozenset[str] = frozenset()
    does: Mapping[str, str] = Field(default_factory=dict[str, str])


class ActPlaybook(Playbook):
    """An act with the actions that carry it out here; without any it is only understood."""

    steps: tuple[StepTemplate, ...] = ()
    variants: tuple[ActStep, ...] = ()

    @property
    def on_account(self) -> bool:
        """Whether an action here is on the customer's account."""
        return any(one.among is None for one in self.variants)

    def steps_on(self, thing: Thing | None) -> Sequence[ActStep]:
        """What can be done with a record, the fittest first; with none, on the account."""
        if thing is None:
            return [one for one in self.variants if one.among is None]
        return [
            one for one in self.variants if one.among is not None and is_usable(thing, one.among)
        ]


def playbooks_of(acts: Iterable[Act], actions: Sequence[Action]) -> list[Playbook]:
    """A playbook for each act.

    Args:
        actions: what is connected.
    """
    return [_playbook(act, [one for one in actions if _carries_out(one, act)]) for act in acts]


def _carries_out(action: Action, act: Act) -> bool:
    return action.act is not None and action.act.name == act.name


def _playbook(act: Act, actions: Sequence[Action]) -> Playbook:
    slots: dict[str, Slot] = {}
    uses = [(one, one.act) for one in actions if one.act is not None]
    objects = [_object(action, use) for action, use in uses if use.on != ACCOUNT]
    name = _object_name(uses)
    if objects:
        slots[name] = objects[0].model_copy(update={"others": tuple(objects[1:])})
    for other, slot in act.slots.items():
        slots[other] = _slot(slot, name if objects else None)
    variants = tuple(_step(act, action, use, name) for action, use in uses)
    return ActPlaybook(
        version=2,
        name=act.name,
        summary=act.summary,
        slots=slots,
        steps=variants,
        variants=variants,
        words=act.words,
        covered_by=act.covered_by,
        yields_to=act.yields_to,
    )


def _object_name(uses: Sequence[tuple[Action, ActUse]]) -> str:
    """What the slot of the record is called: like the argument, where one action has one."""
    names = {name for _, use in uses for name, slot in use.fills.items() if slot == OBJECT}
    return names.pop() if len(names) == 1 else OBJECT


def _object(action: Action, use: ActUse) -> ObjectSlot:
    return ObjectSlot(
        type="object",
        kind=use.on,
        needs=use.needs,
        status=use.status,
        duplicates_within_h=use.duplicates_within_h,
        connector=use.listed_by or action.connector,
    )


def _slot(slot: Slot, name: str | None) -> Slot:
    if isinstance(slot, MoneySlot) and slot.of is not None:
        return slot.model_copy(update={"of": name})
    return slot


def _step(act: Act, action: Action, use: ActUse, name_of_object: str) -> ActStep:
    known = {OBJECT, *act.slots}
    args: dict[str, TomlValue] = dict(use.fixed)
    takes: set[str] = set()
    needs: set[str] = set()
    for name, filled in use.fills.items():
        slot = filled.partition(".")[0]
        if slot not in known:
            continue
        args[name] = f"{{{name_of_object if filled == OBJECT else filled}}}"
        takes.add(slot)
        if action.args.model_fields[name].is_required():
            needs.add(name)
    return ActStep(
        action=action.name,
        args=args,
        reason=act.reason,
        among=None if use.on == ACCOUNT else _object(action, use),
        takes=frozenset(takes),
        needs=frozenset(needs),
        does=use.does,
    )


def steps_on(
    draft: ActDraft,
    book: Playbook,
    thing: Thing | None,
    values: Mapping[str, JsonValue],
    actions: frozenset[str],
) -> Sequence[StepTemplate]:
    """The steps to plan on a record, of actions that can take what was said.

    Raises:
        HandOverError: no action here is on such a record, or does what was said.
        UnclearError: something is missing that the action needs.
    """
    if not isinstance(book, ActPlaybook):
        return book.steps
    found = [one for one in book.steps_on(thing) if one.action in actions]
    step = next((one for one in found if _fits(draft, book, one, values)), next(iter(found), None))
    if step is None:
        raise HandOverError(f"nothing that is connected does `{book.name}` there")
    _check_said(draft, book, step, values)
    for name in step.needs:
        slot, part = slot_of(step.args[name]), part_of(step.args[name])
        value = part_said(values.get(slot or ""), part)
        if slot is not None and value is None:
            raise UnclearError(draft.act, slot, (), f"{slot} is not said, or not all of it")
    for name, words in book.slots_of(WordsSlot):
        if words.required and name in step.takes and values.get(name) is None:
            raise UnclearError(draft.act, name, (), f"{name} is not said")
    return [step]


def _check_said(
    draft: ActDraft, book: Playbook, step: ActStep, values: Mapping[str, JsonValue]
) -> None:
    """Nothing that was said is left out: an amount where the action takes none, another time."""
    for slot in _left_out(draft, book, step, values):
        raise HandOverError(f"what is said of `{slot}` is nothing that `{step.action}` takes")


def _fits(draft: ActDraft, book: Playbook, step: ActStep, values: Mapping[str, JsonValue]) -> bool:
    return next(_left_out(draft, book, step, values), None) is None


def _left_out(
    draft: ActDraft, book: Playbook, step: ActStep, values: Mapping[str, JsonValue]
) -> Iterator[str]:
    soft = {name for name, slot in book.choice_slots() if slot.soft}
    said = {*draft.choices, *draft.numbers, *draft.texts} - soft
    for kind, found in (
        (DateSlot, draft.dates),
        (OptionSlot, draft.options),
        (WordsSlot, draft.words),
        (ItemsSlot, draft.items or draft.quantities),
    ):
        said.update(name for name, _ in book.slots_of(kind) if found)
    if not draft.amount.silent:
        said.add("amount")
    for slot in sorted(said - step.takes):
        if slot in values and (slot not in step.does or values[slot] != step.does[slot]):
            yield slot


def unfilled(action: Action, acts: Mapping[str, Act]) -> str | None:
    """Why a customer's words cannot reach an action, or what of it they cannot be told.

    Returns:
        None where they can, or where its act is `none` and it says why.
    """
    use = action.act
    if use is None:
        return "it says neither which act it is nor that customers do not ask for it"
    if not use.is_asked:
        return None if use.because else '`act = "none"` says no reason in `because`'
    act = acts.get(use.name)
    if act is None:
        return f"there is no act `{use.name}`"
    known = {OBJECT, *act.slots}
    for name, info in action.args.model_fields.items():
        slot = use.fills.get(name, "").partition(".")[0]
        if info.is_required() and name not in use.fixed and slot not in known:
            return f"nothing that customers say fills `{name}`"
    for slot in use.does:
        if slot not in act.slots:
            return f"the act `{act.name}` has no slot `{slot}`"
    return None
