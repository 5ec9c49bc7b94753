"""Stops: one person stops at once, and two people let it go on."""

from __future__ import annotations

import difflib
import secrets
from functools import partial
from typing import TYPE_CHECKING, Literal

from sayso.actions.controls.kill_switch import (
    Resumption,
    StopOrder,
    StopRow,
    StopScope,
    read_stop,
)
from sayso.audit.authority.credentials import HOST
from sayso.audit.entry import Actor
from sayso.errors import Code, RefusedError
from sayso.ids import Tenant, rfc3339
from sayso.sdk.resources.base import SDK, Resource, cursor_of, page_of
from sayso.sdk.views.rows import StopView
from sayso.store.base import Reader, integer, text
from sayso.text import plain

if TYPE_CHECKING:
    from sayso.sdk.container import Container


_NEWEST = 200
"""So many of the newest actions say which names are in use, whatever is set up here."""


def read_scope(scope: str) -> StopScope:
    """The scope behind a word.

    Raises:
        RefusedError: `invalid_input`.
    """
    try:
        return StopScope(scope)
    except ValueError:
        raise RefusedError(
            Code.INVALID_INPUT,
            f"`{scope[:40]}` is no scope of a stop",
            next_step="use " + ", ".join(StopScope),
        ) from None


async def check_target(container: Container, scope: StopScope, target: str) -> str:
    """Refuse a connector or an action that surely does not exist: such a stop would hold nothing.

    What the newest actions of the ledger name exists, though it is not set up here: the workers may
    have another version of the workspace.

    Returns:
        why the name could not be checked, since a connector cannot be loaded; else empty.

    Raises:
        RefusedError: `not_found`, with the nearest name.
    """
    if not target or scope not in {StopScope.CONNECTOR, StopScope.ACTION}:
        return ""
    types = await container.action_catalog.read_quickly()
    known = types.names if scope is StopScope.ACTION else types.connectors
    if target in known:
        return ""
    # INVARIANT: a brake is not kept from holding by what is broken; where the names are not known,
    # the target is taken as it is.
    if doubt := types.doubt(target.partition(".")[0]):
        return doubt
    done = await container.store.read(partial(_done_lately, tenant=container.tenant))
    if target in (done if scope is StopScope.ACTION else {name.partition(".")[0] for name in done}):
        return ""
    raise RefusedError(
        Code.NOT_FOUND,
        f"there is no {scope} `{plain(target, limit=60)}`, so the stop would hold nothing",
        next_step=_instead(target, known),
    )


def _done_lately(reader: Reader, tenant: Tenant) -> set[str]:
    rows = reader.all("action.page", tenant=tenant, after=None, name=None, limit=_NEWEST)
    return {text(row, "name") for row in rows}


def _instead(target: str, known: frozenset[str]) -> str:
    """The name that was meant: of an action called by its verb, of a connector, or the nearest."""
    names = sorted(known)
    verbs = [name for name in names if name.partition(".")[2] == target]
    of_connector = [name for name in names if name.startswith(f"{target}.")]
    if of_connector and not verbs:
        return f"use {', '.join(of_connector[:10])}; or stop the connector `{target}`"
    if near := verbs or difflib.get_close_matches(target, names, 1):
        return f"did you mean `{near[0]}`?"
    return "use " + ", ".join(names[:10]) if names else "stop the tenant, with the scope `tenant`"


