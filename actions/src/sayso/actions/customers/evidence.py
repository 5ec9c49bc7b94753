"""What providers say now of a customer's accounts: records that name another, equal addresses.

Nothing here is believed from storage, and nothing is kept: who a customer is stands in the links.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from sayso.actions.customers.account import AccountId, AccountNames
from sayso.actions.customers.link import AccountLink, accounts_in
from sayso.actions.customers.proof import Proof
from sayso.actions.model.definition import Subject
from sayso.errors import Code, RefusedError

_MOST_HOPS = 3
"""From the help desk to the payments and from there to the shop: two. One more, and it is read no
further."""


class PersonSeen(Protocol):
    """How somebody reads at one provider; see `sayso.connectors.base.Person`."""

    @property
    def id(self) -> str:
        """The provider's bare id."""
        ...

    @property
    def name(self) -> str:
        """As the provider has it, or empty."""
        ...

    @property
    def email(self) -> str:
        """The address on file, or empty."""
        ...

    @property
    def masked(self) -> str:
        """The address as people are shown it, or empty."""
        ...

    @property
    def since(self) -> int | None:
        """When the provider came to know them, microseconds since 1970."""
        ...

    @property
    def email_verified(self) -> bool:
        """Whether the provider itself has verified it."""
        ...

    @property
    def address_changed_at(self) -> int | None:
        """Microseconds since 1970, where the provider tells it."""
        ...

    @property
    def ids(self) -> Mapping[str, str]:
        """What the record holds of other systems, by place."""
        ...


class PersonReader(Protocol):
    """Who can be asked how somebody reads at a provider."""

    @property
    def accounts(self) -> AccountNames:
        """How account ids are read and written."""
        ...

    async def person_of(self, provider: str, subject: Subject) -> PersonSeen | None:
        """One of its customers; None where it cannot say.

        Raises:
            RefusedError: `unknown_subject`. RetryableError: it cannot be read now.
        """
        ...

    async def find_people(self, provider: str, email: str) -> Sequence[PersonSeen] | None:
        """Its customers with that very address; None where it cannot say. Raises: as above."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkRules:
    """What ties accounts by itself.

    Attributes:
        places: by `zendesk.external_id`, whose id that place of that provider's records holds.
        by_email: whether one address, verified where the customer writes, ties two accounts.
    """

    places: Mapping[str, str] = field(default_factory=dict[str, str])
    by_email: bool = True

    def places_of(self, provider: str) -> Mapping[str, str]:
        """The places of one provider's records, and whose ids they hold."""
        before = f"{provider}."
        return {
            place.removeprefix(before): whose
            for place, whose in self.places.items()
            if place.startswith(before)
        }


@dataclass(frozen=True, slots=True)
class Tie:
    """Two accounts that something says are one customer's."""

    one: str
    other: str
    proof: Proof

    @property
    def pair(self) -> frozenset[str]:
        """Both, whichever came first."""
        return frozenset((self.one, self.other))


