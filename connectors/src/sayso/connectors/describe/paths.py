"""What a JMESPath reads that a sample does not have: misspelt names, also inside comparisons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

import jmespath

from sayso.connectors.describe.shape import Anything
from sayso.json import JsonValue
from sayso.reading import ReadingError, read

_NOTHING: Final = object()
Node = Mapping[str, Any]


def missing(expression: str, sample: object) -> list[str]:
    """The names that an expression reads and the sample does not have, as far as it goes.

    Of `a || b` only what neither has is missing, since one of them may be another version's.
    """
    found: list[str] = []
    _walk(cast("Node", jmespath.compile(expression).parsed), sample, found)
    return found


def _walk(node: Node, value: object, found: list[str]) -> object:
    """What a node yields; `_NOTHING` where something was missing on the way, or is unknown."""
    children = cast("Sequence[Any]", node.get("children") or ())
    kind = str(node["type"])
    if kind == "field":
        return _field(str(node["value"]), value, found)
    if kind in ("subexpression", "pipe", "index_expression"):
        for child in children:
            value = _walk(cast("Node", child), value, found)
        return value
    if kind == "index":
        return next(iter(_items(value)), _NOTHING)
    if kind.endswith("projection"):
        return _projection(node, value, found)
    if kind == "flatten":
        inner = _walk(cast("Node", children[0]), value, found)
        first = next(iter(_items(inner)), _NOTHING)
        return cast("object", first) if isinstance(first, list) else inner
    if kind == "or_expression":
        return _either(children, value, found)
    if kind.startswith("multi_select"):
        return _select(node, value, found)
    return _leaf(kind, node, value, found)


def _leaf(kind: str, node: Node, value: object, found: list[str]) -> object:
    children = cast("Sequence[Any]", node.get("children") or ())
    if kind == "key_val_pair":
        return _walk(cast("Node", children[0]), value, found)
    if kind in ("current", "identity", "slice"):
        return value
    if kind == "literal":
        return node["value"]
    if kind != "expref":  # comparisons, `&&`, `!`, functions: each part is read of the same value
        for child in children:
            if isinstance(child, Mapping):
                _walk(cast("Node", child), value, found)
    return _NOTHING


def _field(name: str, value: object, found: list[str]) -> object:
    if value is _NOTHING or isinstance(value, Anything):
        return _NOTHING
    if not isinstance(value, Mapping) or name not in value:
        found.append(name)
        return _NOTHING
    return cast("Mapping[str, object]", value)[name]


def _items(value: object) -> list[object]:
    return cast("list[object]", value) if isinstance(value, list) else []


def _projection(node: Node, value: object, found: list[str]) -> object:
    children = cast("Sequence[Node]", node["children"])
    base = _walk(children[0], value, found)
    if node["type"] == "value_projection":
        items = list(cast("Mapping[str, object]", base).values()) if isinstance(base, dict) else []
    else:
        items = _items(base)
    if not items:
        return _NOTHING
    if node["type"] == "filter_projection":
        _walk(children[2], items[0], found)
    inner = _walk(children[1], items[0], found)
    return [inner]


def _either(children: Sequence[Any], value: object, found: list[str]) -> object:
    lost: list[str] = []
    for child in children:
        mine: list[str] = []
        result = _walk(cast("Node", child), value, mine)
        if not mine:
            return result
        lost += mine
    found += lost
    return _NOTHING


def _select(node: Node, value: object, found: list[str]) -> object:
    children = cast("Sequence[Node]", node["children"])
    if node["type"] == "multi_select_list":
        return [_walk(child, value, found) for child in children]
    return {str(child["value"]): _walk(child, value, found) for child in children}


def value_of(expression: str, sample: object) -> JsonValue:
    """What an expression yields of a sample; None also where it fails."""
    try:
        return read(expression, cast("JsonValue", sample))
    except ReadingError:
        return None
