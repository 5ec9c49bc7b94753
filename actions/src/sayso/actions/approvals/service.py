"""Deciding: authenticated people say yes, no or less, each bound to exactly what was shown."""

from __future__ import annotations

from collections.abc import Sequence

from sayso.actions.approvals.answer import (
    SolutionDecision,
    about,
    check_unsigned,
    check_yes_reason,
    each_of,
    signed_yes,
)
from sayso.actions.approvals.decided import Agreed, Claim, Decided, claimed
from sayso.actions.approvals.decision import (
    DIGEST_PREFIX,
    Decision,
    DecisionChoice,
    Edit,
    approvers_of,
    as_asked,
    changed_meanwhile,
    check_decision,
    check_no_args,
    check_one_plan,
    check_reason,
    edit_refused,
    lowered_args,
    own_vote,
    people_left,
    put_vote,
    with_vote,
)
from sayso.actions.approvals.escalation import carried_over, counted_roles, tell
from sayso.actions.approvals.hold import start_of, starts_at
from sayso.actions.approvals.integrity import told_votes
from sayso.actions.approvals.outdated import OutdatedCardError, check_still_asked
from sayso.actions.approvals.repository import (
    ApprovalRow,
    ApprovalStatus,
    Vote,
    action_of,
    ahead_of_decided,
    get_approval,
    move_approval,
    put_approval,
    votes_of,
)
from sayso.actions.approvals.solution import Solution, solution_of
from sayso.actions.approvals.transitions import Transitions
from sayso.actions.context import EngineContext
from sayso.actions.engine.late_effects import DeniedCalls
from sayso.actions.engine.outcomes import Endings
from sayso.actions.model.action_row import ActionRow, get_action
from sayso.actions.model.attempt import read_target, subject_as_judged
from sayso.actions.model.digest import storable
from sayso.actions.model.ledger import entry_of, present_of
from sayso.actions.model.snapshot import difference
from sayso.actions.model.status import Status
from sayso.actions.policy.base import Approver, Outcome
from sayso.actions.policy.judged import judged_data
from sayso.audit.authority.people import KnownPerson
from sayso.audit.entry import MAX_INT, Actor, ActorKind, Entry, EntryKind, Json
from sayso.errors import Code, RefusedError
from sayso.frozen import replace
from sayso.ids import to_micros
from sayso.store.base import Reader, Transaction

_LOOK_UP_S = 5.0
"""Seconds for the look-up before a no; a person waits for it."""


