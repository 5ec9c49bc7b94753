"""Pydantic's findings in our words: the field's path, what is wrong, what to write instead."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, cast, get_args

from pydantic import BaseModel

from sayso.connectors.plain import plain
from sayso.errors import Code, RefusedError

_PATH_LIMIT = 60
_MOST_NAMED = 6
_BAD_REQUEST, _UNPROCESSABLE = 400, 422

Models = Mapping[str, Sequence[type[BaseModel]]]
"""What a call reads, by place: `query` and `body`."""


def explain(findings: Sequence[Any], models: Models) -> tuple[int, RefusedError]:
    """The first finding as a status and a refusal; never repeats a value, only field names.

    Args:
        findings: what `RequestValidationError.errors()` gives: dicts with `loc`, `type`, `msg`.
        models: of the call that was made.
    """
    first = cast("dict[str, Any]", findings[0])
    location = cast("Sequence[str | int]", first["loc"])
    place, names = str(location[0]), location[1:]
    path = plain(".".join(map(str, names)), limit=_PATH_LIMIT) or f"the {place}"
    known = _fields_at(models.get(place, ()), names[:-1])
    inside = _fields_at(models.get(place, ()), names) if names else []
    problem, step = _words(str(first["type"]), str(first["msg"]), place, names, path, known, inside)
    more = _others(findings[1:])
    status = _BAD_REQUEST if place == "header" else _UNPROCESSABLE
    name = f"`{path}`" if names else path
    return status, RefusedError(Code.INVALID_INPUT, f"{name} {problem}{more}", next_step=step)


def _others(findings: Sequence[Any]) -> str:
    """What else is wrong: by name where it is only missing, else how much."""
    if not findings:
        return ""
    missing = [
        plain(".".join(map(str, one["loc"][1:])), limit=_PATH_LIMIT)
        for one in findings
        if one["type"] == "missing" and one["loc"][0] != "header"
    ]
    if len(missing) == len(findings) <= _MOST_NAMED:
        return f", and so {'is' if len(missing) == 1 else 'are'} {_listed(missing)}"
    return f" (and {len(findings)} more)"


def _listed(names: Sequence[str]) -> str:
    *most, last = (f"`{name}`" for name in names)
    return f"{', '.join(most)} and {last}" if most else last


def _words(
    kind: str,
    message: str,
    place: str,
    names: Sequence[str | int],
    path: str,
    known: Sequence[str],
    known_in: Sequence[str],
) -> tuple[str, str]:
    match kind:
        case "missing" if place == "header":
            return (
                "is missing",
                f"send the header {path}; for the key, a new UUID for each new call",
            )
        case "missing":
            return "is missing", "add it; /openapi.json has an example"
        case "model_type" | "model_attributes_type" | "dict_type" if known_in:
            return "is no object", f"write an object with {_listed(known_in)}"
        case "model_type" | "model_attributes_type" | "dict_type":
            return "is no object", "write a JSON object; /openapi.json has an example"
        case "string_pattern_mismatch" if path == "Idempotency-Key":
            return "is not valid", "send 1 to 200 visible ASCII characters, without spaces"
        case "extra_forbidden":
            near = difflib.get_close_matches(str(names[-1]), known, 1)
            what = "query parameter" if place == "query" else "field"
            return f"is no {what} of this call", (
                f"did you mean `{near[0]}`?" if near else "remove it"
            )
        case _:
            return f"is not valid: {message[:1].lower()}{message[1:]}", "correct it"


def _fields_at(models: Iterable[type[BaseModel]], path: Sequence[str | int]) -> list[str]:
    """The fields that there are at a path, such as those of a message in a list of them."""
    found = list(models)
    for part in path:
        if isinstance(part, str):
            fields = [model.model_fields[part] for model in found if part in model.model_fields]
            found = [model for field in fields for model in models_in(field.annotation)]
    return [name for model in found for name in model.model_fields]


def models_in(annotation: object) -> Iterator[type[BaseModel]]:
    """The models that an annotation names, also in a list or beside None."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from models_in(part)
