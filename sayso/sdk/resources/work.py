"""Work: what machines leave to people, each with who has taken it, notes, and an end.

Seven kinds: a request that was handed over, a question that the customer did not answer, an action
whose outcome nobody knows, what failed (money that did not move, or whatever a provider had taken
on), what was done and does not fit what was approved, a refund that was made outside Sayso, and
what in a desk's thread can be neither taken in nor answered. For the first five nothing has to be
made: what the request or the action is says that there is work, until somebody ends it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Literal, get_args

from sayso.actions.model.action_row import ActionRow, get_action
from sayso.actions.model.status import Status
from sayso.agent.draft_proposal import DraftProposal
from sayso.agent.request_row import WORK_TOPIC, RequestStatus, actions_of, get_request
from sayso.audit.entry import Actor, ActorKind, Entry, EntryKind, Json
from sayso.errors import Code, RefusedError
from sayso.ids import Tenant, rfc3339, to_micros
from sayso.money import Money
from sayso.sdk.progress.carry_on import CARRY_ON_S
from sayso.sdk.resources.base import Resource, page_of
from sayso.sdk.resources.calling import call
from sayso.sdk.resources.notes import (
    Note,
    check_note,
    marks_of,
    notes_about,
    put_note,
)
from sayso.sdk.resources.tokens import Token
from sayso.sdk.resources.vouching import is_unknown
from sayso.sdk.resources.work_draft import (
    UNANSWERED_MICROS,
    Repeated,
    WorkDraftView,
    open_work,
    propose_drafted,
    show_draft,
)
from sayso.sdk.resources.work_elsewhere import read_elsewhere
from sayso.sdk.resources.work_wait import (
    WorkCountsView,
    WorkOrder,
    answer_by,
    count_waiting,
    late_before,
    rows_by_wait,
    tell_late,
)
from sayso.sdk.views.base import View
from sayso.sdk.views.presenters import handed_over, why_handed_over
from sayso.sdk.views.rows import ErrorView, NoteView, RequestView, error_view
from sayso.sdk.words.solution import named_by
from sayso.store.base import Reader, Row, Transaction, integer_or_none, text
from sayso.store.base import text_or_none as maybe
from sayso.text import plain

WorkKind = Literal[
    "handed_over", "unanswered", "unknown", "failed", "unfitting", "elsewhere", "thread"
]
KINDS: tuple[WorkKind, ...] = get_args(WorkKind)
_STATES: Mapping[WorkKind, tuple[Status, ...]] = {
    "unknown": (Status.UNKNOWN, Status.ACCEPTED),
    "failed": (Status.FAILED,),
}
"""What an action is that is work of a kind; `accepted` only once nobody looks it up any more."""


class WorkView(View):
    """Something that people have to do.

    Attributes:
        about: the id of the request, the action, or the refund. kind: why it is people's.
        what: the action's name; empty for a request. why: in words.
        assignee: who has taken it; None while nobody has.
        since: when it became people's. ended: nobody has to do anything any more.
        name: of the customer, as the provider had it; empty where nobody has read it.
        unknown_writer: nobody knows that the customer writes; `customers.vouch` says that they do.
        draft: what a planner would do about it, where one has a plan; nothing of it is done until
            somebody proposes it.
        answer_by: until when `[work] answer_within` promises the customer an answer. late: that is
            over, and nobody has answered.
    """

    about: str
    kind: str
    subject: str
    name: str = ""
    what: str = ""
    amount: Money | None = None
    why: str = ""
    assignee: str | None = None
    since: str
    ended: bool = False
    notes: tuple[NoteView, ...] = ()
    unknown_writer: bool = False
    draft: WorkDraftView | None = None
    answer_by: str | None = None
    late: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _About:
    """What a piece of work is about, as its own row says."""

    id: str
    kind: WorkKind
    subject: str
    request: str | None
    what: str
    amount: Money | None
    why: str
    at: int


class WorkResource(Resource):
    """Lists what people have to do, and takes what they say about it."""

    async def list(
        self,
        *,
        kinds: Sequence[str] = KINDS,
        assignee: str | None = None,
        nobodys: bool = False,
        order: WorkOrder = "newest",
        late: bool = False,
        limit: int = 50,
        after: str | None = None,
        tenant: str | None = None,
    ) -> list[WorkView]:
        """What nobody has ended, the newest of each kind first, or who has waited longest.

        Args:
            kinds: of `handed_over`, `unanswered`, `unknown`, `failed`, `unfitting`, `elsewhere`,
                `thread`.
            assignee: only what this person has taken. nobodys: only what nobody has taken.
            order: `wait` lists the requests of `kinds` alone, the longest wait first.
            late: only who waits longer than `[work] answer_within`; in that order.
            after: the id of the last one of the page before; for one kind alone, or by `wait`.

        Raises:
            RefusedError: `invalid_input`.
        """
        where, size = self._tenant(tenant), page_of(limit)
        strange = sorted(set(kinds) - set(KINDS))
        if strange:
            raise RefusedError(
                Code.INVALID_INPUT,
                f"there is no kind of work `{strange[0][:40]}`",
                next_step=f"choose of {', '.join(KINDS)}",
            )
        page = {"tenant": where, "assignee": assignee, "limit": size, "after": after}
        before = self._now() - UNANSWERED_MICROS

        def by_wait(reader: Reader) -> list[WorkView]:
            rows = rows_by_wait(
                reader,
                where,
                assignee=assignee,
                nobodys=nobodys,
                late=late_before(self._container) if late else None,
                unanswered_before=before,
                limit=size,
                after=after,
            )
            found = [self._show(reader, where, text(row, "id")) for row in rows]
            return [one for one in found if one.kind in kinds and (one.late or not late)]

        def work(reader: Reader) -> list[WorkView]:
            rows: list[Row] = []
            if {"handed_over", "unanswered"} & set(kinds):
                rows += reader.all("work.requests", unanswered_before=before, **page)
            for states in (_STATES[kind] for kind in _STATES if kind in kinds):
                of = (reader.all("work.actions", status=one.value, **page) for one in states)
                rows += sorted(chain(*of), key=lambda row: text(row, "id"), reverse=True)[:size]
            if "unfitting" in kinds:
                rows += reader.all("work.unfitting", **page)
            if {"elsewhere", "thread"} & set(kinds):
                rows += reader.all("work.elsewhere", **page)
            found = [self._show(reader, where, text(row, "id")) for row in rows]
            fitting = [one for one in found if one.kind in kinds]
            return [one for one in fitting if not nobodys or one.assignee is None][:size]

        if late or order == "wait":
            return await self._container.store.read(by_wait)
        return await self._container.store.read(work)

    async def count(self, person: str = "", *, tenant: str | None = None) -> WorkCountsView:
        """How many requests wait for people, how many of them too long, and how many a person has.

        Args:
            person: whose are counted as taken.
        """
        where, before = self._tenant(tenant), self._now() - UNANSWERED_MICROS
        return await self._container.store.read(
            lambda reader: count_waiting(reader, self._container, where, person, before)
        )

    async def tell_late(self) -> int:
        """Record who waits longer than `[work] answer_within`, each once; how many were told of.

        For every tenant; a server does it every minute.
        """
        return await tell_late(self._container)

    async def get(self, about: str, *, tenant: str | None = None) -> WorkView:
        """One piece of work with its notes.

        Raises:
            RefusedError: `not_found`, also for what is nobody's work.
        """
        where = self._tenant(tenant)
        return await self._container.store.read(lambda reader: self._show(reader, where, about))

    async def take(
        self, about: str, *, token: str, person: str | None = None, via: str = "sdk"
    ) -> WorkView:
        """Take it as the person whose token this is, or give it to somebody else.

        Raises:
            RefusedError: `unauthenticated`, `forbidden`, `not_found`; `already_in_state` when it
                was ended.
        """
        holder = await self._container.authentication.person(token, via=via)
        return await self.take_as(about, holder, person=person, via=via)

    async def take_as(
        self, about: str, holder: Token, *, person: str | None = None, via: str
    ) -> WorkView:
        """As `take`, by somebody whom the calling surface has authenticated itself."""
        to = person or holder.holder

        def write(tx: Transaction) -> None:
            if self._container.directory.at(tx, holder.tenant).person(to) is None:
                raise RefusedError(
                    Code.NOT_FOUND,
                    f"`{to[:64]}` is no active person here",
                    next_step="give it to somebody whom `sayso people list` names",
                )
            found = self._about(tx, holder.tenant, about)
            row = open_work(tx, holder.tenant, about)
            if row is not None and maybe(row, "assignee") == to:
                return
            entry = self._entry(tx, holder.tenant, found, EntryKind.WORK_TAKEN, holder.holder, via)
            entry.data["person"] = to
            seq = self._container.log.append(tx, holder.tenant, entry)
            self._put(tx, holder.tenant, about, assignee=to, ended_at=None, seq=seq)
            if to != holder.holder:
                call(tx, holder.tenant, to, about, seq, self._now())

        await self._container.store.write(write)
        return await self.get(about, tenant=holder.tenant)

    async def note(self, about: str, note: str, *, token: str, via: str = "sdk") -> WorkView:
        """Note something about it; the text is sealed beside the log, under the customer's key.

        Raises:
            RefusedError: `unauthenticated`, `forbidden`, `not_found`, `invalid_input`,
                `message_too_long`; `already_in_state` when it was ended.
        """
        holder = await self._container.authentication.person(token, via=via)
        return await self.note_as(about, note, holder, via=via)

    async def note_as(
        self, about: str, note: str, holder: Token, *, via: str, repeated: Repeated | None = None
    ) -> WorkView:
        """As `note`, by somebody whom the calling surface has authenticated itself.

        Args:
            repeated: where it says so, the same call was taken before, and nothing is added.
        """
        check_note(note)

        def write(tx: Transaction) -> None:
            found = self._about(tx, holder.tenant, about)
            if repeated is not None and repeated(marks_of(tx, holder.tenant, holder.holder, about)):
                return
            row = open_work(tx, holder.tenant, about)
            seq = self._say(
                tx, holder.tenant, found, EntryKind.WORK_NOTED, holder.holder, via, note
            )
            assignee = None if row is None else maybe(row, "assignee")
            self._put(tx, holder.tenant, about, assignee=assignee, ended_at=None, seq=seq)

        await self._container.store.write(write)
        return await self.get(about, tenant=holder.tenant)

    async def answered_as(
        self, about: str, note: str, holder: Token, *, action: str, via: str
    ) -> WorkView:
        """Note down what a person has answered by an action; the same is noted once."""

        def write(tx: Transaction) -> None:
            found = self._about(tx, holder.tenant, about)
            said = notes_about(tx, self._container, holder.tenant, about)
            if any(one.answered == action for one in said):
                return
            row = open_work(tx, holder.tenant, about)
            who, kind = holder.holder, EntryKind.WORK_NOTED
            seq = self._say(tx, holder.tenant, found, kind, who, via, note, action)
            has = None if row is None else maybe(row, "assignee")
            self._put(tx, holder.tenant, about, assignee=has or who, ended_at=None, seq=seq)

        await self._container.store.write(write)
        return await self.get(about, tenant=holder.tenant)

    async def end(self, about: str, note: str, *, token: str, via: str = "sdk") -> WorkView:
        """Say that nobody has to do anything about it any more, and why.

        Raises:
            RefusedError: as `note`; `invalid_input` for an unknown outcome, which is settled.
        """
        holder = await self._container.authentication.person(token, via=via)
        return await self.end_as(about, note, holder, via=via)

    async def end_as(
        self, about: str, note: str, holder: Token, *, via: str, repeated: Repeated | None = None
    ) -> WorkView:
        """As `end`, by somebody whom the calling surface has authenticated itself.

        Args:
            repeated: as in `note_as`.
        """
        check_note(note)

        def write(tx: Transaction) -> None:
            found = self._about(tx, holder.tenant, about)
            if repeated is not None and repeated(marks_of(tx, holder.tenant, holder.holder, about)):
                return
            if found.kind == "unknown":
                raise RefusedError(
                    Code.INVALID_INPUT,
                    "an unknown outcome ends by what is known of it, not by a note",
                    next_step=f"look it up and say so: `sayso actions settle {about}`",
                )
            row = open_work(tx, holder.tenant, about)
            seq = self._say(
                tx, holder.tenant, found, EntryKind.WORK_ENDED, holder.holder, via, note
            )
            assignee = holder.holder if row is None else maybe(row, "assignee") or holder.holder
            self._put(tx, holder.tenant, about, assignee=assignee, ended_at=self._now(), seq=seq)

        await self._container.store.write(write)
        return await self.get(about, tenant=holder.tenant)

    async def propose(
        self,
        about: str,
        *,
        token: str,
        digest: str,
        steps: Sequence[str] | None = None,
        lower: Mapping[str, Money] | None = None,
        via: str = "sdk",
        wait_s: float = CARRY_ON_S,
    ) -> RequestView:
        """Propose what is drafted for a request, as the person whose token this is.

        It is judged like any proposal, and whoever proposes it never approves it.

        Args:
            digest: of the draft that the person saw, whole or its first 12 digits.
            steps: those to propose; None for all. lower: lower amounts, by step.
            wait_s: as with `Sayso.ask`.

        Returns:
            The request, which goes on with the plan.

        Raises:
            RefusedError: `unauthenticated`, `forbidden`, `not_found`; `not_an_approver` without a
                role; `already_in_state` when somebody has proposed it, or it was ended;
                `wrong_state` where nothing is drafted; `digest_mismatch`; `invalid_input` for the
                steps; `edit_not_allowed` for the amounts. Each is recorded.
        """
        holder = await self._container.authentication.person(token, via=via)
        wanted = DraftProposal(
            digest=digest,
            person=holder.holder,
            via=via,
            credential=holder.id,
            steps=None if steps is None else tuple(steps),
            lower=lower or {},
        )
        return await self.propose_as(about, wanted, tenant=holder.tenant, wait_s=wait_s)

    async def propose_as(
        self,
        about: str,
        wanted: DraftProposal,
        *,
        tenant: Tenant,
        wait_s: float = CARRY_ON_S,
        repeated: Repeated | None = None,
    ) -> RequestView:
        """As `propose`, for somebody whom the calling surface has authenticated itself.

        Args:
            repeated: as in `note_as`, of the call by which this person has proposed it.
        """
        return await propose_drafted(
            self._container, about, wanted, tenant=tenant, wait_s=wait_s, repeated=repeated
        )

    # ---- the rows ------------------------------------------------------------------------------

    def _say(
        self,
        tx: Transaction,
        tenant: Tenant,
        found: _About,
        kind: EntryKind,
        person: str,
        via: str,
        note: str,
        answered: str = "",
    ) -> int:
        said = Note(
            about=found.id,
            work=found.kind,
            request=found.request,
            subject=found.subject,
            person=person,
            via=via,
            text=note,
            kind=kind,
            answered=answered,
        )
        return put_note(tx, self._container, tenant, said)

    def _entry(
        self, tx: Transaction, tenant: Tenant, found: _About, kind: EntryKind, person: str, via: str
    ) -> Entry:
        data: dict[str, Json] = {"about": found.id, "work": found.kind, "via": via}
        return Entry(
            kind=kind,
            actor=Actor(kind=ActorKind.PERSON, id=person),
            request=found.request,
            subject=self._container.context.personal.pseudonym(
                tx, tenant, found.subject, self._now()
            ),
            data=data,
        )

    def _put(
        self,
        tx: Transaction,
        tenant: Tenant,
        about: str,
        *,
        assignee: str | None,
        ended_at: int | None,
        seq: int,
    ) -> None:
        tx.run(
            "work.put",
            tenant=tenant,
            about=about,
            assignee=assignee,
            ended_at=ended_at,
            now=self._now(),
            last_seq=seq,
        )
        tx.run("outbox.put", tenant=tenant, topic=WORK_TOPIC, key=about, now=self._now())

    def _about(self, reader: Reader, tenant: Tenant, about: str) -> _About:
        """What it is about.

        Raises:
            RefusedError: `not_found`.
        """
        if about.startswith("act_"):
            row = get_action(reader, tenant, about)
            kind = _kind_of(row)
            if kind is not None:
                return _About(
                    id=row.id,
                    kind=kind,
                    subject=row.subject.id,
                    request=row.request_id,
                    what=row.name,
                    amount=row.amount,
                    why=_why(error_view(row)),
                    at=row.updated_at,
                )
            raise _nothing(about)
        seen = read_elsewhere(reader, self._container, tenant, about)
        if seen is not None:
            return _About(
                id=about,
                kind=seen.kind,
                subject=seen.subject,
                request=None,
                what=seen.what,
                amount=seen.amount,
                why=seen.why,
                at=seen.at,
            )
        request = get_request(reader, tenant, about)
        if request.status is RequestStatus.HANDED_OVER:
            kind = "handed_over"
        elif request.status is RequestStatus.NEEDS_CUSTOMER:
            kind = "unanswered"
        else:
            raise _nothing(about)
        return _About(
            id=request.id,
            kind=kind,
            subject=request.subject.id,
            request=request.id,
            what="",
            amount=None,
            why="the customer has not answered our question"
            if kind == "unanswered"
            else _why(why_handed_over(self._container.context.personal, reader, request)),
            at=request.updated_at,
        )

    def _show(self, reader: Reader, tenant: Tenant, about: str) -> WorkView:
        found = self._about(reader, tenant, about)
        row = reader.one("work.by_about", tenant=tenant, about=about)
        ended = row is not None and integer_or_none(row, "ended_at") is not None
        notes = notes_about(reader, self._container, tenant, found.request or found.id)
        until = answer_by(self._container, found.kind, found.at)
        waits = not ended and not any(note.answered for note in notes)
        return WorkView(
            about=found.id,
            kind=found.kind,
            subject=found.subject,
            name=self._name(reader, tenant, found),
            what=found.what,
            amount=found.amount,
            why=found.why,
            assignee=None if row is None else maybe(row, "assignee"),
            since=rfc3339(found.at),
            ended=ended,
            notes=notes,
            unknown_writer=self._is_unknown(reader, tenant, found),
            draft=self._draft(reader, tenant, found),
            answer_by=None if until is None else rfc3339(until),
            late=until is not None and waits and until < self._now(),
        )

    def _name(self, reader: Reader, tenant: Tenant, found: _About) -> str:
        """What the customer is called: as it was sealed for people, or as an action resolved it."""
        if found.id.startswith("act_"):
            rows = [get_action(reader, tenant, found.id)]
        elif found.request is None:
            return ""
        else:
            request = get_request(reader, tenant, found.request)
            handed = handed_over(self._container.context.personal, reader, request)
            if handed is not None and handed.name:
                return plain(handed.name, limit=60)
            rows = list(actions_of(reader, request))
        return named_by(rows)

    def _is_unknown(self, reader: Reader, tenant: Tenant, found: _About) -> bool:
        """Whether nobody knows that the customer writes in a request that people have."""
        if found.request != found.id:
            return False
        return is_unknown(reader, get_request(reader, tenant, found.id), self._now())

    def _draft(self, reader: Reader, tenant: Tenant, found: _About) -> WorkDraftView | None:
        """What is drafted for it; nothing while the customer may still answer by themselves."""
        waits = found.kind == "unanswered" and found.at > self._now() - UNANSWERED_MICROS
        if found.request != found.id or waits:
            return None
        row = get_request(reader, tenant, found.id)
        drafted = self._container.requests.drafted(reader, row)
        return None if drafted is None else show_draft(drafted, row)

    def _now(self) -> int:
        return to_micros(self._container.clock.now())


def _kind_of(row: ActionRow) -> WorkKind | None:
    """What kind of work an action is; None for none."""
    if row.status is Status.ACCEPTED:
        return "unknown" if row.is_left else None
    if row.status is Status.SUCCEEDED:
        code = (row.error or {}).get("code")
        return "unfitting" if code == Code.DOES_NOT_FIT else None
    return next((kind for kind, states in _STATES.items() if row.status in states), None)


def _why(error: ErrorView | None) -> str:
    return "" if error is None else error.message


def _nothing(about: str) -> RefusedError:
    return RefusedError(
        Code.NOT_FOUND,
        f"nobody has to do anything about `{about[:60]}`",
        next_step="see `sayso work list`",
    )
