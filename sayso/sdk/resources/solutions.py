"""Solutions: what waits for people, one item for each plan, and the one answer to each."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, cast

from sayso.actions.approvals.answer import SolutionDecision, needs_passkey, needs_reason
from sayso.actions.approvals.decision import check_lower
from sayso.actions.approvals.hold import TakingBack
from sayso.actions.approvals.repository import (
    ApprovalRow,
    ApprovalStatus,
    DecisionChoice,
    action_of,
    get_approval,
    read_approval,
)
from sayso.actions.approvals.solution import solution_of
from sayso.actions.controls.blocking import stop_shown
from sayso.actions.model.definition import Action
from sayso.agent.base import Message
from sayso.agent.conversation import read_messages
from sayso.agent.people_question import ask_customer
from sayso.agent.request_row import get_request
from sayso.audit.authority.passkeys import Signature
from sayso.audit.authority.people import KnownPerson
from sayso.errors import IntegrityError, RefusedError
from sayso.ids import Tenant, rfc3339, to_micros
from sayso.money import Money
from sayso.sdk.progress.carry_on import call_claimed, carry_on, carry_out, claim_of, judging_anew
from sayso.sdk.resources.assignment import assignee_of, give_card
from sayso.sdk.resources.base import Resource, as_choice
from sayso.sdk.resources.inbox_page import (
    InboxCursor,
    InboxPage,
    InboxPlace,
    asked_roles,
    may_answer,
)
from sayso.sdk.resources.notes import asked_about, note_down, notes_about
from sayso.sdk.resources.passkeys import ToSign, to_sign_for
from sayso.sdk.resources.work_draft import Repeated
from sayso.sdk.views.solution import OpenQuestionView, SolutionView, show_solution
from sayso.sdk.words.solution import SmallerAnswer
from sayso.store.base import Reader, SqlValue, integer, integer_or_none, text

if TYPE_CHECKING:
    from sayso.sdk.container import Container
    from sayso.sdk.workspace import Workspace

_FAR = 2**62
MOST_COUNTED = 1000
"""Above it, an inbox says `1,000+`."""


class SolutionResource(Resource):
    """Reads what waits for people, as one tenant's people see it, and takes their answers."""

    def __init__(self, container: Container, workspace: Workspace) -> None:
        super().__init__(container)
        self._escalate_to = workspace.settings.approvals.escalate_to
        self._hold = workspace.settings.approvals.hold_micros
        self._stopped_by = partial(stop_shown, container.directory, container.context.accounts)

    async def answer(
        self,
        approval_id: str,
        choice: str,
        *,
        token: str,
        revision: int,
        digest: str,
        steps: Sequence[str] | None = None,
        lower: Mapping[str, Money] | None = None,
        via: str = "sdk",
        reason_code: str = "",
        reason: str = "",
        passkey: Signature | None = None,
    ) -> SolutionView:
        """Answer a whole solution as the person whose token this is, all of it or nothing.

        Args:
            approval_id: of any of its steps.
            choice: `approve`, `reject` or `edit`.
            revision, digest: of what the person saw.
            steps: for a yes or less, the steps that it is for; the others are a no. None for all.
            lower: for `edit`, the lower amounts, by step.
            passkey: what the person's passkey signed of it; see `to_sign`.

        Raises:
            RefusedError: as `decide` does; `invalid_input` for steps that are not of it, or that
                cannot be done without one that is left out.
        """
        holder = await self._container.authentication.person(token, via=via)
        return await self.answer_as(
            SolutionDecision(
                tenant=holder.tenant,
                approval_id=approval_id,
                revision=revision,
                digest=digest,
                choice=as_choice(choice),
                person=holder.holder,
                via=via,
                credential=holder.id,
                reason_code=reason_code,
                reason=reason,
                steps=None if steps is None else tuple(steps),
                lower=lower or {},
                passkey=passkey,
            )
        )

    async def answer_as(self, answer: SolutionDecision, *, wait: bool = True) -> SolutionView:
        """Answer for a person whom the calling surface has authenticated itself.

        Args:
            wait: carry out what is approved before returning.

        Raises:
            RefusedError: see `Approvals.answer`.
        """
        async with judging_anew(self._container, answer.tenant):
            claim = claim_of(self._container, wait=wait)
            taken = await self._container.approvals.answer(answer, claim)
        if not wait or any(one.action.request_id is not None for one in taken):
            self._container.dispatcher.wake()
        if wait:
            for decided in taken:
                if decided.claimed:
                    await call_claimed(self._container, decided.action)
                elif decided.action.request_id is None:
                    await carry_out(self._container, decided.action)
            await carry_on(self._container, taken[0].action)
        return await self.get(answer.approval_id, tenant=answer.tenant)

    async def take_back(self, approval_id: str, *, token: str, via: str = "sdk") -> SolutionView:
        """Take back the yes to all of a solution before it starts; its cards are made anew.

        Where others have yet to agree, it is the person's own yes that is taken back.

        Raises:
            RefusedError: `not_found`; `not_an_approver`, `own_request`; `wrong_state` where nobody
                has said yes, or only others have to what still waits, or where a step has begun.
        """
        holder = await self._container.authentication.person(token, via=via)
        return await self.take_back_as(
            TakingBack(
                tenant=holder.tenant,
                approval_id=approval_id,
                person=holder.holder,
                via=via,
                credential=holder.id,
            )
        )

    async def take_back_as(self, taking: TakingBack, *, wait: bool = True) -> SolutionView:
        """Take it back for a person whom the calling surface has authenticated itself.

        Args:
            wait: have its cards made anew before returning.
        """
        rows = await self._container.held_yeses.take_back(taking)
        self._container.dispatcher.wake()
        for row in rows if wait else ():
            await carry_out(self._container, row)
        return await self.get(taking.approval_id, tenant=taking.tenant)

    async def ask_customer(
        self,
        approval_id: str,
        question: str,
        *,
        token: str,
        revision: int,
        digest: str,
        via: str = "sdk",
    ) -> SolutionView:
        """Ask the customer something, as the person whose token this is, before anybody decides.

        The request goes to `needs_customer` with the question; the answer makes the card anew, with
        a new revision and digest. Whoever decides meanwhile decides.

        Args:
            question: what the customer reads.
            revision, digest: of what the person saw.

        Raises:
            RefusedError: see `ask_customer_as`.
        """
        holder = await self._container.authentication.person(token, via=via)
        asks = SolutionDecision(
            tenant=holder.tenant,
            approval_id=approval_id,
            revision=revision,
            digest=digest,
            choice=DecisionChoice.APPROVE,
            person=holder.holder,
            via=via,
            credential=holder.id,
        )
        return await self.ask_customer_as(asks, question)

    async def ask_customer_as(self, asks: SolutionDecision, question: str) -> SolutionView:
        """Ask for a person whom the calling surface has authenticated itself.

        Args:
            asks: who asks, and about what they saw; its choice says nothing.

        Raises:
            RefusedError: as `answer` does for who asks and about what; `invalid_input` for no text,
                or a solution that nobody has asked for in words; `message_too_long`;
                `already_in_state` when a question is open already.
        """
        approvals, requests = self._container.approvals, self._container.requests
        await ask_customer(approvals, requests, asks, question)
        self._container.dispatcher.wake()
        return await self.get(asks.approval_id, tenant=asks.tenant)

    async def note(
        self, approval_id: str, note: str, *, token: str, via: str = "sdk"
    ) -> SolutionView:
        """Note something about it as the person whose token this is; it decides nothing.

        Raises:
            RefusedError: `unauthenticated`, `forbidden`, `not_found`, `invalid_input`,
                `message_too_long`.
        """
        holder = await self._container.authentication.person(token, via=via)
        await self.get(approval_id, tenant=holder.tenant)
        await self.note_as(approval_id, note, tenant=holder.tenant, person=holder.holder, via=via)
        return await self.get(approval_id, tenant=holder.tenant)

    async def note_as(
        self,
        approval_id: str,
        note: str,
        *,
        tenant: Tenant,
        person: str,
        via: str,
        repeated: Repeated | None = None,
    ) -> None:
        """Note something on any card, for a person whom the surface has authenticated itself.

        Args:
            repeated: where it says so, the same call was taken before, and nothing is added.

        Raises:
            RefusedError: as `note`.
        """
        await note_down(
            self._container,
            approval_id,
            note,
            tenant=tenant,
            person=person,
            via=via,
            repeated=repeated,
        )

    async def assign(
        self, approval_id: str, person: str | None, *, token: str, via: str = "sdk"
    ) -> SolutionView:
        """Give it to somebody to look at, or to nobody; who may answer it stays as it was."""
        holder = await self._container.authentication.person(token, via=via)
        await self.assign_as(approval_id, person, tenant=holder.tenant, by=holder.holder, via=via)
        return await self.get(approval_id, tenant=holder.tenant)

    async def assign_as(
        self, approval_id: str, person: str | None, *, tenant: Tenant, by: str, via: str
    ) -> None:
        """Give any card, for a person whom the surface has authenticated itself."""
        await give_card(self._container, approval_id, person, tenant=tenant, by=by, via=via)

    async def check_answer(self, answer: SolutionDecision) -> SolutionView:
        """The solution, if this person may answer it now; see `Approvals.check_answer`."""
        await self._container.approvals.check_answer(answer)
        return await self.get(answer.approval_id, tenant=answer.tenant)

    async def to_sign(self, answer: SolutionDecision, nonce: Callable[[], str]) -> ToSign | None:
        """What the person's passkey has to sign for a yes to so much; None where it need not.

        Args:
            nonce: draws one, where anything has to be signed.

        Returns:
            No passkeys in it when they have none that counts.

        Raises:
            RefusedError: `not_found`, `invalid_input`, `edit_not_allowed`.
        """

        def work(reader: Reader) -> ToSign | None:
            approval = get_approval(reader, answer.tenant, answer.approval_id)
            solution = solution_of(reader, approval, action_of(reader, approval))
            return to_sign_for(self._container, reader, solution, answer, nonce)

        return await self._container.store.read(work)

    async def get(self, approval_id: str, *, tenant: str | None = None) -> SolutionView:
        """The solution that an approval is a part of.

        Raises:
            RefusedError: `not_found`.
        """
        where = self._tenant(tenant)
        return await self._container.store.read(
            lambda reader: self._show(reader, get_approval(reader, where, approval_id))
        )

    async def smaller(
        self,
        approval_id: str,
        *,
        steps: Sequence[str] | None,
        lower: Mapping[str, Money],
        tenant: str | None = None,
    ) -> SolutionView:
        """The solution as a smaller answer would leave it; nothing is decided or stored.

        Args:
            steps, lower: as with `answer`. What cannot be done without a step that is left out is
                left out as well.

        Raises:
            RefusedError: `not_found`; `edit_not_allowed` for an amount that is not lower.
        """
        where = self._tenant(tenant)

        def work(reader: Reader) -> SolutionView:
            approval = get_approval(reader, where, approval_id)
            solution = solution_of(reader, approval, action_of(reader, approval))
            out = solution.depends_on(
                [step.id for step in solution.waiting if steps is not None and step.id not in steps]
            )
            for step in solution.waiting:
                if step.id in lower:
                    check_lower(step.action, lower[step.id])
            smaller = SmallerAnswer(left_out=frozenset(out), lower=lower)
            view = show_solution(
                reader, solution, self._definition, self._stopped_by, self._hold, smaller
            )
            return self._asked(reader, where, view)

        return await self._container.store.read(work)

    async def conversation(self, solution: SolutionView) -> tuple[Message, ...]:
        """What the customer and the agent wrote, oldest first; empty without a request."""
        return () if solution.request_id is None else await self.turns(solution.request_id)

    async def turns(self, request_id: str) -> tuple[Message, ...]:
        """What was written in a request, oldest first; empty when the customer was erased.

        Raises:
            RefusedError: `not_found`.
        """
        tenant = self._container.tenant
        return await self._container.store.read(
            lambda reader: read_messages(
                reader, get_request(reader, tenant, request_id), self._container.personal
            )
        )

    async def waiting_for(
        self,
        person: KnownPerson,
        *,
        after: InboxCursor | None = None,
        limit: int = 25,
        answered_too: bool = False,
        tenant: str | None = None,
    ) -> InboxPage:
        """What waits for a person, the soonest first.

        Args:
            answered_too: also what they have answered already, or may not answer because they have
                asked for it themselves, while their role is asked.
        """
        where = self._tenant(tenant)

        def work(reader: Reader) -> InboxPage:
            place = after or InboxCursor()
            found = self._rows_for(reader, where, person, place, limit, answered_too=answered_too)
            return self._cut(reader, found, limit)

        return await self._container.store.read(work)

    async def places_for(
        self,
        person: KnownPerson,
        *,
        after: InboxCursor | None = None,
        limit: int = 25,
        tenant: str | None = None,
    ) -> tuple[list[InboxPlace], bool]:
        """Where what `waiting_for` gives stands; a fraction of its cost, as nothing is shown.

        Returns:
            The soonest first; and whether there are more than `limit`.
        """
        where, place = self._tenant(tenant), after or InboxCursor()
        rows = await self._container.store.read(
            lambda reader: self._rows_for(reader, where, person, place, limit)
        )
        found = [
            InboxPlace(at=row.expires_at, id=row.id, action_id=row.action_id)
            for row in rows[:limit]
        ]
        return found, len(rows) > limit

    async def waiting(
        self, *, after: InboxCursor | None = None, limit: int = 25, tenant: str | None = None
    ) -> InboxPage:
        """What waits for anybody, the soonest first."""
        where, place = self._tenant(tenant), after or InboxCursor()

        def work(reader: Reader) -> InboxPage:
            pages = [
                reader.all(
                    "approval.inbox",
                    tenant=where,
                    roles=text(row, "roles"),
                    limit=limit + 1,
                    after_at=place.at,
                    after_id=place.id,
                )
                for row in reader.all("approval.roles_waiting", tenant=where)
            ]
            merged = heapq.merge(
                *(map(read_approval, rows) for rows in pages),
                key=lambda row: (row.expires_at, row.id),
            )
            return self._cut(reader, list(merged), limit)

        return await self._container.store.read(work)

    async def mark(self, *, tenant: str | None = None) -> str:
        """Differs whenever what people have to answer or to take may have changed; cheap."""
        where = self._tenant(tenant)

        def read(reader: Reader) -> str:
            told = reader.one("figures.inbox_mark", tenant=where)
            newest = reader.one("figures.newest_answer", tenant=where)
            mark = None if told is None else integer_or_none(told, "mark")
            last = "" if newest is None else text(newest, "id")
            at = 0 if newest is None else integer(newest, "updated_at")
            return f"{mark}-{at}-{last}"

        return await self._container.store.read(read, brief=True)

    async def decided(
        self, *, after: InboxCursor | None = None, limit: int = 25, tenant: str | None = None
    ) -> InboxPage:
        """What was answered, or is over without an answer, the newest first."""
        where = self._tenant(tenant)
        place = after or InboxCursor(at=_FAR, id="")

        def work(reader: Reader) -> InboxPage:
            rows = reader.all(
                "approval.newest_decided",
                tenant=where,
                before_at=place.at,
                before_id=place.id,
                limit=limit + 1,
            )
            found = [read_approval(row) for row in rows]
            last = found[limit - 1] if len(found) > limit else None
            shown: dict[str, SolutionView] = {}
            for row in found[:limit]:
                view = self._show(reader, row)
                if view.status != ApprovalStatus.PENDING.value:
                    shown.setdefault(view.id, view)
            return InboxPage(
                items=tuple(shown.values()),
                after=None if last is None else InboxCursor(at=last.updated_at, id=last.id),
            )

        return await self._container.store.read(work)

    async def count_for(self, person: KnownPerson, *, tenant: str | None = None) -> int:
        """How many solutions a person's roles are asked about, `MOST_COUNTED` at most."""
        where = self._tenant(tenant)

        def work(reader: Reader) -> int:
            counted = 0
            for roles in asked_roles(reader, where, person.roles):
                row = reader.one(
                    "approval.count_waiting",
                    tenant=where,
                    roles=roles,
                    most=MOST_COUNTED - counted,
                )
                assert row is not None, "an aggregate always has a row"
                counted += integer(row, "count")
            return counted

        return await self._container.store.read(work)

    def _rows_for(
        self,
        reader: Reader,
        tenant: Tenant,
        person: KnownPerson,
        place: InboxCursor,
        limit: int,
        *,
        answered_too: bool = False,
    ) -> list[ApprovalRow]:
        """What waits for a person behind a place: more than `limit`, or all there is."""
        found: list[ApprovalRow] = []
        while True:
            rows = self._page(reader, tenant, person, place, limit + 1)
            found += [row for row in rows if answered_too or may_answer(reader, row, person)]
            if len(found) > limit or len(rows) <= limit:
                return found
            place = InboxCursor(at=rows[-1].expires_at, id=rows[-1].id)

    def _cut(self, reader: Reader, found: Sequence[ApprovalRow], limit: int) -> InboxPage:
        """The first `limit` of these, shown, and where they end if there are more."""
        last = found[limit - 1] if len(found) > limit else None
        return InboxPage(
            items=tuple(self._show(reader, row) for row in found[:limit]),
            after=None if last is None else InboxCursor(at=last.expires_at, id=last.id),
        )

    def _page(
        self, reader: Reader, tenant: Tenant, person: KnownPerson, after: InboxCursor, limit: int
    ) -> list[ApprovalRow]:
        """The soonest of all that asks one of the person's roles, merged from their indexes."""
        pages: list[list[ApprovalRow]] = []
        place: dict[str, SqlValue] = {"after_at": after.at, "after_id": after.id}
        for roles in asked_roles(reader, tenant, person.roles):
            rows = reader.all("approval.inbox", tenant=tenant, roles=roles, limit=limit, **place)
            pages.append([read_approval(row) for row in rows])
        if self._escalate_to in person.roles:
            page = reader.all("approval.inbox_escalated", tenant=tenant, limit=limit, **place)
            escalated = map(read_approval, page)
            pages.append([row for row in escalated if not person.roles & set(row.roles)])
        merged = heapq.merge(*pages, key=lambda row: (row.expires_at, row.id))
        return [row for row, _ in zip(merged, range(limit), strict=False)]

    def _show(self, reader: Reader, approval: ApprovalRow) -> SolutionView:
        solution = solution_of(reader, approval, action_of(reader, approval))
        view = show_solution(reader, solution, self._definition, self._stopped_by, self._hold)
        tier = self._container.context.settings.yes_reason_from
        if solution.waiting and needs_reason(tier, solution, {}):
            view = view.model_copy(update={"says_why": True})
        with suppress(IntegrityError):  # what cannot be decided is still shown
            rule = self._container.directory.at(reader, approval.tenant).passkey_rule
            now = to_micros(self._container.clock.now())
            if solution.waiting and needs_passkey(
                reader, rule, solution, {}, beside=self._container.context.accounts.beside, now=now
            ):
                view = view.model_copy(update={"passkey": True})
        about, tenant = asked_about(solution.steps[0].action), approval.tenant
        notes = notes_about(reader, self._container, tenant, about)
        more = {"notes": notes, "assignee": assignee_of(reader, tenant, about)}
        return self._asked(reader, tenant, view.model_copy(update=more))

    def _asked(self, reader: Reader, tenant: Tenant, view: SolutionView) -> SolutionView:
        """The same, with what somebody has asked the customer about it."""
        if view.request_id is None or view.status != ApprovalStatus.PENDING:
            return view
        try:
            row = get_request(reader, tenant, view.request_id)
        except RefusedError:
            return view  # what waits is shown, whatever has become of the request's own row
        if row.asked_by is None or not isinstance(row.question, Mapping):
            return view
        asked = self._container.requests.asked_text(reader, row)
        question = OpenQuestionView(
            number=cast("int", row.question.get("number", 0)),
            by=row.asked_by,
            text="" if asked is None else asked.text,
            asked_at=rfc3339(row.updated_at),
        )
        return view.model_copy(update={"question": question})

    def _definition(self, name: str) -> Action | None:
        with suppress(RefusedError):
            return self._container.connectors.action(name)
        return None
