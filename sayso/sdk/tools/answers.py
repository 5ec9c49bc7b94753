"""What a tool answers: how an action or a request stands, and what may be said about it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from sayso.actions.model.snapshot import Record
from sayso.actions.model.status import Status
from sayso.agent.request_row import RequestStatus
from sayso.errors import Code, ConfigError, IntegrityError, SaysoError
from sayso.json import JsonObject
from sayso.money import Money
from sayso.sdk.tools.tool import ToolResult
from sayso.sdk.views.base import View
from sayso.sdk.views.rows import ActionView, ErrorView, QuestionView, RequestView

_NOT_DONE = "nothing has been done"
_MEANING: dict[Status, str] = {
    Status.PLANNED: f"it is still being checked; {_NOT_DONE} yet",
    Status.STALE: f"something changed, so it is checked again; {_NOT_DONE} yet",
    Status.PENDING_APPROVAL: f"it waits for a person's yes or no; {_NOT_DONE} yet",
    Status.APPROVED: f"it may be done, and is not; {_NOT_DONE} yet",
    Status.EXECUTING: "it is on its way and not confirmed: it may be done, or not",
    Status.ACCEPTED: "the provider has taken it on and not finished it: it is not done yet, and is "
    "looked up until it is; ask for it no second time",
    Status.SUCCEEDED: "it is done",
    Status.REFUSED: f"it was refused; {_NOT_DONE}",
    Status.REJECTED: f"a person said no; {_NOT_DONE}",
    Status.EXPIRED: f"nobody decided in time; {_NOT_DONE}",
    Status.WITHDRAWN: f"the customer has taken it back; {_NOT_DONE}",
    Status.FAILED: "the provider said no: it did not go through",
    Status.UNKNOWN: "whether it was done is not known yet, and is being found out; ask for it no "
    "second time",
    Status.COMPENSATED: "it was done and then taken back, so that nothing has changed",
}
_REQUEST_MEANING: dict[RequestStatus, str] = {
    RequestStatus.RECEIVED: f"it is being planned; {_NOT_DONE} yet",
    RequestStatus.NEEDS_CUSTOMER: "put `question` to the customer, word for word, and call "
    "`answer` with what they say",
    RequestStatus.ACTING: "it goes on: see the actions; only `succeeded` is done",
    RequestStatus.ANSWERED: "it has ended: see the actions",
    RequestStatus.WITHDRAWN: "the customer has taken it back: see the actions for what was done "
    "before, or is under way",
    RequestStatus.HANDED_OVER: "a person has to take it",
}
_REFUSED = frozenset({Status.REFUSED.value, Status.FAILED.value})
_NOT_THEIRS = frozenset({Code.NOT_OWNER.value, Code.UNKNOWN_OBJECT.value})
_A_PERSON = "a person of the team can look at it; make no claim that it was done"
_NO_SUCH_OBJECT = ErrorView(
    code=Code.UNKNOWN_OBJECT.value,
    message="this customer has no such object",
    next_step="ask the customer which one they mean",
)


class DecisionAnswer(View):
    """What the policy said: by which rule, or of a question what asked."""

    outcome: Literal["allow", "ask", "deny"]
    rule: str
    reason: str


class ApprovalAnswer(View):
    """The question to people; not the card and not what a decision has to carry."""

    id: str
    status: str
    expires_at: str


class ReceiptAnswer(View):
    """What the provider said it did."""

    id: str
    status: str
    amount: Money | None = None


class StepAnswer(View):
    """An action as it stands."""

    id: str
    action: str
    status: str
    meaning: str = Field(description="the status in words")
    amount: Money | None = None
    decision: DecisionAnswer | None = None
    approval: ApprovalAnswer | None = None
    receipt: ReceiptAnswer | None = None
    error: ErrorView | None = None
    held: str | None = Field(default=None, description="why it waits although it may be done")


class ActionAnswer(StepAnswer):
    """An action as it stands, and what may be said about it."""

    tell_customer: str = Field(description="what is true now, in words for the customer")
    repeated: str | None = Field(
        default=None, description="only when the call had been made before: this one did nothing"
    )


class ChoiceAnswer(View):
    """One answer that a question offers."""

    value: str = Field(description="`choice` of the tool `answer`")
    label: str = Field(description="as the customer reads it")


class QuestionAnswer(View):
    """What only the customer can answer."""

    number: int = Field(description="`question` of the tool `answer`")
    text: str
    choices: tuple[ChoiceAnswer, ...] = ()


class RequestAnswer(View):
    """A request in words, as it stands."""

    id: str
    status: str
    meaning: str = Field(description="the status in words")
    question: QuestionAnswer | None = None
    actions: tuple[StepAnswer, ...] = ()
    error: ErrorView | None = None
    tell_customer: str = Field(description="what is true now, in words for the customer")


class RecordAnswer(View):
    """One object of the customer, and what hangs on it."""

    kind: str
    id: str
    title: str
    parts: tuple[RecordAnswer, ...] = ()


class RecordsAnswer(View):
    """What the customer has, newest first."""

    records: tuple[RecordAnswer, ...]


def answer_records(records: Sequence[Record]) -> ToolResult:
    """What a customer has."""
    return ToolResult(content=_json(RecordsAnswer(records=tuple(map(_record, records)))))


def _record(record: Record) -> RecordAnswer:
    return RecordAnswer(
        kind=record.kind,
        id=record.id,
        title=record.title,
        parts=tuple(map(_record, record.parts)),
    )


def answer_action(view: ActionView, tell: str, *, repeated: str | None = None) -> ToolResult:
    """How an action stands."""
    whole = ActionAnswer(**dict(_step(view)), tell_customer=tell, repeated=repeated)
    return ToolResult(content=_json(whole))


def answer_proposal(view: ActionView, tell: str, *, repeated: str | None) -> ToolResult:
    """What a proposal came to; a refusal is an error, so that no model takes it for done."""
    answer = answer_action(view, tell, repeated=repeated)
    return ToolResult(content=answer.content, is_error=view.status in _REFUSED)


def answer_request(view: RequestView) -> ToolResult:
    """How a request stands."""
    whole = RequestAnswer(
        id=view.id,
        status=view.status,
        meaning=_REQUEST_MEANING[RequestStatus(view.status)],
        question=None if view.question is None else _question(view.question),
        actions=tuple(_step(action) for action in view.actions),
        error=view.error,
        tell_customer=view.reply,
    )
    return ToolResult(content=_json(whole))


def _question(view: QuestionView) -> QuestionAnswer:
    choices = tuple(ChoiceAnswer(value=one.value, label=one.label) for one in view.choices)
    return QuestionAnswer(number=view.number, text=view.text, choices=choices)


def answer_error(error: SaysoError) -> ToolResult:
    """Why a call was not carried out: the code and the next step.

    What is wrong with the workspace or its data is for its operator, so a model sees the code only.
    """
    told = ErrorView(
        code=error.code.value, message=error.message, next_step=error.next_step or _A_PERSON
    )
    if isinstance(error, ConfigError | IntegrityError):
        told = ErrorView(
            code=error.code.value,
            message="Sayso cannot go on with it",
            next_step="tell its operator the code; make no claim that anything was done",
        )
    return ToolResult(content={"error": _json(told)}, is_error=True)


def _step(view: ActionView) -> StepAnswer:
    decision, approval, receipt = view.decision, view.approval, view.receipt
    rule, reason = ("", "") if decision is None else decision.decided_by()
    return StepAnswer(
        id=view.id,
        action=view.action,
        status=view.status,
        meaning=_meaning(view),
        amount=view.amount,
        decision=None
        if decision is None
        else DecisionAnswer(outcome=decision.outcome, rule=rule, reason=reason),
        approval=None
        if approval is None
        else ApprovalAnswer(id=approval.id, status=approval.status, expires_at=approval.expires_at),
        receipt=None
        if receipt is None
        else ReceiptAnswer(id=receipt.id, status=receipt.status, amount=receipt.amount),
        error=_shown(view.error),
        held=None if view.held is None else view.held.reason,
    )


def _meaning(view: ActionView) -> str:
    if view.error is not None and view.error.code == Code.JOINED:
        return "it was asked for before: what becomes of that is what becomes of this"
    return _MEANING[Status(view.status)]


def _shown(error: ErrorView | None) -> ErrorView | None:
    """What a model may see of a refusal.

    INVARIANT: an object of somebody else reads like one that does not exist, code and all, since
    the model talks to whoever may be probing. The log has the code as it was.
    """
    if error is None:
        return None
    if error.code in _NOT_THEIRS:
        return _NO_SUCH_OBJECT
    return error if error.next_step else error.model_copy(update={"next_step": _A_PERSON})


def _json(view: View) -> JsonObject:
    found: JsonObject = view.model_dump(mode="json", exclude_none=True)
    return found
