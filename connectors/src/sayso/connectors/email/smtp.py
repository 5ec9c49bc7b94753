"""Messages by SMTP, through the standard library, with an exact account of how far a try got.

| how far | 4xx | 5xx | connection lost |
|---|---|---|---|
| up to the answer to DATA | RetryableError | RefusedError | RetryableError |
| while the text is sent, before its last line | | | RetryableError |
| after the last line `.` | RetryableError | RefusedError | OutcomeUnknownError |

Source: RFC 5321 §4.1.1.4 (a message without its last line is discarded), §4.2.1; RFC 1047 (why a
lost last answer makes duplicates).
"""

from __future__ import annotations

import asyncio
import re
import smtplib
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

from sayso.actions.model.definition import Guarantee, at_most_once
from sayso.actions.model.snapshot import Absence, Receipt
from sayso.connectors.email.transport import Letter
from sayso.errors import (
    Code,
    ConfigError,
    OutcomeUnknownError,
    RefusedError,
    RetryableError,
    SaysoError,
)
from sayso.secret import Secret
from sayso.text import plain

Security = Literal["starttls", "tls", "none"]
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_LINE_START = re.compile(rb"(?m)^\.")
_LOST = (OSError, smtplib.SMTPServerDisconnected, EOFError)


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpLogin:
    """How the connector shows who it is.

    Attributes:
        user: the mailbox.
        password: for `PLAIN` and `LOGIN`.
        bearer: gives an access token for `XOAUTH2`, which Gmail and Microsoft 365 demand; asked
            before every message, so that the token broker keeps it fresh.
    """

    user: str
    password: Secret | None = None
    bearer: Callable[[], Awaitable[Secret]] | None = None


