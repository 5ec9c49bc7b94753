"""What comes in and what pages look like, as closed models: an unknown field is refused."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from fastapi import Query
from pydantic import (
    BaseModel,
    ConfigDict,
    FailFast,
    Field,
    JsonValue,
    StringConstraints,
)

from sayso.actions.approvals.repository import ApprovalStatus
from sayso.actions.controls.manual_resolution import MAX_EVIDENCE_CHARS, MAX_RECEIPT_CHARS
from sayso.actions.model.definition import Assurance, Subject
from sayso.actions.model.plan import MAX_STEPS
from sayso.actions.model.status import Status
from sayso.agent.base import Message
from sayso.agent.request_row import RequestStatus
from sayso.sdk.client import Sayso
from sayso.sdk.views.base import View
from sayso.sdk.views.rows import ActionView, ApprovalView, RequestView

MAX_PAGE = 200
MAX_WAIT_S = 60.0
MAX_SEQ = 2**53 - 1

Short = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Limit = Annotated[int, Field(ge=1, le=MAX_PAGE, description="rows on this page")]
After = Annotated[
    str | None,
    Field(max_length=80, description="`next_after` of the page before; none for the first page"),
]


class Body(BaseModel):
    """Strict: a number is no string, and `true` is no number."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class QueryModel(BaseModel):
    """Query parameters are text, so they are converted; but a misspelt one is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class AssertionBody(Body):
    """A platform's signed word on who the customer is."""

    by: Short = Field(description="of `[identity.NAME]` in sayso.toml")
    token: Annotated[str, Field(min_length=1, max_length=8_192, description="the JWT")]


class SubjectBody(Body):
    """The customer on whose behalf something is asked, as the caller has verified them."""

    id: Short = Field(description="such as `cus_…`; `zendesk:7723` where several have customers")
    provider: Short | None = Field(
        default=None, description="the connector whose customer it is, where `id` does not say it"
    )
    assurance: Literal["signed_in", "verified", "unverified"] = Field(
        description="how strongly the caller has identified them"
    )
    assertion: AssertionBody | None = Field(
        default=None, description="a platform's signed word; it then says how strongly, not you"
    )
    attributes: dict[str, JsonValue] | None = Field(
        default=None, description="reserved: accepted, and read by nothing yet"
    )

    def subject(self) -> Subject:
        """The subject as the floors below know it.

        Raises:
            RefusedError: `invalid_input` for an id with other characters.
        """
        return Subject(
            id=self.id, provider=self.provider or "", assurance=Assurance(self.assurance)
        )

    async def checked(self, sayso: Sayso) -> Subject:
        """The subject, as far as somebody stands for it.

        Raises:
            RefusedError: `invalid_input`; `unauthenticated` for an assertion that does not hold.
        """
        by, token = (self.assertion.by, self.assertion.token) if self.assertion else (None, None)
        return await sayso.identity.checked(self.subject(), by, token)


class MessageBody(Body):
    """One turn of the conversation."""

    role: Literal["customer", "agent"]
    content: str


class AskBody(Body):
    """Words to plan and act on."""

    subject: SubjectBody
    messages: Annotated[list[MessageBody], FailFast()] = Field(
        min_length=1, description="oldest first; the last one is the customer's"
    )
    conversation: Short | None = Field(
        default=None,
        description="your own id of the thread; what answers a question that this customer was "
        "asked in it continues that request",
    )
    context: dict[str, JsonValue] | None = Field(
        default=None, description="reserved: accepted, and read by nothing yet"
    )

    def turns(self) -> tuple[Message, ...]:
        """The turns as the floors below know them."""
        return tuple(Message(role=turn.role, content=turn.content) for turn in self.messages)


class WithdrawBody(Body):
    """That the customer takes it back."""

    content: str = Field(default="", description="the customer's own words")
    assertion: AssertionBody | None = Field(None, description="a platform's word on the customer")

    async def signed(self, sayso: Sayso) -> Subject | None:
        """The customer, where somebody signs for them.

        Raises:
            RefusedError: `unauthenticated` for an assertion that does not hold.
        """
        given = self.assertion
        return None if given is None else await sayso.identity.subject(given.by, given.token)


class AnswerBody(WithdrawBody):
    """What the customer answered."""

    question: int = Field(ge=1, description="its `number`, as the customer saw it")
    choice: str | None = Field(
        default=None, max_length=200, description="the `value` of the choice that they picked"
    )


