"""The SDK: one object that a team's bot, the CLI, the HTTP API and Slack all go through."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Self

from sayso.actions.approvals.decision import Decision
from sayso.actions.approvals.repository import ApprovalStatus, get_approval
from sayso.actions.approvals.service import Decided
from sayso.actions.engine.engine import Boundary, EngineSettings
from sayso.actions.engine.proposals import Proposal
from sayso.actions.model.action_row import NORMAL, WAITED_FOR, ActionRow, get_action, read_action
from sayso.actions.model.definition import Subject
from sayso.actions.model.status import Status
from sayso.agent.base import Message, Planner
from sayso.agent.requests import Ask, RequestStatus, get_request, read_request
from sayso.audit.entry import Actor, ActorKind
from sayso.connectors.base import Connector
from sayso.errors import Code, ConfigError, RefusedError
from sayso.ids import Clock, Tenant
from sayso.json import JsonValue
from sayso.sdk.action_catalog import ActionTypesView, show_action_types
from sayso.sdk.audit.audit import Audit
from sayso.sdk.audit.index import LogIndexes
from sayso.sdk.container import Container, build_container
from sayso.sdk.inputs import as_choice, as_state, as_subject, cursor_of, page_of
from sayso.sdk.presenters import (
    ahead_of_action_view,
    show_action,
    show_approval,
    show_approvals,
    show_request,
)
from sayso.sdk.privacy.privacy import Privacy
from sayso.sdk.progress import call_claimed, carry_on, carry_out, settle_request
from sayso.sdk.rejected_calls import RejectedCalls
from sayso.sdk.resources.people import SettingsDirectory
from sayso.sdk.resources.policy import PolicyResource
from sayso.sdk.resources.settling import Resolving
from sayso.sdk.resources.solutions import Solutions
from sayso.sdk.resources.stop_views import held_view
from sayso.sdk.resources.stops import StopSwitch
from sayso.sdk.resources.tokens import Scope, Token, Tokens
from sayso.sdk.views import ActionView, ApprovalView, RequestView, action_view, approval_view
from sayso.sdk.workspace import Workspace
from sayso.store.base import Reader, SqlValue, Store
from sayso.store.clock import ServerClock, TimeSource
from sayso.telemetry import Telemetry

if TYPE_CHECKING:
    from sayso.sdk.sync import SyncSayso

_SETTLED = frozenset({Status.SUCCEEDED, Status.FAILED})


class Sayso(StopSwitch, Resolving):
    """An open workspace.

    Use `Sayso.open`; every method may be called from many tasks at once, and any number of
    processes may have the same workspace open.
    """

    def __init__(
        self,
        workspace: Workspace,
        *,
        work: bool = True,
        act: bool = True,
        connectors: Sequence[Connector] = (),
        clock: Clock | None = None,
        engine_settings: EngineSettings | None = None,
        passing: Callable[[Boundary], None] | None = None,
        planner: Planner | None = None,
        telemetry: Telemetry | None = None,
        store: Store | None = None,
    ) -> None:
        self._planner = planner
        self._telemetry = telemetry
        self._store = store
        self._workspace = workspace
        self._work = work and act
        self._act = act
        self._connectors = tuple(connectors)
        self._own_clock = clock
        self._engine_settings = engine_settings
        self._passing = passing
        self._container: Container | None = None
        self._indexes = LogIndexes(workspace.folder / ".sayso" / "index")
        self._tasks: list[asyncio.Task[None]] = []
        self._rejected_calls = RejectedCalls(self, via="sdk")

    @classmethod
    def open(
        cls,
        path: str | Path = "sayso.toml",
        *,
        environment: Mapping[str, str] | None = None,
        work: bool = True,
        act: bool = True,
        connectors: Sequence[Connector] = (),
    ) -> Self:
        """Open a workspace: `async with Sayso.open("sayso.toml") as sayso: …`.

        Args:
            path: the sayso.toml, or its folder.
            environment: where `env:` references look; the process's variables by default.
            work: carry out whatever is due while it is open; False only looks and decides.
            act: False is for looking only: no provider's secret is read, so nothing can be
                proposed, decided or carried out.
            connectors: own connectors, beside those of the workspace.

        Raises:
            ConfigError: `no_workspace`, `invalid_setting`.
        """
        variables = os.environ if environment is None else environment
        workspace = Workspace.load(Path(path), variables)
        return cls(workspace, work=work, act=act, connectors=connectors)

    @classmethod
    def sync(
        cls,
        path: str | Path = "sayso.toml",
        *,
        environment: Mapping[str, str] | None = None,
        work: bool = True,
        act: bool = True,
        connectors: Sequence[Connector] = (),
    ) -> SyncSayso:
        """The same for synchronous code: `with Sayso.sync("sayso.toml") as sayso: …`."""
        from sayso.sdk.sync import SyncSayso  # it stands on this module

        return SyncSayso.open(
            path, environment=environment, work=work, act=act, connectors=connectors
        )

    async def __aenter__(self) -> Self:
        clock = self._own_clock or ServerClock()
        self._container = build_container(
            self._workspace,
            clock=clock,
            act=self._act,
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
        if self._work:
            self._tasks.append(asyncio.create_task(self._container.dispatcher.run()))
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        try:
            if self._container is not None:
                try:
                    await self._rejected_calls.flush()
                finally:
                    await self._container.close(self._tasks)
        finally:
            self._container = None
            self._tasks.clear()
            self._indexes.close()

    @property
    def container(self) -> Container:
        """The wired floors, for surfaces.

        Raises:
            ConfigError: `store_unavailable`, outside of `async with`.
        """
        if self._container is None:
            raise ConfigError(
                Code.STORE_UNAVAILABLE,
                "the workspace is not open",
                next_step="use `async with Sayso.open(…) as sayso:`",
            )
        return self._container

    @property
    def workspace(self) -> Workspace:
        """The folder and its settings."""
        return self._workspace

    @property
    def solutions(self) -> Solutions:
        """What waits for people, one item for each plan, and their answers."""
        return Solutions(self)

    @property
    def tokens(self) -> Tokens:
        """Makes, checks and revokes bearer tokens."""
        return self.container.tokens

    @property
    def directory(self) -> SettingsDirectory:
        """The people who may decide."""
        return self.container.directory

    @property
    def audit(self) -> Audit:
        """Queries, verifies and exports the log."""
        return Audit(self.container, self._workspace, self._indexes)

    @property
    def policy(self) -> PolicyResource:
        """The policy: what is in force, what the files say, who may change it."""
        return PolicyResource(self)

    @property
    def subjects(self) -> Privacy:
        """Erases customers, shows them what is held, keeps legal holds, sweeps what is old."""
        return Privacy(self.container, self._workspace)

    async def kinds(self) -> ActionTypesView:
        """The kinds of action that can be proposed; with `act=False` without any secret."""
        return show_action_types(await self.container.kinds.read())

    async def ask(
        self,
        subject: str | Subject,
        messages: str | Sequence[Message],
        *,
        key: str | None = None,
        wait_s: float = 30.0,
        priority: int = WAITED_FOR,
        requester: Actor | None = None,
        tenant: str | None = None,
        traceparent: str | None = None,
    ) -> RequestView:
        """Plan and act on a customer's words.

        Args:
            subject: the verified customer.
            messages: the customer's text, or the conversation, oldest first.
            key: idempotency key; the same key with the same content is one request.
            wait_s: wait so long for everything that needs no person; 0 returns at once.
            priority: 0 to 9, when not everything can be run at once: 9 first, and each step counts
                as 30 seconds of waiting.

        Returns:
            The request as it then stands; its `reply` is true now.

        Raises:
            RefusedError: `empty_message`, `message_too_long`, `idempotency_conflict`.
            ConfigError: no planner can be made of the settings; nothing was stored.
        """
        if self.container.dispatcher.runs_here:
            self.container.agent.ready()
        turns = (
            (Message(role="customer", content=messages),) if isinstance(messages, str) else messages
        )
        row = await self.container.requests.ask(
            Ask(
                tenant=self._tenant(tenant),
                requester=requester or _sdk(),
                subject=as_subject(subject),
                messages=tuple(turns),
                key=key or secrets.token_hex(16),
                traceparent=traceparent,
                priority=priority,
            )
        )
        if wait_s > 0:
            await settle_request(self.container, row, wait_s)
        return await self.request(row.id, tenant=tenant)

    async def request(self, request_id: str, *, tenant: str | None = None) -> RequestView:
        """A request as it stands.

        Raises:
            RefusedError: `not_found`.
        """
        where = self._tenant(tenant)
        return await self.container.store.read(
            lambda reader: show_request(reader, get_request(reader, where, request_id))
        )

    async def requests(
        self,
        *,
        status: str | None = None,
        limit: int = 50,
        after: str | None = None,
        tenant: str | None = None,
    ) -> list[RequestView]:
        """Requests, newest first; `after` is the id of the last one of the page before.

        Raises: RefusedError: `invalid_input`, for a status that there is not, or such an id.
        """
        where, status = self._tenant(tenant), as_state(status, RequestStatus, "a request")
        start = cursor_of("req", after)

        def work(reader: Reader) -> list[RequestView]:
            page: dict[str, SqlValue] = {"tenant": where, "after": start, "limit": page_of(limit)}
            rows = reader.all("request.page", **page, status=status)
            return [show_request(reader, read_request(row)) for row in rows]

        return await self.container.store.read(work)

    async def propose(
        self,
        action: str,
        args: Mapping[str, JsonValue],
        *,
        subject: str | Subject,
        reason: str = "",
        key: str | None = None,
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
            key: idempotency key; the same key with the same content is one action.
            dry_run: judge only; nothing is stored or done.
            wait: carry out what is allowed; False leaves it to the dispatcher.
            priority: as with `ask`; 7 when you wait for it, else 5, unless said.

        Raises:
            RefusedError: `unknown_action`, `invalid_input`, `idempotency_conflict`; and, for a dry
                run, whatever refuses it.
            RetryableError: the provider cannot be read now; nothing was stored.
        """
        proposal = Proposal(
            tenant=self._tenant(tenant),
            requester=requester or _sdk(),
            subject=as_subject(subject),
            action=action,
            args=args,
            key=key or secrets.token_hex(16),
            reason=reason,
            traceparent=traceparent,
            priority=(WAITED_FOR if wait else NORMAL) if priority is None else priority,
            is_new=not key,
        )
        if dry_run:
            judged = await self.container.proposals.dry_run(proposal)
            return action_view(judged.row)
        here = self.container.dispatcher.runs_here
        claim = self.container.engine.claim_in if wait and here else None
        proposed = await self.container.proposals.propose(proposal, claim)
        row = proposed.row
        if proposed.claimed:
            settled = await call_claimed(self.container, row)
            if settled is not None and settled.status in _SETTLED:
                return action_view(settled)
        elif proposed.approval is not None:
            return action_view(row, approval_view(proposed.approval))
        elif row.status is Status.APPROVED:
            if wait:
                await self.container.dispatcher.run_now("action", row.tenant, row.id)
            else:
                self.container.dispatcher.wake()
        return await self.action(row.id, tenant=tenant, timeline=False)

    async def action(
        self, action_id: str, *, tenant: str | None = None, timeline: bool = True
    ) -> ActionView:
        """An action with its approval and its timeline.

        Raises:
            RefusedError: `not_found`.
        """
        where = self._tenant(tenant)

        def work(reader: Reader) -> ActionView:
            ahead_of_action_view(reader, where, action_id, timeline=timeline)
            return show_action(reader, get_action(reader, where, action_id), timeline=timeline)

        return await self.container.store.read(work, brief=True)

    async def actions(
        self,
        *,
        status: str | None = None,
        subject: str | None = None,
        action: str | None = None,
        limit: int = 50,
        after: str | None = None,
        tenant: str | None = None,
    ) -> list[ActionView]:
        """Actions, newest first; `after` is the id of the last one of the page before.

        Raises: RefusedError: `invalid_input`, for a status that there is not, or such an id.
        """
        where, status = self._tenant(tenant), as_state(status, Status, "an action")

        def work(reader: Reader) -> list[ActionView]:
            page: dict[str, SqlValue] = {
                "tenant": where,
                "name": action,
                "after": cursor_of("act", after),
                "limit": page_of(limit),
            }
            if subject is not None:
                rows = reader.all(
                    "action.page_of_subject", **page, status=status, subject_id=subject
                )
            elif status is not None:
                rows = reader.all("action.page_of_status", **page, status=status)
            else:
                rows = reader.all("action.page", **page)
            found = map(read_action, rows)
            return [action_view(row, held=held_view(reader, row)) for row in found]

        return await self.container.store.read(work)

    async def approval(self, approval_id: str, *, tenant: str | None = None) -> ApprovalView:
        """An approval with its card and votes.

        Raises:
            RefusedError: `not_found`.
        """
        where = self._tenant(tenant)
        return await self.container.store.read(
            lambda reader: show_approval(reader, get_approval(reader, where, approval_id))
        )

    async def approvals(
        self,
        *,
        status: str | None = ApprovalStatus.PENDING.value,
        limit: int = 50,
        after: str | None = None,
        tenant: str | None = None,
    ) -> list[ApprovalView]:
        """Approvals, oldest first; `after` is the id of the last one of the page before.

        Raises: RefusedError: `invalid_input`, for a status that there is not, or such an id.
        """
        where, status = self._tenant(tenant), as_state(status, ApprovalStatus, "an approval")

        def work(reader: Reader) -> list[ApprovalView]:
            page: dict[str, SqlValue] = {"tenant": where, "limit": page_of(limit)}
            page["after"] = cursor_of("apr", after)
            rows = (
                reader.all("approval.page", **page)
                if status is None
                else reader.all("approval.page_of_status", **page, status=status)
            )
            return show_approvals(reader, rows)

        return await self.container.store.read(work)

    async def decide(
        self,
        approval_id: str,
        choice: str,
        *,
        token: str,
        revision: int,
        digest: str,
        via: str = "sdk",
        reason_code: str = "",
        reason: str = "",
        args: Mapping[str, JsonValue] | None = None,
    ) -> ActionView:
        """Decide as the person whose token this is; answers as `propose` does, with no timeline.

        Args:
            choice: `approve`, `reject` or `edit`.
            token: a person's token with the scope `approvals:decide`.
            revision, digest: of the card that the person saw.

        Raises:
            RefusedError: `unauthenticated`, `forbidden` for a service token, and whatever
                `Approvals.decide` refuses.
        """
        holder = await self.person_of(token, via=via)
        decided, row = await self._decide(
            Decision(
                tenant=holder.tenant,
                approval_id=approval_id,
                revision=revision,
                digest=digest,
                choice=as_choice(choice),
                person=holder.holder,
                via=via,
                reason_code=reason_code,
                reason=reason,
                args=args,
            )
        )
        asked = decided.approval
        alone = row.request_id is None and asked.escalated_seq is None
        same = row.revision == asked.revision
        if alone and same and row.status in _SETTLED:  # nothing about it changes any more
            return action_view(row, approval_view(asked, decided.votes))
        return await self.action(row.id, tenant=holder.tenant, timeline=False)

    async def person_of(self, token: str, *, via: str = "sdk") -> Token:
        """The person's token behind a secret.

        Raises:
            RefusedError: `unauthenticated`; `forbidden`, also for somebody who is not listed as
                active any more. It is recorded, as `token_of` does.
        """
        found = await self.token_of(token, via=via)
        if found.kind != "person" or Scope.DECIDE not in found.scopes:
            await self._rejected_calls.note(Code.FORBIDDEN, found, via=via)
            raise RefusedError(
                Code.FORBIDDEN,
                "only a person's token decides",
                next_step="make one with `sayso token create --person ID`",
            )
        return found

    async def token_of(self, secret: str, *, via: str = "sdk", own: bool = False) -> Token:
        """The token behind a secret; a refusal stands in the log, counted as over HTTP.

        Args:
            via: how the call came, for the log.
            own: only one of the workspace's own tenant will do.

        Raises:
            RefusedError: see `Tokens.check`; `forbidden` for one of another tenant.
        """
        found = None
        try:
            found = await self.tokens.check(secret)
            if own and found.tenant != self.container.tenant:
                raise RefusedError(
                    Code.FORBIDDEN,
                    f"this token is of the tenant `{found.tenant}`, and not of this workspace's",
                    next_step="use a token of this workspace's tenant",
                )
        except RefusedError as error:
            await self._rejected_calls.note(error.code, found, via=via)
            raise
        return found

    async def decide_as(self, decision: Decision, *, wait: bool = True) -> Decided:
        """Decide for a person whom the calling surface has authenticated itself.

        Args:
            wait: carry out an approved action before returning.

        Raises:
            RefusedError: see `Approvals.decide`.
        """
        decided, _ = await self._decide(decision, wait=wait)
        return decided

    async def _decide(self, decision: Decision, *, wait: bool = True) -> tuple[Decided, ActionRow]:
        """What was decided, and the action as this process left it then."""
        decided = await self.container.approvals.decide(decision)
        row = left = decided.action
        self.container.dispatcher.wake()
        if wait:
            if row.status is Status.APPROVED:
                left = await carry_out(self.container, row) or row
            if row.request_id is not None:
                await carry_on(self.container, row)
        return decided, left

    async def decide_plan(
        self, decisions: Sequence[Decision], *, wait: bool = True
    ) -> list[ActionView]:
        """Take a person's decisions about steps of one plan together, or none of them.

        The calling surface has authenticated the person; see `decide_as`.

        Raises:
            RefusedError: see `Approvals.decide_together`.
        """
        taken = await self.container.approvals.decide_together(decisions)
        self.container.dispatcher.wake()
        if wait:
            await carry_on(self.container, taken[0].action)
        return [
            await self.action(decided.action.id, tenant=decided.action.tenant) for decided in taken
        ]

    def _tenant(self, tenant: str | None) -> Tenant:
        return self.container.tenant if tenant is None else Tenant(tenant)


def _sdk() -> Actor:
    return Actor(kind=ActorKind.SERVICE, id="sdk")
