"""Putting the floors together: what a workspace needs, built part by part."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from sayso.actions.approvals.hold import HeldYeses
from sayso.actions.approvals.reminders import Reminders, Timers
from sayso.actions.approvals.service import Approvals
from sayso.actions.context import EngineContext, EngineSettings
from sayso.actions.controls.erasure import OpenActions
from sayso.actions.controls.kill_switch import Stops
from sayso.actions.controls.manual_resolution import ManualSettlements
from sayso.actions.controls.rate_limit import Rate, RateLimits
from sayso.actions.customers.accounts import Accounts
from sayso.actions.customers.evidence import LinkRules
from sayso.actions.customers.links import Links
from sayso.actions.engine.compensation import Compensation
from sayso.actions.engine.engine import Boundary, Engine
from sayso.actions.engine.proposals import Proposals
from sayso.actions.limits.by_log import CountersByLog
from sayso.actions.limits.reservations import LimitReservations
from sayso.actions.model.ledger import Ledger
from sayso.actions.policy.activation import Activations
from sayso.actions.policy.active import (
    ActivePolicy,
    FixedPolicy,
    FollowingStore,
    Policies,
)
from sayso.actions.policy.evaluator import Evaluator
from sayso.agent.base import Planner
from sayso.agent.code_answers import CodeAnswers
from sayso.agent.people_question import renewing, renewing_written
from sayso.agent.requests import Requests
from sayso.audit.authority.keyring import Keyring
from sayso.audit.authority.log_directory import Follower, LogDirectory
from sayso.audit.erasure import Erasures
from sayso.audit.holds import Holds
from sayso.audit.log import AuditLog
from sayso.audit.personal import Personal
from sayso.connectors.base import Connector
from sayso.connectors.contacts import Contacts
from sayso.connectors.registry import Connectors
from sayso.dispatch.base import Dispatcher, Handler
from sayso.dispatch.embedded import LEAVES_S, EmbeddedDispatcher
from sayso.dispatch.fleet.remote import RemoteDispatcher
from sayso.errors import SaysoError
from sayso.extras import installed_version
from sayso.ids import Clock, IdSource, Tenant, to_micros
from sayso.sdk.audit.alarms import read_alarms
from sayso.sdk.audit.kept_heads import read_heads
from sayso.sdk.audit.vault_key import OPENED, vault_trouble
from sayso.sdk.background.rejected_calls import RejectedCalls
from sayso.sdk.background.reload import LoadedView, Reloads, settings_digest
from sayso.sdk.connectors.catalog import ActionCatalog
from sayso.sdk.connectors.load import load_connectors
from sayso.sdk.databases.operator_copy import OperatorCopies
from sayso.sdk.desk.law import OwnWordsByLedger
from sayso.sdk.desk.own import OWN, OwnDesk
from sayso.sdk.privacy.eraser import ErasedList, Eraser
from sayso.sdk.privacy.sweeper import Sweeper
from sayso.sdk.progress.changes import StoreChanges
from sayso.sdk.resources.authentication import Authentication
from sayso.sdk.resources.connections import Connections
from sayso.sdk.resources.people import People, files_of_settings, roles_of
from sayso.sdk.resources.tokens import Tokens
from sayso.sdk.wiring.bare_ids import bare_ids_of, settle_bare_ids
from sayso.sdk.wiring.database import is_fleet, is_postgres, open_store
from sayso.sdk.wiring.no_policy import NoPolicy
from sayso.sdk.wiring.policy_in_force import PolicyDrafts
from sayso.sdk.workspace import Workspace
from sayso.settings import Settings
from sayso.settings.store import HOME_DATABASE
from sayso.store.base import Store
from sayso.telemetry import Telemetry
from sayso.verdicts import Cause, cause_of

if TYPE_CHECKING:
    from sayso.sdk.wiring.agent import AgentFloor

GRACE_S = 10.0
"""How long calls that are under way may still take when a workspace is closed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """Everything of an open workspace."""

    state: Path
    tenant: Tenant
    context: EngineContext
    clock: Clock
    ids: IdSource
    store: Store
    log: AuditLog
    connectors: Connectors
    connections: Connections | None
    action_catalog: ActionCatalog
    keyring: Keyring
    directory: LogDirectory
    personal: Personal
    people: People
    proposals: Proposals
    approvals: Approvals
    held_yeses: HeldYeses
    settlements: ManualSettlements
    stops: Stops
    activations: Activations
    limit_book: LimitReservations
    drafts: PolicyDrafts | None
    policies: Policies
    engine: Engine
    requests: Requests
    eraser: Eraser
    sweeper: Sweeper
    holds: Holds
    links: Links
    tokens: Tokens
    rejected_calls: RejectedCalls
    authentication: Authentication
    agent: AgentFloor
    own_words: OwnWordsByLedger
    handlers: Mapping[str, Handler]
    dispatcher: Dispatcher
    changes: StoreChanges
    copies: OperatorCopies | None
    telemetry: Telemetry
    settings_sha256: str
    verified_micros: int
    answer_micros: int | None
    """So long it is known in a conversation who writes."""

    async def begin(self) -> None:
        """Follow the workspace's own log, and have it say what the files say of people and policy.

        What cannot be done now is done with the first call, which says why when it cannot be: a
        log that was tampered with can still be looked at, and one on a full disk be read.
        """
        for tenant, (why, sort) in read_alarms(self.state).items():
            self.log.refuse(tenant, why, sort)
        for tenant, (size, _) in read_heads(self.state).items():
            self.log.saw(tenant, size)
        with contextlib.suppress(SaysoError):
            trouble = await vault_trouble(self.store, self.keyring, quick=True)
            cause = None if trouble is None else cause_of(trouble.code)
            if trouble is not None and cause is Cause.WRONG_KEY:
                self.log.halt(cause, trouble, OPENED)
        tells = not self.log.is_copy(self.tenant)
        with contextlib.suppress(SaysoError):
            await self.directory.begin(self.store, self.tenant, self._now, tells=tells)

    def _now(self) -> int:
        return to_micros(self.clock.now())

    async def check(self) -> None:
        """Whether there is something to judge by; closes itself again where there is not.

        Raises:
            ConfigError: `invalid_policy`, where the files become the version in force;
                `invalid_setting`, where nobody says whose a stored id is.
        """
        if self.drafts is None:
            self.connectors.believe(await bare_ids_of(self.store))
            return
        try:
            await self.drafts.check()
            await settle_bare_ids(self.store, self.connectors)
        except BaseException:
            await self.close()
            raise

    def warm_up(self) -> None:
        """Make the planner where this process plans and the workspace says something of it.

        Raises:
            ConfigError: no planner can be made of the settings.
        """
        if self.dispatcher.runs_here:
            self.agent.check()

    async def close(self, tasks: Sequence[asyncio.Task[None]] = ()) -> None:
        """End tasks, close sockets, write what a refresh has begun, then close the database.

        Whatever of it fails, the rest is closed all the same, and then the failure is raised.
        """
        async with contextlib.AsyncExitStack() as ends:
            ends.push_async_callback(self.store.close)
            ends.push_async_callback(self._leave_notes)
            if self.connections is not None:
                ends.push_async_callback(self.connections.close)
            ends.push_async_callback(self.connectors.close)
            ends.push_async_callback(self.agent.close)
            ends.push_async_callback(self.changes.stop)
            ends.push_async_callback(self.dispatcher.stop)
            for task in reversed(tasks):
                ends.push_async_callback(_end, task)

    async def _leave_notes(self) -> None:
        with contextlib.suppress(SaysoError):  # they only save the next process some reading
            await self.directory.follower.leave_notes(self.store)


