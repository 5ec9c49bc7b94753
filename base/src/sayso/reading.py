"""Reading an answer: JMESPath, and of that only what neither loops nor surprises.

An expression is data of a reviewed file. It sees an answer that was bounded before, has no side
effects, and yields null for whatever is not there.
"""

from __future__ import annotations

import functools
import json
import warnings
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, cast

import jmespath
from jmespath import exceptions, functions

from sayso.json import JsonValue

MAX_EXPRESSION: Final = 300
"""Characters of one expression."""
ALLOWED: Final = frozenset(
    "length join sum min max sort_by max_by contains starts_with ends_with to_string to_number "
    "not_null keys type".split()
)
"""The functions of an expression."""
_NEGATED_AFTER = frozenset({"subexpression", "index_expression", "projection", "value_projection"})


class ReadingError(ValueError):
    """An expression that cannot be used, or that failed on an answer."""


class _Functions(functions.Functions):
    """JMESPath's own functions, for answers whose numbers are exact."""

    def _get_allowed_pytypes(self, types: Sequence[str]) -> tuple[list[str], list[Any]]:
        allowed, within = cast(
            "tuple[list[str], list[Any]]",
            super()._get_allowed_pytypes(types),  # type: ignore[misc]
        )
        exact = [*allowed, "Decimal"] if "float" in allowed else allowed
        return exact, [(*one, "Decimal") if "float" in one else one for one in within]

    @functions.signature({"types": []})
    def _func_to_string(self, value: object) -> str:
        if isinstance(value, str):
            return value
        return str(value) if isinstance(value, Decimal) else json.dumps(value, default=str)

    @functions.signature({"types": []})
    def _func_type(self, value: object) -> str:
        return "number" if isinstance(value, Decimal) else functions.TYPES_MAP[type(value).__name__]

    @functions.signature({"types": []})
    def _func_to_number(self, value: object) -> object:
        if isinstance(value, str):
            try:
                return Decimal(value)
            except ArithmeticError:
                return None
        is_number = isinstance(value, (int, Decimal)) and not isinstance(value, bool)
        return value if is_number else None


_OPTIONS = jmespath.Options(custom_functions=_Functions())


@functools.lru_cache(maxsize=4096)
def _compiled(expression: str) -> Any:
    if len(expression) > MAX_EXPRESSION:
        raise ReadingError(f"the path has {len(expression)} characters; {MAX_EXPRESSION} is most")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", PendingDeprecationWarning)
            compiled = jmespath.compile(expression)
    except PendingDeprecationWarning as error:
        raise ReadingError(f"`{expression}`: write a text as `'text'`, in single quotes") from error
    except exceptions.JMESPathError as error:
        raise ReadingError(f"`{expression}` is no JMESPath: {_first_line(error)}") from error
    except RecursionError as error:
        raise ReadingError("the path is nested too deeply") from error
    _check(cast("Mapping[str, Any]", compiled.parsed), expression)
    return compiled


def check_expression(expression: str) -> None:
    """Refuse what is no expression, or uses what is not allowed.

    Raises:
        ReadingError: with what is wrong.
    """
    _compiled(expression)


def _check(node: Mapping[str, Any], expression: str) -> None:
    kind = node["type"]
    children: Sequence[object] = node.get("children", ())
    if kind == "function_expression" and node["value"] not in ALLOWED:
        listed = ", ".join(sorted(ALLOWED))
        raise ReadingError(f"`{node['value']}()` is not allowed; there are {listed}")
    first = children[0] if children else None
    if kind in _NEGATED_AFTER and _is(first, "not_expression"):
        # NOTE: `!a.b` is `(!a).b`, which is null whatever `a.b` is.
        raise ReadingError(
            f"`!` before a dotted path negates its first name only; write `a.b == `false`` in "
            f"`{expression}`"
        )
    for child in children:
        if isinstance(child, Mapping) and "type" in child:
            _check(cast("Mapping[str, Any]", child), expression)


def _is(node: object, kind: str) -> bool:
    return isinstance(node, Mapping) and cast("Mapping[str, object]", node).get("type") == kind


def read(expression: str, document: JsonValue | Mapping[str, object]) -> JsonValue:
    """What the expression yields; None for whatever is not there.

    Raises:
        ReadingError: where a function was given what it cannot take.
    """
    try:
        return cast("JsonValue", _compiled(expression).search(document, options=_OPTIONS))
    except exceptions.JMESPathError as error:
        raise ReadingError(f"`{expression}` failed: {_first_line(error)}") from error
    except (ArithmeticError, TypeError, RecursionError) as error:
        raise ReadingError(f"`{expression}` failed ({type(error).__name__})") from error


def names_in(expression: str) -> frozenset[str]:
    """The first names that an expression starts from, such as `order` of `order.customer.id`."""
    found: set[str] = set()
    _collect(cast("Mapping[str, Any]", _compiled(expression).parsed), found)
    return frozenset(found)


_FIRST_ONLY = frozenset({"subexpression", "index_expression", "pipe"})
_OWN_DOCUMENT = frozenset({"literal", "expref", "current"})


def _collect(node: Mapping[str, Any], found: set[str]) -> None:
    """Names in places where the whole document is the current node."""
    kind = node["type"]
    inner = cast("Sequence[object]", node.get("children", ()))
    children = [cast("Mapping[str, Any]", one) for one in inner if isinstance(one, Mapping)]
    if kind == "field":
        found.add(str(node["value"]))
    elif kind in _FIRST_ONLY or kind.endswith("projection"):
        children = children[:1]
    elif kind in _OWN_DOCUMENT:
        return
    for child in children:
        _collect(child, found)


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0][:160]
