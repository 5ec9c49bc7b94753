"""A manifest is judged by the provider's own description: requests, bodies and every read."""

# ruff: noqa: E501  (lines of manifests stand in tables)

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from connectors.manifest.stand import source_of

from sayso.connectors.describe.conform import Description, deviations
from sayso.connectors.describe.graphql import GraphQl
from sayso.connectors.describe.openapi import OpenApi
from sayso.connectors.describe.paths import missing
from sayso.connectors.describe.shape import Document
from sayso.errors import Code, ConfigError
from sayso.json import JsonValue

OPENAPI = {
    "openapi": "3.0.3",
    "servers": [{"url": "https://api.acme.example/v1"}],
    "paths": {
        "/me": {"get": {"responses": {"200": {"$ref": "#/components/responses/Me"}}}},
        "/payments/{id}": {
            "get": {
                "parameters": [
                    {"name": "expand", "in": "query", "schema": {"type": "string"}},
                    {
                        "name": "page",
                        "in": "query",
                        "style": "deepObject",
                        "schema": {"type": "object", "properties": {"size": {"type": "integer"}}},
                    },
                ],
                "responses": {
                    "200": {
                        "content": {
                            "application/json": {"schema": {"$ref": "#/components/schemas/Payment"}}
                        }
                    }
                },
            }
        },
        "/payments/{id}/refunds": {
            "get": {
                "responses": {
                    "200": {
                        "content": {
                            "application/json": {
                                "schema": {
                                    "type": "object",
                                    "properties": {
                                        "data": {
                                            "type": "array",
                                            "items": {"$ref": "#/components/schemas/Refund"},
                                        },
                                        "has_more": {"type": "boolean"},
                                    },
                                }
                            }
                        }
                    }
                }
            },
            "post": {
                "requestBody": {
                    "content": {
                        "application/json": {
                            "schema": {
                                "type": "object",
                                "required": ["amount", "kind"],
                                "properties": {
                                    "amount": {"type": "integer"},
                                    "kind": {"type": "string", "enum": ["full", "part"]},
                                    "reference": {"type": "string"},
                                    "notify": {"type": "boolean"},
                                    "metadata": {
                                        "type": "object",
                                        "additionalProperties": {"type": "string"},
                                    },
                                },
                            }
                        }
                    }
                },
                "responses": {
                    "201": {
                        "content": {
                            "application/json": {"schema": {"$ref": "#/components/schemas/Refund"}}
                        }
                    }
                },
            },
        },
    },
    "components": {
        "responses": {
            "Me": {
                "content": {
                    "application/json": {
                        "schema": {
                            "type": "object",
                            "properties": {"id": {"type": "string"}, "name": {"type": "string"}},
                        }
                    }
                }
            }
        },
        "schemas": {
            "Payment": {
                "allOf": [
                    {
                        "type": "object",
                        "properties": {
                            "id": {"type": "string"},
                            "status": {"type": "string"},
                            "parent": {"$ref": "#/components/schemas/Payment"},
                        },
                    },
                    {
                        "type": "object",
                        "properties": {
                            "customer": {
                                "oneOf": [
                                    {"type": "string"},
                                    {"type": "object", "properties": {"id": {"type": "string"}}},
                                ]
                            },
                            "lines": {
                                "type": "array",
                                "items": {
                                    "type": "object",
                                    "properties": {"sku": {"type": "string"}},
                                },
                            },
                        },
                    },
                ]
            },
            "Refund": {
                "type": "object",
                "properties": {
                    "id": {"type": "string"},
                    "status": {"type": "string"},
                    "reference": {"type": "string", "nullable": True},
                },
            },
        },
    },
}

