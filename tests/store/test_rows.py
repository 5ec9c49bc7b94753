"""Rows read as a dataclass says: each column once, and nothing else than it says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, NewType

import orjson
import pytest

from sayso.store.base import Row, SqlValue
from sayso.store.rows import RowReader, made_from

Shop = NewType("Shop", str)


class _Size(StrEnum):
    SMALL = "small"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parcel:
    shop: Shop
    size: _Size
    weight: int
    way: Literal["up", "down"]
    seal: bytes
    stops: tuple[str, ...]
    notes: Mapping[str, str] | None
    seen_at: int | None
    due: str = "never"
    raw: Row | None = field(default=None, compare=False)


_ROW: dict[str, SqlValue] = {
    "shop": "a",
    "size": "small",
    "weight": 3,
    "way": "up",
    "seal": b"x",
    "stops": '["b","c"]',
    "notes": None,
    "seen_at": 4,
    "due_at": "2",
    "more": "is not read",
}
_read = RowReader(_Parcel, due=made_from("due_at", str.strip), raw=lambda row: row)


def test_each_column_is_read_as_its_field_says() -> None:
    """Texts, words, numbers, bytes, JSON, null, and what is read in a way of its own."""
    found = _read({**_ROW, "notes": orjson.dumps({"k": "v"}).decode()})
    assert found == _Parcel(
        shop=Shop("a"),
        size=_Size.SMALL,
        weight=3,
        way="up",
        seal=b"x",
        stops=("b", "c"),
        notes={"k": "v"},
        seen_at=4,
        due="2",
    )
    assert found.raw is not None
    assert _read(_ROW).notes is None


@pytest.mark.parametrize(
    ("column", "value"),
    [("weight", "3"), ("weight", None), ("shop", 1), ("seal", "x"), ("seen_at", "4"), ("notes", 2)],
)
def test_a_column_of_another_kind_is_named(column: str, value: SqlValue) -> None:
    """Also after rows that were right, and again each time that it comes."""
    _read(_ROW)
    for _ in range(2):
        with pytest.raises(AssertionError, match=column):
            _read({**_ROW, column: value})


def test_a_word_that_there_is_not_is_refused() -> None:
    """An `Enum` has its own words, and a column that is not there is missing."""
    with pytest.raises(ValueError, match="huge"):
        _read({**_ROW, "size": "huge"})
    with pytest.raises(KeyError, match="weight"):
        _read({name: value for name, value in _ROW.items() if name != "weight"})
