"""Reads the questions of questions.toml."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from sayso.errors import Code, RefusedError

_FILE = Path(__file__).with_name("questions.toml")


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedQuestion:
    """A question with a name.

    Attributes:
        name: as it is asked everywhere, such as `four-eyes`. title: the question in words.
        tells: what a row of its answer is. empty: what no row means, where the log is whole.
        sql: over the index.
    """

    name: str
    title: str
    tells: str
    empty: str
    sql: str


@cache
def questions() -> Mapping[str, NamedQuestion]:
    """All of them by name, in the order in which they are listed."""
    read = tomllib.loads(_FILE.read_text(encoding="utf-8"))
    found = [NamedQuestion(**one) for one in read["question"]]
    return {one.name: one for one in found}


def question_of(name: str) -> NamedQuestion:
    """The question with that name.

    Raises:
        RefusedError: `not_found`, with the nearest name.
    """
    known = questions()
    if name in known:
        return known[name]
    near = difflib.get_close_matches(name, known, 1)
    hint = f"did you mean `{near[0]}`?" if near else f"use one of {' '.join(known)}"
    raise RefusedError(Code.NOT_FOUND, f"`{name[:40]}` is no question with a name", next_step=hint)
