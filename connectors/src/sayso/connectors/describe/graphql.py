"""A GraphQL schema: documents validated by it, variables coerced, answers made from it."""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from sayso.connectors.describe.openapi import read_document
from sayso.connectors.manifest.schema import ActionTable
from sayso.errors import Code, ConfigError
from sayso.extras import missing_extra
from sayso.json import JsonValue

if TYPE_CHECKING:
    from graphql import GraphQLSchema

MAX_DEPTH = 12


class GraphQl:
    """A schema.

    Args:
        schema: graphql-core's.
    """

    def __init__(self, schema: GraphQLSchema) -> None:
        self._schema = schema

    @classmethod
    def looks_like(cls, path: Path) -> bool:
        """Whether a file is a GraphQL schema or an introspection."""
        if path.name.removesuffix(".gz").endswith((".graphql", ".graphqls", ".gql")):
            return True
        try:
            opened = gzip.open if path.suffix == ".gz" else open
            with opened(path, "rb") as file:
                head = file.read(400)
        except OSError:
            return False
        return b'"__schema"' in head

    @classmethod
    def read(cls, path: Path) -> GraphQl:
        """Read a schema in its own language, or the answer to an introspection.

        Raises:
            ConfigError: `missing_extra` without graphql-core; `invalid_setting` for neither.
        """
        graphql = _graphql()
        try:
            if path.name.removesuffix(".gz").endswith((".graphql", ".graphqls", ".gql")):
                raw = path.read_bytes()
                text = gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw
                return cls(graphql.build_schema(text.decode(), assume_valid=True))
            whole = cast("Mapping[str, Any]", read_document(path))
            data: Any = whole.get("data", whole)
            # NOTE: Shopify deprecates fields of interfaces, which graphql-core takes for a mistake.
            return cls(graphql.build_client_schema(data, assume_valid=True))
        except (ValueError, TypeError, graphql.GraphQLError, OSError) as error:
            raise ConfigError(
                Code.INVALID_SETTING,
                f"the schema `{path.name}` cannot be read: {str(error)[:160]}",
                next_step="give the provider's schema, or the answer to an introspection",
            ) from error

    @property
    def schema(self) -> GraphQLSchema:
        """graphql-core's."""
        return self._schema

    def wrong(self, document: str, *, mutation: bool) -> Iterator[str]:
        """What the provider would refuse about a document; more than one operation, too."""
        graphql = _graphql()
        wrong = list(wrong_document(document, mutation=mutation))
        if wrong:
            yield from wrong
            return
        parsed = graphql.parse(document)
        for error in graphql.validate(self._schema, parsed):
            yield error.message

    def wrong_variables(
        self, document: str, variables: Mapping[str, JsonValue], action: ActionTable | None
    ) -> Iterator[str]:
        """Which variables the document does not take or does not get, also inside of inputs."""
        graphql = _graphql()
        try:
            operation = _operation(graphql.parse(document))
        except graphql.GraphQLError:
            return  # said already
        wanted: dict[str, Any] = {}
        for definition in operation.variable_definitions or ():
            name = definition.variable.name.value
            wanted[name] = graphql.type_from_ast(self._schema, definition.type)
            required = graphql.is_non_null_type(wanted[name]) and definition.default_value is None
            if required and name not in variables:
                yield f"the document needs the variable `{name}`"
        for name, template in variables.items():
            if name not in wanted:
                yield f"the document has no variable `{name}`"
            elif wanted[name] is not None:
                yield from self._wrong_input(template, wanted[name], name)

    def _wrong_input(self, template: JsonValue, kind: Any, at: str) -> Iterator[str]:
        graphql = _graphql()
        if graphql.is_non_null_type(kind):
            kind = kind.of_type
        # SOURCE: GraphQL, section 3.5 Scalars: what a scalar of the schema's own holds is its own.
        if graphql.is_scalar_type(kind) and not graphql.is_specified_scalar_type(kind):
            return
        if isinstance(template, Mapping) and set(template) == {"each", "as"}:
            if not graphql.is_list_type(kind):
                yield f"`{at}` is a list, and {kind} is wanted"
                return
            yield from self._wrong_input(template["as"], kind.of_type, f"{at}[]")
        elif isinstance(template, Mapping) and set(template) != {"json"}:
            yield from self._wrong_object(template, kind, at)
        elif isinstance(template, Sequence) and not isinstance(template, str):
            inner = kind.of_type if graphql.is_list_type(kind) else kind
            for number, one in enumerate(template):
                yield from self._wrong_input(one, inner, f"{at}.{number}")
        elif isinstance(template, str) and "{" not in template:
            if graphql.is_enum_type(kind) and template not in kind.values:
                known = ", ".join(kind.values)[:160]
                yield f"`{at}` may not be `{template}`; it is one of {known}"
            if graphql.is_scalar_type(kind) and kind.name in ("Int", "Float", "Boolean"):
                yield f"`{at}` is a text, and {kind} is wanted"

    def _wrong_object(self, template: Mapping[str, JsonValue], kind: Any, at: str) -> Iterator[str]:
        graphql = _graphql()
        # SOURCE: GraphQL, section 3.11 List: what is no list is taken as a list of one.
        while graphql.is_list_type(kind) or graphql.is_non_null_type(kind):
            kind = kind.of_type
        if not graphql.is_input_object_type(kind):
            yield f"`{at}` is an object, and {kind} is wanted"
            return
        for name, value in template.items():
            if name not in kind.fields:
                yield f"`{at}` takes no `{name}`"
            else:
                yield from self._wrong_input(value, kind.fields[name].type, f"{at}.{name}")
        for name, field in kind.fields.items():
            if graphql.is_required_input_field(field) and name not in template:
                yield f"`{at}` needs `{name}`"

    def sample(self, document: str) -> JsonValue:
        """An answer's `data`, with everything that the document asks for."""
        graphql = _graphql()
        try:
            parsed = graphql.parse(document)
            operation = _operation(parsed)
        except graphql.GraphQLError:
            return {}
        fragments = {
            one.name.value: one
            for one in parsed.definitions
            if isinstance(one, graphql.FragmentDefinitionNode)
        }
        root = self._schema.get_root_type(operation.operation)
        return self._selected(operation.selection_set, root, fragments, 0)

    def _selected(self, selections: Any, parent: Any, fragments: Any, depth: int) -> JsonValue:
        graphql = _graphql()
        found: dict[str, JsonValue] = {}
        if depth > MAX_DEPTH or parent is None:
            return found
        for one in selections.selections:
            if isinstance(one, graphql.FieldNode):
                name = one.alias.value if one.alias else one.name.value
                fields = getattr(parent, "fields", {})
                if one.name.value in fields:
                    kind = fields[one.name.value].type
                    found[name] = self._value(kind, one.selection_set, fragments, depth)
                elif one.name.value == "__typename":
                    found[name] = parent.name
            else:
                inner = one
                if isinstance(one, graphql.FragmentSpreadNode):
                    inner = fragments.get(one.name.value)
                if inner is not None:
                    condition = getattr(inner, "type_condition", None)
                    kind = self._schema.get_type(condition.name.value) if condition else parent
                    more = self._selected(inner.selection_set, kind, fragments, depth + 1)
                    found.update(cast("dict[str, JsonValue]", more))
        return found

    def _value(self, kind: Any, selections: Any, fragments: Any, depth: int) -> JsonValue:
        graphql = _graphql()
        if graphql.is_non_null_type(kind):
            return self._value(kind.of_type, selections, fragments, depth)
        if graphql.is_list_type(kind):
            return [self._value(kind.of_type, selections, fragments, depth)]
        if selections is not None:
            return self._selected(selections, kind, fragments, depth + 1)
        if graphql.is_enum_type(kind):
            return str(next(iter(kind.values)))
        known = {"Int": 1, "Float": 1.5, "Boolean": True, "DateTime": "2026-11-25T12:00:00Z"}
        return cast("JsonValue", known.get(kind.name, "text"))


