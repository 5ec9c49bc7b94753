"""What comes in and what pages look like, as closed models: an unknown field is refused."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from fastapi import Query
from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    FailFast,
    Field,
    JsonValue,
    StringConstraints,
)

from sayso.actions.approvals.repository import ApprovalStatus
from sayso.actions.controls.kill_switch import MAX_REASON_CHARS as MAX_STOP_REASON
from sayso.actions.controls.kill_switch import MAX_TARGET_CHARS
from sayso.actions.controls.manual_resolution import MAX_EVIDENCE_CHARS, MAX_RECEIPT_CHARS
from sayso.actions.model.definition import Assurance, Subject
from sayso.actions.model.plan import MAX_STEPS
from sayso.actions.model.status import Status
from sayso.actions.policy.activation import MAX_NOTE_CHARS
from sayso.agent.base import Message
from sayso.agent.request_row import RequestStatus
from sayso.sdk.client import Sayso
from sayso.sdk.resources.analysis import ChangeView, PolicyTestView, ProofView
from sayso.sdk.resources.limits import LimitView
from sayso.sdk.resources.policy import PolicyChangeView, PolicyDraftView, PolicyVersionView
from sayso.sdk.resources.rollout import DialView
from sayso.sdk.views.base import View
from sayso.sdk.views.rows import ActionView, ApprovalView, EntryView, RequestView, StopView
from sayso.sdk.views.suggestion import SuggestionView
from sayso.sdk.webhooks.resource import WebhookView

MAX_PAGE = 200
MAX_AUDIT_PAGE = 1000
MAX_WAIT_S = 60.0
_MAX_SEQ = 2**53 - 1

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


class StopBody(Body):
    """What is to be stopped."""

    scope: Literal["all", "tenant", "connector", "action", "customer"]
    target: str = Field(
        default="",
        max_length=MAX_TARGET_CHARS,
        description="which connector, action or customer; none for `all` and `tenant`",
    )
    reason: str = Field(default="", max_length=MAX_STOP_REASON, description="for whoever looks")


DraftFiles = Annotated[
    dict[Annotated[str, Field(max_length=80)], Annotated[str, Field(max_length=500_000)]],
    Field(
        max_length=100,
        description="texts in place of the workspace's files of these names, such as"
        " `policies/limits.toml`; an empty one for no file. The files themselves stay",
    ),
]
Note = Annotated[str, Field(max_length=MAX_NOTE_CHARS, description="why, for whoever looks")]
PolicyDigest = Annotated[
    str,
    Field(
        pattern=r"^[0-9a-f]{12,64}$", description="of what you looked at; its first 12 digits do"
    ),
]


class DraftBody(Body):
    """What is looked at: what the workspace's files say, with other texts in place of some."""

    files: DraftFiles = Field(default_factory=dict[str, str])


class BacktestBody(DraftBody):
    """What is played again, and by what."""

    since: Annotated[AwareDatetime, Field(strict=False)] = Field(
        description="what was judged before is left out"
    )


class ActivateBody(DraftBody):
    """What is to be put in force."""

    sha256: PolicyDigest
    note: Note = ""


class RollbackBody(Body):
    """Whose content is to be in force again."""

    version: int = Field(ge=1, le=_MAX_SEQ)
    note: Note = ""


class ConfirmBody(Body):
    """What the second person looked at."""

    sha256: PolicyDigest


class DialBody(Body):
    """Where a dial is to stand."""

    stage: Literal["off", "shadow", "suggest", "auto"]
    share: float | None = Field(
        default=None, gt=0, le=100, description="of customers, in percent; as it is when left out"
    )
    otherwise: Literal["off", "shadow", "suggest", "auto"] | None = Field(
        default=None, description="the stage of the others; as it is when left out"
    )
    note: Note = ""


class LimitBody(Body):
    """Other caps of a limit, `sums` in major units; what is left out stays as it is."""

    sums: dict[str, Annotated[float, Field(gt=0)]] = Field(default_factory=dict[str, float])
    count: int | None = Field(default=None, ge=1, le=10**9)
    cards: int | None = Field(default=None, ge=1, le=10**6, description="how many may wait")
    note: Note = ""


