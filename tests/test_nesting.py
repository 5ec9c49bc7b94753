"""Text that is nested very deep is refused with a clear error, wherever it comes in."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sayso.actions.limits.file import read_limits
from sayso.actions.limits.rates import read_rates
from sayso.actions.rollout.file import read_rollout
from sayso.agent.understanding.pack import read_pack
from sayso.agent.understanding.playbook import read_playbook
from sayso.audit.verifier.verification import Verdict
from sayso.audit.verify import verify
from sayso.connectors.manifest.source import read_source
from sayso.errors import SaysoError
from sayso.nesting import MOST_NESTED, is_deep, read_json, read_toml
from sayso.settings.document import read_settings

DEPTHS = (MOST_NESTED + 1, 300, 1_000, 30_000)


def lists(depth: int) -> str:
    """Lists in each other."""
    return "[" * depth + "]" * depth


def tables(depth: int) -> str:
    """Objects in each other."""
    return '{"a":' * depth + "1" + "}" * depth


def toml_of(depth: int) -> list[str]:
    """The ways to nest in TOML."""
    return [
        f"a = {lists(depth)}",
        "a = " + "{ a = " * depth + "1" + " }" * depth,
        "a" + ".a" * depth + " = 1",
        "[a" + ".a" * depth + "]",
        "[[a" + ".a" * depth + "]]",
        "a = 1\n  b" + ' . "b"' * depth + " = 1",
    ]


@pytest.mark.promise("input:nesting")
@pytest.mark.parametrize("depth", DEPTHS)
def test_toml_that_is_nested_deep_is_no_toml(depth: int) -> None:
    """Neither a `RecursionError`, nor all of the memory for one dotted key."""
    for text in toml_of(depth):
        with pytest.raises(tomllib.TOMLDecodeError, match="nested deeper than"):
            read_toml(text)


@pytest.mark.promise("input:nesting")
@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("text", [lists, tables])
def test_json_that_is_nested_deep_is_no_json(text: Callable[[int], str], depth: int) -> None:
    """Also where the reader would take it, and what walks through it would not."""
    with pytest.raises(ValueError, match="nested deeper than"):
        read_json(text(depth))


@given(
    st.recursive(
        st.none() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_what_is_not_deep_is_read_as_it_is(value: object) -> None:
    """The bound takes nothing from ordinary texts."""
    assert not is_deep(value)


def test_the_bound_is_exact() -> None:
    """So many are read, one more is not."""
    assert not is_deep(read_json(lists(MOST_NESTED)))
    assert set(read_toml(f"a = {lists(MOST_NESTED - 1)}")) == {"a"}
    with pytest.raises(ValueError, match="nested deeper"):
        read_json(lists(MOST_NESTED + 1))


@pytest.mark.promise("input:nesting")
@pytest.mark.parametrize("text", toml_of(2_000), ids=range(6))
def test_every_file_that_is_nested_deep_is_refused_with_its_place(
    text: str, tmp_path: Path
) -> None:
    """Limits, rates, dials, a playbook, a language, a manifest and the settings."""
    problems = [
        *read_limits("limits.toml", text, [], [])[1],
        *read_rates("rates.toml", text)[1],
        *read_rollout("rollout.toml", text, [], [])[1],
    ]
    assert len(problems) == 3
    assert all("nested deeper" in str(one) for one in problems)
    path = tmp_path / "sayso.toml"
    path.write_text(text)
    for read in (
        lambda: read_pack(text, source="en.toml"),
        lambda: read_playbook(text, source="shop.toml"),
        lambda: read_source(text.encode(), "shop.toml"),
        lambda: read_settings(path),
    ):
        with pytest.raises(SaysoError, match="nested deeper"):
            read()


@pytest.mark.promise("input:nesting")
@pytest.mark.parametrize("depth", [100, 1_000, 100_000])
@pytest.mark.parametrize("name", ["events.jsonl", "entries.jsonl", "checkpoint", "a.db"])
def test_a_file_to_verify_that_is_nested_deep_is_told_of(
    name: str, depth: int, tmp_path: Path
) -> None:
    """Whoever sends an auditor a hostile file gets a verdict, and breaks nothing."""
    line = '{"specversion":"1.0","data":' + '{"a":' * depth + "1" + "}" * depth + "}\n"
    path = tmp_path / name
    path.write_text(line * 2)
    for hostile in (path, tmp_path):
        with suppress(SaysoError):
            assert verify(hostile, deep=True).verdict is not Verdict.VERIFIED
