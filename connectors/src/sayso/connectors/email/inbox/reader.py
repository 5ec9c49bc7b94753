"""Reads the mailbox: what came in, whole threads, and that something may have come.

All of it runs in a thread, on one `ImapSession`; what it gives back is finished.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from sayso.actions.model.definition import Assurance, Subject
from sayso.connectors.desk import Author, Changes, DeskMessage, Thread
from sayso.connectors.email.inbox.cursor import FolderMark, MailCursor
from sayso.connectors.email.inbox.heads import MOST_HEAD_BYTES, MailHead, read_head
from sayso.connectors.email.inbox.letter import MOST_BYTES, MailRead, read_letter, too_large
from sayso.connectors.email.inbox.mailbox import ImapSession, Listed, MailFolder
from sayso.connectors.email.inbox.threads import (
    MailPlace,
    ThreadEntry,
    Threads,
    account_id,
    ours_in,
    receipt_id,
    thread_of,
)
from sayso.connectors.email_address import is_address
from sayso.errors import Code, RefusedError

_REMEMBERED = timedelta(days=180)
_MOST_REMEMBERED = 50_000
"""So many mails of a folder are known as parts of threads at most, the newest ones."""
_SECOND = timedelta(microseconds=999_999)
_PAGE = 50
_CHUNK = 500
_SMALL = 200_000
_LARGEST_REPORT = 1_000_000
_THREAD_PAGE = 30
"""So many mails of a thread are shown, the newest ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxFolders:
    """Which folders count.

    Attributes:
        inbox: where customers' mails come in. sent: where those lie that went out; empty for none.
        done: where ended threads are moved; empty where they stay.
        trust: the authserv-id of our mail server; empty for none.
    """

    inbox: str = "INBOX"
    sent: str = ""
    done: str = ""
    trust: str = ""

    @property
    def read(self) -> tuple[str, ...]:
        """Those in which new mails are looked for."""
        return tuple(filter(None, (self.inbox, self.sent)))

    @property
    def all(self) -> tuple[str, ...]:
        """Those of whose mails threads are made."""
        return tuple(filter(None, (self.inbox, self.sent, self.done)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Correspondent:
    """Who is answered in a thread, and what.

    Attributes:
        address: theirs, as their mails have it. account: what the mailbox calls them.
        answers: the head of their newest mail. root: of the conversation.
        title: the subject line of the first mail.
    """

    address: str
    account: str
    answers: MailHead
    root: str
    title: str


@dataclass(slots=True)
class MailReader:
    """Reads one mailbox.

    Attributes:
        folders: which count. threads: what is known of its conversations.
    """

    folders: InboxFolders
    threads: Threads
    _known: dict[str, FolderMark] = field(default_factory=dict[str, FolderMark])
    next_uid: int = 0
    """Of the inbox, when it was last read."""

    def changes(
        self, session: ImapSession, cursor: str, now: datetime, begun: datetime | None = None
    ) -> Changes:
        """See `Desk.changes`. A folder that is named later is read from then on."""
        marks = dict(MailCursor.read(cursor).marks)
        room, more = _PAGE, False
        messages: list[DeskMessage] = []
        self.refresh(session, now)
        for name in self.folders.read:
            folder = session.open(name)
            if name == self.folders.inbox:
                self.next_uid = folder.next_uid
            if name not in marks and (cursor or begun is None):
                last = max(folder.next_uid - 1, 0)
                marks[name] = FolderMark(validity=folder.validity, uid=last, newest=now, begun=now)
                continue
            if name not in marks:
                assert begun is not None, "it is the first look"
                first = FolderMark(validity=folder.validity, uid=0, newest=begun, begun=begun)
                marks[name] = replace(first, since=begun)
            found, marks[name], is_more = self._new(session, marks[name].at(folder), name, room)
            messages += found
            room, more = max(room - len(found), 1), more or is_more
        messages.sort(key=lambda one: one.at)  # stable: within a second, in the folder's order
        return Changes(messages=tuple(messages), cursor=MailCursor(marks=marks).write(), more=more)

    def _new(
        self, session: ImapSession, mark: FolderMark, name: str, room: int
    ) -> tuple[list[DeskMessage], FolderMark, bool]:
        criteria = f"UID {mark.uid + 1}:*"
        if mark.since is not None:
            # SEARCH knows days alone, in the server's time zone: one more is never too little.
            criteria += f" SINCE {_day(mark.since - timedelta(days=1))}"
        uids = [uid for uid in session.search(criteria) if uid > mark.uid]
        found: list[DeskMessage] = []
        sizes = session.sizes(uids[:room])
        # Most mails are small, and a command for each would cost more than they do.
        small = session.wholes([one.uid for one in sizes if one.size < _SMALL])
        for listed in sizes:
            if mark.since is None or listed.at >= mark.since:
                raw = small.get(listed.uid)
                found += self._messages(session, listed, name, mark.since, raw)
            mark = replace(mark, uid=max(mark.uid, listed.uid), newest=max(mark.newest, listed.at))
        if uids[:room]:  # those that are gone meanwhile are passed as well
            mark = replace(mark, uid=max(mark.uid, uids[:room][-1]))
        if len(uids) <= room:
            mark = replace(mark, since=None)
        return found, mark, len(uids) > room

    def _messages(
        self,
        session: ImapSession,
        listed: Listed,
        name: str,
        since: datetime | None,
        raw: bytes | None,
    ) -> list[DeskMessage]:
        mail = self._letter(session, listed) if raw is None else self._read(raw)
        # A mailbox that was moved may have today's date on every mail of years.
        if mail is None or (since is not None and _is_before(mail.head.date, since)):
            return []
        entries = self._taken(mail, MailPlace(name, listed.uid), listed.at)
        if self.threads.is_own(mail.head.sender):
            entries = tuple(one for one in entries if self.threads.of(one.thread))
        return [self.message(entry, mail) for entry in entries]

    def _taken(self, mail: MailRead, place: MailPlace, at: datetime) -> tuple[ThreadEntry, ...]:
        """Take a mail in; a delivery report belongs to the thread of what did not arrive."""
        root = ours_in(mail.returned)[0]
        thread = thread_of(root, mail.returned_to) if root else ""
        if thread and self.threads.of(thread):
            return (self.threads.add_to(thread, mail.head, place, at),)
        return self.threads.add(mail.head, place, at)

    def _letter(self, session: ImapSession, listed: Listed) -> MailRead | None:
        if listed.size > MOST_BYTES:
            raw = session.header(listed.uid, MOST_HEAD_BYTES)
            return None if raw is None else too_large(read_head(raw, self.folders.trust))
        raw = session.whole(listed.uid)
        return None if raw is None else self._read(raw)

    def _read(self, raw: bytes) -> MailRead:
        return read_letter(raw, self.folders.trust)

    def message(self, entry: ThreadEntry, mail: MailRead) -> DeskMessage:
        """A mail as a message of a thread."""
        author = self._author(entry, mail.head)
        subject = None
        if author == "customer":
            known = Assurance.VERIFIED if mail.head.is_authentic else Assurance.UNVERIFIED
            subject = Subject(id=account_id(mail.head.sender), assurance=known)
        return DeskMessage(
            id=entry.id,
            thread=entry.thread,
            author=author,
            # To the second, as servers tell it: its end, or it would seem to be from before.
            at=entry.at + _SECOND,
            text=_with_title(mail) if author == "customer" else mail.text or mail.head.title,
            whole=mail.whole,
            subject=subject,
            attachments=mail.attachments,
            undelivered=receipt_id(mail.returned) or (f"<{mail.returned}>" * bool(mail.returned)),
        )

    def _author(self, entry: ThreadEntry, head: MailHead) -> Author:
        if self.threads.is_own(head.sender):
            if entry.place.folder == self.folders.sent:
                return "sayso" if ours_in(head.message_id)[0] else "colleague"
            # INVARIANT: whoever writes a From of ours silences nobody, unless our server vouches.
            return "colleague" if head.is_authentic and not head.machine else "machine"
        return "machine" if head.machine else "customer"

    def refresh(self, session: ImapSession, now: datetime) -> None:
        """Take in the heads of what is new since the last look."""
        for name in self.folders.all:
            folder = session.open(name)
            known = self._known.get(name)
            begins = known is None or known.at(folder) is not known
            if begins:
                self.threads.forget(name)
                uids = session.search(f"SINCE {_day(now - _REMEMBERED)}")[-_MOST_REMEMBERED:]
            else:
                assert known is not None
                uids = [u for u in session.search(f"UID {known.uid + 1}:*") if u > known.uid]
            last = 0 if known is None or begins else known.uid
            # Kept chunk by chunk: whoever gives up a long first look has the next one go on here.
            for start in range(0, max(len(uids), 1), _CHUNK):
                chunk = uids[start : start + _CHUNK]
                for listed in list(session.heads(chunk)):  # a report is read whole meanwhile
                    self._index(session, listed, MailPlace(name, listed.uid))
                last = max([last, *chunk])
                self._known[name] = FolderMark(
                    validity=folder.validity, uid=last, newest=now, begun=now
                )
        # After all folders: a mail that was moved is in another one by now.
        self.threads.settle()

    def _index(self, session: ImapSession, listed: Listed, place: MailPlace) -> None:
        head = read_head(listed.head)
        mail = None
        if head.is_report and listed.size < _LARGEST_REPORT:
            mail = self._letter(session, listed)
        if mail is None:
            self.threads.add(head, place, listed.at)
        else:
            self._taken(mail, place, listed.at)

    def read_thread(self, session: ImapSession, thread: str, now: datetime) -> Thread:
        """See `Desk.read_thread`."""
        self.refresh(session, now)
        entries = self._entries(thread)
        shown: list[DeskMessage] = []
        first: MailHead | None = None
        for entry in entries[-_THREAD_PAGE:]:
            mail = self._at(session, entry)
            if mail is not None:
                first = first or mail.head
                shown.append(self.message(entry, mail))
        if first is None:
            raise gone()
        return Thread(id=thread, title=first.title, is_open=True, messages=tuple(shown))

    def correspondent(self, session: ImapSession, thread: str, now: datetime) -> Correspondent:
        """Whom a thread is with, read now.

        Raises:
            RefusedError: `unknown_object`; `wrong_state` where nobody can be answered in it.
        """
        self.refresh(session, now)
        head = self._first_head(session, thread, newest=True)
        oldest = self._first_head(session, thread)
        if not is_address(head.sender):
            raise RefusedError(Code.WRONG_STATE, "nobody can be answered in this conversation")
        return Correspondent(
            address=head.sender,
            account=account_id(head.sender),
            answers=head,
            root=self.threads.root_of(head),
            title=oldest.title,
        )

    def places(self, session: ImapSession, thread: str, now: datetime) -> list[MailPlace]:
        """Where the customer's mails of a thread lie in the inbox."""
        self.refresh(session, now)
        entries = self._entries(thread)
        return [
            one.place
            for one in entries
            if one.is_customers and one.place.folder == self.folders.inbox
        ]

    def is_answered(self, session: ImapSession, message_id: str) -> bool:
        """Whether a mail of ours is seen to have gone: it lies among the sent, or is answered."""
        quoted = message_id.replace('"', "")
        if self.folders.sent:
            session.open(self.folders.sent)
            if session.search(f'HEADER MESSAGE-ID "{quoted}"'):
                return True
        session.open(self.folders.inbox)
        return bool(
            session.search(f'OR HEADER REFERENCES "{quoted}" HEADER IN-REPLY-TO "{quoted}"')
        )

    def _entries(self, thread: str) -> list[ThreadEntry]:
        entries = self.threads.of(thread)
        if not entries:
            raise gone()
        return entries

    def _at(self, session: ImapSession, entry: ThreadEntry) -> MailRead | None:
        self._open(session, entry.place.folder)
        listed = session.sizes([entry.place.uid])
        mail = self._letter(session, listed[0]) if listed else None
        if mail is None:
            self.threads.forget(entry.place.folder, [entry.place.uid])
        return mail

    def _head(self, session: ImapSession, entry: ThreadEntry) -> MailHead | None:
        self._open(session, entry.place.folder)
        raw = session.header(entry.place.uid, MOST_HEAD_BYTES)
        if raw is None:
            self.threads.forget(entry.place.folder, [entry.place.uid])
        return None if raw is None else read_head(raw, self.folders.trust)

    def _first_head(self, session: ImapSession, thread: str, *, newest: bool = False) -> MailHead:
        """The head of a thread's first mail that is still there, or of the customer's newest one.

        Raises: RefusedError: `unknown_object`, where none is.
        """
        while True:
            entries = self._entries(thread)
            if newest:
                entries = [one for one in reversed(entries) if one.is_customers]
            head = self._head(session, entries[0])  # one that is gone is forgotten
            if head is not None:
                return head

    def _open(self, session: ImapSession, folder: str) -> MailFolder:
        opened = session.opened
        return opened if opened is not None and opened.name == folder else session.open(folder)


def _with_title(mail: MailRead) -> str:
    """The words with the subject line before them, where it begins a conversation and says more."""
    title = mail.head.title
    begins = not mail.head.references and not mail.head.answers
    if not begins or not title or title.casefold() in mail.text.casefold():
        return mail.text or title
    return f"{title}\n\n{mail.text}".strip()


def _is_before(date: str, since: datetime) -> bool:
    """Whether a Date header names a time more than a day before; not where it can't be read."""
    with suppress(ValueError, TypeError, IndexError, OverflowError):
        written = parsedate_to_datetime(date)
        zoned = written if written.tzinfo is not None else written.replace(tzinfo=UTC)
        return zoned < since - timedelta(days=1)
    return False


def gone() -> RefusedError:
    """The thread is not in the mailbox, or not any more."""
    return RefusedError(
        Code.UNKNOWN_OBJECT,
        "the conversation is not in the mailbox any more",
        next_step="look in the mailbox; its mails may have been moved or deleted",
    )


def _day(moment: datetime) -> str:
    """A day as SEARCH takes it: English, whatever the machine speaks."""
    months = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
    return f"{moment.day}-{months[moment.month - 1]}-{moment.year}"
