"""What customers are told without anything being done: one TOML file a topic, by language.

A topic (`order`, `subscription`, `payment`) has the words that ask about it and a sentence for each
state that a record of it can be in; a connector says which state that is, and fills the values.
`request` asks about a message of theirs, of which nothing but the ledger tells.
`remarks` has small talk and questions in general, `replies` how what is told is put together;
`corrections` has how a message puts right what was asked before it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import lru_cache
from importlib import resources
from typing import TypeAlias

from pydantic import BaseModel, ConfigDict

ByLanguage: TypeAlias = Mapping[str, str]
Words: TypeAlias = Mapping[str, tuple[str, ...]]


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    version: int


class Topic(_Form):
    """What can be asked about, and what is told.

    Attributes:
        kinds: of records that it is usually about. open: the states of what still goes on.
        asks: patterns by language that ask in a question. names: those that ask by themselves.
        says: a sentence by state and language, without its end.
        also: by the name of a value, what is added where the record has it, in every state.
    """

    name: str
    kinds: tuple[str, ...]
    open: tuple[str, ...]
    asks: Words
    names: Words
    says: Mapping[str, ByLanguage]
    also: Mapping[str, ByLanguage] = {}


class Remarks(_Form):
    """What asks for nothing to be done, as patterns by language; see the file."""

    thanks: Words
    talk: Words
    praise: Words
    trouble: Words
    policy: Words
    permission: Words
    mine: Words


class Corrections(_Form):
    """How a message bears on what was asked before, as patterns by language; see the file."""

    meant: Words
    only: Words
    instead: Words
    also: Words
    excuse: Words


class Replies(_Form):
    """How what is told is put together; see the file."""

    says: Mapping[str, ByLanguage]
    dates: ByLanguage
    months: Words


TOPICS = ("order", "subscription", "payment", "request")


@lru_cache(maxsize=1)
def read_topics() -> Mapping[str, Topic]:
    """Every topic by its name."""
    return {name: Topic.model_validate(_read(name)) for name in TOPICS}


@lru_cache(maxsize=1)
def read_remarks() -> Remarks:
    """Small talk and questions in general."""
    return Remarks.model_validate(_read("remarks"))


@lru_cache(maxsize=1)
def read_corrections() -> Corrections:
    """How a message bears on what was asked before."""
    return Corrections.model_validate(_read("corrections"))


@lru_cache(maxsize=1)
def read_replies() -> Replies:
    """How what is told is put together."""
    return Replies.model_validate(_read("replies"))


def _read(name: str) -> dict[str, object]:
    file = resources.files("sayso.agent.answers") / f"{name}.toml"
    return tomllib.loads(file.read_text("utf-8"))
