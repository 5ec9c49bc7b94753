"""One run: what it works with, what it remembers, and how it moves its request.

A question, a plan, a reply or a hand-over is stored in one transaction that reads the request anew,
so that a run that was overtaken stores nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypedDict, cast

from sayso.actions.engine.proposals import Proposals
from sayso.actions.model.action_row import ActionRow
from sayso.actions.model.definition import Action
from sayso.actions.model.digest import storable
from sayso.actions.model.plan import Plan
from sayso.actions.model.ports import ActionRegistry
from sayso.actions.model.status import Status
from sayso.actions.policy.base import VERIFIED_ONLY
from sayso.agent.base import Asking, Handles, Message, Planner, Question, Remark, Spending
from sayso.agent.customer_records import CustomerRecords, typed_records
from sayso.agent.draft_proposal import proposal_of
from sayso.agent.drafted import DraftedPlan, draft_of_plan, draft_of_steps, plannable_by_name
from sayso.agent.prompts import Prompts
from sayso.agent.question import (
    AskedText,
    plan_json,
    question_from_json,
    text_of,
    words_of_plan,
    write_question,
)
from sayso.agent.reply import (
    HandedOver,
    may_say_unchanged,
    outcomes_of,
    write_hand_over,
    write_reply,
)
from sayso.agent.request_row import RequestRow, RequestStatus, get_request, steps_of
from sayso.agent.requests import AGENT, Requests
from sayso.agent.step_up import Need, StepUp
from sayso.agent.telling import BESIDE, Told, what_is_told
from sayso.agent.understanding import Knowledge, asked_beside, language_of
from sayso.agent.withdrawal import show_in_thread
from sayso.audit.entry import EntryKind, Json
from sayso.audit.request_digests import NONCE, plan_digest, question_digest
from sayso.errors import Code, RetryableError
from sayso.json import JsonObject, JsonValue
from sayso.settings.planner import ConfirmWhen
from sayso.store.base import Reader, Store, Transaction
from sayso.telemetry import Telemetry


class RunState(TypedDict, total=False):
    """What one run remembers: plain JSON, and gone with it."""

    problems: list[str]
    tries: int
    plan: dict[str, Any] | None
    question: dict[str, Any] | None
    confirmed: bool
    nonce: str
    code: str
    planner: str
    prompt: str
    tokens: int
    cost_micro_usd: int


@dataclass(kw_only=True)
class RunContext:
    """What a run works with, beside what it remembers."""

    row: RequestRow
    messages: Sequence[Message]
    give_up: bool
    store: Store
    requests: Requests
    proposals: Proposals
    registry: ActionRegistry
    records: CustomerRecords
    planner: Planner
    knowledge: Knowledge
    confirm: ConfirmWhen
    telemetry: Telemetry
    now: int = 0
    """When the run began, in microseconds since 1970."""
    region: str | None = None
    prompts: Prompts | None = None
    spending: Spending | None = None
    handles: Handles | None = field(default=None)
    step_up: StepUp | None = None
    need: Need | None = None
    """What the customer has to show, once that is known."""
    given_up: bool = False
    """They cannot show it, so that a person gets whatever comes of it."""
    answered: str = ""
    """The digest of the question that the newest message answers, by the log; empty for none."""
    remark: Remark | None = None
    """What the newest message is where nothing is to be done."""
    reason: str = "no reason was given"
    """Why a person has to take it; it may quote the customer."""
    draft: DraftedPlan | None = None
    """The plan that is handed over with it, where there is one."""

    async def known(self) -> Handles:
        """The subject's objects under this run's handles; looked up once a run."""
        if self.handles is None:
            row = self.row
            listed = await self.records.of(row.tenant, row.subject, row.id)
            typed = typed_records(self.messages, self.actions.values(), listed)
            self.handles = Handles([*listed, *typed])
        return self.handles

    @property
    def actions(self) -> Mapping[str, Action]:
        """What can be planned, by name."""
        return plannable_by_name(self.registry)

    @property
    def language(self) -> str:
        """The customer's language."""
        return language_of(self.messages, self.knowledge)

    @property
    def asking(self) -> Asking:
        """What a planner that costs something is told of the request."""
        return Asking(
            key=self.row.id, region=self.region, prompts=self.prompts, spending=self.spending
        )

    def told_beside(self, reader: Reader, handles: Handles) -> Told | None:
        """The answer to what the newest message asks beside its wish; None where it asks nothing.

        What nobody can tell is left out: the wish goes on.
        """
        asked = asked_beside(self.messages, handles, self.knowledge)
        if asked is None:
            return None
        return what_is_told(reader, self.row, asked, handles, self.actions, self.now)

    def drafted(self, plan: Plan, handles: Handles, why: Mapping[str, str]) -> DraftedPlan:
        """A plan as people are shown it; `why` it was not done, by step."""
        return draft_of_plan(
            plan,
            why,
            handles=handles,
            actions=self.actions,
            language=self.language,
            nonce=self.requests.new_nonce(),
        )

    @property
    def asked(self) -> int:
        """How many questions the conversation holds that Sayso asked."""
        return sum(turn.question is not None for turn in self.messages)


