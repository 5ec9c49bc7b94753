"""The head of a mail: who wrote, what it answers, and whether a person wrote it at all.

What stands in a header is what its writer put there. So each reader is bounded, refuses what can be
read in two ways, and never raises.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import Message
from email.parser import BytesHeaderParser
from email.policy import compat32
from email.utils import getaddresses

from sayso.connectors.email.inbox.authentication import is_authentic
from sayso.connectors.email_address import is_address
from sayso.text import plain

MOST_HEAD_BYTES = 262_144
_MESSAGE_ID = re.compile(r"<([^<>\s\x00-\x1f]{1,250})>")
_MOST_REFERENCES = 100
_LONGEST_HEADER = 30_000
_ID_LINE = re.compile(rb"(?im)^message-id:\s*(<[^<>\s]{1,250}>)")
UNREADABLE = (ValueError, LookupError, TypeError, AttributeError, RecursionError)
"""What the standard library's parser raises at mails that are none."""
_TITLE = 150
_PRECEDENCE = frozenset({"bulk", "list", "junk", "auto_reply"})
_AWAY = re.compile(
    r"^\W*(?:auto(?:matic|mated)?[ -]?(?:reply|response|answer)|out of (?:the )?office"
    r"|automatische antwort|abwesenheits\w*|réponse automatique|absence du bureau"
    r"|respuesta automática|fuera de (?:la )?oficina|risposta automatica|fuori sede"
    r"|automatisch antwoord|afwezigheids\w*|resposta automática|ausência (?:do|temporária))\b",
    re.IGNORECASE,
)
"""A delivery report is told by its form: customers write of an undelivered parcel, too."""
_DAEMON = re.compile(r"^(?:mailer-daemon|postmaster)@", re.IGNORECASE)
_DAEMONS = re.compile(r"^(?:mailer-daemon|postmaster|no-?reply|do-?not-?reply)@", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class MailHead:
    """What a mail's header says.

    Attributes:
        message_id: without brackets; empty where there is none.
        references: the ids of what it answers, the oldest first, bounded.
        answers: the id of the mail that it answers directly; empty for none.
        sender: the plain From address, lower-case; empty where it is none, or are several.
        recipients: plain addresses of To and Cc, lower-case.
        title: the subject line, as it can be shown.
        date: as it is written.
        machine: why nobody is to be answered, in words; empty where a person may have written.
        is_report: whether it may tell that a mail did not arrive.
        is_authentic: whether our own server has seen that it comes from the sender's domain.
    """

    message_id: str
    references: tuple[str, ...]
    answers: str
    sender: str
    recipients: tuple[str, ...]
    title: str
    date: str
    machine: str
    is_report: bool
    is_authentic: bool

    @property
    def id(self) -> str:
        """The mail's own id here: the same in whichever folder and under whichever number it lies.

        A Message-ID alone is not enough: two mails with one would be taken for one, and the second
        would be lost.
        """
        said = "\0".join((self.message_id, self.sender, self.date, self.title))
        return f"m{hashlib.sha256(f'sayso/mail/v1{chr(0)}{said}'.encode()).hexdigest()[:32]}"


def read_head(raw: bytes, trust: str = "") -> MailHead:
    """The head of a mail, from the bytes of its header; nobody's where it cannot be read."""
    header = raw[:MOST_HEAD_BYTES]
    try:
        return head_of(BytesHeaderParser(policy=compat32).parsebytes(header), trust)
    except UNREADABLE:
        found = _ID_LINE.search(header)
        return MailHead(
            message_id=found[1].decode("ascii", "replace").strip("<>") if found else "",
            references=(),
            answers="",
            sender="",
            recipients=(),
            title="",
            date="",
            machine="its head cannot be read",
            is_report=False,
            is_authentic=False,
        )


def head_of(message: Message, trust: str = "") -> MailHead:
    """The same of a mail that is parsed."""
    sender, problem = _sender(message)
    domain = sender.rpartition("@")[2]
    ids = message_ids(_all(message, "References"))[-_MOST_REFERENCES:]
    answered = message_ids(_all(message, "In-Reply-To"))[:1]
    own = message_ids(_all(message, "Message-ID"))[:1]
    return MailHead(
        message_id=own[0] if own else "",
        references=tuple(ids),
        answers=answered[0] if answered else (ids[-1] if ids else ""),
        sender=sender,
        recipients=_addresses([*_all(message, "To"), *_all(message, "Cc")]),
        title=title_of(message),
        date=plain(_first(message, "Date"), limit=60),
        machine=problem or _machine(message, sender),
        is_report=message.get_content_type() == "multipart/report" or bool(_DAEMON.match(sender)),
        is_authentic=bool(sender)
        and is_authentic(_all(message, "Authentication-Results"), trust, domain),
    )


def message_ids(values: list[str]) -> list[str]:
    """The Message-IDs in headers' values, without brackets, each once.

    Python's own library encodes an id that is longer than a line, which it must not.
    """
    told = (decoded(value) if "=?" in value else value for value in values)
    found = (match[1] for value in told for match in _MESSAGE_ID.finditer(value))
    return list(dict.fromkeys(found))


def title_of(message: Message) -> str:
    """The subject line, decoded as far as it can be, on one line."""
    return plain(decoded(_first(message, "Subject")), limit=_TITLE)


def decoded(value: str) -> str:
    """A header's words (RFC 2047); as they stand where their charset lies."""
    try:
        return str(make_header(decode_header(value[:_LONGEST_HEADER])))
    except (HeaderParseError, LookupError, ValueError):
        return value


def _sender(message: Message) -> tuple[str, str]:
    """The address that a mail says it is from, and why it is no single one."""
    values = _all(message, "From")
    if len(values) != 1:
        return "", "it has no From" if not values else "it has several From headers"
    # Parsed before it is decoded: a name may hold what looks like an address.
    found = _parsed(" ".join(values[0].split()))
    if len(found) > 1:
        return "", "its From names several people"
    address = found[0] if found else ""
    return (address, "") if is_address(address) else ("", "its From is no plain address")


def _machine(message: Message, sender: str) -> str:
    """Why a machine has written this. SOURCE: RFC 3834 §2, §5; RFC 2919; RFC 3464."""
    auto = _first(message, "Auto-Submitted").partition(";")[0].strip().lower()
    if auto not in ("", "no"):
        return "it was sent by a machine"
    if _first(message, "Precedence").strip().lower() in _PRECEDENCE:
        return "it was sent in bulk"
    if _first(message, "List-Id") or _first(message, "List-Post"):
        return "it comes from a mailing list"
    suppressed = _first(message, "X-Auto-Response-Suppress").lower()
    if any(word in suppressed for word in ("all", "oof", "autoreply")):
        return "it asks for no automatic answer"
    if _first(message, "X-Autoreply") or _first(message, "X-Autorespond"):
        return "it was sent by a machine"
    if any(value.strip() == "<>" for value in _all(message, "Return-Path")):
        return "it has no sender to answer to"
    kind = message.get_content_type()
    if kind == "multipart/report":
        return "it is a report"
    if _DAEMONS.match(sender):
        return "its sender reads no mail"
    if _AWAY.match(title_of(message)):
        return "it is an automatic answer"
    return ""


def _addresses(values: list[str]) -> tuple[str, ...]:
    found = [one for value in values[:50] for one in _parsed(value)]
    return tuple(dict.fromkeys(one for one in found if is_address(one)))[:50]


def _parsed(value: str) -> list[str]:
    """The addresses in a header's value, lower-case; none where the library fails at them.

    It reads comments by recursion, so a few kilobytes of brackets are enough.
    """
    try:
        return [address.lower() for _, address in getaddresses([value])]
    except UNREADABLE:
        return []


def _all(message: Message, name: str) -> list[str]:
    return [str(value)[:_LONGEST_HEADER] for value in message.get_all(name) or ()]


def _first(message: Message, name: str) -> str:
    values = _all(message, name)
    return values[0] if values else ""
