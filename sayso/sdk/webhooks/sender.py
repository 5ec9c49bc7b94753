"""What calls the endpoints: reads the log on, and tells what waits until it has arrived."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sayso.audit.entry import Actor, ActorKind
from sayso.errors import SaysoError, logged, logged_with_frames
from sayso.ids import monotonic_s, to_micros
from sayso.sdk.resources.connections import read_vault
from sayso.sdk.webhooks.endpoint import Endpoint, read_endpoint
from sayso.sdk.webhooks.endpoints import Who
from sayso.sdk.webhooks.message import TIMEOUT_S, DeliveryResult, client_for, message_of, send
from sayso.sdk.webhooks.queue import Delivery, DeliveryQueue
from sayso.sdk.webhooks.resource import endpoints_of
from sayso.sdk.workspace import Workspace
from sayso.store.base import Row, integer_or_none, text

if TYPE_CHECKING:
    import httpx

    from sayso.connectors.vault import Vault
    from sayso.sdk.container import Container

logger = logging.getLogger("sayso.webhooks")

SENDER = Actor(kind=ActorKind.SYSTEM, id="webhooks")
_AT_ONCE = 32
"""Endpoints that are served at the same time."""
_LONGEST_LOOK_S = 60.0
_LONGEST_S = 86_400.0
"""Nothing waits for longer than this."""
_AFTER_TROUBLE_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryPace:
    """How fast, and how long until it is tried again. All in seconds.

    Attributes:
        timeout_s: of each call.
        lease_s: how long one process has an item to itself; several times `timeout_s`.
        at_once: items of one endpoint that are told at the same time.
        item_pauses_s: before the next try of an item that failed; the last one again and again.
        longest_pause_s: of an endpoint that fails altogether: 1, 2, 4 and so on up to this.
        give_up_s: an endpoint that has taken nothing for so long is disabled.
        after_trouble_s: before an endpoint is looked at again that could not even be called.
    """

    timeout_s: float = TIMEOUT_S
    lease_s: float = 60.0
    at_once: int = 8
    item_pauses_s: tuple[float, ...] = (5, 30, 120, 600, 1800, 3600, 7200, 21_600)
    longest_pause_s: float = 300.0
    give_up_s: float = 5 * 86_400.0
    after_trouble_s: float = 5.0


class WebhookSender:
    """Calls the endpoints of all tenants of a workspace. Any number of processes may run one.

    Guarantees: at least once, also when this process is killed at any moment: what was taken is
    marked after it was taken, and whoever runs next goes on from the last mark. The changes of one
    request, or of one action of its own, in their order: none is sent before the one before it has
    arrived.
    """

    def __init__(
        self, container: Container, workspace: Workspace, pace: DeliveryPace | None = None
    ) -> None:
        self._container = container
        self._workspace = workspace
        self._pace = pace or DeliveryPace()
        self._queue = DeliveryQueue(container.store, container.clock, container.keyring)
        self._endpoints = endpoints_of(container, workspace)
        self._running: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._vault: Vault | None = None

    async def run(self) -> None:
        """Serve until cancelled."""
        changes, is_new = self._container.changes, True
        try:
            while True:
                version, left_s = -1, _AFTER_TROUBLE_S
                try:
                    if is_new:
                        await self._queue.bring_forward(behind_s=_LONGEST_S)
                        is_new = False
                    version = await changes.version()
                    left_s = await self._serve_due()
                except SaysoError as error:
                    logger.warning("webhooks cannot be read now: %s", logged(error))
                except Exception as error:  # noqa: BLE001
                    # The edge of the process: whatever it is, it must not end this for good.
                    logger.error("webhooks broke off: %s", logged_with_frames(error))  # noqa: TRY400
                await changes.later_than(version, left_s)
        finally:
            for task in self._running.values():
                task.cancel()
            await asyncio.gather(*self._running.values(), return_exceptions=True)

    async def drain(self) -> None:
        """Tell all that is due now; what failed is due again later."""
        while True:
            await self._serve_due()
            if not self._running:
                return
            await asyncio.wait(list(self._running.values()))

    async def _serve_due(self) -> float:
        """Serve endpoints that something is due for; returns seconds until something else is."""
        now = self._now()
        rows, following = await self._container.store.read(
            lambda reader: (
                reader.all("webhook.due", now=now, limit=_AT_ONCE),
                reader.one("webhook.next_due", now=now),
            ),
            brief=True,
        )
        for row in rows:
            named = (text(row, "tenant"), text(row, "id"))
            if named not in self._running and len(self._running) < _AT_ONCE:
                serving = self._serve_safely(row, named)
                self._running[named] = asyncio.create_task(serving, name=f"sayso {named[1]}")
        at = None if following is None else integer_or_none(following, "at")
        return _LONGEST_LOOK_S if at is None else min(_LONGEST_LOOK_S, max(0.0, (at - now) / 1e6))

    async def _serve_safely(self, row: Row, named: tuple[str, str]) -> None:
        try:
            await self._serve(row)
        except SaysoError as error:
            logger.warning("%s cannot be called now: %s", named[1], logged(error))
            await asyncio.sleep(self._pace.after_trouble_s)
        except Exception as error:  # noqa: BLE001
            # The edge of the process: one broken endpoint must not stop the others.
            logger.error("%s broke off: %s", named[1], logged_with_frames(error))  # noqa: TRY400
            await asyncio.sleep(self._pace.after_trouble_s)
        finally:
            self._running.pop(named, None)

    async def _serve(self, row: Row) -> None:
        """Tell one endpoint all that is due for it now."""
        if self._vault is None:
            self._vault = read_vault(self._workspace)
        endpoint: Endpoint | None = read_endpoint(row, self._vault)
        section = self._workspace.settings.webhooks
        client: httpx.AsyncClient | None = None
        try:
            while endpoint is not None:
                more = await self._queue.read_on(endpoint)
                limit = 1 if endpoint.failures else self._pace.at_once  # one that asks whether
                leased = await self._queue.lease(endpoint, limit=limit, lease_s=self._pace.lease_s)
                if leased and client is None:
                    client = client_for(endpoint.url, section)
                if client is not None:
                    await asyncio.gather(*(self._tell(client, endpoint, one) for one in leased))
                if not leased and not more:
                    return
                endpoint = await self._again(endpoint, self._vault)
        finally:
            if client is not None:
                await client.aclose()

    async def _again(self, endpoint: Endpoint, vault: Vault) -> Endpoint | None:
        """The endpoint as it is now; None where it is not to be called now."""
        row = await self._container.store.read(
            lambda reader: reader.one("webhook.by_id", tenant=endpoint.tenant, id=endpoint.id),
            brief=True,
        )
        if row is None or row["disabled_at"] is not None:
            return None
        found = read_endpoint(row, vault)
        return found if found.due_at <= self._now() else None

    async def _tell(
        self, client: httpx.AsyncClient, endpoint: Endpoint, delivery: Delivery
    ) -> None:
        """Tell what waits of one item, one after the other, while the lease lasts."""
        events, reached = await self._queue.events(endpoint, delivery)
        origin = self._container.log.origin_of(endpoint.tenant)
        deadline = monotonic_s() + self._pace.lease_s - 2 * self._pace.timeout_s
        arrived = delivery.after_seq
        for event in events:
            if monotonic_s() > deadline:
                reached = arrived
                break
            message = message_of(event, origin)
            now = self._container.clock.now()
            headers = message.headers(endpoint.signing(to_micros(now)), now)
            taken = await send(client, endpoint.url, message, headers, self._pace.timeout_s)
            if taken.problem is not None:
                await self._failed(endpoint, delivery, arrived, taken, taken.problem)
                return
            arrived = event.seq
        await self._queue.arrived(endpoint, delivery, reached)

    async def _failed(
        self,
        endpoint: Endpoint,
        delivery: Delivery,
        arrived: int,
        taken: DeliveryResult,
        problem: str,
    ) -> None:
        pauses = self._pace.item_pauses_s
        again_s = pauses[min(delivery.attempts, len(pauses)) - 1]
        pause_s = min(2.0 ** min(endpoint.failures, 20), self._pace.longest_pause_s)
        await self._queue.failed(
            endpoint,
            delivery,
            arrived,
            problem,
            again_s=max(again_s, taken.retry_after_s),
            endpoint_again_s=max(pause_s, taken.retry_after_s),
        )
        logger.info("%s did not take a message: %s", endpoint.id, problem)
        since = endpoint.failing_since
        has_given_up = since is not None and self._now() - since > self._pace.give_up_s * 1e6
        if taken.is_gone or has_given_up:
            why = "gone" if taken.is_gone else "failing"
            logger.warning("%s is disabled: %s (%s)", endpoint.id, why, problem)
            who = Who(actor=SENDER, via="webhooks")
            await self._endpoints.disable(endpoint.tenant, endpoint.id, who, why=why)

    def _now(self) -> int:
        return to_micros(self._container.clock.now())
