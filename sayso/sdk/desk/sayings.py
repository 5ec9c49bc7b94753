"""What Sayso has to say in a thread now: replies to the customer, notes to colleagues, the end.

Nothing is kept of a text: it is rendered from the ledger whenever it is needed, by whoever proposes
it and by the law that permits it, so that the two cannot differ.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import cast

from sayso.actions.approvals.repository import ApprovalStatus, approval_of
from sayso.actions.model.action_row import ActionRow
from sayso.actions.model.status import Status
from sayso.agent.reply import HandedOver, StepOutcome, outcomes_of
from sayso.agent.request_row import RequestRow, RequestStatus, actions_of, get_request, in_force
from sayso.agent.standing import LanguageOf, standing_of
from sayso.audit.personal import Personal
from sayso.sdk.desk.rows import Place, SaidRow, SayingKind, ThreadRow
from sayso.sdk.desk.words import (
    write_decided,
    write_handed_over,
    write_silent,
    write_waits,
)
from sayso.sdk.words.solution import named_by
from sayso.store.base import Reader, text_or_none

SETTLES_MICROS = 30 * 1_000_000
"""What is under way for so long is told as such; what is quicker is told once it has ended."""
_MOVING = frozenset({Status.PLANNED, Status.STALE, Status.EXECUTING})
_KEY = re.compile(
    r"(req_[0-9a-hjkmnp-tv-z]{26})/desk/([a-z][a-z0-9_-]{0,39})"
    r"/(reply|note|hand_over|close)/([a-z_]+(?:-[0-9a-z_]+)?)/([0-9]{1,6})"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Saying:
    """Something to be said. `about`: of a note, what it is about; the same is said once."""

    request: RequestRow
    kind: SayingKind
    about: str
    text: str

    def key(self, place: Place, n: int) -> str:
        """The action's idempotency key, in a form that no caller may use."""
        return f"{self.request.id}/desk/{place.name}/{self.kind}/{self.about}/{n}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SayingKey:
    """What a key says of a saying."""

    request: str
    desk: str
    kind: SayingKind
    about: str

    @classmethod
    def read(cls, key: str) -> SayingKey | None:
        """Of a key of ours; None for any other."""
        found = _KEY.fullmatch(key)
        if found is None:
            return None
        kind = cast("SayingKind", found[3])  # the expression has no other
        return cls(request=found[1], desk=found[2], kind=kind, about=found[4])


