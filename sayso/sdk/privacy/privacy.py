"""What the law asks of whoever keeps a customer's words, as a part of the SDK's front."""

from __future__ import annotations

import secrets
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sayso.actions.model.digest import storable
from sayso.audit.authority.rewrap import rewrap
from sayso.audit.entry import Entry, EntryKind
from sayso.audit.erasure import ErasureOrder, check_reason, erasure_of_row, read_erasure
from sayso.audit.holds import HoldCall, HoldRow, hold_of_row, read_hold
from sayso.audit.retention_clock import agreed_time
from sayso.errors import Code, ConfigError, RefusedError, SaysoError
from sayso.ids import Tenant, rfc3339, to_micros
from sayso.sdk.privacy.access import counts_of, gather_subject, nothing_held
from sayso.sdk.privacy.restored import Restored
from sayso.sdk.privacy.views import (
    ErasureView,
    HeldAgainView,
    HoldView,
    RewrappedView,
    SweepView,
    erasure_view,
    hold_view,
)
from sayso.sdk.resources.base import Resource, cursor_of, page_of
from sayso.sdk.resources.people import check_keeper, check_role, roles_of
from sayso.sdk.resources.tokens import Scope, Token
from sayso.store.base import Transaction, text

if TYPE_CHECKING:
    from sayso.sdk.container import Container
    from sayso.sdk.workspace import Workspace


