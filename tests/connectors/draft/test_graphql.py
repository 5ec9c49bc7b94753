"""A draft from a GraphQL schema."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

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


UNIONS = """
type Query { order(id: ID!): Order }
type Order { id: ID! state: String! customer: Customer }
type Customer { id: ID! }
interface ErrorResult { errorCode: String! message: String! }
type Refund { id: ID! state: String! }
type NothingToRefundError implements ErrorResult { errorCode: String! message: String! }
type RefundStateError implements ErrorResult { errorCode: String! message: String! index: Int! }
union RefundOrderResult = Refund | NothingToRefundError | RefundStateError
input RefundOrderInput { orderId: ID! reason: String amount: Int! }
type Mutation { refundOrder(input: RefundOrderInput!): RefundOrderResult! }
"""
PLAIN = """
type Query { order(id: ID!): Order }
type Order { id: ID! state: String! }
type Mutation { cancelOrder(id: ID!): Order! voidOrder(id: ID!): Boolean! }
"""


def drafted_from(tmp_path: Path, text: str) -> tuple[GraphQl, dict[str, Any]]:
    """A schema, and what a draft from it says; each document is one that it takes."""
    path = tmp_path / "shop.graphql"
    path.write_text(text)
    schema = GraphQl.read(path)
    table = tomllib.loads(draft_graphql(schema, "shop", "shop.graphql").text)
    for action in table["actions"].values():
        assert list(schema.wrong(action["call"]["mutation"], mutation=True)) == []
    for read in table["reads"].values():
        assert list(schema.wrong(read["query"], mutation=False)) == []
    return schema, table


def test_an_answer_that_is_one_of_several_types_is_asked_for_by_each(tmp_path: Path) -> None:
    """The refund has an id, and each error its code and words; no such answer is a receipt."""
    _, table = drafted_from(tmp_path, UNIONS)
    call = table["actions"]["refund_order"]["call"]
    assert "... on Refund { id }" in call["mutation"]
    assert "... on RefundStateError { errorCode message }" in call["mutation"]
    assert call["receipt"] == {"from": "refundOrder", "id": "id", "status": "'done'"}
    assert "user_errors" not in call
    assert table["reads"]["order"]["root"] == "order"


def test_a_schema_that_tells_its_errors_nowhere_is_drafted_from(tmp_path: Path) -> None:
    """An answer that is the object itself, or only true or false."""
    _, table = drafted_from(tmp_path, PLAIN)
    assert set(table["actions"]) == {"cancel_order", "void_order"}
    assert table["actions"]["cancel_order"]["call"]["receipt"]["from"] == "cancelOrder"
