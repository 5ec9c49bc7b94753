"""A manifest read backwards: an answer from its paths, names from a request that they filled."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

import jmespath

from sayso.json import JsonValue

Steps = tuple[str | int, ...]


def steps_of(expression: str) -> Steps | None:
    """The way to where a path reads; None for a literal, and for what has no one place.

    `to_string(x)` leads to `x`, `a || b` to `a`, `a && b` to `b`, `[order]` to `order`, and `a[].b`
    to the first item's.
    """
    return _steps(cast("Mapping[str, Any]", jmespath.compile(expression).parsed))


def _steps(node: Mapping[str, Any]) -> Steps | None:
    children: Sequence[Mapping[str, Any]] = node.get("children", ())
    match node["type"]:
        case "field":
            return (str(node["value"]),)
        case "index":
            return (int(node["value"]),)
        case "subexpression" | "index_expression":
            return _joined(children)
        case "or_expression" | "function_expression":
            return _steps(children[0]) if children else None
        case "and_expression":
            return _steps(children[-1])
        case "multi_select_list":
            return _steps(children[0]) if len(children) == 1 else None
        case "projection":
            left, right = _steps(children[0]), _steps(children[1])
            return (
                None if left is None or right is None else (*left, *((0,) if right else ()), *right)
            )
        case "flatten":
            return _joined(children)
        case "identity" | "current":
            return ()
        case _:
            return None


def _joined(children: Sequence[Mapping[str, Any]]) -> Steps | None:
    found: list[str | int] = []
    for child in children:
        steps = _steps(child)
        if steps is None:
            return None
        found += steps
    return tuple(found)


def is_one_item(expression: str) -> bool:
    """Whether a path makes a list of one object, as `[order]` does."""
    return bool(jmespath.compile(expression).parsed["type"] == "multi_select_list")


def list_and_item(expression: str) -> tuple[Steps, Steps]:
    """The way to a list, and from an item of it to what is meant, as in `list[].subscription`.

    A list in a list is the one in the first item of the outer one.
    """
    node = cast("Mapping[str, Any]", jmespath.compile(expression).parsed)
    while node["type"] == "or_expression":
        node = node["children"][0]
    if not str(node["type"]).endswith("projection"):
        return _way(node), ()
    left, right = node["children"][:2]
    return _way(left), _steps(right) or ()


def _way(node: Mapping[str, Any]) -> Steps:
    if str(node["type"]).endswith("projection"):
        left, right = node["children"][:2]
        return (*_way(left), 0, *(_steps(right) or ()))
    if node["type"] == "flatten":
        return _way(node["children"][0])
    if node["type"] in ("subexpression", "index_expression"):
        return tuple(step for child in node["children"] for step in _way(child))
    return _steps(node) or ()


def put(document: JsonValue, steps: Steps, value: JsonValue) -> JsonValue:
    """The document with a value at a place; what is not there yet is made."""
    if not steps:
        return value
    first, *rest = steps
    if isinstance(first, int):
        items = list(document) if isinstance(document, (list, tuple)) else []
        while len(items) <= first:
            items.append(None)
        items[first] = put(items[first], tuple(rest), value)
        return items
    table = dict(document) if isinstance(document, Mapping) else {}
    table[first] = put(table.get(first), tuple(rest), value)
    return table


def get(document: JsonValue, steps: Steps) -> JsonValue:
    """What stands at a place; None for nothing."""
    for step in steps:
        if isinstance(document, Mapping) and isinstance(step, str):
            document = document.get(step)
        elif isinstance(document, (list, tuple)) and isinstance(step, int):
            document = document[step] if step < len(document) else None
        else:
            return None
    return document


def put_dotted(document: JsonValue, dotted: str, value: JsonValue) -> JsonValue:
    """`put`, with a place written as `a.b.0.c`."""
    steps = tuple(int(part) if part.isdigit() else part for part in dotted.split("."))
    return put(document, steps, copy.deepcopy(value))


def merged(document: JsonValue, over: JsonValue) -> JsonValue:
    """The document with another one laid over it."""
    if isinstance(document, Mapping) and isinstance(over, Mapping):
        found = dict(document)
        for key, value in over.items():
            found[key] = merged(found.get(key), value)
        return found
    return document if over is None else over


def captured(template: JsonValue, actual: JsonValue) -> dict[str, JsonValue] | None:
    """The names that a template was filled in with; None where the actual value does not fit."""
    if isinstance(template, str):
        return _captured_text(template, actual)
    if isinstance(template, Mapping):
        return _captured_table(template, actual)
    if isinstance(template, (list, tuple)):
        if not isinstance(actual, (list, tuple)) or len(actual) > len(template):
            return None
        found: dict[str, JsonValue] = {}
        for one, other in zip(template, actual, strict=False):
            inner = captured(one, other)
            if inner is None:
                return None
            found |= inner
        return found
    return {} if template == actual or str(template) == str(actual) else None


def captured_headers(
    template: Mapping[str, str], actual: Mapping[str, str]
) -> dict[str, JsonValue] | None:
    """As `captured`, of headers that came by their lower-case names."""
    given = {name: actual.get(name.lower(), "") for name in template}
    return captured(cast("JsonValue", template), cast("JsonValue", given))


def _captured_table(
    template: Mapping[str, JsonValue], actual: JsonValue
) -> dict[str, JsonValue] | None:
    if set(template) == {"each", "as"}:
        return {str(template["each"]): actual} if isinstance(actual, (list, tuple)) else None
    if set(template) == {"json"}:
        if not isinstance(actual, str):
            return None
        try:
            return captured(template["json"], json.loads(actual))
        except ValueError:
            return None
    actual = {} if actual is None else actual
    if not isinstance(actual, Mapping) or not set(actual) <= set(template):
        return None
    found: dict[str, JsonValue] = {}
    for key, one in template.items():
        if key not in actual:
            if _is_optional(one):
                continue
            return None
        inner = captured(one, actual[key])
        if inner is None:
            return None
        found |= inner
    return found


def _is_optional(template: JsonValue) -> bool:
    return isinstance(template, (str, Mapping)) and "args." in json.dumps(template)


def _captured_text(template: str, actual: JsonValue) -> dict[str, JsonValue] | None:
    names = re.findall(r"\{([^{}]+)\}", template)
    if len(names) == 1 and template == f"{{{names[0]}}}":
        return {names[0]: actual}
    if not isinstance(actual, (str, int)) or isinstance(actual, bool):
        return None
    pattern, end = "", 0
    for number, found in enumerate(re.finditer(r"\{[^{}]+\}", template)):
        pattern += re.escape(template[end : found.start()]) + f"(?P<n{number}>.*)"
        end = found.end()
    match = re.fullmatch(pattern + re.escape(template[end:]), str(actual), re.DOTALL)
    if match is None:
        return None
    return {name: match[f"n{number}"] for number, name in enumerate(names)}


def own_cursor(cursor: str | None, items: str) -> str | None:
    """The path in an item of what names the next page, where that is the last item's own id."""
    before = f"{items}[-1]."
    if cursor is not None and cursor.startswith(before):
        return cursor.removeprefix(before)
    return None