MANIFEST = """
manifest = 1
connector = "acme"
version = "1"
title = "Acme"
[connection]
base = "https://api.acme.example/v1"
auth = { kind = "bearer" }
account = { get = "/me", id = "id", title = "name" }
[money]
unit = "minor"
[reads.payment]
get = "/payments/{args.payment}"
query = { expand = "lines", "page[size]" = 5 }
[actions.refund]
summary = "Refund a payment"
effect = "money_out"
sentence = "Refund {amount} of {payment}"
reversible = false
resolve = ["payment"]
object = { kind = "payment", id = "payment.id" }
owner = { path = "payment.customer" }
payee = "the card"
amount = { arg = "amount" }
args.payment = { type = "ref", kind = "payment", pattern = "pay_[a-z0-9]+", says = "the payment" }
args.amount = { type = "money", says = "how much" }
args.how = { type = "enum", of = { all = "full", some = "part" }, default = "some" }
require = [{ that = "payment.status == 'paid' && length(payment.lines[?sku != `null`]) > `0`", else = "wrong_state" }]
preconditions = { "payment.status" = "payment.status" }
facts = { status = "payment.status" }
card = { payment = "payment.id", goods = { text = "join(', ', payment.lines[].sku)" } }
[actions.refund.call]
post = "/payments/{object.id}/refunds"
json = { amount = "{amount.minor}", kind = "{args.how}", reference = "{call.ref}", notify = true, metadata = { any = "{subject.id}" } }
reference = { at = "json.reference" }
receipt = { id = "id", status = "status", ours = "reference" }
[actions.refund.look_up]
get = "/payments/{object.id}/refunds"
items = "data"
absent_after = "2m"
"""


def found(before: str = "", after: str = "") -> list[str]:
    """What deviates, after a change."""
    assert before in MANIFEST
    api = OpenApi(OPENAPI, "acme.json")
    source = source_of(MANIFEST.replace(before, after, 1) if before else MANIFEST)
    return [str(one) for one in deviations(source, Description(openapi=(api,)))]


def test_a_manifest_that_says_what_the_provider_says_has_no_deviation() -> None:
    """Through references, branches, deep parameters, filters and projections."""
    assert not found()


@pytest.mark.promise("describe:deviations")
@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        (
            'get = "/payments/{args.payment}"',
            'get = "/payment/{args.payment}"',
            "no GET /payment/{…}; did you mean GET /payments/{id}?",
        ),
        (
            'post = "/payments/{object.id}/refunds"',
            'put = "/payments/{object.id}/refunds"',
            "no PUT",
        ),
        ('expand = "lines"', 'expnd = "lines"', "no parameter `expnd`; did you mean `expand`?"),
        ('"page[size]" = 5', '"page[siz]" = 5', "takes no `page[siz]`; it takes size"),
        (
            'reference = "{call.ref}"',
            'referense = "{call.ref}"',
            "takes no `referense`; did you mean `reference`?",
        ),
        ('amount = "{amount.minor}", ', "", "needs `amount`"),
        (
            'amount = "{amount.minor}"',
            'amount = "{amount.major}"',
            "`amount` is a string, and an integer is wanted",
        ),
        ("notify = true", 'notify = "yes"', "`notify` is a string, and a boolean is wanted"),
        (
            'some = "part"',
            'some = "parts"',
            "`kind` may not be `parts`; the provider takes `full`, `part`",
        ),
        (
            'metadata = { any = "{subject.id}" }',
            'metadata = "x"',
            "`metadata` is a string, and an object is wanted",
        ),
        ("json = { amount", "form = { amount", "takes JSON and no form"),
        ('path = "payment.customer"', 'path = "payment.custmer"', "reads `custmer`"),
        ("payment.status == 'paid'", "payment.state == 'paid'", "reads `state`"),
        ("[?sku != `null`]", "[?sko != `null`]", "reads `sko`"),
        ("payment.lines[].sku", "payment.items[].sku", "reads `items`"),
        ('ours = "reference"', 'ours = "metadata.ref"', "reads `metadata`"),
        ('items = "data"', 'items = "refunds"', "reads `refunds`"),
        ('title = "name"', 'title = "business.name"', "reads `business`"),
        (
            'facts = { status = "payment.status" }',
            'facts = { days = { days_since = "payment.created" } }',
            "reads `created`",
        ),
    ],
)
def test_a_deviation_is_found(before: str, after: str, message: str) -> None:
    """Names, types, words and requests that the provider does not have."""
    said = found(before, after)
    assert any(message in one for one in said), said


