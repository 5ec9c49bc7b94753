"""The customer and their objects at Stripe: who they are, and whether it is theirs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sayso.actions.model.definition import Subject
from sayso.actions.model.snapshot import Call
from sayso.errors import Code, RefusedError
from sayso.text import plain

if TYPE_CHECKING:
    import stripe  # only the types: the SDK itself is imported by the first call

    from sayso.connectors.stripe.api import StripeApi

DAY_S = 86_400
_PLAN_CHARS = 100

REFERENCE = "sayso_action"
TENANT = "sayso_tenant"


@dataclass(frozen=True, slots=True, kw_only=True)
class StripeCustomer:
    """What is needed of Stripe's customer.

    Attributes:
        id: `cus_…`.
        created: seconds since 1970.
        name, email: personal; empty when Stripe has none.
        balance: Stripe's amount in its own units; negative is credit.
        currency: lower-case, empty before the first use.
        livemode: whether it is real money.
        plan: what the shop wrote into its metadata; empty when nothing.
    """

    id: str
    created: int
    name: str
    email: str
    balance: int
    currency: str
    livemode: bool
    plan: str = ""

    def tenure_days(self, now: datetime) -> int:
        """Whole days since the customer was made."""
        return days_since(self.created, now)

    @property
    def personal(self) -> dict[str, str]:
        """What names the person, for the card."""
        named = {"name": plain(self.name), "email": plain(self.email)}
        return {key: value for key, value in named.items() if value}


async def retrieve_customer(api: StripeApi, subject: Subject) -> stripe.Customer:
    """The subject at Stripe, whole.

    Raises:
        RefusedError: `unknown_subject`, also for a deleted customer.
        RetryableError: Stripe cannot be read now.
    """
    found: stripe.Customer | None = await api.find("customers", subject.id)
    if found is None or ("deleted" in found and found.deleted):
        raise RefusedError(
            Code.UNKNOWN_SUBJECT,
            f"stripe knows no customer `{subject.id[:40]}`",
            next_step="pass the Stripe customer id, such as cus_123",
        )
    return found


async def read_customer(api: StripeApi, subject: Subject) -> StripeCustomer:
    """What is needed of the subject at Stripe.

    Raises:
        RefusedError, RetryableError: as `retrieve_customer`.
    """
    found = await retrieve_customer(api, subject)
    return StripeCustomer(
        id=found.id,
        created=found.created,
        name=found.name or "",
        email=found.email or "",
        balance=found.balance or 0,
        currency=found.currency or "",
        livemode=found.livemode,
        plan=plain(_said_of(found, "plan"), limit=_PLAN_CHARS),
    )


def _said_of(found: stripe.Customer, name: str) -> str:
    """What the shop wrote about a customer; empty for nothing."""
    told = found.metadata
    return str(told[name]) if told is not None and name in told else ""


def check_owner(kind: str, object_id: str, owner: object, customer_id: str) -> None:
    """Refuse what belongs to somebody else.

    Args:
        kind: what it is, such as `charge`.
        owner: the `customer` member: an id, an expanded object, or None for nobody's.
        customer_id: whose it has to be.

    Raises:
        RefusedError: `not_owner`; its message is the one of an object that does not exist.
    """
    if owner != customer_id:
        raise _not_theirs(Code.NOT_OWNER, kind, object_id)


def unknown_object(kind: str, object_id: str) -> RefusedError:
    """There is no such object; worded so that nobody learns whether another customer has it."""
    return _not_theirs(Code.UNKNOWN_OBJECT, kind, object_id)


def _not_theirs(code: Code, kind: str, object_id: str) -> RefusedError:
    return RefusedError(
        code,
        f"this customer has no {kind} `{object_id[:40]}`",
        next_step=f"name a {kind} of this customer",
    )


def days_since(created: int, now: datetime) -> int:
    """Whole days from a time in seconds since 1970 until now, never negative."""
    return max(0, int(now.timestamp()) - created) // DAY_S


def reference_of(call: Call) -> dict[str, str]:
    """Our reference, for Stripe's metadata: two ids, nothing personal."""
    return {REFERENCE: call.action_id, TENANT: call.tenant}


def is_of_an_action(metadata: stripe.StripeObject | None) -> bool:
    """Whether the metadata holds the reference of an action, of whichever tenant."""
    return metadata is not None and REFERENCE in metadata and TENANT in metadata


def is_ours(metadata: stripe.StripeObject | None, call: Call) -> bool:
    """Whether the metadata holds the reference of this very action."""
    return (
        metadata is not None
        and REFERENCE in metadata
        and metadata[REFERENCE] == call.action_id
        and TENANT in metadata
        and metadata[TENANT] == call.tenant
    )
