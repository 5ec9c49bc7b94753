"""Frozen values are made and changed as by `dataclasses`, at a fraction of its price."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest

from sayso.audit.entry import Actor, ActorKind, Entry, EntryKind
from sayso.errors import RefusedError
from sayso.frozen import quickly_made, replace

ENTRY = Entry(
    kind=EntryKind.ACTION_PENDING,
    actor=Actor(kind=ActorKind.SERVICE, id="bot"),
    subject="sub_x",
    data={"revision": 1},
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sum:
    """With a field that follows from others, and one without."""

    one: int
    other: int = 2
    words: list[str] = field(default_factory=list[str], compare=False)
    total: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "total", self.one + self.other)


@pytest.mark.parametrize(
    ("value", "changes"),
    [
        (ENTRY, {"status": "approved", "data": {}, "subject": None}),
        (ENTRY, {}),
        (Sum(one=1, words=["a"]), {"other": 5}),
    ],
)
def test_a_changed_value_is_the_one_that_pythons_own_replace_makes(
    value: Any, changes: dict[str, object]
) -> None:
    """Each field is the same, and the value that it is made of stays as it was."""
    before = dataclasses.replace(value)
    changed = replace(value, **changes)
    assert changed == dataclasses.replace(value, **changes)
    assert type(changed) is type(value)
    assert value == before


def test_a_changed_value_is_checked_as_a_new_one() -> None:
    """What its `__post_init__` refuses or computes, it refuses and computes of a changed one."""
    assert replace(Sum(one=1), one=7).total == 9
    with pytest.raises(RefusedError):
        replace(ENTRY, digest="none")


def test_a_field_that_there_is_not_is_refused() -> None:
    """A typing error is found at once, also where no type checker looks."""
    wrong: Any = partial(replace, ENTRY, colour="red", status="approved")
    with pytest.raises(TypeError, match="Entry has no colour"):
        wrong()


def _made(decorate: Callable[[type], type]) -> Any:
    @decorate
    @dataclass(frozen=True, slots=True, kw_only=True)
    class Named:
        kind: str
        name: str | None = "none"
        words: list[str] = field(default_factory=list[str])

        def __post_init__(self) -> None:
            if not self.kind:
                raise ValueError("no kind")

    return Named


@pytest.mark.parametrize(
    "given",
    [{"kind": "a"}, {"kind": "a", "name": None, "words": ["b"]}, {"kind": ""}, {}, {"x": 1}],
)
def test_what_is_quickly_made_is_what_a_dataclass_makes(given: dict[str, Any]) -> None:
    """Of the same arguments the same value, or the same words that refuse them."""
    seen: list[object] = []
    for kind in (_made(lambda one: one), _made(quickly_made)):
        try:
            value = kind(**given)
        except (TypeError, ValueError) as error:
            seen.append(str(error))
        else:
            assert type(value) is kind
            assert value.words is not kind(kind="a").words
            with pytest.raises(dataclasses.FrozenInstanceError):
                value.kind = "b"
            seen.append(dataclasses.astuple(value))
    assert seen[0] == seen[1]