def test_of_two_versions_names_one_is_enough() -> None:
    """`a || b` reads whichever there is."""
    assert not found('path = "payment.customer"', 'path = "payment.owner || payment.customer"')
    assert found('path = "payment.customer"', 'path = "payment.owner || payment.holder"')


@pytest.mark.parametrize(
    ("path", "lost"),
    [
        ("a.b", []),
        ("a.c", ["c"]),
        ("a.l[].x", []),
        ("a.l[].y", ["y"]),
        ("a.l[0].y", ["y"]),
        ("a.l[?x == z].x", ["z"]),
        ("{k: a.b, m: a.n}", ["n"]),
        ("join(', ', a.l[].y)", ["y"]),
        ("not_null(a.q, a.b)", ["q"]),
        ("sort_by(a.l, &y)[0].x", []),
        ("a.l | [0].y", ["y"]),
        ("!a.b == `true`", []),
        ("q", ["q"]),
    ],
)
def test_what_a_path_reads_in_vain_is_named(path: str, lost: list[str]) -> None:
    """Also inside of filters, functions and comparisons."""
    assert missing(path, {"a": {"b": True, "l": [{"x": 1}]}}) == lost


SCHEMA = """
type Query { me: Account!, order(id: ID!): Order }
type Account { id: ID!, name: String! }
type Order { id: ID!, name: String!, customer: Customer, refunds(first: Int): [Refund!]! }
type Customer { id: ID! }
type Refund { id: ID!, note: String }
enum Kind { FULL PART }
input RefundInput { orderId: ID!, note: String, kind: Kind!, lines: [LineInput!] }
input LineInput { line: ID!, quantity: Int! }
type Mutation { refundCreate(input: RefundInput!): RefundPayload, other(id: ID!): RefundPayload }
type RefundPayload { refund: Refund, userErrors: [UserError!]! }
type UserError { message: String! }
"""

GRAPH = """
manifest = 1
connector = "acme"
version = "1"
title = "Acme"
[connection]
base = "https://api.acme.example"
graphql = "/graphql"
auth = { kind = "bearer" }
account = { query = "query { me { id name } }", id = "me.id", title = "me.name" }
[reads.order]
query = "query($id: ID!) { order(id: $id) { id name customer { id } } }"
variables = { id = "{args.order}" }
root = "order"
[actions.note]
summary = "Note"
effect = "change"
sentence = "Note on {order}"
reversible = false
resolve = ["order"]
object = { kind = "order", id = "order.id" }
owner = { path = "order.customer.id" }
payee = "the order"
preconditions = { name = "order.name" }
args.order = { type = "ref", kind = "order", pattern = "[0-9]+", says = "the order" }
args.items = { type = "list", max = 5, of = { line = { type = "ref", kind = "line", pattern = "x" }, quantity = { type = "int", min = 1, max = 5 } } }
card = { order = "order.name" }
[actions.note.call]
mutation = "mutation($input: RefundInput!) { refundCreate(input: $input) { refund { id note } userErrors { message } } }"
user_errors = "refundCreate.userErrors"
reference = { at = "variables.input.note" }
variables.input = { orderId = "{object.id}", note = "{call.ref}", kind = "PART", lines = { each = "args.items", as = { line = "{each.line}", quantity = "{each.quantity}" } } }
receipt = { from = "refundCreate.refund", id = "id", status = "'noted'", ours = "note" }
[actions.note.look_up]
query = "query($id: ID!) { order(id: $id) { refunds(first: 250) { id note } } }"
variables = { id = "{object.id}" }
items = "order.refunds"
absent_after = "2m"
"""


