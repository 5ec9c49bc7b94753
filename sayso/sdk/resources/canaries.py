"""Test cards against tired eyes: made now and then, answered like any card, revealed afterwards.

People are told that there are some. Programs never see one: only the console and Slack show them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Literal, cast

from sayso.actions.approvals.answer import (
    SolutionDecision,
    check_yes_reason,
    each_of,
    needs_passkey,
    needs_reason,
    signed_yes,
)
from sayso.actions.approvals.canary import CanaryCard, CanaryMistake, make_card, mistakes_for
from sayso.actions.approvals.canary import fits as _fits
from sayso.actions.approvals.decision import (
    DIGEST_PREFIX,
    check_approver,
    check_lower,
    check_reason,
)
from sayso.actions.approvals.repository import (
    DecisionChoice,
    action_of,
    get_approval,
    read_approval,
)
from sayso.actions.approvals.solution import Solution, solution_of
from sayso.actions.controls.blocking import stop_shown
from sayso.actions.model.action_row import dumps, requesters_of
from sayso.actions.model.definition import Action
from sayso.actions.model.ledger import SYSTEM
from sayso.audit.authority.people import KnownPerson
from sayso.audit.authority.state import check_credential
from sayso.audit.entry import Actor, ActorKind, Entry, EntryKind, Json
from sayso.errors import Code, IntegrityError, RefusedError
from sayso.ids import Tenant, first_at, from_micros, rfc3339, to_micros
from sayso.money import Money
from sayso.sdk.resources.assignment import assignee_of
from sayso.sdk.resources.base import Resource
from sayso.sdk.resources.notes import notes_about
from sayso.sdk.resources.passkeys import ToSign, to_sign_for
from sayso.sdk.views.base import View
from sayso.sdk.views.solution import SolutionView, show_solution
from sayso.sdk.words.solution import SmallerAnswer
from sayso.store.base import Reader, Row, SqlValue, Transaction, integer, text
from sayso.store.base import text_or_none as maybe

if TYPE_CHECKING:
    from sayso.sdk.container import Container
    from sayso.sdk.workspace import Workspace

CANARY_TOPIC = "canary"
"""The topic of the outbox for surfaces with a channel; its keys are the ids of test cards."""
RECENT = timedelta(days=30)
"""Test cards are made of what was decided so lately; people's shares are counted over it, too."""
_MOST_SOURCES = 200
_MOST_OPEN = 20
_MICROS = timedelta(microseconds=1)

CanaryStatus = Literal["open", "caught", "missed", "unanswered", "withdrawn"]


class CanaryView(View):
    """A test card.

    Attributes:
        status: `open`; `caught` or `missed` by whoever answered; `unanswered` in time;
            `withdrawn` since what it was made of is gone.
        person, answer, via: who answered what (`yes`, `less`, `no`, `asked`), by which surface.
        mistake: which of the list. reveal: what it was, as the end of a sentence; empty once the
            customer was erased.
        solution: as it was shown; None when that is gone.
    """

    id: str
    status: CanaryStatus
    person: str | None = None
    answer: str | None = None
    via: str | None = None
    mistake: str
    reveal: str = ""
    expires_at: str
    created_at: str
    solution: SolutionView | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Due:
    """That a test card is due, and who should meet it first: whoever was tried the least."""

    number: int
    people: tuple[KnownPerson, ...]
    used: frozenset[str]


