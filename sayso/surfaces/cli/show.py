"""Actions and requests as text, and the exit status that says what became of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sayso.errors import Code
from sayso.surfaces.cli.output import Out, local_time
from sayso.surfaces.cli.problem import FAILED, OK, next_step
from sayso.surfaces.cli.words import counted, many_lines, one_line

if TYPE_CHECKING:
    from sayso.sdk.views.rows import (
        ActionView,
        EntryView,
        ErrorView,
        QuestionView,
        RequestView,
        StopView,
    )

_NOT_DONE = frozenset({"refused", "failed", "unknown"})


def status_of(*actions: ActionView) -> int:
    """1 when one was refused, failed, or nobody knows; else 0."""
    return FAILED if any(action.status in _NOT_DONE for action in actions) else OK


def decision_text(action: ActionView) -> str:
    """What the policy said, by which rule; of a question what asked, and not what lets it go."""
    decision = action.decision
    if decision is None:
        return ""
    by, said = decision.decided_by()
    return f"{decision.outcome}{f' by {by}' if by else ''}: {said}"


def receipt_text(action: ActionView) -> str:
    """What the provider said it did."""
    receipt = action.receipt
    if receipt is None:
        return ""
    amount = "" if receipt.amount is None else f", {receipt.amount}"
    return f"{receipt.id} {receipt.status}{amount}"


def is_late(action: ActionView) -> bool:
    """Whether it was done although it had ended as not done, and people were told so."""
    return action.error is not None and action.error.code == Code.LATE_EFFECT


def show_action(out: Out, action: ActionView, *, why: bool = False) -> None:
    """Print one action, and what to do next about it.

    Args:
        why: also why it did not come to pass, where no error says so beside it.
    """
    approval = action.approval
    waiting = approval is not None and action.status == "pending_approval"
    late = is_late(action)
    out.pairs(
        [
            ("action", action.id),
            ("status", action.status),
            ("what", action.action),
            ("customer", f"{action.subject} ({action.assurance})"),
            ("amount", "" if action.amount is None else str(action.amount)),
            ("decision", decision_text(action)),
            ("receipt", receipt_text(action)),
            ("late" if late else "why not", _error_text(action) if why or late else ""),
            ("held", "" if action.held is None else action.held.sentence),
            ("approval", "" if approval is None else f"{approval.id} ({approval.status})"),
        ]
    )
    if waiting and approval is not None:
        out.line(f"next: sayso approvals show {approval.id}")
    if late and action.error is not None:
        out.line(f"next: {one_line(next_step(action.error.code, action.error.next_step))}")


def show_stop(out: Out, stop: StopView) -> None:
    """Print a stop, and what to do next about it."""
    asked = "" if stop.asked_at is None else f"{stop.asked_by}, {local_time(stop.asked_at)}"
    ended = (
        "" if stop.released_at is None else f"{stop.released_by}, {local_time(stop.released_at)}"
    )
    out.pairs(
        [
            ("stop", stop.id),
            ("status", stop.status),
            ("what", f"{stop.scope} {stop.target}".strip()),
            ("reason", stop.reason),
            ("by", f"{stop.engaged_by}, {local_time(stop.engaged_at)}"),
            ("asked by", asked),
            ("released by", ended),
            ("held", counted(stop.held, "action") if stop.released_at is None else ""),
            ("in doubt", stop.doubt),
        ]
    )
    if stop.status == "resume_asked":
        out.line(f"next: another person runs sayso resume {stop.id}")
    elif stop.status == "in_force":
        out.line(f"next: two people run sayso resume {stop.id}, one after the other")
    elif stop.status == "released":
        out.line("what it held goes on with `sayso serve` or `sayso worker`")


def warn_refused(out: Out, action: ActionView) -> None:
    """Say on stderr, as every error, why an action did not come to pass."""
    if action.status not in _NOT_DONE or action.error is None:
        return
    out.warn(f"error: {one_line(action.error.message)} [{action.error.code}]")
    out.warn(f"next: {one_line(next_step(action.error.code, action.error.next_step))}")


def warn_lapsed(out: Out, action: ActionView, choice: str, revision: int) -> None:
    """Say on stderr that a yes does not hold, since what it was about has changed.

    Args:
        revision: of the card that was decided about.
    """
    approval = action.approval
    if choice != "approve" or action.status != "pending_approval" or approval is None:
        return
    if approval.revision <= revision:
        return
    stale = [one.body for one in action.timeline if one.kind == "action.stale"]
    why = str(stale[-1]["data"].get("reason", "")) if stale else ""
    out.warn(f"your yes does not hold any more: {one_line(why) or 'it has changed'}")
    out.warn("next: look at the new card, and decide again")


def _error_text(action: ActionView) -> str:
    return "" if action.error is None else f"{action.error.message} [{action.error.code}]"


def warn_handed_over(out: Out, error: ErrorView) -> None:
    """Say on stderr, as every error, that nobody but a person can go on."""
    out.warn(f"error: no planner acts on this: {one_line(error.message)} [{error.code}]")
    out.warn(f"next: {one_line(error.next_step)}")


def show_request(out: Out, request: RequestView, *, why: bool = False) -> None:
    """Print a request: its plan, what became of each step, and the reply.

    Args:
        why: also why a person has to answer, or a step was not done, where no error says so beside
            it; and the next step.
    """
    error = request.error if why else None
    cost = f"{request.tokens} tokens" if request.tokens else "no model"
    out.pairs(
        [
            ("request", request.id),
            ("status", request.status),
            ("kind", request.kind or ""),
            ("customer", request.subject),
            ("asked", local_time(request.created_at)),
            ("why", "" if error is None else f"{error.message} [{error.code}]"),
            ("planned by", f"{request.planner or 'nobody'} ({cost})"),
        ]
    )
    for action in request.actions:
        out.line()
        show_action(out, action, why=why)
    if request.question is not None:
        _show_question(out, request.id, request.question)
    elif request.reply:
        out.line()
        out.line("Reply to the customer:")
        for line in many_lines(request.reply).splitlines():
            out.line(f"  {line}")
    if error is not None:
        out.line(f"next: {one_line(next_step(error.code, error.next_step))}")


def _show_question(out: Out, request_id: str, question: QuestionView) -> None:
    """Print what the customer is asked, and how to hand over what they answer."""
    out.line()
    out.line("Question to the customer:")
    for line in many_lines(question.text).splitlines():
        out.line(f"  {line}")
    if question.choices:
        out.line()
        out.table(
            ["--choice", "means"],
            [[one_line(one.value), one_line(one.label)] for one in question.choices],
        )
    out.line(f'next: sayso requests answer {request_id} "what the customer says"')


def show_timeline(out: Out, entries: tuple[EntryView, ...]) -> None:
    """Print an action's entries, oldest first."""
    out.table(
        ["at", "kind", "by", "entry"],
        [[local_time(one.at), one.kind, one.actor, str(one.seq)] for one in entries],
    )
