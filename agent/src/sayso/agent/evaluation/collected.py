"""A request that has ended as a labelled case: what became of it is the label."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sayso.actions.model.action_row import ActionRow
from sayso.actions.model.snapshot import Record
from sayso.actions.model.status import Status
from sayso.agent.base import Message
from sayso.agent.draft_proposal import proposer_of
from sayso.agent.evaluation.cases import CaseRecord, CaseStep, CaseTurn, Due, EvalCase
from sayso.agent.request_row import RequestRow, RequestStatus

_DONE = frozenset({Status.SUCCEEDED, Status.COMPENSATED})


def case_of(
    row: RequestRow,
    messages: Sequence[Message],
    actions: Sequence[ActionRow],
    records: Sequence[Record],
) -> EvalCase | None:
    """The case; None where nothing can be learned: not ended, erased, or failed on the way.

    Nor where a person proposed it: that says what they wanted, not what the words ask for.

    Args:
        records: as the provider has them now; what a refund took is added back to what is left.
    """
    ended = row.status in (RequestStatus.ANSWERED, RequestStatus.HANDED_OVER)
    if not ended or not messages or proposer_of(row):
        return None
    steps = tuple(
        CaseStep.model_validate({"action": action.name, "args": action.args}) for action in actions
    )
    due: Due = "hand_over"
    if actions and all(action.status in _DONE for action in actions):
        due = "plan"
    elif any(action.status not in (Status.REJECTED, Status.REFUSED) for action in actions):
        return None
    while messages and messages[-1].role != "customer":
        messages = messages[:-1]
    return EvalCase(
        id=row.id,
        lang=row.language or "en",
        turns=tuple(CaseTurn(role=one.role, content=one.content) for one in messages),
        records=tuple(CaseRecord.of(_before(record, actions)) for record in records),
        due=due,
        also=("answer",) if due == "hand_over" else (),
        plans=(steps,) if due == "plan" else (),
        tags=("collected", due),
    )


def _before(record: Record, actions: Sequence[ActionRow]) -> Record:
    """A record as it was before what was done for this request."""
    left = record.facts.get("left")
    for action in actions:
        amount = action.amount
        mine = record.id in (action.args or {}).values() and action.status in _DONE
        if mine and amount is not None and isinstance(left, type(amount)):
            facts = {**record.facts, "left": left + amount}
            if facts.get("status") == "refunded":
                facts["status"] = "succeeded"
            record = replace(record, facts=facts)
    return record
