"""A mailbox by IMAP: one connection, used from one thread at a time, opened anew when it broke.

Folders are opened for reading only, so nothing is marked as seen; what `close` of a thread does is
the one exception, and it deletes nothing.

NOTE: imap-tools' own `flag`, `move` and `delete` expunge, which would remove what a colleague has
marked as deleted; so flags are stored, and mails moved, by the commands themselves.
"""

from __future__ import annotations

import asyncio
import imaplib
import re
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, TypeVar, cast

from sayso.errors import Code, ConfigError, RefusedError, RetryableError, SaysoError
from sayso.extras import missing_extra
from sayso.secret import Secret
from sayso.text import plain

try:
    from imap_tools.errors import (
        ImapToolsError,
        MailboxFolderSelectError,
        MailboxLoginError,
        UnexpectedCommandStatusError,
    )
    from imap_tools.mailbox import BaseMailBox, MailBox, MailBoxStartTls, MailBoxUnencrypted
    from imap_tools.utils import encode_folder
except ImportError as error:
    raise missing_extra("mail", "reading e-mail needs the extra `mail`") from error

T = TypeVar("T")
Security = Literal["tls", "starttls", "none"]
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_BROKEN = (OSError, imaplib.IMAP4.abort, EOFError)
_REFUSED = (imaplib.IMAP4.error, ImapToolsError)
_UID, _SIZE = re.compile(rb"\bUID (\d+)"), re.compile(rb"\bRFC822\.SIZE (\d+)")
_STRING = re.compile(rb'\bBODY\[[^\]]*\](?:<\d+>)? (?:"((?:[^"\\]|\\.)*)"|NIL)')
_DATE = re.compile(rb'\bINTERNALDATE "([^"]+)"')
_HEAD_FIELDS = "MESSAGE-ID IN-REPLY-TO REFERENCES FROM TO CC SUBJECT DATE CONTENT-TYPE"
_AT_ONCE = 500
"""So many mails' heads are asked for by one command."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MailLogin:
    """Where a mailbox is, and how the connector shows who it is.

    Attributes:
        host, port, security: `none` on this machine alone.
        user: the mailbox. password, bearer: as for `SmtpLogin`.
        timeout_s: seconds for each answer of the server.
        tls: trust and versions; the system's default unless a test says otherwise.

    Raises:
        ConfigError: `invalid_setting`, for a connection that would be read by others.
    """

    host: str
    port: int
    security: Security
    user: str
    password: Secret | None = None
    bearer: Callable[[], Awaitable[Secret]] | None = None
    timeout_s: float = 30.0
    tls: ssl.SSLContext | None = None

    def __post_init__(self) -> None:
        if self.security == "none" and self.host not in _LOOPBACK:
            raise ConfigError(
                Code.INVALID_SETTING,
                f"mail at `{self.host[:60]}` would be read unencrypted",
                next_step="set `security` of the inbox to `tls` or `starttls`",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class MailFolder:
    """A folder as it was when it was opened.

    Attributes:
        validity: UIDVALIDITY: another one, and every number means another mail.
        next_uid: the number that the next mail gets; 0 where the server does not say.
    """

    name: str
    validity: int
    next_uid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One mail of a folder, as a list shows it.

    Attributes:
        uid: its number, while the folder's validity holds. size: in bytes.
        at: when it came in, as the server has it.
        head: the bytes of its header, as far as they were asked for.
    """

    uid: int
    size: int
    at: datetime
    head: bytes = b""


