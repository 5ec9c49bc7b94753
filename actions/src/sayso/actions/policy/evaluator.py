"""Evaluator: a resolved action becomes a snapshot, a judgement and, where people decide, a card."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, cast

from sayso.actions.customers.link import LinkEnd
from sayso.actions.engine.compensation import takes_back
from sayso.actions.limits.checks import LimitChecks
from sayso.actions.limits.definition import RULE_PREFIX as LIMIT
from sayso.actions.limits.definition import LimitSet, Of
from sayso.actions.limits.limit_check import LimitCheck
from sayso.actions.limits.reservations import Circumstances, LimitReservations
from sayso.actions.model.action_row import ActionRow, Snapshot
from sayso.actions.model.digest import hash_of, kept_json
from sayso.actions.model.ports import ActionRegistry
from sayso.actions.model.snapshot import Resolved
from sayso.actions.model.status import Status
from sayso.actions.policy.active import LoadedPolicy, Policies
from sayso.actions.policy.base import (
    HISTORY_DAYS,
    Approver,
    History,
    Judgement,
    Outcome,
    PolicyQuestion,
)
from sayso.actions.policy.card import Card, build_card
from sayso.actions.policy.card_reasons import CardReasons
from sayso.actions.policy.judged import Judged, bound_digest, due_at, schema_hash, status_of
from sayso.actions.policy.own_words import OWN_WORDS, OwnWordsLaw, judged_by_law, nobodys
from sayso.actions.policy.signs import (
    Amounts,
    Seen,
    ahead_of_earlier,
    earlier_of,
    earlier_words,
    equal_to,
    open_beside,
    signs_of,
)
from sayso.actions.rollout.checks import StageChecks, capped, held_back, lower
from sayso.audit.authority.directory import Directory
from sayso.audit.authority.state import changed_outside
from sayso.audit.entry import ActorKind, Json
from sayso.audit.rules.quorum import covers
from sayso.errors import Code, RefusedError, RetryableError
from sayso.frozen import replace
from sayso.ids import Entropy, Tenant, from_micros
from sayso.store.base import Reader, SqlValue, Transaction, integer

if TYPE_CHECKING:
    from sayso.actions.rollout.dials import Staged  # brings Cedar along

_GIVEN = "evaluator/given"
_REMEMBERED = 10_000
_HISTORY_MICROS = HISTORY_DAYS * 24 * 3600 * 1_000_000
Others = Callable[[Reader, Tenant, str, int], tuple[LinkEnd, ...]]
"""A customer's other accounts: of which tenant, of which account, and when."""
_SAYSO = f"{ActorKind.SYSTEM}:"
"""So begins the requester of what Sayso says by itself."""


