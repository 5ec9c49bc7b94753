"""What became of the money of a charge: what was taken, what went back, what is left.

A charge may be authorised for more than is taken (a partial capture). What is let go is no refund,
and was none of the customer's money, but Stripe has counted it in two ways:

- Captured by a request of version 2025-03-31.basil or later: `amount_refunded` holds refunds only.
- Captured by an earlier one: the rest is a refund, so `amount_refunded` holds it as well. What
  counts is the request that captures, a shop's own, and not the one that reads the charge.

Where both readings fit the figures of a charge, both are told: what is surely left, and what may
be. Stripe itself never gives back more than was taken.

Source: Stripe changelog 2025-03-31.basil, "Partially capturing or canceling payments no longer
creates a Refund" ("`amount_refunded` will no longer be updated by these actions"); Stripe support,
"Changes to balance transaction behavior for partial capture and payment cancellation flows" (a
header switches single requests over).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import stripe  # only the types: the SDK itself is imported by the first call


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """The money of one charge, in Stripe's units of its currency; none of it is negative.

    Attributes:
        taken: what the customer paid; 0 while it is only authorised.
        let_go: what was authorised and never taken.
        left: what can surely still be given back.
        perhaps: what may be left at most, when `let_go` stands in what Stripe counts as refunded.
    """

    taken: int
    let_go: int
    left: int
    perhaps: int

    @property
    def sure(self) -> bool:
        """Whether `left` is exact."""
        return self.left == self.perhaps

    def exactly(self) -> Left:
        """The same, after it was found that nothing that was let go counts as refunded."""
        return replace(self, perhaps=self.left)


def is_taken(charge: stripe.Charge) -> bool:
    """Whether money came in: not failed, not pending, and not only authorised."""
    return charge.status == "succeeded" and charge.captured


def left_of(charge: stripe.Charge) -> Left:
    """What became of the money of a charge, disputed or not."""
    if not is_taken(charge):
        return Left(taken=0, let_go=0, left=0, perhaps=0)
    captured = charge.amount_captured if "amount_captured" in charge else None
    taken = charge.amount if captured is None else captured
    let_go = max(0, charge.amount - taken)
    counted = charge.amount_refunded
    new = max(0, taken - counted)
    old = taken - (counted - let_go)
    if charge.refunded:
        new = old = 0
    elif counted < let_go:
        old = new  # the old way counts all that was let go, so it was the new one
    elif counted > taken:
        new = old = max(0, old)  # the new way counts what went back, so it was the old one
    return Left(taken=taken, let_go=let_go, left=new, perhaps=old)


def may_release(refund: stripe.Refund, money: Left) -> bool:
    """Whether the refund may be what a capture let go: of just that amount, and bare."""
    # NOTE: an empty StripeObject is true.
    bare = refund.metadata is None or not refund.metadata.to_dict()
    return bare and not refund.reason and refund.amount == money.let_go
