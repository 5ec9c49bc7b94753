"""`stripe.keep_subscription`: a cancellation at the period's end is taken back.

Like the cancellation it is one POST that sets `cancel_at_period_end` together with our reference in
the metadata, so the reference proves the effect (see `subscriptions.py`). What ended at once has
ended for good.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sayso.actions.model.definition import Args, Subject
from sayso.actions.model.snapshot import Absence, Call, Receipt, Resolved
from sayso.connectors.ahead import Ahead
from sayso.connectors.stripe.actions import KEEP_SUBSCRIPTION, KeepArgs
from sayso.connectors.stripe.customer import (
    is_ours,
    read_customer,
    reference_of,
    unknown_object,
)
from sayso.connectors.stripe.items import day_of, ends_at, first_period_end
from sayso.connectors.stripe.proof import proven
from sayso.connectors.stripe.subscriptions import (
    OVER,
    REFERENCED,
    end_before,
    read_own_subscription,
    read_subscription,
    receipt_of,
    reference_in,
    title_of,
)
from sayso.errors import Code, RefusedError

if TYPE_CHECKING:
    import stripe  # only the types: the SDK itself is imported by the first call

    from sayso.connectors.stripe.api import StripeApi


class Keeping:
    """Takes cancellations back that have not come to pass.

    Args:
        api: the door to Stripe.
    """

    action = KEEP_SUBSCRIPTION

    def __init__(self, api: StripeApi) -> None:
        self._api = api

    async def resolve(self, args: Args, subject: Subject) -> Resolved:
        """Read the subscription; refused unless it is to end with its period. Changes nothing."""
        assert isinstance(args, KeepArgs)
        async with Ahead() as ahead:
            known = ahead.read(read_customer(self._api, subject))
            own = ahead.read(read_own_subscription(self._api, args.subscription, subject.id))
            of_key = ahead.read(self._api.account())
            customer, found = await known, await own
            _check_state(found)
            account = await of_key
        return Resolved(
            args={"subscription": found.id},
            object_kind="subscription",
            object_id=found.id,
            owner=customer.id,
            owner_proof="subscription.customer",
            account=account.title,
            payee="nobody: no money moves",
            preconditions={
                "subscription.status": found.status,
                "subscription.cancel_at_period_end": found.cancel_at_period_end,
                REFERENCED: reference_in(found),
            },
            fields={"subscription": f"the subscription ({title_of(found)})", "id": found.id},
            facts={"status": found.status, "livemode": found.livemode},
            personal=customer.personal,
        )

    async def call(self, call: Call) -> Receipt:
        """Keep it, once per key."""
        args = KeepArgs.model_validate(dict(call.resolved.args))
        found = await read_subscription(self._api, args.subscription)
        if found is None:
            raise unknown_object("subscription", args.subscription)
        if is_ours(found.metadata, call):
            return receipt_of(found)
        # INVARIANT: what somebody else has kept never gets our reference.
        _check_state(found)

        async def send(client: stripe.StripeClient) -> Receipt | None:
            kept = await client.v1.subscriptions.update_async(
                args.subscription,
                {"cancel_at_period_end": False, "metadata": reference_of(call)},
                {"idempotency_key": call.idempotency_key},
            )
            return receipt_of(kept) if is_ours(kept.metadata, call) else None

        return proven(
            await self._api.write(send, what="subscription"),
            otherwise="stripe's answer does not show that the subscription goes on",
        )

    async def look_up(self, call: Call) -> Receipt | Absence:
        """Whether the subscription carries the reference of this action."""
        found = await read_subscription(self._api, call.resolved.object_id)
        if found is None:
            return Absence.CANNOT_TELL
        if is_ours(found.metadata, call):
            return receipt_of(found)
        covered = reference_in(found) != call.resolved.preconditions.get(REFERENCED)
        return Absence.CANNOT_TELL if covered else Absence.ABSENT


def _check_state(found: stripe.Subscription) -> None:
    name = f"`{found.id[:40]}`"
    if found.status in OVER:
        raise RefusedError(
            Code.WRONG_STATE, f"{name} has ended for good", next_step="start a new subscription"
        )
    ends = ends_at(found)
    if ends is not None and not found.cancel_at_period_end:
        raise RefusedError(
            Code.WRONG_STATE,
            f"{name} is set to end on {day_of(ends)}, whenever its period ends",
            next_step="take that day back in the Stripe dashboard",
        )
    if not found.cancel_at_period_end:
        raise RefusedError(Code.ALREADY_IN_STATE, f"{name} goes on already")
    before, with_period = end_before(found), first_period_end(found)
    if before is not None and (with_period is None or before > with_period):
        # NOTE: without its own end it would go on for good, and be billed.
        raise RefusedError(
            Code.WRONG_STATE,
            f"{name} was to end on {day_of(before)} before it was cancelled, and would now go on",
            next_step="set that day in the Stripe dashboard",
        )
