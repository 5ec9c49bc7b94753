"""Acme: cancel an order over HTTP. Replace its paths and fields by your provider's.

In sayso.toml, above the first table: `actions = ["actions/*.py"]`, and at the end:

    [connectors.acme]
    api_key = "env:ACME_KEY"

Then permit `acme.cancel_order` in policies/, and run `sayso check` and `pytest tests/`.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated

from pydantic import Field

from sayso import (
    Absence,
    Args,
    Call,
    Code,
    Effect,
    OutcomeUnknownError,
    OwnConnector,
    Receipt,
    Record,
    RefusedError,
    Resolved,
    Subject,
    action,
    verifiable,
)
from sayso.connectors.http import JsonApi, path
from sayso.connectors.setup import Setup
from sayso.json import JsonObject
from sayso.network import checked_url

BASE_URL = "https://api.acme.example/v1"


class CancelOrderArgs(Args):
    """Which order; never whose: that is the verified customer."""

    order: Annotated[str, Field(pattern=r"^ord_[a-z0-9]{1,40}$", description="the order")]


class Acme(OwnConnector):
    """Reaches Acme with one key."""

    name = "acme"

    def __init__(self, api: JsonApi) -> None:
        super().__init__()
        self.api = api

    @action(
        summary="Cancel an order that is not sent yet",
        sentence="Cancel order {order}",
        effect=Effect.CANCELLATION,
        # The list of cancellations shows ours after two minutes at the latest.
        guarantee=verifiable(settle_after_s=120),
        facts={"status": "string"},
    )
    async def cancel_order(self, args: CancelOrderArgs, subject: Subject) -> Resolved:
        """Read the order, prove that it is the customer's; change nothing."""
        order = await self.api.get(path("/orders/{id}", id=args.order))
        # Worded as if there were none: nobody learns whether another customer has it.
        if order.get("customer") != subject.id:
            raise RefusedError(Code.NOT_OWNER, f"this customer has no order `{args.order}`")
        if order.get("status") != "open":
            raise RefusedError(Code.WRONG_STATE, f"`{args.order}` is {order.get('status')}")
        return Resolved(
            args={"order": args.order},
            object_kind="order",
            object_id=args.order,
            owner=subject.id,
            owner_proof="order.customer",
            account="acme",
            payee="nobody: no money moves",
            preconditions={"order.status": str(order["status"])},
            fields={"order": args.order, "status": str(order["status"])},
            facts={"status": str(order["status"])},
        )

    @cancel_order.calls
    async def send(self, call: Call) -> Receipt:
        """Do it with one request, which carries our reference."""
        done = await self.api.write(
            "POST",
            path("/orders/{id}/cancel", id=call.resolved.object_id),
            {"reference": call.action_id},
            key=call.idempotency_key,
        )
        receipt = _receipt(done, call)
        if receipt is None:  # a success that does not show our reference is nobody's
            raise OutcomeUnknownError(Code.OUTCOME_UNKNOWN, "acme's answer is not ours")
        return receipt

    @cancel_order.looks_up
    async def find(self, call: Call) -> Receipt | Absence:
        """Find it again by our reference."""
        order = await self.api.get(path("/orders/{id}", id=call.resolved.object_id))
        return _receipt(order, call) or Absence.ABSENT

    async def knows(self, subject: Subject) -> bool:
        """Whether Acme has such a customer."""
        try:
            await self.api.get(path("/customers/{id}", id=subject.id))
        except RefusedError as error:
            if error.code is Code.UNKNOWN_OBJECT:
                return False
            raise
        return True

    async def list_records(self, subject: Subject) -> Sequence[Record]:
        """The customer's orders, for a planner."""
        found = await self.api.get(path("/customers/{id}/orders", id=subject.id))
        orders = found.get("data")
        if not isinstance(orders, list):
            return ()
        return [
            Record(kind="order", id=str(one["id"]), title=str(one["status"]))
            for one in orders
            if isinstance(one, dict)
        ]

    async def close(self) -> None:
        """Close the sockets."""
        await self.api.close()


def _receipt(found: JsonObject, call: Call) -> Receipt | None:
    if found.get("status") != "cancelled" or found.get("reference") != call.action_id:
        return None
    return Receipt(id=str(found["id"]), status="cancelled")


def connect(setup: Setup) -> Acme:
    """Make it from `[connectors.acme]`: `api_key`, `base_url`, `timeout_s`."""
    key = setup.secret_at("api_key")

    async def headers() -> Mapping[str, str]:
        return {"Authorization": f"Bearer {key.reveal()}"}

    base = checked_url(setup.text("base_url", BASE_URL), name="base_url")
    timeout_s = setup.number("timeout_s", 30.0)
    return Acme(JsonApi.open(who="acme", base=base, headers=headers, timeout_s=timeout_s))


CONNECTORS = {"acme": connect}
