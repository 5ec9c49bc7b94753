"""The OpenAPI document: our problems in place of FastAPI's errors, and what examples cannot be made
from models."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, TypeAlias

from pydantic import BaseModel

from sayso.errors import CODES, Code
from sayso.sdk.views.progress import ProgressView
from sayso.sdk.views.rows import EventView
from sayso.surfaces.http.problem import MEDIA_TYPE, Problem

Responses: TypeAlias = dict[int | str, dict[str, Any]]
Document: TypeAlias = dict[str, Any]

_MONEY = {
    "type": "object",
    "title": "Money",
    "description": "Whole minor units of one ISO 4217 currency.",
    "properties": {
        "amount_minor": {"type": "integer", "examples": [12900]},
        "currency": {"type": "string", "pattern": "^[A-Z]{3}$", "examples": ["USD"]},
    },
    "required": ["amount_minor", "currency"],
    "additionalProperties": False,
}
_WITH_MONEY = (
    "ActionView",
    "ReceiptView",
    "EventView",
    "StepView",
    "WorkView",
    "CustomerActionView",
)

_COMPONENT = "#/components/schemas/{model}"
_REFERENCE = r'"#/components/schemas/(\w+)"'

_EXAMPLES: Mapping[int, tuple[Code, str, str]] = {
    400: (
        Code.INVALID_INPUT,
        "`Idempotency-Key` is missing",
        "send the header Idempotency-Key with a new UUID for each new call",
    ),
    401: (
        Code.UNAUTHENTICATED,
        "the token is unknown, ended or revoked",
        "make one with `sayso token create`",
    ),
    403: (
        Code.FORBIDDEN,
        "this token has not the scope `actions:read`",
        "make a token with that scope",
    ),
    404: (Code.NOT_FOUND, "there is no action `act_1`", ""),
    409: (
        Code.IDEMPOTENCY_CONFLICT,
        "this idempotency key was used for another action",
        "use a new key for a new action",
    ),
    410: (
        Code.PRUNED,
        "the entry 7 was kept as long as it had to be, and is not in the database any more",
        "it is in the sealed segment 0000000.seg; see docs/audit-retention.md",
    ),
    413: (Code.MESSAGE_TOO_LONG, "a body has at most 1,048,576 bytes", "send less"),
    415: (
        Code.INVALID_INPUT,
        "the body is not marked as JSON",
        "send `Content-Type: application/json`",
    ),
    422: (Code.INVALID_INPUT, "`acton` is no field of this call", "did you mean `action`?"),
    503: (
        Code.STORE_BUSY,
        "the database `sayso.db` is locked by another program",
        "close the program that holds it, then try again",
    ),
    507: (Code.STORE_FULL, "the database `sayso.db` has no room left", "free some disk space"),
}


_READ = (401, 403, 422, 503)
"""How any route that reads may be refused."""
_WRITTEN = (400, 401, 403, 409, 413, 415, 422, 503)
"""How any route that takes a body and a key may be."""


def problems(*statuses: int) -> Responses:
    """The error responses of a route; `default` stands for whatever goes wrong inside."""
    found: Responses = {status: _problem(status, *_EXAMPLES[status]) for status in sorted(statuses)}
    found["default"] = _problem(
        500,
        Code.INTERNAL,
        "something went wrong inside Sayso",
        "look for 3f1c9a6be2d04857 in the server's log, and report it",
    )
    return found


def reads(description: str, example: object, *more: int) -> Responses:
    """The responses of a route that changes nothing.

    Args:
        more: the statuses with which this one may be refused besides what any may.
    """
    return {200: shown(description, example), **problems(*_READ, *more)}


def writes(
    description: str,
    example: object,
    *more: int,
    status: int = 200,
    model: type[BaseModel] | None = None,
) -> Responses:
    """The responses of a route that takes a body and a key.

    Args:
        more: as of `reads`. status: when it is done. model: as of `shown`.
    """
    return {status: shown(description, example, model=model), **problems(*_WRITTEN, *more)}


def _problem(status: int, code: Code, message: str, next_step: str) -> dict[str, Any]:
    example = Problem(
        type=f"urn:sayso:error:{code.value}",
        title=CODES[code].title,
        status=status,
        detail=message,
        code=code.value,
        next_step=next_step,
        instance="urn:sayso:problem:3f1c9a6be2d04857",
    )
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        "description": CODES[code].title,
        "content": {MEDIA_TYPE: {"schema": schema, "example": example.model_dump()}},
    }


def shown(
    description: str, example: object, *, model: type[BaseModel] | None = None
) -> dict[str, Any]:
    """A response with an example; `model` where the route's own is that of another status."""
    response: dict[str, Any] = {
        "description": description,
        "content": {"application/json": {"example": example}},
    }
    return response if model is None else {**response, "model": model}