def wrong_document(document: str, *, mutation: bool) -> Iterator[str]:
    """What a manifest may not ask for: it is parsed, and never searched.

    One operation; a query for a read; for a call a mutation with exactly one field, since two would
    be two writes.
    """
    graphql = _graphql()
    try:
        parsed = graphql.parse(document)
    except graphql.GraphQLError as error:
        yield f"it is no GraphQL: {error.message}"
        return
    operations = [
        one for one in parsed.definitions if isinstance(one, graphql.OperationDefinitionNode)
    ]
    if len(operations) != 1:
        yield f"it has {len(operations)} operations; one is wanted"
        return
    kind = operations[0].operation.value
    if kind != ("mutation" if mutation else "query"):
        yield f"it is a {kind}, and a {'mutation' if mutation else 'query'} is wanted"
    fields = operations[0].selection_set.selections
    if mutation and (len(fields) != 1 or not isinstance(fields[0], graphql.FieldNode)):
        yield "a mutation has exactly one field: two would be two writes"


def _operation(parsed: Any) -> Any:
    graphql = _graphql()
    return next(
        one for one in parsed.definitions if isinstance(one, graphql.OperationDefinitionNode)
    )


def _graphql() -> Any:
    try:
        import graphql  # of the extra, and 60 ms
    except ImportError as error:
        raise missing_extra("connectors", "GraphQL needs the extra `connectors`") from error
    return graphql