_NO_YES = "the customer was asked whether they want this, and has not said yes"
_LONGEST_REASON = 500
_LONGEST_NAME = 200
"""So many characters of why a person takes over are kept."""


def store_question(
    context: RunContext,
    state: RunState,
    stored: Mapping[str, Any],
    asked: AskedText,
    tx: Transaction,
) -> None:
    """Store what the customer is asked; nothing when the request has moved on."""
    row = get_request(tx, context.row.tenant, context.row.id)
    if row.status is not RequestStatus.RECEIVED:
        return
    question = question_from_json(stored)
    beside = None if context.handles is None else context.told_beside(tx, context.handles)
    if beside is not None:
        asked = replace(asked, text=f"{beside.reply}\n\n{asked.text}")
    steps: list[Json] = [
        f"{step.id} {step.action}" for step in (question.plan.steps if question.plan else ())
    ]
    moved = context.requests.move(
        tx,
        replace(row, fence=context.row.fence),
        EntryKind.REQUEST_QUESTIONED,
        data={
            "planner": question.planner or state.get("planner", ""),
            "question": cast("Json", stored["number"]),
            "slot": question.slot,
            "restated": steps,
            **asked_data(stored),
            **_told(beside),
            **_draft(asked.draft),
            "tokens": state.get("tokens", 0),
            "cost_micro_usd": state.get("cost_micro_usd", 0),
        },
        planner=state.get("planner"),
        question=cast("JsonValue", stored),
        reply=asked.to_text(),
        tokens=state.get("tokens", 0),
        cost_micro_usd=state.get("cost_micro_usd", 0),
    )
    if moved is None:
        raise RetryableError(Code.ACTION_LOST_LEASE, "another worker has this request")
    show_in_thread(tx, moved, context.requests.written)


def asked_data(stored: Mapping[str, Any]) -> dict[str, Json]:
    """What an entry says of a question: that it is this one, and of the plan that it restates."""
    plan = stored.get("plan")
    restated = {} if plan is None else {"plan": plan_digest(plan, stored[NONCE])}
    return {"asked": question_digest(stored), **restated}


def ask_text(context: RunContext, stored: Mapping[str, Any], handles: Handles) -> AskedText:
    """What the customer reads of a question, in their language."""
    question = question_from_json(stored)
    language, actions = context.language, context.actions
    labelled = write_question(question, language=language, handles=handles, actions=actions)
    again = any(
        turn.question is not None and _asks(turn.question) == _asks(question)
        for turn in context.messages
    )
    text = text_of(labelled, language=language, handles=handles, actions=actions, again=again)
    labels = tuple(choice.label for choice in labelled.choices)
    if question.plan is None:
        return AskedText(text=text, labels=labels)
    why = dict.fromkeys((step.id for step in question.plan.steps), _NO_YES)
    draft = context.drafted(question.plan, handles, why).to_json()
    return AskedText(text=text, labels=labels, draft=draft)


def _asks(question: Question) -> tuple[str, str, Plan | None, frozenset[str]]:
    """What a question is about: two that agree in this are one that came back."""
    values = frozenset(one.value for one in question.choices)
    return question.slot, question.about, question.plan, values


