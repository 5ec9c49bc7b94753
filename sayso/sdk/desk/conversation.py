"""A thread of your own desk: what your program tells of it, and what Sayso says there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from sayso.actions.model.action_row import ActionRow, read_action
from sayso.actions.model.definition import Subject
from sayso.actions.model.digest import hash_of_texts
from sayso.actions.model.status import Status
from sayso.agent.conversation import writer_of
from sayso.agent.request_row import RequestRow
from sayso.connectors.desk import Attachment, DeskMessage
from sayso.connectors.desks import Desks
from sayso.errors import Code, RefusedError
from sayso.frozen import replace
from sayso.ids import rfc3339
from sayso.sdk.desk.intake import Intake, fall_silent, handing_over
from sayso.sdk.desk.rows import Place, find_thread, ring
from sayso.sdk.views.base import View
from sayso.store.base import Reader, Transaction

if TYPE_CHECKING:
    from sayso.sdk.container import Container

Writer = Literal["customer", "colleague", "machine"]
_PAGE = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenMessage:
    """A message that somebody has written in a thread.

    Attributes:
        id: your own of it: the same one is taken in once.
        author: `machine` is whoever must never be answered.
        subject: the customer, as far as you know them; None for everybody else.
        text: a customer's words; nobody else's are kept.
        files: names of what hangs on it. closed: the thread has ended, as a colleague says.
    """

    id: str
    author: Writer
    subject: Subject | None = None
    text: str = ""
    files: tuple[str, ...] = ()
    closed: bool = False


class ToldView(View):
    """What came of a message.

    Attributes:
        request_id: the request that it is a turn of; None where nobody plans on it.
        silent: why Sayso says nothing more in the thread; None while it does.
    """

    desk: str
    thread: str
    request_id: str | None = None
    silent: str | None = None


class WordsView(View):
    """Something that was said in a thread.

    Attributes:
        kind: `reply` to the customer; `note`, `hand_over` to colleagues; `close` ends it.
        by: who said it: `system:desk` is Sayso. text: empty once it was erased.
    """

    action_id: str
    request_id: str | None = None
    kind: str
    text: str = ""
    by: str
    at: str


class ConversationView(View):
    """What was said in a thread, oldest first; `silent` as in `ToldView`."""

    desk: str
    thread: str
    silent: str | None = None
    said: tuple[WordsView, ...] = ()


async def tell(container: Container, place: Place, thread: str, told: WrittenMessage) -> ToldView:
    """Take in what somebody has written.

    Guarantees: once it has returned, a crash loses nothing of it.

    Raises:
        RefusedError: `invalid_input`; `not_owner`, for another customer than the thread's;
            `empty_message`, `message_too_long`, `idempotency_conflict`, as for `Sayso.ask`.
    """
    row = await _ask(container, place, thread, told) if told.author == "customer" else None

    def write(tx: Transaction) -> str | None:
        if told.author != "machine":
            ring(tx, place, thread, container.context.now())
        if told.author == "colleague":
            fall_silent(tx, container, place, thread, "closed" if told.closed else "answered")
        known = find_thread(tx, place, thread)
        silent = None if known is None else known.silent
        if row is not None and silent is not None:  # also where a colleague wrote meanwhile
            handing_over(container)(tx, row.id)
        return silent

    silent = await container.store.write(write)
    container.dispatcher.wake()
    request_id = None if row is None else row.id
    return ToldView(desk=place.name, thread=thread, request_id=request_id, silent=silent)


async def _ask(container: Container, place: Place, thread: str, told: WrittenMessage) -> RequestRow:
    if told.subject is None:
        raise RefusedError(
            Code.INVALID_INPUT,
            "a customer's message has no `subject`",
            next_step="say whose account writes, and how surely you know that",
        )
    given = replace(told.subject, provider=told.subject.provider or place.section.customers or "")
    subject = container.connectors.subject(given)
    known = await container.store.read(lambda reader: find_thread(reader, place, thread))
    silent = known is not None and known.silent is not None
    container.warm_up()
    message = DeskMessage(
        id=hash_of_texts(thread, told.id)[:32],
        thread=thread,
        author="customer",
        at=container.clock.now(),
        text=told.text,
        subject=subject,
        attachments=tuple(Attachment(name=one, kind="") for one in told.files),
    )
    intake = Intake(container=container, place=place, account="")
    return await intake.told(message, to_people=silent)


def show_conversation(
    reader: Reader, container: Container, place: Place, thread: str
) -> ConversationView:
    """What was said in a thread, the newest 200 of each kind.

    Raises:
        RefusedError: `not_found`.
    """
    known = find_thread(reader, place, thread)
    if known is None:
        raise RefusedError(Code.NOT_FOUND, "nothing was written in this thread")
    owner = writer_of(reader, place.tenant, place.conversation(thread))
    said = [] if owner is None else _said(reader, container, place, thread, owner)
    said.sort(key=lambda one: one.action_id)
    return ConversationView(desk=place.name, thread=thread, silent=known.silent, said=tuple(said))


def _said(
    reader: Reader, container: Container, place: Place, thread: str, owner: str
) -> list[WordsView]:
    parts = Desks(container.connectors).parts(place.connector)
    found: list[WordsView] = []
    for kind, name in (
        ("reply", parts.reply),
        ("note", parts.note),
        ("hand_over", parts.hand_over),
        ("close", parts.close),
    ):
        rows = reader.all(
            "action.page_of_subject",
            tenant=place.tenant,
            subject_id=owner,
            after=None,
            status=Status.SUCCEEDED.value,
            name=name,
            limit=_PAGE,
        )
        actions: Sequence[ActionRow] = [read_action(row) for row in rows]
        found += [_show(kind, one) for one in actions if one.args.get(parts.thread_arg) == thread]
    return found


def _show(kind: str, row: ActionRow) -> WordsView:
    text = row.args.get("text")
    return WordsView(
        action_id=row.id,
        request_id=row.request_id,
        kind=kind,
        text=text if isinstance(text, str) else "",
        by=row.requester,
        at=rfc3339(row.updated_at),
    )