@pytest.mark.promise("describe:deviations")
@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("", "", ""),
        ("{ id name customer { id } }", "{ id nam customer { id } }", "Cannot query field 'nam'"),
        ("customer { id } } }", "} }", "reads `customer`"),
        (
            "query($id: ID!) { order(id: $id) { id name",
            "mutation($id: ID!) { other(id: $id) { refund { id } } } query q { me { id } } #",
            "2 operations",
        ),
        (
            "refundCreate(input: $input) {",
            "o: other(id: 1) { refund { id } } refundCreate(input: $input) {",
            "exactly one field",
        ),
        ("mutation($input", "query($input", "it is a query, and a mutation is wanted"),
        ('kind = "PART"', 'kind = "PARTS"', "may not be `PARTS`; it is one of FULL, PART"),
        ('kind = "PART", ', "", "`input` needs `kind`"),
        ('note = "{call.ref}", kind', 'nota = "{call.ref}", kind', "`input` takes no `nota`"),
        ('line = "{each.line}", ', "", "needs `line`"),
        (
            'variables = { id = "{args.order}" }',
            'variables = { ids = "{args.order}" }',
            "no variable `ids`",
        ),
        ("{ id note } userErrors", "{ id } userErrors", "reads `note`"),
        ("userErrors { message }", "userErrors { code }", "Cannot query field 'code'"),
        ("query { me { id name } }", "query { me { id name }", "no GraphQL"),
    ],
)
def test_a_graphql_document_is_judged_by_the_schema(
    tmp_path: Path, before: str, after: str, message: str
) -> None:
    """Parsed and never searched; variables and inputs too."""
    path = tmp_path / "acme.graphql"
    path.write_text(SCHEMA)
    assert before in GRAPH
    source = source_of(GRAPH.replace(before, after, 1) if before else GRAPH)
    said = [str(one) for one in deviations(source, Description.read([path]))]
    assert any(message in one for one in said) if message else not said, said


def test_what_a_graphql_provider_takes_is_not_refused(tmp_path: Path) -> None:
    """A scalar of its own holds what it likes, and an object stands for a list of one."""
    path = tmp_path / "own.graphql"
    path.write_text(
        "scalar JSON scalar Money type Query { a: Int } input Line { id: ID! price: Money! }"
        " type Mutation { pay(lines: [Line!]!, more: JSON): Int }"
    )
    document = "mutation($lines: [Line!]!, $more: JSON) { pay(lines: $lines, more: $more) }"
    variables: dict[str, JsonValue] = {
        "lines": {"id": "{object.id}", "price": {"amount": "{amount.minor}"}},
        "more": {"reference": "{call.ref}"},
    }
    graph = GraphQl.read(path)
    assert list(graph.wrong_variables(document, variables, None)) == []
    del variables["lines"]
    assert list(graph.wrong_variables(document, variables, None))


def test_descriptions_are_read_in_every_form(tmp_path: Path) -> None:
    """JSON, YAML, compressed; dates stay texts."""
    plain = tmp_path / "a.json"
    plain.write_text(json.dumps(OPENAPI))
    packed = tmp_path / "a.json.gz"
    packed.write_bytes(gzip.compress(json.dumps(OPENAPI).encode()))
    yaml = tmp_path / "a.yaml"
    yaml.write_text(
        "openapi: 3.0.0\ninfo: {version: 2026-11-25}\npaths:\n  /x: {get: {responses: {}}}\n"
    )
    assert len(OpenApi.read(plain).operations) == len(OpenApi.read(packed).operations) == 4
    found = OpenApi.read(yaml)
    assert [(one.method, one.path) for one in found.operations] == [("GET", "/x")]
    assert found.document.root["info"]["version"] == "2026-11-25"


@pytest.mark.parametrize("text", ["{", "a: [", "[]", "{}", "\x00"])
def test_what_is_no_description_says_so(tmp_path: Path, text: str) -> None:
    """And nothing crashes."""
    path = tmp_path / "x.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        OpenApi.read(path)
    assert caught.value.code is Code.INVALID_SETTING
    with pytest.raises(ConfigError):
        OpenApi.read(tmp_path / "nothing.json")


def test_references_that_circle_or_dangle_end() -> None:
    """Descriptions have both; a split copy names what it lacks."""
    document = Document({"a": {"$ref": "#/b"}, "b": {"$ref": "#/a"}, "c~d": {"type": "string"}})
    assert document.follow({"$ref": "#/a"}) == {}
    assert document.follow({"$ref": "#/c~0d"}) == {"type": "string"}
    assert document.follow({"$ref": "#/nothing/here"}) == {}
    assert document.follow({"$ref": "other.yaml#/x"}) == {}
    assert document.dangling == {"#/nothing/here", "other.yaml#/x"}