class Evaluator:
    """Asks the policy about what was found, inside the transaction that stores the answer.

    Args:
        policies: know by which policy a transaction judges.
        reach: knows the definitions.
        approval_time: how long people have to decide.
        entropy: salts the digests.
        directory: has the log say under which policy is judged, before it says what came of it.
        first_look: after how long a card that nobody decides about is looked at first, when that
            is before the end of `approval_time`.
        limits: keeps what is used of limits; the same one as the ledger's.
        others: a customer's other accounts, by the links in force; see `Links.others`.
        own_words: the law of what Sayso says by itself.
    """

    def __init__(
        self,
        policies: Policies,
        registry: ActionRegistry,
        approval_time: timedelta,
        entropy: Entropy,
        directory: Directory,
        first_look: timedelta | None = None,
        limits: LimitReservations | None = None,
        others: Others | None = None,
        own_words: OwnWordsLaw = nobodys,
    ) -> None:
        self._entropy = entropy
        self._own_words = own_words
        self._others = others
        self._directory = directory
        self._reservations = limits or LimitReservations()
        self._limits = LimitChecks(self._reservations)
        self._stages = StageChecks()
        self._reasons = CardReasons(self._limits, self._stages)
        self._amounts = Amounts()
        self._policies = policies
        self._registry = registry
        # A policy is a pure function of its question, so an unchanged one is not asked twice.
        self._recent: OrderedDict[str, tuple[object, ...]] = OrderedDict()
        self._approval_micros = approval_time // timedelta(microseconds=1)
        first = approval_time if first_look is None else min(first_look, approval_time)
        self._first_look_micros = first // timedelta(microseconds=1)

    def in_force(self, reader: Reader, row: ActionRow) -> LoadedPolicy:
        """The policy by which this transaction judges the action.

        Raises:
            PolicyMovedError: see `Policies.at`.
            RetryableError: `policy_unavailable`, where another process has the action as that
                version judges it, and this one has not.
            IntegrityError: `tampered`, when no entry has put that version in force.
        """
        loaded = self._policies.at(reader, row.tenant)
        if row.name in loaded.absent:
            raise _judged_elsewhere(row.name, loaded.number)
        if loaded.number:
            # INVARIANT: rows say which version is the newest; it counts only if the log says so.
            said = self._directory.policy(reader, loaded.home)
            if said is None or (said.number, said.sha256) != (loaded.number, loaded.sha256):
                raise changed_outside("the version of the policy")
        return loaded

    def history(self, reader: Reader, row: ActionRow, now: int) -> History:
        """What was done before a judged action, as this transaction sees it."""
        assert row.snapshot is not None, "only of what was judged"
        return _read_history(reader, row, row.snapshot.resolved, now, self._others)

    def question(
        self,
        reader: Reader,
        row: ActionRow,
        resolved: Resolved,
        now: int,
        history: History | None = None,
    ) -> PolicyQuestion:
        """Everything the policy may look at, with the history as this transaction sees it."""
        return PolicyQuestion(
            tenant=row.tenant,
            action=self._registry.action(row.name),
            subject=row.subject,
            resolved=resolved,
            history=history or _read_history(reader, row, resolved, now, self._others),
            planner=row.planner,
            at=from_micros(now),
            undoes=row.undoes is not None and takes_back(reader, self._registry, row),
        )

    def holds_back(self, reader: Reader, row: ActionRow) -> bool:
        """Whether a dial of the version in force may hold anything back."""
        return self.in_force(reader, row).dials is not None

    def stage_of(
        self, reader: Reader, row: ActionRow, resolved: Resolved, now: int
    ) -> Staged | None:
        """How far an action may go; None where the version in force holds nothing back."""
        loaded = self.in_force(reader, row)
        if loaded.dials is None:
            return None
        return self._stages.staged(reader, loaded, row, self.question(reader, row, resolved, now))

    def ahead(self, tx: Transaction, row: ActionRow, resolved: Resolved, now: int) -> None:
        """Say that it will be judged next, at this very moment; see `Reader.ahead`."""
        self._policies.ahead(tx, row.tenant)
        tx.ahead("action.history", **_history_params(row, resolved, now))
        self._reservations.ahead(tx)

    def permits(
        self,
        reader: Reader,
        row: ActionRow,
        approvers: Sequence[Approver],
        now: int,
        history: History | None = None,
    ) -> Judgement:
        """Whether the stored snapshot may run now, with these real approvals.

        Args:
            history: as this unit has read it for this very action; None, and it is read.
        """
        assert row.snapshot is not None, "only a judged action can be permitted"
        loaded = self.in_force(reader, row)
        question = self.question(reader, row, row.snapshot.resolved, now, history)
        law = self._by_law(reader, loaded, row)
        if law is not None:
            return self._within_limits(reader, loaded, row, question, law, now)
        known = None if approvers else self._recent.pop(row.snapshot.digest, None)
        if known is not None and known == (loaded.number, *_circumstances(question)):
            assert row.judgement is not None
            return replace(row.judgement, policy=loaded.number)
        judgement = self._given_once(reader, loaded, row, question, approvers)
        if judgement.outcome is not Outcome.ALLOW:
            return judgement
        assert row.judgement is not None, "only of what was judged"
        staged = self._stages.staged(reader, loaded, row, question)
        back = held_back(staged, row.judgement)
        if back is not None:
            return _denied(judgement, back)
        if row.status is not Status.APPROVED:
            about = _about(loaded, row, question, now)
            return self._limits.agreed(reader, about, loaded.policy, question, approvers, judgement)
        return self._within_limits(reader, loaded, row, question, judgement, now)

    def _within_limits(
        self,
        reader: Reader,
        loaded: LoadedPolicy,
        row: ActionRow,
        question: PolicyQuestion,
        judgement: Judgement,
        now: int,
    ) -> Judgement:
        """What is about to be claimed, where a limit does not forbid it."""
        if judgement.outcome is not Outcome.ALLOW:
            return judgement
        assert row.judgement is not None, "only of what was judged"
        about = _about(loaded, row, question, now)
        automatic = row.judgement.outcome is Outcome.ALLOW
        over, holds = self._limits.claimed(reader, about, automatic=automatic)
        judgement = replace(judgement, holds=holds)
        return judgement if over is None else _denied(judgement, over)

    def overtaken(self, reader: Reader, row: ActionRow) -> str | None:
        """Why what Sayso was about to say is not to be said any more; None for all else."""
        said = self._own_words(reader, row)
        return None if said is None or said.allowed else said.why

    def _by_law(self, reader: Reader, loaded: LoadedPolicy, row: ActionRow) -> Judgement | None:
        """What the law of Sayso's own words says now; None for what the policy judges."""
        if not row.requester.startswith(_SAYSO):
            return None
        said = self._own_words(reader, row)
        return None if said is None else judged_by_law(said, loaded.policy, row, loaded.number)

    def _given(
        self,
        loaded: LoadedPolicy,
        question: PolicyQuestion,
        asked: Judgement | None,
        approvers: Sequence[Approver],
    ) -> Judgement:
        """What the policy says to these people's yes, where it comes from those who were asked."""
        answer = replace(loaded.policy.permits(question, approvers), policy=loaded.number)
        if answer.outcome is not Outcome.ALLOW or asked is None or asked.outcome is not Outcome.ASK:
            return answer
        # INVARIANT: as many distinct people as the card asks, with the roles that it asks; the
        # verifier judges by the same function, from the log alone.
        if covers(asked.ways, {one.person: one.roles for one in approvers}):
            return answer
        return _denied(answer, "it needs everybody who was asked")

    def _given_once(
        self,
        reader: Reader,
        loaded: LoadedPolicy,
        row: ActionRow,
        question: PolicyQuestion,
        approvers: Sequence[Approver],
    ) -> Judgement:
        """As `_given`; in one commit, the claim that follows a yes asks what the yes has asked."""
        place = (_GIVEN, row.tenant, row.id)
        asked = (loaded.number, row.snapshot, *_circumstances(question), *approvers)
        known = cast("tuple[object, Judgement] | None", reader.recall(place))
        if known is not None and known[0] == asked:
            return known[1]
        judgement = self._given(loaded, question, row.judgement, approvers)
        if reader.writes:
            cast("Transaction", reader).remember(place, (asked, judgement))
        return judgement

    def check_approver(
        self, reader: Reader, row: ActionRow, person: str, now: int, history: History | None = None
    ) -> None:
        """Whether a person's yes still counts, by the limits of approvers.

        Args:
            history: see `permits`.

        Raises:
            RefusedError: `limit_reached`.
        """
        loaded = self.in_force(reader, row)
        if row.snapshot is None or not loaded.limits.limits:
            return
        question = self.question(reader, row, row.snapshot.resolved, now, history)
        about = replace(_about(loaded, row, question, now), approver=person)
        self._limits.check_approver(reader, about)

    def is_outdated(self, reader: Reader, row: ActionRow) -> bool:
        """Whether the policy in force says something else of this action than what judged it."""
        policy = self.in_force(reader, row).policy
        return row.judgement is None or row.judgement.policy_version != policy.version_for(row.name)

    def asks(self, reader: Reader, row: ActionRow, now: int) -> Judgement:
        """What the policy in force says of the stored snapshot before anybody has said yes."""
        assert row.snapshot is not None, "only of what was judged"
        loaded = self.in_force(reader, row)
        question = self.question(reader, row, row.snapshot.resolved, now)
        judgement = self._staged(reader, loaded, row, question, None)
        about = _about(loaded, row, question, now)
        judgement = self._limits.judged(reader, about, loaded.policy, question, judgement)
        self._limits.forget(reader, row.id)
        return judgement

    def limits_met(
        self, reader: Reader, row: ActionRow, resolved: Resolved, now: int
    ) -> Sequence[LimitCheck]:
        """The limits that count what is done by an action, as it meets them."""
        loaded = self.in_force(reader, row)
        question = self.question(reader, row, resolved, now)
        return self._limits.met(reader, _about(loaded, row, question, now))

    def _staged(
        self,
        reader: Reader,
        loaded: LoadedPolicy,
        row: ActionRow,
        question: PolicyQuestion,
        ceiling: Staged | None,
    ) -> Judgement:
        """What the policy says, under the ceiling of the roll-out."""
        law = self._by_law(reader, loaded, row)
        if law is not None:
            return law
        judgement = loaded.policy.judge(question)
        if loaded.dials is None:
            return replace(judgement, policy=loaded.number)
        staged = self._stages.staged(reader, loaded, row, question)
        return capped(judgement, lower(staged, ceiling), loaded.dials.roles, loaded.number)

    def judge(
        self,
        reader: Reader,
        row: ActionRow,
        resolved: Resolved,
        *,
        now: int,
        read_at: int,
        quote: str,
        until: int | None = None,
        approvers: Sequence[Approver] = (),
        together: tuple[str, ...] = (),
        ceiling: Staged | None = None,
    ) -> Judged:
        """Judge what was resolved for this revision of the row.

        Args:
            now: microseconds since 1970.
            read_at: from before the provider was read.
            quote: the customer's or caller's words for the card.
            until: when people's time to decide is over, where a renewed card keeps that.
            approvers: people who have said yes to this revision already (an editor).
            together: the roles that are asked about the rest of its plan, so that it waits for
                them as well, although the policy allows it without anybody.
            ceiling: how far the rest of its plan may go, where that is less far.
        """
        if reader.writes:
            self._directory.at(reader, row.tenant)
        _check_owner(row, resolved)
        kept = kept_json(resolved)
        loaded = self.in_force(reader, row)
        question = self.question(reader, row, resolved, now)
        judgement = self._staged(reader, loaded, row, question, ceiling)
        about = _about(loaded, row, question, now)
        if together and judgement.outcome is Outcome.ALLOW:
            judgement = replace(judgement, outcome=Outcome.ASK, roles=together, with_plan=True)
            if loaded.limits.limits:
                judgement = self._limits.waits(reader, about, judgement)
        elif loaded.limits.limits:
            judgement = self._limits.judged(reader, about, loaded.policy, question, judgement)
        opened: list[ActionRow] = []
        may_ask = judgement.outcome is Outcome.ASK or bool(_full(loaded.limits, judgement, row))
        may_join = may_ask and not approvers and row.undoes is None
        if may_join and not question.history.first:
            ahead_of_earlier(reader, row, now)
            opened = open_beside(reader, row, resolved)
            equal = equal_to(reader, row, opened)
            if equal is not None:
                self._limits.forget(reader, row.id)
                joined = _joined(row, equal, now)
                return Judged(row=joined, card=None, expires_at=None, by_policy=False)
        status, error = status_of(judgement)
        if approvers and judgement.outcome is Outcome.ASK:
            given = self._given(loaded, question, judgement, approvers)
            if given.outcome is Outcome.ALLOW:
                given = self._limits.agreed(
                    reader, about, loaded.policy, question, approvers, given
                )
            if given.outcome is Outcome.ALLOW:
                judgement = replace(judgement, holds=given.holds)
                status = Status.APPROVED
        card: Card | None = None
        expires_at: int | None = None
        asked = judgement.outcome is Outcome.ASK
        if asked or (approvers and status is Status.APPROVED):
            expires_at = now + self._approval_micros if until is None else until
            law = self._by_law(reader, loaded, row) is not None
            why = self._reasons.why(
                reader, about, loaded, question, judgement, ceiling=ceiling, by_law=law
            )
            judgement = replace(judgement, asked=why.asked)
            history = question.history
            earlier = [] if history.first else earlier_of(reader, row, now, history.beside)
            seen = Seen(
                action=question.action,
                resolved=resolved,
                assurance=question.assurance,
                now=now,
                earlier=earlier,
                amounts=self._amounts.like(reader, row, resolved.amount, now),
                beside=opened,
            )
            card = build_card(
                action=question.action,
                resolved=resolved,
                judgement=judgement,
                history=question.history,
                subject=(row.subject.id, question.assurance.value),
                planner=row.planner,
                quote=quote,
                deadline=expires_at,
                salt=self._entropy(16).hex(),
                why=why,
                signs=signs_of(seen),
                earlier=earlier_words(earlier, now),
                limits=self._limits.after(reader, about),
            )
        bound = (card, expires_at) if asked else (None, None)
        asked_of = None if loaded.read is None else loaded.read.policy.record(question)
        snapshot = self._snapshot(row, resolved, kept, judgement, *bound, read_at, asked_of)
        may_brake = loaded.dials is not None and loaded.dials.rollout.has_brakes
        by_law = OWN_WORDS in judgement.rules
        if judgement.outcome is Outcome.ALLOW and not may_brake and not by_law:
            self._remember(snapshot.digest, loaded.number, question)
        judged = replace(
            row,
            status=status,
            snapshot=snapshot,
            judgement=judgement,
            error=error,
            due_at=due_at(status, now + self._first_look_micros, now),
            updated_at=now,
        )
        full = _full(loaded.limits, judgement, row)
        return Judged(row=judged, card=card, expires_at=expires_at, full=full)

    def _remember(self, digest: str, number: int, question: PolicyQuestion) -> None:
        """Keep what an allowed snapshot was judged under, for the claim that mostly follows."""
        self._recent[digest] = (number, *_circumstances(question))
        while len(self._recent) > _REMEMBERED:
            self._recent.popitem(last=False)

    def _snapshot(
        self,
        row: ActionRow,
        resolved: Resolved,
        kept: Json,
        judgement: Judgement,
        card: Card | None,
        expires_at: int | None,
        read_at: int,
        question: dict[str, int | str | bool] | None,
    ) -> Snapshot:
        bare = Snapshot(
            resolved=resolved,
            connector_version=self._registry.version_of(row.name),
            schema_sha256=schema_hash(self._registry.action(row.name).args),
            resolved_at=read_at,
            salt=self._entropy(16).hex(),
            view_sha256=hash_of({} if card is None else card.to_json()),
            digest="",
            question=question,
        )
        return replace(bare, digest=bound_digest(row, bare, judgement, expires_at, kept))


