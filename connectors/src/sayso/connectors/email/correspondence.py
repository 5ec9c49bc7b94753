"""What is done in a conversation by e-mail: answering, handing over, ending it.

INVARIANT: whom an answer goes to is read from the mailbox at the call, and is the customer that it
was approved for; nobody else of the conversation ever gets it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable
from dataclasses import dataclass

from sayso.actions.customers.contact import CodeMessage
from sayso.actions.model.definition import Action, Args, Subject
from sayso.actions.model.snapshot import Absence, Call, Receipt, Resolved
from sayso.connectors.desk import DeskFinding, DeskParts
from sayso.connectors.email.actions import MailAnswerArgs, MailEndArgs, MailHandOverArgs
from sayso.connectors.email.inbox.check import findings, look
from sayso.connectors.email.inbox.desk import MailDesk
from sayso.connectors.email.inbox.reader import Correspondent, InboxFolders
from sayso.connectors.email.message import MessageWriter, PlaceInThread
from sayso.connectors.email.smtp import SmtpTransport
from sayso.connectors.email.transport import Transport
from sayso.connectors.email_address import masked
from sayso.errors import Code, RefusedError, SaysoError
from sayso.frozen import replace
from sayso.ids import Clock

_CUSTOMER = "thread.customer"
_MOST_REFERENCES = 20
_QUOTED = 4_000
_UNTITLED = "your e-mail"
CLOSE, HAND_OVER, REPLY = "email.close", "email.hand_over", "email.reply"
THREAD = "mail_thread"
"""What a conversation is called as an object."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Correspondence:
    """Acts in conversations.

    Attributes:
        desk: the mailbox. writer, transport, clock: as for the connector.
    """

    desk: MailDesk
    writer: MessageWriter
    transport: Transport
    clock: Clock

    @property
    def parts(self) -> DeskParts:
        """Which action plays which part."""
        return DeskParts(
            thread_arg="thread",
            thread_kind=THREAD,
            reply=REPLY,
            hand_over=HAND_OVER if self.desk.settings.teams else "",
            close=CLOSE,
        )

    async def check(self) -> list[DeskFinding]:
        """See `SelfChecking.check`."""
        folders, title = self.desk.settings.folders, self.desk.mailbox.title
        found = await _tried(f"{title} is read", self._look(folders))
        if isinstance(self.transport, SmtpTransport):
            found += await _tried(f"{self.transport.title} sends", _nothing(self.transport))
        else:
            found.append(DeskFinding(says=f"mails are written into {self.transport.title}"))
        if not self.desk.settings.teams:
            found.append(
                DeskFinding(
                    says="no team is named, so nothing is handed over by e-mail",
                    is_fine=False,
                    next_step="name an address under [connectors.email.inbox.teams]",
                )
            )
        return found

    async def _look(self, folders: InboxFolders) -> list[DeskFinding]:
        seen = await self.desk.mailbox.run(lambda session: look(session, folders.inbox))
        return findings(seen, folders)

    async def resolve(self, action: Action, args: Args, subject: Subject) -> Resolved:
        """See `Connector.resolve`."""
        assert isinstance(args, MailAnswerArgs | MailEndArgs)
        found = await self.desk.correspondent(args.thread)
        title = found.title or "without a subject"
        fields, facts = {"title": title}, dict[str, int]()
        given: dict[str, str] = {"thread": args.thread}
        if isinstance(args, MailAnswerArgs):
            # As it was given: whoever compares it with what they have proposed finds it so.
            text = self.writer.text(args.text)
            facts = {"length": len(text)}
            if action.name == REPLY:
                facts |= {"links": self.writer.count_links("text", text)}
            given |= {"text": args.text}
            fields |= {"text": text}
        payee = "nobody"
        if isinstance(args, MailHandOverArgs):
            payee = f"{masked(self._team(args.team))}, your team"
            given |= {"team": args.team}
            fields = {"team": args.team, **fields}
        elif action.name == REPLY:
            payee = f"{masked(found.address)}, who wrote"
        return Resolved(
            args={**given},
            object_kind=THREAD,
            object_id=args.thread,
            owner=found.account,
            owner_proof="the From of the conversation's e-mails",
            account=f"{self.writer.sender} by {self.transport.title}",
            payee=payee,
            preconditions={_CUSTOMER: _fingerprint(found.address)},
            fields=fields,
            facts={**facts},
            personal={"email": found.address},
        )

    def _again(self, title: str) -> str:
        """The subject line of an answer; one `Re:` is enough.

        A customer's has no link in it that an answer may not have: what they wrote there would be
        mailed on in our name.
        """
        try:
            self.writer.count_links("title", title)
        except RefusedError:
            title = ""
        if title.lower().startswith(("re:", "aw:", "sv:", "rv:", "ref:", "antw:")):
            return title
        return f"Re: {title or _UNTITLED}"

    def _team(self, name: str) -> str:
        address = self.desk.settings.teams.get(name)
        if address is None:
            raise RefusedError(
                Code.INVALID_INPUT,
                f"no team `{name}` is set up",
                next_step="name one of [connectors.email.inbox.teams]: "
                + ", ".join(f"`{one}`" for one in sorted(self.desk.settings.teams)),
            )
        return address

    async def call(self, call: Call) -> Receipt:
        """See `Connector.call`."""
        given = dict(call.resolved.args)
        thread = str(given["thread"])
        if call.action == CLOSE:
            count = await self.desk.end(thread)
            return Receipt(id=thread, status="done", details={"messages": count})
        found = await self.desk.correspondent(thread)
        if found.account != call.subject_id or call.resolved.preconditions.get(
            _CUSTOMER
        ) != _fingerprint(found.address):
            raise RefusedError(
                Code.WRONG_STATE,
                "the conversation is with somebody else than when this was approved",
                next_step="ask for it anew",
            )
        text = self.writer.text(str(given["text"]))
        is_reply = call.action == REPLY
        letter = self.writer.answer(
            title=self._again(found.title) if is_reply else f"Fwd: {found.title or _UNTITLED}",
            text=text if is_reply else await self._forwarded(thread, text),
            recipient=found.address if is_reply else self._team(str(given["team"])),
            key=call.idempotency_key,
            now=self.clock.now(),
            reference=call.action_id,
            place=_place(found) if is_reply else _beside(found),
        )
        receipt = await self.transport.send(letter)
        if not is_reply:
            return receipt
        kept = await self.desk.keep_sent(letter.content)
        return replace(receipt, details={**receipt.details, "kept_among_sent": kept})

    async def send_code(self, code: CodeMessage) -> None:
        """Send a code into the conversation in which its recipient wrote last.

        Whoever answers it answers in the conversation that the code is for. It is not kept among
        the sent, since nothing of a code is kept.
        """
        found = await self.desk.latest_with(code.recipient)
        place = None if found is None else _place(found)
        letter = self.writer.answer(
            title=code.title,
            text=code.text,
            recipient=code.recipient,
            key=code.key,
            now=self.clock.now(),
            reference=code.about,
            place=place,
        )
        await self.transport.send(letter)

    async def look_up(self, call: Call) -> Receipt | Absence:
        """See `Connector.look_up`."""
        if call.action == CLOSE:
            thread = str(dict(call.resolved.args)["thread"])
            if await self.desk.is_ended(thread):
                return Receipt(id=thread, status="done")
            return Absence.ABSENT
        message_id = self.writer.message_id(call.idempotency_key)
        found = await self.transport.look_up(message_id)
        if found is not Absence.CANNOT_TELL or call.action != REPLY:
            return found
        # That it is not among the sent proves nothing: it is put there after it was sent.
        if await self.desk.is_answered(message_id.strip("<>").partition("@")[0]):
            return Receipt(id=message_id, status="accepted", details={"seen": "in the mailbox"})
        return Absence.CANNOT_TELL

    async def _forwarded(self, thread: str, note: str) -> str:
        """The note, and below it what the customer wrote last."""
        shown = await self.desk.read_thread(thread)
        theirs = [one for one in shown.messages if one.author == "customer"]
        if not theirs:
            return note
        quoted = "\n".join(f"> {line}" for line in theirs[-1].text[:_QUOTED].splitlines())
        return f"{note}\n{quoted}\n"


