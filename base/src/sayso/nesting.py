"""JSON and TOML from outside, read to a depth: what is nested deeper is no JSON, or no TOML.

The readers of the standard library recurse, and so does whatever walks through what they return: a
file of brackets would end in a `RecursionError` somewhere, which nobody expects of a text.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Mapping
from typing import Any, cast

MOST_NESTED = 64
"""So many lists and tables may stand in each other; what is meant to be read has a tenth of it."""

_DEEP = f"it is nested deeper than {MOST_NESTED}"
# A dotted key of so many parts: `tomllib` makes a table for each, and keeps each way to them.
_LONG_KEY = re.compile(
    r"""(?:(?:[A-Za-z0-9_-]+|"[^"\n]*"|'[^'\n]*')[ \t]*\.[ \t]*){%d}""" % MOST_NESTED  # noqa: UP031
)


def read_toml(text: str, *, parse_float: Callable[[str], Any] = float) -> dict[str, Any]:
    """The value of a TOML text.

    Raises:
        tomllib.TOMLDecodeError: it is no TOML, or nested deeper than `MOST_NESTED`.
    """
    if any(_LONG_KEY.match(line.lstrip(" \t[")) for line in text.splitlines()):
        raise tomllib.TOMLDecodeError(_DEEP)
    try:
        value: dict[str, Any] = tomllib.loads(text, parse_float=parse_float)
    except RecursionError as error:
        raise tomllib.TOMLDecodeError(_DEEP) from error
    if is_deep(value):
        raise tomllib.TOMLDecodeError(_DEEP)
    return value


def read_json(text: str | bytes, **hooks: Any) -> Any:
    """The value of a JSON text.

    Args:
        hooks: as `json.loads` takes them.

    Raises:
        ValueError: it is no JSON, or nested deeper than `MOST_NESTED`.
    """
    try:
        value: Any = json.loads(text, **hooks)
    except RecursionError as error:
        raise ValueError(_DEEP) from error
    if is_deep(value):
        raise ValueError(_DEEP)
    return value


def is_deep(value: object) -> bool:
    """Whether lists and tables stand in each other more than `MOST_NESTED` times."""
    level: list[object] = [value]
    for _ in range(MOST_NESTED + 1):
        level = [one for one in level if isinstance(one, Mapping | list)]
        if not level:
            return False
        level = [inner for one in level for inner in _inside(one)]
    return True


def _inside(value: object) -> list[object]:
    if isinstance(value, Mapping):
        return list(cast("Mapping[object, object]", value).values())
    return cast("list[object]", value)