class Privacy(Resource):
    """Erases customers, shows them what is held, holds what a court wants, sweeps what is old.

    Whoever does one of these is a person with one of the roles of `[retention] roles`; each try is
    an entry of the log, under the customer's pseudonym.
    """

    def __init__(self, container: Container, workspace: Workspace) -> None:
        super().__init__(container)
        self._workspace = workspace

    # ---- erasing -------------------------------------------------------------------------------

    async def erase(
        self,
        subject_id: str,
        *,
        reason: str,
        by: Token,
        key: str | None = None,
        rewrite: bool = False,
        only: bool = False,
        via: str = "sdk",
    ) -> ErasureView:
        """Erase a customer: the key of their text first, then all that names or quotes them.

        Every account that is linked is erased with it, each by an erasure of its own, or none.

        Args:
            only: this one account alone, as where a link is wrong.
            reason: a code such as `subject_request`, which stands in the log for good.
            by: the person's token, as `Sayso.person_of` gives it.
            key: idempotency key; the same key is the same erasure.
            rewrite: have SQLite write its whole file anew afterwards.

        Raises:
            RefusedError: `not_an_approver`, `reason_required`, `legal_hold`, `subject_in_use`,
                `not_found` where nothing is held, `idempotency_conflict` for a key that was used
                for another erasure, or for an earlier one of somebody who is a customer again.
            ConfigError: `invalid_setting`, when the list of erased customers cannot be written;
                the erasure has begun then, and goes on with the next try; `store_full`,
                `store_busy`, when it is done and the file could not be scrubbed.
        """
        async with self._recorded("erase", by):
            order = ErasureOrder(
                tenant=by.tenant,
                subject_id=self._container.connectors.stored(subject_id),
                reason=check_reason(reason),
                by=by.actor,
                via=via,
                credential=by.id,
                key=key or secrets.token_hex(16),
            )
            named = {} if only else await self._names_of(by.tenant, order.subject_id)
            rows = await self._container.eraser.erase(order, only=only)
            if not rows:
                raise nothing_held()
            done = rows[0]
        try:
            scrubbed = await self._container.eraser.scrub(rewrite=rewrite)
        except SaysoError as error:
            raise ConfigError(
                error.code,
                f"the customer is erased, by `{done.id}`, but the database's own files may hold "
                f"something yet: {error.message}",
                next_step=f"{error.next_step}, then run `sayso privacy sweep`",
                detail=error.detail,
            ) from error
        named[done.pseudonym] = order.subject_id
        first, *beside = (
            erasure_view(row, scrubbed).model_copy(update={"account": named.get(row.pseudonym)})
            for row in rows
        )
        return first.model_copy(update={"beside": tuple(beside)})

    async def accounts_of(self, subject_id: str, *, by: Token) -> list[str]:
        """Every account of a customer, as it is named, the one that was asked for first.

        Raises:
            RefusedError: `not_an_approver`. IntegrityError: `tampered`.
        """
        async with self._recorded("accounts", by):
            account = self._container.connectors.stored(subject_id)
            return [account, *(await self._names_of(by.tenant, account)).values()]

    async def _names_of(self, tenant: Tenant, account: str) -> dict[str, str]:
        """The customer's other accounts, by their pseudonyms."""
        now, links = to_micros(self._container.clock.now()), self._container.links
        found = await self._container.store.read(
            lambda reader: links.person(reader, tenant, account, now)
        )
        return {end.pseudonym: end.account for end in found}

    async def erasures(
        self, *, limit: int = 50, after: str | None = None, tenant: str | None = None
    ) -> list[ErasureView]:
        """Erasures, newest first; `after` is the id of the last one of the page before."""
        where, start = self._tenant(tenant), cursor_of("ers", after)
        rows = await self._container.store.read(
            lambda reader: reader.all(
                "erasure.page", tenant=where, after=start, limit=page_of(limit)
            )
        )
        return [erasure_view(erasure_of_row(row)) for row in rows]

    async def erasure_of(self, erasure_id: str, *, tenant: str | None = None) -> ErasureView:
        """One erasure.

        Raises:
            RefusedError: `not_found`.
        """
        where, wanted = self._tenant(tenant), storable(erasure_id)
        return erasure_view(
            await self._container.store.read(lambda reader: read_erasure(reader, where, wanted))
        )

    async def finish(self, *, tenant: str | None = None) -> list[ErasureView]:
        """Finish erasures that a crash left under way: a tenant's, or everybody's."""
        only = None if tenant is None else Tenant(tenant)
        return [erasure_view(row) for row in await self._container.eraser.resume_all(only)]

    async def rewrap(self) -> RewrappedView:
        """Wrap every customer's key under the newest `[vault] key`; no text is rewritten.

        Raises:
            ConfigError: `key_mismatch`, when a key that wrapped one is not among `older_keys`.
            IntegrityError: `tampered`.
        """
        wrapped = current = tokens = 0
        last = 0
        keyring, now = self._container.keyring, to_micros(self._container.clock.now())
        for row in await self._container.store.read(lambda reader: reader.all("log.tenants")):
            tenant = Tenant(text(row, "tenant"))
            done = await rewrap(self._container.store, keyring, secrets.token_bytes, tenant)
            wrapped, current = wrapped + done.wrapped, current + done.current
            authority = await self._container.people.authority(tenant)
            for one in authority.credentials.values():
                if one.is_alive(now) and one.kid != keyring.kid:
                    tokens, last = tokens + 1, max(last, one.expires_at)
        return RewrappedView(
            wrapped=wrapped,
            current=current,
            tokens=tokens,
            tokens_until=rfc3339(last) if tokens else None,
        )

    async def erase_restored(self, *, tenant: str | None = None) -> HeldAgainView:
        """Erase again whom a restored backup brought back, by the list outside the database.

        Args:
            tenant: whose customers; everybody's when None.
        """
        only = None if tenant is None else Tenant(tenant)
        return await Restored(self._container.store, self._container.eraser).erase_again(only)

    # ---- access --------------------------------------------------------------------------------

    async def export(self, subject_id: str, *, by: Token) -> dict[str, Any]:
        """Everything that is held about a customer, in clear; that it was asked for is an entry.

        Every account that is linked is in it, under `beside`, and has an entry of its own.

        Raises:
            RefusedError: `not_an_approver`, `not_found`.
        """
        tenant, now = by.tenant, to_micros(self._container.clock.now())

        async with self._recorded("export", by):
            account = self._container.connectors.stored(subject_id)
            accounts = [account, *(await self._names_of(tenant, account)).values()]
            # NOTE: the entries are a unit of their own, since opening many texts must not keep
            # those who write waiting; nothing is handed out before they are committed.
            found = await self._container.store.read(
                lambda reader: [
                    gather_subject(reader, tenant, one, now, self._container.personal)
                    for one in accounts
                ]
            )
            await self._container.store.write(lambda tx: self._note_export(tx, by, found))
        return {**found[0], "beside": found[1:]}

    def _note_export(self, tx: Transaction, by: Token, found: Sequence[dict[str, Any]]) -> None:
        """An entry for each account whose data is handed out."""
        for one in found:
            entry = Entry(
                kind=EntryKind.SUBJECT_EXPORTED,
                actor=by.actor,
                subject=str(one["pseudonym"]),
                data={"counts": dict(counts_of(one))},
            )
            self._container.log.append(tx, by.tenant, entry)

    # ---- holding -------------------------------------------------------------------------------

    async def hold(
        self, subject_id: str, *, reason: str, by: Token, key: str | None = None, via: str = "sdk"
    ) -> HoldView:
        """Keep everything of a customer from now on, also of one who is not known yet.

        Every account that is linked now has a hold of its own. One that is linked later has none,
        and is not erased either while it is linked.

        Args:
            reason: a code such as `litigation`, which stands in the log for good.
            key: idempotency key; the same key with the same content is one hold.

        Raises:
            RefusedError: `not_an_approver`, `reason_required`, `invalid_input` for what is no
                customer's id, `idempotency_conflict`.
        """
        async with self._recorded("hold", by):
            code = check_reason(reason)
            subject = self._container.connectors.stored(subject_id)
            call = _call(by, key, via)
            rows = await self._container.store.write(
                lambda tx: self._place(tx, call, subject, code)
            )
        first, *beside = (
            hold_view(row).model_copy(update={"account": account}) for account, row in rows
        )
        return first.model_copy(update={"beside": tuple(beside)})

    def _place(
        self, tx: Transaction, call: HoldCall, account: str, reason: str
    ) -> list[tuple[str, HoldRow]]:
        """A hold on each account that is the customer's now."""
        container = self._container
        first = container.holds.place(tx, call, account, reason)
        now = to_micros(container.clock.now())
        found = [(account, first)]
        for end in container.links.person(tx, call.tenant, account, now):
            theirs = replace(call, key=f"{call.key}\0{end.pseudonym}")
            found.append((end.account, container.holds.place(tx, theirs, end.account, reason)))
        return found

    async def release(
        self, hold_id: str, *, by: Token, key: str | None = None, via: str = "sdk"
    ) -> HoldView:
        """Ask for the end of a hold, or confirm it as another person.

        Args:
            key: idempotency key; the same person's word with the same key is said once.

        Raises:
            RefusedError: `not_an_approver`, `not_found`, `own_request`, `already_decided`.
        """
        async with self._recorded("release", by):
            call = _call(by, key, via)
            row = await self._container.store.write(
                lambda tx: self._container.holds.release(tx, call, storable(hold_id))
            )
        return hold_view(row)

    async def holds(
        self,
        *,
        released: bool = False,
        limit: int = 50,
        after: str | None = None,
        tenant: str | None = None,
    ) -> list[HoldView]:
        """Holds, newest first; those in force unless `released` asks for all."""
        where, start = self._tenant(tenant), cursor_of("hld", after)
        rows = await self._container.store.read(
            lambda reader: reader.all(
                "hold.page", tenant=where, after=start, released=int(released), limit=page_of(limit)
            )
        )
        return [hold_view(hold_of_row(row)) for row in rows]

    async def hold_of(self, hold_id: str, *, tenant: str | None = None) -> HoldView:
        """One hold.

        Raises:
            RefusedError: `not_found`.
        """
        where, wanted = self._tenant(tenant), storable(hold_id)
        return hold_view(
            await self._container.store.read(lambda reader: read_hold(reader, where, wanted))
        )

    # ---- sweeping ------------------------------------------------------------------------------

    async def check_sweeper(self, by: Token) -> None:
        """Refuse who may not have old text blanked before a server does it; recorded.

        Raises:
            RefusedError: `forbidden`, `not_an_approver`.
        """
        try:
            authority = await self._container.people.authority(by.tenant)
            check_keeper(by, authority, self._workspace.settings)
        except RefusedError as error:
            await self._record(by, "sweep", error)
            raise

    async def sweep(self, *, tenant: str | None = None) -> SweepView:
        """Do now what servers do every six hours: finish, erase again, blank what is old.

        Finished is what a crash left under way, erased again whom a restored backup brought back,
        and blanked what is older than `[retention]` says; nothing where it says nothing.

        Args:
            tenant: whose customers; without it erasures are looked after everywhere, and the
                workspace's own tenant is swept.
        """
        await self.finish(tenant=tenant)
        restored = await self.erase_restored(tenant=tenant)
        swept = await self._sweep(self._tenant(tenant))
        return swept.model_copy(update={"restored": restored})

    async def sweep_all(self) -> HeldAgainView:
        """The same, for every tenant that has a log."""
        await self.finish()
        restored = await self.erase_restored()
        rows = await self._container.store.read(lambda reader: reader.all("log.tenants"))
        for row in rows:
            await self._sweep(Tenant(text(row, "tenant")))
        return restored

    async def _sweep(self, tenant: Tenant) -> SweepView:
        kept = self._workspace.settings.retention.kept_for(tenant)
        if kept is None:
            await self._container.eraser.scrub()
            return SweepView(before=None)
        now, age = to_micros(self._container.clock.now()), kept // timedelta(microseconds=1)
        # INVARIANT: never by one reading of the clock, since what was swept cannot come back.
        agreed = await self._container.store.read(lambda reader: agreed_time(reader, tenant, now))
        before = agreed - age
        swept = await self._container.sweeper.sweep(tenant, before)
        put_off = await self._container.sweeper.put_off(tenant, now, now - age)
        await self._container.eraser.scrub()
        return SweepView(
            before=rfc3339(before),
            actions=swept.actions,
            requests=swept.requests,
            subjects=swept.subjects,
            put_off=put_off,
        )

    @asynccontextmanager
    async def _recorded(self, asked: str, by: Token) -> AsyncGenerator[None]:
        """Let only who may, and make every refusal inside an entry."""
        try:
            if by.kind != "person" or Scope.DECIDE not in by.scopes:
                raise RefusedError(
                    Code.FORBIDDEN,
                    "only a person with a role does this",
                    next_step="use the token of somebody who may decide",
                )
            authority = await self._container.people.authority(by.tenant)
            check_role(authority, by.holder, roles_of(self._workspace.settings))
            yield
        except RefusedError as error:
            await self._record(by, asked, error)
            raise

    async def _record(self, by: Token, asked: str, error: RefusedError) -> None:
        entry = Entry(
            kind=EntryKind.SUBJECT_REFUSED,
            actor=by.actor,
            data={"asked": asked, "code": error.code.value},
        )
        await self._container.store.write(
            lambda tx: self._container.log.append(tx, by.tenant, entry)
        )


def _call(by: Token, key: str | None, via: str) -> HoldCall:
    return HoldCall(
        tenant=by.tenant,
        person=by.holder,
        via=via,
        credential=by.id,
        key=key or secrets.token_hex(16),
    )
