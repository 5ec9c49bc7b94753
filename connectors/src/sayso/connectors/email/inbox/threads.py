"""Which mails are one conversation, and with whom.

A thread is a root and a customer: whoever else answers into it is another customer, in a thread of
their own, so nothing that is said to one reaches the other. The root is the first mail that the
References name. Our own mails carry it in their Message-ID, since References are cut on the way.

INVARIANT: a thread's id names nobody. It is a digest of the root's digest and the address, so a
Message-ID that somebody else copies leads to a thread of their own.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from sayso.connectors.email.inbox.heads import MailHead
from sayso.connectors.email_address import is_address

_OURS = re.compile(r"sayso\.([0-9a-f]{24})\.([0-9a-f]{40})@")
_PLAIN_ID = re.compile(r"[a-z0-9][a-z0-9_.@+-]{0,127}")
_CODED = "b32-"
_DIGEST = "sha-"


@dataclass(frozen=True, slots=True, order=True)
class MailPlace:
    """Where a mail lies: a folder, and its number there."""

    folder: str
    uid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadEntry:
    """A mail as the threads know it.

    Attributes:
        id: see `MailHead.id`; that of the receipt for what we wrote.
        thread: empty where it belongs to none, such as a colleague's to nobody who wrote.
        place: one of those where it lies. at: when it came in.
        is_customers: whether the From is the thread's customer.
    """

    id: str
    thread: str
    place: MailPlace
    at: datetime
    is_customers: bool


@dataclass(slots=True)
class Threads:
    """The conversations of a mailbox.

    Attributes:
        own: our own addresses, and domains of colleagues such as `@shop.example`.
    """

    own: frozenset[str]
    _roots: dict[str, str] = field(default_factory=dict[str, str])
    _entries: dict[str, dict[MailPlace, ThreadEntry]] = field(
        default_factory=dict[str, "dict[MailPlace, ThreadEntry]"]
    )
    _latest: dict[str, ThreadEntry] = field(default_factory=dict[str, ThreadEntry])
    _at: dict[MailPlace, set[str]] = field(default_factory=dict[MailPlace, "set[str]"])
    _named: dict[MailPlace, str] = field(default_factory=dict[MailPlace, str])
    _has_forgotten: bool = False

    def add(self, head: MailHead, place: MailPlace, at: datetime) -> tuple[ThreadEntry, ...]:
        """Take a mail in, in every thread that it belongs to.

        Returns:
            one entry for a customer's mail; for one of ours, one for each customer it went to who
            has written in that conversation, and none where nobody has.
        """
        root = self.root_of(head)
        if head.message_id:
            self._roots.setdefault(head.message_id, root)
            self._named[place] = head.message_id
        mine = self.is_own(head.sender)
        people = [one for one in head.recipients if not self.is_own(one)] if mine else [head.sender]
        entries = tuple(
            ThreadEntry(
                id=(receipt_id(head.message_id) if mine else "") or head.id,
                thread=thread_of(root, person),
                place=place,
                at=at,
                is_customers=not mine,
            )
            for person in dict.fromkeys(people)
        )
        for entry in entries:
            self._put(entry)
            if entry.is_customers and not head.machine:
                self._latest[head.sender] = max(
                    entry, self._latest.get(head.sender, entry), key=_order
                )
        return entries

    def latest_of(self, address: str) -> str:
        """The thread in which somebody wrote last; empty where they did not."""
        found = self._latest.get(address.lower())
        return found.thread if found is not None and self.of(found.thread) else ""

    def add_to(self, thread: str, head: MailHead, place: MailPlace, at: datetime) -> ThreadEntry:
        """Take a mail in that somebody else's machine wrote about a thread."""
        entry = ThreadEntry(id=head.id, thread=thread, place=place, at=at, is_customers=False)
        self._put(entry)
        return entry

    def _put(self, entry: ThreadEntry) -> None:
        self._entries.setdefault(entry.thread, {})[entry.place] = entry
        self._at.setdefault(entry.place, set()).add(entry.thread)

    def root_of(self, head: MailHead) -> str:
        """The digest of the conversation's first mail.

        The order matters: what we wrote says it for certain, then any mail that is here, then the
        oldest that is named, and what names none is a conversation of its own: a subject line
        alone never joins two.
        """
        named = [*head.references, *([head.answers] if head.answers else [])]
        for message_id in (*reversed(named), head.message_id):
            if root := ours_in(message_id)[0]:
                return root
        for message_id in named:
            if root := self._roots.get(message_id, ""):
                return root
        first = named[0] if named else head.message_id or head.id
        return root_digest(first)

    def is_own(self, address: str) -> bool:
        """Whether an address is ours, or a colleague's."""
        return address in self.own or f"@{address.rpartition('@')[2]}" in self.own

    def of(self, thread: str) -> list[ThreadEntry]:
        """The mails of a thread, oldest first, each once; empty where no customer wrote."""
        found = sorted(self._entries.get(thread, {}).values(), key=_order)
        once = {one.id: one for one in reversed(found)}
        if not any(one.is_customers for one in found):
            return []
        return [one for one in found if once[one.id] is one]

    def forget(self, folder: str, uids: Iterable[int] | None = None) -> None:
        """Let mails go that are not there any more; all of a folder unless said which."""
        gone = (
            [place for place in {*self._at, *self._named} if place.folder == folder]
            if uids is None
            else [MailPlace(folder, uid) for uid in uids]
        )
        self._has_forgotten = self._has_forgotten or bool(gone)
        for place in gone:
            self._named.pop(place, None)
            for thread in self._at.pop(place, ()):
                del self._entries[thread][place]
                if not self._entries[thread]:
                    del self._entries[thread]

    def settle(self) -> None:
        """Let go of what only mails have told that are forgotten, and not taken in again since."""
        if not self._has_forgotten:
            return
        self._has_forgotten = False
        named = set(self._named.values())
        self._roots = {one: root for one, root in self._roots.items() if one in named}
        self._latest = {
            who: one for who, one in self._latest.items() if one.thread in self._entries
        }


