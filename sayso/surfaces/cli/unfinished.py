"""What was stored and did not get done here: why, and who goes on with it."""

from __future__ import annotations

from sayso.errors import Code, RetryableError, SaysoError
from sayso.ids import Tenant
from sayso.sdk.app import Sayso
from sayso.sdk.views import ActionView, RequestView
from sayso.surfaces.cli.output import Out
from sayso.surfaces.cli.problem import LATER, exit_status, internal
from sayso.surfaces.cli.words import one_line

_GOES_ON = "it is stored, and `sayso serve` goes on with it"


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
    problem = sayso.house.dispatcher.problem_with(noun, tenant, item_id)
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
