"""A help desk in memory: threads that customers, colleagues and Sayso write in, with its faults.

It keeps its own books, so that "each answer once, in order" is counted at the desk.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

from pydantic import Field

from sayso.actions.model.definition import (
    Action,
    Args,
    Assurance,
    Effect,
    Subject,
    idempotent,
)
from sayso.actions.model.snapshot import Absence, Call, Receipt, Record, Resolved
from sayso.connectors.desk import (
    Attachment,
    Author,
    Changes,
    DeskMessage,
    DeskParts,
    Thread,
)
from sayso.errors import Code, OutcomeUnknownError, RefusedError, RetryableError

Fault = Literal["lost_after", "lost_before", "unreachable", "says_no", "outdated"]


class ThreadArgs(Args):
    """The thread alone."""

    thread: str = Field(min_length=1, max_length=64)


class TextArgs(ThreadArgs):
    """The thread, and what to write."""

    text: str = Field(min_length=1, max_length=5000)


class HandOverArgs(TextArgs):
    """Likewise, and the group that gets it."""

    group: int


@dataclass(slots=True)
class Ticket:
    """A thread in the desk's books."""

    id: str
    customer: str
    messages: list[DeskMessage] = field(default_factory=list[DeskMessage])
    is_open: bool = True
    assignee: str = ""
    group: int | None = None


@dataclass(slots=True)
class DeskBooks:
    """The desk's own books, shared by all who have it open."""

    tickets: dict[str, Ticket] = field(default_factory=dict[str, Ticket])
    changed: list[str] = field(default_factory=list[str])
    """Threads in the order of their changes; the cursor is a place in it."""
    calls: list[str] = field(default_factory=list[str])
    keys: dict[str, str] = field(default_factory=dict[str, str])
    """What was done by each key."""

    def replies(self, thread: str) -> list[str]:
        """What the customer was told, in order."""
        found = self.tickets[thread].messages
        return [one.text for one in found if one.author == "sayso" and one.public]

    def notes(self, thread: str) -> list[str]:
        """What colleagues were told, in order."""
        found = self.tickets[thread].messages
        return [one.text for one in found if one.author == "sayso" and not one.public]


def _action(verb: str, args: type[Args], effect: Effect) -> Action:
    return Action(
        name=f"desk.{verb}",
        summary=verb,
        args=args,
        guarantee=idempotent(hours=24, settle_after_s=60),
        effect=effect,
        reversible=False,
        sentence=f"{verb} {{thread}}",
    )


