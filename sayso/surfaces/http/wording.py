"""Pydantic's findings in our words: the field's path, what is wrong, what to write instead."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Any, cast

from sayso.connectors.plain import plain
from sayso.errors import Code, RefusedError
from sayso.surfaces.http.shapes import BODY_FIELDS, QUERY_FIELDS
from sayso.surfaces.http.subject_shapes import SUBJECT_QUERY_FIELDS
from sayso.surfaces.http.upkeep_shapes import UPKEEP_BODY_FIELDS, UPKEEP_QUERY_FIELDS

_PATH_LIMIT = 60
_BAD_REQUEST, _UNPROCESSABLE = 400, 422


def explain(findings: Sequence[Any]) -> tuple[int, RefusedError]:
    """The first finding as a status and a refusal; never repeats a value, only field names.

    Args:
        findings: what `RequestValidationError.errors()` gives: dicts with `loc`, `type`, `msg`.
    """
    first = cast("dict[str, Any]", findings[0])
    location = cast("Sequence[str | int]", first["loc"])
    place, names = str(location[0]), location[1:]
    path = plain(".".join(map(str, names)), limit=_PATH_LIMIT) or f"the {place}"
    problem, step = _words(str(first["type"]), str(first["msg"]), place, names, path)
    more = f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
    status = _BAD_REQUEST if place == "header" else _UNPROCESSABLE
    name = f"`{path}`" if names else path
    return status, RefusedError(Code.INVALID_INPUT, f"{name} {problem}{more}", next_step=step)


def _words(
    kind: str, message: str, place: str, names: Sequence[str | int], path: str
) -> tuple[str, str]:
    match kind:
        case "missing" if place == "header":
            return (
                "is missing",
                f"send the header {path}; for the key, a new UUID for each new call",
            )
        case "missing":
            return "is missing", "add it; /openapi.json has an example"
        case "string_pattern_mismatch" if path == "Idempotency-Key":
            return "is not valid", "send 1 to 200 visible ASCII characters, without spaces"
        case "extra_forbidden":
            known = (
                QUERY_FIELDS | SUBJECT_QUERY_FIELDS | UPKEEP_QUERY_FIELDS
                if place == "query"
                else BODY_FIELDS | UPKEEP_BODY_FIELDS
            )
            near = difflib.get_close_matches(str(names[-1]), known, 1)
            what = "query parameter" if place == "query" else "field"
            return f"is no {what} of this call", (
                f"did you mean `{near[0]}`?" if near else "remove it"
            )
        case _:
            return f"is not valid: {message[:1].lower()}{message[1:]}", "correct it"