@dataclass(slots=True)
class EvidenceSeen:
    """What one look has read: people by account, and what ties accounts."""

    people: dict[str, PersonSeen | None] = field(default_factory=dict[str, PersonSeen | None])
    edges: dict[frozenset[str], Tie] = field(default_factory=dict[frozenset[str], Tie])

    def add(self, edge: Tie) -> None:
        known = self.edges.get(edge.pair)
        if edge.one != edge.other and (known is None or known.proof.strength < edge.proof.strength):
            self.edges[edge.pair] = edge


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountEvidence:
    """Reads providers.

    Attributes:
        people: asks them. rules: what ties accounts by itself.
    """

    people: PersonReader
    rules: LinkRules

    @property
    def names(self) -> AccountNames:
        """How account ids are read and written."""
        return self.people.accounts

    async def look(
        self,
        writer: str,
        known: Sequence[AccountLink],
        found_one: Callable[[str], None] = lambda account: None,
    ) -> EvidenceSeen:
        """Read everybody who is known or found to be the customer, a round for each hop.

        Args:
            found_one: told each account that was not known, as soon as it is found.
        """
        seen = EvidenceSeen()
        component = set(accounts_in(known, writer))
        frontier = set(component)
        for _ in range(_MOST_HOPS):
            if not frontier:
                break
            read = sorted(frontier)
            found = await asyncio.gather(*(self._person(account) for account in read))
            seen.people.update(zip(read, found, strict=True))
            self._follow_records(seen, read)
            await self._search(seen, writer, component)
            reachable = {account for edge in seen.edges.values() for account in edge.pair}
            frontier = reachable - component
            component |= frontier
            for account in sorted(frontier):
                found_one(account)
        return seen

    async def _person(self, account: str) -> PersonSeen | None:
        named = self.names.stored(account)
        if not self.rules.by_email and not self.rules.places:
            return None
        try:
            return await self.people.person_of(named.provider, Subject(id=account))
        except RefusedError as error:
            if error.code is not Code.UNKNOWN_SUBJECT:
                raise
            return None

    def _follow_records(self, seen: EvidenceSeen, accounts: Iterable[str]) -> None:
        """What their own records say of other providers' ids."""
        for account in accounts:
            person = seen.people.get(account)
            if person is None:
                continue
            provider = self.names.stored(account).provider
            for place, whose in self.rules.places_of(provider).items():
                named = self._account(whose, person.ids.get(place, ""))
                if named is not None:
                    seen.add(Tie(account, named, Proof.RECORD))

    async def _search(self, seen: EvidenceSeen, writer: str, component: set[str]) -> None:
        """Ask providers where the customer has no account yet, by the address they write from."""
        writing = seen.people.get(writer)
        if writing is None or not writing.email:
            return
        have = {self.names.stored(one).provider for one in component}
        have |= {
            self.names.stored(one).provider for edge in seen.edges.values() for one in edge.pair
        }
        missing = [name for name in sorted(self.names.providers) if name not in have]
        wanted = [
            name
            for name in missing
            if (self.rules.by_email and writing.email_verified) or self.rules.places_of(name)
        ]
        answers = await asyncio.gather(
            *(self.people.find_people(name, writing.email) for name in wanted)
        )
        for provider, people in zip(wanted, answers, strict=True):
            self._weigh(seen, writer, component, provider, people or ())

    def _weigh(
        self,
        seen: EvidenceSeen,
        writer: str,
        component: set[str],
        provider: str,
        people: Sequence[PersonSeen],
    ) -> None:
        """Take those whose record names the customer; else the only one with the address."""
        writing = seen.people[writer]
        assert writing is not None, "asked by its address"
        for person in people:
            account = self._account(provider, person.id)
            for place, whose in self.rules.places_of(provider).items():
                named = self._account(whose, person.ids.get(place, ""))
                if account is not None and named in component:
                    seen.add(Tie(account, named, Proof.RECORD))
        same = [one for one in people if one.email.casefold() == writing.email.casefold()]
        if self.rules.by_email and writing.email_verified and len(same) == 1:
            account = self._account(provider, same[0].id)
            if account is not None:
                seen.people.setdefault(account, same[0])
                seen.add(Tie(writer, account, Proof.EMAIL))

    def _account(self, provider: str, given: str) -> str | None:
        """An account as it is stored; None for what a record holds that is no id."""
        if not given or provider not in self.names.providers:
            return None
        try:
            return self.names.write(AccountId(provider, given))
        except RefusedError:
            return None


def has_gone(link: AccountLink, seen: EvidenceSeen) -> bool:
    """Whether what was read says no longer what the link rests on."""
    if link.proof not in (Proof.RECORD, Proof.EMAIL):
        return False
    one, other = (end.account for end in link.ends)
    edge = seen.edges.get(frozenset((one, other)))
    if edge is not None and edge.proof is link.proof:
        return False
    if link.proof is Proof.EMAIL:
        return not _same_address(seen.people.get(one), seen.people.get(other))
    return True


def _same_address(one: PersonSeen | None, other: PersonSeen | None) -> bool:
    if one is None or other is None or not one.email:
        return False
    verified = one.email_verified or other.email_verified
    return verified and one.email.casefold() == other.email.casefold()


def not_known(
    edges: Iterable[Tie], known: Sequence[AccountLink], gone: Sequence[AccountLink]
) -> list[Tie]:
    """What was read and does not stand in the store yet, or not by so strong a proof."""
    ended = {link.id for link in gone}
    stand = {
        (frozenset(end.account for end in link.ends), link.proof)
        for link in known
        if link.id not in ended
    }
    return [edge for edge in edges if (edge.pair, edge.proof) not in stand]
