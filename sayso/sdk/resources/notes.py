"""Notes: what people write down about a solution or a piece of work, one store for all surfaces.

A note decides nothing. Its text is sealed beside the log, under the customer's key.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import orjson

from sayso.actions.approvals.repository import action_of, get_approval
from sayso.actions.model.action_row import ActionRow
from sayso.actions.model.digest import is_text
from sayso.audit.entry import Actor, ActorKind, Entry, EntryKind
from sayso.errors import Code, RefusedError
from sayso.ids import Tenant, rfc3339, to_micros
from sayso.sdk.views import NoteView
from sayso.sdk.work_draft import Repeated
from sayso.store.base import Reader, Transaction, integer, text
from sayso.store.base import text_or_none as maybe

if TYPE_CHECKING:
    from sayso.sdk.container import Container

MAX_NOTE_CHARS = 2000
NOTE_TOPIC = "note"
"""Of the outbox: what is to be told below a card, by `APPROVAL:ENTRY`."""
RULE = 0
"""In place of an entry: that what is written below a card decides nothing."""
SLACK = "slack"


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """What somebody says.

    Attributes:
        about: the id of the request, the action, or what was seen outside Sayso.
        work: what kind of work it is; `solution` where people are asked.
        subject: the customer's id. via: the surface, and the mark of the call where it has one.
    """

    about: str
    work: str
    request: str | None
    subject: str
    person: str
    via: str
    text: str
    kind: EntryKind = EntryKind.WORK_NOTED


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
        data={"about": note.about, "work": note.work, "via": note.via},
        pii=context.personal.seal(tx, tenant, note.subject, ref, note.text),
    )
    seq = container.log.append(tx, tenant, entry)
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
    return seq


def _tell(tx: Transaction, tenant: Tenant, note: Note, seq: int, now: int) -> None:
    lead = tx.one("approval.lead_about", tenant=tenant, about=note.about)
    card = None if lead is None else maybe(lead, "id")
    if tx.one("canary.by_id", tenant=tenant, id=note.about) is not None:
        card = note.about
    if card is None:  # nobody was asked about it, so it has no card
        return
    # INVARIANT: what comes from a thread is not told there again; only, once, that it decides
    # nothing.
    from_thread = surface_of(note.via) == SLACK
    key = f"{card}:{RULE if from_thread else seq}"
    known = tx.one("outbox.by_key", tenant=tenant, topic=NOTE_TOPIC, key=key)
    if not from_thread or known is None:
        tx.run("outbox.put", tenant=tenant, topic=NOTE_TOPIC, key=key, now=now)


def notes_about(
    reader: Reader, container: Container, tenant: Tenant, about: str
) -> tuple[NoteView, ...]:
    """The newest 200 about a request and its actions, or an action of its own, oldest first."""
    rows = reader.all("work.notes_of", tenant=tenant, about=about)
    return tuple(
        NoteView(
            seq=integer(row, "seq"),
            person=text(row, "person"),
            via=surface_of(via_of(reader, tenant, integer(row, "seq"))),
            at=rfc3339(integer(row, "at")),
            text=container.context.personal.open(reader, tenant, text(row, "ref")) or "",
        )
        for row in reversed(rows)
    )


def marks_of(reader: Reader, tenant: Tenant, person: str, about: str) -> list[str]:
    """How a person has said what they noted about it, as the log has it."""
    return [
        via_of(reader, tenant, integer(row, "seq"))
        for row in reader.all("work.notes", tenant=tenant, about=about)
        if text(row, "person") == person
    ]


def via_of(reader: Reader, tenant: Tenant, seq: int) -> str:
    """By which surface and call an entry came; empty where the log has it no more."""
    row = reader.one("log.bodies", tenant=tenant, from_seq=seq, limit=1)
    match None if row is None else cast("object", orjson.loads(text(row, "body"))):
        case {"seq": int(place), "data": {"via": str(via)}} if place == seq:
            return via
        case _:
            return ""


def surface_of(via: str) -> str:
    """The surface of a mark: `http` of `http/KEY`."""
    return via.partition("/")[0]