class SmtpTransport:
    """Hands messages to a mail server.

    Args:
        host, port: of the server.
        security: `starttls` and `tls` check the server's certificate; `none` only on this machine.
        login: None to send without.
        timeout_s: seconds for each step of the conversation.
        tls: trust and versions; the system's default unless a test says otherwise.

    Guarantees: at most once: SMTP has no keys and no look-up.

    Raises:
        ConfigError: `invalid_setting`, for an unsafe combination.
    """

    def __init__(
        self,
        *,
        host: str,
        port: int,
        security: Security = "starttls",
        login: SmtpLogin | None = None,
        timeout_s: float = 20.0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        if security == "none" and host not in _LOOPBACK:
            raise ConfigError(
                Code.INVALID_SETTING,
                f"mail to `{host[:60]}` would go unencrypted",
                next_step="set `security` to `starttls` or `tls`",
            )
        self._host, self._port, self._security = host, port, security
        self._login, self._timeout_s = login, timeout_s
        self._tls = tls

    @property
    def guarantee(self) -> Guarantee:
        """At most once."""
        return at_most_once()

    @property
    def title(self) -> str:
        """The server, and as whom."""
        return f"{self._host} as {self._login.user}" if self._login is not None else self._host

    async def send(self, letter: Letter) -> Receipt:
        """See `Transport.send`."""
        bearer: Secret | None = None
        if self._login is not None and self._login.bearer is not None:
            bearer = await self._login.bearer()
        receipt = await asyncio.to_thread(self._deliver, letter, bearer)
        assert receipt is not None, "there was a letter"
        return receipt

    async def check(self) -> None:
        """Connect and log in, and send nothing.

        Raises:
            RefusedError, RetryableError: as `send`.
        """
        bearer: Secret | None = None
        if self._login is not None and self._login.bearer is not None:
            bearer = await self._login.bearer()
        await asyncio.to_thread(self._deliver, None, bearer)

    async def look_up(self, message_id: str) -> Receipt | Absence:
        """A mail server cannot be asked what it took."""
        return Absence.CANNOT_TELL

    def _deliver(self, letter: Letter | None, bearer: Secret | None) -> Receipt | None:
        try:
            server = self._connect()
        except smtplib.SMTPResponseException as error:
            raise _said_no(error.smtp_code, error.smtp_error, "greeting") from error
        except (smtplib.SMTPException, *_LOST) as error:
            raise _not_sent(error) from error
        try:
            self._introduce(server, bearer)
            if letter is None:
                return None
            _open_data(server, letter)
            return _finish(server, letter)
        except smtplib.SMTPResponseException as error:
            raise _said_no(error.smtp_code, error.smtp_error, "greeting") from error
        except (smtplib.SMTPException, *_LOST) as error:
            raise _not_sent(error) from error
        finally:
            with suppress(smtplib.SMTPException, OSError, EOFError):
                server.quit()
            server.close()

    def _connect(self) -> smtplib.SMTP:
        if self._security == "tls":
            context = self._tls or ssl.create_default_context()
            return smtplib.SMTP_SSL(
                self._host, self._port, timeout=self._timeout_s, context=context
            )
        return smtplib.SMTP(self._host, self._port, timeout=self._timeout_s)

    def _introduce(self, server: smtplib.SMTP, bearer: Secret | None) -> None:
        server.ehlo_or_helo_if_needed()
        if self._security == "starttls":
            try:
                server.starttls(context=self._tls or ssl.create_default_context())
            except (smtplib.SMTPNotSupportedError, ssl.SSLCertVerificationError) as error:
                raise RefusedError(
                    Code.PROVIDER_REFUSED,
                    "the mail server offers no encryption that can be trusted",
                    next_step="check the connector's `host`, `port` and `security`",
                    detail=type(error).__name__,
                ) from error
            server.ehlo()
        if self._login is None:
            return
        try:
            _log_in(server, self._login, bearer)
        except smtplib.SMTPAuthenticationError as error:
            if 400 <= error.smtp_code < 500:
                raise _said_no(error.smtp_code, error.smtp_error, "login") from error
            raise _login_refused(str(error.smtp_code)) from error
        except smtplib.SMTPException as error:
            raise _login_refused(type(error).__name__) from error


def _log_in(server: smtplib.SMTP, login: SmtpLogin, bearer: Secret | None) -> None:
    if bearer is None:
        server.login(login.user, login.password.reveal() if login.password is not None else "")
        return
    # SOURCE: Google, "OAuth 2.0 Mechanism"; Microsoft, "Authenticate an SMTP connection".
    words = f"user={login.user}\x01auth=Bearer {bearer.reveal()}\x01\x01"

    def respond(challenge: bytes | None = None) -> str:
        # A challenge after the first answer is the server's error text; an empty line ends it.
        return words if challenge is None else ""

    server.auth("XOAUTH2", respond)


def _open_data(server: smtplib.SMTP, letter: Letter) -> None:
    """Everything up to the text; after it, still nothing was taken."""
    steps: tuple[tuple[str, Callable[[], tuple[int, bytes]]], ...] = (
        ("sender", lambda: server.mail(letter.sender)),
        ("recipient", lambda: server.rcpt(letter.recipient)),
        ("message", lambda: server.docmd("DATA")),
    )
    for step, ask in steps:
        code, reply = ask()
        if code not in (250, 251, 354):
            raise _said_no(code, reply, step)


def _finish(server: smtplib.SMTP, letter: Letter) -> Receipt:
    text = _LINE_START.sub(b"..", letter.content)
    server.send(text if text.endswith(b"\r\n") else text + b"\r\n")
    try:
        server.send(b".\r\n")
        code, reply = server.getreply()
    except (smtplib.SMTPException, *_LOST) as error:
        raise _unknown(type(error).__name__) from error
    if code == 250:
        queued = plain(reply.decode(errors="replace"), limit=120)
        details = {"transport": "smtp", "answer": queued}
        return Receipt(id=letter.message_id, status="accepted", details=details)
    if 400 <= code < 600:
        raise _said_no(code, reply, "message")
    raise _unknown(str(code))


def _unknown(detail: str) -> OutcomeUnknownError:
    return OutcomeUnknownError(
        Code.OUTCOME_UNKNOWN,
        "the mail server did not confirm the message, so it may have been delivered",
        next_step="look for it in the sender's mailbox or the server's log",
        detail=detail,
    )


def _said_no(code: int, reply: bytes | str, step: str) -> SaysoError:
    words = reply.decode(errors="replace") if isinstance(reply, bytes) else reply
    said = f"{code} {plain(words, limit=120)}"
    if 500 <= code < 600:
        return RefusedError(
            Code.PROVIDER_REFUSED,
            f"the mail server refused the {step}: {said}",
            next_step="check the address on file and the sender's rights",
        )
    return RetryableError(
        Code.PROVIDER_UNAVAILABLE,
        f"the mail server did not take the {step} now: {said}",
        next_step="try again later",
    )


def _not_sent(error: Exception) -> RetryableError:
    return RetryableError(
        Code.PROVIDER_UNAVAILABLE,
        "the mail server cannot be reached, so nothing was sent",
        next_step="check the connector's `host` and `port`",
        detail=type(error).__name__,
    )


def _login_refused(detail: str) -> RefusedError:
    return RefusedError(
        Code.NEEDS_REAUTH,
        "the mail server does not accept the login",
        next_step="check the mailbox's password, or authorise it again",
        detail=detail,
    )
