"""A solution in its external form: what a manager reads in five seconds, and then the rest.

The same words stand in the console, in Slack, in the terminal, in e-mails and over HTTP; a surface
only decides how they are drawn. Every amount, name and consequence comes from typed fields; what a
customer or a model wrote stands in fields of its own, which surfaces mark as not verified.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from sayso.actions.approvals.escalation import escalation_of
from sayso.actions.approvals.hold import taken_from
from sayso.actions.approvals.repository import ApprovalRow, DecisionChoice, Vote, votes_of
from sayso.actions.approvals.solution import Solution
from sayso.actions.controls.blocking import Obstacle
from sayso.actions.controls.kill_switch import get_stop
from sayso.actions.model.action_row import ActionRow
from sayso.actions.model.definition import Effect
from sayso.actions.policy.card import REASONS_APART, WITH_REASONS, Card
from sayso.actions.policy.why import flip_of
from sayso.agent.request_row import read_request
from sayso.ids import rfc3339
from sayso.money import Money
from sayso.sdk.views.base import View
from sayso.sdk.views.rows import (
    ErrorView,
    EscalationView,
    NoteView,
    ReceiptView,
    VoteView,
    error_view,
    escalation_view,
    receipt_view,
)
from sayso.sdk.words.solution import (
    Definitions,
    SmallerAnswer,
    SolutionStepView,
    cautions,
    consequence,
    counts,
    facts,
    headline,
    money_lines,
    name_of,
    on_no,
    on_yes,
    split,
    steps_of_solution,
    totals,
    undone,
    verified_by,
)
from sayso.store.base import Reader

StoppedBy: TypeAlias = Callable[[Reader, ActionRow], Obstacle | None]
"""Finds the stop that holds an action; None where none does."""


class LetterView(View):
    """A message that a step sends, whole."""

    to: str
    sender: str
    subject: str
    text: str


class CustomerView(View):
    """Whom it is about.

    Attributes:
        name: the id where the connector knows no name.
        assurance: how surely the caller knew that they write. verified_by: by what the card says
            that it is known since then, `code`, `link` or `person`; empty for nothing.
    """

    id: str
    name: str
    assurance: str
    verified_by: str = ""


class StepView(View):
    """One step of a solution.

    Attributes:
        id: of the step, by which a decision names it.
        title: the action's sentence with the resolved values.
        consequence: where it goes and whether it can be undone, as short sentences.
        asks: whether it waits for people now, and so can be left out. left_out: a smaller answer
            leaves it out.
        needs: `people` when people are or were asked about it, `nobody` when the policy allows it.
        may_lower: whether an approver may lower its amount.
        after: the steps that must have succeeded before.
        card: exactly what the step's own digest covers; None where nobody is asked.
    """

    id: str
    action_id: str
    approval_id: str | None = None
    action: str
    effect: str
    title: str
    amount: Money | None = None
    payee: str = ""
    consequence: str = ""
    asks: bool
    left_out: bool = False
    needs: str
    status: str
    may_lower: bool = False
    after: tuple[str, ...] = ()
    letter: LetterView | None = None
    revision: int
    digest: str | None = None
    card: Mapping[str, Any] | None = None
    receipt: ReceiptView | None = None
    error: ErrorView | None = None
    updated_at: str


class ReceiptLine(View):
    """One line of what moves: a label and the money under it."""

    label: str
    amount: Money


class LeadView(View):
    """What is read first, in this order.

    Attributes:
        headline: what and how much to whom, such as `$139.00 to Ben Okafor`.
        split: the parts of it, each an amount (or empty) and what it is; empty for one step
            of unknown amount, whose headline says it all.
        quote: the customer's own words, not verified, or whoever proposed it.
        reasons: everything that asked for people, each in a line; each alone would have asked.
        why: the same on one line. flip: what would have to be different for it to go by itself.
        needed: who has to agree. unusual: what is out of the ordinary, the most telling first.
        quiet: how many other signs were looked at and said nothing.
        facts: label and value, of the customer and of the object.
        on_yes, on_no: what each answer does.
    """

    headline: str
    split: tuple[tuple[str, str], ...]
    quote: str
    why: str
    reasons: tuple[str, ...] = ()
    flip: str = ""
    needed: str
    unusual: tuple[str, ...]
    quiet: int
    facts: tuple[tuple[str, str], ...]
    on_yes: str
    on_no: str


class OpenQuestionView(View):
    """What somebody has asked the customer about it, and they have not answered yet.

    Attributes:
        by: the person who asked. text: empty when the customer was erased.
    """

    number: int
    by: str
    text: str
    asked_at: str


class SolutionView(View):
    """All that people are asked about with one yes, less or no.

    Attributes:
        id: the approval that it is known by; any of its steps' approvals leads here.
        digest: what an answer to the whole must carry, whole or its first 12 digits, with
            `revision`.
        customer: id, name and how strongly they were identified.
        lead: what is read first. steps: in the order of the plan.
        money: what moves by label, such as `Back to the card`; totals: the sum by currency.
        all_or_nothing: no step may be left out.
        cautions: what a smaller answer would leave untrue.
        roles: one entry per distinct person still asked for, whoever has agreed so far.
        agreed: who said yes to all that waits.
        planner: who planned it. agent_says: the planner's own words, not verified.
        proposed_by: the person or the service who proposed it without words of the customer, so
            that what is quoted is theirs; None where the customer wrote.
        question: what the customer was asked meanwhile; their answer makes the card anew.
        notes: what people have noted about it, the newest 200, oldest first.
        assignee: who was given it to look at; it changes nothing of who may answer.
        says_why: a yes to all that waits needs a reason in words.
        starts_at: when what was agreed to starts, where it waits for that; None else.
        may_take_back: the yes can still be taken back, since nothing of it has begun; while people
            are asked still, by each of `agreed` alone.
        passkey: a yes to all that waits needs the person's passkey, which only the console asks
            for; a surface that cannot shows the way there in place of its yes.
    """

    id: str
    request_id: str | None = None
    status: str
    revision: int
    digest: str
    customer: CustomerView
    lead: LeadView
    steps: tuple[StepView, ...]
    money: tuple[ReceiptLine, ...]
    totals: tuple[Money, ...]
    all_or_nothing: bool = False
    cautions: tuple[str, ...] = ()
    roles: tuple[str, ...]
    agreed: tuple[str, ...] = ()
    votes: tuple[VoteView, ...] = ()
    escalated: EscalationView | None = None
    planner: str
    proposed_by: str | None = None
    agent_says: tuple[str, ...] = ()
    question: OpenQuestionView | None = None
    notes: tuple[NoteView, ...] = ()
    assignee: str | None = None
    says_why: bool = False
    passkey: bool = False
    starts_at: str | None = None
    may_take_back: bool = False
    expires_at: str
    created_at: str
    updated_at: str


def is_unverified(view: SolutionView) -> bool:
    """Whether it is for somebody whom nobody knows to write, and for whom a colleague may vouch."""
    known = view.customer.assurance != "unverified" or bool(view.customer.verified_by)
    return view.request_id is not None and not known


def show_solution(
    reader: Reader,
    solution: Solution,
    definition: Definitions,
    stopped_by: StoppedBy,
    hold_micros: int,
    smaller: SmallerAnswer | None = None,
) -> SolutionView:
    """The external form of a solution, as this snapshot has it.

    Args:
        stopped_by: finds the stop that holds an action now.
        hold_micros: so long what people agreed to waits before it starts.
        smaller: as it would be after a smaller answer.
    """
    steps = steps_of_solution(solution, definition, smaller or SmallerAnswer())
    live = [one for one in steps if counts(one)] or steps
    waiting = [one for one in steps if one.step.waits and not one.left_out]
    lead = solution.lead
    name = name_of([one.row for one in steps])
    asked = waiting or [one for one in steps if one.step.approval is not None]
    votes = {one.step.id: votes_of(reader, _approval(one)) for one in asked}
    agreed = _agreed([(_approval(one), votes[one.step.id]) for one in asked])
    roles = _roles(asked)
    escalation = escalation_of(reader, lead)
    hold = hold_micros // 1_000_000
    next_yes = _next(reader, asked, roles[len(agreed) + 1 :], stopped_by, hold)
    return SolutionView(
        id=lead.id,
        request_id=steps[0].row.request_id,
        status=solution.status.value,
        revision=solution.revision,
        digest=solution.digest,
        customer=CustomerView(
            id=steps[0].row.subject.id,
            name=name,
            assurance=steps[0].row.subject.assurance.value,
            verified_by=verified_by([one.row for one in steps]),
        ),
        lead=_lead(steps, live, asked, name, next_yes),
        steps=tuple(_step(one, solution) for one in steps),
        money=tuple(ReceiptLine(label=label, amount=amount) for label, amount in money_lines(live)),
        totals=totals(live),
        all_or_nothing=solution.is_all_or_nothing,
        cautions=cautions(steps),
        roles=roles,
        agreed=agreed,
        votes=tuple(_vote(vote) for one in asked[:1] for vote in votes[one.step.id]),
        escalated=escalation_view(escalation),
        planner=steps[0].row.planner,
        proposed_by=_proposed_by(steps[0].row),
        agent_says=_agent_says(reader, solution),
        starts_at=_starts_at(solution),
        may_take_back=bool(taken_from(solution) or (waiting and agreed)),
        expires_at=rfc3339(solution.expires_at),
        created_at=rfc3339(lead.created_at),
        updated_at=rfc3339(max(one.row.updated_at for one in steps)),
    )


def _starts_at(solution: Solution) -> str | None:
    """When the first step of an agreed solution starts that can still be taken back."""
    held = [
        step.action.due_at
        for step in taken_from(solution)
        if step.approval is not None
        and step.action.due_at is not None
        and step.action.due_at > step.approval.updated_at
    ]
    return rfc3339(min(held)) if held else None


def _proposed_by(row: ActionRow) -> str | None:
    """Who proposed what no customer has asked for in words."""
    return None if row.request_id is not None else row.requester.partition(":")[2]


def _lead(
    steps: Sequence[SolutionStepView],
    live: Sequence[SolutionStepView],
    asked: Sequence[SolutionStepView],
    name: str,
    next_yes: str,
) -> LeadView:
    cards = [one.card for one in asked if one.card is not None]
    first = cards[0]
    # The step that asks most people is the one that says why; among equals, the first.
    telling = max(cards, key=lambda card: len(card.roles))
    reasons = _reasons([(place, one.card) for place, one in enumerate(steps, 1) if one in asked])
    return LeadView(
        headline=headline(live, name),
        split=split(live),
        quote=first.quote,
        why=REASONS_APART.join(reasons),
        reasons=reasons,
        flip=flip_of([one for card in cards for one in card.reasons if one.asking.kind != "plan"]),
        needed=telling.needed,
        unusual=tuple(dict.fromkeys(line for card in cards for line in card.unusual)),
        quiet=max(card.quiet for card in cards),
        facts=facts(steps, steps[0].row.subject.assurance.value),
        on_yes=next_yes,
        on_no=on_no(asked, name),
    )


def _reasons(cards: Sequence[tuple[int, Card | None]]) -> tuple[str, ...]:
    """Everything that asked, with the step where steps have other reasons than each other."""
    said = [(place, _said(card)) for place, card in cards if card is not None]
    asking = [(place, lines) for place, lines in said if lines]
    if not asking:  # each was let go, and belongs to a plan that was not
        return (said[0][1] if said else ()) or tuple(
            dict.fromkeys(card.reason or card.why for _, card in cards if card is not None)
        )
    if len({lines for _, lines in asking}) == 1:
        return asking[0][1]
    return tuple(f"Step {place}: {line}" for place, lines in asking for line in lines)


def _said(card: Card) -> tuple[str, ...]:
    """The reasons of one step, but for that it belongs to the plan; of an older card its one."""
    if card.version < WITH_REASONS:
        return (card.reason or card.why,)
    return tuple(one.say for one in card.reasons if one.asking.kind != "plan")


def _next(
    reader: Reader,
    asked: Sequence[SolutionStepView],
    left: Sequence[str],
    stopped_by: StoppedBy,
    hold: int,
) -> str:
    """What one more yes does, as things stand: under a stop nothing starts."""
    steps = [one for one in asked if one.step.waits] or asked
    stops = ((one.row, stopped_by(reader, one.row)) for one in steps)
    row, stop = next(((row, found) for row, found in stops if found is not None), (None, None))
    if row is None or stop is None:
        return on_yes(steps, left, "", hold)
    engaged = get_stop(reader, row.tenant, stop.id)
    return on_yes(steps, left, engaged.what_of(row.subject.id), hold)


def _step(one: SolutionStepView, solution: Solution) -> StepView:
    row, approval, card = one.row, one.step.approval, one.card
    said = f"{consequence(one, solution)} {undone(one)}".strip()
    return StepView(
        id=one.step.id,
        action_id=row.id,
        approval_id=None if approval is None else approval.id,
        action=row.name,
        effect="" if one.effect is None else one.effect.value,
        title=one.title,
        amount=one.amount,
        payee=one.payee,
        consequence=said,
        asks=one.step.waits and not one.left_out,
        left_out=one.left_out,
        needs="nobody" if approval is None else "people",
        status=row.status.value,
        may_lower=_may_lower(one),
        after=row.after,
        letter=_letter(one),
        revision=row.revision,
        digest=row.digest,
        card=None if card is None else card.to_json(),
        receipt=receipt_view(row),
        error=error_view(row),
        updated_at=rfc3339(row.updated_at),
    )


def _may_lower(one: SolutionStepView) -> bool:
    amount = one.amount
    return (
        one.step.waits
        and one.card is not None
        and one.card.may_lower
        and amount is not None
        and amount.amount_minor > 1
    )


def _letter(one: SolutionStepView) -> LetterView | None:
    """What a message says, whole; every connector of messages resolves `title` and `text`."""
    fields = one.fields
    if one.effect is not Effect.MESSAGE or "text" not in fields:
        return None
    snapshot = one.row.snapshot
    address = None if snapshot is None else snapshot.resolved.personal.get("email")
    return LetterView(
        to=address or one.payee,
        sender=one.account.partition(" by ")[0],
        subject=fields.get("title", ""),
        text=fields["text"],
    )


def _approval(one: SolutionStepView) -> ApprovalRow:
    assert one.step.approval is not None, "only of what people were asked about"
    return one.step.approval


def _agreed(asked: Sequence[tuple[ApprovalRow, Sequence[Vote]]]) -> tuple[str, ...]:
    """Who said yes to the present revision of each step that waits, in the order they did."""
    yes = [
        [
            vote.person
            for vote in votes
            if vote.decision == DecisionChoice.APPROVE and vote.revision == approval.revision
        ]
        for approval, votes in asked
    ]
    return tuple(person for person in yes[0] if all(person in people for people in yes))


def _roles(asked: Sequence[SolutionStepView]) -> tuple[str, ...]:
    """One entry per person needed for all of it: for each role, as many as any step needs."""
    most: dict[str, int] = {}
    for one in asked:
        for role, count in Counter(_approval(one).roles).items():
            most[role] = max(most.get(role, 0), count)
    return tuple(role for role, count in most.items() for _ in range(count))


def _vote(vote: Vote) -> VoteView:
    return VoteView(
        person=vote.person,
        decision=vote.decision,
        revision=vote.revision,
        via=vote.via,
        at=rfc3339(vote.at),
    )


def _agent_says(reader: Reader, solution: Solution) -> tuple[str, ...]:
    """The planner's own reasons, as it wrote them."""
    request_id = solution.steps[0].action.request_id
    if request_id is None:
        return ()
    found = reader.one("request.by_id", tenant=solution.tenant, id=request_id)
    plan = None if found is None else read_request(found).plan
    steps = plan.get("steps") if isinstance(plan, Mapping) else None
    if not isinstance(steps, Sequence) or isinstance(steps, str):
        return ()
    reasons = (step.get("reason") for step in steps if isinstance(step, Mapping))
    return tuple(dict.fromkeys(str(reason) for reason in reasons if reason))
