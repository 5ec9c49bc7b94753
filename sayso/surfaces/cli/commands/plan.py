"""`sayso approvals plan`: the steps of one plan on one card, decided together."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from sayso.actions.approvals.decision import Decision, DecisionChoice
from sayso.errors import SaysoError
from sayso.sdk.client import Sayso
from sayso.surfaces.cli.options import JsonOption, WorkspaceOption
from sayso.surfaces.cli.output import Out
from sayso.surfaces.cli.problem import usage
from sayso.surfaces.cli.show import status_of, warn_refused
from sayso.surfaces.cli.solution import needs, show_solution
from sayso.surfaces.cli.unfinished import (
    left_of,
    problem_of_request,
    show_left,
    telling,
    warn_unfinished,
    with_left,
)
from sayso.surfaces.cli.workspace import find_workspace, person_token, run

if TYPE_CHECKING:
    from sayso.sdk.resources.tokens import Token
    from sayso.sdk.views.rows import ActionView, ApprovalView, RequestView
    from sayso.sdk.views.solution import SolutionView

_ALL = "all"
_MODES = {
    "continue": "the others go on when one fails; what waits for it is refused",
    "stop": "when one fails, none of the others is begun",
    "undo": "when one fails, none of the others is begun, and what was done is taken back",
}


def plan(
    request_id: Annotated[str, typer.Argument(metavar="REQUEST", help="The request, req_….")],
    yes: Annotated[
        list[str] | None,
        typer.Option("--yes", metavar="STEP", help="Say yes to this step; `all` for all the rest."),
    ] = None,
    no: Annotated[
        list[str] | None,
        typer.Option("--no", metavar="STEP", help="Say no to this step; `all` for all the rest."),
    ] = None,
    reason_code: Annotated[
        str,
        typer.Option("--reason-code", metavar="CODE", help="Why no, such as not_covered."),
    ] = "not_covered",
    digest: Annotated[
        list[str] | None,
        typer.Option(
            "--digest",
            metavar="HEX",
            help="Insist on this card of a step: at least 12 digits of its digest; once for each"
            " that is decided. Else they are those shown now.",
        ),
    ] = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> int:
    """Show the steps of a plan on one card, or decide about them together or not at all."""
    out = Out(as_json=as_json)
    folder = find_workspace(workspace)
    choices = _choices(yes or [], no or [])
    if digest and not choices:
        raise usage("`--digest` alone decides nothing", "say what is decided by --yes or --no")
    token = person_token(folder) if choices else ""

    async def card(sayso: Sayso, request: RequestView) -> SolutionView | None:
        waiting = _waiting(request)
        return await sayso.solutions.get(waiting[0][1].id) if waiting else None

    async def work() -> tuple[
        RequestView, SolutionView | None, list[ActionView], SaysoError | None
    ]:
        async with Sayso.open(folder, mode="decide" if choices else "read") as sayso:
            if not choices:
                request = await sayso.requests.get(request_id)
                return request, await card(sayso, request), [], None
            holder = await sayso.authentication.person(token, via="cli")
            shown = await sayso.requests.get(request_id, tenant=holder.tenant)
            decisions = _decisions(shown, holder, choices, reason_code)
            if digest:
                decisions = _insisting(decisions, digest, shown)
            async with telling(out, lambda: sayso.requests.get(request_id, tenant=holder.tenant)):
                decided = await sayso.approvals.decide_together(decisions)
            left = await sayso.requests.get(request_id, tenant=holder.tenant)
            problem = problem_of_request(sayso, holder.tenant, left)
            return left, await card(sayso, left), decided, problem

    request, solution, decided, problem = run(work())
    left = left_of(*request.actions) if choices else []
    if as_json:
        out.document(with_left(request, left))
    else:
        show_plan(out, request, solution)
        show_left(out, left if problem is None else ())
        for action in decided:
            warn_refused(out, action)
    return status_of(*decided) if problem is None else warn_unfinished(out, problem)


def _choices(yes: list[str], no: list[str]) -> dict[str, DecisionChoice]:
    """What is said about each step; one that is named twice is an error."""
    named = [*yes, *no]
    double = sorted({step for step in named if named.count(step) > 1})
    if double:
        raise usage(f"`{double[0]}` is named twice", "name each step once")
    return dict.fromkeys(yes, DecisionChoice.APPROVE) | dict.fromkeys(no, DecisionChoice.REJECT)


def _decisions(
    request: RequestView, holder: Token, choices: dict[str, DecisionChoice], reason_code: str
) -> list[Decision]:
    waiting = {action.step: approval for action, approval in _waiting(request) if action.step}
    unknown = sorted(set(choices) - set(waiting) - {_ALL})
    if unknown:
        there = ", ".join(f"`{step}`" for step in waiting) or "none"
        raise usage(f"no step `{unknown[0]}` waits for a decision", f"those that do: {there}")
    found: list[Decision] = []
    for step, approval in waiting.items():
        choice = choices.get(step, choices.get(_ALL))
        if choice is None:
            continue
        found.append(
            Decision(
                tenant=holder.tenant,
                approval_id=approval.id,
                revision=approval.revision,
                digest=approval.digest,
                choice=choice,
                person=holder.holder,
                via="cli",
                credential=holder.id,
                reason_code=reason_code if choice is DecisionChoice.REJECT else "",
            )
        )
    if not found:
        raise usage("no step waits for a decision", f"see `sayso approvals plan {request.id}`")
    return found


def _insisting(
    decisions: list[Decision], digests: list[str], request: RequestView
) -> list[Decision]:
    """The same, each bound to the card that was seen elsewhere.

    One of which no card was seen carries no digest. A digest of no card that waits says that what
    was seen has changed, so the first one carries it. Either is refused where all decisions are.
    """
    cards = [approval.digest for _, approval in _waiting(request)]
    gone = [seen for seen in digests if not any(card.startswith(seen) for card in cards)]
    bound = [
        replace(one, digest=next((seen for seen in digests if one.digest.startswith(seen)), ""))
        for one in decisions
    ]
    return [replace(bound[0], digest=gone[0]), *bound[1:]] if gone else bound


def _waiting(request: RequestView) -> list[tuple[ActionView, ApprovalView]]:
    return [
        (action, action.approval)
        for action in request.actions
        if action.approval is not None and action.status == "pending_approval"
    ]


def show_plan(out: Out, request: RequestView, solution: SolutionView | None) -> None:
    """Print the steps in their order, then the one card of all that waits."""
    out.line(f"plan of {request.id}, by {request.planner or 'nobody yet'}")
    if not request.actions:
        out.line("It has no steps: it was handed over to a person, or is still being planned.")
        return
    columns = ["step", "what", "amount", "after", "status", "needs"]
    out.table(columns, [_row(action) for action in request.actions])
    mode = next((action.on_failure for action in request.actions if action.undoes is None), "")
    out.line(f"on failure: {_MODES.get(mode, mode)}")
    if solution is not None:
        out.line()
        show_solution(out, solution)
    waiting = _waiting(request)
    if waiting:
        some = waiting[0][0].step
        out.line(f"all:  sayso approvals plan {request.id} --yes all")
        out.line(f"part: sayso approvals plan {request.id} --no {some} --yes all")


def _row(action: ActionView) -> list[str]:
    approval = action.approval
    waits = approval is not None and action.status == "pending_approval"
    return [
        action.step or "",
        action.action,
        "" if action.amount is None else str(action.amount),
        ", ".join(action.after),
        action.status,
        needs(approval) if waits and approval is not None else "",
    ]
