"""A link between two accounts of one customer, and what may be reached over several.

A customer is every account that lasting links lead to. It has no row: its id follows from the
account of it that was first seen, so that one with a single account costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sayso.actions.customers.proof import Proof, weakest
from sayso.audit.authority.keyring import PREFIX

CUSTOMER = "cst_"


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkEnd:
    """An account at an end of a link.

    Attributes:
        account: as it is stored, such as `cus_9` or `zendesk:7723`.
        pseudonym: how the log names it. since: when it was first seen; microseconds since 1970.
    """

    account: str
    pseudonym: str
    since: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountLink:
    """Two accounts that are known to be one customer's, at the moment it was read.

    Attributes:
        by: kind and id of who tied them. since, until: microseconds since 1970; None for no end.
        request_id: the only conversation that it holds for; None for any.
        reason_ref: of the sealed reason; None where none was given.
    """

    id: str
    ends: tuple[LinkEnd, LinkEnd]
    proof: Proof
    by: str
    since: int
    until: int | None
    request_id: str | None
    reason_ref: str | None

    def far_from(self, account: str) -> LinkEnd:
        """The other end."""
        first, second = self.ends
        return second if first.account == account else first


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkPath:
    """The links from one account to another, in order; none from an account to itself."""

    links: tuple[AccountLink, ...] = ()

    @property
    def ids(self) -> tuple[str, ...]:
        """The links' ids, as an action's first entry names them."""
        return tuple(link.id for link in self.links)

    @property
    def weakest(self) -> Proof | None:
        """What an action rests on that goes over it; None where it goes over none."""
        return weakest(tuple(link.proof for link in self.links))

    @property
    def moves_money_alone(self) -> bool:
        """Whether money may move over it without a person's yes."""
        return all(link.proof.moves_money_alone for link in self.links)

    def _rank(self) -> tuple[int, int, tuple[str, ...]]:
        proof = self.weakest
        return (-len(Proof) if proof is None else -proof.strength, len(self.links), self.ids)

    def is_better_than(self, other: LinkPath) -> bool:
        """Whether it rests on more, or on fewer links of the same strength."""
        return self._rank() < other._rank()


def reached(
    links: Iterable[AccountLink], start: str, request_id: str | None = None
) -> Mapping[str, LinkPath]:
    """For each account that links lead to, the path to it whose weakest proof is the strongest.

    An equal address leads from the account where it is verified to the other alone, so that nobody
    gets anywhere by giving somebody else's.

    Args:
        start: the account as it is stored; it is reached over no link.
        request_id: the conversation; links that hold for another one are left out.
    """
    usable = [link for link in links if link.request_id in (None, request_id)]
    found = {start: LinkPath()}
    grown = True
    while grown:
        grown = False
        for link in usable:
            ways = (link.ends, link.ends[::-1])[: 1 if link.proof is Proof.EMAIL else 2]
            for near, far in ways:
                if near.account not in found:
                    continue
                longer = LinkPath(links=(*found[near.account].links, link))
                known = found.get(far.account)
                if known is None or longer.is_better_than(known):
                    found[far.account] = longer
                    grown = True
    return found


def customer_of(links: Iterable[AccountLink], pseudonym: str) -> str:
    """The id of the customer that an account is of; by lasting links, whoever writes just now.

    Args:
        pseudonym: how the log names the account; also of one without links.
    """
    ends = {(end.since, end.pseudonym) for end in lasting_ends(links, pseudonym)}
    oldest = min(ends, default=(0, pseudonym))
    return CUSTOMER + oldest[1].removeprefix(PREFIX)


def lasting_ends(links: Iterable[AccountLink], pseudonym: str) -> frozenset[LinkEnd]:
    """The accounts of an account's customer, whichever way links lead; empty where none lasts."""
    lasting = [link for link in links if link.request_id is None]
    known, found = {pseudonym}, frozenset[LinkEnd]()
    while True:
        near = [link.ends for link in lasting if known & {end.pseudonym for end in link.ends}]
        grown = frozenset(end for ends in near for end in ends)
        if grown == found:
            return found
        found = grown
        known |= {end.pseudonym for end in found}


def accounts_in(links: Sequence[AccountLink], account: str) -> tuple[str, ...]:
    """Every account of these links, as they are stored, with the one that was asked for."""
    return tuple(sorted({account, *(end.account for link in links for end in link.ends)}))
