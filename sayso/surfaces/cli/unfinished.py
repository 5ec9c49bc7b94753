"""What was stored and did not get done here: why, and who goes on with it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Literal, TypeAlias

from sayso.errors import Code, RetryableError, SaysoError
from sayso.ids import Tenant
from sayso.sdk.client import Sayso
from sayso.sdk.views.base import View
from sayso.surfaces.cli.output import Out
from sayso.surfaces.cli.problem import LATER, exit_status, internal
from sayso.surfaces.cli.words import one_line

if TYPE_CHECKING:
    from sayso.sdk.views.rows import ActionView, EventView, RequestView

_WHO = "`sayso serve` or `sayso worker`"
_GOES_ON = f"it is stored, and {_WHO} goes on with it"
_OPEN = frozenset({"planned", "approved", "stale", "executing"})


class LeftView(View):
    """An action that a command has left to a process that goes on.

    Attributes:
        action: its id.
        code: `stopped` or `object_locked` where something holds it, `sent` where its call left and
            the answer was not waited for, else `waiting`.
        reason: the same in words.
    """

    action: str
    code: Literal["stopped", "object_locked", "sent", "waiting"]
    reason: str
    next_step: str


def left_of(*actions: ActionView) -> list[LeftView]:
    """What of these is not done yet, waits for no decision, and is not gone on with here."""
    return [_left(action) for action in actions if action.status in _OPEN]


def _left(action: ActionView) -> LeftView:
    held = action.held
    if action.status == "executing":
        return LeftView(
            action=action.id,
            code="sent",
            reason="its call has left, and the answer is not there yet",
            next_step=f"{_WHO} finds out what became of it; see `sayso actions show {action.id}`",
        )
    if held is None:
        reason = "it waits for its turn"
        if action.after:
            reason = f"it waits for the steps {', '.join(action.after)} of its plan, or its turn"
        return LeftView(
            action=action.id,
            code="waiting",
            reason=reason,
            next_step=f"{_WHO} does it; see `sayso actions show {action.id}`",
        )
    first = f"two people run `sayso resume {held.by}`, one after the other"
    if held.for_a_person:
        first = f"wait for {held.by}, or settle it with `sayso actions settle {held.by}`"
    step = f"{first}; then {_WHO} does it"
    if held.code == "object_locked" and not held.for_a_person:
        step = f"start {_WHO}: it finds out what became of {held.by}, and then does this one"
    return LeftView(action=action.id, code=held.code, reason=held.reason, next_step=step)


def show_left(out: Out, left: Sequence[LeftView]) -> None:
    """Print what is left to others, and what has to happen for it."""
    for one in left:
        out.line()
        out.line(f"not done yet: {one.action}: {one_line(one.reason)}")
        out.line(f"next: {one_line(one.next_step)}")


def with_left(view: View, left: Sequence[LeftView]) -> dict[str, object]:
    """The document of a command that says what it leaves to others."""
    return {**view.model_dump(mode="json"), "left": left}


def problem_of_action(sayso: Sayso, tenant: Tenant, action: ActionView) -> SaysoError | None:
    """What kept this process from taking an action further; None when nothing did."""
    error = action.error
    if action.status == "approved" and error is not None:  # called, and surely nothing was done
        return RetryableError(Code(error.code), error.message, next_step=error.next_step)
    return _problem(sayso, "action", tenant, action.id)


def problem_of_request(sayso: Sayso, tenant: Tenant, request: RequestView) -> SaysoError | None:
    """What kept this process from planning a request, or from taking one of its actions further."""
    found = _problem(sayso, "request", tenant, request.id)
    for action in request.actions:
        found = found or problem_of_action(sayso, tenant, action)
    return found


def _problem(sayso: Sayso, noun: str, tenant: Tenant, item_id: str) -> SaysoError | None:
    problem = sayso.problem_with(noun, item_id, tenant=tenant)
    if problem is None or isinstance(problem, SaysoError):
        return problem
    return internal(problem)


def warn_unfinished(out: Out, problem: SaysoError) -> int:
    """Say on stderr, as every error, why it is not done yet; returns the exit status."""
    step = f"{one_line(problem.next_step)}; {_GOES_ON}" if problem.next_step else _GOES_ON
    out.warn(f"error: {one_line(problem.message)} [{problem.code}]")
    out.warn(f"next: {step}")
    return exit_status(problem)


def warn_unplanned(out: Out, wait_s: float) -> int:
    """Say on stderr that the time is over; returns the exit status."""
    out.warn(f"not planned after {wait_s:g} s")
    out.warn(f"next: {_GOES_ON}")
    return LATER


_PATIENCE_S = 3.0
"""How long the database may take to say what was stored; whoever pressed Ctrl-C wants to go."""

Stored: TypeAlias = "ActionView | RequestView | None"


@asynccontextmanager
async def telling(out: Out, find: Callable[[], Awaitable[Stored]]) -> AsyncGenerator[None]:
    """Say what is left behind, when Ctrl-C ends the block.

    Args:
        find: reads what the block stored; None when it was nothing.
    """
    try:
        yield
    except asyncio.CancelledError:
        with contextlib.suppress(SaysoError, TimeoutError):
            async with asyncio.timeout(_PATIENCE_S):
                _tell(out, await find())
        raise


@asynccontextmanager
async def noting(out: Out, changes: AsyncIterator[EventView]) -> AsyncGenerator[None]:
    """Say where something stands while the block runs, each state once."""

    async def note() -> None:
        told: str | None = None
        with contextlib.suppress(SaysoError):  # whoever waits is told what is wrong
            async for change in changes:
                if change.message and change.message != told:
                    told = change.message
                    out.note(one_line(told))

    task = asyncio.create_task(note(), name="sayso ask says where it stands")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


def _tell(out: Out, stored: Stored) -> None:
    if stored is None:
        out.warn("nothing was stored, and nothing was sent")
        return
    from sayso.sdk.views.rows import ActionView

    actions = [stored] if isinstance(stored, ActionView) else list(stored.actions)
    left = left_of(*actions)
    if out.as_json:
        out.document({"id": stored.id, "status": stored.status, "left": left})
    for one in left:
        out.warn(f"not done yet: {one.action}: {one_line(one.reason)}")
        out.warn(f"next: {one_line(one.next_step)}")
    if not left:
        noun = "actions" if isinstance(stored, ActionView) else "requests"
        out.warn(f"{stored.id} is stored, and {stored.status}")
        out.warn(f"next: see `sayso {noun} show {stored.id}`")


def until_cancelled(progress: Callable[[int, int], None]) -> Callable[[int, int], None]:
    """The same, for long work in this task that never waits: Ctrl-C ends it at the next report.

    NOTE: asyncio cancels the task at the first Ctrl-C, and can deliver that only where it waits.
    """
    task = asyncio.current_task()

    def report(done: int, total: int) -> None:
        if task is not None and task.cancelling():
            raise asyncio.CancelledError
        progress(done, total)

    return report
