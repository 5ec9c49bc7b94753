"""Turns one ask into steps: its slots filled, its templates written out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from sayso.actions.plan import Step
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
from sayso.agent.playbooks.slots import Trouble, find_choice, find_money, find_objects
from sayso.json import JsonValue
from sayso.money import Money

Value: TypeAlias = "JsonValue | Money"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One thing the customer asks for: the playbook, its own words, and the context around them."""

    playbook: Playbook
    text: str
    context: str


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
            found = _objects_in(slot, ask, handles)
            if isinstance(found, Trouble):
                return found
            objects[name] = found
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


def _objects_in(slot: ObjectSlot, ask: Ask, handles: Handles) -> tuple[str, ...] | Trouble:
    """By the request's own words if they suffice, else with the sentences around it."""
    own = find_objects(slot, ask.text, handles.records)
    if not ask.context:
        return own
    wide = find_objects(slot, f"{ask.text}. {ask.context}", handles.records)
    return own if isinstance(wide, Trouble) and not isinstance(own, Trouble) else wide


def _values(
    ask: Ask, chosen: Mapping[str, str], handles: Handles, *, alone: bool
) -> dict[str, Value] | Trouble:
    values: dict[str, Value] = dict(chosen)
    whole = f"{ask.text}. {ask.context}"
    for name, slot in ask.playbook.slots.items():
        if isinstance(slot, ChoiceSlot):
            found: Value | Trouble = find_choice(slot, whole)
        elif isinstance(slot, MoneySlot):
            record = handles.records[chosen[slot.of]] if slot.of is not None else None
            found = find_money(slot, whole, record, handles.records)
            if isinstance(found, Money) and not alone:
                return Trouble(reason="an amount is named together with several objects")
        else:
            continue
        if isinstance(found, Trouble):
            return found
        values[name] = found
    return values
