"""A body's template against the schema of what the provider takes."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from sayso.connectors.describe.shape import Document
from sayso.connectors.manifest.schema import (
    ActionTable,
    Arg,
    BoolArg,
    EnumArg,
    IntArg,
    ListArg,
    MoneyArg,
)
from sayso.connectors.manifest.template import TemplateError, names_in
from sayso.json import JsonValue

ANY = frozenset({"string", "integer", "number", "boolean", "object", "array"})
_NUMBERS = frozenset({"integer", "number"})


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyJudge:
    """Judges templates of one action.

    Attributes:
        document: the description.
        action: whose placeholders they are; None for a read's.
        is_form: whether everything is written as text.
    """

    document: Document
    action: ActionTable | None
    is_form: bool

    def wrong(self, template: JsonValue, schema: object, at: str = "") -> Iterator[str]:
        """What does not fit, in words."""
        document = self.document
        kind = document.type_of(schema)
        if isinstance(template, Mapping):
            yield from self._table(template, schema, kind, at)
        elif isinstance(template, str):
            yield from self._text(template, schema, kind, at)
        elif isinstance(template, Sequence):
            if kind not in ("array", ""):
                yield f"{_named(at)} is a list, and {_a(kind)} is wanted"
                return
            for number, one in enumerate(template):
                yield from self.wrong(one, document.items(schema), f"{at}.{number}")
        elif template is not None:
            given = "boolean" if isinstance(template, bool) else "integer"
            given = "number" if isinstance(template, float) else given
            yield from self._fits(frozenset({given}), schema, kind, at, [template])

    def _table(
        self, template: Mapping[str, JsonValue], schema: object, kind: str, at: str
    ) -> Iterator[str]:
        if set(template) == {"each", "as"}:
            if kind not in ("array", ""):
                yield f"{_named(at)} is a list, and {_a(kind)} is wanted"
            yield from self.wrong(template["as"], self.document.items(schema), f"{at}[]")
            return
        if set(template) == {"json"}:
            if kind not in ("string", ""):
                yield f"{_named(at)} is a text, and {_a(kind)} is wanted"
            return
        if kind not in ("object", ""):
            yield f"{_named(at)} is an object, and {_a(kind)} is wanted"
            return
        yield from self._properties(template, schema, at)

    def _properties(
        self, template: Mapping[str, JsonValue], schema: object, at: str
    ) -> Iterator[str]:
        properties = self.document.properties(schema)
        more = self.document.follow(schema).get("additionalProperties")
        is_open = not properties or bool(more)
        for name, value in template.items():
            inner = f"{at}.{name}" if at else name
            if name in properties:
                yield from self.wrong(value, properties[name], inner)
            elif not is_open:
                near = difflib.get_close_matches(name, properties, 1)
                hint = f"; did you mean `{near[0]}`?" if near else ""
                yield f"the provider takes no `{inner}`{hint}"
        for name in sorted(self.document.required(schema) - set(template)):
            yield f"the provider needs `{f'{at}.{name}' if at else name}`"

    def _text(self, template: str, schema: object, kind: str, at: str) -> Iterator[str]:
        try:
            names = list(names_in(template))
        except TemplateError as error:
            yield str(error)
            return
        if not names:
            yield from self._fits(frozenset({"string"}), schema, kind, at, [template])
        elif template == "{" + ".".join(names[0]) + "}":
            types, values = self._types(names[0])
            yield from self._fits(types, schema, kind, at, values)
        else:
            yield from self._fits(frozenset({"string"}), schema, kind, at, [])

    def _fits(
        self,
        types: frozenset[str],
        schema: object,
        kind: str,
        at: str,
        values: Sequence[object],
    ) -> Iterator[str]:
        if kind and not self.is_form and kind not in types:
            is_whole = kind == "number" and types & _NUMBERS
            if not is_whole:
                given = " or ".join(sorted(types))
                yield f"{_named(at)} is {_a(given)}, and {_a(kind)} is wanted"
                return
        allowed = self.document.enum(schema)
        wrong = [one for one in values if allowed and one not in allowed]
        if wrong:
            listed = ", ".join(f"`{one}`" for one in allowed[:8])
            yield f"{_named(at)} may not be `{wrong[0]}`; the provider takes {listed}"

    def _types(self, name: tuple[str, ...]) -> tuple[frozenset[str], list[object]]:
        """What a placeholder is filled in with: its types, and its words where they are few."""
        text = frozenset({"string"})
        head, *rest = name
        if head == "amount":
            numbers = {"minor": "integer", "major_number": "number"}
            return frozenset({numbers.get(".".join(rest), "string")}), []
        if head in ("before", "keep", "page"):
            return ANY, []
        args: Mapping[str, Arg] = self.action.args if self.action is not None else {}
        if head == "each" and rest:
            for arg in args.values():
                if isinstance(arg, ListArg) and rest[0] in arg.of:
                    return _of_arg(cast("Arg", arg.of[rest[0]]), rest[1:])
            return ANY, []
        if head == "args" and rest:
            return _of_arg(args[rest[0]], rest[1:]) if rest[0] in args else (ANY, [])
        return text, []


def _of_arg(arg: Arg, rest: Sequence[str]) -> tuple[frozenset[str], list[object]]:
    match arg:
        case IntArg():
            return frozenset({"integer"}), []
        case BoolArg():
            return frozenset({"boolean"}), []
        case MoneyArg():
            return frozenset({"integer" if list(rest) == ["minor"] else "string"}), []
        case ListArg():
            return frozenset({"array"}), []
        case EnumArg():
            words: list[Any] = list(arg.of.values()) if isinstance(arg.of, dict) else list(arg.of)
            return frozenset({"string"}), words
        case _:
            return frozenset({"string"}), []


def _named(at: str) -> str:
    return f"`{at}`" if at else "the body"


def _a(kind: str) -> str:
    return f"an {kind}" if kind[:1] in "aeiou" else f"a {kind}"