def _history_params(row: ActionRow, resolved: Resolved, now: int) -> dict[str, SqlValue]:
    """With what `action.history` is asked of an action's own account."""
    return {
        "tenant": row.tenant,
        "subject_id": row.subject.id,
        "name": row.name,
        "currency": None if resolved.amount is None else resolved.amount.currency,
        "since": now - _HISTORY_MICROS,
        "but": row.id,
    }


def _read_history(
    reader: Reader, row: ActionRow, resolved: Resolved, now: int, others: Others | None
) -> History:
    """What was done before, as this transaction sees it.

    One statement for an account of which no link ever told.

    Args:
        others: None where nobody knows of links.

    Raises:
        IntegrityError: `tampered`, where rows and log disagree about a link.
    """
    own = _history_params(row, resolved, now)
    found = reader.one("action.history", **own)
    assert found is not None, "an aggregate always has a row"
    rows = [found]
    beside: tuple[LinkEnd, ...] = ()
    if others is not None and found["linked"]:
        beside = others(reader, row.tenant, row.subject.id, now)
        further = [{**own, "subject_id": end.account} for end in beside]
        rows += reader.each("action.history", further) if further else []
    return History(
        count_30d=sum(integer(one, "count") for one in rows),
        amount_30d_minor=sum(integer(one, "amount_minor") for one in rows),
        beside=beside,
        first=found["first"] == 1 and not beside,
    )