def root_digest(message_id: str) -> str:
    """The root as our Message-IDs carry it: 24 hexadecimal digits."""
    return hashlib.sha256(f"sayso/mail-root/v1\0{message_id}".encode()).hexdigest()[:24]


def thread_of(root: str, address: str) -> str:
    """The id of the conversation with one customer about one thing."""
    text = f"sayso/mail-thread/v1\0{root}\0{address.lower()}"
    return f"t{hashlib.sha256(text.encode()).hexdigest()[:32]}"


def ours_in(message_id: str) -> tuple[str, str]:
    """The root and the digest of the key in a Message-ID of ours; empty for all others."""
    found = _OURS.match(message_id)
    return (found[1], found[2]) if found else ("", "")


def receipt_id(message_id: str) -> str:
    """The id of the receipt of a mail of ours, which has no root; empty for all others."""
    digest = ours_in(message_id)[1]
    return f"<{digest}@{message_id.rpartition('@')[2]}>" if digest else ""


def _order(entry: ThreadEntry) -> tuple[datetime, bool, int]:
    """Servers tell whole seconds; within one, numbers go on, and our answer is the later one."""
    return entry.at, not entry.is_customers, entry.place.uid


def account_id(address: str) -> str:
    """What the mailbox calls whoever has an address: the address, as far as an id can hold it."""
    lower = address.lower()
    if _PLAIN_ID.fullmatch(lower) and not lower.startswith((_CODED, _DIGEST)):
        return lower
    coded = base64.b32encode(lower.encode()).decode().rstrip("=").lower()
    if len(coded) <= 120:
        return f"{_CODED}{coded}"
    return f"{_DIGEST}{hashlib.sha256(lower.encode()).hexdigest()[:40]}"


def address_in(account: str) -> str:
    """The address of such an id; empty where it can't be told, or it is none."""
    if account.startswith(_CODED):
        coded = account.removeprefix(_CODED).upper()
        try:
            address = base64.b32decode(coded + "=" * (-len(coded) % 8)).decode()
        except ValueError:
            return ""
        return address if is_address(address) else ""
    return account if is_address(account) and account == account.lower() else ""
