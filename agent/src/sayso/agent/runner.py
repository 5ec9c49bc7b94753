"""Running requests: each run goes through the graph under a lease, woken by words or by actions."""

# NOTE: LangGraph's own overloads are partly untyped, which strict pyright reports at every call.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial

from sayso.actions.engine.proposals import Proposals
from sayso.actions.model.ports import ActionRegistry
from sayso.agent.base import Planner
from sayso.agent.chain import has_models
from sayso.agent.customer_records import CustomerRecords
from sayso.agent.graph import Graph, build_graph
from sayso.agent.prompts.choice import chosen_prompts
from sayso.agent.request_row import RequestRow, RequestStatus, get_request
from sayso.agent.requests import Requests
from sayso.agent.run import RunContext, RunState, hand_over, store_reply
from sayso.agent.spending import Budgets
from sayso.agent.step_up import StepUp
from sayso.agent.understanding import Knowledge
from sayso.audit.customer_codes import GIVEN_UP
from sayso.errors import Code, ConfigError, IntegrityError, RefusedError, RetryableError
from sayso.ids import Clock, Tenant, to_micros
from sayso.settings.planner import BudgetSection, ConfirmWhen
from sayso.store.base import Store, integer
from sayso.telemetry import Telemetry

LEASE = timedelta(minutes=2)
ANSWER_WITHIN = timedelta(days=7)
"""A question that nobody answers for so long is a person's."""
MAX_ATTEMPTS = 8
"""After so many failed runs a request is handed to a person."""


def anywhere(_tenant: str) -> str | None:
    """No region: a tenant's data may be anywhere."""
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Runner:
    """Advances requests; safe to call for the same one at once, since the lease admits one."""

    store: Store
    requests: Requests
    proposals: Proposals
    registry: ActionRegistry
    records: CustomerRecords
    planner: Planner
    knowledge: Knowledge
    confirm: ConfirmWhen
    step_up: StepUp | None = None
    budget: BudgetSection = field(default_factory=BudgetSection)
    region_of: Callable[[str], str | None] = anywhere
    clock: Clock
    telemetry: Telemetry
    graph: Graph = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "graph", build_graph())  # once: it takes milliseconds

    async def advance(self, tenant: Tenant, request_id: str) -> None:
        """Take a request as far as it can go now.

        Raises:
            RetryableError: a provider, the model or the store cannot be used now.
        """
        row = await self.store.read(
            lambda reader: get_request(reader, tenant, request_id), brief=True
        )
        if row.status is RequestStatus.NEEDS_CUSTOMER and not row.is_acting:
            await self._give_up_waiting(row)
            return
        if row.due_at is None or row.status is RequestStatus.HANDED_OVER:
            return
        lease = LEASE // timedelta(microseconds=1)
        claimed = await self.store.write(
            lambda tx: self.requests.claim(tx, row, lease), brief=True, about=row.tenant
        )
        if claimed is None:
            return
        if row.status in {RequestStatus.ANSWERED, RequestStatus.WITHDRAWN}:
            await self.store.write(
                partial(store_reply, self.requests, claimed, self.registry), about=row.tenant
            )
            await self._park(claimed)
            return
        try:
            with self.telemetry.span("sayso.request", row.traceparent, {}):
                await self._run(claimed)
        except RetryableError:
            await self._release(claimed)
            raise
        except (ConfigError, IntegrityError):
            raise  # the machine or the log first; the lease ends by itself
        except Exception as error:
            await self._broke(claimed, error)
            raise
        await self._park(claimed)

    async def _run(self, row: RequestRow) -> None:
        if row.is_acting and not await self._all_told(row):
            return
        messages, (answered, came_of), prompts = await self.store.read(
            lambda reader: (
                self.requests.messages(reader, row),
                self.requests.answer_of(reader, row),
                chosen_prompts(reader, row.tenant) if has_models(self.planner) else None,
            )
        )
        context = RunContext(
            row=row,
            messages=messages,
            answered=answered,
            step_up=self.step_up,
            given_up=came_of == GIVEN_UP,
            now=to_micros(self.clock.now()),
            give_up=row.attempts >= MAX_ATTEMPTS,
            store=self.store,
            requests=self.requests,
            proposals=self.proposals,
            registry=self.registry,
            records=self.records,
            planner=self.planner,
            knowledge=self.knowledge,
            confirm=self.confirm,
            telemetry=self.telemetry,
            region=self.region_of(row.tenant),
            prompts=prompts,
            spending=None
            if self.budget == BudgetSection()
            else Budgets(store=self.store, clock=self.clock, row=row, limits=self.budget),
        )
        await self.graph.ainvoke(RunState(problems=[], tries=0), context=context, version="v2")

    async def _give_up_waiting(self, row: RequestRow) -> None:
        """Hand over a request whose customer did not answer in time."""
        now = to_micros(self.clock.now())
        if row.due_at is None or row.due_at > now:
            return
        lease = LEASE // timedelta(microseconds=1)
        claimed = await self.store.write(
            lambda tx: self.requests.claim(tx, row, lease), brief=True, about=row.tenant
        )
        if claimed is None:
            return
        if row.updated_at + ANSWER_WITHIN // timedelta(microseconds=1) > now:
            await self._park(claimed)  # whoever asked died before it was parked
            return
        reason = "the customer did not answer the question in time"
        told = RunState(code=Code.NOT_UNDERSTOOD.value)
        name = await self.records.accounts.name_of(row.subject)
        await self.store.write(
            lambda tx: hand_over(self.requests, tx, claimed, reason, told, name=name),
            about=row.tenant,
        )
        await self._park(claimed)

    async def _all_told(self, row: RequestRow) -> bool:
        found = await self.store.read(
            lambda reader: reader.one("request.open_actions", tenant=row.tenant, request_id=row.id)
        )
        return found is not None and integer(found, "count") == 0

    async def _broke(self, row: RequestRow, error: Exception) -> None:
        """Free the request for another run; after the last one nobody but a person can plan it."""
        if row.attempts < MAX_ATTEMPTS or row.status is not RequestStatus.RECEIVED:
            await self._release(row)
            return
        # What it says may quote the customer; a refusal is in our own words.
        why, code = type(error).__name__, Code.INTERNAL
        if isinstance(error, RefusedError):
            why, code = error.message, error.code
        reason, told = f"planning raised an unexpected error: {why}", RunState(code=code.value)
        await self.store.write(
            lambda tx: hand_over(self.requests, tx, row, reason, told), about=row.tenant
        )
        await self._park(row)

    async def _release(self, row: RequestRow) -> None:
        now = to_micros(self.clock.now())
        await self.store.write(
            lambda tx: tx.run(
                "request.release", tenant=row.tenant, id=row.id, fence=row.fence, due_at=now
            ),
            about=row.tenant,
        )

    async def _park(self, row: RequestRow) -> None:
        """Off the due index until the last action wakes it, or for good when it is answered."""
        now = to_micros(self.clock.now())
        await self.store.write(
            lambda tx: tx.run(
                "request.park",
                tenant=row.tenant,
                id=row.id,
                fence=row.fence,
                now=now,
                expires_at=now + ANSWER_WITHIN // timedelta(microseconds=1),
            ),
            about=row.tenant,
        )
