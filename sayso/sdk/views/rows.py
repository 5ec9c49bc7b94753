"""The external forms of what the store holds: the same in the SDK, the CLI and over HTTP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from sayso.actions.approvals.escalation import Escalation
from sayso.actions.approvals.repository import ApprovalRow, Vote
from sayso.actions.customers.proof import Verified
from sayso.actions.model.action_row import ActionRow, receipt_json
from sayso.actions.model.definition import Assurance
from sayso.actions.model.status import Status
from sayso.actions.policy.base import Reason
from sayso.actions.policy.card import reasons_in
from sayso.agent.base import CONFIRM
from sayso.agent.question import AskedText, question_from_json
from sayso.agent.request_row import RequestRow
from sayso.agent.standing import RequestKind, Standing
from sayso.audit.customer_codes import VERIFY
from sayso.audit.entry import StoredEntry
from sayso.audit.queries.sentence import sentence_of
from sayso.audit.verifier.replay import ASKED_BY_PEOPLE
from sayso.errors import Code
from sayso.frozen import replace
from sayso.ids import rfc3339
from sayso.money import Money
from sayso.sdk.views.base import View


class ErrorView(View):
    """Why an action did not go on: a stable code, a sentence, and the next step."""

    code: str
    message: str
    next_step: str = ""


class DecisionView(View):
    """What the policy said.

    Attributes:
        outcome: `allow`, `ask` or `deny`. rule: the deciding rules, joined by commas.
        reason: their explanation. roles: for `ask`, one entry per distinct person needed.
        policy_version: SHA-256 of the policy that judged.
        asked_by: for `ask`, what asked: rules with the facts of their conditions, limits, dials;
            `rule` names those that let it go once people agree. asked: the same in sentences.
    """

    outcome: Literal["allow", "ask", "deny"]
    rule: str
    reason: str
    roles: tuple[str, ...] = ()
    policy_version: str = ""
    asked_by: tuple[str, ...] = ()
    asked: tuple[str, ...] = ()

    def decided_by(self) -> tuple[str, str]:
        """What decided, by name, and its sentence: of a question what asked."""
        if self.asked_by:
            return ", ".join(self.asked_by), "; ".join(self.asked) or self.reason
        return self.rule, self.reason


class ReceiptView(View):
    """What the provider said it did.

    Attributes:
        status: the provider's own word. finality: `final`; `done`, which can still come back;
            `pending`, which the provider has taken on and not done yet.
    """

    id: str
    status: str
    amount: Money | None = None
    finality: Literal["final", "done", "pending"] = "final"
    details: Mapping[str, Any] = {}


class EntryView(View):
    """One entry of the audit log; `body` is the entry, whose canonical bytes are hashed.

    Attributes:
        says: what it changed, about whom, on whose word; follows from `body`.
        proof: in a verified query, a C2SP tlog-proof that these bytes stand in the log.
    """

    seq: int
    at: str
    kind: str
    actor: str
    leaf: str
    says: str = ""
    body: Mapping[str, Any]
    proof: str | None = None


class NoteView(View):
    """What somebody noted about a solution or a piece of work.

    Attributes:
        seq: of its entry in the log. via: the surface, such as `slack` or `console`; empty where
            the log has the entry no more.
        text: not verified; empty when the customer was erased.
        answered: the action by which it went to the customer; None for a note to colleagues.
    """

    seq: int
    person: str
    via: str
    at: str
    text: str
    answered: str | None = None


class VoteView(View):
    """What one person said about one revision."""

    person: str
    decision: str
    revision: int
    via: str
    at: str


class EscalationView(View):
    """Since when another role may decide about a revision too, and in whose place."""

    role: str
    roles: tuple[str, ...]
    at: str

    @property
    def whom(self) -> str:
        """From whom to whom, in words."""
        before = " and ".join(role.replace("_", " ") for role in self.roles)
        return f"from {before} to {self.role.replace('_', ' ')}"


class ApprovalView(View):
    """An approval with its card.

    Attributes:
        digest: what a decision must carry, whole or its first 12 digits, with `revision`.
        card: exactly what the digest covers. roles: one entry per distinct person needed.
        escalated: that the present revision was escalated; stands beside the card.
    """

    id: str
    action_id: str
    status: str
    revision: int
    digest: str
    roles: tuple[str, ...]
    card: Mapping[str, Any]
    votes: tuple[VoteView, ...] = ()
    escalated: EscalationView | None = None
    expires_at: str
    created_at: str
    updated_at: str


class HeldView(View):
    """What an approved action waits for, without losing its yes.

    Attributes:
        by: the stop, `stp_…`, or the other action on the same object, `act_…`.
        code: `stopped` or `object_locked`. reason: the same in words.
        status: of the other action; None for a stop.
    """

    by: str
    code: Literal["stopped", "object_locked"]
    reason: str
    status: str | None = None

    @property
    def for_a_person(self) -> bool:
        """Whether a person can settle the other action; one that is being called, nobody can."""
        return self.status == Status.UNKNOWN

    @property
    def sentence(self) -> str:
        """The reason with the id of what holds it."""
        return self.reason if self.by in self.reason else f"{self.reason} ({self.by})"


class StopView(View):
    """A stop: what it holds, who engaged it, and the two people who let it go on.

    Attributes:
        status: `in_force`, `resume_asked` (by one person, and still in force), `released`.
        target: the connector's, action's or customer's id; empty for `all` and `tenant`.
        held: how many actions of the tenant wait for it now.
        doubt: why it may hold nothing, or not everything: no such customer is known here yet, or a
            database of other tenants was not reached. Empty else.
    """

    id: str
    status: Literal["in_force", "resume_asked", "released"]
    scope: Literal["all", "tenant", "connector", "action", "customer"]
    target: str
    reason: str
    held: int
    doubt: str = ""
    engaged_by: str
    engaged_at: str
    asked_by: str | None = None
    asked_at: str | None = None
    released_by: str | None = None
    released_at: str | None = None


class ActionView(View):
    """An action: where it is in its life, what was decided, what came of it.

    Attributes:
        step, after, on_failure: its place in a plan: which steps it waits for, and what happens to
            the others when it fails (`continue`, `stop`, `undo`).
        undoes: the action that this one takes back.
    """

    id: str
    status: str
    action: str
    subject: str
    assurance: str
    args: Mapping[str, Any]
    amount: Money | None = None
    planner: str
    request_id: str | None = None
    step: str | None = None
    after: tuple[str, ...] = ()
    on_failure: str = "continue"
    undoes: str | None = None
    revision: int
    digest: str | None = None
    decision: DecisionView | None = None
    approval: ApprovalView | None = None
    receipt: ReceiptView | None = None
    error: ErrorView | None = None
    held: HeldView | None = None
    created_at: str
    updated_at: str
    timeline: tuple[EntryView, ...] = ()


class ChoiceView(View):
    """One answer that a question offers.

    Attributes:
        value: what to send back as `choice`: an id, a word, an amount in major units.
        label: how the customer reads it, in their language.
    """

    value: str
    label: str


class PlannedStepView(View):
    """One step of a plan that waits for the customer's yes."""

    id: str
    action: str
    args: Mapping[str, Any]


