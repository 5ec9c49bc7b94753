"""A mail server on loopback that keeps what it is sent, and misbehaves on request.

async with MailCatcher.start() as mail:
    transport = SmtpTransport(host=mail.host, port=mail.port, security="none")
    ...
    assert len(mail.messages) == 1
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import email.policy
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from email.parser import BytesParser
from typing import Literal, Self

Step = Literal["connect", "auth", "mail", "rcpt", "data", "end"]
"""Where a conversation can be disturbed; `end` is after the last line of the text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MailFault:
    """One thing that goes wrong, once.

    Attributes:
        step: where.
        code: the reply to give there; None closes the connection without one.
        keep: at `end`: whether the message is delivered all the same.
    """

    step: Step
    code: int | None = None
    keep: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """A message that was taken.

    Attributes:
        sender, recipients: of the envelope.
        raw: the bytes between DATA and the last line, without dot-stuffing.
    """

    sender: str
    recipients: tuple[str, ...]
    raw: bytes

    @property
    def message(self) -> EmailMessage:
        """It, parsed."""
        return BytesParser(EmailMessage, policy=email.policy.default).parsebytes(self.raw)


class MailCatcher:
    """The server; make one with `start`.

    Attributes:
        host, port: where it listens.
        messages: what was delivered, oldest first.
        logins: the users that logged in, oldest first.
    """

    def __init__(self, passwords: Mapping[str, str], bearers: Mapping[str, str]) -> None:
        self.host = "127.0.0.1"
        self.port = 0
        self.messages: list[Delivered] = []
        self.logins: list[str] = []
        self._passwords, self._bearers = dict(passwords), dict(bearers)
        self._faults: list[MailFault] = []

    @classmethod
    @asynccontextmanager
    async def start(
        cls,
        *,
        passwords: Mapping[str, str] | None = None,
        bearers: Mapping[str, str] | None = None,
    ) -> AsyncGenerator[Self, None]:
        """Listen on a free port of 127.0.0.1.

        Args:
            passwords: users who may log in with PLAIN; with any, a login is required.
            bearers: users who may log in with XOAUTH2, and their access tokens.
        """
        catcher = cls(passwords or {}, bearers or {})
        server = await asyncio.start_server(catcher._serve, catcher.host, 0)
        catcher.port = server.sockets[0].getsockname()[1]
        try:
            yield catcher
        finally:
            server.close()
            await server.wait_closed()

    def add_faults(self, *faults: MailFault) -> None:
        """Queue faults; each is used up by the first conversation that comes to its step."""
        self._faults.extend(faults)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await _Conversation(self, reader, writer).run()
        except (ConnectionError, asyncio.IncompleteReadError, _Closed):
            pass
        finally:
            writer.close()

    @property
    def needs_login(self) -> bool:
        """Whether nobody may send without one."""
        return bool(self._passwords or self._bearers)

    def take_fault(self, step: Step) -> MailFault | None:
        """The next fault of that step, used up."""
        for fault in self._faults:
            if fault.step == step:
                self._faults.remove(fault)
                return fault
        return None

    def check_login(self, mechanism: str, answer: str) -> str | None:
        """The user whose login that is, or None."""
        try:
            decoded = base64.b64decode(answer, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            return None
        if mechanism == "PLAIN":
            _, _, rest = decoded.partition("\0")
            user, _, password = rest.partition("\0")
            return user if self._passwords.get(user) == password else None
        parts = [part.partition("=") for part in decoded.split("\x01") if part]
        fields = {name: value for name, _, value in parts}
        user, token = fields.get("user", ""), fields.get("auth", "").removeprefix("Bearer ")
        return user if self._bearers.get(user) == token else None


class _Closed(Exception):  # noqa: N818  (an end, not an error)
    """The conversation is over."""


class _Conversation:
    """One client's commands, in order. Source: RFC 5321 §4.1, RFC 4954."""

    def __init__(
        self, catcher: MailCatcher, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._catcher, self._reader, self._writer = catcher, reader, writer
        self._sender = ""
        self._recipients: list[str] = []
        self._user: str | None = None

    async def run(self) -> None:
        await self._step("connect", 220, "loopback ready")
        while line := (await self._reader.readline()).decode(errors="replace").rstrip("\r\n"):
            verb, _, rest = line.partition(" ")
            await self._command(verb.upper(), rest)

    async def _command(self, verb: str, rest: str) -> None:
        match verb:
            case "EHLO" | "HELO":
                await self._say("250-loopback\r\n250-AUTH PLAIN XOAUTH2\r\n250 8BITMIME")
            case "AUTH":
                await self._log_in(rest)
            case "MAIL" if self._catcher.needs_login and self._user is None:
                await self._say("530 log in first")
            case "MAIL":
                self._sender = _bare(rest)
                await self._step("mail", 250, "sender ok")
            case "RCPT":
                if await self._step("rcpt", 250, "recipient ok"):
                    self._recipients.append(_bare(rest))
            case "DATA":
                if await self._step("data", 354, "go ahead"):
                    await self._text()
            case "QUIT":
                await self._say("221 bye")
                raise _Closed
            case "RSET" | "NOOP":
                await self._say("250 ok")
            case _:
                await self._say("502 not here")

    async def _log_in(self, rest: str) -> None:
        mechanism, _, answer = rest.partition(" ")
        if not await self._step("auth", 0, ""):
            return
        self._user = self._catcher.check_login(mechanism.upper(), answer)
        if self._user is not None:
            self._catcher.logins.append(self._user)
            await self._say("235 welcome")
            return
        if mechanism.upper() == "XOAUTH2":
            # SOURCE: Google, "OAuth 2.0 Mechanism": the error comes as a challenge first.
            await self._say("334 eyJzdGF0dXMiOiI0MDAifQ==")
            await self._reader.readline()
        await self._say("535 5.7.8 not accepted")

    async def _text(self) -> None:
        raw = bytearray()
        while (line := await self._reader.readline()) != b".\r\n":
            if not line:
                raise _Closed
            raw += line.removeprefix(b".")
        fault = self._catcher.take_fault("end")
        if fault is None or fault.keep:
            self._catcher.messages.append(
                Delivered(sender=self._sender, recipients=tuple(self._recipients), raw=bytes(raw))
            )
        await self._reply(fault, 250, f"queued as {len(self._catcher.messages)}")

    async def _step(self, step: Step, code: int, words: str) -> bool:
        """Answer, disturbed or not; whether the step was taken."""
        fault = self._catcher.take_fault(step)
        await self._reply(fault, code, words)
        return fault is None

    async def _reply(self, fault: MailFault | None, code: int, words: str) -> None:
        if fault is None:
            if code:
                await self._say(f"{code} {words}")
        elif fault.code is None:
            raise _Closed
        else:
            await self._say(f"{fault.code} not today")

    async def _say(self, line: str) -> None:
        self._writer.write(f"{line}\r\n".encode())
        await self._writer.drain()


def _bare(rest: str) -> str:
    return rest.partition("<")[2].partition(">")[0]
