"""A real mailbox on loopback: Dovecot of the distribution's, and aiosmtpd that delivers."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from sayso.errors import ConfigError
from sayso.sandbox.mailboxes import AUTHSERV, PASSWORD, Mailboxes, run_mailboxes

__all__ = ["AUTHSERV", "PASSWORD", "MailServers", "NoDovecotError", "body_of", "run_mail"]


class NoDovecotError(Exception):
    """Dovecot is not installed here, or not one that can be started."""


@dataclass
class MailServers:
    """The mailbox's server and the one that delivers.

    Attributes:
        boxes: the first one. smtp: the port of the second.
        refuse: addresses to which nothing is delivered: the sender gets a report instead.
        authentic: domains for which our server vouches.
        seen: told of each mail before it is delivered: recipient and content; where it says
            no, the mail is refused for now.
    """

    boxes: Mailboxes
    smtp: int
    refuse: set[str] = field(default_factory=set)
    authentic: set[str] = field(default_factory=set)
    seen: Callable[[str, bytes], bool] | None = None

    @property
    def imap(self) -> int:
        """The port."""
        return self.boxes.port

    def start(self) -> None:
        """Start Dovecot."""
        self.boxes.start()

    def stop(self) -> None:
        """Kill it and all that it started."""
        self.boxes.stop()

    def box(self, user: str) -> Path:
        """A user's folder, made where it is not there yet."""
        return self.boxes.box(user)

    def deliver(self, user: str, content: bytes) -> None:
        """Put a mail into a user's inbox as it is."""
        self.boxes.put(user, content)

    def mails(self, user: str, folder: str = "") -> list[EmailMessage]:
        """What lies in a user's inbox, or another folder, the oldest first."""
        return self.boxes.mails(user, folder)

    async def handle_DATA(  # noqa: N802  (aiosmtpd's name)
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        """Deliver to everybody's box, with what a border server writes on top."""
        content = envelope.content if isinstance(envelope.content, bytes) else b""
        sender = envelope.mail_from or ""
        for recipient in envelope.rcpt_tos:
            if recipient in self.refuse:
                self.deliver(sender.partition("@")[0], _report(sender, recipient, content))
                continue
            if self.seen is not None and not self.seen(recipient, content):
                return "451 try again later"
            authentic = sender.rpartition("@")[2] in self.authentic
            self.boxes.deliver(sender, recipient, content, authentic=authentic)
        return "250 OK"


def _report(sender: str, recipient: str, content: bytes) -> bytes:
    """A delivery report. SOURCE: RFC 3464."""
    head = content.replace(b"\r\n", b"\n").partition(b"\n\n")[0].decode()
    return (
        f"Return-Path: <>\nFrom: MAILER-DAEMON@{AUTHSERV}\nTo: {sender}\n"
        "Subject: Undelivered Mail Returned to Sender\nAuto-Submitted: auto-replied\n"
        f"Message-ID: <{time.monotonic_ns()}@{AUTHSERV}>\nMIME-Version: 1.0\n"
        "Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n"
        "--b\nContent-Type: text/plain\n\nIt could not be delivered.\n"
        f"--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; {AUTHSERV}\n\n"
        f"Final-Recipient: rfc822; {recipient}\nAction: failed\nStatus: 5.1.1\n\n"
        f"--b\nContent-Type: text/rfc822-headers\n\n{head}\n\n--b--\n"
    ).encode()


@contextmanager
def run_mail() -> Generator[MailServers]:
    """Both servers, while the block runs.

    Raises:
        NoDovecotError: with why.
    """
    try:
        with run_mailboxes() as boxes:
            with socket.socket() as bound:
                bound.bind(("127.0.0.1", 0))
                port = int(bound.getsockname()[1])
            servers = MailServers(boxes=boxes, smtp=port)
            delivers = Controller(servers, hostname="127.0.0.1", port=port)
            delivers.start()
            try:
                yield servers
            finally:
                delivers.stop()
    except ConfigError as error:
        raise NoDovecotError(str(error)) from error


def body_of(message: EmailMessage) -> str:
    """The words of a plain mail."""
    return str(message.get_content()).replace("\r\n", "\n").strip()