class FakeDesk:
    """The connector, whose customers are the shop's.

    Args:
        now: the time by the desk's clock.
        page: changes on a page.
    """

    name = "desk"
    version = "1"
    customers_of = "shop"

    def __init__(
        self, now: Callable[[], datetime], books: DeskBooks | None = None, *, page: int = 50
    ) -> None:
        self.books = books or DeskBooks()
        self._now = now
        self._page = page
        self.faults: list[Fault] = []
        self.unreadable = False
        self.reads = 0
        self.on_call: Callable[[Call], None] | None = None
        self.on_changes: Callable[[], Awaitable[None]] | None = None
        self.on_read: Callable[[str], None] | None = None
        self.actions: Sequence[Action] = (
            _action("reply", TextArgs, Effect.MESSAGE),
            _action("note", TextArgs, Effect.CHANGE),
            _action("hand_over", HandOverArgs, Effect.CHANGE),
            _action("close", ThreadArgs, Effect.CHANGE),
        )
        self.desk: DeskParts | None = DeskParts(
            thread_arg="thread",
            thread_kind="thread",
            reply="desk.reply",
            note="desk.note",
            hand_over="desk.hand_over",
            close="desk.close",
        )

    # ---- what people do there ------------------------------------------------------------------

    def write(
        self,
        thread: str,
        text: str,
        *,
        customer: str = "ana",
        author: Author = "customer",
        public: bool = True,
        files: Sequence[str] = (),
        assurance: Assurance = Assurance.VERIFIED,
        undelivered: str = "",
    ) -> DeskMessage:
        """Somebody writes in a thread, which is made where there is none.

        Args:
            undelivered: of a delivery report: the receipt of what did not arrive.
        """
        ticket = self.books.tickets.setdefault(thread, Ticket(thread, customer))
        message = DeskMessage(
            id=f"{thread}-{len(ticket.messages) + 1}",
            thread=thread,
            author=author,
            at=self._now(),
            text=text,
            subject=Subject(id=customer, assurance=assurance) if author == "customer" else None,
            public=public,
            attachments=tuple(Attachment(name=one, kind="image/png") for one in files),
            undelivered=undelivered,
        )
        ticket.messages.append(message)
        self.books.changed.append(thread)
        return message

    def change(self, thread: str, *, is_open: bool | None = None, assignee: str = "") -> None:
        """A colleague takes or closes a thread."""
        ticket = self.books.tickets[thread]
        ticket.is_open = ticket.is_open if is_open is None else is_open
        ticket.assignee = assignee or ticket.assignee
        self.books.changed.append(thread)

    # ---- the contract --------------------------------------------------------------------------

    async def changes(self, cursor: str, begun: datetime | None = None) -> Changes:
        self._readable()
        if self.on_changes is not None:
            await self.on_changes()
        first = len(self.books.changed) if begun is None else 0
        begin = int(cursor) if cursor else first
        end = min(begin + self._page, len(self.books.changed))
        threads = tuple(dict.fromkeys(self.books.changed[begin:end]))
        more = end < len(self.books.changed)
        return Changes(threads=threads, cursor=str(end), more=more)

    async def read_thread(self, thread: str) -> Thread:
        self._readable()
        self.reads += 1
        if self.on_read is not None:
            self.on_read(thread)
        ticket = self.books.tickets.get(thread)
        if ticket is None:
            raise RefusedError(Code.UNKNOWN_OBJECT, "there is no such thread")
        return Thread(
            id=thread,
            title=f"thread {thread}",
            is_open=ticket.is_open,
            assignee=ticket.assignee,
            messages=tuple(ticket.messages),
        )

    async def resolve(self, action: Action, args: Args, subject: Subject) -> Resolved:
        self._readable()
        assert isinstance(args, ThreadArgs)
        ticket = self.books.tickets.get(args.thread)
        if ticket is None:
            raise RefusedError(Code.UNKNOWN_OBJECT, "there is no such thread")
        if not ticket.is_open:
            raise RefusedError(Code.WRONG_STATE, "the thread is closed")
        return Resolved(
            args=args.model_dump(),
            object_kind="thread",
            object_id=ticket.id,
            owner=ticket.customer,
            owner_proof="thread.customer",
            account="desk-1",
            payee="the customer of the thread",
            fields={"thread": ticket.id},
        )

    async def call(self, call: Call) -> Receipt:
        if self.on_call is not None:
            self.on_call(call)
        self.books.calls.append(call.idempotency_key)
        fault = self.faults.pop(0) if self.faults else None
        if fault == "unreachable":
            raise RetryableError(Code.PROVIDER_UNAVAILABLE, "the desk is closed", sent=False)
        if fault == "outdated":
            raise RetryableError(Code.PROVIDER_UNAVAILABLE, "it was changed", outdated=True)
        if fault == "says_no":
            raise RefusedError(Code.PROVIDER_REFUSED, "the desk said no")
        if fault == "lost_before":
            raise OutcomeUnknownError(Code.OUTCOME_UNKNOWN, "no answer came")
        receipt = self._do(call)
        if fault == "lost_after":
            raise OutcomeUnknownError(Code.OUTCOME_UNKNOWN, "no answer came")
        return receipt

    def _do(self, call: Call) -> Receipt:
        known = self.books.keys.get(call.idempotency_key)
        if known is not None:
            return Receipt(id=known, status="done")
        ticket = self.books.tickets[call.resolved.object_id]
        text = call.resolved.args.get("text")
        if isinstance(text, str):
            public = call.action == "desk.reply"
            self.write(ticket.id, text, author="sayso", public=public)
        if call.action == "desk.hand_over":
            group = call.resolved.args["group"]
            assert isinstance(group, int)
            ticket.group = group
        if call.action == "desk.close":
            ticket.is_open = False
        made = f"{call.action}-{len(self.books.keys) + 1}"
        self.books.keys[call.idempotency_key] = made
        return Receipt(id=made, status="done")

    async def look_up(self, call: Call) -> Receipt | Absence:
        self._readable()
        known = self.books.keys.get(call.idempotency_key)
        return Absence.ABSENT if known is None else Receipt(id=known, status="done")

    async def list_records(self, subject: Subject) -> Sequence[Record]:
        return ()

    async def close(self) -> None:
        pass

    def _readable(self) -> None:
        if self.unreadable:
            raise RetryableError(Code.PROVIDER_UNAVAILABLE, "the desk cannot be read")

    def edit(self, thread: str, number: int, text: str) -> None:
        """Somebody changes a message that stands there already."""
        messages = self.books.tickets[thread].messages
        messages[number] = replace(messages[number], text=text)
        self.books.changed.append(thread)
