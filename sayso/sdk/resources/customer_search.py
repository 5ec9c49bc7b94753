"""Finds customers: by an address at every provider, by an account, by what was done for them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from sayso.actions.customers.account import AccountId
from sayso.actions.customers.evidence import PersonSeen
from sayso.actions.customers.link import CUSTOMER
from sayso.actions.model.action_row import get_action
from sayso.actions.model.definition import Subject
from sayso.actions.model.digest import is_text
from sayso.agent.request_row import get_request
from sayso.audit.authority.keyring import PREFIX
from sayso.audit.entry import Entry, EntryKind, Json
from sayso.connectors.email_address import is_address
from sayso.errors import Code, RefusedError, RetryableError, SaysoError
from sayso.ids import Tenant, to_micros
from sayso.sdk.container import Container
from sayso.sdk.resources.customer_rows import summary_of
from sayso.sdk.resources.tokens import Token
from sayso.sdk.views.customer import CustomersFoundView, CustomerSummaryView
from sayso.store.base import Reader, text
from sayso.text import plain

_SHOWN = 60


@dataclass(frozen=True, slots=True)
class KnownCustomer:
    """A customer, how they read at their providers, and where nobody could say it."""

    people: Mapping[str, PersonSeen | None]
    problems: Mapping[str, str]
    accounts: Sequence[str]
    """As they are stored, the one that was asked for first; whichever way links lead."""


class CustomerSearch:
    """Asks the store and the providers who somebody is."""

    def __init__(self, container: Container) -> None:
        self._container = container
        self._connectors = container.connectors
        self._accounts = container.context.accounts

    async def find_address(self, address: str, by: Token, via: str) -> CustomersFoundView:
        """Who has an address, at every provider that can search; that somebody looked is logged."""
        names = self._connectors.accounts
        providers = sorted(names.providers)
        answers = await asyncio.gather(*(self._search(name, address) for name in providers))
        told = list(zip(providers, answers, strict=True))
        found = [
            (names.write(AccountId(name, person.id)), person)
            for name, people in told
            if not isinstance(people, str | None)
            for person in people
        ]
        asked = tuple(name for name, people in told if people is not None)
        entry = Entry(
            kind=EntryKind.CUSTOMER_SEARCHED,
            actor=by.actor,
            data={
                "by": "address",
                "asked": list[Json](asked),
                "found": len(found),
                "via": via,
                "credential": by.id,
            },
        )
        # INVARIANT: nobody is told who it is before it is committed that they looked.
        await self._container.store.write(
            lambda tx: self._container.log.append(tx, by.tenant, entry)
        )
        # Where an address is verified it ties the other accounts, so these then need no look.
        found.sort(key=lambda one: not one[1].email_verified)
        items: dict[str, CustomerSummaryView] = {}
        covered: set[str] = set()
        for account, _ in found:
            if account in covered:
                continue
            known = await self.known(by.tenant, account)
            covered |= set(known.accounts)
            summary = await self.summary(by.tenant, known)
            items[summary.id or account] = summary
        return CustomersFoundView(
            items=tuple(items.values()),
            asked=asked,
            cannot_search=tuple(name for name, people in told if people is None),
            problems=tuple((name, people) for name, people in told if isinstance(people, str)),
        )

    async def _search(self, provider: str, address: str) -> Sequence[PersonSeen] | str | None:
        """Who has it there; None where the provider cannot say, and a sentence for why not now."""
        try:
            return await self._connectors.find_people(provider, address)
        except (RetryableError, RefusedError) as error:
            return error.message

    async def summary(self, tenant: Tenant, known: KnownCustomer) -> CustomerSummaryView:
        """A customer with what ties their accounts."""
        return await self._container.store.read(lambda reader: self.read(reader, tenant, known))

    def read(self, reader: Reader, tenant: Tenant, known: KnownCustomer) -> CustomerSummaryView:
        """The same, within the caller's look into the store."""
        now = to_micros(self._container.clock.now())
        links = self._container.links.of(reader, tenant, known.accounts[0], now)
        return summary_of(
            reader,
            tenant,
            names=self._connectors.accounts,
            accounts=known.accounts,
            links=links,
            people=known.people,
            problems=known.problems,
            personal=self._container.personal,
        )

    async def known(self, tenant: Tenant, account: str) -> KnownCustomer:
        """The customer of an account, with how each of their accounts reads now.

        Raises:
            RefusedError: `unknown_subject`, for an account that nobody knows.
        """
        problems, people = dict[str, str](), dict[str, PersonSeen | None]()
        if self._accounts.may_differ:
            with suppress(RetryableError):  # the look below says why
                people |= (await self._accounts.of(tenant, Subject(id=account))).people
        now = to_micros(self._container.clock.now())
        beside = await self._container.store.read(
            lambda reader: self._container.links.person(reader, tenant, account, now)
        )
        accounts = [account, *(end.account for end in beside)]
        missing = [one for one in accounts if people.get(one) is None]
        for one, told in zip(
            missing, await asyncio.gather(*map(self._person, missing)), strict=True
        ):
            if isinstance(told, RefusedError):
                seen = await self._container.store.read(
                    lambda reader: reader.one("personal.subject", tenant=tenant, id=account)
                )
                if one == account and seen is None:
                    raise told
                problems[one] = told.message
            elif isinstance(told, SaysoError):
                problems[one] = told.message
            else:
                people[one] = told
        return KnownCustomer(people, problems, accounts)

    async def _person(self, account: str) -> PersonSeen | SaysoError | None:
        provider = self._connectors.accounts.stored(account).provider
        try:
            return await self._connectors.person_of(provider, Subject(id=account))
        except (RetryableError, RefusedError) as error:
            return error

    async def account_of(self, tenant: Tenant, said: str) -> str:
        """The account that is meant, as it is stored.

        Raises:
            RefusedError: `invalid_input`, `not_found`.
        """
        if is_address(said):
            raise RefusedError(
                Code.INVALID_INPUT,
                "an address may be several customers'",
                next_step="find them by it first, then name the customer or an account",
            )
        if " " in said or not said:
            raise RefusedError(
                Code.INVALID_INPUT,
                f"`{plain(said, limit=_SHOWN)}` is no account, and nobody is found by a name",
                next_step="give an e-mail address, an account such as zendesk:7723, or an id cst_…,"
                " act_… or req_…",
            )

        def read(reader: Reader) -> str:
            if said.startswith("act_"):
                return get_action(reader, tenant, said).subject.id
            if said.startswith("req_"):
                return get_request(reader, tenant, said).subject.id
            name = PREFIX + said.removeprefix(CUSTOMER)
            row = reader.one("erasure.subject_named", tenant=tenant, pseudonym=name)
            if row is None:
                raise RefusedError(
                    Code.NOT_FOUND,
                    f"there is no customer `{plain(said, limit=_SHOWN)}`",
                    next_step="find them by an account or an e-mail address; who was erased has no"
                    " id any more",
                )
            return text(row, "id")

        if said.startswith(("act_", "req_", CUSTOMER)) and is_text(said):
            return await self._container.store.read(read)
        return self._connectors.stored(said)
