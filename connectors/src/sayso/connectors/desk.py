"""Where customers write and colleagues sit, such as a help desk or a mailbox: a role of connectors.

A desk's webhook is only a bell: what it speaks of is read at the desk. `changes` is what makes
intake complete, since most desks ring seldom, twice or never again. Whatever goes out is an action
of the desk, through the engine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, Protocol, runtime_checkable

from sayso.actions.model.definition import Subject
from sayso.secret import Secret

Author = Literal["customer", "colleague", "sayso", "machine"]
"""Who wrote: `machine` is whoever must never be answered, such as another bot, an auto-reply, a
mailing list or a delivery report; `sayso` is what we wrote ourselves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskParts:
    """Which of a connector's actions play which part, by their full names; empty for none.

    Attributes:
        thread_arg: the argument of all of them that names the thread.
        thread_kind: the kind of record that a thread is, such as `ticket`.
        reply: to the customer, with `text`. note: to colleagues, with `text`.
        hand_over: gives the thread to colleagues, with a note in `text`; without `hand_over_text`
            it takes none, and the note is written first by itself.
        close: ends the thread.
    """

    thread_arg: str
    thread_kind: str
    reply: str
    note: str = ""
    hand_over: str = ""
    hand_over_text: bool = True
    close: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """What hangs on a message; its content is never read.

    Attributes:
        name: without control characters, at most 120. size: in bytes; None where nobody says.
    """

    name: str
    kind: str
    size: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskMessage:
    """One message in a thread.

    Attributes:
        id: the desk's own, the same however often and by whichever way it is read.
        at: when it was written, as the desk has it.
        text: the words, without markup, hidden text and quoted older messages.
        whole: with what was cut as quoted; empty where nothing was.
        subject: the writer's account at the desk's provider, with how surely they are known; None
            for everybody but customers.
        public: whether the customer sees it.
        undelivered: of a delivery report: the id of the message of ours that did not arrive.
    """

    id: str
    thread: str
    author: Author
    at: datetime
    text: str
    whole: str = ""
    subject: Subject | None = None
    public: bool = True
    attachments: tuple[Attachment, ...] = ()
    undelivered: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Thread:
    """A conversation as the desk shows it now.

    Attributes:
        is_open: whether the customer can be answered in it.
        assignee: the colleague who has taken it, as the desk names them; empty for nobody.
        messages: the newest ones, oldest first.
    """

    id: str
    title: str
    is_open: bool
    assignee: str = ""
    messages: tuple[DeskMessage, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """A page of what has changed since a cursor.

    Attributes:
        threads: to be read again, oldest change first.
        messages: those that came along whole; their threads need not be read for them.
        changed: of those of the threads of which the desk tells it: when they changed last.
        settles: so long after a time another change of the same time may come to be.
        cursor: what to go on from, once all of the page is stored. more: whether to go on at once.
    """

    threads: tuple[str, ...] = ()
    messages: tuple[DeskMessage, ...] = ()
    changed: Mapping[str, datetime] = field(default_factory=dict[str, datetime])
    settles: timedelta = timedelta()
    cursor: str
    more: bool = False


@runtime_checkable
class Desk(Protocol):
    """A connector at which customers write."""

    @property
    def desk(self) -> DeskParts | None:
        """Its parts; None where it is no desk as it is set up."""
        ...

    async def changes(self, cursor: str, begun: datetime | None = None) -> Changes:
        """What has changed since; where the cursor is empty, since `begun`, else from now on.

        Changes nothing. May name a thread twice, also one in which nothing is new, or nothing since
        `begun`.

        Args:
            begun: when the desk was connected: what came before it was read for the first time is
                not lost.

        Raises:
            RefusedError: the provider said no. RetryableError: it cannot be read now.
        """
        ...

    async def read_thread(self, thread: str) -> Thread:
        """The thread as it is now. Changes nothing.

        Raises:
            RefusedError: `unknown_object`: it is gone. RetryableError: it cannot be read now.
        """
        ...


@runtime_checkable
class Ringing(Protocol):
    """A desk that says itself when something may have changed, as IMAP does while it is idle."""

    async def ring(self) -> None:
        """Return as soon as something may have changed.

        Raises:
            RetryableError: nobody can hear it now.
        """
        ...


@runtime_checkable
class Belled(Protocol):
    """A desk that rings by a webhook."""

    def rung(
        self, secret: Secret, headers: Mapping[str, str], body: bytes, now: datetime
    ) -> str | None:
        """The thread that a webhook speaks of; None where it is about none.

        Args:
            headers: by lower-case name. body: as it came.

        Raises:
            RefusedError: `unauthenticated`, for one that isn't the desk's.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskFinding:
    """One thing that was looked at.

    Attributes:
        says: what was found. is_fine: whether nothing has to be done. next_step: else what.
    """

    says: str
    is_fine: bool = True
    next_step: str = ""


@runtime_checkable
class SelfChecking(Protocol):
    """A desk that can say how it is set up."""

    async def check(self) -> Sequence[DeskFinding]:
        """Log in, look, and say what was found, with a remedy for what is wrong. Changes nothing.

        Raises: nothing that is a finding.
        """
        ...
