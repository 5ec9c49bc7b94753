"""Reading the decoded fields of a body, of which nothing is known but that they are JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias, cast

Fields: TypeAlias = Mapping[str, object]
"""A body, decoded."""

_NOTHING: Fields = {}


def object_in(fields: Fields, name: str) -> Fields:
    """The object in a field; an empty one when there is none."""
    value = fields.get(name)
    return cast("Fields", value) if isinstance(value, dict) else _NOTHING


def text_or_none(fields: Fields, name: str) -> str | None:
    """The text in a field, if there is one."""
    value = fields.get(name)
    return value if isinstance(value, str) else None
