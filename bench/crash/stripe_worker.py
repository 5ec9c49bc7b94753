"""The workers at Stripe's sandbox, each a process of its own.

`first` asks for everything and dies where the plan says. `again` opens the same workspace, sweeps
until nothing is open, asks for everything once more as a caller would that got no answer, and
sweeps again. It waits by putting its own clock forward to the next due time, since leases and
settling times would be minutes; while a call is held it waits in real time.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Literal, TypeAlias

from bench.crash.stripe_plan import AMOUNTS, Plan, Step
from bench.place import open_workspace
from sayso.actions.approvals.decision import Decision, DecisionChoice
from sayso.actions.context import EngineSettings
from sayso.actions.engine.engine import Boundary
from sayso.actions.model.status import Status
from sayso.ids import monotonic_s, to_micros
from sayso.json import JsonValue
from sayso.sdk.client import Sayso
from sayso.sdk.views.rows import ActionView
from sayso.store.base import Row, SqlValue, integer, text

LEASE_S = 0.3
LIMIT_S = 30.0
TABLES: dict[str, object] = {"people": [{"id": "maria", "roles": ["support_manager"]}]}
_OPEN = (Status.PLANNED, Status.STALE, Status.APPROVED, Status.EXECUTING, Status.UNKNOWN)
_NEXT_LOOK_S = 0.02

Role = Literal["first", "again"]
Line: TypeAlias = "Connection[tuple[str, ...], str]"
"""To the campaign. Whatever was sent before a death has been told to a caller."""


class AheadClock:
    """The machine's clock, put forward."""

    def __init__(self) -> None:
        self._ahead = timedelta()

    def now(self) -> datetime:
        """The time now, aware, in UTC."""
        return datetime.now(UTC) + self._ahead

    def advance_to(self, micros: int) -> None:
        """Put it forward to a time in microseconds since 1970; never back."""
        behind = micros - to_micros(self.now())
        self._ahead += timedelta(microseconds=max(0, behind))


def tables_of(url: str) -> dict[str, object]:
    """The workspace's settings for a sandbox."""
    return TABLES | {"connectors": {"stripe": {"api_key": "file:keys/stripe", "base_url": url}}}


def dies_at(boundary: Boundary | None, passing: int) -> Callable[[Boundary], None]:
    """Kills this process at that passing of the boundary."""
    seen = 0

    def pass_by(here: Boundary) -> None:
        nonlocal seen
        seen += here is boundary
        if here is boundary and seen == passing:
            os.kill(os.getpid(), signal.SIGKILL)

    return pass_by


class Caller:
    """A bot that wants four things for its customer, and a manager who says yes."""

    def __init__(self, sayso: Sayso, plan: Plan, line: Line) -> None:
        self._sayso = sayso
        self._plan = plan
        self._line = line

    async def ask_all(self) -> None:
        """Ask for everything, with the same keys each time."""
        if self._plan.at_once:
            await asyncio.gather(*(self._ask(step) for step in self._plan.order))
            return
        for step in self._plan.order:
            await self._ask(step)

    async def _ask(self, step: Step) -> None:
        view = await self._sayso.propose(
            *self._action(step),
            subject=self._plan.customer,
            idempotency_key=self._plan.key(step),
            reason="I would like my money back, please",
        )
        self._line.send(("told", view.id, view.status))
        if view.status == "pending_approval":
            view = await self._say_yes(view)
            self._line.send(("told", view.id, view.status))

    def _action(self, step: Step) -> tuple[str, dict[str, JsonValue]]:
        amount: JsonValue = {"amount_minor": AMOUNTS[step], "currency": "USD"}
        match step:
            case "small" | "big":
                return "stripe.refund", {"charge": self._plan.charge(step), "amount": amount}
            case "cancel":
                return "stripe.cancel_subscription", {"subscription": self._plan.subscription}
            case "credit":
                return "stripe.credit", {"amount": amount}

    async def _say_yes(self, view: ActionView) -> ActionView:
        shown = (await self._sayso.actions.get(view.id)).approval
        assert shown is not None
        await self._sayso.approvals.decide_as(
            Decision(
                tenant=self._sayso.container.tenant,
                approval_id=shown.id,
                revision=shown.revision,
                digest=shown.digest,
                choice=DecisionChoice.APPROVE,
                person="maria",
                via="bench",
                credential="host",
            )
        )
        return await self._sayso.actions.get(view.id)


async def read_rows(sayso: Sayso) -> list[Row]:
    """The actions as they are stored."""
    container = sayso.container
    anything: dict[str, SqlValue] = dict.fromkeys(("after", "name"))
    return await container.store.read(
        lambda reader: reader.all("action.page", tenant=container.tenant, limit=200, **anything)
    )


async def sweep(sayso: Sayso, clock: AheadClock | None, limit_s: float) -> bool:
    """Carry on whatever is open.

    Args:
        clock: put forward to the next due time; None waits in real time.

    Returns:
        Whether nothing is open any more; what waits for a person's yes is not open.
    """
    deadline = monotonic_s() + limit_s
    while monotonic_s() < deadline:
        await sayso.container.dispatcher.drain()
        rows = [row for row in await read_rows(sayso) if text(row, "status") in _OPEN]
        if not rows:
            return True
        due = [row["due_at"] for row in rows if isinstance(row["due_at"], int)]
        if not due:
            return False  # only a person could go on
        if clock is not None:
            clock.advance_to(min(due))
        await asyncio.sleep(_NEXT_LOOK_S)
    return False


async def work_first(folder: Path, url: str, plan: Plan, line: Line) -> None:
    """Ask for everything; the plan's death comes on the way."""
    boundary = Boundary(plan.mode) if plan.mode in list(Boundary) else None
    sayso = Sayso(
        open_workspace(folder, **tables_of(url)),
        engine_settings=EngineSettings(lease_s=LEASE_S),
        passing=dies_at(boundary, plan.passing),
    )
    async with sayso:
        line.send(("ready",))
        await Caller(sayso, plan, line).ask_all()


async def work_again(folder: Path, url: str, plan: Plan, line: Line) -> None:
    """Recover, repeat the requests, and recover what came of that."""
    clock = AheadClock()
    sayso = Sayso(
        open_workspace(folder, **tables_of(url)),
        mode="decide",
        clock=clock,
        engine_settings=EngineSettings(lease_s=LEASE_S),
        passing=dies_at(plan.again, 1),
    )
    async with sayso:
        for row in await read_rows(sayso):
            clock.advance_to(integer(row, "updated_at"))
        caller = Caller(sayso, plan, line)
        if plan.caller_first:
            await caller.ask_all()
        if plan.holds is not None:
            await sweep(sayso, None, 3 * LEASE_S)
            line.send(("swept",))
            await asyncio.get_running_loop().run_in_executor(None, line.recv)
        settled = await sweep(sayso, clock, LIMIT_S)
        line.send(("settled" if settled else "open",))
        await caller.ask_all()
        settled = await sweep(sayso, clock, LIMIT_S)
        line.send(("settled" if settled else "open",))


def work(role: Role, folder: Path, url: str, plan: Plan, line: Line) -> None:
    """Be a worker; the target of its process."""
    doing = work_first if role == "first" else work_again
    asyncio.run(doing(folder, url, plan, line))