class CanaryResource(Resource):
    """Makes test cards, shows them to people, and takes their answers."""

    def __init__(self, container: Container, workspace: Workspace) -> None:
        super().__init__(container)
        self._settings = workspace.settings.approvals
        self._reasons_from = workspace.settings.approvals.yes_reason_tier

    # ---- making ----------------------------------------------------------------------------------

    async def look_after(self, *, tenant: str | None = None) -> str | None:
        """End those whose time is over, and make one if it is due.

        One is due within so many answers that at least the share of `[approvals] canaries` are
        test cards; nobody can count when, since that hangs on ids. The same log and the same clock
        make the same one.

        Returns:
            The id of the one that was made.
        """
        where, now = self._tenant(tenant), self._now()
        if await self._container.store.read(lambda reader: self._has_over(reader, where, now)):
            await self._container.store.write(lambda tx: self._end(tx, where, now))
        if not self._settings.canaries:
            return None
        if await self._container.store.read(lambda reader: self._due(reader, where, now)) is None:
            return None
        return await self._container.store.write(lambda tx: self._make(tx, where, now))

    def _has_over(self, reader: Reader, tenant: Tenant, now: int) -> bool:
        return reader.one("canary.over", tenant=tenant, now=now, limit=1) is not None or any(
            self._card(reader, row) is None
            for row in reader.all("canary.open", tenant=tenant, after=now, limit=_MOST_OPEN)
        )

    def _end(self, tx: Transaction, tenant: Tenant, now: int) -> None:
        for row in tx.all("canary.over", tenant=tenant, now=now, limit=_MOST_OPEN):
            self._close(tx, row, "unanswered", now)
        for row in tx.all("canary.open", tenant=tenant, after=now, limit=_MOST_OPEN):
            if self._card(tx, row) is None:
                self._close(tx, row, "withdrawn", now)

    def _due(self, reader: Reader, tenant: Tenant, now: int) -> _Due | None:
        newest = reader.one("canary.newest", tenant=tenant)
        recent = now - RECENT // _MICROS
        since = recent if newest is None else max(recent, integer(newest, "created_at"))
        number = 0 if newest is None else integer(newest, "number")
        answers = self._answers(reader, tenant, since)
        # INVARIANT: at most `most` answers pass without one, so that the share is never less.
        most = max(1, int(1 / self._settings.canaries))
        fewest = (most + 1) // 2
        last = "" if newest is None else text(newest, "id")
        wait = fewest + _hash(tenant, last, str(number)) % (most - fewest + 1)
        if sum(answers.values()) < wait:
            return None
        told: dict[str, SqlValue] = {"tenant": tenant, "since": recent}
        tried = {
            text(row, "person"): integer(row, "count") for row in reader.all("canary.tried", **told)
        }
        often = self._answers(reader, tenant, recent)
        authority = self._container.directory.at(reader, tenant)
        people = [one for name in often if (one := authority.person(name)) is not None]
        people.sort(key=lambda one: (tried.get(one.id, 0) / often[one.id], _hash(last, one.id)))
        used = frozenset(text(row, "source_id") for row in reader.all("canary.sources", **told))
        return _Due(number=number + 1, people=tuple(people), used=used)

    def _answers(self, reader: Reader, tenant: Tenant, since: int) -> dict[str, int]:
        """How often each person has answered since a moment."""
        # What was answered since was asked at most this long before.
        first = first_at("apr", from_micros(since) - self._settings.time)
        rows = reader.all("canary.answers", tenant=tenant, first=first, since=since)
        return {text(row, "person"): integer(row, "count") for row in rows}

    def _make(self, tx: Transaction, tenant: Tenant, now: int) -> str | None:
        due = self._due(tx, tenant, now)  # once more: another process may have made it
        if due is None:
            return None
        canary_id = self._container.ids.new("apr")
        expires_at = now + self._settings.time // _MICROS
        for source, mistake, step in self._choices(tx, tenant, due, canary_id, now):
            card = make_card(source, canary_id, mistake, step, now=now, expires_at=expires_at)
            if card is None:
                continue
            solution = card.solution
            data: dict[str, Json] = {
                "canary": canary_id,
                "source": source.lead.id,
                "step": step,
                "mistake": mistake.value,
                "roles": list[Json](solution.lead.roles),
                "expires_at": expires_at,
            }
            entry = Entry(
                kind=EntryKind.CANARY_SHOWN, actor=SYSTEM, digest=solution.digest, data=data
            )
            tx.run(
                "canary.insert",
                tenant=tenant,
                id=canary_id,
                number=due.number,
                source_id=source.lead.id,
                step=step,
                mistake=mistake.value,
                roles=dumps(list(solution.lead.roles)),
                digest=solution.digest,
                expires_at=expires_at,
                now=now,
                last_seq=self._container.log.append(tx, tenant, entry),
            )
            self._show_again(tx, tenant, canary_id, now)
            return canary_id
        return None

    def _choices(
        self, reader: Reader, tenant: Tenant, due: _Due, canary_id: str, now: int
    ) -> list[tuple[Solution, CanaryMistake, str]]:
        """What a test card could be made of, the best first.

        The best is what the person who was tried the least may answer and has not answered before,
        since somebody who knows the true one sees more than the card.
        """
        found: list[tuple[tuple[int, bool, int], Solution, CanaryMistake, str]] = []
        rows = reader.all(
            "approval.newest_decided",
            tenant=tenant,
            before_at=now + 1,
            before_id="",
            limit=_MOST_SOURCES,
        )
        for approval in map(read_approval, rows):
            old = approval.updated_at < now - RECENT // _MICROS
            if old or approval.id in due.used or len(approval.roles) != 1:
                continue
            source = solution_of(reader, approval, action_of(reader, approval))
            if source.lead.id != approval.id or not _fits(source):
                continue
            asked_by = requesters_of(reader, source.steps[0].action) | {source.lead.requester}
            places = [
                place
                for place, one in enumerate(due.people)
                if set(approval.roles) & one.roles
                and f"{ActorKind.PERSON}:{one.id}" not in asked_by
            ]
            if not places:
                continue
            voters = {
                text(row, "person")
                for row in reader.all("canary.voters", tenant=tenant, approval_id=approval.id)
            }
            new = [place for place in places if due.people[place].id not in voters]
            for mistake, step in mistakes_for(source, canary_id)[:1]:
                rank = (min(new or places), not new, _hash(canary_id, approval.id))
                found.append((rank, source, mistake, step))
        found.sort(key=lambda one: one[0])
        return [(source, mistake, step) for _, source, mistake, step in found]

    # ---- showing ---------------------------------------------------------------------------------

    async def waiting_for(
        self, person: KnownPerson, *, tenant: str | None = None
    ) -> tuple[SolutionView, ...]:
        """The test cards that wait for a person, as solutions that look like any other."""
        where, now = self._tenant(tenant), self._now()

        def work(reader: Reader) -> tuple[SolutionView, ...]:
            rows = reader.all("canary.open", tenant=where, after=now, limit=_MOST_OPEN)
            cards = [card for row in rows if (card := self._card(reader, row)) is not None]
            return tuple(
                self._show(reader, card) for card in cards if _may_answer(reader, card, person)
            )

        return await self._container.store.read(work)

    async def get(self, canary_id: str, *, tenant: str | None = None) -> CanaryView:
        """One test card as it stands.

        Raises:
            RefusedError: `not_found`, also for the id of a true approval.
        """
        where = self._tenant(tenant)
        return await self._container.store.read(
            lambda reader: self._view(reader, _row(reader, where, canary_id))
        )

    async def find(self, approval_id: str) -> CanaryView | None:
        """The same; None for the id of a true approval, or of nothing."""
        where = self._tenant(None)

        def work(reader: Reader) -> CanaryView | None:
            row = reader.one("canary.by_id", tenant=where, id=approval_id)
            return None if row is None else self._view(reader, row)

        return await self._container.store.read(work)

    async def smaller(
        self,
        canary_id: str,
        *,
        steps: Sequence[str] | None,
        lower: Mapping[str, Money],
        tenant: str | None = None,
    ) -> SolutionView:
        """The card as a smaller answer would leave it; see `SolutionResource.smaller`."""
        where = self._tenant(tenant)

        def work(reader: Reader) -> SolutionView:
            card = self._open_card(reader, _row(reader, where, canary_id))
            solution = card.solution
            out = solution.depends_on(
                [step.id for step in solution.waiting if steps is not None and step.id not in steps]
            )
            for step in solution.waiting:
                if step.id in lower:
                    check_lower(step.action, lower[step.id])
            return self._show(reader, card, SmallerAnswer(left_out=frozenset(out), lower=lower))

        return await self._container.store.read(work)

    async def mark(self, *, tenant: str | None = None) -> str:
        """Differs whenever a test card came or went; cheap."""
        where = self._tenant(tenant)
        row = await self._container.store.read(
            lambda reader: reader.one("canary.mark", tenant=where)
        )
        return "" if row is None or row["mark"] is None else str(row["mark"])

    # ---- answering -------------------------------------------------------------------------------

    async def answer_as(self, answer: SolutionDecision, *, asks: bool = False) -> CanaryView:
        """Take the answer of a person whom the calling surface has authenticated itself.

        Nothing comes of it but an entry and what the person is told. Who may answer, by what, about
        what and until when is checked as for a true card, so that none can be told from one.

        Args:
            answer: about the very card that was shown. Less without an amount is what somebody says
                who wants it to be less, where the surface does not ask how much.
            asks: they wanted to ask the customer first; whatever `choice` says, it is no yes.

        Raises:
            RefusedError: `not_found` for what is no test card; else as for a true one. Such an
                attempt is not recorded: it was about nothing.
        """

        def write(tx: Transaction) -> None:
            now = self._now()
            row = _row(tx, answer.tenant, answer.approval_id)
            card = self._open_card(tx, row)
            wants = answer.choice is DecisionChoice.EDIT and not answer.lower
            whole = not (asks or wants)
            self._check(tx, card, answer, now, whole=whole)
            caught, word = (True, "asked") if asks else (card.most is not None, "less")
            if whole:
                said = {step.id: one for step, one in each_of(answer, card.solution)}
                for decision in said.values():
                    check_reason(decision)
                caught, word = card.is_caught_by(said, answer.lower), _WORDS[answer.choice]
            self._close(tx, row, "caught" if caught else "missed", now, answer=answer, word=word)

        await self._container.store.write(write)
        self._container.dispatcher.wake()
        return await self.get(answer.approval_id, tenant=answer.tenant)

    async def to_sign(self, answer: SolutionDecision, nonce: Callable[[], str]) -> ToSign | None:
        """What the person's passkey has to sign, as for a true card of so much."""

        def work(reader: Reader) -> ToSign | None:
            card = self._open_card(reader, _row(reader, answer.tenant, answer.approval_id))
            return to_sign_for(self._container, reader, card.solution, answer, nonce)

        return await self._container.store.read(work)

    def _check(
        self, reader: Reader, card: CanaryCard, answer: SolutionDecision, now: int, *, whole: bool
    ) -> None:
        """As `check_decision`; of a `whole` answer, also what a passkey has signed."""
        solution = card.solution
        if now >= solution.expires_at:
            raise RefusedError(
                Code.APPROVAL_EXPIRED,
                "the time to decide this is over, which counts as no",
                next_step="nothing",
            )
        authority = self._container.directory.at(reader, answer.tenant)
        check_approver(reader, authority, solution.lead, solution.steps[0].action, answer.person)
        check_credential(authority, answer.credential, answer.person, now)
        shown = solution.digest.startswith(answer.digest) and len(answer.digest) >= DIGEST_PREFIX
        if answer.revision != solution.revision or not shown:
            raise RefusedError(
                Code.DIGEST_MISMATCH,
                "this is not what waits for a decision",
                next_step="load the card again",
            )
        if whole and answer.choice is not DecisionChoice.REJECT:
            said = each_of(answer, solution)
            out = [step.id for step, one in said if one.choice is DecisionChoice.REJECT]
            check_yes_reason(self._reasons_from, solution, answer.reason, answer.lower, out)
            signed_yes(
                reader,
                authority,
                answer,
                solution,
                said,
                self._container.context.accounts.beside,
                now,
            )

    def _close(
        self,
        tx: Transaction,
        row: Row,
        status: CanaryStatus,
        now: int,
        *,
        answer: SolutionDecision | None = None,
        word: str | None = None,
    ) -> None:
        """End a test card with its entry; one that ended meanwhile stays as it is."""
        tenant, canary_id = Tenant(text(row, "tenant")), text(row, "id")
        data: dict[str, Json] = {"canary": canary_id, "canary_status": status}
        actor, kind = SYSTEM, EntryKind.CANARY_ENDED
        if answer is not None:
            actor = Actor(kind=ActorKind.PERSON, id=answer.person)
            kind = EntryKind.CANARY_ANSWERED
            data |= {"answer": word, "via": answer.via, "credential": answer.credential}
        closed = tx.run(
            "canary.close",
            tenant=tenant,
            id=canary_id,
            status=status,
            person=None if answer is None else answer.person,
            answer=word,
            via=None if answer is None else answer.via,
            now=now,
            last_seq=self._container.log.append(
                tx, tenant, Entry(kind=kind, actor=actor, data=data)
            ),
        )
        if closed != 1:  # the transaction ends with it, the entry too
            raise _answered_already()
        self._show_again(tx, tenant, canary_id, now)

    # ---- the rows --------------------------------------------------------------------------------

    def _card(self, reader: Reader, row: Row) -> CanaryCard | None:
        """What is shown of a row; None when it cannot be made any more as it was."""
        tenant = Tenant(text(row, "tenant"))
        try:
            approval = get_approval(reader, tenant, text(row, "source_id"))
        except RefusedError:
            return None
        card = make_card(
            solution_of(reader, approval, action_of(reader, approval)),
            text(row, "id"),
            CanaryMistake(text(row, "mistake")),
            text(row, "step"),
            now=integer(row, "created_at"),
            expires_at=integer(row, "expires_at"),
        )
        # INVARIANT: what is answered is what the log says was shown.
        return card if card is not None and card.solution.digest == text(row, "digest") else None

    def _open_card(self, reader: Reader, row: Row) -> CanaryCard:
        """The card of a row that waits.

        Raises:
            RefusedError: `already_decided`.
        """
        card = self._card(reader, row) if text(row, "status") == "open" else None
        if card is None:
            raise _answered_already()
        return card

    def _view(self, reader: Reader, row: Row) -> CanaryView:
        card = self._card(reader, row)
        status = cast("CanaryStatus", text(row, "status"))
        if status == "open" and card is None:
            status = "withdrawn"
        return CanaryView(
            id=text(row, "id"),
            status=status,
            person=maybe(row, "person"),
            answer=maybe(row, "answer"),
            via=maybe(row, "via"),
            mistake=text(row, "mistake"),
            reveal="" if card is None else card.reveal,
            expires_at=rfc3339(integer(row, "expires_at")),
            created_at=rfc3339(integer(row, "created_at")),
            solution=None if card is None else self._show(reader, card),
        )

    def _show(
        self, reader: Reader, card: CanaryCard, smaller: SmallerAnswer | None = None
    ) -> SolutionView:
        stopped_by = partial(
            stop_shown, self._container.directory, self._container.context.accounts
        )
        view = show_solution(
            reader,
            card.solution,
            self._definition,
            stopped_by,
            self._settings.hold_micros,
            smaller,
        )
        tenant = card.solution.tenant
        notes = notes_about(reader, self._container, tenant, card.solution.lead.id)
        why = needs_reason(self._reasons_from, card.solution, {})
        has = assignee_of(reader, tenant, card.solution.lead.id)
        view = view.model_copy(update={"notes": notes, "says_why": why, "assignee": has})
        with suppress(IntegrityError):  # as a true one, it is shown where it cannot be decided
            rule = self._container.directory.at(reader, tenant).passkey_rule
            now = to_micros(self._container.clock.now())
            needs = needs_passkey(
                reader,
                rule,
                card.solution,
                {},
                beside=self._container.context.accounts.beside,
                now=now,
            )
            view = view.model_copy(update={"passkey": needs})
        return view

    def _show_again(self, tx: Transaction, tenant: Tenant, canary_id: str, now: int) -> None:
        tx.run("outbox.put", tenant=tenant, topic=CANARY_TOPIC, key=canary_id, now=now)

    def _definition(self, name: str) -> Action | None:
        try:
            return self._container.connectors.action(name)
        except RefusedError:
            return None

    def _now(self) -> int:
        return to_micros(self._container.clock.now())


_WORDS: Mapping[DecisionChoice, str] = {
    DecisionChoice.APPROVE: "yes",
    DecisionChoice.EDIT: "less",
    DecisionChoice.REJECT: "no",
}


def _row(reader: Reader, tenant: Tenant, canary_id: str) -> Row:
    row = reader.one("canary.by_id", tenant=tenant, id=canary_id)
    if row is None:
        raise RefusedError(Code.NOT_FOUND, f"there is no test card `{canary_id[:40]}`")
    return row


def _may_answer(reader: Reader, card: CanaryCard, person: KnownPerson) -> bool:
    """Whether a true card like it would wait for this very person."""
    solution = card.solution
    asked_by = requesters_of(reader, solution.steps[0].action) | {solution.lead.requester}
    own = f"{ActorKind.PERSON}:{person.id}" in asked_by
    return bool(person.roles & set(solution.lead.roles)) and not own


def _answered_already() -> RefusedError:
    return RefusedError(
        Code.ALREADY_DECIDED, "this was a test card, and it is over", next_step="nothing"
    )


def _hash(*parts: str) -> int:
    return int.from_bytes(hashlib.sha256(" ".join(parts).encode()).digest()[:6])
