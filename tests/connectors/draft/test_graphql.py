"""A draft from a GraphQL schema."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from sayso.connectors.describe.graphql import GraphQl
from sayso.connectors.draft.graphql import draft_graphql
from sayso.errors import ConfigError

SCHEMA = """
type Query { booking(id: ID!): Booking }
type Booking { id: ID! status: String! customer: Customer }
type Customer { id: ID! }
type UserError { field: [String!] message: String! }
type CancelPayload { booking: Booking userErrors: [UserError!]! }
input CancelInput { bookingId: ID! note: String notify: Boolean }
type Mutation {
  "Cancels a booking."
  bookingCancel(input: CancelInput!): CancelPayload
  bookingBulkCancel(ids: [ID!]!): CancelPayload
  themeCreate(name: String!): CancelPayload
}
"""


@pytest.fixture
def schema(tmp_path: Path) -> GraphQl:
    """A spa's."""
    path = tmp_path / "spa.graphql"
    path.write_text(SCHEMA)
    return GraphQl.read(path)


@pytest.mark.promise("draft:sure")
def test_a_mutation_of_support_becomes_an_action(schema: GraphQl) -> None:
    """Its document is one that the provider takes; what tells nothing is asked."""
    drafted = draft_graphql(schema, "spa", "spa.graphql")
    assert dict(drafted.actions) == {"booking_cancel": "bookingCancel"}
    table = tomllib.loads(drafted.text)
    action = table["actions"]["booking_cancel"]
    assert list(schema.wrong(action["call"]["mutation"], mutation=True)) == []
    assert list(schema.wrong(table["reads"]["booking"]["query"], mutation=False)) == []
    assert action["owner"] == {"path": "booking.customer.id", "is": "{subject.form}"}
    assert action["call"]["variables"]["input"] == {
        "bookingId": "{object.id}",
        "note": "{call.ref}",
    }
    assert action["call"]["user_errors"] == "bookingCancel.userErrors"
    assert "# ASK account" in drafted.text
    assert "# ASK key" in drafted.text


def test_what_is_not_there_is_refused(schema: GraphQl) -> None:
    """With what there is."""
    with pytest.raises(ConfigError, match="no mutation `nothing`"):
        draft_graphql(schema, "spa", "x", ["nothing"])