class ImapSession:
    """A connection that is logged in; every method waits for the server, so none runs in the loop.

    Raises: OSError, imaplib's and imap-tools' errors, which `Mailbox` translates.
    """

    def __init__(self, login: MailLogin, bearer: Secret | None) -> None:
        self._box = _connect(login)
        self.opened: MailFolder | None = None
        try:
            self._sign_in(login, bearer)
        except (*_BROKEN, *_REFUSED):
            self.drop()
            raise

    def _sign_in(self, login: MailLogin, bearer: Secret | None) -> None:
        if bearer is not None:
            self._box.xoauth2(login.user, bearer.reveal(), None)
            return
        secret = login.password.reveal() if login.password is not None else ""
        plain_words = login.user.isascii() and secret.isascii()
        sign_in = self._box.login if plain_words else self._box.login_utf8
        sign_in(login.user, secret, None)

    @property
    def client(self) -> imaplib.IMAP4:
        """The standard library's client below."""
        return self._box.client

    @property
    def capabilities(self) -> frozenset[str]:
        """What the server can do, upper-case."""
        self.client.capability()
        _, told = self.client.response("CAPABILITY")
        words = b" ".join(part for part in told if isinstance(part, bytes)).decode().upper()
        return frozenset(words.split() or self.client.capabilities)

    def cut(self) -> None:
        """Break the connection off, from whichever thread: whoever waits for it stops waiting.

        What it holds is let go of by whoever waited, by `drop`.
        """
        with suppress(OSError):
            self.client.sock.shutdown(socket.SHUT_RDWR)

    def drop(self) -> None:
        """Let go of the connection, from the thread that used it."""
        with suppress(OSError):
            self.client.shutdown()

    def folders(self) -> dict[str, tuple[str, ...]]:
        """The folders and what they are for, such as `\\Sent`."""
        return {one.name: one.flags for one in self._box.folder.list()}

    def open(self, name: str, *, writable: bool = False) -> MailFolder:
        """Open a folder; what came in since is seen from here on."""
        self._box.folder.set(name, readonly=not writable)  # pyright: ignore[reportUnknownMemberType]
        validity = self._told("UIDVALIDITY")
        self.opened = MailFolder(name=name, validity=validity, next_uid=self._told("UIDNEXT"))
        return self.opened

    def _told(self, what: str) -> int:
        _, data = self.client.response(what)
        found = [one for one in data if isinstance(one, bytes) and one.isdigit()]
        return int(found[-1]) if found else 0

    def search(self, criteria: str) -> list[int]:
        """The numbers of the mails that fit, ascending."""
        return sorted(int(one) for one in self._box.uids(criteria, charset=None))

    def heads(self, uids: Sequence[int]) -> Iterator[Listed]:
        """The mails of these numbers with the head's lines that threads are made of."""
        for start in range(0, len(uids), _AT_ONCE):
            yield from self._fetch(
                uids[start : start + _AT_ONCE],
                f"(UID RFC822.SIZE INTERNALDATE BODY.PEEK[HEADER.FIELDS ({_HEAD_FIELDS})])",
            )

    def sizes(self, uids: Sequence[int]) -> list[Listed]:
        """The mails of these numbers, without a head."""
        return list(self._fetch(uids, "(UID RFC822.SIZE INTERNALDATE)")) if uids else []

    def whole(self, uid: int) -> bytes | None:
        """A mail's bytes; None where it is gone."""
        return next((one.head for one in self._fetch([uid], "(UID BODY.PEEK[])")), None)

    def wholes(self, uids: Sequence[int]) -> dict[int, bytes]:
        """The bytes of several mails, by their numbers; those that are gone are missing."""
        found = self._fetch(uids, "(UID BODY.PEEK[])") if uids else ()
        return {one.uid: one.head for one in found}

    def header(self, uid: int, most: int) -> bytes | None:
        """The bytes of a mail's header, so many at most; None where it is gone."""
        wanted = f"(UID BODY.PEEK[HEADER]<0.{most}>)"
        return next((one.head for one in self._fetch([uid], wanted)), None)

    def newest(self, count: int) -> list[bytes]:
        """The headers of the newest mails of the opened folder, the newest first."""
        uids = self.search("ALL")[-count:]
        headers = (self.header(uid, 65_536) for uid in reversed(uids))
        return [one for one in headers if one is not None]

    def _fetch(self, uids: Sequence[int], parts: str) -> Iterator[Listed]:
        status, data = self.client.uid("FETCH", _ranges(uids), parts)
        _check(status, data)
        wanted = set(uids)
        is_body, is_sized = "BODY.PEEK" in parts, "RFC822.SIZE" in parts
        for told, literal in _items(data):
            uid, size, date = _UID.search(told), _SIZE.search(told), _DATE.search(told)
            if uid is None or int(uid[1]) not in wanted:
                continue
            # INVARIANT: whoever reads a mail elsewhere has the server tell its flags among these
            # (RFC 9051 §7.5.2), which is no mail of size 0 and without a word.
            if (is_body and literal is None) or (is_sized and (size is None or date is None)):
                continue
            yield Listed(
                uid=int(uid[1]),
                size=int(size[1]) if size else len(literal or b""),
                at=_moment(date[1] if date else b""),
                head=literal or b"",
            )

    def flag(self, uids: Sequence[int], keyword: str) -> None:
        """Put a keyword on mails of the opened folder."""
        _check(*self.client.uid("STORE", _ranges(uids), "+FLAGS.SILENT", f"({keyword})"))

    def present(self, uids: Sequence[int]) -> set[int]:
        """Which of these mails are still in the opened folder."""
        return set(self.search(f"UID {_ranges(uids)}")) if uids else set()

    def flagged(self, uids: Sequence[int], keyword: str) -> set[int]:
        """Which of these mails have a keyword."""
        return set(self.search(f"UID {_ranges(uids)} KEYWORD {keyword}")) if uids else set()

    def move(self, uids: Sequence[int], folder: str) -> None:
        """Move mails of the opened folder to another one; never by copying and deleting."""
        where = encode_folder(folder).decode()
        _check(*self.client.uid("MOVE", _ranges(uids), where))

    def append(self, folder: str, content: bytes, flags: str = r"(\Seen)") -> None:
        """Put a mail into a folder."""
        where = encode_folder(folder).decode()
        _check(*self.client.append(where, flags, None, content))

    def wait(self, seconds: float) -> bool:
        """Whether the server said within that time that a mail came into the opened folder.

        It also says that it is still there, which is no mail; then nothing has come yet.
        """
        return any(b"EXISTS" in line for line in self._box.idle.wait(timeout=seconds))

    def end(self) -> None:
        """Log out, as far as the server still listens."""
        with suppress(*_BROKEN, *_REFUSED):
            self.client.logout()
        self.drop()