def store_plan(context: RunContext, state: RunState, plan: Plan, tx: Transaction) -> None:
    """Store the steps of a plan and what the request has become by it."""
    row = get_request(tx, context.row.tenant, context.row.id)
    if row.status is not RequestStatus.RECEIVED:
        # INVARIANT: its steps stand already, as they were stored with its state; those of another
        # plan, by a run that was overtaken, would come on top of them.
        return
    proposals = tuple(proposal_of(row, plan, step, AGENT) for step in plan.steps)
    context.proposals.submit_steps(tx, proposals, plan.steps)
    steps: list[Json] = [f"{step.id} {step.action}" for step in plan.steps]
    beside = None if context.handles is None else context.told_beside(tx, context.handles)
    submitted: dict[str, JsonValue] = {
        **plan_json(plan),
        NONCE: state.get("nonce") or context.requests.new_nonce(),
    }
    moved = context.requests.move(
        tx,
        replace(row, fence=context.row.fence),
        EntryKind.REQUEST_PLANNED,
        data={
            "planner": plan.planner,
            "steps": steps,
            "on_failure": plan.on_failure.value,
            "confirmed": state.get("confirmed", False),
            "plan": plan_digest(submitted),
            **_told(beside),
            **_prompt({"prompt": plan.notes.get("prompt", "")}),
            "tokens": state.get("tokens", 0),
            "cost_micro_usd": state.get("cost_micro_usd", 0),
        },
        planner=plan.planner,
        plan={
            **submitted,
            "language": context.language,
            "words": words_of_plan(plan, context.actions, context.language),
            **({} if beside is None else {BESIDE: True}),
        },
        reply=None if beside is None else beside.to_text(),
        tokens=state.get("tokens", 0),
        cost_micro_usd=state.get("cost_micro_usd", 0),
    )
    if moved is None:
        raise RetryableError(Code.ACTION_LOST_LEASE, "another worker has this request")


def _told(beside: Told | None) -> dict[str, Json]:
    """What an entry says of a question that was answered beside a wish."""
    return {} if beside is None else {"told": [*beside.facts]}


def _draft(sealed: JsonObject | None) -> dict[str, Json]:
    """What an entry says of the draft that it leaves to people, where there is one."""
    return {} if sealed is None else {"draft": DraftedPlan.read(sealed).digest}


def _prompt(state: RunState) -> dict[str, Json]:
    """The prompt that a model had, where one was asked."""
    prompt = state.get("prompt")
    return {"prompt": prompt} if prompt else {}


def store_reply(
    requests: Requests,
    claimed: RequestRow,
    registry: ActionRegistry,
    tx: Transaction,
    name: str | None = None,
) -> bool:
    """Store the reply, from the ledger's rows and never from what a resume said.

    Once more where a reply is there, and what it told has changed.

    Args:
        name: of the customer; needed only where a person gets it, so that nobody else waits for it.

    Returns:
        Whether it is stored; not, where a person gets it and the name has to be read first.
    """
    row = get_request(tx, claimed.tenant, claimed.id)
    if not row.is_acting and row.status not in {RequestStatus.ANSWERED, RequestStatus.WITHDRAWN}:
        return True
    actions = steps_of(tx, row)
    left = _left_to_people(actions)
    if left is not None and row.status is not RequestStatus.WITHDRAWN:
        if name is None:
            return False
        definitions = plannable_by_name(registry)
        drafted = draft_of_steps(
            row.plan,
            actions,
            actions=definitions,
            language=row.language,
            nonce=requests.new_nonce(),
        )
        _leave_to_person(requests, tx, replace(row, fence=claimed.fence), drafted, left, name)
        return True
    reply, beside = (
        write_reply(outcomes_of(tx, actions, row.words), row.language),
        requests.told_beside(tx, row),
    )
    outcomes: dict[str, Json] = {action.id: action.status.value for action in actions}
    requests.move(
        tx,
        replace(row, fence=claimed.fence),
        EntryKind.REQUEST_REPLIED,
        data={"outcomes": [f"{key} {value}" for key, value in outcomes.items()]},
        reply=reply if beside is None else replace(beside, beside=reply).to_text(),
    )
    return True


