"""Putting the floors together: one function that builds everything a workspace needs."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from sayso.actions.approvals import Approvals
from sayso.actions.engine import Boundary, Engine, EngineSettings
from sayso.actions.erasing import OpenActions
from sayso.actions.judging import Judge
from sayso.actions.ledger import Ledger
from sayso.actions.policy import Approver, Judgement, Outcome, Policy, Question
from sayso.actions.proposals import Proposals
from sayso.actions.rates import Rate, Rates
from sayso.actions.reminding import Reminders, Timers
from sayso.actions.resolution import Resolutions
from sayso.actions.stopping import Stops
from sayso.actions.undoing import Undoing
from sayso.agent.base import Planner
from sayso.agent.requests import Requests
from sayso.audit.erasing import Erasures
from sayso.audit.holds import Holds
from sayso.audit.log import AuditLog
from sayso.audit.personal import Personal
from sayso.connectors.base import Connector
from sayso.connectors.registry import Connectors
from sayso.dispatch.base import Dispatcher, Handler
from sayso.dispatch.embedded import EmbeddedDispatcher
from sayso.dispatch.fleet.remote import RemoteDispatcher
from sayso.ids import Clock, IdSource, Tenant
from sayso.sdk.connections import Connections
from sayso.sdk.connectors import load_connectors
from sayso.sdk.database import is_fleet, open_store
from sayso.sdk.kinds import KindBook
from sayso.sdk.people import SettingsDirectory
from sayso.sdk.subjects.erased_list import ErasedList
from sayso.sdk.subjects.eraser import Eraser
from sayso.sdk.subjects.roles import has_role, roles_of
from sayso.sdk.subjects.sweeper import Sweeper
from sayso.sdk.tokens import Tokens
from sayso.sdk.workspace import Workspace
from sayso.settings import Settings
from sayso.store.base import Store
from sayso.telemetry import Telemetry

if TYPE_CHECKING:
    from sayso.sdk.agent import AgentFloor

GRACE_S = 10.0
"""How long calls that are under way may still take when a workspace is closed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """Everything of an open workspace."""

    tenant: Tenant
    clock: Clock
    ids: IdSource
    store: Store
    log: AuditLog
    connectors: Connectors
    connections: Connections | None
    kinds: KindBook
    directory: SettingsDirectory
    proposals: Proposals
    approvals: Approvals
    resolutions: Resolutions
    stops: Stops
    engine: Engine
    requests: Requests
    eraser: Eraser
    sweeper: Sweeper
    holds: Holds
    tokens: Tokens
    agent: AgentFloor
    handlers: Mapping[str, Handler]
    dispatcher: Dispatcher
    telemetry: Telemetry

    async def close(self, tasks: Sequence[asyncio.Task[None]] = ()) -> None:
        """End tasks, close sockets, write what a refresh has begun, then close the database.

        Whatever of it fails, the rest is closed all the same, and then the failure is raised.
        """
        async with contextlib.AsyncExitStack() as ends:
            ends.push_async_callback(self.store.close)
            if self.connections is not None:
                ends.push_async_callback(self.connections.close)
            ends.push_async_callback(self.connectors.close)
            ends.push_async_callback(self.agent.close)
            for task in reversed(tasks):
                ends.push_async_callback(_end, task)


