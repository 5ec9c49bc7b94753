"""Every open thing stands in a list that people read, and something or somebody can end it."""

from __future__ import annotations

import re

from walk.facts import FindingError
from walk.world import World

from sayso.sdk.views.rows import ActionView, RequestView

ACTIONS = {
    "planned", "refused", "pending_approval", "rejected", "expired", "approved", "executing",
    "accepted", "succeeded", "failed", "unknown", "stale", "compensated",
    "withdrawn",
}  # fmt: skip
REQUESTS = {"received", "needs_customer", "acting", "answered", "handed_over", "withdrawn"}
OVER = {"refused", "rejected", "expired", "withdrawn", "succeeded", "failed", "compensated"}


async def judge_states(world: World) -> list[RequestView]:
    """Look at all of them; returns the requests, which other judges read too."""
    sayso = world.sayso
    work = {one.about for one in await sayso.work.list(limit=200)}
    waiting = {one.action_id for one in await sayso.approvals.list(limit=200)}
    page = await sayso.solutions.waiting(limit=100)
    asked = {step.action_id for card in page.items for step in card.steps if step.asks}
    due = _due(world)
    known = await sayso.actions.list(limit=200)
    for action in known:
        _judge_action(action, waiting, asked, work, due)
    moving = {one.id for one in known if one.status not in OVER}
    requests = await sayso.requests.list(limit=200)
    for request in requests:
        _judge_request(world, request, work, due, moving)
    return requests


def _due(world: World) -> dict[str, bool]:
    """By the id of an action or a request: whether a process will take it up by itself."""
    rows = world.rows("select id, due_at from action") + world.rows(
        "select id, due_at from request"
    )
    return {str(name): at is not None for name, at in rows}


def _judge_action(
    action: ActionView, waiting: set[str], asked: set[str], work: set[str], due: dict[str, bool]
) -> None:
    name = f"{action.action} of {action.subject}"
    if action.status not in ACTIONS:
        raise FindingError("stuck", f"{name} is `{action.status}`, which no page tells of")
    match action.status:
        case "pending_approval":
            reached = action.id in waiting and action.id in asked
        case "approved":
            reached = due[action.id] or action.held is not None or bool(action.after)
        case "unknown":
            reached = action.id in work
        case "planned" | "executing" | "stale" | "accepted":
            reached = due[action.id] or bool(action.after)
        case _:
            reached = True
    if not reached:
        raise FindingError("stuck", f"{name} is {action.status}, and nobody can end it")
    if action.status in {"refused", "failed"} and action.error is None:
        raise FindingError("stuck", f"{name} is {action.status}, and nothing says why")


def _judge_request(
    world: World, request: RequestView, work: set[str], due: dict[str, bool], moving: set[str]
) -> None:
    name = f"the request of {request.subject}"
    if request.status not in REQUESTS:
        raise FindingError("stuck", f"{name} is `{request.status}`, which no page tells of")
    gone = not request.subject.startswith("cus_")  # erased, and called by a pseudonym
    match request.status:
        case "received":
            reached = due[request.id]
        case "needs_customer":
            reached = request.question is not None or gone
        case "acting":
            waits = {one.id for one in request.actions} | joined_by(request)
            reached = bool(waits & moving) or due[request.id]
        case "handed_over":
            reached = request.id in work or _was_ended(world, request.id) or gone
        case _:
            reached = True
    if not reached:
        raise FindingError("stuck", f"{name} is {request.status}, and nobody can end it")


def joined_by(request: RequestView) -> set[str]:
    """The actions that stand for its own, since they are equal and wait already."""
    errors = [one.error for one in request.actions if one.error is not None]
    return {
        found
        for error in errors
        if error.code == "joined"
        for found in re.findall(r"act_\w+", error.message)
    }


def _was_ended(world: World, about: str) -> bool:
    return bool(world.rows("select 1 from work where about = ? and ended_at is not null", [about]))
