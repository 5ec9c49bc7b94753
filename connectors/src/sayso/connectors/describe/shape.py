"""JSON Schema as providers write it: references followed, branches put together, answers made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, cast

from sayso.json import JsonValue

MAX_DEPTH: Final = 9
MAX_PROPERTIES: Final = 400

Schema = Mapping[str, Any]


class Anything(dict[str, JsonValue]):
    """An object of which nothing is described: whatever is read of it may be there."""


@dataclass(slots=True)
class Document:
    """A description, as JSON.

    Attributes:
        root: the whole of it.
        dangling: references that lead nowhere, as they were met.
    """

    root: Mapping[str, Any]
    dangling: set[str] = field(default_factory=set[str])

    def follow(self, value: object) -> Schema:
        """What a schema is, behind its references; empty for what is not there or circular."""
        seen: set[str] = set()
        while isinstance(value, Mapping):
            whole = cast("Schema", value)
            reference = whole.get("$ref")
            if not isinstance(reference, str):
                return whole
            if reference in seen:
                return {}
            seen.add(reference)
            value = self.at(reference)
        return {}

    def at(self, reference: str) -> object:
        """What a reference within the document leads to; None where it dangles."""
        if not reference.startswith("#/"):
            self.dangling.add(reference)
            return None
        value: object = self.root
        for part in reference[2:].split("/"):
            name = part.replace("~1", "/").replace("~0", "~")
            if not isinstance(value, Mapping) or name not in value:
                self.dangling.add(reference)
                return None
            value = cast("Mapping[str, object]", value)[name]
        return value

    def properties(self, schema: object) -> dict[str, Schema]:
        """The properties of an object, of all branches together.

        Polymorphic answers are read as the union of what they may hold.
        """
        found: dict[str, list[Schema]] = {}
        self._collect(schema, found, 0)
        return {
            name: schemas[0] if len(schemas) == 1 else {"anyOf": schemas}
            for name, schemas in list(found.items())[:MAX_PROPERTIES]
        }

    def _collect(self, schema: object, found: dict[str, list[Schema]], depth: int) -> None:
        whole = self.follow(schema)
        for name, inner in cast("Mapping[str, Schema]", whole.get("properties") or {}).items():
            known = found.setdefault(name, [])
            if inner not in known:
                known.append(inner)
        if depth < MAX_DEPTH:
            for branch in self.branches(whole):
                self._collect(branch, found, depth + 1)

    def branches(self, schema: Schema) -> Iterator[object]:
        """What a schema is made of: all, one or any of these."""
        for kind in ("allOf", "oneOf", "anyOf"):
            yield from cast("Sequence[object]", schema.get(kind) or ())

    def writable(self, schema: object) -> dict[str, Schema]:
        """The properties that may be sent: not those that the provider alone says."""
        return {
            name: one
            for name, one in self.properties(schema).items()
            if not one.get("readOnly") and not self.follow(one).get("readOnly")
        }

    def required(self, schema: object) -> set[str]:
        """The properties that have to be sent; of `allOf` all, of a choice none.

        SOURCE: OpenAPI 3.0 Schema Object: one that is required and `readOnly` counts in answers.
        """
        return self._required(schema, 0) - (
            self.properties(schema).keys() - self.writable(schema).keys()
        )

    def _required(self, schema: object, depth: int) -> set[str]:
        whole = self.follow(schema)
        found = set(cast("Sequence[str]", whole.get("required") or ()))
        if depth < MAX_DEPTH:
            for branch in cast("Sequence[object]", whole.get("allOf") or ()):
                found |= self._required(branch, depth + 1)
        return found

    def type_of(self, schema: object, depth: int = 0) -> str:
        """`object`, `array`, `string`, `integer`, `number`, `boolean`; empty where it says none."""
        whole = self.follow(schema)
        kind = whole.get("type")
        if isinstance(kind, list):
            kinds = [one for one in cast("list[str]", kind) if one != "null"]
            return kinds[0] if kinds else ""
        if isinstance(kind, str):
            return kind
        if "properties" in whole:
            return "object"
        if "items" in whole:
            return "array"
        if depth < MAX_DEPTH:
            for branch in self.branches(whole):
                if found := self.type_of(branch, depth + 1):
                    return found
        return ""

    def items(self, schema: object, depth: int = 0) -> object:
        """The schema of an array's items."""
        whole = self.follow(schema)
        if "items" in whole:
            return whole["items"]
        if depth < MAX_DEPTH:
            for branch in self.branches(whole):
                found = self.items(branch, depth + 1)
                if found:
                    return found
        return {}

    def sample(self, schema: object, depth: int = 0) -> JsonValue:
        """An answer with everything in it that the schema describes."""
        whole = self.follow(schema)
        if depth > MAX_DEPTH:
            return Anything()
        match self.type_of(whole):
            case "object":
                properties = self.properties(whole)
                if not properties:
                    return Anything()
                return {name: self.sample(inner, depth + 1) for name, inner in properties.items()}
            case "array":
                return [self.sample(self.items(whole), depth + 1)]
            case "string":
                return self.text(whole)
            case "integer" | "number":
                return 1_700_000_000 if "time" in str(whole.get("format", "")) else 7
            case "boolean":
                return True
            case _:
                return Anything()

    def text(self, schema: object) -> str:
        """A text that the schema takes, as far as it says what it takes."""
        whole = self.follow(schema)
        values = whole.get("enum")
        if isinstance(values, list) and values:
            return str(cast("list[object]", values)[0])
        for branch in self.branches(whole):
            inner = self.follow(branch).get("enum")
            if isinstance(inner, list) and inner:
                return str(cast("list[object]", inner)[0])
        match str(whole.get("format", "")):
            case "date-time":
                return "2026-11-25T12:00:00Z"
            case "date":
                return "2026-11-25"
            case "uri" | "url":
                return "https://example.com/"
            case "email":
                return "ana@example.com"
            case _:
                example = whole.get("example")
                return example if isinstance(example, str) else "text"

    def enum(self, schema: object, depth: int = 0) -> list[object]:
        """The values that a schema allows; empty for any."""
        whole = self.follow(schema)
        own = list(cast("Sequence[object]", whole.get("enum") or ()))
        if own or depth > MAX_DEPTH:
            return own
        if "const" in whole:
            return [whole["const"]]
        inherited = [self.enum(one, depth + 1) for one in whole.get("allOf") or ()]
        found = next((one for one in inherited if one), list[object]())
        for kind in ("oneOf", "anyOf"):
            choices = [self.enum(one, depth + 1) for one in whole.get(kind) or ()]
            if choices and all(choices):
                found += [value for choice in choices for value in choice]
        return found
