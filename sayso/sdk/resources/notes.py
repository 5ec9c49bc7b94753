"""Notes: what people write down about a solution or a piece of work, one store for all surfaces.

A note decides nothing. Its text is sealed beside the log, under the customer's key.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from sayso.actions.approvals.repository import action_of, get_approval
from sayso.actions.model.action_row import ActionRow
from sayso.actions.model.digest import is_text
from sayso.audit.authority.state import read_body
from sayso.audit.entry import Actor, ActorKind, Entry, EntryKind
from sayso.audit.segments.rows import pruned_to
from sayso.errors import Code, RefusedError
from sayso.ids import Tenant, rfc3339, to_micros
from sayso.json import JsonValue
from sayso.sdk.resources.calling import call_named
from sayso.sdk.resources.work_draft import Repeated
from sayso.sdk.views.rows import NoteView
from sayso.store.base import Reader, Transaction, integer, text
from sayso.store.base import text_or_none as maybe

if TYPE_CHECKING:
    from sayso.sdk.container import Container

MAX_NOTE_CHARS = 2000
NOTE_TOPIC = "note"
"""Of the outbox: what is to be told below a card, by `APPROVAL:ENTRY`."""
RULE = 0
"""In place of an entry: that what is written below a card decides nothing."""
_NO_CHATS = frozenset({"cli", "console", "http", "mcp", "sdk"})
"""Surfaces on which a note is written beside no card of a channel."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """What somebody says.

    Attributes:
        about: the id of the request, the action, or what was seen outside Sayso.
        work: what kind of work it is; `solution` where people are asked.
        subject: the customer's id. via: the surface, and the mark of the call where it has one.
        answered: the action by which it went to the customer; empty for a note to colleagues.
    """

    about: str
    work: str
    request: str | None
    subject: str
    person: str
    via: str
    text: str
    kind: EntryKind = EntryKind.WORK_NOTED
    answered: str = ""


def check_note(note: str) -> None:
    """Refuse what is no note.

    Raises:
        RefusedError: `invalid_input`, `message_too_long`.
    """
    if not note.strip() or not is_text(note) or "\0" in note:
        raise RefusedError(Code.INVALID_INPUT, "a note is some text", next_step="write why")
    if len(note) > MAX_NOTE_CHARS:
        raise RefusedError(
            Code.MESSAGE_TOO_LONG,
            f"a note has at most {MAX_NOTE_CHARS:,} characters",
            next_step="shorten it",
        )


def asked_about(row: ActionRow) -> str:
    """What a note on a solution is about, by any of its steps: the request where there is one."""
    return row.request_id or row.id


async def note_down(
    container: Container,
    approval_id: str,
    note: str,
    *,
    tenant: Tenant,
    person: str,
    via: str,
    repeated: Repeated | None = None,
) -> None:
    """Note something on a card, a test card's too, which nobody may tell from a true one by it.

    Args:
        repeated: where it says so, the same call was taken before, and nothing is added.

    Raises:
        RefusedError: `not_found`, `invalid_input`, `message_too_long`.
    """
    check_note(note)

    def write(tx: Transaction) -> None:
        test = tx.one("canary.by_id", tenant=tenant, id=approval_id)
        shown = approval_id if test is None else text(test, "source_id")
        row = action_of(tx, get_approval(tx, tenant, shown))
        about = asked_about(row) if test is None else approval_id
        if repeated is not None and repeated(marks_of(tx, tenant, person, about)):
            return
        said = Note(
            about=about,
            work="solution",
            request=row.request_id if test is None else None,
            subject=row.subject.id,
            person=person,
            via=via,
            text=note,
        )
        put_note(tx, container, tenant, said)

    await container.store.write(write)


def put_note(tx: Transaction, container: Container, tenant: Tenant, note: Note) -> int:
    """Append the entry, keep where the text is sealed, and have it told below the card."""
    context, now = container.context, to_micros(container.clock.now())
    pseudonym = context.personal.pseudonym(tx, tenant, note.subject, now)
    ref = context.ids.new("pii")
    entry = Entry(
        kind=note.kind,
        actor=Actor(kind=ActorKind.PERSON, id=note.person),
        request=note.request,
        subject=pseudonym,
        data={
            "about": note.about,
            "work": note.work,
            "via": note.via,
            **({"answered": note.answered} if note.answered else {}),
        },
        pii=context.personal.seal(tx, tenant, note.subject, ref, note.text),
    )
    seq = container.log.append(tx, tenant, entry, at=now)
    tx.run(
        "work.note",
        tenant=tenant,
        about=note.about,
        seq=seq,
        person=note.person,
        now=now,
        ref=ref,
    )
    _tell(tx, tenant, note, seq, now)
    if not note.answered:  # what went to the customer is not said to colleagues
        by, about = note.person, note.about
        call_named(tx, container, tenant, note.text, by=by, about=about, seq=seq, now=now)
    return seq


def _tell(tx: Transaction, tenant: Tenant, note: Note, seq: int, now: int) -> None:
    lead = tx.one("approval.lead_about", tenant=tenant, about=note.about)
    card = None if lead is None else maybe(lead, "id")
    if tx.one("canary.by_id", tenant=tenant, id=note.about) is not None:
        card = note.about
    if card is None:  # nobody was asked about it, so it has no card
        return
    tx.run("outbox.put", tenant=tenant, topic=NOTE_TOPIC, key=f"{card}:{seq}", now=now)
    # What comes from below a card in a chat: there it is told, once, that it decides nothing.
    if surface_of(note.via) in _NO_CHATS:
        return
    rule = f"{card}:{RULE}"
    if tx.one("outbox.by_key", tenant=tenant, topic=NOTE_TOPIC, key=rule) is None:
        tx.run("outbox.put", tenant=tenant, topic=NOTE_TOPIC, key=rule, now=now)


def notes_about(
    reader: Reader, container: Container, tenant: Tenant, about: str
) -> tuple[NoteView, ...]:
    """The newest 200 about a request and its actions, or an action of its own, oldest first."""
    rows = reader.all("work.notes_of", tenant=tenant, about=about)
    said = [
        (row, one)
        for row in reversed(rows)
        if (one := said_in(reader, tenant, text(row, "about"), integer(row, "seq"))) is not None
    ]
    return tuple(
        NoteView(
            seq=one.seq,
            person=one.person,
            via=surface_of(one.via),
            at=rfc3339(one.at or integer(row, "at")),
            text=container.context.personal.open(reader, tenant, one.ref or text(row, "ref")) or "",
            answered=one.answered or None,
        )
        for row, one in said
    )


def marks_of(reader: Reader, tenant: Tenant, person: str, about: str) -> list[str]:
    """How a person has said what they noted about it, as the log has it."""
    found = (
        said_in(reader, tenant, about, integer(row, "seq"))
        for row in reader.all("work.notes", tenant=tenant, about=about)
    )
    return [one.via for one in found if one is not None and one.person == person]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedNote:
    """A note as its entry tells it.

    Attributes:
        ref: where the text is sealed. at: microseconds since 1970.
        answered: the action by which it went to the customer; empty for a note to colleagues.
    """

    seq: int
    person: str
    via: str
    at: int
    ref: str
    answered: str = ""


NOTED = frozenset({EntryKind.WORK_NOTED, EntryKind.WORK_ENDED})
SEEN = frozenset({EntryKind.EFFECT_SEEN, EntryKind.THREAD_LEFT})


def said_in(
    reader: Reader,
    tenant: Tenant,
    about: str,
    seq: int,
    kinds: frozenset[EntryKind] = NOTED,
) -> RecordedNote | None:
    """What an entry notes about something; None where it notes nothing about it.

    INVARIANT: who said what is read from the log, so that nobody puts words into a mouth by a row.
    All is empty where the log has the entry no more.
    """
    row = reader.one("log.bodies", tenant=tenant, from_seq=seq, limit=1)
    match None if row is None else cast("JsonValue", read_body(text(row, "body"))):
        case {
            "seq": int(place),
            "at": int(at),
            "kind": kind,
            "actor": {"id": str(person)},
            "data": {"about": str(named), **more},
            "pii": {"ref": str(ref)},
        } if (place, named) == (seq, about) and kind in kinds:
            return RecordedNote(
                seq=seq,
                person=person,
                via=str(more.get("via", "")),
                at=at,
                ref=ref,
                answered=str(more.get("answered", "")),
            )
        case _:
            gone = seq < pruned_to(reader, tenant)
            return RecordedNote(seq=seq, person="", via="", at=0, ref="") if gone else None


def surface_of(via: str) -> str:
    """The surface of a mark: `http` of `http/KEY`."""
    return via.partition("/")[0]