@dataclass(frozen=True, slots=True, kw_only=True)
class Renderer:
    """Writes what is said from the ledger.

    Attributes:
        language: of a conversation. link: what links to the console begin with; may be empty.
        notes_apart: whether the note of a hand-over goes first, since the hand-over takes none.
    """

    personal: Personal
    language: LanguageOf
    link: str
    notes_apart: Callable[[Place], bool]

    def render(
        self, reader: Reader, place: Place, thread: ThreadRow, request: RequestRow, key: SayingKey
    ) -> str | None:
        """What a saying would be now; None where it is not to be said any more."""
        match key.kind:
            case "reply":
                return self.reply(reader, thread, request)
            case "note" | "hand_over":
                return self.note(reader, thread, request, key.about)
            case "close":
                done = place.section.close and thread.silent is None
                return "" if done and self.is_done(reader, request) else None

    def reply(self, reader: Reader, thread: ThreadRow, request: RequestRow) -> str | None:
        """What the customer is told now; None for nothing."""
        if thread.silent is not None or request.erased_seq is not None:
            return None
        if request.status is RequestStatus.RECEIVED:
            return None
        actions = actions_of(reader, request)
        return standing_of(reader, request, actions, self.personal, self.language).reply

    def note(
        self, reader: Reader, thread: ThreadRow, request: RequestRow, about: str
    ) -> str | None:
        """A note to colleagues as it is now; None where it is not to be written."""
        if request.erased_seq is not None:
            return None
        what, _, which = about.partition("-")
        if what == "silent":
            return None if thread.silent is None else write_silent(thread.silent, self._work())
        if what == "handed":
            return self._handed(reader, request)
        actions = in_force(request, actions_of(reader, request))
        if what == "waits":
            waiting = [one for one in actions if one.status is Status.PENDING_APPROVAL]
            named = any(one.id == which for one in waiting)
            return write_waits(waiting, self._card(request)) if named else None
        for one in actions if what == "decided" else ():
            approval = approval_of(reader, one) if one.id == which else None
            if approval is not None:
                return write_decided(one, approval, self._card(request))
        return None

    def _handed(self, reader: Reader, request: RequestRow) -> str | None:
        if request.status is not RequestStatus.HANDED_OVER or request.reply_ref is None:
            return None
        sealed = self.personal.open(reader, request.tenant, request.reply_ref)
        said = request.raw or {}
        words_ref = text_or_none(said, "words_ref")
        words = words_ref and self.personal.open(reader, request.tenant, words_ref)
        if sealed is None or not words:
            return None
        handed = HandedOver.read(sealed)
        actions = [one for one in actions_of(reader, request) if one.undoes is None]
        return write_handed_over(
            words=words,
            subject=request.subject,
            name=handed.name or named_by(actions),
            reason=handed.reason or "nobody but a person can go on",
            tried=actions,
            drafted=handed.draft is not None,
            link=f"{self.link}/console/work/{request.id}" if self.link else "",
        )

    def is_done(self, reader: Reader, request: RequestRow) -> bool:
        """Whether all that was asked is done and nothing of it can change."""
        if request.status is not RequestStatus.ANSWERED:
            return False
        actions = in_force(request, actions_of(reader, request))
        return bool(actions) and all(one.status is Status.SUCCEEDED for one in actions)

    def _card(self, request: RequestRow) -> str:
        return f"{self.link}/console/request/{request.id}" if self.link else ""

    def _work(self) -> str:
        return f"{self.link}/console/?tab=handed-over" if self.link else ""

    # ---- what is to be said --------------------------------------------------------------------

    def due(
        self,
        reader: Reader,
        place: Place,
        thread: ThreadRow,
        requests: Sequence[RequestRow],
        said: Sequence[SaidRow],
        now: int,
    ) -> Iterable[Saying]:
        """What may be to be said, in the order in which it came to be."""
        for request in requests:
            if request.erased_seq is not None:
                continue
            reply = self.reply(reader, thread, request)
            if reply is not None and self.is_settled(reader, request, now):
                yield Saying(request=request, kind="reply", about="now", text=reply)
            yield from self._notes(reader, place, thread, request)
        open_ones = [one for one in requests if one.status in _OPEN]
        for request in () if open_ones else requests:
            if place.section.close and thread.silent is None and self.is_done(reader, request):
                yield Saying(request=request, kind="close", about="done", text="")

    def _notes(
        self, reader: Reader, place: Place, thread: ThreadRow, request: RequestRow
    ) -> Iterable[Saying]:
        abouts: list[tuple[SayingKind, str]] = []
        if request.status is RequestStatus.HANDED_OVER:
            assigns = _assigns(place, thread)
            if not assigns or self.notes_apart(place):
                abouts.append(("note", "handed"))
            if assigns:
                abouts.append(("hand_over", "handed"))
        for one in in_force(request, actions_of(reader, request)):
            approval = approval_of(reader, one)
            if approval is None:
                continue
            if approval.status is ApprovalStatus.PENDING:
                abouts.append(("note", f"waits-{one.id}"))
                break
            abouts.append(("note", f"decided-{one.id}"))
        if thread.silent is not None:
            abouts.append(("note", "silent"))
        for kind, about in abouts:
            written = self.note(reader, thread, request, about)
            if written is not None:
                yield Saying(request=request, kind=kind, about=about, text=written)

    def is_settled(self, reader: Reader, request: RequestRow, now: int) -> bool:
        """Whether it stays so until a person, a provider or the customer does something."""
        if not request.is_acting or request.status is RequestStatus.NEEDS_CUSTOMER:
            return True
        steps = in_force(request, actions_of(reader, request))
        told = outcomes_of(reader, steps, request.words)
        if not any(_moves(one) for one in told):
            return bool(told)
        last = max((one.updated_at for one in steps), default=request.updated_at)
        return now - last >= SETTLES_MICROS


_OPEN = frozenset({RequestStatus.RECEIVED, RequestStatus.NEEDS_CUSTOMER, RequestStatus.ACTING})


def _moves(one: StepOutcome) -> bool:
    if one.status in _MOVING:
        return True
    return one.status is Status.APPROVED and not one.held and not one.waits


def _assigns(place: Place, thread: ThreadRow) -> bool:
    """Whether a hand-over assigns: nobody is put in a colleague's place who has the thread."""
    return bool(place.section.hand_over) and thread.silent is None


def requests_in(reader: Reader, place: Place, thread: str) -> list[RequestRow]:
    """The requests of a thread, in the order in which something last became of them."""
    rows = reader.all("desk.messages", tenant=place.tenant, desk=place.name, thread=thread)
    ids = dict.fromkeys(one for row in rows if (one := text_or_none(row, "request_id")))
    found = [get_request(reader, place.tenant, one) for one in ids]
    return sorted(found, key=lambda one: (newest_seq(reader, one), one.id))


def newest_seq(reader: Reader, request: RequestRow) -> int:
    """The entry with which a request or one of its actions came to be what it is."""
    actions: Sequence[ActionRow] = actions_of(reader, request)
    return max([request.last_seq, *(one.last_seq for one in actions)])
