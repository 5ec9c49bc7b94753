"""A mailbox that is emptied, renumbered, or holds a mail too large to load; without a server.

`tests/real/test_mail.py` shows the same of a real Dovecot. Here each turn of it costs nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest

from sayso.connectors.email.inbox.mailbox import ImapSession, Listed, MailFolder
from sayso.connectors.email.inbox.reader import InboxFolders, MailReader
from sayso.connectors.email.inbox.threads import Threads

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
THIRTY_MB = 30_000_000


@dataclass(slots=True)
class FakeSession:
    """One folder of an IMAP server, as far as it is read.

    Attributes:
        mails: by number, with when they came in. loaded: bytes of whole mails that were handed out.
    """

    validity: int = 1
    next_uid: int = 1
    mails: dict[int, tuple[bytes, datetime]] = field(
        default_factory=dict[int, tuple[bytes, datetime]]
    )
    loaded: int = 0

    def deliver(self, raw: bytes, at: datetime = NOW) -> None:
        """A mail comes in."""
        self.mails[self.next_uid] = raw, at
        self.next_uid += 1

    def renumber(self, *, emptied: bool = False) -> None:
        """The mailbox is rebuilt: other numbers, and another UIDVALIDITY."""
        kept = [] if emptied else list(self.mails.values())
        self.validity, self.next_uid, self.mails = self.validity + 1, 1, {}
        for raw, at in reversed(kept):
            self.deliver(raw, at)

    def open(self, name: str) -> MailFolder:
        return MailFolder(name=name, validity=self.validity, next_uid=self.next_uid)

    def search(self, criteria: str) -> list[int]:
        first = re.match(r"UID (\d+):\*", criteria)
        found = sorted(uid for uid in self.mails if first is None or uid >= int(first[1]))
        # The end of a range that begins behind it is the newest mail all the same: RFC 9051 §6.4.4.
        return found or sorted(self.mails)[-1:]

    def heads(self, uids: Sequence[int]) -> Iterator[Listed]:
        yield from (self._listed(uid, head=self.header(uid, 2_000) or b"") for uid in uids)

    def sizes(self, uids: Sequence[int]) -> list[Listed]:
        return [self._listed(uid) for uid in uids if uid in self.mails]

    def _listed(self, uid: int, head: bytes = b"") -> Listed:
        raw, at = self.mails[uid]
        return Listed(uid=uid, size=len(raw), at=at, head=head)

    def header(self, uid: int, most: int) -> bytes | None:
        return self.mails[uid][0].partition(b"\r\n\r\n")[0][:most]

    def whole(self, uid: int) -> bytes | None:
        self.loaded += len(self.mails[uid][0])
        return self.mails[uid][0]

    def wholes(self, uids: Sequence[int]) -> dict[int, bytes]:
        return {uid: self.whole(uid) or b"" for uid in uids}


def mail(number: int, at: datetime = NOW, text: bytes = b"") -> bytes:
    """A mail of Ana's."""
    head = (
        "From: ana@example.com\r\nTo: s@shop.example\r\nSubject: mail\r\n"
        f"Message-ID: <{number}@example.com>\r\nDate: {at:%a, %d %b %Y %H:%M:%S +0000}\r\n\r\n"
    )
    return head.encode() + (text or f"mail {number}".encode())


class Box:
    """A mailbox and who reads it, from its first look on."""

    def __init__(self) -> None:
        self.session = FakeSession()
        self.restart()
        self.cursor = ""
        self.read()

    def restart(self) -> None:
        """Another process reads on: it knows the cursor alone."""
        self.reader = MailReader(
            folders=InboxFolders(), threads=Threads(frozenset({"s@shop.example"}))
        )

    def read(self) -> dict[str, str]:
        """What is told as changed until nothing is, by id."""
        found: dict[str, str] = {}
        for _ in range(20):
            told = self.reader.changes(cast("ImapSession", self.session), self.cursor, NOW)
            found |= {one.id: one.text for one in told.messages}
            self.cursor = told.cursor
            if not told.more:
                return found
        raise AssertionError("it never ends")


@pytest.mark.promise("desk:mail:complete")
@pytest.mark.parametrize("restarted", [True, False])
def test_a_renumbered_mailbox_keeps_the_ids_of_its_mails(restarted: bool) -> None:
    """Also in another order, more than a page of them, and with one that came in meanwhile."""
    box = Box()
    for number in range(120):
        box.session.deliver(mail(number))
    before = box.read()
    assert len(before) == 120
    box.session.renumber()
    box.session.deliver(mail(120))
    if restarted:
        box.restart()
    after = box.read()
    assert before.keys() < after.keys()
    assert len(after) == 121
    assert box.read() == {}


@pytest.mark.promise("desk:mail:complete")
@pytest.mark.parametrize("renumbered", [True, False])
def test_what_is_written_after_a_mailbox_was_emptied_is_read(renumbered: bool) -> None:
    """Whether its numbers begin anew, which a server may say by their end alone, or go on."""
    box = Box()
    for number in range(3):
        box.session.deliver(mail(number))
    assert len(box.read()) == 3
    if renumbered:
        box.session.renumber(emptied=True)
    else:
        box.session.mails.clear()
    assert box.read() == {}
    box.session.deliver(mail(3))
    assert len(box.read()) == 1


def test_only_a_week_of_a_renumbered_mailbox_is_read_again() -> None:
    """And nothing from before the first look, however many years it holds."""
    box = Box()
    for number in range(30):
        old = NOW + timedelta(days=number)
        box.session.deliver(mail(number, old), old)
    assert len(box.read()) == 30
    box.session.renumber()
    again = box.read()
    assert 7 <= len(again) <= 9


@pytest.mark.promise("desk:mail:complete")
def test_a_mail_of_thirty_megabytes_is_told_and_not_loaded() -> None:
    """Its head is read, people are told of it, and the mails around it are read."""
    box = Box()
    box.session.deliver(mail(1))
    box.session.deliver(mail(2, text=b"x" * THIRTY_MB))
    box.session.deliver(mail(3))
    told = list(box.read().values())
    assert len(told) == 3
    assert "This e-mail is too large" in told[1]
    assert box.session.loaded < 10_000
