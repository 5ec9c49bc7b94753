"""Placeholders: `{a.b.c}` is a dotted name and nothing else.

No filters, no arithmetic, no defaults, no conditions. A text that is one placeholder keeps the
value's type; inside a longer one the value is written out. `{{` and `}}` are braces.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Final, cast
from urllib.parse import quote

from sayso.json import JsonValue

Scope = Mapping[str, object]
"""What placeholders may name: JSON values, with `Decimal` where an answer had a decimal number."""

_PART = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|([{}])")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*(?:\.[A-Za-z_][A-Za-z0-9_-]*)*")


class TemplateError(ValueError):
    """A template that cannot be used, or a name that is not there."""


class Absent:
    """Stands for an optional argument that was not given: the key that holds it is left out."""


ABSENT: Final = Absent()


@functools.lru_cache(maxsize=4096)
def _parts(text: str) -> tuple[str | tuple[str, ...], ...]:
    """Literal texts, and names as tuples."""
    found: list[str | tuple[str, ...]] = []
    end = 0
    for match in _PART.finditer(text):
        found.append(text[end : match.start()])
        end = match.end()
        if match[0] in ("{{", "}}"):
            found.append(match[0][0])
        elif match[2] is not None:
            raise TemplateError(f"`{text[:60]}` has a single `{match[2]}`; write it twice")
        elif not _NAME.fullmatch(match[1]):
            raise TemplateError(
                f"`{{{match[1][:40]}}}` is no dotted name; a placeholder is nothing else"
            )
        else:
            # A precondition may be called `ticket.updated_at`, so the last name may be dotted.
            found.append(tuple(match[1].split(".")))
    found.append(text[end:])
    return tuple(part for part in found if part != "")


def names_in(template: JsonValue) -> Iterator[tuple[str, ...]]:
    """Every name that a template of a text, a list or a table holds.

    Raises:
        TemplateError: for a text that is none.
    """
    if isinstance(template, str):
        yield from (part for part in _parts(template) if isinstance(part, tuple))
    elif isinstance(template, Mapping):
        for key, value in template.items():
            if key == "each" and isinstance(value, str) and "as" in template:
                yield tuple(value.split("."))
            else:
                yield from names_in(value)
    elif isinstance(template, Sequence):
        for value in template:
            yield from names_in(value)


def _find(scope: Scope, name: tuple[str, ...]) -> object:
    value: object = scope
    for position, part in enumerate(name):
        if value is ABSENT:
            return ABSENT
        if not isinstance(value, Mapping):
            raise TemplateError(f"there is no `{'.'.join(name)}`")
        table = cast("Mapping[str, object]", value)  # pyright: ignore[reportUnnecessaryCast]
        rest = ".".join(name[position:])
        if rest in table:
            return table[rest]
        if part not in table:
            raise TemplateError(f"there is no `{'.'.join(name)}`")
        value = table[part]
    return value


def fill_text(text: str, scope: Scope) -> object:
    """A template of one text, filled in; `ABSENT` where an argument in it was not given.

    Raises:
        TemplateError: for a name that is not there, or a value that cannot stand inside a text.
    """
    parts = _parts(text)
    if len(parts) == 1 and isinstance(parts[0], tuple):
        return _find(scope, parts[0])
    written: list[str] = []
    for part in parts:
        value = part if isinstance(part, str) else _find(scope, part)
        if value is ABSENT:
            return ABSENT
        written.append(_written(value, part))
    return "".join(written)


def _written(value: object, part: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, (int, Decimal)) and not isinstance(value, bool):
        return str(value)
    name = ".".join(cast("tuple[str, ...]", part))
    raise TemplateError(f"`{{{name}}}` is neither text nor number, and stands inside a text")


def fill(template: JsonValue, scope: Scope) -> object:
    """A template of any shape, filled in.

    `{each = "keep.parts", as = {…}}` makes a list from a list, whose items are `{each.…}`;
    `{json = {…}}` a text that holds JSON. A key whose argument was not given is left out.

    Raises:
        TemplateError: as `fill_text`.
    """
    if isinstance(template, str):
        return fill_text(template, scope)
    if isinstance(template, Mapping):
        if set(template) == {"each", "as"}:
            return _each(str(template["each"]), template["as"], scope)
        if set(template) == {"json"}:
            return json.dumps(fill(template["json"], scope), separators=(",", ":"), default=str)
        filled = {key: fill(value, scope) for key, value in template.items()}
        return {key: value for key, value in filled.items() if value is not ABSENT}
    if isinstance(template, Sequence):
        items = [fill(value, scope) for value in template]
        return [item for item in items if item is not ABSENT]
    return template


def _each(name: str, item: JsonValue, scope: Scope) -> object:
    values = _find(scope, tuple(name.split(".")))
    if values is ABSENT:
        return ABSENT
    if isinstance(values, (str, Mapping)) or not isinstance(values, Sequence):
        raise TemplateError(f"`{name}` is no list")
    return [fill(item, {**scope, "each": value}) for value in cast("Sequence[object]", values)]


def fill_path(template: str, scope: Scope) -> str:
    """A path or an address; each value is percent-encoded as one segment of it.

    Raises:
        TemplateError: as `fill_text`; also for a value that is empty or only dots, which would
            lead to another path.
    """
    written: list[str] = []
    for part in _parts(template):
        if isinstance(part, str):
            written.append(part)
            continue
        value = _find(scope, part)
        text = "" if value is ABSENT else _written(value, part)
        if not text.strip("."):
            raise TemplateError(f"`{{{'.'.join(part)}}}` is `{text}`, which is no path segment")
        written.append(quote(text, safe=""))
    return "".join(written)
