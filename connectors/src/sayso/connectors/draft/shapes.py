"""What a description says about one operation, as a draft needs it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from sayso.actions.model.definition import Effect
from sayso.connectors.describe.openapi import OpenApi, Operation
from sayso.connectors.describe.shape import Document, Schema
from sayso.connectors.draft.words import singular, words_of

PARAMETER = re.compile(r"\{([^{}]+)\}")
AMOUNTS = ("amount", "amount_money", "total", "value", "amount_cents", "amount_minor")
_MINOR = re.compile(r"smallest|lowest denomination|minor unit|\bcents\b")
WITH_AMOUNT = frozenset({Effect.MONEY_OUT, Effect.CREDIT})


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """An operation that becomes an action."""

    operation: Operation
    verb: str
    effect: Effect


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyShape:
    """What a request's body is made of.

    Attributes:
        root: the key that everything stands in, such as `refund`; empty for none.
        fields, required: by name.
    """

    root: str
    fields: Mapping[str, Schema]
    required: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectShape:
    """What is acted on.

    Attributes:
        kind: our word for it. arg: its argument. get: how it is read; None where nothing is found.
        root: path of it in the answer. fields: of it.
    """

    kind: str
    arg: str
    get: Operation | None
    root: str | None
    fields: Mapping[str, Schema]


class Shapes:
    """Reads operations of a description.

    Args:
        described: the provider's own.
    """

    def __init__(self, described: OpenApi) -> None:
        self.described = described
        self.document: Document = described.document

    def body(self, operation: Operation) -> BodyShape:
        fields = self.document.writable(operation.body_schema)
        required = self.document.required(operation.body_schema)
        if len(fields) == 1:
            (root, schema) = next(iter(fields.items()))
            if self.document.type_of(schema) == "object":
                inner = self.document.writable(schema)
                if inner:
                    return BodyShape(
                        root=root, fields=inner, required=frozenset(self.document.required(schema))
                    )
        return BodyShape(root="", fields=fields, required=frozenset(required))

    def money(self, schema: Schema) -> tuple[str | None, dict[str, str] | str | None]:
        """In which unit an amount is, and how it is written; None for what it doesn't say."""
        inner = self.document.properties(schema)
        value = next((one for one in ("value", "amount") if one in inner), None)
        currency = next((one for one in ("currency", "currency_code") if one in inner), None)
        told = self.document.follow(inner[value] if value else schema)
        words = str(told.get("description", "")).lower()
        unit = None
        if re.fullmatch(r"\d+\.\d+", str(told.get("example", ""))):
            unit = "major"
        elif self.document.type_of(told) == "integer" and _MINOR.search(words):
            unit = "minor"
        if unit is None or (inner and (value is None or currency is None)):
            return unit, None
        if value is None or currency is None:
            return unit, f"{{amount.{unit}}}"
        return unit, {value: f"{{amount.{unit}}}", currency: "{amount.currency}"}

    def inner(self, schema: Schema) -> tuple[str | None, Mapping[str, Schema]]:
        """The object of an answer: itself, or the one thing that it is wrapped in."""
        fields = self.document.properties(schema)
        if "id" in fields:
            return None, fields
        objects = {
            name: one for name, one in fields.items() if self.document.type_of(one) == "object"
        }
        for name, one in objects.items():
            inner = self.document.properties(one)
            if "id" in inner and (len(objects) == 1 or name == "data"):
                return name, inner
            if inner and len(fields) == 1:
                return name, inner
        return None, fields

    def items(self, schema: Schema) -> tuple[str | None, Mapping[str, Schema]]:
        if self.document.type_of(schema) == "array":
            return "@", self.document.properties(self.document.items(schema))
        for name, one in self.document.properties(schema).items():
            if self.document.type_of(one) == "array":
                return name, self.document.properties(self.document.items(one))
        for name, one in self.document.properties(schema).items():
            if name in ("_embedded", "data", "result"):
                within, fields = self.items(one)
                if within is not None:
                    return f"{name}.{within}", fields
        return None, {}

    def as_text(self, path: str, schema: Schema) -> str:
        kind = self.document.type_of(schema)
        return f"to_string({path})" if kind in ("integer", "number") else path

    def lists_of(self, kind: str) -> list[str]:
        return [
            f"GET {one.path}"
            for one in self.described.operations
            if one.method == "GET" and kind in (singular(word) for word in words_of(one.path))
        ]


def filled(path: str, arg: str, value: str = "") -> str:
    """The path with its last parameter filled in; others are left for `check` to find."""
    names = PARAMETER.findall(path)
    if not names:
        return path
    put = value or f"{{args.{arg}}}"
    head, _, tail = path.rpartition(f"{{{names[-1]}}}")
    return head + put + tail