class RestatedPlanView(View):
    """A plan as it is restated to the customer."""

    steps: tuple[PlannedStepView, ...]


class QuestionView(View):
    """What the customer is asked, and what they can answer.

    Attributes:
        kind: `verify` asks for a code, `confirm` for a yes to a plan, `people` is a question of
            your team's, and `details` what the words leave open.
        number: counts the request's questions from 1, those for codes from 51; send it back with
            the answer.
        text: in the customer's language; written from what is asked for, by no model.
        choices: empty for an open question, such as how much it should be.
        plan: what a `yes` stands for; None for a question about something that is not clear.
    """

    kind: Literal["verify", "confirm", "people", "details"] = "details"
    number: int
    text: str
    choices: tuple[ChoiceView, ...] = ()
    plan: RestatedPlanView | None = None


class WriterView(View):
    """By what it is known that whoever writes is the customer, where the caller did not know it.

    Attributes:
        by: `code`, `link` or `person`: what they sent back, what they pressed, or a colleague who
            vouched. until: from then on it counts no more.
    """

    by: str
    until: str


class RequestView(View):
    """A request: the plan, its actions, and the reply that is true now.

    Attributes:
        status: `received`, `needs_customer`, `acting`, `answered`, `handed_over` or `withdrawn`.
        kind: what the message asks for: `action`, something is done, asked or left to a person;
            `talk`, nothing; `status`, what became of something; `answer`, a question about terms or
            goods. None until it was read.
        assurance: how surely the caller knew that the customer writes: `signed_in`, `verified` or
            `unverified`. verified: by what it is known since then; None for nothing.
        question: what the customer has to be asked; only with `needs_customer`.
        reply: what the customer can be told now, in every status; written from the ledger alone.
            With `needs_customer` it is the question with its choices.
        error: why it was handed over; None for every other request.
        tokens, cost_micro_usd: what planning cost; millionths of a US dollar.
    """

    id: str
    status: str
    kind: RequestKind | None = None
    subject: str
    assurance: str = Assurance.VERIFIED.value
    verified: WriterView | None = None
    planner: str | None = None
    plan: Any = None
    actions: tuple[ActionView, ...] = ()
    question: QuestionView | None = None
    reply: str
    error: ErrorView | None = None
    tokens: int = 0
    cost_micro_usd: int = 0
    created_at: str
    updated_at: str