def build_house(
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
) -> House:
    """Open a workspace's database and wire the floors to it.

    Args:
        act: False wires no connector and a policy that denies all, for looking only.
        store: an open database of this workspace, instead of opening it; closed with the house.

    Raises:
        ConfigError: whatever is wrong with the settings, the policy, the key or the database.
        RetryableError: `store_busy`.
    """
    from sayso.sdk.agent import AgentFloor  # defers LangGraph to the first request

    settings = workspace.settings
    tenant = Tenant(settings.workspace.tenant)
    ids = IdSource(clock)
    telemetry = telemetry or Telemetry()
    connections = Connections(workspace, clock) if act else None
    reach = load_connectors(workspace, clock, connectors, connections) if act else Connectors(())
    policy: Policy = workspace.policy(tuple(reach.actions)) if act else _NoPolicy()
    log = AuditLog(
        settings.workspace.name, workspace.signer(), clock, successor=workspace.next_signer()
    )
    store = store or open_store(workspace)
    if connections is not None:
        connections.use(store)
    personal = Personal(secrets.token_bytes)
    undoing = Undoing(reach=reach, personal=personal, ids=ids)
    ledger = Ledger(log, undoing.step_ended)
    directory = SettingsDirectory(settings.people)
    timers = _timers(settings)
    judge = Judge(policy, reach, timers.time, secrets.token_bytes, timers.first)
    proposals = Proposals(
        store=store,
        ledger=ledger,
        reach=reach,
        judge=judge,
        personal=personal,
        clock=clock,
        ids=ids,
        telemetry=telemetry,
    )
    approvals = Approvals(
        store=store,
        ledger=ledger,
        reach=reach,
        judge=judge,
        directory=directory,
        personal=personal,
        clock=clock,
        ids=ids,
        telemetry=telemetry,
    )
    resolutions = Resolutions(
        store=store,
        ledger=ledger,
        directory=directory,
        personal=personal,
        clock=clock,
        ids=ids,
    )
    stops = Stops(
        store=store,
        log=log,
        directory=directory,
        personal=personal,
        clock=clock,
        ids=ids,
        operator=tenant,
        roles=settings.stop.roles or settings.approvals.roles,
    )
    engine = Engine(
        store=store,
        ledger=ledger,
        reach=reach,
        judge=judge,
        proposals=proposals,
        directory=directory,
        personal=personal,
        clock=clock,
        telemetry=telemetry,
        settings=engine_settings,
        rates=_rates(settings),
        reminders=Reminders(ledger=ledger, personal=personal, timers=timers),
        passing=passing or (lambda boundary: None),
    )
    requests = Requests(
        store=store, log=log, personal=personal, clock=clock, ids=ids, telemetry=telemetry
    )
    agent = AgentFloor(
        workspace=workspace,
        store=store,
        requests=requests,
        proposals=proposals,
        connectors=reach,
        clock=clock,
        telemetry=telemetry,
        planner=planner,
    )

    may_erase = roles_of(settings)
    eraser = Eraser(
        store=store,
        erasures=Erasures(log=log, personal=personal, clock=clock, ids=ids),
        open_actions=OpenActions(ledger=ledger, personal=personal, clock=clock),
        requests=requests,
        threads=agent,
        clock=clock,
        listed=ErasedList(workspace.folder / settings.retention.erased_list),
    )
    sweeper = Sweeper(store=store, log=log, personal=personal, threads=agent, clock=clock)
    holds = Holds(
        log=log,
        personal=personal,
        clock=clock,
        ids=ids,
        may_release=lambda person: has_role(directory, person, may_erase),
    )

    async def advance_action(tenant: Tenant, action_id: str) -> bool:
        row = await engine.advance(tenant, action_id)
        return row.request_id is not None  # later steps of its plan, or the reply

    async def advance_request(tenant: Tenant, request_id: str) -> bool:
        await agent.advance(tenant, request_id)
        return True

    handlers: dict[str, Handler] = {"action": advance_action, "request": advance_request}
    dispatcher: Dispatcher = (
        RemoteDispatcher(store, clock)
        if is_fleet(workspace)
        else EmbeddedDispatcher(store, handlers, clock, grace_s=GRACE_S)
    )
    return House(
        tenant=tenant,
        clock=clock,
        ids=ids,
        store=store,
        log=log,
        connectors=reach,
        connections=connections,
        kinds=KindBook(workspace, reach if act else None, connectors),
        directory=directory,
        proposals=proposals,
        approvals=approvals,
        resolutions=resolutions,
        stops=stops,
        engine=engine,
        requests=requests,
        eraser=eraser,
        sweeper=sweeper,
        holds=holds,
        tokens=Tokens(store, log, clock, ids, directory),
        agent=agent,
        handlers=handlers,
        dispatcher=dispatcher,
        telemetry=telemetry,
    )


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


def _rates(settings: Settings) -> Rates:
    tables = settings.connectors.items()
    said = {name: str(table["rate"]) for name, table in tables if "rate" in table}
    connectors = {**settings.rates.connectors, **said}
    return Rates(
        connectors={name: Rate.parse(rate) for name, rate in connectors.items()},
        tenant=None if settings.rates.tenant is None else Rate.parse(settings.rates.tenant),
        tenants={name: Rate.parse(rate) for name, rate in settings.rates.tenants.items()},
    )


class _NoPolicy:
    """Denies everything; stands where nothing is to be judged."""

    @property
    def version(self) -> str:
        return "none"

    def judge(self, question: Question) -> Judgement:
        return Judgement(
            outcome=Outcome.DENY, rules=(), explain="opened for looking only", policy_version="none"
        )

    def permits(self, question: Question, approvers: Sequence[Approver]) -> Judgement:
        return self.judge(question)
