"""What JSON can hold, as types: the shape that floors pass where bytes come in or go out."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

JsonScalar: TypeAlias = str | int | float | bool | None
JsonValue: TypeAlias = "JsonScalar | Sequence[JsonValue] | Mapping[str, JsonValue]"
JsonObject: TypeAlias = Mapping[str, JsonValue]


def doubled_field(text: str | bytes) -> str | None:
    """A field that stands twice in one object, which readers understand differently; else None.

    Args:
        text: valid JSON.
    """
    doubled: list[str] = []

    def keep(pairs: list[tuple[str, object]]) -> None:
        double = first_double(name for name, _ in pairs)
        if double is not None:
            doubled.append(double)

    try:
        json.loads(text, object_pairs_hook=keep)
    except RecursionError:
        return None  # whoever reads the value refuses such nesting
    return doubled[0] if doubled else None


def first_double(names: Iterable[str]) -> str | None:
    """The first name that comes a second time, in time that grows with their number; else None."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return None
