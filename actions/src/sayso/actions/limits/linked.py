"""What a limit of customers counts beside an action's own account: every account linked now.

Counters stay by account. A judgement reads those of all accounts that links lead to at that moment,
in the transaction that reserves; so tying two accounts, or untying them, rewrites nothing, and
whoever makes two persons of one again has what each account has used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from sayso.actions.customers.link import LinkEnd
from sayso.actions.limits.definition import Of
from sayso.actions.limits.limit_check import BesideCounted, LimitCheck
from sayso.ids import Tenant
from sayso.store.base import Reader, text


class CustomerKeys(NamedTuple):
    """How the rows of counters name a customer's account.

    Attributes:
        providers: `stripe|acct_1`: the connectors' accounts that may have acted for it.
        hashed: hides a key.
    """

    providers: Iterable[str]
    hashed: Callable[[str], str]


def with_linked(
    reader: Reader,
    tenant: Tenant,
    looks: Sequence[LimitCheck],
    accounts: Sequence[LinkEnd],
    keys: CustomerKeys,
) -> list[LimitCheck]:
    """The same looks, each of a limit of customers with the counters of the linked accounts.

    A limit that counts all tenants together counts the one account alone: links are a tenant's own.
    """
    counted = [_is_of_person(look) for look in looks]
    if not accounts or not any(counted):
        return list(looks)
    known = [(end, _keys_of(reader, tenant, end.account)) for end in accounts]
    found: list[LimitCheck] = []
    for look, counts in zip(looks, counted, strict=True):
        beside: list[BesideCounted] = []
        for end, stored in known if counts else ():
            own = {keys.hashed(f"{provider}|{end.account}") for provider in keys.providers}
            own |= stored.get(look.limit.id, set())
            own.discard(look.place.key)
            places = tuple(look.place._replace(key=key) for key in sorted(own))
            beside.append(BesideCounted(pseudonym=end.pseudonym, places=places))
        found.append(look._replace(beside=tuple(beside)))
    return found


def _is_of_person(look: LimitCheck) -> bool:
    return look.limit.of is Of.CUSTOMER and not look.limit.across


def _keys_of(reader: Reader, tenant: Tenant, account: str) -> Mapping[str, set[str]]:
    """By limit, the keys under which an account is counted: what was filled has no entry."""
    found: dict[str, set[str]] = {}
    for row in reader.all("limits.keys_of", tenant=tenant, account=account):
        found.setdefault(text(row, "limit_id"), set()).add(text(row, "key"))
    return found