def build_container(
    workspace: Workspace,
    *,
    clock: Clock,
    act: bool = True,
    connectors: Sequence[Connector] = (),
    engine_settings: EngineSettings | None = None,
    passing: Callable[[Boundary], None] | None = None,
    planner: Planner | None = None,
    telemetry: Telemetry | None = None,
    store: Store | None = None,
) -> Container:
    """Open a workspace's database and wire the floors to it.

    Args:
        act: False wires no connector and a policy that denies all, for looking only.
        store: an open database of this workspace, instead of opening it; closed with it.

    Raises:
        ConfigError: whatever is wrong with the settings, the policy, the key or the database.
        RetryableError: `store_busy`.
    """
    from sayso.sdk.wiring.agent import AgentFloor  # defers LangGraph to the first request

    ground = _lay_ground(
        workspace, clock, act, connectors, telemetry or Telemetry(), store, engine_settings
    )
    proposals = Proposals(ground.context)
    requests = _wire_requests(ground)
    engine = _wire_engine(ground, passing)
    agent = AgentFloor(
        workspace=workspace,
        store=ground.store,
        requests=requests,
        proposals=proposals,
        connectors=ground.registry,
        accounts=ground.context.accounts,
        personal=ground.personal,
        keyring=ground.keyring,
        clock=clock,
        telemetry=ground.telemetry,
        planner=planner,
    )
    ground.own_words.language = agent.language
    handlers = _handlers(engine, agent)
    tokens = Tokens(
        store=ground.store,
        log=ground.log,
        clock=clock,
        ids=ground.ids,
        directory=ground.directory,
        keyring=ground.keyring,
        home=ground.tenant,
    )
    rejected_calls = RejectedCalls(ground.store, ground.log, clock, ground.tenant)
    return Container(
        state=workspace.state,
        tenant=ground.tenant,
        context=ground.context,
        clock=clock,
        ids=ground.ids,
        store=ground.store,
        log=ground.log,
        connectors=ground.registry,
        connections=ground.connections,
        action_catalog=ActionCatalog(workspace, ground.registry if act else None, connectors),
        keyring=ground.keyring,
        directory=ground.directory,
        personal=ground.personal,
        people=People(
            store=ground.store,
            log=ground.log,
            directory=ground.directory,
            roles=ground.settings.approvals.roles,
        ),
        proposals=proposals,
        approvals=Approvals(ground.context),
        held_yeses=HeldYeses(ground.context),
        settlements=ManualSettlements(ground.context),
        stops=_wire_stops(ground),
        activations=ground.activations,
        limit_book=ground.limit_book,
        drafts=ground.drafts,
        policies=ground.policies,
        engine=engine,
        requests=requests,
        eraser=_wire_eraser(ground, requests, agent),
        sweeper=_wire_sweeper(ground, agent),
        holds=_wire_holds(ground),
        links=ground.links,
        tokens=tokens,
        rejected_calls=rejected_calls,
        authentication=Authentication(tokens, rejected_calls, ground.tenant),
        agent=agent,
        own_words=ground.own_words,
        handlers=handlers,
        dispatcher=_dispatcher(ground, handlers),
        changes=StoreChanges(ground.store.version),
        copies=OperatorCopies.of(workspace, ground.store, ground.log, ground.tenant),
        telemetry=ground.telemetry,
        settings_sha256=settings_digest(workspace),
        verified_micros=ground.settings.customers.verified_micros,
        answer_micros=ground.settings.work.answer_micros,
    )