class PersonView(View):
    """Somebody whom the log knows.

    Attributes:
        roles: what they may decide. slack: `TEAM/USER`. active: whether anything of theirs counts.
        accounts: in other chats, such as `teams:TENANT/USER`.
        source: what said so last: `sayso.toml`, or the surface that somebody used.
    """

    id: str
    roles: tuple[str, ...]
    slack: str | None = None
    accounts: tuple[str, ...] = ()
    active: bool = True
    source: str = ""


class EventView(View):
    """One change of a request or of an action, as the log holds it. Nothing of it is personal.

    Attributes:
        seq: index in the tenant's log; also the event's id, so that a stream can be taken up again.
        kind: of the entry, such as `action.succeeded`.
        request_id: null for an action that came from no request.
        action: its name, such as `stripe.refund`; null for what tells of a request.
        status: of the action from here on, or of the request when `action_id` is null.
        message: where it stands, as a customer who waits can be told, in their language; only
            where one request or action is followed.
    """

    seq: int
    at: str
    kind: str
    request_id: str | None
    action_id: str | None
    approval_id: str | None
    action: str | None = None
    amount: Money | None = None
    status: str | None
    message: str | None = None


class TokenView(View):
    """A token without its secret; `secret` only in the answer that made it."""

    id: str
    tenant: str
    kind: Literal["service", "person"]
    holder: str
    scopes: tuple[str, ...]
    created_at: str
    expires_at: str
    revoked: bool = False
    last_used_at: str | None = None
    secret: str | None = None


def entry_view(stored: StoredEntry, body: Mapping[str, Any]) -> EntryView:
    """The external form of an entry."""
    actor = stored.entry.actor
    return EntryView(
        seq=stored.seq,
        at=rfc3339(stored.at_micros),
        kind=stored.entry.kind.value,
        actor=f"{actor.kind}:{actor.id}",
        leaf=stored.leaf.hex(),
        says=sentence_of(body),
        body=body,
    )


def approval_view(
    row: ApprovalRow, votes: Sequence[Vote] = (), escalation: Escalation | None = None
) -> ApprovalView:
    """The external form of an approval."""
    return ApprovalView(
        id=row.id,
        action_id=row.action_id,
        status=row.status.value,
        revision=row.revision,
        digest=row.digest,
        roles=row.roles,
        card=row.card.to_json(),
        votes=tuple(
            VoteView(
                person=vote.person,
                decision=vote.decision,
                revision=vote.revision,
                via=vote.via,
                at=rfc3339(vote.at),
            )
            for vote in votes
        ),
        escalated=escalation_view(escalation),
        expires_at=rfc3339(row.expires_at),
        created_at=rfc3339(row.created_at),
        updated_at=rfc3339(row.updated_at),
    )


def escalation_view(escalation: Escalation | None) -> EscalationView | None:
    """To whom the present revision was escalated; None when it was not."""
    if escalation is None or escalation.at is None:
        return None
    roles = tuple(sorted(escalation.roles))
    return EscalationView(role=escalation.role, roles=roles, at=rfc3339(escalation.at))