class Mailbox:
    """Runs work on one session in a thread, and opens the session when it is needed.

    Guarantees: one piece of work at a time; one that is given up takes its connection with it, so
    that nobody else reads its answers.
    """

    def __init__(self, login: MailLogin) -> None:
        self.login = login
        self._session: ImapSession | None = None
        self._lock = asyncio.Lock()

    @property
    def title(self) -> str:
        """The mailbox, as cards and checks name it."""
        return f"{self.login.user} at {self.login.host}"

    async def run(self, work: Callable[[ImapSession], T], *, again: bool = True) -> T:
        """Do something with a session.

        Args:
            again: whether it may be done a second time where the first connection broke; only for
                what changes nothing, or the same twice.

        Raises:
            RefusedError: `needs_reauth`, `provider_refused`. RetryableError: it cannot be now.
        """
        async with self._lock:
            was_open = self._session is not None
            try:
                return await self._once(work)
            except RetryableError:
                # A server ends connections that were quiet for long; the next one tells.
                if not (was_open and again):
                    raise
            return await self._once(work)

    async def _once(self, work: Callable[[ImapSession], T]) -> T:
        bearer = await self.login.bearer() if self.login.bearer is not None else None
        try:
            if self._session is None:
                self._session = await asyncio.to_thread(ImapSession, self.login, bearer)
            return await asyncio.to_thread(_done, self._session, work)
        except asyncio.CancelledError:
            self._drop()
            raise
        except (*_BROKEN, *_REFUSED) as error:
            self._session = None
            raise translated(error) from error

    def _drop(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            session.cut()

    async def close(self) -> None:
        """Log out; where somebody waits for the server, the connection is cut."""
        if self._lock.locked():
            self._drop()
            return
        session, self._session = self._session, None
        if session is not None:
            await asyncio.to_thread(session.end)


def _done(session: ImapSession, work: Callable[[ImapSession], T]) -> T:
    try:
        return work(session)
    except (*_BROKEN, *_REFUSED):
        # INVARIANT: after an error nobody knows what else the connection still has to say.
        session.drop()
        raise


def translated(error: Exception) -> SaysoError:
    """What the mail server said, or that it said nothing, as one of our errors."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return RefusedError(
            Code.PROVIDER_REFUSED,
            "the mail server's certificate cannot be trusted",
            next_step="check the inbox's `host`, `port` and `security`",
            detail=type(error).__name__,
        )
    said = _words_of(error)
    if isinstance(error, imaplib.IMAP4.abort | OSError | EOFError):
        return RetryableError(
            Code.PROVIDER_UNAVAILABLE,
            "the mailbox cannot be reached",
            next_step="check the inbox's `host` and `port`",
            detail=type(error).__name__,
        )
    busy = any(word in said.upper() for word in ("UNAVAILABLE", "INUSE", "LIMIT", "TOO MANY"))
    if busy:
        return RetryableError(Code.PROVIDER_UNAVAILABLE, f"the mailbox cannot be read now: {said}")
    is_login = isinstance(error, MailboxLoginError) or "AUTHENTICAT" in said.upper()
    if is_login:
        return RefusedError(
            Code.NEEDS_REAUTH,
            "the mailbox does not accept the login",
            next_step="check the inbox's user and password, or authorise it again",
        )
    if isinstance(error, MailboxFolderSelectError):
        return RefusedError(
            Code.PROVIDER_REFUSED,
            f"a folder of the mailbox cannot be opened: {said}",
            next_step="check the inbox's `folder`, `sent` and `done`",
        )
    return RefusedError(
        Code.PROVIDER_REFUSED,
        f"the mail server refused it: {said}",
        next_step="check the mailbox's rights",
    )


def _words_of(error: Exception) -> str:
    """What the server said, without what we sent."""
    if isinstance(error, UnexpectedCommandStatusError):
        told = cast("tuple[object, ...]", error.command_result)  # pyright: ignore[reportUnknownMemberType]
        return plain(_said(told[1] if len(told) > 1 else b""), limit=120)
    return plain(str(error), limit=120)


def _said(data: object) -> str:
    """The words of an answer, however the client wraps them."""
    parts = cast("Sequence[object]", data) if isinstance(data, list | tuple) else (data,)
    return b" ".join(one for one in parts if isinstance(one, bytes)).decode(errors="replace")


def _connect(login: MailLogin) -> BaseMailBox:
    if login.security == "none":
        return MailBoxUnencrypted(login.host, login.port, login.timeout_s)
    context = login.tls or ssl.create_default_context()
    kind = MailBox if login.security == "tls" else MailBoxStartTls
    return kind(login.host, login.port, login.timeout_s, ssl_context=context)


def _check(status: str, data: object) -> None:
    if status != "OK":
        raise imaplib.IMAP4.error(_said(data))


def _items(data: Sequence[object]) -> Iterator[tuple[bytes, bytes | None]]:
    """Each mail of an answer: what is told of it, and the literal, which attributes follow, too.

    A server may write what is short as a string instead (`""`), which counts as one.
    """
    told, literal = b"", None
    for one in data:
        if isinstance(one, tuple):
            if told:
                yield told, literal
            told, literal, *_ = cast("tuple[bytes, bytes]", one)
        elif isinstance(one, bytes):
            if re.match(rb"\d+ \(", one):
                if told:
                    yield told, literal
                told, literal = one, _string_of(one)
            else:
                told += one
    if told:
        yield told, literal


def _string_of(told: bytes) -> bytes | None:
    """The body that stands in the answer's line itself; None where none was told."""
    found = _STRING.search(told)
    return None if found is None else re.sub(rb"\\(.)", rb"\1", found[1] or b"")


def _ranges(uids: Sequence[int]) -> str:
    """Numbers as a command names them, such as `3:7,9`."""
    ordered = sorted(uids)
    parts: list[str] = []
    start = before = None
    for uid in ordered:
        if before is not None and uid == before + 1:
            before = uid
            continue
        if start is not None:
            parts.append(str(start) if start == before else f"{start}:{before}")
        start = before = uid
    parts.append(str(start) if start == before else f"{start}:{before}")
    return ",".join(parts)


def _moment(date: bytes) -> datetime:
    with suppress(ValueError):
        return datetime.strptime(date.decode().strip(), "%d-%b-%Y %H:%M:%S %z")
    return datetime.fromtimestamp(0, UTC)
