"""Who a customer is at Stripe, and which customers bear an address there.

Stripe verifies no address: whoever makes the customer writes it down. Nor does it tell when one was
changed. Metadata is written with a secret key alone, so what it holds of other systems is the
shop's word; a description is staff's prose and no id.

Source: Stripe docs: The Customer object; List all customers (`email`: case-sensitive, exact).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from sayso.actions.model.definition import Subject
from sayso.connectors.ahead import Ahead
from sayso.connectors.person import MOST_PEOPLE, Person
from sayso.connectors.stripe.customer import REFERENCE, TENANT, retrieve_customer

if TYPE_CHECKING:
    import stripe  # only the types: the SDK itself is imported by the first call

    from sayso.connectors.stripe.api import StripeApi

METADATA = "metadata."
_MICROS = 1_000_000


async def read_person(api: StripeApi, subject: Subject) -> Person:
    """The customer at Stripe.

    Raises:
        RefusedError: `unknown_subject`, also for a deleted customer.
        RetryableError: Stripe cannot be read now.
    """
    return _person(await retrieve_customer(api, subject))


async def find_people(api: StripeApi, email: str) -> list[Person]:
    """The customers of that address, at most `MOST_PEOPLE`.

    Stripe keeps an address in the case in which it came, so it is asked for as it is written and
    in small letters; its search would take both, and lags behind.

    Raises:
        RetryableError: Stripe cannot be read now.
    """
    async with Ahead() as ahead:
        asked = [ahead.read(_listed(api, form)) for form in dict.fromkeys((email, email.lower()))]
        found = [one for listed in asked for one in await listed]
    people = {one.id: _person(one) for one in found}
    return list(people.values())[:MOST_PEOPLE]


async def _listed(api: StripeApi, email: str) -> list[stripe.Customer]:
    listed: stripe.ListObject[stripe.Customer] = await api.read(
        "customers", email=email, limit=MOST_PEOPLE
    )
    return listed.data


def _person(customer: stripe.Customer) -> Person:
    return Person(
        id=customer.id,
        name=customer.name or "",
        email=customer.email or "",
        phone=customer.phone or "",
        since=customer.created * _MICROS,
        ids=_ids(customer),
    )


def _ids(customer: stripe.Customer) -> dict[str, str]:
    held: Mapping[str, object] = {} if customer.metadata is None else customer.metadata.to_dict()
    ours = (REFERENCE, TENANT)
    return {f"{METADATA}{key}": str(value) for key, value in held.items() if key not in ours}
