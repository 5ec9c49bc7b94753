"""Reading a body: JSON of one meaning only, so that nobody reads it differently than we do.

Refused beyond what JSON itself forbids: fields that stand twice, numbers that are not whole or not
exact in every reader, NUL characters, half characters, and deep nesting.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import NoReturn

from sayso.connectors.plain import plain
from sayso.errors import Code, RefusedError
from sayso.json import JsonValue, first_double

MAX_BODY_BYTES = 1024 * 1024
MAX_DEPTH = 16
MAX_INT = 2**53 - 1
"""SOURCE: RFC 8259 §6: beyond it, readers that keep numbers as doubles round differently."""

_LONGEST_INT = 20
_BEYOND = 10**_LONGEST_INT
_MONEY_KEY = "amount_minor"


def read_json(body: bytes) -> JsonValue:
    """The value of a body.

    Args:
        body: UTF-8.

    Raises:
        RefusedError: `malformed_json` when it is not JSON; `invalid_input` (`invalid_money` for
            an amount) when it is JSON that readers understand differently, naming the field.
    """
    try:
        value: JsonValue = json.loads(
            body.decode("utf-8"),
            object_pairs_hook=_object,
            parse_int=_integer,
            parse_constant=_no_constant,
        )
    except UnicodeDecodeError:
        _malformed("it is not UTF-8")
    except json.JSONDecodeError as error:
        _malformed(f"{error.msg[:1].lower()}{error.msg[1:]} at character {error.pos}")
    except RecursionError:
        _too_deep("the body")
    for path, leaf in _leaves(value, (), 1):
        _check(path, leaf)
    return value


def _object(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    found = dict(pairs)
    if len(found) != len(pairs):
        double = first_double(name for name, _ in pairs) or ""
        _malformed(f"`{plain(double, limit=40)}` stands twice in one object")
    return found


def _integer(digits: str) -> int:
    # A million digits would take minutes to convert; all that is so long is refused anyway.
    return int(digits) if len(digits) <= _LONGEST_INT else _BEYOND


def _no_constant(name: str) -> NoReturn:
    _malformed(f"`{name}` is no JSON value")


Path = tuple[str | int, ...]


def _leaves(value: JsonValue, path: Path, depth: int) -> Iterator[tuple[Path, JsonValue]]:
    """Every scalar with its path, and every field's name at the path of its object."""
    if isinstance(value, dict):
        if depth > MAX_DEPTH:
            _too_deep(_name(path))
        for key, inner in value.items():
            yield path, key
            yield from _leaves(inner, (*path, key), depth + 1)
    elif isinstance(value, list):
        if depth > MAX_DEPTH:
            _too_deep(_name(path))
        for place, inner in enumerate(value):
            yield from _leaves(inner, (*path, place), depth + 1)
    else:
        yield path, value


def _check(path: Path, leaf: JsonValue) -> None:
    match leaf:
        case str():
            _check_text(path, leaf)
        case bool() | None:
            pass
        case int():
            if not -MAX_INT <= leaf <= MAX_INT:
                _bad_number(path, "is beyond 2^53-1, which not every reader keeps exactly")
        case float():
            _bad_number(path, "is not a whole number")
        case _:
            pass


def _check_text(path: Path, text: str) -> None:
    if "\0" in text:
        _refuse(_name(path), "holds a NUL character", "remove it")
    try:
        text.encode()
    except UnicodeEncodeError:
        _refuse(_name(path), "holds half a character (a lone surrogate)", "send whole characters")


def _bad_number(path: Path, problem: str) -> NoReturn:
    money = bool(path) and path[-1] == _MONEY_KEY
    raise RefusedError(
        Code.INVALID_MONEY if money else Code.INVALID_INPUT,
        f"{_name(path)} {problem}",
        next_step='write money in minor units, such as {"amount_minor": 12900, "currency": "USD"}',
    )


def _refuse(name: str, problem: str, next_step: str) -> NoReturn:
    raise RefusedError(Code.INVALID_INPUT, f"{name} {problem}", next_step=next_step)


def _too_deep(name: str) -> NoReturn:
    _refuse(name, f"is nested more than {MAX_DEPTH} deep", "send a flatter object")


def _malformed(problem: str) -> NoReturn:
    raise RefusedError(
        Code.MALFORMED_JSON,
        f"the body is not valid JSON: {problem}",
        next_step="send one JSON object in UTF-8",
    )


def _name(path: Path) -> str:
    return f"`{plain('.'.join(map(str, path)), limit=60)}`" if path else "the body"
