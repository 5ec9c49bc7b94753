"""Rows as what they hold: a dataclass says each column once, and rows are read as it says."""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from enum import Enum
from functools import cached_property
from operator import itemgetter
from typing import Any, Generic, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from sayso.nesting import read_json
from sayso.store.base import Row, text_or_none

T = TypeVar("T")

_MOST_KINDS = 1000
"""So many patterns of nulls are remembered; a table has a few dozen."""


def made_from(column: str, make: Callable[[str], object]) -> Callable[[Row], object]:
    """Reads a column that holds a text of its own form, or null."""

    def read(row: Row) -> object:
        stored = text_or_none(row, column)
        return None if stored is None else make(stored)

    return read


class RowReader(Generic[T]):
    """Reads rows as a dataclass: each field from the column of its name, as its type says.

    Texts, whole numbers, bytes, the words of an `Enum` or a `Literal`, each of them or null; a
    `Mapping` and a `tuple` of texts stand in their column as JSON. A column that holds something
    else is a fault of whoever wrote it, and an `AssertionError` with its name.

    Args:
        cls: the dataclass.
        others: fields that are read otherwise: by a function of the row, or from another column.
    """

    def __init__(self, cls: type[T], **others: str | Callable[[Row], object]) -> None:
        assert is_dataclass(cls)
        assert others.keys() <= {one.name for one in fields(cls)}
        self._cls = cls
        self._renamed = {name: one for name, one in others.items() if isinstance(one, str)}
        self._others = {name: one for name, one in others.items() if not isinstance(one, str)}
        self._kinds = set[tuple[type, ...]]()

    def __call__(self, row: Row) -> T:
        """The typed form of a stored row."""
        plan = self._plan
        values = plan.get(row)
        kinds = tuple(map(type, values))
        if kinds not in self._kinds:
            self._check(values, kinds)
        made = dict(zip(plan.names, values, strict=True))
        for name, make in plan.makes:
            if (stored := made[name]) is not None:
                made[name] = make(stored)
        for name, read in self._others.items():
            made[name] = read(row)
        return self._cls(**made)

    def _check(self, values: tuple[object, ...], kinds: tuple[type, ...]) -> None:
        for name, value, allowed in zip(self._plan.names, values, self._plan.allowed, strict=True):
            assert isinstance(value, allowed), self._renamed.get(name, name)
        if len(self._kinds) < _MOST_KINDS:
            self._kinds.add(kinds)

    @cached_property
    def _plan(self) -> _Plan:
        # Only of what is read by its type: others may name what is there for type checkers alone.
        told = {one.name: one.type for one in fields(cast("Any", self._cls))}
        typed = {name: kind for name, kind in told.items() if name not in self._others}
        stand_in = type(
            "_Typed", (), {"__annotations__": typed, "__module__": self._cls.__module__}
        )
        plan = _Plan(names=tuple(typed))
        for name, hint in get_type_hints(stand_in).items():
            inner, is_nullable = _without_none(hint)
            stored, make = _stored_as(inner)
            plan.allowed.append((stored, types.NoneType) if is_nullable else (stored,))
            if make is not None:
                plan.makes.append((name, make))
        # `itemgetter` of one column alone would give no tuple.
        assert len(plan.names) > 1
        plan.get = itemgetter(*(self._renamed.get(name, name) for name in plan.names))
        return plan


@dataclass(slots=True, kw_only=True)
class _Plan:
    """How a dataclass is read: made once, when its first row is.

    Attributes:
        allowed: what each column may hold. makes: what becomes of the texts that are no plain text.
    """

    names: tuple[str, ...]
    allowed: list[tuple[type, ...]] = field(default_factory=list[tuple[type, ...]])
    makes: list[tuple[str, Callable[[Any], object]]] = field(
        default_factory=list[tuple[str, Callable[[Any], object]]]
    )
    get: Callable[[Row], tuple[object, ...]] = tuple


def _without_none(hint: object) -> tuple[object, bool]:
    if get_origin(hint) not in (Union, types.UnionType):
        return hint, False
    inner = [one for one in get_args(hint) if one is not types.NoneType]
    assert len(inner) == 1, f"{hint} is no column's type; say how it is read"
    return inner[0], True


def _stored_as(hint: object) -> tuple[type, Callable[[Any], object] | None]:
    """What stands in the column, and what is made of it; None where it is taken as it is."""
    kind = getattr(hint, "__supertype__", hint)  # of a `NewType`
    origin = get_origin(hint)
    if kind is int or kind is bytes:
        return cast("type", kind), None
    if kind is str or origin is Literal:
        return str, None
    if isinstance(kind, type) and issubclass(kind, Enum):
        return str, kind
    if origin is tuple:
        return str, lambda stored: tuple(read_json(stored))
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return str, read_json
    raise AssertionError(f"{hint} is no column's type; say how it is read")