def action_view(
    row: ActionRow,
    approval: ApprovalView | None = None,
    timeline: Sequence[EntryView] = (),
    held: HeldView | None = None,
) -> ActionView:
    """The external form of an action."""
    judgement = row.judgement
    decision = None
    if judgement is not None:
        reasons = _reasons(row, approval)
        named = [one.asking for one in reasons] or judgement.asked
        decision = DecisionView(
            outcome=judgement.outcome.value,
            rule=",".join(judgement.rules),
            reason=judgement.explain,
            roles=judgement.roles,
            policy_version=judgement.policy_version,
            asked_by=tuple(dict.fromkeys(one.words for one in named)),
            asked=tuple(one.say for one in reasons),
        )
    return ActionView(
        id=row.id,
        status=row.status.value,
        action=row.name,
        subject=row.subject.id,
        assurance=row.subject.assurance.value,
        args=row.args,
        amount=row.amount,
        planner=row.planner,
        request_id=row.request_id,
        step=row.step,
        after=row.after,
        on_failure=row.on_failure.value,
        undoes=row.undoes,
        revision=row.revision,
        digest=row.digest,
        decision=decision,
        approval=approval,
        receipt=receipt_view(row),
        error=error_view(row),
        held=held,
        created_at=rfc3339(row.created_at),
        updated_at=rfc3339(row.updated_at),
        timeline=tuple(timeline),
    )


def _reasons(row: ActionRow, approval: ApprovalView | None) -> tuple[Reason, ...]:
    """Why people were asked about the present revision, as their card says it."""
    if approval is None or approval.revision != row.revision:
        return ()
    return reasons_in(approval.card)


def receipt_view(row: ActionRow) -> ReceiptView | None:
    """What the provider said it did about an action."""
    if row.receipt is None:
        return None
    shown = receipt_json(replace(row.receipt, read_again=False))  # a note of the engine's own
    return ReceiptView.model_validate(shown)


def error_view(row: ActionRow) -> ErrorView | None:
    """Why it did not go on; what the policy refused has its next step from the policy's words."""
    if row.error is None:
        return None
    told = {name: row.error[name] for name in ErrorView.model_fields if name in row.error}
    error = ErrorView(**told)
    if error.next_step or error.code != Code.POLICY_DENIED:
        return error
    rules = () if row.judgement is None else row.judgement.rules
    if rules:
        named = ", ".join(f"`{rule}`" for rule in rules)
        step = f"ask for what {named} does not forbid, or change the rule in the policy"
    else:
        step = (
            f"write a rule for `{row.name}` in the files of [policy] in sayso.toml, and put it in"
            " force with `sayso policy activate`"
        )
    return error.model_copy(update={"next_step": step})


_KINDS: Mapping[str, Literal["verify", "confirm", "people", "details"]] = {
    VERIFY: "verify",
    CONFIRM: "confirm",
    ASKED_BY_PEOPLE: "people",
}


def question_view(stored: Mapping[str, Any], asked: AskedText) -> QuestionView:
    """The external form of a stored question."""
    question = question_from_json(stored, asked.labels)
    plan = question.plan
    return QuestionView(
        kind=_KINDS.get(question.slot, "details"),
        number=stored["number"],
        text=asked.text,
        choices=tuple(ChoiceView(value=c.value, label=c.label) for c in question.choices),
        plan=None
        if plan is None
        else RestatedPlanView(
            steps=tuple(
                PlannedStepView(id=step.id, action=step.action, args=step.args)
                for step in plan.steps
            )
        ),
    )


def writer_view(verified: Verified) -> WriterView:
    """The external form of what somebody has shown."""
    return WriterView(by=verified.by.value, until=rfc3339(verified.until))


def request_view(
    row: RequestRow,
    actions: Sequence[ActionView],
    standing: Standing,
    error: ErrorView | None = None,
    question: QuestionView | None = None,
    verified: Verified | None = None,
) -> RequestView:
    """The external form of a request."""
    return RequestView(
        id=row.id,
        status=row.status.value,
        kind=standing.kind,
        subject=row.subject.id,
        assurance=row.subject.assurance.value,
        verified=None if verified is None else writer_view(verified),
        planner=row.planner,
        plan=row.plan,
        actions=tuple(actions),
        question=question,
        reply=standing.reply,
        error=error,
        tokens=row.tokens,
        cost_micro_usd=row.cost_micro_usd,
        created_at=rfc3339(row.created_at),
        updated_at=rfc3339(row.updated_at),
    )
