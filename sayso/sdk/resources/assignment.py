"""Who looks after a card: given to a colleague by a person, and who is named in its notes.

It decides nothing and gives nobody a power: whoever may answer the card may still, and nobody else.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sayso.actions.approvals.repository import action_of, get_approval
from sayso.audit.entry import Actor, ActorKind, Entry, EntryKind, Json
from sayso.errors import Code, RefusedError
from sayso.ids import Tenant, to_micros
from sayso.sdk.resources.calling import call, names_of
from sayso.sdk.resources.notes import asked_about
from sayso.sdk.views.rows import NoteView
from sayso.store.base import Reader, Transaction, text, text_or_none
from sayso.text import plain

if TYPE_CHECKING:
    from sayso.sdk.container import Container


async def give_card(
    container: Container,
    approval_id: str,
    to: str | None,
    *,
    tenant: Tenant,
    by: str,
    via: str,
) -> None:
    """Give a card to somebody, or to nobody; a test card's too, which nobody may tell by it.

    Given to whoever has it already, nothing is changed.

    Raises:
        RefusedError: `not_found`, for the card or the person.
    """

    def write(tx: Transaction) -> None:
        test = tx.one("canary.by_id", tenant=tenant, id=approval_id)
        shown = approval_id if test is None else text(test, "source_id")
        row = action_of(tx, get_approval(tx, tenant, shown))
        about = asked_about(row) if test is None else approval_id
        if to is not None and container.directory.at(tx, tenant).person(to) is None:
            raise RefusedError(
                Code.NOT_FOUND,
                f"`{plain(to, limit=64)}` is no active person here",
                next_step="give it to somebody whom `sayso people list` names",
            )
        if assignee_of(tx, tenant, about) == to:
            return
        now = to_micros(container.clock.now())
        data: dict[str, Json] = {"about": about, "work": "solution", "via": via, "person": to}
        entry = Entry(
            kind=EntryKind.WORK_TAKEN,
            actor=Actor(kind=ActorKind.PERSON, id=by),
            request=row.request_id if test is None else None,
            subject=container.context.personal.pseudonym(tx, tenant, row.subject.id, now),
            data=data,
        )
        seq = container.log.append(tx, tenant, entry, at=now)
        tx.run(
            "work.put",
            tenant=tenant,
            about=about,
            assignee=to,
            ended_at=None,
            now=now,
            last_seq=seq,
        )
        if to is not None and to != by:
            call(tx, tenant, to, about, seq, now)

    await container.store.write(write)


def assignee_of(reader: Reader, tenant: Tenant, about: str) -> str | None:
    """Who has a card, by what it is about; None where nobody was given it."""
    row = reader.one("work.by_about", tenant=tenant, about=about)
    return None if row is None else text_or_none(row, "assignee")


def named_in(notes: Sequence[NoteView]) -> frozenset[str]:
    """Whom notes name, as `@maria`, in lower case; whether there is such a person is not asked."""
    return frozenset(name for note in notes for name in names_of(note.text))
