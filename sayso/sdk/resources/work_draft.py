"""What is drafted for work that is about a request: its external form, and who proposes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from sayso.actions.model.digest import storable
from sayso.agent.draft_proposal import (
    DraftProposal,
    check_proposer,
    propose_draft,
    proposer_of,
)
from sayso.agent.drafted import DraftedPlan, plannable_by_name
from sayso.agent.request_row import RequestRow, RequestStatus, get_request, read_request
from sayso.audit.entry import Actor, ActorKind, Entry, EntryKind
from sayso.errors import Code, RefusedError
from sayso.ids import Tenant, to_micros
from sayso.money import Money
from sayso.sdk.progress.carry_on import settle_request
from sayso.sdk.views.base import View
from sayso.sdk.views.presenters import show_request
from sayso.sdk.views.rows import RequestView
from sayso.store.base import Reader, Row, Transaction, integer_or_none
from sayso.store.base import text_or_none as maybe

if TYPE_CHECKING:
    from sayso.sdk.container import Container

UNANSWERED_MICROS = timedelta(hours=24) // timedelta(microseconds=1)
"""A question that a customer has not answered for so long is somebody's work."""
Repeated = Callable[[Sequence[str]], bool]
"""Whether a call was made before, by the marks (`via`) of what its person has noted about it."""


class WorkDraftStepView(View):
    """One step of a draft.

    Attributes:
        id: by which a proposal names it.
        title: such as `The refund of $45.00 for Order 1042: blue mug`.
        payee: where it goes; the customer's id where nobody has read that.
        consequence: whether it can be taken back.
        why: why it was not done; empty where only what it belongs to was not.
        may_lower: whether it may be proposed for less.
        after: the steps that have to succeed before.
        args: exactly what would be proposed.
        agent_says: the planner's own words, not verified.
    """

    id: str
    action: str
    title: str
    amount: Money | None = None
    payee: str
    consequence: str = ""
    why: str = ""
    may_lower: bool = False
    after: tuple[str, ...] = ()
    args: Mapping[str, Any]
    agent_says: str = ""

    @property
    def texts(self) -> tuple[tuple[str, str], ...]:
        """The words that it would send or store, by the name of their argument."""
        told = ((name, value) for name, value in self.args.items() if isinstance(value, str))
        return tuple((name.replace("_", " "), value) for name, value in told if " " in value)


class WorkDraftView(View):
    """What a planner would do about a request, and nobody has.

    Attributes:
        digest: what a proposal of it must carry, whole or its first 12 digits.
        planner: who planned it.
    """

    digest: str
    planner: str
    steps: tuple[WorkDraftStepView, ...]


def show_draft(drafted: DraftedPlan, row: RequestRow) -> WorkDraftView:
    """The external form of a request's draft."""
    return WorkDraftView(
        digest=drafted.digest,
        planner=drafted.plan.planner,
        steps=tuple(
            WorkDraftStepView(
                id=step.id,
                action=step.action,
                title=one.title,
                amount=one.amount,
                payee=one.payee or row.subject.id,
                consequence=one.consequence,
                why=one.why,
                may_lower=one.may_lower,
                after=step.after,
                args=step.args,
                agent_says=step.reason,
            )
            for step, one in zip(drafted.plan.steps, drafted.known, strict=True)
        ),
    )


def open_work(reader: Reader, tenant: Tenant, about: str) -> Row | None:
    """The row of what nobody has ended; None where nobody has said anything yet.

    Raises:
        RefusedError: `already_in_state`.
    """
    row = reader.one("work.by_about", tenant=tenant, about=about)
    if row is not None and integer_or_none(row, "ended_at") is not None:
        raise RefusedError(
            Code.ALREADY_IN_STATE, "this was ended already", next_step="nothing is left to do"
        )
    return row


async def propose_drafted(
    container: Container,
    about: str,
    wanted: DraftProposal,
    *,
    tenant: Tenant,
    wait_s: float,
    repeated: Repeated | None,
) -> RequestView:
    """See `WorkResource.propose_as`."""

    def write(tx: Transaction) -> RequestRow:
        row = get_request(tx, tenant, about)
        by = proposer_of(row)
        if repeated is not None and by.get("by") == wanted.person and repeated([by["via"]]):
            return row
        return _propose(tx, container, row, wanted)

    try:
        row = await container.requests.write(write, about=tenant)
    except RefusedError as error:
        await container.store.write(partial(_refused, container, tenant, about, wanted, error))
        raise
    if wait_s > 0:
        await settle_request(container, row, wait_s)
    else:
        container.dispatcher.wake()
    return await container.store.read(
        lambda reader: show_request(
            reader, get_request(reader, tenant, about), container.personal, container.agent.language
        )
    )


def _propose(
    tx: Transaction, container: Container, row: RequestRow, wanted: DraftProposal
) -> RequestRow:
    now = to_micros(container.clock.now())
    check_proposer(container.directory.at(tx, row.tenant), wanted, now)
    work = open_work(tx, row.tenant, row.id)
    waits = row.status is RequestStatus.NEEDS_CUSTOMER and row.asked_by is None
    if waits and row.updated_at > now - UNANSWERED_MICROS:
        raise RefusedError(
            Code.WRONG_STATE,
            "the customer may still answer",
            next_step="wait for a day; then it is yours",
        )
    actions = plannable_by_name(container.connectors)
    moved = propose_draft(tx, container.requests, container.proposals, row, wanted, actions, now)
    taken = None if work is None else maybe(work, "assignee")
    tx.run(
        "work.put",
        tenant=row.tenant,
        about=row.id,
        assignee=taken or wanted.person,
        ended_at=None,
        now=now,
        last_seq=moved.last_seq,
    )
    return moved


def _refused(
    container: Container,
    tenant: Tenant,
    about: str,
    wanted: DraftProposal,
    error: RefusedError,
    tx: Transaction,
) -> None:
    """Record that somebody tried to propose what was drafted for a request that there is."""
    found = tx.one("request.by_id", tenant=tenant, id=storable(about))
    if found is None:
        return
    row, now = read_request(found), to_micros(container.clock.now())
    entry = Entry(
        kind=EntryKind.APPROVAL_REFUSED,
        actor=Actor(kind=ActorKind.PERSON, id=storable(wanted.person)),
        request=row.id,
        subject=container.context.personal.pseudonym(tx, tenant, row.subject.id, now),
        data={"code": error.code.value, "decision": "propose", "via": storable(wanted.via)},
    )
    container.log.append(tx, tenant, entry)
