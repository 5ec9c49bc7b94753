"""Carrying a request on until only people, time or a provider are waited for."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING

from sayso.actions.approvals.decided import Claim
from sayso.actions.approvals.outdated import OutdatedCardError
from sayso.actions.model.action_row import ActionRow
from sayso.actions.model.status import FINAL, Status
from sayso.agent.request_row import RequestRow, RequestStatus, actions_of, get_request
from sayso.ids import Tenant, to_micros
from sayso.store.base import Reader

if TYPE_CHECKING:
    from sayso.sdk.container import Container

CARRY_ON_S = 30.0
_LOOK_EVERY_S = 0.05
_OPEN = frozenset({Status.PLANNED, Status.APPROVED, Status.EXECUTING, Status.STALE})


async def settle_request(container: Container, row: RequestRow, wait_s: float) -> None:
    """Run the request and whatever of it is due, for so many seconds at most.

    What is not settled by then goes on with the dispatcher of this or of another process.
    """
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(wait_s):
            await container.dispatcher.run_now("request", row.tenant, row.id)
            await _planned_elsewhere(container, row)
            before: list[ActionRow] = []
            while (
                moving := await container.store.read(
                    lambda reader: _moving(reader, row, to_micros(container.clock.now()))
                )
            ) is not None:
                if not moving:
                    await container.dispatcher.run_now("request", row.tenant, row.id)
                    return
                if moving == before:  # what is left waits for something else
                    return
                before = moving
                runs = (
                    container.dispatcher.run_now("action", action.tenant, action.id)
                    for action in moving
                )
                await asyncio.gather(*runs)


async def _planned_elsewhere(container: Container, row: RequestRow) -> None:
    """Wait while another process, such as `sayso serve`, has the request in hand and plans it."""

    def has_it(reader: Reader) -> bool:
        present = get_request(reader, row.tenant, row.id)
        now = to_micros(container.clock.now())
        return (
            present.status is RequestStatus.RECEIVED
            and present.due_at is not None
            and present.due_at > now
        )

    while container.dispatcher.problem_with("request", row.tenant, row.id) is None:
        if not await container.store.read(has_it, brief=True):
            return
        await asyncio.sleep(_LOOK_EVERY_S)


def claim_of(container: Container, *, wait: bool) -> Claim | None:
    """How the intent of what people agree to is committed with their yes; None to leave it.

    Args:
        wait: whether whoever decides carries it out.
    """
    return container.engine.claim_agreed if wait and container.dispatcher.runs_here else None


async def call_claimed(container: Container, row: ActionRow) -> ActionRow | None:
    """Make the call of a claimed row; returns what was stored of it, None when not by us."""
    settled: ActionRow | None = None

    async def call() -> bool:
        nonlocal settled
        settled = await container.engine.call_claimed(row)
        return False

    await container.dispatcher.adopt("action", row.tenant, row.id, call())
    return settled


async def carry_out(container: Container, row: ActionRow) -> ActionRow | None:
    """Take a row that was just stored as far as it goes now.

    Returns:
        The row as it was left; None when another run was under way, or this one broke off.
    """
    left: ActionRow | None = None

    async def advance() -> bool:
        nonlocal left
        left = await container.engine.advance_row(row)
        return left.request_id is not None

    await container.dispatcher.run_now("action", row.tenant, row.id, advance)
    return left


@contextlib.asynccontextmanager
async def judging_anew(container: Container, tenant: Tenant) -> AsyncGenerator[None]:
    """Around a decision: where the card was out of date, its action is judged before that is told.

    Raises:
        OutdatedCardError: what the decision was refused with.
    """
    try:
        yield
    except OutdatedCardError as error:
        container.dispatcher.wake()
        await container.dispatcher.run_now("action", tenant, error.action_id)
        raise


async def carry_on(container: Container, row: ActionRow) -> None:
    """Run what a decision about one action set free: later steps of its plan, then the reply."""
    request_id = row.request_id
    if request_id is None:
        return
    request = await container.store.read(lambda reader: get_request(reader, row.tenant, request_id))
    await settle_request(container, request, CARRY_ON_S)


def _moving(reader: Reader, row: RequestRow, now: int) -> list[ActionRow] | None:
    """The actions of a request that can still go on by themselves.

    Returns:
        An empty list when all are settled but the reply is not written; None when nothing is left.
    """
    present = get_request(reader, row.tenant, row.id)
    if not present.is_acting:
        return None
    actions = actions_of(reader, present)
    moving = [action for action in actions if _goes_on(action, now)]
    if moving:
        return moving
    return [] if all(action.status in FINAL for action in actions) else None


def _goes_on(action: ActionRow, now: int) -> bool:
    if action.status is Status.PENDING_APPROVAL:
        # Due before its time is over: another step has failed, so nobody is to be asked any more.
        return action.due_at is not None and action.due_at <= now
    return action.status in _OPEN and action.due_at is not None
