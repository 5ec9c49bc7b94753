"""Stops: one person stops at once, and two people let it go on."""

from __future__ import annotations

import secrets

from sayso.actions.controls.kill_switch import Resumption, StopOrder
from sayso.audit.authority.credentials import HOST
from sayso.audit.entry import Actor
from sayso.sdk.inputs import cursor_of, page_of
from sayso.sdk.resources.base import SDK, Resource
from sayso.sdk.resources.stop_views import check_target, list_stops, read_scope, show_stop
from sayso.sdk.views import StopView


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
            RefusedError: see `Stops.engage`; `not_found` for a name that would hold nothing.
        """
        wanted = read_scope(scope)
        await self.check(scope, target)
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
        return await self._container.store.read(lambda reader: show_stop(reader, row, home))

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
        return await self._container.store.read(
            lambda reader: show_stop(reader, row, resumption.tenant)
        )

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
