"""Making a message that can do no more than say something.

Plain text, one sender, one recipient, no attachment, no header that anybody else fills, and links
to allowed hosts only, since a link is how a tricked model would carry data away.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address as HeaderAddress
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from sayso.connectors.email.transport import Letter
from sayso.connectors.outgoing_text import check_text, count_links


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceInThread:
    """Where a message belongs.

    Attributes:
        root: the digest of the conversation's first mail, which the Message-ID carries.
        answers: the Message-ID that is answered, with its brackets; empty for none.
        references: those before it, likewise, the oldest first.
        reply_to: who is written to by whoever answers; empty for the sender.
    """

    root: str
    answers: str = ""
    references: tuple[str, ...] = ()
    reply_to: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageWriter:
    """Writes messages from one sender.

    Attributes:
        sender: the From address.
        sender_name: the name before it, or empty.
        title_template: the subject line, with one slot `{title}`.
        link_hosts: hosts that links may lead to, lower-case; a host does not stand for its
            subdomains.
    """

    sender: str
    sender_name: str = ""
    title_template: str = "{title}"
    link_hosts: frozenset[str] = frozenset()

    def subject_line(self, title: str) -> str:
        """The subject line with the title in its slot.

        Raises:
            RefusedError: `invalid_input` for more than one line, hidden characters or a link that
                is not allowed.
        """
        check_text("title", title, allowed="")
        self.count_links("title", title)
        return self.title_template.replace("{title}", title.strip())

    def text(self, body: str) -> str:
        """The body as it will be sent: line ends are `\\n`, the last line is ended.

        Raises:
            RefusedError: `invalid_input` for control or hidden characters.
        """
        text = body.replace("\r\n", "\n")
        check_text("body", text, allowed="\n\t")
        return text.strip("\n") + "\n"

    def count_links(self, field: str, text: str) -> int:
        """How many links there are.

        Raises:
            RefusedError: `invalid_input`, when one leads to a host that is not allowed.
        """
        return count_links(field, text, self.link_hosts)

    def note(
        self, *, title: str, text: str, recipient: str, key: str, now: datetime, reference: str
    ) -> Letter:
        """A message to somebody of ours: what stands in it is made by us, line by line.

        Args:
            title, text: plain, without hidden characters. The others: as in `write`.
        """
        return self._letter(title, text, recipient, key, now, reference)

    def write(
        self, *, title: str, body: str, recipient: str, key: str, now: datetime, reference: str
    ) -> Letter:
        """The finished message.

        Args:
            title, body: as in the arguments.
            recipient: the bare address on file.
            key: the idempotency key, from which the Message-ID is derived.
            now: for the Date header.
            reference: the action's id, for `X-Sayso-Action`.

        Raises:
            RefusedError: `invalid_input`.
        """
        text = self.text(body)
        self.count_links("body", text)
        return self._letter(self.subject_line(title), text, recipient, key, now, reference)

    def answer(
        self,
        *,
        title: str,
        text: str,
        recipient: str,
        key: str,
        now: datetime,
        reference: str,
        place: PlaceInThread | None,
    ) -> Letter:
        """A message that belongs to a conversation, or to none where there is no place.

        Args:
            title: the conversation's, plain. text: as `text` gives it. The others: as in `write`.
            place: where it belongs.
        """
        return self._letter(title, text, recipient, key, now, reference, place)

    def _letter(
        self,
        title: str,
        text: str,
        recipient: str,
        key: str,
        now: datetime,
        reference: str,
        place: PlaceInThread | None = None,
    ) -> Letter:
        # NOTE: the library encodes what it can't fold, and a Message-ID that is encoded is none.
        message = EmailMessage(policy=SMTP if place is None else SMTP.clone(max_line_length=900))
        message["From"] = HeaderAddress(display_name=self.sender_name, addr_spec=self.sender)
        message["To"] = HeaderAddress(addr_spec=recipient)
        message["Subject"] = title
        message["Date"] = format_datetime(now)
        # SOURCE: RFC 3834 §5: keeps out-of-office answers from answering back.
        if place is None:
            message["Message-ID"] = self.message_id(key)
            message["Auto-Submitted"] = "auto-generated"
        else:
            message["Message-ID"] = f"<sayso.{place.root}.{self.message_id(key)[1:]}"
            message["Auto-Submitted"] = "auto-replied"
            message["X-Auto-Response-Suppress"] = "All"
            if place.answers:
                message["In-Reply-To"] = place.answers
                message["References"] = " ".join((*place.references, place.answers))
            if place.reply_to:
                message["Reply-To"] = HeaderAddress(addr_spec=place.reply_to)
        message["X-Sayso-Action"] = reference
        message.set_content(text, charset="utf-8")
        return Letter(
            message_id=self.message_id(key),
            sender=self.sender,
            recipient=recipient,
            content=message.as_bytes(),
        )

    def message_id(self, key: str) -> str:
        """The Message-ID of every try with this key; the key cannot be read from it."""
        digest = hashlib.sha256(f"sayso/message-id/v1\0{key}".encode()).hexdigest()[:40]
        return f"<{digest}@{self.sender.rpartition('@')[2]}>"
