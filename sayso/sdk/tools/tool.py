"""What a tool is: a name, a schema, a sentence, and whoever it is called for."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import orjson

from sayso.actions.model.definition import Args, Subject
from sayso.audit.entry import Actor
from sayso.ids import Tenant
from sayso.json import JsonValue
from sayso.sdk.resources.tokens import Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """For whom tools are called, and by whom: all that no argument of a tool can say.

    INVARIANT: whoever makes one has it from an operator or from a token, never from a model
    (invariant 4).

    Attributes:
        subject: the verified customer.
        requester: the service behind the calls.
        conversation: equal calls are one action within it; all of the customer's when empty.
    """

    subject: Subject
    requester: Actor
    tenant: Tenant
    conversation: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """One tool, as any protocol describes it.

    Attributes:
        name: letters, digits and `_`, which every model's interface takes.
        title: for people.
        description: for the model: what it does, and what its answers mean.
        args: reads the arguments. input_schema, output_schema: JSON Schema, of objects.
        scope: what a token needs for it.
        reads_only: it changes nothing.
        reversible: what it does can be undone.
    """

    name: str
    title: str
    description: str
    args: type[Args]
    input_schema: Mapping[str, Any]
    output_schema: Mapping[str, Any]
    scope: Scope
    reads_only: bool = False
    reversible: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolResult:
    """What a call of a tool came to.

    Attributes:
        content: as JSON; on an error with `error`: `code`, `message` and `next_step`.
        is_error: the call was refused, or what it asked for was.
    """

    content: Mapping[str, JsonValue]
    is_error: bool = False

    @property
    def text(self) -> str:
        """The content as a model reads it."""
        return orjson.dumps(self.content).decode()


def schema_of(model: type[Args]) -> dict[str, Any]:
    """The model's JSON Schema, without the names of our classes and what they say to us."""
    found = cast("dict[str, Any]", _lean(model.model_json_schema()))
    found.pop("description", None)
    return found


def _lean(schema: object) -> object:
    if isinstance(schema, list):
        return [_lean(part) for part in cast("list[object]", schema)]
    if not isinstance(schema, dict):
        return schema
    kept: dict[str, object] = {}
    for word, value in cast("dict[str, object]", schema).items():
        if word in {"properties", "$defs"} and isinstance(value, dict):
            named = cast("dict[str, object]", value)
            kept[word] = {name: _lean(part) for name, part in named.items()}
        elif word in {"default", "enum", "const", "examples"}:
            kept[word] = value
        elif word != "title":
            kept[word] = _lean(value)
    return kept


def key_of(caller: Caller, tool: str, said: JsonValue, given: str | None) -> str:
    """The idempotency key of a call: the host's own, else what is asked for.

    Args:
        said: the call's content, in one form for all ways to write it.
        given: the key that the host gave this call, which the model does not write.
    """
    who = [caller.requester.kind.value, caller.requester.id, caller.subject.id]
    what = ["given", given] if given is not None else ["said", caller.conversation, tool, said]
    try:
        parts = orjson.dumps([who, what], option=orjson.OPT_SORT_KEYS)
    except TypeError:  # no JSON, such as half a character: the engine refuses it
        return f"tool_{secrets.token_hex(32)}"
    return f"tool_{hashlib.sha256(parts).hexdigest()}"
