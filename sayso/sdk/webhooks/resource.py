"""Webhooks: the endpoints of a tenant, as a team manages them."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from sayso.audit.entry import Actor
from sayso.errors import Code, ConfigError, RefusedError
from sayso.ids import Tenant, monotonic_s, rfc3339, to_micros
from sayso.sdk.resources.base import SDK, Resource
from sayso.sdk.resources.connections import read_vault
from sayso.sdk.views.base import View
from sayso.sdk.webhooks.endpoint import Endpoint, check_kinds
from sayso.sdk.webhooks.endpoints import Endpoints, Who
from sayso.sdk.webhooks.message import client_for, send, test_message
from sayso.sdk.webhooks.queue import waiting
from sayso.sdk.workspace import Workspace
from sayso.settings import FILE_NAME
from sayso.store.base import Reader, integer

if TYPE_CHECKING:
    from sayso.sdk.container import Container


class WebhookView(View):
    """A program that is called with every change.

    Attributes:
        kinds: what it is told: families such as `action`, or kinds; everything when empty.
        status: `active`, `failing` (it is tried again) or `disabled`.
        why: why it is disabled: `asked`, `gone` (it answered 410) or `failing` for five days.
        waiting: for how many requests and actions something waits to be told.
        problem: what was wrong with the last delivery that failed, such as `status 500`.
        secret: signs what is sent; only in the answer that made or rotated it.
    """

    id: str
    url: str
    kinds: tuple[str, ...] = ()
    status: Literal["active", "failing", "disabled"]
    why: str | None = None
    waiting: int = 0
    failures: int = 0
    failing_since: str | None = None
    problem: str | None = None
    created_at: str
    secret: str | None = None


class WebhookTestView(View):
    """How an endpoint took a test message.

    Attributes:
        taken: whether it answered with a 2xx. status: of its answer, where there was one.
        problem: why it did not take it. took_ms: how long that took.
    """

    id: str
    taken: bool
    status: int | None = None
    problem: str | None = None
    took_ms: int


class WebhookResource(Resource):
    """Adds, tests, rotates, replays and removes endpoints.

    Args:
        container: of an open workspace.
        workspace: its `[webhooks]` and `[vault]`.
    """

    def __init__(self, container: Container, workspace: Workspace) -> None:
        super().__init__(container)
        self._workspace = workspace

    async def add(
        self,
        url: str,
        *,
        kinds: Sequence[str] = (),
        idempotency_key: str | None = None,
        by: Actor | None = None,
        via: str | None = None,
        tenant: str | None = None,
    ) -> WebhookView:
        """Call an address with every change from now on; the answer holds the signing secret.

        Args:
            url: https; or http on this machine, where `[webhooks] local` says so.
            kinds: families such as `action`, or kinds such as `action.succeeded`; all when empty.
            idempotency_key: the same key with the same content is one endpoint.

        Raises:
            RefusedError: `invalid_input` for an address that may not be called, or an unknown kind;
                `idempotency_conflict`.
            ConfigError: `missing_secret`, when there is no vault key to seal the secret with.
        """
        made = await self._endpoints.add(
            self._tenant(tenant),
            self._allowed(url),
            check_kinds(kinds),
            idempotency_key or secrets.token_hex(16),
            _who(by, via),
        )
        return await self._shown(made, with_secret=True)

    async def list(self, *, tenant: str | None = None) -> list[WebhookView]:
        """A tenant's endpoints, oldest first."""
        where = self._tenant(tenant)

        def work(reader: Reader) -> list[WebhookView]:
            found = self._endpoints.read(reader, where)
            return [_view(one, waiting(reader, one)) for one in found]

        return await self._container.store.read(work)

    async def get(self, webhook_id: str, *, tenant: str | None = None) -> WebhookView:
        """One endpoint.

        Raises:
            RefusedError: `not_found`.
        """
        where = self._tenant(tenant)

        def work(reader: Reader) -> WebhookView:
            found = self._endpoints.get(reader, where, webhook_id)
            return _view(found, waiting(reader, found))

        return await self._container.store.read(work)

    async def rotate(
        self,
        webhook_id: str,
        *,
        by: Actor | None = None,
        via: str | None = None,
        tenant: str | None = None,
    ) -> WebhookView:
        """Make a new secret, which the answer holds; the one before signs for a day as well."""
        rotated = await self._endpoints.rotate(self._tenant(tenant), webhook_id, _who(by, via))
        return await self._shown(rotated, with_secret=True)

    async def disable(
        self,
        webhook_id: str,
        *,
        by: Actor | None = None,
        via: str | None = None,
        tenant: str | None = None,
    ) -> WebhookView:
        """Call it no more; what comes meanwhile is told once it is enabled again."""
        done = await self._endpoints.disable(
            self._tenant(tenant), webhook_id, _who(by, via), why="asked"
        )
        return await self._shown(done)

    async def enable(
        self,
        webhook_id: str,
        *,
        by: Actor | None = None,
        via: str | None = None,
        tenant: str | None = None,
    ) -> WebhookView:
        """Call it again, and now: also for one that is failing, whose pauses end."""
        done = await self._endpoints.enable(self._tenant(tenant), webhook_id, _who(by, via))
        return await self._shown(done)

    async def replay(
        self,
        webhook_id: str,
        *,
        after: int | None = None,
        since: datetime | None = None,
        by: Actor | None = None,
        via: str | None = None,
        tenant: str | None = None,
    ) -> WebhookView:
        """Tell everything once more that came behind an event, or since a moment.

        What arrived before arrives again with the same `webhook-id`, so a receiver knows it.

        Args:
            after: the `seq` of the last event that needs no repetition; -1 for all.
            since: an aware time, in place of `after`.

        Raises:
            RefusedError: `invalid_input`.
        """
        where = self._tenant(tenant)
        if (after is None) == (since is None):
            raise RefusedError(
                Code.INVALID_INPUT,
                "a replay begins behind an event or at a moment",
                next_step="pass one of `after` and `since`",
            )
        if since is not None:
            after = await self._newest_before(where, since)
        assert after is not None
        done = await self._endpoints.replay(where, webhook_id, after, _who(by, via))
        return await self._shown(done)

    async def remove(
        self,
        webhook_id: str,
        *,
        by: Actor | None = None,
        via: str | None = None,
        tenant: str | None = None,
    ) -> WebhookView:
        """Forget it, and what was still to be told; returns how it was."""
        removed = await self._endpoints.remove(self._tenant(tenant), webhook_id, _who(by, via))
        return _view(removed, 0)

    async def test(self, webhook_id: str, *, tenant: str | None = None) -> WebhookTestView:
        """Send it a test message now, once, signed like every other; `type` is `webhook.test`."""
        where = self._tenant(tenant)
        found = await self._container.store.read(
            lambda reader: self._endpoints.get(reader, where, webhook_id)
        )
        now = self._container.clock.now()
        message = test_message(
            found.id, where, self._container.ids.new("evt"), rfc3339(to_micros(now))
        )
        section = self._workspace.settings.webhooks
        started = monotonic_s()
        async with client_for(found.url, section) as client:
            headers = message.headers(found.signing(to_micros(now)), now)
            taken = await send(client, found.url, message, headers)
        return WebhookTestView(
            id=found.id,
            taken=taken.problem is None,
            status=taken.status,
            problem=taken.problem,
            took_ms=int((monotonic_s() - started) * 1000),
        )

    @cached_property
    def _endpoints(self) -> Endpoints:
        return endpoints_of(self._container, self._workspace)

    def _allowed(self, url: str) -> str:
        """The address as it is called.

        Raises:
            RefusedError: `invalid_input`.
        """
        from sayso.network import LOOPBACK, checked_url  # 10 ms, which only adding one pays for

        section = self._workspace.settings.webhooks
        try:
            found = checked_url(
                url, name="url", private=[str(one) for one in section.private], query=True
            )
        except ConfigError as error:
            raise RefusedError(
                Code.INVALID_INPUT, error.message, next_step=error.next_step
            ) from error
        if urlsplit(found).hostname in LOOPBACK and not section.local:
            raise RefusedError(
                Code.INVALID_INPUT,
                "`url` is on this machine, which no webhook calls unless it is said",
                next_step=f"use https and a public host, or write `local = true` under [webhooks] "
                f"in {FILE_NAME} for trying things out",
            )
        return found

    async def _newest_before(self, tenant: Tenant, since: datetime) -> int:
        at = to_micros(since)

        def work(reader: Reader) -> int:
            row = reader.one("webhook.newest_before", tenant=tenant, at=at)
            return -1 if row is None else integer(row, "seq")

        return await self._container.store.read(work)

    async def _shown(self, endpoint: Endpoint, *, with_secret: bool = False) -> WebhookView:
        count = await self._container.store.read(lambda reader: waiting(reader, endpoint))
        view = _view(endpoint, count)
        if not with_secret:
            return view
        return view.model_copy(update={"secret": endpoint.secrets[0].value.reveal()})


def endpoints_of(container: Container, workspace: Workspace) -> Endpoints:
    """The endpoints of an open workspace."""
    return Endpoints(
        store=container.store,
        log=container.log,
        clock=container.clock,
        ids=container.ids,
        vault=lambda: read_vault(workspace),
        entropy=secrets.token_bytes,
        keyring=container.keyring,
    )


def _who(by: Actor | None, via: str | None) -> Who:
    return Who(actor=by or SDK, via=via or f"sdk/{secrets.token_hex(6)}")


def _view(endpoint: Endpoint, count: int) -> WebhookView:
    disabled = endpoint.disabled_at is not None
    since = endpoint.failing_since
    return WebhookView(
        id=endpoint.id,
        url=endpoint.url,
        kinds=endpoint.kinds,
        status="disabled" if disabled else "failing" if endpoint.failures else "active",
        why=endpoint.disabled_why,
        waiting=count,
        failures=endpoint.failures,
        failing_since=None if since is None else rfc3339(since),
        problem=endpoint.problem,
        created_at=rfc3339(endpoint.created_at),
    )