def _left_to_people(actions: Sequence[ActionRow]) -> Code | None:
    """Why what a plan came to is a person's, and no refusal that nobody sees."""
    if any((action.error or {}).get("code") == Code.NOT_ROLLED_OUT for action in actions):
        return Code.NOT_ROLLED_OUT
    judged = [
        action.judgement
        for action in actions
        if action.status is Status.REFUSED and action.judgement is not None
    ]
    return Code.NOT_VERIFIED if any(VERIFIED_ONLY in one.rules for one in judged) else None


_LEFT = {
    Code.NOT_ROLLED_OUT: "the roll-out leaves this to a person",
    Code.NOT_VERIFIED: "nobody knows that whoever writes is the customer",
}


def _leave_to_person(
    requests: Requests,
    tx: Transaction,
    row: RequestRow,
    drafted: DraftedPlan | None,
    why: Code,
    name: str,
) -> None:
    """All of it is left to a person, and nothing is claimed that was not done."""
    handed = HandedOver(
        reason=_LEFT[why],
        reply=_handed_over(tx, row, row.language),
        language=row.language,
        draft=None if drafted is None else drafted.to_json(),
        name=storable(name, _LONGEST_NAME),
    )
    requests.move(
        tx,
        row,
        EntryKind.REQUEST_HANDED_OVER,
        data={
            "planner": row.planner or "",
            "code": why.value,
            **_draft(handed.draft),
        },
        reply=handed.to_text(),
    )


def _handed_over(tx: Transaction, row: RequestRow, language: str) -> str:
    return write_hand_over(language, unchanged=may_say_unchanged(tx, row.tenant, row.subject))


def store_telling(context: RunContext, state: RunState, handles: Handles, tx: Transaction) -> None:
    """Store what the customer is told where nothing is to be done.

    What cannot be told is handed over.
    """
    row, remark = get_request(tx, context.row.tenant, context.row.id), context.remark
    assert remark is not None, "only a remark is answered so"
    if row.status is not RequestStatus.RECEIVED:
        return
    told = what_is_told(tx, row, remark, handles, context.actions, context.now)
    if told is None:
        reason, language, draft = context.reason, context.language, context.draft
        hand_over(context.requests, tx, context.row, reason, state, language, draft)
        return
    context.requests.move(
        tx,
        replace(row, fence=context.row.fence),
        EntryKind.REQUEST_REPLIED,
        data={
            "planner": state.get("planner", ""),
            "kind": told.kind,
            "told": [*told.facts],
            "tokens": state.get("tokens", 0),
            "cost_micro_usd": state.get("cost_micro_usd", 0),
        },
        planner=state.get("planner"),
        reply=told.to_text(),
        tokens=state.get("tokens", 0),
        cost_micro_usd=state.get("cost_micro_usd", 0),
    )


def hand_over(
    requests: Requests,
    tx: Transaction,
    claimed: RequestRow,
    reason: str,
    spent: RunState,
    language: str | None = None,
    draft: DraftedPlan | None = None,
    name: str = "",
) -> None:
    """Store that a person takes over; nothing when the request is planned already.

    Args:
        name: of the customer, for the list that people take it from.
        draft: the plan that they are shown; one that waits for the customer's yes unless said.
    """
    row = get_request(tx, claimed.tenant, claimed.id)
    if row.status not in (RequestStatus.RECEIVED, RequestStatus.NEEDS_CUSTOMER):
        return
    drafted = draft or requests.drafted(tx, row)
    sealed = None if drafted is None else drafted.to_json()
    show_in_thread(tx, row, requests.written)
    requests.move(
        tx,
        replace(row, fence=claimed.fence),
        EntryKind.REQUEST_HANDED_OVER,
        data={
            "planner": spent.get("planner", ""),
            "code": spent.get("code", Code.NOT_UNDERSTOOD.value),
            **_draft(sealed),
            **_prompt(spent),
            "tokens": spent.get("tokens", 0),
            "cost_micro_usd": spent.get("cost_micro_usd", 0),
        },
        planner=spent.get("planner"),
        reply=HandedOver(
            reason=storable(reason, _LONGEST_REASON),
            reply=_handed_over(tx, row, language or row.language),
            language=language or row.language,
            draft=sealed,
            name=storable(name, _LONGEST_NAME),
        ).to_text(),
        tokens=spent.get("tokens", 0),
        cost_micro_usd=spent.get("cost_micro_usd", 0),
    )