class ActionBody(Body):
    """A concrete action."""

    subject: SubjectBody
    action: Short = Field(description="such as `stripe.refund`")
    args: dict[str, JsonValue] = Field(
        description="as the action defines them; never a customer, a payee or a tenant"
    )
    reason: str = Field(default="", description="the customer's or the caller's words")
    priority: int | None = Field(
        default=None,
        ge=0,
        le=9,
        description="9 is served first when not everything can be run at once; 7 unless said",
    )


class DecisionBody(Body):
    """What a person says about the card they saw."""

    decision: Literal["approve", "reject", "edit"]
    revision: int = Field(ge=1, description="of the card that was seen")
    digest: str = Field(
        pattern="^[0-9a-f]{12,64}$", description="of that card, whole or its first 12 digits"
    )
    reason_code: str = Field(
        default="", max_length=40, description="needed for `reject`, such as `not_covered`"
    )
    reason: str = Field(default="", description="free text for the record")
    args: dict[str, JsonValue] | None = Field(
        default=None, description="for `edit`: the one argument that is lowered"
    )


class StepDecisionBody(Body):
    """What a person says about the card of one step."""

    approval: Short = Field(description="the step's approval, `apr_…`")
    decision: Literal["approve", "reject"]
    revision: int = Field(ge=1, description="of the card that was seen")
    digest: str = Field(
        pattern="^[0-9a-f]{12,64}$", description="of that card, whole or its first 12 digits"
    )
    reason_code: str = Field(
        default="", max_length=40, description="needed for `reject`, such as `not_covered`"
    )


class PlanDecisionBody(Body):
    """What a person says about steps of one plan; steps that are left out stay as they are."""

    decisions: Annotated[list[StepDecisionBody], FailFast()] = Field(
        min_length=1, max_length=MAX_STEPS
    )


class SettleBody(Body):
    """What a person saw at the provider about an unknown outcome."""

    outcome: Literal["succeeded", "failed"]
    evidence: str = Field(
        min_length=1, max_length=MAX_EVIDENCE_CHARS, description="where it was seen; sealed"
    )
    receipt_id: str = Field(
        default="",
        max_length=MAX_RECEIPT_CHARS,
        description="the provider's id of the effect; for `succeeded` alone, which needs it",
    )


class NoBody(Body):
    """Nothing: what is meant stands in the path, and who calls in the token."""


class _NoQuery(QueryModel):
    """No query parameters."""


NoQuery: TypeAlias = Annotated[_NoQuery, Query()]
"""Of a route that takes none, so that one that is given is refused."""


class AskQuery(QueryModel):
    """How long the answer may take."""

    wait: float = Field(
        default=0,
        ge=0,
        le=MAX_WAIT_S,
        allow_inf_nan=False,
        description="wait so many seconds for everything that needs no person",
    )


class ProposeQuery(QueryModel):
    """Whether it is meant, and how long the answer may take."""

    dry_run: bool = Field(default=False, description="judge only; nothing is stored or done")
    wait: Annotated[float, Field(ge=0, le=MAX_WAIT_S, allow_inf_nan=False)] | None = Field(
        default=None,
        description="wait at most so many seconds for what needs no person; unless said, as long "
        "as it takes",
    )


class WaitQuery(QueryModel):
    """How long the answer may take."""

    wait: float = Field(
        default=0,
        ge=0,
        le=MAX_WAIT_S,
        allow_inf_nan=False,
        description="wait so many seconds for its end, people included",
    )


class EventsQuery(QueryModel):
    """Where a stream begins."""

    after: int | None = Field(
        default=None,
        ge=-1,
        le=MAX_SEQ,
        description="the `seq` of the last event that was seen, where `Last-Event-ID` cannot be "
        "sent; -1 for everything; unless said, only what comes from now on",
    )


class RequestsQuery(QueryModel):
    """A page of requests."""

    status: RequestStatus | None = None
    limit: Limit = 50
    after: After = None


class ActionsQuery(QueryModel):
    """A page of actions, narrowed by everything that is given."""

    status: Status | None = None
    subject: Annotated[str | None, Field(max_length=200, description="a customer's id")] = None
    action: Annotated[str | None, Field(max_length=200, description="such as `stripe.refund`")] = (
        None
    )
    limit: Limit = 50
    after: After = None


class ApprovalsQuery(QueryModel):
    """A page of approvals."""

    status: ApprovalStatus | None = None
    limit: Limit = 50
    after: After = None


class ActionPage(View):
    """Actions, newest first."""

    items: tuple[ActionView, ...]
    next_after: str | None


class RequestPage(View):
    """Requests, newest first."""

    items: tuple[RequestView, ...]
    next_after: str | None


class ApprovalPage(View):
    """Approvals, oldest first."""

    items: tuple[ApprovalView, ...]
    next_after: str | None