class StopResource(Resource):
    """Stops, lists and resumes."""

    async def engage(
        self,
        scope: str = "all",
        target: str = "",
        *,
        reason: str = "",
        idempotency_key: str | None = None,
        by: Actor | None = None,
        credential: str = HOST,
        via: str = "sdk",
        tenant: str | None = None,
    ) -> StopView:
        """Stop at once: what falls under it is held, in every process, until two people resume.

        Args:
            scope: `all`, `tenant`, `connector`, `action` or `customer`.
            target: which connector, action or customer.
            reason: why, for whoever looks.
            idempotency_key: the same key with the same content is one stop.
            by: who stops, as the calling surface has authenticated them, and by which credential.

        Raises:
            RefusedError: see `Stops.engage`; `not_found` for a name that would hold nothing. A
                customer whom nobody knows yet is taken, and `doubt` says so.
        """
        wanted = read_scope(scope)
        await self.check(scope, target)
        if wanted is StopScope.CUSTOMER and target:
            target = self._container.connectors.stored(target)
        home = self._tenant(tenant)
        row = await self._container.stops.engage(
            StopOrder(
                home=home,
                scope=wanted,
                target=target,
                reason=reason,
                by=by or SDK,
                via=via,
                credential=credential,
                key=idempotency_key or secrets.token_hex(16),
            )
        )
        view = await self._container.store.read(lambda reader: show_stop(reader, row, home))
        return await self._spread(view)

    async def _spread(self, view: StopView) -> StopView:
        """Bring a stop of every tenant, or its end, everywhere, and say which databases lack it."""
        copies = self._container.copies
        if copies is None or view.scope != "all":
            return view
        missed = await copies.spread()
        if not missed:
            return view
        verb = "goes on" if view.status == "released" else "stops"
        names = ", ".join(f"`{name}`" for name in missed)
        doubt = (
            f"it has not reached {names}, where nothing {verb} before it does: "
            f"{next(iter(missed.values())).message}"
        )
        return view.model_copy(update={"doubt": doubt})

    async def check(self, scope: str, target: str) -> str:
        """Whether a stop would hold anything, as `engage` asks by itself.

        Returns:
            Why the name could not be checked, when its connector cannot be loaded: the stop is
            taken then, and holds an action of exactly that name. Else empty.

        Raises:
            RefusedError: `not_found` for a name that would hold nothing; `invalid_input`.
        """
        return await check_target(self._container, read_scope(scope), target)

    async def resume(self, stop_id: str, *, token: str, via: str = "sdk") -> StopView:
        """Ask for the end of a stop as the person whose token this is, or confirm it as another.

        Raises:
            RefusedError: `unauthenticated`, `forbidden`; see `Stops.resume`.
        """
        holder = await self._container.authentication.person(token, via=via)
        return await self.resume_as(
            Resumption(
                tenant=holder.tenant,
                stop_id=stop_id,
                person=holder.holder,
                via=via,
                credential=holder.id,
                key=secrets.token_hex(16),
            )
        )

    async def resume_as(self, resumption: Resumption) -> StopView:
        """The same for a person whom the calling surface has authenticated itself.

        Raises:
            RefusedError: see `Stops.resume`.
        """
        row = await self._container.stops.resume(resumption)
        self._container.dispatcher.wake()
        view = await self._container.store.read(
            lambda reader: show_stop(reader, row, resumption.tenant)
        )
        return await self._spread(view)

    async def list(
        self,
        *,
        released: bool | None = False,
        limit: int = 50,
        after: str | None = None,
        tenant: str | None = None,
    ) -> list[StopView]:
        """Stops that hold this tenant, newest first.

        Args:
            released: False for those in force, True for those that ended, None for all.
            after: the id of the last one of the page before.

        Raises:
            RefusedError: `invalid_input`.
        """
        where = self._tenant(tenant)
        size, start = page_of(limit), cursor_of("stp", after)
        return await self._container.store.read(
            lambda reader: list_stops(reader, where, released=released, limit=size, after=start)
        )


def _doubt(reader: Reader, row: StopRow, tenant: Tenant) -> str:
    """Why a stop may hold nothing: nobody by that id is known here."""
    if row.scope is not StopScope.CUSTOMER or not row.in_force:
        return ""
    known = reader.one("stop.knows_customer", tenant=tenant, subject_id=row.target)
    if known is not None or reader.all("link.far_ends", tenant=tenant, account=row.target):
        return ""
    return (
        f"no customer `{plain(row.target, limit=60)}` is known here yet: it holds what comes for "
        "that very id, and nothing until then"
    )


def show_stop(reader: Reader, row: StopRow, tenant: Tenant) -> StopView:
    """The external form of a stop, with how many of the tenant's actions it holds."""
    held = 0
    if row.in_force:
        found = reader.one("stop.held", tenant=tenant, id=row.id)
        held = 0 if found is None else integer(found, "count")
    return StopView(
        id=row.id,
        status=_status_of(row),
        scope=row.scope.value,
        target=row.target,
        reason=row.reason,
        held=held,
        doubt=_doubt(reader, row, tenant),
        engaged_by=row.engaged_by,
        engaged_at=rfc3339(row.engaged_at),
        asked_by=row.asked_by,
        asked_at=None if row.asked_at is None else rfc3339(row.asked_at),
        released_by=row.released_by,
        released_at=None if row.released_at is None else rfc3339(row.released_at),
    )


def _status_of(row: StopRow) -> Literal["in_force", "resume_asked", "released"]:
    if not row.in_force:
        return "released"
    return "in_force" if row.asked_by is None else "resume_asked"


def list_stops(
    reader: Reader, tenant: Tenant, *, released: bool | None, limit: int, after: str | None
) -> list[StopView]:
    """Stops that hold the tenant, or did; newest first."""
    rows = reader.all(
        "stop.page",
        tenant=tenant,
        released=None if released is None else int(released),
        after=after,
        limit=limit,
    )
    return [show_stop(reader, read_stop(row), tenant) for row in rows]
