"""Turns one ask into steps: its slots filled, its templates written out."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from sayso.actions.model.plan import Step
from sayso.actions.model.snapshot import Record
from sayso.agent.base import Handles
from sayso.agent.playbooks.file import (
    ChoiceSlot,
    FlagSlot,
    MoneySlot,
    ObjectSlot,
    Playbook,
    StepTemplate,
    TomlValue,
    slot_of,
)
from sayso.agent.playbooks.slots import (
    Trouble,
    find_choice,
    find_money,
    find_objects,
    names_a_part,
    unexplained_amount,
)
from sayso.agent.playbooks.words import unknown_word
from sayso.json import JsonValue
from sayso.money import Money

Value: TypeAlias = "JsonValue | Money"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One thing the customer asks for: the playbook, its own words, and the context around them."""

    playbook: Playbook
    text: str
    context: str
    alone: bool = True
    """Whether nothing else is asked for, so that an unnamed object can only be the one there is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Filled:
    values: Mapping[str, Value]
    flags: frozenset[str]


def steps_for(
    ask: Ask, handles: Handles, known: set[str], asked: set[str], *, first: int
) -> list[Step] | Trouble:
    """The steps of one ask, once per object that it names.

    Args:
        known: actions that are connected.
        asked: actions that some ask of the message plans in any case.
        first: number of the first step.
    """
    templates = ask.playbook.steps
    missing = [t.action for t in templates if t.action not in known and not t.optional]
    if missing:
        return Trouble(reason=f"the action `{missing[0]}` is not connected")
    rounds = _fill(ask, handles)
    if isinstance(rounds, Trouble):
        return rounds
    steps: list[Step] = []
    for filled in rounds:
        names: dict[int, str] = {}
        for place, template in enumerate(templates, 1):
            if not _wanted(template, filled, known, asked):
                continue
            names[place] = f"s{first + len(steps)}"
            steps.append(_step(template, names, place, filled))
    return steps or Trouble(reason=f"the playbook `{ask.playbook.name}` has no step for this")


def _wanted(template: StepTemplate, filled: _Filled, known: set[str], asked: set[str]) -> bool:
    """Whether the step is planned: an extra is left out where it is asked for in so many words."""
    if template.optional and (template.action not in known or template.action in asked):
        return False
    return template.only_if is None or template.only_if in filled.flags


def _step(template: StepTemplate, names: Mapping[int, str], place: int, filled: _Filled) -> Step:
    args = {name: _argument(value, filled.values) for name, value in template.args.items()}
    return Step(
        id=names[place],
        action=template.action,
        args={name: value for name, value in args.items() if value is not None},
        after=tuple(names[other] for other in template.after if other in names),
        reason=template.reason,
    )


def _argument(value: TomlValue, values: Mapping[str, Value]) -> JsonValue:
    name = slot_of(value)
    if name is None:
        return value
    found = values.get(name)
    return found.to_json() if isinstance(found, Money) else found


def _fill(ask: Ask, handles: Handles) -> list[_Filled] | Trouble:
    """The slots' values, once per object that the words name."""
    whole = f"{ask.text}. {ask.context}"
    flags = frozenset(
        name
        for name, slot in ask.playbook.slots.items()
        if isinstance(slot, FlagSlot)
        and any(re.search(pattern, whole, re.IGNORECASE) for pattern in slot.patterns)
    )
    objects: dict[str, tuple[str, ...]] = {}
    for name, slot in ask.playbook.slots.items():
        if isinstance(slot, ObjectSlot):
            found = find_objects(
                slot, ask.text, ask.context, handles.records, may_guess=_may_guess(slot, ask)
            )
            if isinstance(found, Trouble):
                return found
            objects[name] = found
    meant = [handles.records[name] for found in objects.values() for name in found]
    unexplained = _unexplained(ask, meant, handles)
    if unexplained is not None:
        return unexplained
    many = [name for name, found in objects.items() if len(found) > 1]
    if len(many) > 1 or (many and len(objects) > 1):
        return Trouble(reason="the message names several objects of several kinds")
    count = len(objects[many[0]]) if many else 1
    rounds: list[_Filled] = []
    for index in range(count):
        chosen = {name: found[min(index, len(found) - 1)] for name, found in objects.items()}
        values = _values(ask, chosen, handles, alone=count == 1)
        if isinstance(values, Trouble):
            return values
        rounds.append(_Filled(values=values, flags=flags))
    return rounds


def _may_guess(slot: ObjectSlot, ask: Ask) -> bool:
    """Whether an object may stay unnamed: not where the words speak of something else as well.

    `Cancel my subscription and refund me` does not ask for the money of the newest order.
    """
    told = any(re.search(pattern, ask.context, re.IGNORECASE) for pattern in ask.playbook.never)
    return not told and (ask.alone or slot.needs is None)


def _unexplained(ask: Ask, records: Sequence[Record], handles: Handles) -> Trouble | None:
    word = unknown_word(ask.playbook, ask.text, records, handles.records)
    if word is not None:
        return Trouble(reason=f"the word `{word[:40]}` may change what is asked for")
    whole = f"{ask.text}. {ask.context}"
    if any(names_a_part(whole, record) for record in records):
        return Trouble(reason="a part of what was bought is spoken of")
    if any(isinstance(slot, MoneySlot) for slot in ask.playbook.slots.values()):
        return None
    amount = unexplained_amount(ask.text, records)
    return None if amount is None else Trouble(reason=f"it is not clear what `{amount}` means")


def _values(
    ask: Ask, chosen: Mapping[str, str], handles: Handles, *, alone: bool
) -> dict[str, Value] | Trouble:
    values: dict[str, Value] = dict(chosen)
    for name, slot in ask.playbook.slots.items():
        if isinstance(slot, ChoiceSlot):
            found: Value | Trouble = find_choice(slot, ask.text, ask.context)
        elif isinstance(slot, MoneySlot):
            record = handles.records[chosen[slot.of]] if slot.of is not None else None
            found = find_money(slot, ask.text, ask.context, record, handles.records)
            if isinstance(found, Money) and not alone:
                return Trouble(reason="an amount is named together with several objects")
        else:
            continue
        if isinstance(found, Trouble):
            return found
        values[name] = found
    return values
