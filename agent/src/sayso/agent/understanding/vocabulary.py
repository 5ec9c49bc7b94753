"""Acts and the actions of a workspace put together: a playbook for each act that can be asked for.

The words are the act's; which records can be meant, and what is called then, are the actions' own.
Where several actions carry out one act, the record that is meant decides.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from pydantic import Field

from sayso.actions.model.act import ACCOUNT, ActUse
from sayso.actions.model.definition import Action
from sayso.agent.understanding.act_file import Act
from sayso.agent.understanding.base import HandOverError, UnclearError
from sayso.agent.understanding.drafts import ActDraft
from sayso.agent.understanding.playbook import (
    MoneySlot,
    ObjectSlot,
    Playbook,
    Slot,
    StepTemplate,
    TomlValue,
    part_of,
    slot_of,
)
from sayso.agent.understanding.records import Thing
from sayso.json import JsonValue

OBJECT = "object"
"""What acts call the slot of the record that is meant."""


class ActStep(StepTemplate):
    """One action that carries an act out.

    Attributes:
        on: the kind of record that it is on; empty for the customer's account.
        connector: whose records.
        takes: slots that fill its arguments. needs: arguments without which it cannot be called.
        does: slots that it settles in any case.
    """

    on: str = ""
    connector: str = ""
    takes: frozenset[str] = frozenset()
    needs: frozenset[str] = frozenset()
    does: Mapping[str, str] = Field(default_factory=dict[str, str])


class ActPlaybook(Playbook):
    """An act with the actions that carry it out here; without any it is only understood."""

    steps: tuple[StepTemplate, ...] = ()
    variants: tuple[ActStep, ...] = ()

    def steps_for(self, kind: str | None, connector: str) -> Sequence[StepTemplate]:
        """The one step to plan on a record of that kind."""
        fitting = [
            one
            for one in self.variants
            if one.on == (kind or "") and connector in ("", one.connector)
        ]
        return fitting[:1]


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
    found = [_object(one.connector, one.act) for one in actions if one.act is not None]
    objects = [one for one in found if one is not None]
    if objects:
        slots[OBJECT] = objects[0].model_copy(update={"others": tuple(objects[1:])})
    for name, slot in act.slots.items():
        slots[name] = _slot(slot, has_object=bool(objects))
    variants = tuple(_step(act, one, one.act) for one in actions if one.act is not None)
    return ActPlaybook(
        version=2,
        name=act.name,
        summary=act.summary,
        slots=slots,
        steps=variants,
        variants=variants,
        words=act.words,
        covered_by=act.covered_by,
    )


def _object(connector: str, use: ActUse) -> ObjectSlot | None:
    if use.on == ACCOUNT:
        return None
    return ObjectSlot(
        type="object",
        kind=use.on,
        needs=use.needs,
        status=use.status,
        duplicates_within_h=use.duplicates_within_h,
        connector=connector,
    )


def _slot(slot: Slot, *, has_object: bool) -> Slot:
    if isinstance(slot, MoneySlot) and slot.of is not None and not has_object:
        return slot.model_copy(update={"of": None})
    return slot


def _step(act: Act, action: Action, use: ActUse) -> ActStep:
    known = {OBJECT, *act.slots}
    args: dict[str, TomlValue] = dict(use.fixed)
    takes: set[str] = set()
    needs: set[str] = set()
    for name, filled in use.fills.items():
        slot = filled.partition(".")[0]
        if slot not in known:
            continue
        args[name] = f"{{{filled}}}"
        takes.add(slot)
        if action.args.model_fields[name].is_required():
            needs.add(name)
    return ActStep(
        action=action.name,
        args=args,
        reason=act.reason,
        on="" if use.on == ACCOUNT else use.on,
        connector=action.connector,
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
    kind = None if thing is None else thing.kind
    found = book.steps_for(kind, "" if thing is None else thing.record.connector)
    step = next((one for one in found if one.action in actions), None)
    if not isinstance(step, ActStep):
        raise HandOverError(f"nothing that is connected does `{book.name}` there")
    _check_said(draft, step, values)
    for name in step.needs:
        slot, part = slot_of(step.args[name]), part_of(step.args[name])
        value = values.get(slot or "")
        if part:
            value = value.get(part) if isinstance(value, Mapping) else None
        if slot is not None and value is None:
            raise UnclearError(draft.act, slot, (), f"{slot} is not said, or not all of it")
    return [step]


def _check_said(draft: ActDraft, step: ActStep, values: Mapping[str, JsonValue]) -> None:
    """Nothing that was said is left out: an amount where the action takes none, another time."""
    amount = draft.amount
    said = {*draft.choices, *draft.numbers, *draft.texts}
    if not amount.silent and "amount" in values:
        said.add("amount")
    for slot in sorted(said - step.takes):
        if slot not in step.does or values.get(slot) != step.does[slot]:
            raise HandOverError(f"what is said of `{slot}` is nothing that `{step.action}` takes")


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
