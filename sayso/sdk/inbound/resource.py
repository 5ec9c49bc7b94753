"""A provider's webhook: judged by its signature, then used as a hint and never as a proof."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from sayso.actions.model.action_row import get_action
from sayso.actions.model.definition import Assurance, Subject
from sayso.actions.model.status import Status
from sayso.audit.entry import Actor, ActorKind
from sayso.connectors.desk import Belled
from sayso.connectors.signatures import is_signed
from sayso.errors import Code, RefusedError, logged
from sayso.ids import to_micros
from sayso.sdk.desk.rows import MOST_THREAD_CHARS, Place, ring
from sayso.sdk.inbound.events import ProviderEvent, Ticket, read_event
from sayso.sdk.inbound.fin import put_question, read_fin
from sayso.sdk.resources.base import Resource
from sayso.sdk.resources.work_elsewhere import put_elsewhere
from sayso.settings import DeskSection, InboundSection
from sayso.store.base import Transaction
from sayso.text import plain

if TYPE_CHECKING:
    from sayso.sdk.container import Container
    from sayso.sdk.workspace import Workspace

NEWS = timedelta(days=7)
"""A refund that is older is no news; Stripe sends a webhook again for three days."""
logger = logging.getLogger("sayso.inbound")
_LOOKED_FOR = frozenset({Status.UNKNOWN, Status.ACCEPTED, Status.FAILED})
"""What is open at the provider, or was denied. What is done learns from one while it has a day on
which it is looked at again, such as a refund that a bank may turn down."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What followed from a webhook.

    Attributes:
        event: the provider's own id of it.
        looked_up: actions that are looked up now, since the provider spoke of them.
        request: the request that a customer's words became; None for everything else.
        elsewhere: refunds that were made outside Sayso, and are people's work from here on.
    """

    event: str
    looked_up: tuple[str, ...] = ()
    request: str | None = None
    elsewhere: tuple[str, ...] = ()


class InboundResource(Resource):
    """Hears providers.

    Guarantees: nothing is read before the signature is right. A webhook settles nothing: what it
    speaks of is looked up at the provider. The same one twice has one effect.
    """

    def __init__(self, container: Container, workspace: Workspace) -> None:
        super().__init__(container)
        self._workspace = workspace

    async def receive(self, name: str, headers: Mapping[str, str], body: bytes) -> Heard:
        """Take a webhook.

        Args:
            name: of `[inbound.NAME]`. headers: by lower-case name. body: as it came.

        Raises:
            RefusedError: `not_found` for another name; `unauthenticated` for a signature that is
                not right; `malformed_json`.
            ConfigError: `missing_secret`.
        """
        section = self._workspace.settings.inbound.get(name)
        desk = self._workspace.settings.desk.get(name)
        if section is None and desk is not None and desk.secret is not None:
            return await self._rung(name, desk, desk.secret, headers, body)
        if section is None:
            raise RefusedError(
                Code.NOT_FOUND,
                f"nobody listens as `{plain(name, limit=40)}`",
                next_step="name it in [inbound] of sayso.toml",
            )
        secret = self._workspace.secret(section.secret)
        if not is_signed(section.provider, secret, headers, body, self._container.clock.now()):
            raise RefusedError(
                Code.UNAUTHENTICATED,
                f"the signature is not {section.provider}'s",
                next_step="put the provider's signing secret where `secret` points",
            )
        event = read_event(section.provider, headers, body, section.subject)
        if event is None:
            raise RefusedError(Code.MALFORMED_JSON, "the body is no JSON object")
        looked_up = await self._look_now(event)
        elsewhere = await self._notice(name, section, event)
        request = None
        if event.ticket is not None and section.ask:
            desks = self._desks_of(section.provider)
            for one in desks:
                await self._ring(one, event.ticket.conversation.partition(":")[2])
            if not desks:
                request = await self._ask(name, section, event, event.ticket)
        logger.info("%s: %s, %d looked up", name, event.kind, len(looked_up))
        return Heard(event=event.id, looked_up=looked_up, request=request, elsewhere=elsewhere)

    async def _rung(
        self, name: str, desk: DeskSection, secret: str, headers: Mapping[str, str], body: bytes
    ) -> Heard:
        """A desk's own webhook: the thread that it names is read there, and nothing else of it."""
        found = self._container.connectors.connector(desk.connector or name)
        thread = None
        asked = None
        if isinstance(found, Belled):
            now = self._container.clock.now()
            thread = found.rung(self._workspace.secret(secret), headers, body, now)
            asked = read_fin(body)  # after its signature
        if asked is not None:
            place = Place(tenant=self._container.tenant, name=name, section=desk)
            await self._container.store.write(
                lambda tx: put_question(tx, self._container, place, asked)
            )
        elif thread is not None:
            await self._ring(name, thread)
        return Heard(event=hashlib.sha256(body).hexdigest())

    def _desks_of(self, provider: str) -> list[str]:
        """Whoever reads what customers write at a provider, so that a webhook is no turn, too."""
        desks = self._workspace.settings.desk
        return [name for name, one in desks.items() if (one.connector or name) == provider]

    async def _ring(self, desk: str, thread: str) -> None:
        section = self._workspace.settings.desk[desk]
        place = Place(tenant=self._container.tenant, name=desk, section=section)
        now = to_micros(self._container.clock.now())
        if 1 <= len(thread) <= MOST_THREAD_CHARS:
            await self._container.store.write(lambda tx: ring(tx, place, thread, now))

    async def _look_now(self, event: ProviderEvent) -> tuple[str, ...]:
        if not event.actions:
            return ()
        now = to_micros(self._container.clock.now())

        def work(tx: Transaction) -> tuple[str, ...]:
            woken: list[str] = []
            for action_id in event.actions:
                try:
                    row = get_action(tx, self._container.tenant, action_id)
                except RefusedError:
                    continue  # it is another workspace's
                settled = row.status is Status.SUCCEEDED and row.due_at is not None
                if row.called_at is None or not (settled or row.status in _LOOKED_FOR):
                    continue
                if row.due_at is not None and row.due_at <= now:
                    continue
                changed = tx.run(
                    "action.due_again",
                    tenant=row.tenant,
                    id=row.id,
                    last_seq=row.last_seq,
                    due_at=now,
                )
                if changed == 1:
                    woken.append(row.id)
            return tuple(woken)

        woken = await self._container.store.write(work)
        if woken:
            self._container.dispatcher.wake()
        return woken

    async def _notice(
        self, name: str, section: InboundSection, event: ProviderEvent
    ) -> tuple[str, ...]:
        """Have people told of refunds that carry no reference of ours, each once.

        INVARIANT: what is told is what the provider shows when it is asked. Until it is stored
        the call is not answered, so that the provider sends it again after a crash.
        """
        if event.refunded is None:
            return ()
        connectors, now = self._container.connectors, self._container.clock.now()
        try:
            seen = await connectors.refunds_told(section.provider, *event.refunded)
        except RefusedError as error:
            logger.warning("%s: a refund cannot be read: %s", name, logged(error))
            return ()
        since = to_micros(now - NEWS)
        strange = [one for one in seen if not one.is_ours and one.at >= since]
        if not strange:
            return ()

        def write(tx: Transaction) -> tuple[str, ...]:
            tenant = self._container.tenant
            return tuple(
                one.id
                for one in strange
                if put_elsewhere(tx, self._container, tenant, one, f"inbound:{name}")
            )

        return await self._container.store.write(write)

    async def _ask(
        self, name: str, section: InboundSection, event: ProviderEvent, ticket: Ticket
    ) -> str | None:
        from sayso.agent.base import Message
        from sayso.agent.incoming import Ask

        try:
            said = Subject(
                id=ticket.subject,
                provider=section.account_of or "",
                assurance=Assurance(section.assurance),
            )
            subject = self._container.connectors.subject(said)
        except (ValueError, RefusedError):
            logger.warning("%s: the customer's id has another form", name)
            return None
        row = await self._container.requests.ask(
            Ask(
                tenant=self._container.tenant,
                requester=Actor(kind=ActorKind.SERVICE, id=f"inbound:{name}"),
                subject=subject,
                messages=(Message(role="customer", content=ticket.text),),
                key=f"inbound:{name}:{event.id}",
                conversation=ticket.conversation,
                takes_back=self._container.agent.takes_back(ticket.text),
                bearing=self._container.agent.bearing(ticket.text),
            )
        )
        self._container.dispatcher.wake()
        return row.id