def loaded_view(container: Container, workspace: Workspace, reloads: Reloads | None) -> LoadedView:
    """What a process has loaded, by what its container holds."""
    policies, registry = container.policies, container.connectors
    loaded = policies.loaded if isinstance(policies, ActivePolicy) else None
    problem = None if reloads is None else reloads.problem
    return LoadedView(
        version=installed_version(),
        settings=container.settings_sha256,
        connectors={name: registry.connector(name).version for name in registry.names},
        actions=tuple(action.name for action in registry.actions),
        policy=0 if loaded is None else loaded.number,
        policy_sha256="" if loaded is None else loaded.sha256[:12],
        not_reloaded="" if problem is None else problem.code.value,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ground:
    """What nearly every part of a container stands on."""

    workspace: Workspace
    tenant: Tenant
    clock: Clock
    ids: IdSource
    telemetry: Telemetry
    connections: Connections | None
    registry: Connectors
    store: Store
    log: AuditLog
    personal: Personal
    ledger: Ledger
    keyring: Keyring
    directory: LogDirectory
    timers: Timers
    activations: Activations
    limit_book: LimitReservations
    drafts: PolicyDrafts | None
    policies: Policies
    links: Links
    own_words: OwnWordsByLedger
    context: EngineContext

    @property
    def settings(self) -> Settings:
        return self.workspace.settings


def _lay_ground(
    workspace: Workspace,
    clock: Clock,
    act: bool,
    connectors: Sequence[Connector],
    telemetry: Telemetry,
    store: Store | None,
    engine_settings: EngineSettings | None,
) -> _Ground:
    settings = workspace.settings
    ids = IdSource(clock)
    connections = Connections(workspace, clock) if act else None
    registry = load_connectors(workspace, clock, connectors, connections) if act else Connectors(())
    registry.believe(settings.customers.default)
    log = AuditLog(
        settings.workspace.name,
        workspace.signer(),
        clock,
        successor=workspace.next_signer(),
        copies=workspace.copies,
        database=workspace.database or HOME_DATABASE,
    )
    store = store or open_store(workspace)
    if connections is not None:
        connections.use(store)
    tenant = Tenant(settings.workspace.tenant)
    if OWN in registry.names and isinstance(own := registry.connector(OWN), OwnDesk):
        own.use(store, tenant)
    keyring = workspace.keyring()
    personal = Personal(secrets.token_bytes, keyring)
    people = files_of_settings(settings, to_micros(clock.now()))
    directory = LogDirectory(Follower(log, keyring), log, tenant, people)
    compensation = Compensation(registry=registry, personal=personal, ids=ids)
    by_log = CountersByLog(directory, personal, keyring)
    limits = LimitReservations(log, by_log)
    ledger = Ledger(log, compensation.step_ended, limits.follow, keyring)
    timers = _timers(settings)
    activations = Activations(
        store=store, log=log, directory=directory, clock=clock, ids=ids, home=tenant
    )
    links = Links(
        log=log,
        personal=personal,
        directory=directory,
        keyring=keyring,
        ids=ids,
        provider_of=lambda account: registry.accounts.provider_in(account),
    )
    own_words = OwnWordsByLedger(
        registry=registry, personal=personal, settings=settings, tenant=tenant
    )
    policies: Policies = FixedPolicy(NoPolicy())
    drafts: PolicyDrafts | None = None
    if act:
        drafts = PolicyDrafts(workspace, store, activations, limits, tuple(registry.actions))
        policies = ActivePolicy(drafts.compile, drafts.begin)
    return _Ground(
        workspace=workspace,
        tenant=tenant,
        clock=clock,
        ids=ids,
        telemetry=telemetry,
        connections=connections,
        registry=registry,
        store=store,
        log=log,
        personal=personal,
        ledger=ledger,
        keyring=keyring,
        directory=directory,
        timers=timers,
        activations=activations,
        limit_book=limits,
        drafts=drafts,
        policies=policies,
        links=links,
        own_words=own_words,
        context=EngineContext(
            store=FollowingStore(store, policies),
            ledger=ledger,
            registry=registry,
            evaluator=Evaluator(
                policies,
                registry,
                timers.time,
                secrets.token_bytes,
                directory,
                timers.first,
                limits,
                links.others,
                own_words,
            ),
            directory=directory,
            personal=personal,
            clock=clock,
            ids=ids,
            telemetry=telemetry,
            accounts=Accounts(
                store,
                links,
                registry,
                clock,
                LinkRules(places=settings.customers.links, by_email=settings.customers.by_email),
            ),
            settings=replace(
                engine_settings or EngineSettings(),
                yes_reason_from=settings.approvals.yes_reason_tier,
                hold_micros=settings.approvals.hold_micros,
            ),
        ),
    )


def _wire_stops(ground: _Ground) -> Stops:
    return Stops(
        ground.context,
        operator=ground.tenant,
        roles=ground.settings.stop.roles or ground.settings.approvals.roles,
    )


def _wire_engine(ground: _Ground, passing: Callable[[Boundary], None] | None) -> Engine:
    return Engine(
        ground.context,
        rates=_rates(ground.settings),
        reminders=Reminders(ground.context, ground.timers),
        passing=passing or (lambda boundary: None),
    )


def _wire_requests(ground: _Ground) -> Requests:
    return Requests(
        ground.context,
        keyring=ground.keyring,
        log=ground.log,
        written=renewing_written(ground.context),
        renew=renewing(ground.context, extends=ground.settings.approvals.answer_extends),
        codes=CodeAnswers(
            links=ground.links,
            log=ground.log,
            personal=ground.personal,
            keyring=ground.keyring,
            clock=ground.clock,
            verified_micros=ground.settings.customers.verified_micros,
            book=Contacts(ground.registry),
        ),
    )


def _wire_eraser(ground: _Ground, requests: Requests, agent: AgentFloor) -> Eraser:
    log, personal, clock = ground.log, ground.personal, ground.clock
    return Eraser(
        store=ground.store,
        erasures=Erasures(
            log=log, directory=ground.directory, personal=personal, clock=clock, ids=ground.ids
        ),
        open_actions=OpenActions(ground.context),
        links=ground.links,
        requests=requests,
        clock=clock,
        listed=ErasedList(ground.workspace.folder / ground.settings.retention.erased_list),
    )


def _wire_sweeper(ground: _Ground, agent: AgentFloor) -> Sweeper:
    return Sweeper(
        store=ground.store,
        log=ground.log,
        personal=ground.personal,
        clock=ground.clock,
        authority=ground.directory.at,
        links=ground.links,
    )


def _wire_holds(ground: _Ground) -> Holds:
    return Holds(
        log=ground.log,
        personal=ground.personal,
        clock=ground.clock,
        ids=ground.ids,
        directory=ground.directory,
        roles=roles_of(ground.settings),
    )


def _handlers(engine: Engine, agent: AgentFloor) -> dict[str, Handler]:
    """Who carries on what is due, by the noun it is due under."""

    async def advance_action(tenant: Tenant, action_id: str) -> bool:
        row = await engine.advance(tenant, action_id)
        return row.request_id is not None  # later steps of its plan, or the reply

    async def advance_request(tenant: Tenant, request_id: str) -> bool:
        await agent.advance(tenant, request_id)
        return True

    return {"action": advance_action, "request": advance_request}


def _dispatcher(ground: _Ground, handlers: Mapping[str, Handler]) -> Dispatcher:
    if is_fleet(ground.workspace):
        return RemoteDispatcher(ground.store, ground.clock)
    left = LEAVES_S if is_postgres(ground.workspace) else 0.0
    return EmbeddedDispatcher(ground.store, handlers, ground.clock, grace_s=GRACE_S, leaves_s=left)


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


def _timers(settings: Settings) -> Timers:
    section = settings.approvals

    def after(minutes: int | None) -> timedelta | None:
        return None if minutes is None else timedelta(minutes=minutes)

    return Timers(
        time=section.time,
        remind_after=after(section.remind_after_minutes),
        escalate_after=after(section.escalate_after_minutes),
        escalate_to=section.escalate_to,
    )


def _rates(settings: Settings) -> RateLimits:
    tables = settings.connectors.items()
    said = {name: str(table["rate"]) for name, table in tables if "rate" in table}
    connectors = {**settings.rates.connectors, **said}
    return RateLimits(
        connectors={name: Rate.parse(rate) for name, rate in connectors.items()},
        tenant=None if settings.rates.tenant is None else Rate.parse(settings.rates.tenant),
        tenants={name: Rate.parse(rate) for name, rate in settings.rates.tenants.items()},
    )
