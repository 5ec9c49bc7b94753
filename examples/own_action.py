"""An own action with its connector, whole: bonus points of a shop's loyalty scheme.

The shop's own records stand for the provider here; swap them for your API client. As a file of a
workspace (`actions = ["actions/*.py"]` in sayso.toml) it is found by its `CONNECTORS`.
"""

from typing import Annotated

from pydantic import Field

from sayso import Absence, Args, Call, Code, Receipt, RefusedError, Resolved, Subject, verifiable
from sayso.connectors.define import OwnConnector, action

LOOKED_UP = verifiable(settle_after_s=60)


class GrantArgs(Args):
    """How many points; never to whom: that is the verified subject."""

    points: Annotated[int, Field(gt=0, le=1000, description="how many points")]


class Loyalty(OwnConnector):
    """Gives bonus points to members."""

    name = "loyalty"

    def __init__(self, members: set[str]) -> None:
        super().__init__()
        self.members = members
        self.granted: dict[str, int] = {}  # points by our reference

    async def knows(self, subject: Subject) -> bool:
        """Whether they are a member: beside Stripe, members are then asked for too."""
        return subject.id in self.members

    @action(summary="Give points", sentence="Give {points} points", guarantee=LOOKED_UP)
    async def grant(self, args: GrantArgs, subject: Subject) -> Resolved:
        """Read what is needed to judge, show and run it; change nothing."""
        if subject.id not in self.members:
            raise RefusedError(Code.UNKNOWN_SUBJECT, "there is no such member")
        return self.resolved(args, subject, kind="member", account="our shop", payee="their points")

    @grant.calls
    async def give(self, call: Call) -> Receipt:
        """Do it, with our reference on it."""
        self.granted.setdefault(call.action_id, int(call.resolved.fields["points"]))
        return Receipt(id=call.action_id, status="granted")

    @grant.looks_up
    async def find(self, call: Call) -> Receipt | Absence:
        """Find it again by our reference."""
        found = call.action_id in self.granted
        return Receipt(id=call.action_id, status="granted") if found else Absence.ABSENT


CONNECTORS = [Loyalty({"ana", "ben"})]