class WrongBody(Body):
    """In which way something was wrong."""

    how: Literal["reversed", "disputed", "mistaken"]


class ResumeBody(Body):
    """Which stop may end."""

    stop: Short = Field(description="the stop's id, `stp_…`")


class WebhookBody(Body):
    """What is to be called with every change."""

    url: str = Field(
        min_length=1, max_length=2000, description="https, and a host that everybody can reach"
    )
    kinds: Annotated[tuple[Short, ...], Field(strict=False, max_length=40)] = Field(
        default=(),
        description="families such as `action`, or kinds such as `action.succeeded`; all when "
        "empty",
    )


class ReplayBody(Body):
    """From where on everything is told once more: one of the two."""

    after: int | None = Field(
        default=None, ge=-1, le=_MAX_SEQ, description="behind the event of this `seq`; -1 for all"
    )
    since: Annotated[AwareDatetime, Field(strict=False)] | None = Field(
        default=None, description="since this moment, RFC 3339"
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
        le=_MAX_SEQ,
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


class StopsQuery(QueryModel):
    """A page of stops."""

    released: Annotated[
        bool | None, Field(description="true: those that ended; false: those in force")
    ] = None
    limit: Limit = 50
    after: After = None


class EntriesQuery(QueryModel):
    """A page of the audit log."""

    q: str = Field(
        default="",
        max_length=500,
        description="qualifiers such as `approver:maria amount:>100.00USD created:2026-11-01..`,"
        " and words to look for",
    )
    verified: bool = Field(
        default=False, description="prove each entry against the newest signed head"
    )
    limit: int = Field(default=50, ge=1, le=MAX_AUDIT_PAGE, description="entries on this page")
    after: int | None = Field(
        default=None, ge=0, le=_MAX_SEQ, description="`next_after` of the page before"
    )


class ExportBody(Body):
    """What of the log is wanted, and how."""

    q: str = Field(
        default="", max_length=500, description="as in `GET /v1/audit/entries`; all when empty"
    )
    format: Literal["jsonl", "parquet", "ocsf", "cloudevents"] = "jsonl"


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


class EntryPage(View):
    """Entries of the audit log, newest first.

    Those below `pruned_to` are in sealed segments only.
    """

    items: tuple[EntryView, ...]
    next_after: int | None
    pruned_to: int = 0


class VersionsQuery(QueryModel):
    """A page of versions."""

    limit: Limit = 50
    after: int | None = Field(
        default=None, ge=1, le=_MAX_SEQ, description="`next_after` of the page before"
    )


class LimitsQuery(QueryModel):
    """How many keys of each limit."""

    limit: Limit = 10


class ReportQuery(QueryModel):
    """Of how many weeks."""

    weeks: int = Field(default=12, ge=1, le=104, description="the running one included")
    minutes_by_hand: float | None = Field(
        default=None, ge=0, le=10_000, description="how long one takes a person"
    )


class VersionPage(View):
    """Versions of the policy, newest first."""

    items: tuple[PolicyVersionView, ...]
    next_after: int | None


class ChangeList(View):
    """What waits for a second person, oldest first."""

    items: tuple[PolicyChangeView, ...]


class PolicyTests(View):
    """The tests of a draft; `failed` is how many are not as wanted."""

    items: tuple[PolicyTestView, ...]
    failed: int


class ProofList(View):
    """The claims about a draft."""

    items: tuple[ProofView, ...]


class SuggestionList(View):
    """Drafts that nobody has put in force."""

    items: tuple[SuggestionView, ...]


class DraftView(PolicyDraftView):
    """A draft beside what is in force, with what it changes."""

    change: ChangeView


class LimitList(View):
    """The limits in force."""

    items: tuple[LimitView, ...]


class DialList(View):
    """The dials in force, in their order."""

    items: tuple[DialView, ...]


class StopPage(View):
    """Stops, newest first."""

    items: tuple[StopView, ...]
    next_after: str | None


class WebhookPage(View):
    """The webhooks of a tenant, oldest first."""

    items: tuple[WebhookView, ...]
