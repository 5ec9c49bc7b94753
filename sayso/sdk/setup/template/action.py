"""An own action: what may be asked, how it is read, and how it is done.

Rename this file to points.py, add `actions = ["actions/*.py"]` at the top of sayso.toml, and permit
it in policies/: without a rule it is denied, and a rule reads `facts`, not arguments. Then run
`sayso check`.
"""

from typing import Annotated

from pydantic import Field

from sayso import Args, Call, OwnConnector, Receipt, Resolved, Subject, action, at_most_once


class GrantArgs(Args):
    """How many points; never to whom: that is the verified customer."""

    points: Annotated[int, Field(gt=0, le=1000, description="how many points")]


class Points(OwnConnector):
    """Gives bonus points; put your own client where the comments are."""

    name = "points"
    customers_of = "stripe"  # whose ids your members have; leave it out if they have their own

    @action(summary="Give points", sentence="Give {points} points", guarantee=at_most_once())
    async def grant(self, args: GrantArgs, subject: Subject) -> Resolved:
        """Read what is needed to judge and show it; change nothing."""
        # Look the member up here, and refuse one who does not exist. Beside another connector, such
        # as Stripe, also define `async def knows(self, subject: Subject) -> bool`, or your members
        # who are no customers there are unknown to `ask`.
        return self.resolved(args, subject, kind="member", account="our shop", payee="their points")

    @grant.calls
    async def give(self, call: Call) -> Receipt:
        """Do it, from what was shown alone."""
        # Call your system here, with call.idempotency_key where it takes one.
        return Receipt(id=call.action_id, status="granted")


CONNECTORS = [Points()]
