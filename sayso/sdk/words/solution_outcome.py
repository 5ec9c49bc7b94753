"""What came of a solution and of its steps, in words that no surface owns."""

from __future__ import annotations

from typing import assert_never

from sayso.actions.approvals.repository import ApprovalStatus, DecisionChoice
from sayso.actions.model.status import Status
from sayso.sdk.views.rows import VoteView
from sayso.sdk.views.solution import SolutionView, StepView
from sayso.sdk.words.solution import join

DONE = frozenset({Status.SUCCEEDED, Status.COMPENSATED})
_WHY_NOT = {
    Status.REJECTED: "not done, a person said no",
    Status.EXPIRED: "not done, nobody answered in time",
    Status.WITHDRAWN: "not done, the customer took it back",
    Status.REFUSED: "not done",
    Status.FAILED: "it did not work",
    Status.UNKNOWN: "nobody knows yet; it is looked up, and never done twice blindly",
}


def answer_of(view: SolutionView) -> str:
    """What was answered, such as `yes by maria`, or the question itself."""
    status = ApprovalStatus(view.status)
    match status:
        case ApprovalStatus.PENDING:
            return "another yes?" if view.agreed else "yes or no?"
        case ApprovalStatus.APPROVED:
            return f"yes by {_people(view, DecisionChoice.APPROVE)}"
        case ApprovalStatus.REJECTED:
            return f"no by {_people(view, DecisionChoice.REJECT)}"
        case ApprovalStatus.EXPIRED:
            return "no answer in time, which counts as no"
        case ApprovalStatus.WITHDRAWN:
            return "withdrawn by the customer"
        case ApprovalStatus.SUPERSEDED:
            return "not asked any more"
        case _:
            assert_never(status)


def progress_of(view: SolutionView) -> str:
    """How far it is after the answer, such as `2 of 3 steps are done.`"""
    done = sum(Status(step.status) in DONE for step in view.steps)
    if done == len(view.steps):
        return f"All {done} steps are done." if done > 1 else "It is done."
    return f"{done} of {len(view.steps)} steps are done."


def outcome_of_step(step: StepView) -> str:
    """What became of one step, with the provider's receipt; empty while nothing did."""
    status = Status(step.status)
    if status in DONE:
        receipt = f", {step.receipt.id}" if step.receipt is not None else ""
        return f"done{receipt}{', and taken back later' if status is Status.COMPENSATED else ''}"
    why = _WHY_NOT.get(status)
    if why is None:
        return ""
    shown = step.error is not None and status not in {
        Status.REJECTED,
        Status.EXPIRED,
        Status.WITHDRAWN,
    }
    return f"{why}: {step.error.message}" if shown and step.error is not None else why


_NOT_DONE = frozenset(_WHY_NOT) - {Status.UNKNOWN}


def title_of(step: StepView) -> str:
    """What a step does; of one that is not done, and will not be, that it is not."""
    if step.left_out or (Status(step.status) in _NOT_DONE and not step.asks):
        return f"Not done: {step.title}"
    return step.title


def is_struck(step: StepView) -> bool:
    """Whether its amount does not move."""
    return title_of(step) != step.title


def counting_votes(view: SolutionView) -> list[VoteView]:
    """What was said about the card as it is: a yes that was taken back is none of it."""
    asked = [step for step in view.steps if step.asks and not step.left_out]
    asked = asked or [step for step in view.steps if step.approval_id is not None]
    return [vote for vote in view.votes if asked and vote.revision == asked[0].revision]


def _people(view: SolutionView, choice: DecisionChoice) -> str:
    said = [vote.person for vote in counting_votes(view) if vote.decision == choice]
    return join(list(dict.fromkeys(said))) or "somebody"
