"""Which accounts a customer has, read anew: who writes at one provider is who at another.

What one provider's record says of another's id, and that two addresses are equal, is read again
each time and never believed from storage; what people and codes have said stands until it ends.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from sayso.actions.customers.account import AccountNames, no_account
from sayso.actions.customers.evidence import (
    AccountEvidence,
    LinkRules,
    PersonReader,
    PersonSeen,
    Tie,
)
from sayso.actions.customers.link import AccountLink, LinkEnd, accounts_in, reached
from sayso.actions.customers.links import Links
from sayso.actions.customers.proof import AccountStanding, Proof, Reached, Verified, verified_in
from sayso.actions.model.action_row import ActionRow
from sayso.actions.model.definition import Assurance, Subject
from sayso.actions.model.ledger import SYSTEM
from sayso.audit.authority.by import By
from sayso.errors import Code, RefusedError, RetryableError
from sayso.frozen import replace
from sayso.ids import Clock, Tenant, to_micros
from sayso.store.base import Reader, Store, Transaction, text

_MOMENT_S = 3.0
"""So long a name is waited for, which is for people's lists alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerAccounts:
    """Who writes, and the further accounts that are known to be theirs now.

    Attributes:
        writer: as they wrote.
        reached: by account id, as it is stored: how it is known to be theirs.
        people: how each reads at its provider, as far as it was read for this.
        outage: why a provider could not be asked now; None where each answered.
        withheld: accounts that links lead to which rest on what could not be read.
    """

    writer: Subject
    reached: Mapping[str, Reached] = field(default_factory=dict[str, Reached])
    people: Mapping[str, PersonSeen | None] = field(
        default_factory=dict[str, "PersonSeen | None"], repr=False
    )

    outage: RetryableError | None = None
    withheld: frozenset[str] = frozenset()

    @property
    def subjects(self) -> tuple[Subject, ...]:
        """Each account as a subject, the writing one first."""
        others = (replace(self.writer, id=account) for account in sorted(self.reached))
        return (self.writer, *others)

    def at(self, names: AccountNames, provider: str | None) -> tuple[Subject, Reached | None]:
        """The customer's account at a provider, and how it is known; None for the writing one.

        Raises:
            RefusedError: `no_account`, `several_accounts`.
            RetryableError: it cannot be told now.
        """
        if provider in (None, names.stored(self.writer.id).provider):
            return self.writer, None
        there = [one for one in sorted(self.reached) if names.stored(one).provider == provider]
        # INVARIANT: what rests on what could not be read is neither believed nor refused for good.
        is_open = any(names.stored(one).provider == provider for one in self.withheld)
        if self.outage is not None and (is_open or not there):
            raise self.outage
        if not there:
            raise no_account(provider)
        if len(there) > 1:
            # INVARIANT: between two candidates nobody but a person chooses.
            raise RefusedError(
                Code.SEVERAL_ACCOUNTS,
                f"this customer has {len(there)} accounts at {provider}",
                next_step="ask for it in the name of one of them, or end a link that is wrong",
            )
        return replace(self.writer, id=there[0]), self.reached[there[0]]


