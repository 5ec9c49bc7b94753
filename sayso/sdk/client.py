"""The SDK: one object that a team's bot, the CLI, the HTTP API and Slack all go through."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

from sayso.actions.model.priority import NORMAL, WAITED_FOR
from sayso.sdk.nouns import Nouns

if TYPE_CHECKING:
    # Loaded where they are used: a program that imports this has not opened a workspace yet.
    from sayso.actions.context import EngineSettings
    from sayso.actions.engine.engine import Boundary
    from sayso.actions.model.definition import Subject
    from sayso.agent.base import Message, Planner
    from sayso.audit.entry import Actor
    from sayso.connectors.base import Connector
    from sayso.ids import Clock, Tenant
    from sayso.json import JsonValue
    from sayso.sdk.background.reload import LoadedView, Reloads
    from sayso.sdk.resources.figures import Figures
    from sayso.sdk.resources.report import ReportView, SentReport
    from sayso.sdk.views.progress import ProgressView
    from sayso.sdk.views.rows import ActionView, EventView, RequestView
    from sayso.sdk.workspace import Workspace
    from sayso.store.base import Store
    from sayso.telemetry import Telemetry

Mode = Literal["run", "decide", "read"]
"""What an open workspace does: `run` carries out whatever is due while it is open, `decide` leaves
that to other processes, and `read` reads no provider's secret, so that nothing can be proposed,
decided or carried out."""


class Sayso(Nouns):
    """An open workspace.

    Use `Sayso.open`; every method may be called from many tasks at once, and any number of
    processes may have the same workspace open.
    """

    def __init__(
        self,
        workspace: Workspace,
        *,
        mode: Mode = "run",
        connectors: Sequence[Connector] = (),
        clock: Clock | None = None,
        engine_settings: EngineSettings | None = None,
        passing: Callable[[Boundary], None] | None = None,
        planner: Planner | None = None,
        telemetry: Telemetry | None = None,
        store: Store | None = None,
    ) -> None:
        super().__init__(workspace)
        self._planner = planner
        self._telemetry = telemetry
        self._store = store
        self._mode = mode
        self._connectors = tuple(connectors)
        self._own_clock = clock
        self._engine_settings = engine_settings
        self._passing = passing
        self._tasks: list[asyncio.Task[None]] = []
        self.reloads: Reloads | None = None
        """What reloads this workspace while it is served; None where nothing does."""

    @classmethod
    def open(
        cls,
        path: str | Path = "sayso.toml",
        *,
        environment: Mapping[str, str] | None = None,
        mode: Mode = "run",
        connectors: Sequence[Connector] = (),
    ) -> Self:
        """Open a workspace: `async with Sayso.open("sayso.toml") as sayso: …`.

        Args:
            path: the sayso.toml, or its folder.
            environment: where `env:` references look; the process's variables by default.
            mode: `run`, `decide` or `read`; see `Mode`.
            connectors: own connectors, beside those of the workspace.

        Raises:
            ConfigError: `no_workspace`, `invalid_setting`.
        """
        from sayso.sdk.workspace import Workspace

        workspace = Workspace.load(Path(path), os.environ if environment is None else environment)
        return cls(workspace, mode=mode, connectors=connectors)

    async def __aenter__(self) -> Self:
        from sayso.sdk.container import build_container
        from sayso.store.clock import ServerClock, TimeSource

        clock = self._own_clock or ServerClock()
        self._container = build_container(
            self._workspace,
            clock=clock,
            act=self._mode != "read",
            connectors=self._connectors,
            engine_settings=self._engine_settings,
            passing=self._passing,
            planner=self._planner,
            telemetry=self._telemetry,
            store=self._store,
        )
        store = self._container.store
        await self._container.check()
        if isinstance(clock, ServerClock) and isinstance(store, TimeSource):
            try:
                await clock.set_by(store)
            except BaseException:
                await self._container.close()
                raise
            self._tasks.append(asyncio.create_task(clock.follow(store)))
        try:
            await self._container.begin()
            copies = self._container.copies
            if self._mode != "read" and copies is not None:  # before anything is carried out
                await copies.spread()
        except BaseException:
            await self._container.close(self._tasks)
            raise
        if self._mode == "run":
            from sayso.sdk.webhooks.sender import WebhookSender

            self._tasks.append(asyncio.create_task(self._container.dispatcher.run()))
            sending = WebhookSender(self._container, self._workspace).run()
            self._tasks.append(asyncio.create_task(sending))
            if self._workspace.settings.desk and not self._workspace.database:
                from sayso.sdk.desk.loop import DeskLoop

                serving = DeskLoop(self._container, self._workspace.settings.desk).run()
                self._tasks.append(asyncio.create_task(serving, name="sayso desks"))
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        try:
            if self._container is not None:
                try:
                    if self._indexes is not None:
                        await self._indexes.stop()
                    await self._container.rejected_calls.flush()
                    if self._oidc is not None:
                        await self._oidc.sessions.close()
                finally:
                    await self._container.close(self._tasks)
        finally:
            self._container = self._oidc = None
            self._tasks.clear()
            if self._indexes is not None:
                self._indexes.close()

    async def report(
        self,
        *,
        weeks: int = 12,
        minutes_by_hand: float | None = None,
        tenant: str | None = None,
    ) -> ReportView:
        """What was done at once, what people were asked, and what was wrong, by weeks.

        Args:
            minutes_by_hand: how long one takes a person; without it nothing is said to be saved.
        """
        from sayso.sdk.resources.report import ReportResource

        return await ReportResource(self.container).make(
            weeks=weeks, minutes_by_hand=minutes_by_hand, tenant=tenant, rollout=self.rollout
        )

    async def send_report(self, person: str, *, weeks: int = 12) -> SentReport:
        """Send the report to a person of sayso.toml, at the address that stands there.

        Raises:
            RefusedError: `not_found` for a person without an address; `wrong_state` where no
                e-mail is set up; and as the mail server says.
        """
        from sayso.sdk.resources.report_mail import send_report

        return await send_report(self, person, weeks)

    # ---- the two verbs -------------------------------------------------------------------------

    async def ask(
        self,
        subject: str | Subject,
        messages: str | Sequence[Message],
        *,
        idempotency_key: str | None = None,
        conversation: str | None = None,
        wait_s: float = 30.0,
        priority: int = WAITED_FOR,
        requester: Actor | None = None,
        tenant: str | None = None,
        traceparent: str | None = None,
    ) -> RequestView:
        """Plan and act on a customer's words.

        What answers a question that this customer was asked continues the request that asked it:
        give the same `conversation`, or the whole conversation with the question in it.

        Args:
            subject: the verified customer.
            messages: the customer's text, or the conversation, oldest first.
            idempotency_key: the same key with the same content is one request.
            conversation: your own id of the thread, such as the ticket's.
            wait_s: wait so long for everything that needs no person; 0 returns at once.
            priority: 0 to 9, when not everything can be run at once: 9 first, and each step counts
                as 30 seconds of waiting.

        Returns:
            The request as it then stands; its `reply` is true now.

        Raises:
            RefusedError: `empty_message`, `message_too_long`, `idempotency_conflict`.
            ConfigError: no planner can be made of the settings; nothing was stored.
        """
        from sayso.agent.base import Message
        from sayso.agent.incoming import Ask
        from sayso.ids import Tenant
        from sayso.sdk.progress.carry_on import settle_request
        from sayso.sdk.resources.base import SDK

        self.warm_up()
        turns = (
            (Message(role="customer", content=messages),) if isinstance(messages, str) else messages
        )
        agent = self.container.agent
        in_thread = conversation is not None and bool(turns)
        row = await self.container.requests.ask(
            Ask(
                tenant=self.tenant if tenant is None else Tenant(tenant),
                requester=requester or SDK,
                subject=self.container.connectors.subject(subject),
                messages=tuple(turns),
                key=idempotency_key or secrets.token_hex(16),
                traceparent=traceparent,
                priority=priority,
                conversation=conversation,
                takes_back=in_thread and agent.takes_back(turns[-1].content, turns[:-1]),
                bearing=agent.bearing(turns[-1].content, turns[:-1]) if in_thread else None,
            )
        )
        if wait_s > 0:
            await settle_request(self.container, row, wait_s)
            if conversation is not None:
                self.container.dispatcher.wake()  # cards of its thread may be made anew
        else:
            self.container.dispatcher.wake()
        return await self.requests.get(row.id, tenant=row.tenant)

    async def stream(
        self,
        subject: str | Subject,
        messages: str | Sequence[Message],
        *,
        idempotency_key: str | None = None,
        conversation: str | None = None,
        priority: int = WAITED_FOR,
        requester: Actor | None = None,
        tenant: str | None = None,
        traceparent: str | None = None,
    ) -> AsyncGenerator[ProgressView]:
        """As `ask`, telling where it stands until it has ended or asks the customer something.

            async for step in sayso.stream("cus_123", "Please refund order 1042."):
                print(step.message or step.request.reply)

        The last step has the `request`. People are waited for as well, for as long as they take:
        leave the loop when you like. Whoever leaves it, or loses it, changes nothing of what was
        asked; the same call with the same key goes on with it, or gives its end.

        Raises:
            RefusedError, ConfigError: as `ask`.
        """
        from sayso.sdk.progress.streaming import steps_of

        before = await self.events.newest(tenant=tenant)
        request = await self.ask(
            subject,
            messages,
            idempotency_key=idempotency_key,
            conversation=conversation,
            wait_s=0,
            priority=priority,
            requester=requester,
            tenant=tenant,
            traceparent=traceparent,
        )
        told = steps_of(self.container, request.id, after=before, tenant=tenant)
        async with aclosing(told) as steps:  # so that leaving it ends all that waits
            async for step in steps:
                yield step

    async def propose(
        self,
        action: str,
        args: Mapping[str, JsonValue],
        *,
        subject: str | Subject,
        reason: str = "",
        idempotency_key: str | None = None,
        dry_run: bool = False,
        wait: bool = True,
        priority: int | None = None,
        requester: Actor | None = None,
        tenant: str | None = None,
        traceparent: str | None = None,
    ) -> ActionView:
        """Propose a concrete action; what the policy allows is done before this returns.

        Args:
            action: such as `stripe.refund`.
            args: as the action defines them; never a customer, a payee or a tenant.
            idempotency_key: the same key with the same content is one action.
            dry_run: judge only; nothing is stored or done.
            wait: carry out what is allowed; False leaves it to the dispatcher.
            priority: as with `ask`; 7 when you wait for it, else 5, unless said.

        Raises:
            RefusedError: `unknown_action`, `invalid_input`, `idempotency_conflict`; and, for a dry
                run, whatever refuses it.
            RetryableError: the provider cannot be read now; nothing was stored.
        """
        from sayso.actions.engine.proposals import Proposal
        from sayso.ids import Tenant
        from sayso.sdk.progress.take_in import take_in
        from sayso.sdk.resources.base import SDK
        from sayso.sdk.views.rows import action_view

        proposal = Proposal(
            tenant=self.tenant if tenant is None else Tenant(tenant),
            requester=requester or SDK,
            subject=self.container.connectors.subject(subject),
            action=action,
            args=args,
            key=idempotency_key or secrets.token_hex(16),
            reason=reason,
            traceparent=traceparent,
            priority=(WAITED_FOR if wait else NORMAL) if priority is None else priority,
            is_new=not idempotency_key,
        )
        if dry_run:
            return action_view((await self.container.proposals.dry_run(proposal)).row)
        return await take_in(self.container, proposal, wait=wait)

    def follow(
        self, item_id: str, *, after: int = -1, tenant: str | None = None
    ) -> AsyncIterator[EventView]:
        """Every change of a request and its actions, or of one action, until it has ended.

            async for change in sayso.follow(request.id):
                print(change.kind, change.status)

        Args:
            item_id: `req_…` or `act_…`.
            after: the `seq` of the last change that was seen; else those so far come first.

        Guarantees: in the order of the log, none left out and none twice. What ended it has come
        when the loop ends; a request that asks the customer something has not ended, so leave the
        loop at `needs_customer` to put the question.

        Raises:
            RefusedError: `not_found`.
        """
        from sayso.sdk.progress.following import follow

        return follow(self.container, item_id, after=after, tenant=tenant)

    # ---- for surfaces --------------------------------------------------------------------------

    def warm_up(self) -> None:
        """Make the planner where this process plans and the workspace says something of it.

        Raises:
            ConfigError: no planner can be made of the settings.
        """
        self.container.warm_up()

    async def warm(self) -> None:
        """Load and connect what the first request would; see `warm_up` for what cannot be made."""
        if self.container.dispatcher.runs_here:
            await self.container.agent.warm()

    async def warm_as_used(self) -> None:
        """Connect what the first call would, and load what words need where they may come.

        A workspace that acts, and that nobody ever asked in words, loads that with the first words.
        """
        agent = self.container.agent
        if self.container.dispatcher.runs_here:
            await agent.connect()
            if await agent.expects_words():
                await agent.warm()

    async def check_ready(self) -> None:
        """Whether actions can be taken in now: judged, signed and stored, with room for them.

        Returns once providers are connected. What words need may still be loading; a request that
        is asked in words meanwhile waits for it.

        Raises:
            ConfigError, RetryableError, IntegrityError: what keeps it from that; `check_signing`.
        """
        from sayso.sdk.audit.readiness import check_signing
        from sayso.store.base import check_room

        check_signing(self.container)
        await self.container.store.write(
            lambda tx: tx.one("log.head", tenant=self.tenant), about=self.tenant
        )
        if self.container.dispatcher.runs_here:
            await self.container.agent.connect()
        await check_room(self.container.store)

    @property
    def loaded(self) -> LoadedView:
        """What this process has loaded: settings, connectors and the policy it judged by last."""
        from sayso.sdk.container import loaded_view

        return loaded_view(self.container, self._workspace, self.reloads)

    @property
    def unverified(self) -> frozenset[Tenant]:
        """The tenants whose log does not verify, so that nothing is signed on top of it."""
        return frozenset(self.container.log.refused)

    async def figures(self, tenant: str | None = None) -> Figures:
        """A few counts for who watches."""
        from sayso.ids import Tenant
        from sayso.sdk.resources.figures import read_figures

        return await read_figures(self.container, self.tenant if tenant is None else Tenant(tenant))

    async def version(self) -> int:
        """A number that differs after any process has committed; cheap, for wake-ups."""
        return await self.container.store.version()

    def problem_with(
        self, noun: str, item_id: str, *, tenant: str | None = None
    ) -> Exception | None:
        """What ended the newest run of an action or a request here; see `Dispatcher`."""
        from sayso.ids import Tenant

        where = self.tenant if tenant is None else Tenant(tenant)
        return self.container.dispatcher.problem_with(noun, where, item_id)