def asked(**examples: Mapping[str, Any]) -> dict[str, Any]:
    """The examples of a request's body, by name, for `openapi_extra`."""
    named = {name: {"value": value} for name, value in examples.items()}
    return {"requestBody": {"content": {"application/json": {"examples": named}}}}


def finish_document(document: Document) -> Document:
    """Put in what FastAPI cannot know, and take out what is not so."""
    schemas: Document = document["components"]["schemas"]
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    schemas["Code"] = {
        "type": "string",
        "title": "Code",
        "description": "Why a call or an action was refused; a later version may know more.",
        "enum": sorted(CODES),
    }
    schemas["Problem"] = Problem.model_json_schema()
    schemas["Problem"]["properties"]["code"] = {"$ref": "#/components/schemas/Code"}
    schemas["Money"] = _MONEY
    schemas["EventView"] = EventView.model_json_schema(mode="serialization")
    step = ProgressView.model_json_schema(mode="serialization", ref_template=_COMPONENT)
    schemas["ProgressView"] = {key: value for key, value in step.items() if key != "$defs"}
    for name in _WITH_MONEY:
        schemas[name]["properties"]["amount"] = {
            "anyOf": [{"$ref": "#/components/schemas/Money"}, {"type": "null"}]
        }
    schemas["ReceiptLine"]["properties"]["amount"] = {"$ref": "#/components/schemas/Money"}
    schemas["SolutionView"]["properties"]["totals"]["items"] = {
        "$ref": "#/components/schemas/Money"
    }
    _name_streams(document)
    for name in _asked_for(document):
        _without_defaults(schemas[name])
    return document


def _asked_for(document: Document) -> set[str]:
    """The schemas of what callers send, and of what is inside."""
    schemas: Document = document["components"]["schemas"]
    left = [
        operation["requestBody"]
        for operations in document["paths"].values()
        for operation in operations.values()
        if "requestBody" in operation
    ]
    found = set[str]()
    while left:
        for name in set(re.findall(_REFERENCE, json.dumps(left.pop()))) - found:
            found.add(name)
            left.append(schemas[name])
    return found


def _without_defaults(schema: Document) -> None:
    """Say the default of an optional field in words.

    NOTE: generators of clients take a field with a `default` for one that is always there, so that
    callers would have to send it.
    """
    for said in schema.get("properties", {}).values():
        default = said.pop("default", None)
        if default:
            told = said.get("description")
            said["description"] = (
                f"{told}; `{default}` unless given" if told else f"`{default}` unless given"
            )


def _name_streams(document: Document) -> None:
    """FastAPI describes streams by OpenAPI 3.2's `itemSchema`, in a document that says 3.1."""
    for operations in document["paths"].values():
        for operation in operations.values():
            for response in operation["responses"].values():
                stream = response.get("content", {}).get("text/event-stream")
                if stream is not None:
                    stream.pop("itemSchema", None)
                    kind = "ProgressView" if "202" in operation["responses"] else "EventView"
                    stream["schema"] = {"type": "string", "description": f"`{kind}` as `data`"}
