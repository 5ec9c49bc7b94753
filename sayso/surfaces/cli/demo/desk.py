"""The demo with a mailbox: customers write e-mails, and read their answers in their own mailboxes.

The mailboxes are kept by a real mail server, Dovecot. What delivers between them is the demo's own,
and vouches for every sender, as the server of a shop would do that has checked them.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from time import monotonic

from sayso.connectors.email.inbox.threads import root_digest, thread_of
from sayso.errors import Code, RefusedError
from sayso.sandbox import DEMO
from sayso.sandbox.mailboxes import AUTHSERV, PASSWORD, Mailboxes
from sayso.sdk.desk.resource import ThreadView
from sayso.sdk.views.rows import RequestView
from sayso.surfaces.cli.demo.answers import Answers, DemoAnswer
from sayso.surfaces.cli.demo.messages import CustomerMessage
from sayso.surfaces.cli.demo.play import Watcher
from sayso.surfaces.cli.demo.stage import DemoStage
from sayso.surfaces.cli.demo.tally import MessageTally, Tally, compare_books

SUPPORT = "support@shop.example"
MAIL_ENVIRONMENT = {"MAIL_PASSWORD": PASSWORD}
MOST_S = 50.0
"""So long the customers wait for their answers; what has not come then is shown as it stands."""
_LOOK_S = 0.2
_QUIET_LOOKS = 5


@dataclass(slots=True)
class MailRound:
    """One customer's conversation.

    Attributes:
        thread: the mailbox's id of it. address: theirs.
        left: what they say when they are asked back, in turn.
        told: what lies in their mailbox of it, in order. cards: what was answered to its cards.
    """

    number: int
    message: CustomerMessage
    thread: str
    address: str
    left: list[str]
    told: list[EmailMessage] = field(default_factory=list[EmailMessage])
    cards: list[DemoAnswer] = field(default_factory=list[DemoAnswer])


def mail_tables(imap: int, smtp: int) -> str:
    """The tables of sayso.toml in place of the one of `[connectors.email]`."""
    return f"""[connectors.email]
from = "{SUPPORT}"
transport = "smtp"
host = "127.0.0.1"
port = {smtp}
security = "none"

[connectors.email.inbox]
host = "127.0.0.1"
port = {imap}
security = "none"
user = "support"
password = "env:MAIL_PASSWORD"
sent = "Sent"
trust = "{AUTHSERV}"

[connectors.email.inbox.teams]
people = "people@shop.example"

[desk.mail]
connector = "email"
hand_over = {{ team = "people" }}
sweep_s = 5

"""


@asynccontextmanager
async def delivering(boxes: Mailboxes) -> AsyncGenerator[int]:
    """Take mails by SMTP and put them into their boxes; gives the port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await _converse(boxes, reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=1_000_000)
    async with server:
        yield int(server.sockets[0].getsockname()[1])


