"""A whole mail: its words, what hangs on it, and which mail of ours it brings back.

Bounded before it is parsed, since a mail nests as deep and has as many parts as its writer likes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesParser
from email.policy import compat32
from itertools import islice
from typing import cast

from sayso.connectors.desk import Attachment
from sayso.connectors.email.inbox.heads import (
    UNREADABLE,
    MailHead,
    decoded,
    head_of,
    message_ids,
    read_head,
)
from sayso.connectors.email.inbox.quotes import own_words
from sayso.extras import missing_extra
from sayso.text import plain, without_hidden

try:
    from flufl.bounce import all_failures  # pyright: ignore[reportUnknownVariableType]

    from sayso.connectors.email.inbox.html import read_html
except ImportError as error:
    raise missing_extra("mail", "reading e-mail needs the extra `mail`") from error

MOST_BYTES = 30_000_000
"""A larger mail is not loaded."""
_MOST_NESTED = 40
_MOST_PARTS = 20_000
_MOST_ATTACHMENTS = 100
_LONGEST_TEXT = 200_000
_BOUNDARY = re.compile(rb"boundary\s*=", re.IGNORECASE)
_PART = re.compile(rb"(?m)^--")
TOO_LARGE = "This e-mail is too large to be read here. Please look at it in the mailbox."
BROKEN = "This e-mail cannot be read here. Please look at it in the mailbox."


@dataclass(frozen=True, slots=True, kw_only=True)
class MailRead:
    """A mail as it was read.

    Attributes:
        head: its header.
        text: what its writer wrote. whole: with what was cut as quoted; empty where nothing was.
        attachments: at most 100.
        returned: the Message-ID of the mail of ours that a delivery report brings back for good;
            empty for none. returned_to: whom it did not reach.
        is_whole: whether all of it could be read.
    """

    head: MailHead
    text: str
    whole: str = ""
    attachments: tuple[Attachment, ...] = ()
    returned: str = ""
    returned_to: str = ""
    is_whole: bool = True


def read_letter(raw: bytes, trust: str = "") -> MailRead:
    """A mail from its bytes; one that is too deep is read as far as it is not."""
    bounded, is_whole = _bounded(raw)
    try:
        message = BytesParser(policy=compat32).parsebytes(bounded)
        return _read(message, trust, is_whole=is_whole)
    except UNREADABLE:
        return MailRead(head=read_head(raw, trust), text=BROKEN, is_whole=False)


def too_large(head: MailHead) -> MailRead:
    """A mail of which only the header was fetched."""
    return MailRead(head=head, text=TOO_LARGE, is_whole=False)


def _bounded(raw: bytes) -> tuple[bytes, bool]:
    """As much of a mail as may be parsed, and whether that is all of it."""
    end = len(raw)
    for pattern, most in ((_BOUNDARY, _MOST_NESTED), (_PART, _MOST_PARTS)):
        beyond = next(islice(pattern.finditer(raw), most, None), None)
        end = end if beyond is None else min(end, beyond.start())
    return raw[:end], end == len(raw)


def _read(message: Message, trust: str, *, is_whole: bool) -> MailRead:
    head = head_of(message, trust)
    html, text, attachments = "", "", list[Attachment]()
    for part in _parts(message):
        kind = part.get_content_type()
        hangs = _hangs(part)
        if not hangs and kind == "text/html" and not html:
            html = _decoded_text(part)
        elif not hangs and kind == "text/plain" and (not text or not html):
            text = f"{text}\n{_decoded_text(part)}".strip("\n")
        elif len(attachments) < _MOST_ATTACHMENTS:
            attachments.append(_attachment(part))
    own, whole = _words(html, text)
    returned, returned_to = _returned(message)
    return MailRead(
        head=head,
        text=own or ("" if is_whole else BROKEN),
        whole="" if whole == own else whole,
        attachments=tuple(attachments),
        returned=returned,
        returned_to=returned_to,
        is_whole=is_whole,
    )


def _words(html: str, text: str) -> tuple[str, str]:
    """What was written and all of it; the HTML first, whose quotes are marked in no language."""
    if html.strip():
        own, whole = read_html(html)
        # What no program marks as a quote is all that they wrote, and what it hides is not read.
        if whole:
            return own_words(own or whole)[:_LONGEST_TEXT], whole[:_LONGEST_TEXT]
    seen = without_hidden(text.replace("\u00a0", " ").replace("\r\n", "\n")).strip()
    seen = seen[:_LONGEST_TEXT]
    return own_words(seen), seen


def _parts(message: Message) -> Iterator[Message]:
    """The parts that are no containers, but for mails inside of it, whose words are others'."""
    stack = [message]
    while stack:
        part = stack.pop()
        if part.get_content_type().startswith("message/") and part is not message:
            yield part
        elif part.is_multipart():
            inner = cast("list[Message]", part.get_payload())
            stack.extend(reversed(inner))
        else:
            yield part


def _hangs(part: Message) -> bool:
    disposition = str(part.get("Content-Disposition", "")).strip().lower()
    named = part.get_filename() is not None
    return disposition.startswith("attachment") or (named and part.get_content_maintype() != "text")


def _attachment(part: Message) -> Attachment:
    name = part.get_filename() or part.get_param("name") or ""
    payload = part.get_payload(decode=False)
    encoding = str(part.get("Content-Transfer-Encoding", "")).strip().lower()
    size = len(payload) if isinstance(payload, str) else None
    if size is not None and encoding == "base64":
        size = size * 3 // 4
    shown = decoded(name) if isinstance(name, str) else str(name[-1])
    return Attachment(
        name=plain(shown, limit=120) or "without a name",
        kind=plain(part.get_content_type(), limit=80),
        size=size,
    )


def _decoded_text(part: Message) -> str:
    """A text part's words. A charset that lies is tried as UTF-8, and then read as Latin-1."""
    payload = part.get_payload(decode=True)
    if not isinstance(payload, bytes):
        return ""
    said = part.get_content_charset() or "utf-8"
    for charset in (said, "utf-8"):
        try:
            return payload.decode(charset).replace("\x00", "")
        except (LookupError, UnicodeError, ValueError):
            continue
    return payload.decode("cp1252", errors="replace").replace("\x00", "")


def _returned(message: Message) -> tuple[str, str]:
    """Which mail a delivery report says did not arrive, and where; for good, not for now."""
    if not _may_report(message):
        return "", ""
    _, permanent = all_failures(message)
    failed = sorted(one.decode("ascii", "replace").lower() for one in permanent)
    if not failed:
        return "", ""
    own = {str(value).strip("<> \r\n") for value in message.get_all("Message-ID") or ()}
    for part in message.walk():
        if part.get_content_type() == "text/rfc822-headers":
            text = str(part.get_payload(decode=False))
            inner = BytesParser(policy=compat32).parsebytes(text.encode("ascii", "replace"))
        elif part is not message and part.get("Message-ID"):
            inner = part
        else:
            continue
        found = [one for one in message_ids([str(inner.get("Message-ID", ""))]) if one not in own]
        if found:
            return found[0], failed[0]
    answered = message_ids(
        [str(message.get("In-Reply-To", "")), str(message.get("References", ""))]
    )
    return (answered[-1] if answered else ""), failed[0]


def _may_report(message: Message) -> bool:
    """Whether it can be a delivery report at all; most mails are not, and the look costs time."""
    if message.get_content_type() == "multipart/report":
        return True
    empty = any(str(value).strip() == "<>" for value in message.get_all("Return-Path") or ())
    sender = str(message.get("From", "")).lower()
    return empty or "mailer-daemon" in sender or "postmaster" in sender