class Approvals:
    """Takes decisions in; each is one compare-and-set in one transaction with its entry."""

    def __init__(self, context: EngineContext) -> None:
        self._store = context.store
        self._ledger = context.ledger
        self._registry = context.registry
        self._accounts = context.accounts
        self._evaluator = context.evaluator
        self._directory = context.directory
        self._personal = context.personal
        self._clock = context.clock
        self._ids = context.ids
        self._telemetry = context.telemetry
        self._yes_reason_from = context.settings.yes_reason_from
        self._hold_micros = context.settings.hold_micros
        self._denied = DeniedCalls(context, _LOOK_UP_S)
        self._endings = Endings(Transitions(context))

    async def decide(self, decision: Decision, claim: Claim | None = None) -> Decided:
        """Take one decision; when it returns, it is durable.

        Args:
            claim: commits the intent of what is agreed to in the very same commit, where it can.

        Raises:
            RefusedError: `not_found`, `already_decided`, `stale_revision`, `digest_mismatch`,
                `approval_expired`, `not_an_approver`, `own_request`, `reason_required`,
                `edit_not_allowed`; each attempt is recorded.
            RetryableError: nothing was decided.
        """
        try:
            return await self._decide(decision, claim)
        except RefusedError as error:
            if error.code is not Code.NOT_FOUND:
                await self._record_refusal(decision, error)
            raise

    async def decide_together(self, decisions: Sequence[Decision]) -> list[Decided]:
        """Take one person's decisions about the steps of one plan, all of them or none.

        Args:
            decisions: yes or no to steps of one request, each with the digest of its own card.

        Raises:
            RefusedError: as `decide` does, for the first one that cannot be taken; `invalid_input`
                when they are not of one person and one plan, `edit_not_allowed` for an edit. It is
                recorded about that one, or about the first of all.
        """
        looked_at = list(decisions[:1])

        def work(tx: Transaction) -> list[Decided]:
            looked_at[:] = decisions[:1]
            check_one_plan(tx, decisions)
            taken: list[Decided] = []
            for decision in decisions:
                looked_at[:] = [decision]
                taken.append(self._vote(tx, decision))
            return taken

        try:
            for decision in decisions:
                looked_at[:] = [decision]
                check_reason(decision)
                await self._settle_denied(decision)
            whose = decisions[0].tenant if decisions else None
            return await self._store.write(work, about=whose)
        except RefusedError as error:
            if looked_at and error.code is not Code.NOT_FOUND:
                await self._record_refusal(looked_at[0], error)
            raise

    async def answer(self, answer: SolutionDecision, claim: Claim | None = None) -> list[Decided]:
        """Take one person's answer to a whole solution, all of it or nothing.

        Args:
            claim: as of `decide`, for a solution of one step.

        Returns:
            What became of each step that waited, in the order of the plan.

        Raises:
            RefusedError: as `decide` does; `stale_revision` or `digest_mismatch` when what waits
                is not what was shown; `invalid_input` for steps that are not of it, or that
                cannot be done without one that is left out.
            RetryableError: nothing was decided.
        """
        decision = about(answer, answer.approval_id)
        try:
            return await self._answer(answer, claim)
        except RefusedError as error:
            if error.code is not Code.NOT_FOUND:
                await self._record_refusal(decision, error)
            raise

    async def check_answer(self, answer: SolutionDecision) -> Solution:
        """Refuse what `answer` would refuse by who, what and when; nothing is decided by it.

        Raises:
            RefusedError: as `answer` does; each is recorded.
        """
        try:
            return await self._store.read(lambda reader: self._answered(reader, answer), brief=True)
        except RefusedError as error:
            if error.code is not Code.NOT_FOUND:
                await self._record_refusal(about(answer, answer.approval_id), error)
            raise

    def check_answer_in(self, reader: Reader, answer: SolutionDecision) -> Solution:
        """The same in the caller's transaction; a refusal is not recorded by it."""
        return self._answered(reader, answer)

    async def _answer(self, answer: SolutionDecision, claim: Claim | None) -> list[Decided]:
        check_reason(about(answer, answer.approval_id))
        solution = await self._store.read(lambda reader: self._answered(reader, answer), brief=True)
        said = each_of(answer, solution)
        edits: dict[str, Edit] = {}
        for step, decision in said:
            if decision.choice is DecisionChoice.EDIT:
                name = self._registry.action(step.action.name).money_arg
                args = {} if name is None else {name: answer.lower[step.id].to_json()}
                edits[step.id] = await self._draft_edit(replace(decision, args=args))
            else:
                await self._settle_denied(decision)

        def work(tx: Transaction) -> list[Decided]:
            # INVARIANT: what waits now is what was shown, all of it, in the very transaction.
            present = self._answered(tx, answer)
            if present.digest != solution.digest:
                raise changed_meanwhile()
            authority, now = self._directory.at(tx, answer.tenant), to_micros(self._clock.now())
            if answer.choice is not DecisionChoice.REJECT:
                out = [step.id for step, one in said if one.choice is DecisionChoice.REJECT]
                tier, why = self._yes_reason_from, answer.reason
                check_yes_reason(tier, present, why, answer.lower, out)
            passkey = signed_yes(tx, authority, answer, present, said, self._accounts.beside, now)
            taken: list[Decided] = []
            for step, one in said:
                signs = one.choice is not DecisionChoice.REJECT
                decision = replace(one, passkey=passkey if signs else None)
                edit = edits.get(step.id)
                if edit is None:
                    taken.append(self._vote(tx, decision, solution))
                else:
                    taken.append(self._store_edit(tx, decision, edit, solution))
            return taken if len(taken) > 1 else [claimed(tx, one, claim) for one in taken]

        attributes = {"sayso.decision": answer.choice.value}
        traceparent = solution.steps[0].action.traceparent
        with self._telemetry.span("sayso.approve", traceparent, attributes):
            taken = await self._store.write(work, about=answer.tenant, brief=True)
        for (_, decision), decided in zip(said, taken, strict=True):
            self._timed(decision, decided)
        return taken

    def _timed(self, decision: Decision, decided: Decided) -> Decided:
        """The same; how long people took is measured."""
        seconds = (to_micros(self._clock.now()) - decided.approval.created_at) / 1e6
        self._telemetry.time_decision(decided.action.name, seconds, decision.choice.value)
        return decided

    def _answered(self, reader: Reader, answer: SolutionDecision) -> Solution:
        """The solution that an answer is about, if it is still what was shown."""
        approval = get_approval(reader, answer.tenant, answer.approval_id)
        solution = solution_of(reader, approval, action_of(reader, approval))
        now = to_micros(self._clock.now())
        for step in solution.waiting or solution.asked:
            assert step.approval is not None, "only of what people were asked about"
            shown = about(answer, step.approval.id, step.approval)
            check_decision(reader, self._directory, shown, now)
        if answer.revision != solution.revision:
            raise RefusedError(
                Code.STALE_REVISION,
                f"revision {answer.revision} is out of date; {solution.revision} is the newest",
                next_step="load the card again and decide about what it shows now",
            )
        if len(answer.digest) < DIGEST_PREFIX or not solution.digest.startswith(answer.digest):
            raise RefusedError(
                Code.DIGEST_MISMATCH,
                "this is not what waits for a decision",
                next_step="load the card again",
            )
        return solution

    async def _decide(self, decision: Decision, claim: Claim | None) -> Decided:
        check_reason(decision)
        if decision.choice is DecisionChoice.EDIT:
            return self._timed(decision, await self._edit(decision))
        await self._settle_denied(decision)
        traceparent: str | None = None
        attributes = {"sayso.decision": decision.choice.value}
        if self._telemetry.records:  # only a span needs to know before the vote what it is about
            row = await self._store.read(lambda reader: self._asked(reader, decision), brief=True)
            traceparent = row.traceparent
            attributes["sayso.action"] = row.name
        with self._telemetry.span("sayso.approve", traceparent, attributes):
            taken = await self._store.write(
                lambda tx: claimed(tx, self._vote(tx, decision), claim),
                about=decision.tenant,
                brief=True,
            )
        return self._timed(decision, taken)

    async def _settle_denied(self, decision: Decision) -> None:
        """Look for what an earlier call did, before a no ends its action.

        Raises:
            RefusedError: `stale_revision`: it was done; and as `decide` does.
            RetryableError: nobody can know now, and nothing is decided.
        """
        if decision.choice is not DecisionChoice.REJECT:
            return
        row = await self._store.read(lambda reader: self._asked(reader, decision), brief=True)
        if row.call_key is None:
            return
        now = to_micros(self._clock.now())
        await self._store.read(
            lambda reader: check_decision(reader, self._directory, decision, now), brief=True
        )
        if await self._denied.settle(row) is not None:
            raise changed_meanwhile()

    @staticmethod
    def _asked(reader: Reader, decision: Decision) -> ActionRow:
        """The action that the decision is about."""
        approval = get_approval(reader, decision.tenant, decision.approval_id)
        return get_action(reader, decision.tenant, approval.action_id)

    def _vote(
        self, tx: Transaction, decision: Decision, solution: Solution | None = None
    ) -> Decided:
        now = to_micros(self._clock.now())
        ahead_of_decided(tx, decision.tenant, decision.approval_id)
        self._ledger.log.ahead(tx, decision.tenant)
        approval, row, person = check_decision(tx, self._directory, decision, now)
        check_no_args(decision)
        if decision.choice is DecisionChoice.REJECT:
            return self._reject(tx, decision, approval, row, now, solution)
        if solution is None:
            check_unsigned(tx, self._directory, approval, row, {}, self._accounts.beside, now)
            whole = solution_of(tx, approval, row)
            check_yes_reason(self._yes_reason_from, whole, decision.reason, {})
        votes = told_votes(tx, approval)
        if any(vote.person == person.id and vote.revision == approval.revision for vote in votes):
            given = approvers_of(tx, votes, approval, self._directory)
            raise RefusedError(
                Code.ALREADY_DECIDED,
                "you have said yes to this already",
                next_step=f"it waits for {people_left(approval, given)}",
            )
        if row.snapshot is not None:
            self._evaluator.ahead(tx, row, row.snapshot.resolved, now)
        self._ledger.ahead(tx, row)
        history = self._evaluator.history(tx, row, now)
        self._evaluator.check_approver(tx, row, person.id, now, history)
        votes = with_vote(votes, decision, approval, now)
        approvers = approvers_of(tx, votes, approval, self._directory)
        judgement = self._evaluator.permits(tx, row, approvers, now, history)
        enough = judgement.outcome is Outcome.ALLOW
        if not enough or self._evaluator.is_outdated(tx, row):
            check_still_asked(self._evaluator, tx, row, now)
        moved = replace(
            row,
            status=Status.APPROVED if enough else Status.PENDING_APPROVAL,
            judgement=row.judgement
            and replace(
                row.judgement,
                rules=judgement.rules,
                policy=judgement.policy,
                holds=judgement.holds,
            )
            if enough
            else row.judgement,
            due_at=starts_at(approval, now, self._hold_micros) if enough else row.due_at,
            updated_at=now,
        )
        kind = EntryKind.ACTION_APPROVED if enough else EntryKind.ACTION_PENDING
        decided = self._store_decision(
            tx, decision, approval, row, moved, kind, person, votes, solution
        )
        if not enough:
            return decided
        agreed = Agreed(approval=decided.approval, approvers=tuple(approvers), history=history)
        return replace(decided, agreed=agreed)

    def _reject(
        self,
        tx: Transaction,
        decision: Decision,
        approval: ApprovalRow,
        row: ActionRow,
        now: int,
        solution: Solution | None,
    ) -> Decided:
        error = {"code": decision.reason_code, "message": "a person said no"}
        moved = replace(row, status=Status.REJECTED, error=error, due_at=None, updated_at=now)
        votes = [*told_votes(tx, approval), own_vote(decision, approval, now)]
        kind = EntryKind.ACTION_REJECTED
        return self._store_decision(tx, decision, approval, row, moved, kind, None, votes, solution)

    def _store_decision(
        self,
        tx: Transaction,
        decision: Decision,
        approval: ApprovalRow,
        row: ActionRow,
        moved: ActionRow,
        kind: EntryKind,
        person: KnownPerson | None,
        votes: Sequence[Vote],
        solution: Solution | None,
    ) -> Decided:
        status = {
            Status.APPROVED: ApprovalStatus.APPROVED,
            Status.REJECTED: ApprovalStatus.REJECTED,
        }.get(moved.status, ApprovalStatus.PENDING)
        data: dict[str, Json] = {
            "decision": decision.choice.value,
            "via": decision.via,
            "credential": decision.credential,
            "revision": approval.revision,
            "approval_status": status.value,
            "view_sha256": row.snapshot.view_sha256 if row.snapshot else "",
        }
        if person is not None:
            data["roles"] = [*sorted(person.roles)]
            data["policy"] = moved.judgement.policy if moved.judgement else 0
        if decision.reason_code:
            data["reason_code"] = decision.reason_code
        data |= start_of(moved)
        if solution is not None and len(solution.waiting) > 1:
            data["solution"] = solution.digest
        if decision.passkey is not None:
            data["passkey"] = decision.passkey.to_json()
        present = present_of(tx, row)
        assert present is not None, "read in this very transaction"
        self._personal.take_in(tx, row.tenant, row.subject.id, present.row)
        entry = self._entry(tx, decision, moved, kind, approval.id, data)
        stored = self._ledger.move(tx, row, moved, entry, present=present)
        assert stored is not None, "read in this very transaction"
        own = (decision.person, approval.revision)
        said = sum((vote.person, vote.revision) == own for vote in votes)
        put_vote(tx, decision, stored, approval.digest, is_first=said == 1)
        left = move_approval(tx, approval, status, stored)
        return Decided(action=stored, approval=left, votes=tuple(votes))

    async def _edit(self, decision: Decision) -> Decided:
        edit = await self._draft_edit(decision)
        with self._telemetry.span(
            "sayso.approve", edit.row.traceparent, {"sayso.decision": "edit"}
        ):
            return await self._store.write(
                lambda tx: self._store_edit(tx, decision, edit), about=decision.tenant, brief=True
            )

    async def _draft_edit(self, decision: Decision) -> Edit:
        """Read the provider for a lower amount, before anything is decided.

        Raises:
            RefusedError: as `decide` does.
        """
        now = to_micros(self._clock.now())
        _, row, _ = await self._store.read(
            lambda reader: check_decision(reader, self._directory, decision, now), brief=True
        )
        args, wanted = lowered_args(self._registry.action(row.name), row, decision)
        draft = replace(row, args=args, revision=row.revision + 1)
        resolved = await read_target(
            self._registry,
            row.id,
            row.name,
            args,
            subject_as_judged(row),
            self._accounts.asking(row),
        )
        # INVARIANT: the editor's yes covers what the card showed, except for the lower amount.
        assert row.snapshot is not None
        changed = difference(row.snapshot.resolved, resolved, lowered=True)
        if changed is not None or resolved.amount != wanted:
            raise changed_meanwhile()
        return Edit(row=row, draft=draft, resolved=resolved, read_at=now)

    def _store_edit(
        self, tx: Transaction, decision: Decision, edit: Edit, solution: Solution | None = None
    ) -> Decided:
        now = to_micros(self._clock.now())
        row = edit.row
        approval, _, person = check_decision(tx, self._directory, decision, now)
        told_votes(tx, approval)
        if solution is None and edit.resolved.amount is not None:
            lower = {row.step or row.id: edit.resolved.amount}
            check_unsigned(tx, self._directory, approval, row, lower, self._accounts.beside, now)
            whole = solution_of(tx, approval, row)
            check_yes_reason(self._yes_reason_from, whole, decision.reason, lower)
        judged = self._evaluator.judge(
            tx,
            edit.draft,
            edit.resolved,
            now=now,
            read_at=edit.read_at,
            quote=approval.card.quote,
            approvers=[Approver(person=person.id, roles=counted_roles(tx, approval, person.roles))],
            together=row.judgement.roles if row.judgement and row.judgement.with_plan else (),
        )
        if judged.row.status is Status.REFUSED:
            raise edit_refused("the policy does not allow that amount", "choose another amount")
        assert judged.row.judgement is not None, "judged in this very transaction"
        asks = judged.row.judgement.outcome is Outcome.ASK
        if judged.row.status is Status.APPROVED:
            starts = starts_at(approval, now, self._hold_micros)
            judged = replace(judged, row=replace(judged.row, due_at=starts))
        status = (
            ApprovalStatus.APPROVED
            if judged.row.status is Status.APPROVED
            else ApprovalStatus.PENDING
        )
        data: dict[str, Json] = {
            "decision": decision.choice.value,
            "via": decision.via,
            "credential": decision.credential,
            "revision": judged.row.revision,
            "roles": list[Json](sorted(person.roles)),
            "approval_status": status.value,
            "was_digest": approval.digest,
            "judged": judged_data(judged.row, judged.expires_at if asks else None),
        }
        data |= start_of(judged.row)
        if solution is not None and len(solution.waiting) > 1:
            data["solution"] = solution.digest
        if decision.passkey is not None:
            data["passkey"] = decision.passkey.to_json()
        entry = self._entry(tx, decision, judged.row, EntryKind.ACTION_EDITED, approval.id, data)
        stored = self._ledger.move(tx, row, judged.row, entry)
        if stored is None:
            raise changed_meanwhile()
        if asks:
            approval = self._carry_over(tx, approval, stored, person, entry)
        else:  # small enough to need nobody; the editor's yes is still recorded
            judged = as_asked(judged, approval)
        put_approval(tx, approval.id, judged, status, stored, known=approval)
        assert stored.digest is not None, "judged in this very transaction"
        put_vote(tx, decision, stored, stored.digest, is_first=True)
        return self._decided(tx, stored, approval.id)

    def _carry_over(
        self,
        tx: Transaction,
        approval: ApprovalRow,
        stored: ActionRow,
        person: KnownPerson,
        edit: Entry,
    ) -> ApprovalRow:
        """Have the editor's yes count at the claim as it did here, if it was escalated to them.

        Returns:
            The approval, of which nothing else has changed yet.
        """
        carried = carried_over(tx, approval, person.roles)
        if carried is None:
            return approval
        assert edit.subject is not None, "every entry of an action has its customer"
        told = tell(
            tx,
            self._ledger.log,
            stored,
            replace(approval, revision=stored.revision),
            EntryKind.APPROVAL_ESCALATED,
            pseudonym=edit.subject,
            data={**carried.data, "since": approval.escalated_seq},
        )
        return replace(approval, escalated_seq=told.escalated_seq)

    def _entry(
        self,
        tx: Transaction,
        decision: Decision,
        row: ActionRow,
        kind: EntryKind,
        approval_id: str,
        data: dict[str, Json],
    ) -> Entry:
        now = row.updated_at
        pseudonym = self._personal.pseudonym(tx, row.tenant, row.subject.id, now)
        pii = None
        if decision.reason:
            ref = self._ids.new("pii")
            pii = self._personal.seal(tx, row.tenant, row.subject.id, ref, decision.reason)
        return entry_of(
            row,
            kind,
            actor=Actor(kind=ActorKind.PERSON, id=decision.person),
            pseudonym=pseudonym,
            approval=approval_id,
            data=data,
            pii=pii,
        )

    def _decided(self, reader: Reader, row: ActionRow, approval_id: str) -> Decided:
        approval = get_approval(reader, row.tenant, approval_id)
        return Decided(action=row, approval=approval, votes=tuple(votes_of(reader, approval)))

    async def _record_refusal(self, decision: Decision, error: RefusedError) -> None:
        def record(tx: Transaction) -> None:
            approval = get_approval(tx, decision.tenant, decision.approval_id)
            row = get_action(tx, decision.tenant, approval.action_id)
            now = to_micros(self._clock.now())
            entry = Entry(
                kind=EntryKind.APPROVAL_REFUSED,
                actor=Actor(kind=ActorKind.PERSON, id=storable(decision.person)),
                request=row.request_id,
                approval=approval.id,
                subject=self._personal.pseudonym(tx, row.tenant, row.subject.id, now),
                data={
                    "code": error.code.value,
                    "decision": decision.choice.value,
                    "revision": max(-1, min(decision.revision, MAX_INT)),
                    "via": storable(decision.via),
                    "of_action": row.id,
                },
            )
            self._ledger.log.append(tx, decision.tenant, entry)
            if isinstance(error, OutdatedCardError):
                asked = get_action(tx, decision.tenant, error.action_id)
                if asked.status is Status.PENDING_APPROVAL:  # else somebody was faster
                    self._endings.make_stale(tx, asked, error.reason)

        await self._store.write(record, about=decision.tenant)
