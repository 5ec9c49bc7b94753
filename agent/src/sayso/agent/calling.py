"""How an action is called towards the customer: its own words, its act's, and names for its object.

An action's definition may say it; else its act does, over the noun for the kind of record it is on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache

from sayso.actions.model.act import ActUse
from sayso.actions.model.customer_words import CustomerWords
from sayso.actions.model.definition import Action


def called(action: Action, language: str) -> CustomerWords | None:
    """How an action is called in a language; None where neither it nor its act says."""
    own, use = action.words.get(language), action.act
    if use is None or not use.is_asked:
        return own
    from sayso.agent.understanding.act_file import words_of_act  # with the first words

    found = words_of_act(use.name, language)
    if own is not None and found is not None:
        found = replace(found, thing=own.thing or found.thing, done=own.done or found.done)
        found = replace(found, note=own.note or found.note, values={**found.values, **own.values})
    found = found or own
    if found is None or not found.done:
        return None
    slots = _slots(use)
    for value in use.does.values():
        slots["choice"] = found.values.get(value, "")
    nouns = dict[str, str]() if own is not None else _nouns(use.on, language)
    return replace(found, nouns=nouns, slots=slots)


@lru_cache(maxsize=256)
def _nouns(kind: str, language: str) -> Mapping[str, str]:
    from sayso.agent.understanding.pack import read_shipped_packs  # with the first words

    for pack in read_shipped_packs():
        if pack.language == language and kind in pack.called:
            noun = pack.called[kind]
            return {"object": noun.object, "of_object": noun.of_object}
    return {}


_JOINTS = {"street": "", "zip": ", ", "city": " "}
"""How the parts of an address are joined; its country is on the card."""


def _slots(use: ActUse) -> dict[str, str]:
    """How a slot's value is shown, as a template over the action's arguments."""
    found: dict[str, str] = {}
    for name, text in use.fills.items():
        slot, _, part = text.partition(".")
        if slot in ("object", "amount") or (part and part not in _JOINTS):
            continue
        found[slot] = f"{found.get(slot, '')}[{_JOINTS.get(part, '')}{{{name}}}]"
    return found


def text_form(action: Action | None, slot: str) -> str | None:
    """The form of the customer's own words that a slot takes, such as `email`; None for none."""
    if action is None or action.act is None:
        return None
    from sayso.agent.understanding.act_file import read_shipped_acts  # with the first words
    from sayso.agent.understanding.playbook import DateSlot, OptionSlot, TextSlot

    act = read_shipped_acts().get(action.act.name)
    found = None if act is None else act.slots.get(slot)
    match found:
        case TextSlot():
            return found.form
        case DateSlot():
            return "date"
        case OptionSlot():
            return "option"
        case _:
            return None