def _circumstances(question: PolicyQuestion) -> tuple[object, ...]:
    """The parts of a question that are not in the snapshot's digest."""
    return (
        question.history,
        question.planner,
        question.undoes,
        question.assurance,
        # NOTE: some places are a quarter of an hour off, and their days begin so.
        question.at.replace(minute=question.at.minute // 15 * 15, second=0, microsecond=0),
    )


def _judged_elsewhere(name: str, number: int) -> RetryableError:
    connector = name.partition(".")[0]
    return RetryableError(
        Code.POLICY_UNAVAILABLE,
        f"version {number} of the policy judges `{name}` by what the connector `{connector}` of"
        " this process does not tell",
        next_step=f"bring `{connector}` here to the version that the others have, and reload",
    )


def _about(
    loaded: LoadedPolicy, row: ActionRow, question: PolicyQuestion, now: int
) -> Circumstances:
    """What limits look at."""
    return Circumstances(
        limits=loaded.limits,
        calendar=loaded.calendar,
        row=row,
        action=question.action,
        resolved=question.resolved,
        now=now,
        home=loaded.home if loaded.number else Tenant(""),
        beside=question.history.beside,
    )


def _denied(judgement: Judgement, explain: str) -> Judgement:
    return replace(judgement, outcome=Outcome.DENY, explain=explain)


def _full(limits: LimitSet, judgement: Judgement, row: ActionRow) -> tuple[str, ...]:
    """The limit on open cards that a judgement refuses by, and whose cards are counted."""
    rule = judgement.rules[0] if judgement.rules else ""
    if judgement.outcome is not Outcome.DENY or not rule.startswith(LIMIT):
        return ()
    limit = limits.get(rule.removeprefix(LIMIT))
    if limit is None or limit.cards is None:
        return ()
    return limit.id, row.subject.id if limit.of is Of.CUSTOMER else row.requester


def _joined(row: ActionRow, equal: ActionRow, now: int) -> ActionRow:
    """A new action that ends at once, since an equal one waits; its key stands for that one."""
    error = {
        "code": Code.JOINED.value,
        "message": f"an equal one waits for people already: {equal.id}",
        "next_step": f"wait for what becomes of {equal.id}",
        "joins": equal.id,
    }
    return replace(row, status=Status.REFUSED, error=error, due_at=None, updated_at=now)


def _check_owner(row: ActionRow, resolved: Resolved) -> None:
    # INVARIANT: whatever a connector or a policy says, nothing of another customer is judged.
    if resolved.owner != row.subject.id:
        raise RefusedError(
            Code.NOT_OWNER,
            "that does not belong to this customer",
            next_step="check the customer and the object",
            detail=f"owner proof: {resolved.owner_proof}",
        )
