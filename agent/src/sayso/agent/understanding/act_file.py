"""The form of an act: what customers want, its slots, and its words, tied to no connector.

docs/how-to/add-an-act.md has the table of fields. An action of any connector says which act it
is (`sayso.actions.model.act.ActUse`); `vocabulary` puts the two together.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from importlib import resources
from typing import Annotated, Literal

from pydantic import Field, model_validator

from sayso.actions.model.customer_words import CustomerWords
from sayso.agent.understanding.pack import Closed
from sayso.agent.understanding.playbook import (
    ChoiceSlot,
    Language,
    Name,
    PlaybookWords,
    Slot,
    read_form,
)


class ActWords(PlaybookWords):
    """How customers ask for it in one language.

    Attributes:
        first: the plainest sentence that asks for it, with its slots in braces: `Please cancel
            {object}.` A test writes it for every shipped action.
        first_on_account: the same of an action that is on the customer's account.
    """

    first: Annotated[str, Field(min_length=1, max_length=200)]
    first_on_account: Annotated[str, Field(max_length=200)] = ""


class ActSays(Closed):
    """How it is called towards the customer in one language; see `CustomerWords`.

    Attributes:
        values: labels of the values that a choice slot can have.
    """

    thing: Annotated[str, Field(min_length=1, max_length=200)]
    done: Annotated[str, Field(min_length=1, max_length=200)]
    note: Annotated[str, Field(max_length=200)] = ""
    values: Mapping[str, str] = Field(default_factory=dict[str, str])


class Act(Closed):
    """What customers want, whoever carries it out.

    Attributes:
        name: such as `cancel_order`.
        reason: why a step is planned, for the team.
        covered_by: acts that mean this one as well: where nothing here carries it out and one of
            them is asked for, it is not missed.
        yields_to: acts beside which a weak word for this one merely tells why: `I don't need it so
            often, skip one`.
        slots: what is said beside the object, which is `object` in `first`, `says` and `of`.
        words: how it is asked for, by language. says: how it is called, by language.
    """

    version: Literal[1]
    name: Name
    summary: Annotated[str, Field(min_length=1, max_length=300)]
    reason: Annotated[str, Field(min_length=1, max_length=200)]
    covered_by: tuple[Name, ...] = ()
    yields_to: tuple[Name, ...] = ()
    slots: Mapping[Name, Slot] = Field(default_factory=dict[str, Slot])
    words: Mapping[Language, ActWords]
    says: Mapping[Language, ActSays]

    @model_validator(mode="after")
    def _is_whole(self) -> Act:
        for language, words in self.words.items():
            if not (words.ask or words.open or words.weak):
                raise ValueError(f"`words.{language}` has no word in `ask`, `open` or `weak`")
        silent = sorted(self.words.keys() ^ self.says.keys())
        if silent:
            raise ValueError(f"`{silent[0]}` is in one of `words` and `says` alone")
        for slot in self.slots.values():
            if isinstance(slot, ChoiceSlot):
                self._labels(slot)
        return self

    def _labels(self, slot: ChoiceSlot) -> None:
        for language, says in self.says.items():
            unnamed = sorted(set(slot.choices) - set(says.values))
            if unnamed:
                raise ValueError(f"`says.{language}.values` does not name `{unnamed[0]}`")


def read_act(text: str, *, source: str) -> Act:
    """Read one act.

    Raises:
        ConfigError: `invalid_playbook`, with the place and what is wrong there.
    """
    return read_form(Act, text, source, "act")


@lru_cache(maxsize=1)
def read_shipped_acts() -> Mapping[str, Act]:
    """The acts that come with Sayso, by name, in the order of their files."""
    folder = resources.files("sayso.agent") / "acts"
    files = sorted((one for one in folder.iterdir() if one.name.endswith(".toml")), key=str)
    acts = (read_act(file.read_text("utf-8"), source=file.name) for file in files)
    return {act.name: act for act in acts}


def words_of_act(name: str, language: str) -> CustomerWords | None:
    """How an act is called towards the customer; None where it has no words in this language."""
    act = read_shipped_acts().get(name)
    says = None if act is None else act.says.get(language)
    if says is None:
        return None
    return CustomerWords(thing=says.thing, done=says.done, note=says.note, values=says.values)
