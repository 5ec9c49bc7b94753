"""What Stripe is asked before a refund, and what its answers are read as."""

from __future__ import annotations

import httpx
import pytest
from connectors.benches import ANA, stripe_on
from connectors.stripe_front import recording

from sayso.connectors.registry import Connectors
from sayso.connectors.stripe.answer import StripeAnswer
from sayso.sandbox import Sandbox

CHARGE = "ch_demo_ana_1"


@pytest.mark.parametrize("is_listed", [True, False])
async def test_a_charge_is_read_by_itself_only_where_the_newest_do_not_hold_it(
    is_listed: bool,
) -> None:
    """A customer's charges are read anyway, for the facts; one older than a page is asked for."""

    def listed(path: str, answer: httpx.Response) -> httpx.Response:
        if path != "/v1/charges" or is_listed:
            return answer
        return httpx.Response(200, json={**answer.json(), "data": []})

    with Sandbox.start(seed="demo") as sandbox, recording(sandbox.url, listed) as front:
        stripe = stripe_on(front.url, sandbox.api_key)
        connectors = Connectors([stripe])
        try:
            args = connectors.validate_args("stripe.refund", {"charge": CHARGE})
            found = await connectors.resolve(connectors.action("stripe.refund"), args, ANA)
        finally:
            await stripe.close()
    assert (found.object_id, found.owner) == (CHARGE, ANA.id)
    asked = sorted(one.path for one in front.exchanges)
    alone = [] if is_listed else [f"/v1/charges/{CHARGE}"]
    assert asked == ["/v1/account", "/v1/charges", *alone, f"/v1/customers/{ANA.id}"]


def test_an_answer_is_read_as_the_sdk_would_read_it() -> None:
    """Tables within it are made when they are looked at; what is not there is an error."""
    table: dict[str, object] = {
        "object": "list",
        "data": [{"object": "charge", "id": "ch_1", "metadata": {"order": "7"}}, "ch_2"],
    }
    page = StripeAnswer(table)
    charge, name = page.data
    assert (charge.id, charge["id"], name) == ("ch_1", "ch_1", "ch_2")
    assert charge.metadata["order"] == "7"
    assert charge.metadata.to_dict() == {"order": "7"}
    assert charge.description is None, "Stripe may leave it out"
    assert "amount" not in charge
    with pytest.raises(AttributeError):
        _ = charge.amount
    with pytest.raises(KeyError):
        _ = charge["amount"]


def test_what_an_answer_is_given_stays_with_it() -> None:
    """As the rest of a subscription's items."""
    sub = StripeAnswer({"id": "sub_1", "items": {"data": [], "has_more": True}})
    sub.items.data, sub.items.has_more = [StripeAnswer({"id": "si_1"})], False
    assert [one.id for one in sub.items.data] == ["si_1"]
    assert not sub.items.has_more
