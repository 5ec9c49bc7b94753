"""What JSON can hold, as types: the shape that floors pass where bytes come in or go out."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
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
        names = [name for name, _ in pairs]
        doubled.extend(name for name in names if names.count(name) > 1)

    try:
        json.loads(text, object_pairs_hook=keep)
    except RecursionError:
        return None  # whoever reads the value refuses such nesting
    return doubled[0] if doubled else None
