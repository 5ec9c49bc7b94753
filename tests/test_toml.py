"""Files that people write: whatever reads them, a mistake has its line and says what to write."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field

from sayso.actions.limits.file import read_limits
from sayso.actions.limits.rates import read_rates
from sayso.actions.policy.tables.file import read_table as read_rules
from sayso.actions.rollout.file import read_rollout
from sayso.agent.understanding.pack import read_pack
from sayso.agent.understanding.playbook import read_playbook
from sayso.connectors.manifest.source import read_source
from sayso.errors import ConfigError
from sayso.toml import TomlMistakeError, check_as, line_of, line_of_row, read_as, read_table

BROKEN = "# one\n# two\nthree = = 3\n"


class _Cat(BaseModel):
    model_config = ConfigDict(extra="forbid")

    type: Literal["cat"]
    lives: int = 9


class _Dog(BaseModel):
    model_config = ConfigDict(extra="forbid")

    type: Literal["dog"]
    barks: bool


class _House(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str
    pets: list[_Cat | _Dog] = Field(default_factory=list["_Cat | _Dog"])
    by_name: dict[str, _Cat] = Field(default_factory=dict[str, _Cat])


@pytest.mark.parametrize(
    ("text", "problem", "step", "line"),
    [
        ('name = "a"\nnmae = 1\n', "`nmae`: there is no key `nmae`", "did you mean `name`?", 2),
        (
            'name = "a"\n\n[by_name.tom]\ntype = "cat"\nlifes = 7\n',
            "`by_name.tom.lifes`: there is no key `lifes`",
            "did you mean `lives`?",
            5,
        ),
        ("[by_name]\n", "`name`: `name` is missing", "add `name`", None),
        (
            'name = "a"\n[by_name.tom]\ntype = "cat"\nlives = []\n',
            "`by_name.tom.lives`: Input should be a valid integer",
            "correct `by_name.tom.lives`",
            4,
        ),
    ],
)
def test_a_mistake_has_its_place_line_and_next_step(
    text: str, problem: str, step: str, line: int | None
) -> None:
    """An unknown key, a missing one, a value of another kind; in tables, in unions."""
    with pytest.raises(TomlMistakeError) as caught:
        read_as(_House, text)
    assert (str(caught.value), caught.value.next_step) == (problem, step)
    assert caught.value.line == line


def test_an_unknown_key_is_told_before_what_is_missing_because_of_it() -> None:
    """Who misspelt a key reads of that one, and that there is more."""
    with pytest.raises(TomlMistakeError, match="there is no key `nam`") as caught:
        check_as(_House, {"nam": "a"})
    assert caught.value.next_step == "did you mean `name`?"
    assert "(and 1 more)" in str(caught.value)


def _limits(text: str) -> str:
    return str(read_limits("f.toml", text, (), ())[1][0])


def _rules(text: str) -> str:
    return str(read_rules("f.toml", text, (), ())[1][0])


def _rollout(text: str) -> str:
    return str(read_rollout("f.toml", text, (), ())[1][0])


def _rates(text: str) -> str:
    return str(read_rates("f.toml", text)[1][0])


def _pack(text: str) -> str:
    return _refused(lambda: read_pack(text, source="f.toml"))


def _playbook(text: str) -> str:
    return _refused(lambda: read_playbook(text, source="f.toml"))


def _manifest(text: str) -> str:
    return _refused(lambda: read_source(text.encode(), "f.toml"))


def _refused(read: Callable[[], object]) -> str:
    with pytest.raises(ConfigError) as caught:
        read()
    return str(caught.value)


@pytest.mark.parametrize(
    "read",
    [_limits, _rules, _rollout, _rates, _pack, _playbook, _manifest],
    ids=lambda one: one.__name__,
)
def test_what_is_no_toml_is_told_with_its_line_by_every_reader(read: Callable[[str], str]) -> None:
    """Limits, tables, dials, rates, languages, playbooks and manifests alike."""
    told = read(BROKEN)
    assert "f.toml" in told
    assert "line 3" in told
    assert "it is no TOML" in told


def test_bytes_that_are_no_text_are_no_toml() -> None:
    """A file in another encoding ends in a sentence, not in a traceback."""
    with pytest.raises(TomlMistakeError, match="it is no TOML"):
        read_table(b"name = '\xff'")


def test_lines_are_found_by_headers_keys_and_ids() -> None:
    """Dotted and quoted keys, tables in tables, and a word in a row."""
    text = 'a = 1\n[b."c d"]\ne.f = 2\n\n[[row]]\nid = "x"\n[[row]]\nid = "y"\nsay = "word"\n'
    assert line_of(text, ("b", "c d", "e", "f")) == 3
    assert line_of(text, ("b", "c d", "zz")) == 2
    assert line_of(text, ("nothing",)) is None
    assert line_of_row(text, "y") == 8
    assert line_of_row(text, "y", "word") == 9
    assert line_of_row(text, "nobody") == 1
