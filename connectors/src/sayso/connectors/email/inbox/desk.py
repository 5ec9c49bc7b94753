"""The mailbox as a desk: what came in, threads, a bell, and what is done with a thread's mails."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sayso.connectors.desk import Changes, Thread
from sayso.connectors.email.inbox.mailbox import ImapSession, Mailbox, MailLogin
from sayso.connectors.email.inbox.reader import Correspondent, InboxFolders, MailReader
from sayso.connectors.email.inbox.threads import Threads
from sayso.errors import Code, RetryableError, SaysoError
from sayso.ids import Clock

DONE = "SaysoDone"
"""The keyword of the mails of a thread that was ended."""
_LISTEN_S = 280.0
"""A router forgets a quiet connection, so the server is spoken to before five minutes are over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxSettings:
    """How the mailbox is used.

    Attributes:
        login: where it is. folders: which of its folders count.
        own: our own addresses, and domains of colleagues such as `@shop.example`.
        teams: by name, the addresses that conversations are handed over to.
        keeps_sent: whether what we send is put into `folders.sent`; no where the server does so.
    """

    login: MailLogin
    folders: InboxFolders
    own: frozenset[str]
    teams: Mapping[str, str] = field(default_factory=dict[str, str])
    keeps_sent: bool = True


class MailDesk:
    """Reads one mailbox, and listens to it.

    Guarantees: two connections at most, one that reads and one that listens.
    """

    def __init__(self, settings: InboxSettings, clock: Clock) -> None:
        self.settings = settings
        self._clock = clock
        self.mailbox = Mailbox(settings.login)
        self._bell = Mailbox(settings.login)
        self._reader = MailReader(settings.folders, Threads(settings.own))
        self._heard = -1

    async def changes(self, cursor: str, begun: datetime | None = None) -> Changes:
        """See `Desk.changes`."""
        now = self._clock.now()
        found = await self.mailbox.run(
            lambda session: self._reader.changes(session, cursor, now, begun)
        )
        self._heard = self._reader.next_uid
        return found

    async def read_thread(self, thread: str) -> Thread:
        """See `Desk.read_thread`."""
        now = self._clock.now()
        return await self.mailbox.run(
            lambda session: self._reader.read_thread(session, thread, now)
        )

    async def correspondent(self, thread: str) -> Correspondent:
        """Whom a thread is with; see `MailReader.correspondent`."""
        now = self._clock.now()
        return await self.mailbox.run(
            lambda session: self._reader.correspondent(session, thread, now)
        )

    async def latest_with(self, address: str) -> Correspondent | None:
        """The conversation in which somebody wrote last; None where there is none."""
        now = self._clock.now()

        def work(session: ImapSession) -> Correspondent | None:
            self._reader.refresh(session, now)
            thread = self._reader.threads.latest_of(address)
            return self._reader.correspondent(session, thread, now) if thread else None

        return await self.mailbox.run(work)

    async def is_answered(self, message_id: str) -> bool:
        """Whether a mail of ours is seen to have gone; see `MailReader.is_answered`."""
        return await self.mailbox.run(lambda session: self._reader.is_answered(session, message_id))

    async def keep_sent(self, content: bytes) -> bool:
        """Put a mail that was sent among the sent; whether that was done.

        It failed to be kept, not to be sent, so no error leaves here.
        """
        folder = self.settings.folders.sent
        if not folder or not self.settings.keeps_sent:
            return False
        try:
            await self.mailbox.run(lambda session: session.append(folder, content), again=False)
        except SaysoError:
            return False
        return True

    async def end(self, thread: str) -> int:
        """Mark the customer's mails of a thread as done, or move them; how many there were."""
        now, done = self._clock.now(), self.settings.folders.done

        def work(session: ImapSession) -> int:
            places = self._reader.places(session, thread, now)
            uids = [place.uid for place in places]
            if uids:
                session.open(self.settings.folders.inbox, writable=True)
                session.flag(uids, DONE)
                if done:
                    session.move(uids, done)
                    self._reader.threads.forget(self.settings.folders.inbox, uids)
            return len(uids)

        return await self.mailbox.run(work)

    async def is_ended(self, thread: str) -> bool:
        """Whether nothing of a thread lies in the inbox that is not marked as done."""
        now = self._clock.now()

        def work(session: ImapSession) -> bool:
            uids = [place.uid for place in self._reader.places(session, thread, now)]
            session.open(self.settings.folders.inbox)
            return session.present(uids) <= session.flagged(uids, DONE)

        return await self.mailbox.run(work)

    async def ring(self) -> None:
        """See `Ringing.ring`."""
        heard = False
        while not heard:
            # Each round opens the folder anew, which asks the server whether it is there.
            heard = await self._bell.run(self._listen)

    def _listen(self, session: ImapSession) -> bool:
        """Whether something came in since the mailbox was read, or within the next minutes."""
        if "IDLE" not in session.capabilities:
            raise RetryableError(
                Code.PROVIDER_UNAVAILABLE,
                "the mail server doesn't say when mail comes in",
                next_step="nothing to do: the mailbox is read every few minutes",
            )
        folder = session.open(self.settings.folders.inbox)
        if folder.next_uid != self._heard:
            self._heard = folder.next_uid
            return True
        return session.wait(_LISTEN_S)

    async def close(self) -> None:
        """Log out."""
        await asyncio.gather(self.mailbox.close(), self._bell.close())
