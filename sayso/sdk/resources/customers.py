"""Customers: finds them, shows what is known of them, ties their accounts and unties them.

Which accounts are one customer's is read anew at their providers each time. What a person ties or
unties needs a role and a reason; nothing that was done is rewritten by it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, cast

from sayso.actions.customers.link import CUSTOMER, AccountLink, customer_of
from sayso.actions.customers.proof import Proof
from sayso.actions.model.definition import Subject
from sayso.actions.model.digest import is_text, storable
from sayso.agent.request_row import get_request
from sayso.audit.authority.by import By
from sayso.audit.authority.state import read_body
from sayso.audit.customer_links import BY_PERSON
from sayso.audit.entry import Entry, EntryKind
from sayso.connectors.email_address import is_address
from sayso.errors import Code, RefusedError
from sayso.ids import Tenant, to_micros
from sayso.json import JsonValue
from sayso.sdk.progress.carry_on import settle_request
from sayso.sdk.resources.base import Resource
from sayso.sdk.resources.customer_rows import LimitsInForce, link_view, shown_customer
from sayso.sdk.resources.customer_search import CustomerSearch
from sayso.sdk.resources.limits import limits_in_force
from sayso.sdk.resources.tokens import Scope, Token
from sayso.sdk.resources.vouching import vouch
from sayso.sdk.views.customer import (
    CustomerDetailsView,
    CustomerPartView,
    CustomersFoundView,
    LinkChangeView,
)
from sayso.sdk.views.presenters import show_request
from sayso.sdk.views.rows import RequestView
from sayso.store.base import Reader, Transaction, integer, text
from sayso.text import plain

if TYPE_CHECKING:
    from sayso.sdk.container import Container

Repeated = Callable[[Iterable[str]], bool]
"""Whether the very call was made before, by the marks of the calls that were."""

MAX_REASON_CHARS = 500
_SHOWN = 60
TIED = (
    "nothing is rewritten: what was done stays with the account that it was done for; from now on "
    "both count as one customer, and ending this link takes that back"
)
UNTIED = (
    "nothing is rewritten: what was done stays with the account that it was done for; what waits "
    "on this link is refused when it is judged next"
)


class CustomerResource(Resource):
    """`sayso.customers`."""

    def __init__(self, container: Container) -> None:
        super().__init__(container)
        self._connectors = container.connectors
        self._search = CustomerSearch(container)

    # ---- looking -------------------------------------------------------------------------------

    async def find(self, said: str, *, by: Token, via: str = "sdk") -> CustomersFoundView:
        """Find customers by an e-mail address, an account id, `cst_…`, or what was done for them.

        An address is asked of every provider that can search, at the same time; that somebody
        looked is an entry, which does not say for whom.

        Args:
            said: such as `ada@example.com`, `zendesk:7723`, `cst_…`, `act_…` or `req_…`.
            by: the token of a person with a role, or of a service with the scope `customers:find`.

        Raises:
            RefusedError: `forbidden`, `not_an_approver`; `invalid_input` for what is none of these,
                and for an id without a provider where several could be meant; `not_found` for
                an id of ours that there is not.
        """
        async with self._recorded("find", by):
            await self._check_looker(by)
        wanted = said.strip()
        if is_address(wanted):
            return await self._search.find_address(wanted, by, via)
        account = await self._search.account_of(by.tenant, wanted)
        try:
            found = await self._search.known(by.tenant, account)
        except RefusedError as error:
            if error.code is not Code.UNKNOWN_SUBJECT:
                raise
            return CustomersFoundView(items=())
        summary = await self._search.summary(by.tenant, found)
        here = [one for one in summary.accounts if one.since or one.name or one.email]
        problems = tuple((one.provider, one.problem) for one in summary.accounts if one.problem)
        return CustomersFoundView(items=(summary,) if here else (), problems=problems)

    async def show(self, said: str, *, by: Token) -> CustomerDetailsView:
        """One customer: their accounts, what ties these, what was done, and limits used.

        Args:
            said: as for `find`, without addresses. by: likewise.

        Raises:
            RefusedError: as `find`; `unknown_subject` where neither the provider nor we know them.
        """
        async with self._recorded("show", by):
            await self._check_looker(by)
        account = await self._search.account_of(by.tenant, said.strip())
        known = await self._search.known(by.tenant, account)
        kinds = await self._container.action_catalog.read()
        limits, calendar = await limits_in_force(self._container.store, kinds.actions)
        now = to_micros(self._container.clock.now())
        in_force = LimitsInForce(limits=limits, calendar=calendar, now=now)
        return await self._container.store.read(
            lambda reader: shown_customer(
                self._search.read(reader, by.tenant, known), reader, by.tenant, in_force
            )
        )

    # ---- tying and untying ---------------------------------------------------------------------

    async def link(
        self,
        account: str,
        other: str,
        *,
        reason: str,
        by: Token,
        via: str = "sdk",
        repeated: Repeated | None = None,
    ) -> LinkChangeView:
        """Say that two accounts are one customer's, as a person with a role who says why.

        Money never moves by it without somebody's yes.

        Args:
            account, other: such as `stripe:cus_9` and `zendesk:7723`.
            reason: sealed beside the log, under the key of `account`.
            repeated: where it says so, the same call was made before, and nothing is added.

        Raises:
            RefusedError: `forbidden`, `not_an_approver`, `reason_required`, `message_too_long`;
                `invalid_input` for one account twice, or an id that may be two accounts';
                `unknown_subject` where the provider knows no such customer; `already_in_state`
                where a colleague has tied them; `too_many_accounts`, `subject_in_use`.
            RetryableError: a provider cannot be read now.
        """
        async with self._recorded("link", by):
            await self._check_person(by)
            said = check_reason(reason)
            pair = (self._named(account), self._named(other))
            if pair[0] != pair[1]:
                await asyncio.gather(*map(self._check_there, pair))
            return await self._container.store.write(
                lambda tx: self._tie(tx, by, via, pair, said, repeated), about=by.tenant
            )

    async def merge(
        self,
        customer: str,
        other: str,
        *,
        reason: str,
        by: Token,
        via: str = "sdk",
        repeated: Repeated | None = None,
    ) -> LinkChangeView:
        """Say that two customers are one: links the account of each that was seen first.

        Args:
            customer, other: `cst_…`, or an account of each.

        Raises:
            RefusedError: as `link`; `not_found`; `already_in_state` where they are one already.
            RetryableError: a provider cannot be read now.
        """
        async with self._recorded("merge", by):
            await self._check_person(by)
            said = check_reason(reason)
            pair = (
                await self._search.account_of(by.tenant, customer.strip()),
                await self._search.account_of(by.tenant, other.strip()),
            )
            if pair[0] == pair[1]:
                raise _one_customer()
            await asyncio.gather(*map(self._check_there, pair))

            def write(tx: Transaction) -> LinkChangeView:
                now = to_micros(self._container.clock.now())
                before = self._container.links.of(tx, by.tenant, pair[0], now)
                mine = self._made_by_person(before, pair)
                ends = {end.account for one in before for end in one.ends}
                if pair[1] in ends and (mine is None or repeated is None):
                    raise _one_customer()
                return self._tie(tx, by, via, pair, said, repeated)

            return await self._container.store.write(write, about=by.tenant)

    async def unlink(
        self,
        link_id: str,
        *,
        reason: str,
        by: Token,
        via: str = "sdk",
        repeated: Repeated | None = None,
    ) -> LinkChangeView:
        """End a link, as a person with a role who says why.

        What ties itself, by a record or an equal address, does not tie these two accounts again
        until a person links them.

        Raises:
            RefusedError: `forbidden`, `not_an_approver`, `reason_required`, `message_too_long`;
                `not_found`, also for another tenant's; `already_in_state` for one that has ended.
        """
        async with self._recorded("unlink", by):
            await self._check_person(by)
            said = check_reason(reason)
            return await self._container.store.write(
                lambda tx: self._untie(tx, by, via, storable(link_id), said, repeated),
                about=by.tenant,
            )

    async def vouch(
        self,
        request_id: str,
        *,
        reason: str,
        by: Token,
        via: str = "sdk",
        wait_s: float = 30.0,
        repeated: Repeated | None = None,
    ) -> RequestView:
        """Say that whoever writes in a request is the customer whom it names, and how you know it.

        For a request that asks the customer for a code, was handed over, or waits for a yes. It
        holds there alone, for `[customers] verified_for`; money still needs a person's yes.

        Args:
            reason: sealed beside the log. by: the token of a person with a role.
            wait_s: as with `Sayso.ask`.
            repeated: where it says so, the same call was made before, and nothing is added.

        Returns:
            The request: it goes on where it asked for a code, its cards are made anew where they
            wait, and else it has what you may propose.

        Raises:
            RefusedError: `forbidden`, `not_an_approver`, `reason_required`, `message_too_long`,
                `not_found`; `already_in_state` where it is known who writes; `wrong_state`.
        """
        async with self._recorded("vouch", by):
            await self._check_person(by)
            said = check_reason(reason)
            row = await self._container.store.write(
                lambda tx: vouch(
                    self._container, tx, storable(request_id), said, by, via, repeated
                ),
                about=by.tenant,
            )
            self._container.dispatcher.wake()
        if wait_s > 0:
            await settle_request(self._container, row, wait_s)
        container = self._container
        return await container.store.read(
            lambda reader: show_request(
                reader,
                get_request(reader, row.tenant, row.id),
                container.personal,
                container.agent.language,
            )
        )

    def _tie(
        self,
        tx: Transaction,
        by: Token,
        via: str,
        pair: tuple[str, str],
        reason: str,
        repeated: Repeated | None,
    ) -> LinkChangeView:
        now, links = to_micros(self._container.clock.now()), self._container.links
        before = links.of(tx, by.tenant, pair[0], now)
        known = self._made_by_person(before, pair)
        if known is not None:
            if repeated is None or not repeated(self._marks(tx, by, known.id)):
                raise RefusedError(
                    Code.ALREADY_IN_STATE,
                    f"a colleague has linked these two accounts already, by {known.id}",
                    next_step="nothing is to be done; end that link first to give another reason",
                )
            made = known
        else:
            made = links.link(
                tx,
                by.tenant,
                *pair,
                proof=Proof.PERSON,
                by=By(actor=by.actor, credential=by.id, via=via),
                now=now,
                reason=reason,
            )
        return self._changed(tx, by.tenant, made, now, in_force=True)

    def _untie(
        self,
        tx: Transaction,
        by: Token,
        via: str,
        link_id: str,
        reason: str,
        repeated: Repeated | None,
    ) -> LinkChangeView:
        now, links = to_micros(self._container.clock.now()), self._container.links
        found = links.get(tx, by.tenant, link_id)
        ended = links.unlink(
            tx,
            by.tenant,
            link_id,
            why=BY_PERSON,
            by=By(actor=by.actor, credential=by.id, via=via),
            now=now,
            reason=reason,
        )
        if not ended and (repeated is None or not repeated(self._marks(tx, by, link_id))):
            raise RefusedError(
                Code.ALREADY_IN_STATE,
                f"the link `{plain(link_id, limit=_SHOWN)}` has ended already",
                next_step="nothing is to be done; look at the customer for what ties them now",
            )
        return self._changed(tx, by.tenant, found, now, in_force=False)

    def _changed(
        self, tx: Transaction, tenant: Tenant, link: AccountLink, now: int, *, in_force: bool
    ) -> LinkChangeView:
        parts: dict[str, CustomerPartView] = {}
        for end in link.ends:
            links = self._container.links.of(tx, tenant, end.account, now)
            lasting = [one for one in links if one.request_id is None]
            ends = {far.account for one in lasting for far in one.ends}
            name = customer_of(links, end.pseudonym)
            parts[name] = CustomerPartView(id=name, accounts=tuple(sorted(ends | {end.account})))
        return LinkChangeView(
            link=link_view(tx, tenant, link, self._container.personal),
            in_force=in_force,
            customers=tuple(parts.values()),
            says=TIED if in_force else UNTIED,
        )

    @staticmethod
    def _made_by_person(links: Sequence[AccountLink], pair: tuple[str, str]) -> AccountLink | None:
        return next(
            (
                one
                for one in links
                if one.proof is Proof.PERSON and {end.account for end in one.ends} == set(pair)
            ),
            None,
        )

    @staticmethod
    def _marks(reader: Reader, by: Token, link_id: str) -> list[str]:
        """How this person made or ended the link, as the log has it; at most one."""
        row = reader.one("link.by_id", tenant=by.tenant, id=link_id)
        seq = -1 if row is None else integer(row, "last_seq")
        entry = reader.one("log.bodies", tenant=by.tenant, from_seq=seq, limit=1)
        match None if entry is None else cast("JsonValue", read_body(text(entry, "body"))):
            case {"seq": int(place), "actor": {"id": by.holder}, "data": {"via": str(via)}}:
                return [via] if place == seq else []
            case _:
                return []

    def _named(self, said: str) -> str:
        """An account as it is stored; an id of ours names several, so it will not do.

        Raises:
            RefusedError: `invalid_input`.
        """
        if said.strip().startswith((CUSTOMER, "act_", "req_")):
            raise RefusedError(
                Code.INVALID_INPUT,
                f"`{plain(said, limit=_SHOWN)}` is no account",
                next_step="name two accounts, such as stripe:cus_9 and zendesk:7723; `merge` takes"
                " two customers",
            )
        return self._connectors.subject(said.strip()).id

    async def _check_there(self, account: str) -> None:
        """Refuse an account that its provider does not know; one that cannot say is believed.

        Raises:
            RefusedError: `unknown_subject`. RetryableError: it cannot be read now.
        """
        if not self._connectors.accounts.providers:  # opened for looking only
            return
        provider = self._connectors.accounts.stored(account).provider
        try:
            await self._connectors.person_of(provider, Subject(id=account))
        except RefusedError as error:
            if error.code is not Code.UNKNOWN_SUBJECT:
                raise
            raise RefusedError(
                Code.UNKNOWN_SUBJECT,
                f"{provider} knows no customer `{plain(account, limit=_SHOWN)}`",
                next_step=f"look the id up at {provider}, and write it as {provider} does",
            ) from error

    # ---- who may -------------------------------------------------------------------------------

    async def _check_looker(self, by: Token) -> None:
        if by.kind == "person":
            await self._check_role(by)
        elif Scope.FIND not in by.scopes:
            raise RefusedError(
                Code.FORBIDDEN,
                f"this token has not the scope `{Scope.FIND.value}`",
                next_step="make a token with that scope, or ask as a person with a role",
            )

    async def _check_person(self, by: Token) -> None:
        if by.kind != "person" or Scope.DECIDE not in by.scopes:
            raise RefusedError(
                Code.FORBIDDEN,
                "only a person with a role ties accounts, or unties them",
                next_step="use the token of somebody who may decide",
            )
        await self._check_role(by)

    async def _check_role(self, by: Token) -> None:
        person = (await self._container.people.authority(by.tenant)).person(by.holder)
        if person is None or not person.roles:
            raise RefusedError(
                Code.NOT_AN_APPROVER,
                "you may not do this; it needs a role",
                next_step="ask somebody who has one, or have one given to you: `sayso people role`",
            )

    @asynccontextmanager
    async def _recorded(self, asked: str, by: Token) -> AsyncGenerator[None]:
        """Make each refusal for want of a power an entry; what was asked for stands in none."""
        try:
            yield
        except RefusedError as error:
            if error.code in {Code.FORBIDDEN, Code.NOT_AN_APPROVER}:
                entry = Entry(
                    kind=EntryKind.SUBJECT_REFUSED,
                    actor=by.actor,
                    data={"asked": asked, "code": error.code.value},
                )
                await self._container.store.write(
                    lambda tx: self._container.log.append(tx, by.tenant, entry), about=by.tenant
                )
            raise


def check_reason(reason: str) -> str:
    """Why somebody ties or unties accounts, without blanks around it.

    Raises:
        RefusedError: `reason_required`, `invalid_input`, `message_too_long`.
    """
    said = reason.strip()
    if not said:
        raise RefusedError(
            Code.REASON_REQUIRED,
            "say how you know it",
            next_step="give a reason of some words; it is kept sealed, for whoever asks later",
        )
    if not is_text(said) or "\0" in said:
        raise RefusedError(Code.INVALID_INPUT, "a reason is some text", next_step="write why")
    if len(said) > MAX_REASON_CHARS:
        raise RefusedError(
            Code.MESSAGE_TOO_LONG,
            f"a reason has at most {MAX_REASON_CHARS} characters",
            next_step="shorten it",
        )
    return said


def _one_customer() -> RefusedError:
    return RefusedError(
        Code.ALREADY_IN_STATE,
        "these are one customer already",
        next_step="nothing is to be done; show the customer for what ties their accounts",
    )
