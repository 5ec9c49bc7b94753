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
from sayso.errors import Code, RefusedError, RetryableError

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


@dataclass(frozen=True, slots=True, order=True)
class Tie:
    """Two accounts that something says are one customer's.

    An equal address leads from the account where it is verified, `one`, to the other, and not back:
    whoever gave somebody else's address at a checkout has shown nothing.
    """

    one: str
    other: str
    proof: Proof

    @property
    def pair(self) -> frozenset[str]:
        """Both, whichever came first."""
        return frozenset((self.one, self.other))

    def is_told_by(self, link: AccountLink) -> bool:
        """Whether a link says the same."""
        first, second = (end.account for end in link.ends)
        if link.proof is not self.proof:
            return False
        if self.proof is Proof.EMAIL:
            return (first, second) == (self.one, self.other)
        return self.pair == frozenset((first, second))


@dataclass(slots=True)
class EvidenceSeen:
    """What one look has read.

    Attributes:
        people: by account. ties: what says that two accounts are one customer's.
        silent: accounts that nobody here can read, or that could not be read now.
        outage: why a provider could not be asked now; None where each answered.
        unsearched: from which account nobody here can search which provider by its address.
    """

    people: dict[str, PersonSeen | None] = field(default_factory=dict[str, PersonSeen | None])
    ties: set[Tie] = field(default_factory=set[Tie])
    silent: set[str] = field(default_factory=set[str])
    outage: RetryableError | None = None
    unsearched: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])


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
        searched: set[tuple[str, str]] = set()
        for _ in range(_MOST_HOPS):
            if not frontier:
                break
            read = sorted(frontier)
            found = await asyncio.gather(*(self._person(seen, account) for account in read))
            seen.people.update(zip(read, found, strict=True))
            self._follow_records(seen, read)
            wanted = self._searches(seen, writer, component, known) - searched
            searched |= wanted
            await self._search(seen, component, wanted)
            reachable = {account for tie in seen.ties for account in tie.pair}
            frontier = reachable - component
            component |= frontier
            for account in sorted(frontier):
                found_one(account)
        return seen

    def lasts(self, link: AccountLink, seen: EvidenceSeen) -> bool | None:
        """Whether what was read still says what a link rests on; None where nobody here can say."""
        if link.proof not in (Proof.RECORD, Proof.EMAIL):
            return True
        if any(tie.is_told_by(link) for tie in seen.ties):
            return True
        first, second = (end.account for end in link.ends)
        if link.proof is Proof.EMAIL:
            asked = (first, self.names.provider_in(second))
            unread = self.rules.by_email and (first in seen.silent or asked in seen.unsearched)
            return None if unread else False
        sides = ((first, second), (second, first))
        telling = [near for near, far in sides if self._has_place(near, far)]
        return None if any(near in seen.silent for near in telling) else False

    def _has_place(self, account: str, other: str) -> bool:
        """Whether an account's record has a place that could name the other one."""
        places = self.rules.places_of(self.names.provider_in(account))
        return self.names.provider_in(other) in places.values()

    async def _person(self, seen: EvidenceSeen, account: str) -> PersonSeen | None:
        named = self.names.stored(account)
        if not self.rules.by_email and not self.rules.places:
            return None
        try:
            found = await self.people.person_of(named.provider, Subject(id=account))
        except RefusedError as error:
            if error.code is not Code.UNKNOWN_SUBJECT:
                raise
            return None
        except RetryableError as error:
            seen.outage, found = error, None
        if found is None:
            seen.silent.add(account)
        return found

    def _follow_records(self, seen: EvidenceSeen, accounts: Iterable[str]) -> None:
        """What their own records say of other providers' ids."""
        for account in accounts:
            person = seen.people.get(account)
            if person is None:
                continue
            provider = self.names.stored(account).provider
            for place, whose in self.rules.places_of(provider).items():
                named = self._account(whose, person.ids.get(place, ""))
                if named is not None and named != account:
                    seen.ties.add(Tie(account, named, Proof.RECORD))

    def _searches(
        self,
        seen: EvidenceSeen,
        writer: str,
        component: set[str],
        known: Sequence[AccountLink],
    ) -> set[tuple[str, str]]:
        """From which account's address which providers are to be searched.

        From the writer's where the customer has no account yet; and once more where an address has
        tied two, since it ties them only as long as one account alone bears it.
        """
        tied = {account for tie in seen.ties for account in tie.pair}
        have = {self.names.provider_in(account) for account in component | tied}
        missing = [name for name in sorted(self.names.providers) if name not in have]
        by_email = self._is_verified(seen, writer)
        wanted = {(writer, name) for name in missing if by_email or self.rules.places_of(name)}
        for link in known:
            ends = [end.account for end in link.ends] if link.proof is Proof.EMAIL else []
            for account, other in zip(ends, reversed(ends), strict=True):
                if self._is_verified(seen, account):
                    wanted.add((account, self.names.provider_in(other)))
        return {one for one in wanted if _address(seen, one[0])}

    def _is_verified(self, seen: EvidenceSeen, account: str) -> bool:
        person = seen.people.get(account)
        return self.rules.by_email and person is not None and person.email_verified

    async def _search(
        self, seen: EvidenceSeen, component: set[str], wanted: set[tuple[str, str]]
    ) -> None:
        asked = sorted(wanted)
        answers = await asyncio.gather(
            *(self._found(seen, name, _address(seen, account)) for account, name in asked)
        )
        for (account, provider), people in zip(asked, answers, strict=True):
            if people is None:
                seen.unsearched.add((account, provider))
            else:
                self._weigh(seen, account, component, provider, people)

    async def _found(
        self, seen: EvidenceSeen, provider: str, address: str
    ) -> Sequence[PersonSeen] | None:
        try:
            return await self.people.find_people(provider, address)
        except RetryableError as error:
            seen.outage = error
            return None

    def _weigh(
        self,
        seen: EvidenceSeen,
        writer: str,
        component: set[str],
        provider: str,
        people: Sequence[PersonSeen],
    ) -> None:
        """Take those whose record names the customer, and the only one with a verified address."""
        for person in people:
            account = self._account(provider, person.id)
            for place, whose in self.rules.places_of(provider).items():
                named = self._account(whose, person.ids.get(place, ""))
                if account is not None and named in component and named != account:
                    seen.ties.add(Tie(account, named, Proof.RECORD))
        address = _address(seen, writer)
        same = [one for one in people if one.email.casefold() == address.casefold()]
        if self._is_verified(seen, writer) and len(same) == 1:
            account = self._account(provider, same[0].id)
            if account is not None and account != writer:
                seen.people.setdefault(account, same[0])
                seen.ties.add(Tie(writer, account, Proof.EMAIL))

    def _account(self, provider: str, given: str) -> str | None:
        """An account as it is stored; None for what a record holds that is no id."""
        if not given or provider not in self.names.providers:
            return None
        try:
            return self.names.write(AccountId(provider, given))
        except RefusedError:
            return None


def _address(seen: EvidenceSeen, account: str) -> str:
    person = seen.people.get(account)
    return "" if person is None else person.email
