"""The connector to the bench's bank: one refund, under each of the three guarantees."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import httpx
from pydantic import Field

from sayso.actions.model.definition import (
    Action,
    Args,
    Effect,
    Guarantee,
    Subject,
    at_most_once,
    idempotent,
    verifiable,
)
from sayso.actions.model.snapshot import Absence, Call, Receipt, Record, Resolved
from sayso.errors import Code, OutcomeUnknownError, RefusedError, RetryableError
from sayso.money import Money

GuaranteeKind = Literal["idempotent", "verifiable", "at_most_once"]
GUARANTEES: tuple[GuaranteeKind, ...] = ("idempotent", "verifiable", "at_most_once")
_OK, _NOT_FOUND, _NO = 200, 404, 402
_PAGE, _SEEN = "https://bank.example/docs", "2026-11-29"
"""The bank holds the money itself: its record is the refund, as each run of this bench counts."""

POLICY = """
@id("small") @explain("A refund of up to 50")
permit (principal, action, resource)
when { context.currency == "USD" && context.amount.lessThanOrEqual(decimal("50.00")) };

@id("manager") @explain("A refund of up to 500 once a support manager has approved")
permit (principal, action, resource)
when {
  context.currency == "USD" &&
  context.amount.lessThanOrEqual(decimal("500.00")) &&
  context.approvedBy.contains("support_manager")
};
"""


class RefundArgs(Args):
    """Arguments of each action."""

    order: str = Field(min_length=1, max_length=64, description="the order's id")
    amount: Money = Field(description="what to pay back")


class BankConnector:
    """`bank.idempotent`, `bank.verifiable`, `bank.at_most_once`: the same refund.

    Args:
        url: of the bank.
        worker: how the bank is to know this process.
        settle_after_s: after so long an empty look-up proves that nothing was done.
        on_call: told the action's id before the call leaves, and again with its answer.
    """

    name = "bank"
    version = "1"

    def __init__(
        self,
        url: str,
        worker: str,
        settle_after_s: int,
        on_call: Callable[[str, str], None] = lambda moment, action_id: None,
    ) -> None:
        self._worker = worker
        self._on_call = on_call
        self._client = httpx.AsyncClient(
            base_url=url, timeout=60.0, trust_env=False, headers={"x-worker": worker}, verify=False
        )
        guarantees: dict[GuaranteeKind, Guarantee] = {
            "idempotent": idempotent(
                hours=24, settle_after_s=settle_after_s, record="with", source=_PAGE, proven=_SEEN
            ),
            "verifiable": verifiable(
                settle_after_s=settle_after_s,
                record="with",
                source=_PAGE,
                keyed=True,
                proven=_SEEN,
            ),
            "at_most_once": at_most_once(),
        }
        self.actions: Sequence[Action] = [
            Action(
                name=f"bank.{kind}",
                summary="Pay back an order",
                args=RefundArgs,
                guarantee=guarantee,
                # Its workers die any number of times, and a payment is repeated once by itself:
                # that is judged by `--after-paying`, and here what the guarantees promise.
                effect=Effect.CHANGE,
                reversible=False,
                sentence="Refund {amount} of order {order}",
                money_arg="amount",
            )
            for kind, guarantee in guarantees.items()
        ]

    async def resolve(self, action: Action, args: Args, subject: Subject) -> Resolved:
        """Read the order. See `Connector.resolve`."""
        assert isinstance(args, RefundArgs)
        found = await self._read(f"/orders/{args.order}")
        if found is None:
            raise RefusedError(Code.UNKNOWN_OBJECT, f"there is no order `{args.order}`")
        if args.amount.amount_minor > found["paid"] - found["refunded"]:
            raise RefusedError(Code.AMOUNT_TOO_LARGE, "so much is not left")
        return Resolved(
            args={"order": args.order, "amount": args.amount.to_json()},
            object_kind="order",
            object_id=args.order,
            owner=found["customer"],
            owner_proof="order.customer",
            account="bank-1",
            payee="the card that paid",
            amount=args.amount,
            preconditions={"order.refunded": found["refunded"]},
            fields={"order": args.order},
        )

    async def call(self, call: Call) -> Receipt:
        """Pay back. See `Connector.call`."""
        amount = call.resolved.amount
        assert amount is not None
        keyed = call.action == "bank.idempotent"
        self._on_call("calling", call.action_id)
        try:
            answer = await self._client.post(
                "/refunds",
                json={
                    "order": call.resolved.object_id,
                    "amount": amount.amount_minor,
                    "reference": call.action_id,
                },
                headers={"idempotency-key": call.idempotency_key} if keyed else {},
            )
        except httpx.ConnectError as error:
            raise RetryableError(Code.PROVIDER_UNAVAILABLE, "the bank is closed") from error
        except httpx.HTTPError as error:
            raise OutcomeUnknownError(Code.OUTCOME_UNKNOWN, "no answer came") from error
        finally:
            self._on_call("called", call.action_id)
        if answer.status_code == _NO:
            raise RefusedError(Code.PROVIDER_REFUSED, answer.text)
        if answer.status_code != _OK:
            raise OutcomeUnknownError(Code.OUTCOME_UNKNOWN, answer.text)
        return _receipt(answer.json())

    async def look_up(self, call: Call) -> Receipt | Absence:
        """Find it by our reference. See `Connector.look_up`."""
        if call.action == "bank.at_most_once":
            return Absence.CANNOT_TELL
        found = await self._read(f"/refunds?reference={call.action_id}")
        refunds: list[dict[str, Any]] = [] if found is None else found["refunds"]
        return _receipt(refunds[0]) if refunds else Absence.ABSENT

    async def list_records(self, subject: Subject) -> Sequence[Record]:
        """Nothing: nobody plans here."""
        return ()

    async def close(self) -> None:
        """Close the sockets."""
        await self._client.aclose()

    async def _read(self, path: str) -> Any:
        try:
            answer = await self._client.get(path)
        except httpx.HTTPError as error:
            raise RetryableError(Code.PROVIDER_UNAVAILABLE, "the bank is closed") from error
        return None if answer.status_code == _NOT_FOUND else answer.json()


def _receipt(refund: dict[str, Any]) -> Receipt:
    return Receipt(id=refund["id"], status="paid", amount=Money(refund["amount"], "USD"))
