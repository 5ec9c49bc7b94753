"""A whole mail: its words, what hangs on it, and which mail of ours it brings back.

Bounded before it is parsed, since a mail nests as deep and has as many parts as its writer likes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from email.message import Message
from email.parser import BytesParser
from email.policy import compat32
from itertools import islice
from typing import cast

from sayso.connectors.desk import Attachment
from sayso.connectors.email.inbox.heads import (
    MOST_HEAD_BYTES,
    UNREADABLE,
    MailHead,
    decoded,
    head_of,
    message_ids,
    read_head,
)
from sayso.connectors.quotes import own_words
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
_MOST_LINES = 1_000_000
_MOST_ATTACHMENTS = 100
_LONGEST_TEXT = 200_000
_MOST_SOURCE = 4_000_000
"""After so many characters of a mail's text parts no further one is read."""
_BOUNDARY = re.compile(rb"boundary(?:\*\d*\*?)?\s*=", re.IGNORECASE)
_PART = re.compile(rb"(?m)^--")
_LINE, _HEAD_END = re.compile(rb"\n"), re.compile(rb"\r?\n\r?\n")
_PARAMETERS = re.compile(
    rb"^content-(?:type|disposition):(?:[^\r\n]|\r?\n[ \t]){8000}", re.IGNORECASE | re.MULTILINE
)
"""The library takes the square of their number."""
TOO_LARGE = "This e-mail is too large to be read here. Please look at it in the mailbox."
CUT = "The rest of this e-mail is not read here. Please look at it in the mailbox."
BROKEN = "This e-mail cannot be read here. Please look at it in the mailbox."


@dataclass(frozen=True, slots=True, kw_only=True)
class MailRead:
    """A mail as it was read.

    Attributes:
        head: its header.
        text: what its writer wrote; its end says so where not all of it was read.
        whole: with what was cut as quoted; empty where nothing was.
        attachments: at most 100.
        returned: the Message-ID of the mail of ours that a delivery report brings back for good;
            empty for none. returned_to: whom it did not reach.
    """

    head: MailHead
    text: str
    whole: str = ""
    attachments: tuple[Attachment, ...] = ()
    returned: str = ""
    returned_to: str = ""


def read_letter(raw: bytes, trust: str = "") -> MailRead:
    """A mail from its bytes; one that is too deep is read as far as it is not."""
    bounded, is_whole = _bounded(raw)
    try:
        message = BytesParser(policy=compat32).parsebytes(bounded)
        return _read(message, trust, is_whole=is_whole)
    except UNREADABLE:
        return MailRead(head=read_head(raw, trust), text=BROKEN)


def too_large(head: MailHead) -> MailRead:
    """A mail of which only the header was fetched."""
    return MailRead(head=head, text=TOO_LARGE)


def _bounded(raw: bytes) -> tuple[bytes, bool]:
    """As much of a mail as may be parsed, and whether that is all of it."""
    end = len(raw) if _HEAD_END.search(raw, 0, MOST_HEAD_BYTES) else MOST_HEAD_BYTES
    bounds = (
        (_BOUNDARY, _MOST_NESTED),
        (_PART, _MOST_PARTS),
        (_PARAMETERS, 0),
        (_LINE, _MOST_LINES),
    )
    for pattern, most in bounds:
        beyond = next(islice(pattern.finditer(raw), most, None), None)
        end = end if beyond is None else min(end, beyond.start())
    return raw[:end], end >= len(raw)


def _read(message: Message, trust: str, *, is_whole: bool) -> MailRead:
    reading = _Reading(is_whole=is_whole)
    words = reading.of(message, is_outermost=True)
    whole = reading.bounded([one.whole for one in words])
    # What no program marks as a quote is all that they wrote.
    own = own_words(*(reading.bounded([one.own for one in words if one.own]) or whole))
    joined = "\n\n".join(whole)
    text = own if reading.is_whole else (f"{own}\n\n{CUT}" if own else BROKEN)
    returned, returned_to = _returned(message)
    return MailRead(
        head=head_of(message, trust),
        text=text,
        whole="" if joined == own else joined,
        attachments=tuple(reading.attachments),
        returned=returned,
        returned_to=returned_to,
    )


@dataclass(frozen=True, slots=True)
class _Words:
    """What one part shows: without what HTML marks as quoted, and with it."""

    own: str
    whole: str
    is_html: bool


@dataclass(slots=True)
class _Reading:
    """Goes through a mail's parts.

    Attributes:
        is_whole: whether all of it was read so far. attachments: at most 100.
    """

    is_whole: bool
    attachments: list[Attachment] = field(default_factory=list[Attachment])
    _left: int = _MOST_SOURCE

    def of(self, part: Message, *, is_outermost: bool = False) -> list[_Words]:
        """What is shown of a part, in order; a mail inside hangs on it, whose words are others'."""
        kind = part.get_content_type()
        is_mail = kind.startswith("message/") and not is_outermost
        if part.is_multipart() and not is_mail:
            inner = [self.of(one) for one in cast("list[Message]", part.get_payload())]
            return _one_of(inner) if kind == "multipart/alternative" else _each_once(inner)
        if is_mail or _hangs(part) or kind not in ("text/html", "text/plain"):
            if len(self.attachments) < _MOST_ATTACHMENTS:
                self.attachments.append(_attachment(part))
            return []
        return self._text(part, is_html=kind == "text/html")

    def _text(self, part: Message, *, is_html: bool) -> list[_Words]:
        source = _decoded_text(part) if self._left > 0 else ""
        self.is_whole = self.is_whole and self._left > 0
        self._left -= len(source)
        if is_html:
            read = read_html(source)
            own, whole = read.own, read.whole
            self.is_whole = self.is_whole and read.is_whole
        else:
            self.is_whole = self.is_whole and len(source) <= _LONGEST_TEXT
            source = source[:_LONGEST_TEXT].replace("\u00a0", " ").replace("\r\n", "\n")
            own = whole = without_hidden(source).strip()
        return [_Words(own, whole, is_html)] if whole else []

    def bounded(self, texts: list[str]) -> list[str]:
        """The texts, 200,000 characters of them at most."""
        kept: list[str] = []
        left = _LONGEST_TEXT
        for text in texts:
            if len(text) > left:
                self.is_whole = False
            if left > 0:
                kept.append(text[:left])
            left = max(left - len(text), 0)
        return kept


def _one_of(forms: list[list[_Words]]) -> list[_Words]:
    """Of alternatives the last one with HTML in it, whose quotes are marked in no language."""
    html = [one for one in forms if any(words.is_html for words in one)]
    return html[-1] if html else _each_once(forms)


def _each_once(parts: list[list[_Words]]) -> list[_Words]:
    """All of them; the same words twice are a mail whose alternatives are not said to be ones."""
    found = {" ".join(words.whole.split()): words for one in parts for words in one}
    return list(found.values())


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
