"""Which refusals everybody still reads in English: a list that only gets shorter."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from sayso.sdk.localization.listed.every import SENTENCES

ROOT = Path(__file__).parents[2]
STILL_ENGLISH = Path(__file__).with_name("english_refusals.txt")
REACHED = (
    "sayso/surfaces/console",
    "sayso/sdk/resources",
    "sayso/sdk/desk",
    *(f"sayso/sdk/audit/{name}.py" for name in ("cases", "case_words", "questions", "repairs")),
    *(f"actions/src/sayso/actions/{name}" for name in ("approvals", "controls", "engine")),
    *(f"agent/src/sayso/agent/{name}.py" for name in ("draft_proposal", "people_question")),
    *(f"audit/src/sayso/audit/{name}" for name in ("queries", "questions/answer.py")),
)
"""Where an error is made that a form or an address of the console can end in."""


def said_in(tree: ast.AST) -> Iterator[str]:
    """Each sentence of an error, with `{}` for a value: whatever a `raise` says."""
    for one in ast.walk(tree):
        if isinstance(one, ast.Raise) and one.exc is not None:
            yield from _texts(one.exc)


def _texts(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Constant(value=str(text)):
            yield text
        case ast.JoinedStr(values=values):
            yield "".join(
                str(value.value) if isinstance(value, ast.Constant) else "{}" for value in values
            )
        case ast.keyword(arg="detail"):
            return
        case _:
            for inner in ast.iter_child_nodes(node):
                yield from _texts(inner)


def refusals() -> set[str]:
    """All of them; a word alone is a code or a name."""
    files = [
        file
        for place in REACHED
        for file in ([ROOT / place] if place.endswith(".py") else (ROOT / place).rglob("*.py"))
    ]
    trees = (ast.parse(file.read_text(encoding="utf-8")) for file in files)
    return {text for tree in trees for text in said_in(tree) if " " in text.strip(" ,;:.")}


@pytest.mark.promise("console:languages")
def test_a_refusal_that_a_person_meets_is_said_in_each_language() -> None:
    """What is listed is translated; what isn't yet stands in a file, to which nothing is added.

    To say a new one in each language, put it into `sdk/localization/listed/refusal.py` with its
    values by name, run `python tests/catalogs.py`, and translate it.
    """
    listed = {re.sub(r"\{[a-z_]+\d*\}", "{}", one) for one in SENTENCES}
    still = set(STILL_ENGLISH.read_text(encoding="utf-8").splitlines())
    found = {" ".join(one.split()) for one in refusals() if one not in listed}
    assert found - still == set(), "list these, and translate them"
    assert still - found == set(), "these are said no more, or translated: take them out"