async def _tried(says: str, work: Awaitable[list[DeskFinding]]) -> list[DeskFinding]:
    """What a look found, or that it could not be."""
    try:
        found = await work
    except SaysoError as error:
        step = error.next_step or "try again later"
        return [DeskFinding(says=error.message, is_fine=False, next_step=step)]
    return [DeskFinding(says=says), *found]


async def _nothing(transport: SmtpTransport) -> list[DeskFinding]:
    await transport.check()
    return []


def _place(found: Correspondent) -> PlaceInThread:
    head = found.answers
    before = [one for one in head.references if one != head.message_id]
    # The first one is the root, by which others' mail programs find the conversation.
    kept = before if len(before) <= _MOST_REFERENCES else [before[0], *before[-_MOST_REFERENCES:]]
    return PlaceInThread(
        root=found.root,
        answers=f"<{head.message_id}>" if head.message_id else "",
        references=tuple(f"<{one}>" for one in kept),
    )


def _beside(found: Correspondent) -> PlaceInThread:
    """Of a mail to the team: whoever answers it writes to the customer."""
    return PlaceInThread(root=found.root, reply_to=found.address)


def _fingerprint(address: str) -> str:
    """Enough to notice another address, too little to name it."""
    return hashlib.sha256(f"sayso/mail-address/v1\0{address}".encode()).hexdigest()[:8]
