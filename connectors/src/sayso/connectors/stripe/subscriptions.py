"""`stripe.cancel_subscription`: ending one, and proving that it was this action that ended it.

How the proof works, since Stripe's idempotency keys have no effect on DELETE and a state alone does
not say who caused it:

- `period_end` is one POST that sets `cancel_at_period_end` together with our reference in the
  metadata. Stripe applies both or neither.
- `now` is a DELETE, which takes no metadata, but carries `cancellation_details[comment]`. Our
  reference goes there, so it too arrives with the effect or not at all. Writing a reference into
  the metadata first would prove nothing: somebody else may cancel between the two calls.

So the reference on the subscription is the effect's proof, also when somebody took the cancellation
back since. A subscription that is cancelled without our reference was cancelled by somebody else
and is never reported as our success. The metadata has room for one reference, so the one that was
there when the action was judged is a precondition; when a third one is there now, it may have
covered ours, and a look-up says that it cannot tell.

Source: Stripe docs: Cancel a subscription; Update a subscription; Idempotent requests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sayso.actions.model.definition import Args, FactValue, Subject
from sayso.actions.model.snapshot import Absence, Call, Receipt, Resolved
from sayso.connectors.ahead import Ahead
from sayso.connectors.stripe.actions import CANCEL_SUBSCRIPTION, CancelArgs
from sayso.connectors.stripe.customer import (
    DAY_S,
    REFERENCE,
    StripeCustomer,
    check_owner,
    days_since,
    is_of_an_action,
    is_ours,
    read_customer,
    reference_of,
    unknown_object,
)
from sayso.connectors.stripe.items import (
    day_of,
    ends_at,
    first_period_end,
    period_end,
    price_of,
    prices_of,
    with_all_items,
)
from sayso.connectors.stripe.proof import done_before, proven
from sayso.errors import Code, RefusedError
from sayso.ids import Clock, rfc3339_of_seconds
from sayso.text import plain

if TYPE_CHECKING:
    import stripe  # only the types: the SDK itself is imported by the first call

    from sayso.connectors.stripe.api import StripeApi

OVER = frozenset({"canceled", "incomplete_expired"})
"""States of a subscription that has ended for good."""
_COMMENT = "sayso"
END_BEFORE = "sayso_end_before"
"""The key of the metadata that holds the day that a cancellation has replaced."""
REFERENCED = f"subscription.metadata.{REFERENCE}"
"""The precondition that holds the reference that was there when the action was judged."""


class Cancellations:
    """Cancellations of subscriptions.

    Args:
        api: the door to Stripe.
        clock: for ages in days.
    """

    action = CANCEL_SUBSCRIPTION

    def __init__(self, api: StripeApi, clock: Clock) -> None:
        self._api = api
        self._clock = clock

    async def resolve(self, args: Args, subject: Subject) -> Resolved:
        """Read the subscription and say what the cancellation would be. Changes nothing."""
        assert isinstance(args, CancelArgs)
        async with Ahead() as ahead:
            known = ahead.read(read_customer(self._api, subject))
            own = ahead.read(read_own_subscription(self._api, args.subscription, subject.id))
            of_key = ahead.read(self._api.account())
            customer, found = await known, await own
            _check_state(found, args.when)
            account = await of_key
        return Resolved(
            args={"subscription": found.id, "when": args.when},
            object_kind="subscription",
            object_id=found.id,
            owner=customer.id,
            owner_proof="subscription.customer",
            account=account.title,
            payee="nobody: no money moves",
            preconditions={
                "subscription.status": found.status,
                "subscription.cancel_at_period_end": found.cancel_at_period_end,
                "subscription.cancel_at": ends_at(found),
                REFERENCED: reference_in(found),
            },
            fields=_fields(found, args.when),
            facts=self._facts(found, args, customer),
            personal=customer.personal,
        )

    def _facts(
        self, found: stripe.Subscription, args: CancelArgs, customer: StripeCustomer
    ) -> dict[str, FactValue]:
        now = self._clock.now()
        price, interval = price_of(found)
        ends = period_end(found)
        left_s = max(0, ends - int(now.timestamp())) if ends is not None else 0
        return {
            "tenure_days": customer.tenure_days(now),
            "plan": customer.plan,
            "subscription_age_days": days_since(found.created, now),
            "days_left": left_s // DAY_S,
            "price": price,
            "interval": interval,
            "status": found.status,
            "at_once": args.when == "now",
            "ending": ends_at(found) is not None,
            "livemode": found.livemode,
        }

    async def call(self, call: Call) -> Receipt:
        """Cancel it, unless it is cancelled already."""
        args = CancelArgs.model_validate(dict(call.resolved.args))
        found = await read_subscription(self._api, args.subscription)
        if found is None:
            raise unknown_object("subscription", args.subscription)
        if _is_ours(found, call):
            return receipt_of(found)
        # INVARIANT: what somebody else has cancelled never gets our reference, and so never looks
        # like our success.
        _check_state(found, args.when)
        try:
            done = await self._send(call, args, found)
        except RefusedError as refusal:
            return await done_before(self.look_up, call, refusal)
        return proven(done, otherwise="stripe's answer does not show the cancellation")

    async def _send(
        self, call: Call, args: CancelArgs, found: stripe.Subscription
    ) -> Receipt | None:
        key: stripe.RequestOptions = {"idempotency_key": call.idempotency_key}

        async def now(client: stripe.StripeClient) -> Receipt | None:
            done = await client.v1.subscriptions.cancel_async(
                args.subscription, {"cancellation_details": {"comment": _comment(call)}}, key
            )
            return receipt_of(done) if done.status in OVER and _is_ours(done, call) else None

        async def at_period_end(client: stripe.StripeClient) -> Receipt | None:
            done = await client.v1.subscriptions.update_async(
                args.subscription,
                {
                    "cancel_at_period_end": True,
                    "metadata": {**reference_of(call), **_end_before(found)},
                },
                key,
            )
            return receipt_of(done) if _is_ours(done, call) else None

        send = now if args.when == "now" else at_period_end
        return await self._api.write(send, what="cancellation")

    async def look_up(self, call: Call) -> Receipt | Absence:
        """Whether the subscription carries the reference of this action."""
        found = await read_subscription(self._api, call.resolved.object_id)
        if found is None:
            return Absence.CANNOT_TELL
        if _is_ours(found, call):
            return receipt_of(found)
        if call.resolved.args.get("when") == "now":
            # What is not over was never ended at once; and what ended with another comment was
            # ended by somebody else, or somebody has written over ours since.
            other = found.status in OVER and _comment_of(found)
            return Absence.CANNOT_TELL if other else Absence.ABSENT
        covered = reference_in(found) != call.resolved.preconditions.get(REFERENCED)
        return Absence.CANNOT_TELL if covered else Absence.ABSENT


async def read_own_subscription(
    api: StripeApi, subscription_id: str, customer_id: str
) -> stripe.Subscription:
    """The customer's own subscription.

    Raises:
        RefusedError: `unknown_object`; `not_owner`, which reads the same.
    """
    found = await read_subscription(api, subscription_id)
    if found is None:
        raise unknown_object("subscription", subscription_id)
    check_owner("subscription", subscription_id, found.customer, customer_id)
    return found


async def read_subscription(api: StripeApi, subscription_id: str) -> stripe.Subscription | None:
    """The subscription with all of its items; None when Stripe has no such one."""
    found: stripe.Subscription | None = await api.find("subscriptions", subscription_id)
    return None if found is None else await with_all_items(api, found)


def _check_state(found: stripe.Subscription, when: str) -> None:
    name = f"`{found.id[:40]}`"
    if found.status in OVER:
        raise RefusedError(Code.ALREADY_IN_STATE, f"{name} is cancelled already")
    if when == "now":
        return
    sooner = "cancel it `now` to end it sooner"
    if found.cancel_at_period_end:
        raise RefusedError(
            Code.ALREADY_IN_STATE, f"{name} ends with its period already", next_step=sooner
        )
    ends, with_period = ends_at(found), first_period_end(found)
    if ends is not None and (with_period is None or ends <= with_period):
        raise RefusedError(
            Code.ALREADY_IN_STATE,
            f"{name} is set to end on {day_of(ends)} already, not after its period",
            next_step=sooner,
        )


def _end_before(found: stripe.Subscription) -> dict[str, str]:
    """Metadata that keeps a day of the shop's own choice, whose place the period's end takes.

    Source: Stripe docs: a subscription has one `cancel_at`; an empty value takes a key away.
    """
    ends = ends_at(found)
    if ends is not None:
        return {END_BEFORE: str(ends)}
    return {END_BEFORE: ""} if END_BEFORE in found.metadata else {}


def end_before(found: stripe.Subscription) -> int | None:
    """When it would have ended before it was cancelled, seconds since 1970, as far as we know."""
    kept = str(found.metadata[END_BEFORE]) if END_BEFORE in found.metadata else ""
    return int(kept) if kept.isascii() and kept.isdigit() else None


def _comment(call: Call) -> str:
    return f"{_COMMENT} {call.tenant} {call.action_id}"


def _is_ours(found: stripe.Subscription, call: Call) -> bool:
    return is_ours(found.metadata, call) or _comment_of(found) == _comment(call)


def is_ended_by_action(found: stripe.Subscription) -> bool:
    """Whether an action of whichever tenant has set its end.

    What ends after its period has the reference in its metadata. What was ended at once has it in
    the comment alone: metadata of an earlier action says nothing of somebody who came after it.
    """
    if _comment_of(found).startswith(f"{_COMMENT} "):
        return True
    at_once = found.status in OVER and not found.cancel_at_period_end
    return not at_once and is_of_an_action(found.metadata)


def reference_in(found: stripe.Subscription) -> str | None:
    """The reference in its metadata, whosever it is."""
    if REFERENCE not in found.metadata:
        return None
    return str(found.metadata[REFERENCE])


def _comment_of(found: stripe.Subscription) -> str:
    details = found.cancellation_details if "cancellation_details" in found else None
    return (details.comment or "") if details is not None and "comment" in details else ""


def title_of(found: stripe.Subscription) -> str:
    """One line, such as `$12.00 per month`, with the description when it has one."""
    title = " and ".join(
        f"{price} per {interval}" if interval else str(price)
        for price, interval in prices_of(found)
    )
    described = plain(found.description) if "description" in found else ""
    return f"{described}, {title}" if described else title


def state_of(found: stripe.Subscription) -> str:
    """Its status, with the day that it is set to end on: `active, ends 2026-12-01`."""
    ends = None if found.status in OVER else ends_at(found)
    return found.status if ends is None else f"{found.status}, ends {day_of(ends)}"


def _fields(found: stripe.Subscription, when: str) -> dict[str, str]:
    with_period, paid, ends = first_period_end(found), period_end(found), ends_at(found)
    ending = "the end of its period" if with_period is None else day_of(with_period)
    fields = {
        "subscription": f"the subscription ({title_of(found)})",
        "when": "at once" if when == "now" else f"when its paid period ends ({ending})",
        "status": plain(found.status, limit=30),
        "paid until": ending if paid is None else day_of(paid),
        "id": found.id,
    }
    if ends is not None:
        fields["set to end"] = f"on {day_of(ends)}, without this"
    return fields


def receipt_of(found: stripe.Subscription) -> Receipt:
    """The subscription as it is now, as the receipt of a change."""
    ended = found.ended_at if "ended_at" in found else None
    ends = period_end(found)
    return Receipt(
        id=found.id,
        status=state_of(found),
        details={
            "cancel_at_period_end": found.cancel_at_period_end,
            "ended": rfc3339_of_seconds(ended) if ended is not None else None,
            "paid until": rfc3339_of_seconds(ends) if ends is not None else None,
        },
    )
