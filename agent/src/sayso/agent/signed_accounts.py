"""Further accounts of a customer that a signed assertion names, tied for the request it came with.

The entry that tells of the customer's words names them; the links rest on that, so that nobody ties
by an assertion that never came.
"""

from __future__ import annotations

from sayso.actions.customers.links import Links
from sayso.actions.customers.proof import Proof
from sayso.actions.model.attempt import SIGNED
from sayso.actions.model.definition import Subject
from sayso.actions.model.ledger import SYSTEM
from sayso.audit.authority.by import By
from sayso.audit.customer_links import ACCOUNTS, ACCOUNTS_UNTIL
from sayso.audit.entry import Json
from sayso.audit.personal import Personal
from sayso.ids import Tenant
from sayso.store.base import Transaction


def names_signed(
    personal: Personal, tx: Transaction, tenant: Tenant, subject: Subject, now: int
) -> dict[str, Json]:
    """What the entry of a customer's words says of what was signed along: facts, and accounts."""
    said: dict[str, Json] = {}
    if subject.signed_until is not None:
        said[SIGNED] = [*sorted(subject.signed)]
    if subject.accounts and subject.accounts_until > now:
        said[ACCOUNTS] = [
            personal.pseudonym(tx, tenant, account, now) for account in subject.accounts
        ]
        said[ACCOUNTS_UNTIL] = subject.accounts_until
    return said


def tie_signed(
    links: Links, tx: Transaction, tenant: Tenant, request_id: str, subject: Subject, now: int
) -> None:
    """Tie them, in the request whose newest words came with them.

    Raises:
        RefusedError: as `Links.link`.
    """
    if subject.accounts_until <= now:
        return
    for account in subject.accounts:
        links.link(
            tx,
            tenant,
            subject.id,
            account,
            proof=Proof.SIGNED,
            by=By(actor=SYSTEM, via="engine"),
            now=now,
            until=subject.accounts_until,
            request_id=request_id,
        )