class Accounts:
    """Finds a customer's accounts.

    Args:
        store, links: where links stand.
        people: reads providers.
        rules: what ties accounts by itself.
    """

    def __init__(
        self,
        store: Store,
        links: Links,
        people: PersonReader,
        clock: Clock,
        rules: LinkRules | None = None,
    ) -> None:
        self._store = store
        self._links = links
        self._clock = clock
        self._evidence = AccountEvidence(people=people, rules=rules or LinkRules())
        self.names: AccountNames = people.accounts
        """How account ids are read and written."""

    @property
    def may_differ(self) -> bool:
        """Whether somebody can write from another account than the one that is acted on."""
        return len(self.names.providers) > 1

    async def of(
        self,
        tenant: Tenant,
        writer: Subject,
        request_id: str | None = None,
        found_one: Callable[[str], None] = lambda account: None,
        *,
        whole: bool = True,
    ) -> CustomerAccounts:
        """The customer as everything says it now.

        Args:
            whole: whether nothing may be missing. Else a provider that cannot be asked now takes
                away what rests on it alone.
            request_id: in which they write: a code counts in its own conversation alone.
            found_one: told each account that something names, while more is read; whether it is
                the customer's is said by the answer.

        Raises:
            RetryableError: a provider cannot be read now.
            IntegrityError: `tampered`, where a link is not what the log says.
        """
        if not self.may_differ:
            return CustomerAccounts(writer=writer)
        now = to_micros(self._clock.now())
        known = await self._store.read(
            lambda reader: self._links.of(reader, tenant, writer.id, now), brief=True
        )
        seen = await self._evidence.look(writer.id, known, found_one)
        if whole and seen.outage is not None:
            raise seen.outage
        lasts = {link.id: self._evidence.lasts(link, seen) for link in known}
        gone = [link for link in known if lasts[link.id] is False]
        new = sorted(tie for tie in seen.ties if not any(tie.is_told_by(link) for link in known))
        if new:
            parted = await self._store.read(
                lambda reader: self._links.parted(reader, tenant, {tie.one for tie in new}),
                brief=True,
            )
            # INVARIANT: what a colleague has ended ties itself no more; a person's word ends that.
            new = [tie for tie in new if tie.pair not in parted]
        if gone or new:
            known = await self._store.write(
                lambda tx: self._set_right(tx, tenant, writer.id, gone, new),
                brief=True,
                about=tenant,
            )
        # What nobody here can read is neither used here nor ended: others may have the connector.
        usable = [link for link in known if lasts.get(link.id, True)]
        customer = self._customer(writer, usable, request_id, seen.people)
        if seen.outage is None:
            return customer
        beyond = set(reached(known, writer.id, request_id)) - {writer.id, *customer.reached}
        return replace(customer, outage=seen.outage, withheld=frozenset(beyond))

    async def name_of(self, account: Subject) -> str:
        """How its provider calls somebody; empty where it cannot say, or not in a moment."""
        provider = self.names.stored(account.id).provider
        with suppress(RefusedError, RetryableError, TimeoutError):
            async with asyncio.timeout(_MOMENT_S):
                found = await self._evidence.people.person_of(provider, Subject(id=account.id))
                return "" if found is None else found.name
        return ""

    async def known(
        self, tenant: Tenant, writer: Subject, request_id: str | None = None
    ) -> CustomerAccounts:
        """The customer as the store says it, which nothing has to be read for."""
        now = to_micros(self._clock.now())
        known = await self._store.read(
            lambda reader: self._links.of(reader, tenant, writer.id, now), brief=True
        )
        return self._customer(writer, known, request_id, {})

    async def at(
        self, tenant: Tenant, writer: Subject, provider: str | None, request_id: str | None = None
    ) -> tuple[Subject, Reached | None]:
        """The customer's account at a provider; see `CustomerAccounts.at`.

        Raises: as `of` and `CustomerAccounts.at`.
        """
        if provider in (None, self.names.stored(writer.id).provider):
            return writer, None
        return (await self.of(tenant, writer, request_id, whole=False)).at(self.names, provider)

    def asking(self, row: ActionRow) -> Coroutine[Any, Any, AccountStanding] | None:
        """Asks how a row's account is known to be the customer's; None where the caller knew them,
        and nobody can have written from another.
        """
        before = None if row.snapshot is None else row.snapshot.resolved.reached
        asked = row.request_id is not None
        differs = self.may_differ and (asked or before is not None)
        if not differs and (not asked or row.subject.assurance is not Assurance.UNVERIFIED):
            return None
        return self._standing(row, before, differs)

    async def _standing(
        self, row: ActionRow, before: Reached | None, differs: bool
    ) -> AccountStanding:
        way: Reached | None = None
        if differs:
            way = await self.way_to(row.tenant, row.subject, row.request_id, before)
        return AccountStanding(reached=way, verified=await self.verified(row))

    async def verified(self, row: ActionRow) -> Verified | None:
        """By what it is known that the account is the writer's, whom the caller did not know."""
        request_id = row.request_id
        if request_id is None or row.subject.assurance is not Assurance.UNVERIFIED:
            return None
        now = to_micros(self._clock.now())
        return await self._store.read(
            lambda reader: verified_in(reader, row.tenant, request_id, row.subject.id, now),
            brief=True,
        )

    async def way_to(
        self, tenant: Tenant, account: Subject, request_id: str | None, before: Reached | None
    ) -> Reached | None:
        """How an action's account is known now to be the customer's who wrote; None for their own.

        Args:
            request_id: of the request that the action belongs to.
            before: how it was known, for an action that belongs to none.

        Raises:
            RefusedError: `no_account`, where it is not known any more; else as `of`.
        """
        wrote = await self._store.read(
            lambda reader: self.writer_of(reader, tenant, account.id, request_id, before),
            brief=True,
        )
        if wrote == account.id:
            return None
        missing = no_account(self.names.stored(account.id).provider)
        if wrote is None:
            raise missing
        customer = await self.of(tenant, replace(account, id=wrote), request_id, whole=False)
        found = customer.reached.get(account.id)
        if found is None:
            raise customer.outage or missing
        return found

    def writer_of(
        self,
        reader: Reader,
        tenant: Tenant,
        account: str,
        request_id: str | None,
        way: Reached | None,
    ) -> str | None:
        """The account that somebody wrote from; None where the links do not lead to it any more."""
        if request_id is not None:
            row = reader.one("request.by_id", tenant=tenant, id=request_id)
            return None if row is None else text(row, "subject_id")
        if way is None:
            return account
        known = {
            link.id: link
            for link in self._links.of(reader, tenant, account, to_micros(self._clock.now()))
        }
        for link_id in reversed(way.links):
            link = known.get(link_id)
            if link is None or account not in accounts_in([link], ""):
                return None
            account = link.far_from(account).account
        return account

    def stored_at(
        self,
        reader: Reader,
        tenant: Tenant,
        writer: Subject,
        provider: str | None,
        request_id: str | None,
    ) -> tuple[Subject, Reached | None]:
        """The same by what stands in the store alone, which a look a moment ago has set right.

        Raises: as `CustomerAccounts.at`.
        """
        if provider in (None, self.names.stored(writer.id).provider):
            return writer, None
        now = to_micros(self._clock.now())
        known = self._links.of(reader, tenant, writer.id, now)
        return self._customer(writer, known, request_id, {}).at(self.names, provider)

    def beside(self, reader: Reader, tenant: Tenant, account: str) -> tuple[LinkEnd, ...]:
        """The customer's further accounts by the links in force; none where nobody has several.

        Raises: as `Links.of`.
        """
        if not self.may_differ:
            return ()
        return self._links.others(reader, tenant, account, to_micros(self._clock.now()))

    def linked(self, reader: Reader, tenant: Tenant, account: str) -> tuple[LinkEnd, ...]:
        """The same, whichever connectors this very process has.

        Raises: as `Links.of`.
        """
        return self._links.others(reader, tenant, account, to_micros(self._clock.now()))

    def still_holds(
        self, reader: Reader, tenant: Tenant, account: str, way: Reached | None
    ) -> bool:
        """Whether every link that an action rests on is in force."""
        if way is None:
            return True
        now = to_micros(self._clock.now())
        known = {link.id for link in self._links.of(reader, tenant, account, now)}
        return set(way.links) <= known

    # ---- what is kept ------------------------------------------------------------------------

    def _set_right(
        self,
        tx: Transaction,
        tenant: Tenant,
        account: str,
        gone: Sequence[AccountLink],
        new: Sequence[Tie],
    ) -> tuple[AccountLink, ...]:
        now, by = to_micros(self._clock.now()), By(actor=SYSTEM, via="engine")
        for link in gone:
            why = "address_changed" if link.proof is Proof.EMAIL else "record_changed"
            self._links.unlink(tx, tenant, link.id, why=why, by=by, now=now)
        for tie in new:
            self._links.link(tx, tenant, tie.one, tie.other, proof=tie.proof, by=by, now=now)
        return self._links.of(tx, tenant, account, now)

    def _customer(
        self,
        writer: Subject,
        known: Sequence[AccountLink],
        request_id: str | None,
        people: Mapping[str, PersonSeen | None],
    ) -> CustomerAccounts:
        now = to_micros(self._clock.now())
        ways = {
            account: Reached(
                links=path.ids,
                proof=path.weakest,
                written_as=writer.id,
                address_changed_days=_days_since(seen, now),
                name="" if seen is None else seen.name,
            )
            for account, path in reached(known, writer.id, request_id).items()
            for seen in (people.get(account),)
            if path.weakest is not None
        }
        return CustomerAccounts(writer=writer, reached=ways, people=people)


def _days_since(person: PersonSeen | None, now: int) -> int | None:
    changed = None if person is None else person.address_changed_at
    return None if changed is None else max(0, (now - changed) // (24 * 3600 * 1_000_000))