async def _converse(
    boxes: Mailboxes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """One conversation, as far as our own client speaks. SOURCE: RFC 5321 §4.1."""
    sender, recipients = "", list[str]()

    async def say(line: str) -> None:
        writer.write(f"{line}\r\n".encode())
        await writer.drain()

    await say("220 demo")
    while line := (await reader.readline()).decode(errors="replace").strip():
        verb = line.partition(" ")[0].upper()
        if verb == "MAIL":
            sender, recipients = _address(line), []
        elif verb == "RCPT":
            recipients.append(_address(line))
        elif verb == "DATA":
            await say("354 go on")
            content = b""
            while (text := await reader.readline()) not in (b".\r\n", b""):
                content += text.removeprefix(b".")
            for recipient in recipients:
                await asyncio.to_thread(boxes.deliver, sender, recipient, content, authentic=True)
        elif verb == "QUIT":
            await say("221 bye")
            return
        await say("250 ok")


def _address(line: str) -> str:
    return line.partition("<")[2].partition(">")[0]


async def play_by_mail(
    stage: DemoStage,
    boxes: Mailboxes,
    messages: Sequence[CustomerMessage],
    answers: Answers | None,
    watcher: Watcher,
) -> tuple[Tally, list[MailRound]]:
    """Have every customer write, until each has an answer.

    Args:
        answers: decides about the cards; None leaves them to whoever opens the console.
    """
    boxes.box("support")
    is_read = False
    while not is_read:
        await asyncio.sleep(_LOOK_S)
        is_read = any(one.swept_at for one in await stage.sayso.desks.list())
    begin = monotonic()
    rounds = [_write(boxes, number, one) for number, one in enumerate(messages, 1)]
    quiet = 0
    while quiet < _QUIET_LOOKS and monotonic() - begin < MOST_S:
        await asyncio.sleep(_LOOK_S)
        busy = [await _look(stage, boxes, one, answers) for one in rounds]
        quiet = 0 if any(busy) else quiet + 1
    seconds = monotonic() - begin
    told = [await _tally(stage, one) for one in rounds]
    for one, said in zip(rounds, told, strict=True):
        watcher.asked(one.number, one.message)
        watcher.ended(said)
    books = await compare_books(stage.sayso, stage.provider.books())
    log = stage.sayso.audit.verify()
    return Tally(told=tuple(told), books=books, log=log, seconds=seconds), rounds


def _write(boxes: Mailboxes, number: int, message: CustomerMessage) -> MailRound:
    address = next(one.email for one in DEMO if one.customer_id == message.subject)
    message_id = _send(boxes, address, message.text)
    thread = thread_of(root_digest(message_id), address)
    return MailRound(number, message, thread, address, list(message.answers))


def _send(boxes: Mailboxes, sender: str, text: str, answers: EmailMessage | None = None) -> str:
    mail = EmailMessage()
    mail["From"], mail["To"] = sender, SUPPORT
    message_id = f"{os.urandom(8).hex()}@example.com"
    mail["Message-ID"] = f"<{message_id}>"
    if answers is not None:
        mail["In-Reply-To"] = str(answers["Message-ID"])
        mail["Subject"] = str(answers["Subject"])
    mail.set_content(text)
    boxes.deliver(sender, SUPPORT, bytes(mail), authentic=True)
    return message_id


async def _look(
    stage: DemoStage, boxes: Mailboxes, one: MailRound, answers: Answers | None
) -> bool:
    """Read what came, answer what is asked, decide what waits; whether something goes on."""
    before = len(one.told)
    one.told = _of_thread(boxes, one)
    thread = await _thread(stage, one)
    request = None if thread is None else await _request(stage, thread)
    if thread is None or request is None or thread.waits or len(one.told) > before:
        return True
    if request.question is not None and one.left and one.told:
        _send(boxes, one.address, one.left.pop(0), one.told[-1])
        return True
    for action in request.actions if answers is not None else ():
        if action.status != "pending_approval" or action.approval is None:
            continue
        card = await stage.sayso.solutions.get(action.approval.id)
        if not card.agreed and len(one.cards) < len(request.actions):
            assert answers is not None, "asked just now"
            one.cards.append(await answers.answer(stage, card))
            return True
    return False


def _of_thread(boxes: Mailboxes, one: MailRound) -> list[EmailMessage]:
    """What lies in a customer's mailbox of this conversation."""
    mails = boxes.mails(one.address.partition("@")[0])
    return [
        mail
        for mail in mails
        if (parts := str(mail["Message-ID"]).strip("<>").split("."))[0] == "sayso"
        and len(parts) > 1
        and thread_of(parts[1], one.address) == one.thread
    ]


async def _thread(stage: DemoStage, one: MailRound) -> ThreadView | None:
    try:
        return await stage.sayso.desks.thread("mail", one.thread)
    except RefusedError:  # not read yet
        return None


async def _request(stage: DemoStage, thread: ThreadView) -> RequestView | None:
    ids = [said.request_id for said in thread.said]
    return await stage.sayso.requests.get(ids[-1]) if ids else None


async def _tally(stage: DemoStage, one: MailRound) -> MessageTally:
    thread = await _thread(stage, one)
    request = None if thread is None else await _request(stage, thread)
    error = None if request is None else request.error
    return MessageTally(
        message=one.message,
        request=request,
        refused=None if request is not None else _unanswered(),
        handed_over="" if error is None else error.message,
        answers=tuple(one.cards),
    )


def mails_json(one: MailRound) -> dict[str, object]:
    """What lies in a customer's mailbox of a conversation, as JSON."""
    told = [str(mail.get_content()).replace("\r\n", "\n").strip() for mail in one.told]
    return {"number": one.number, "to": one.address, "told": told}


def _unanswered() -> RefusedError:
    return RefusedError(Code.NOT_FOUND, "no answer came in time")
