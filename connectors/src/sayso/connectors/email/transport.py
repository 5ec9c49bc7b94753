"""The contract of a transport: how a finished message leaves."""

from __future__ import annotations

import asyncio
import hashlib
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from sayso.actions.model.definition import Guarantee, verifiable
from sayso.actions.model.snapshot import Absence, Receipt
from sayso.audit.atomic_files import sync_folder
from sayso.errors import Code, RetryableError
from sayso.store.private_files import PRIVATE_FILE, make_private_folder


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A message on its way.

    Attributes:
        message_id: derived from the idempotency key, so that every try carries the same one.
        sender, recipient: bare addresses.
        content: the whole message, RFC 5322, lines ended by CRLF.
    """

    message_id: str
    sender: str
    recipient: str
    content: bytes


class Transport(Protocol):
    """Sends messages."""

    @property
    def guarantee(self) -> Guarantee:
        """How it keeps one message at one delivery."""
        ...

    @property
    def title(self) -> str:
        """What acts, as cards show it, such as `smtp.example.com as support@example.com`."""
        ...

    async def send(self, letter: Letter) -> Receipt:
        """Hand the message over.

        Raises:
            RefusedError: `provider_refused`, `needs_reauth`: it was not taken and will not be.
            RetryableError: it was surely not taken.
            OutcomeUnknownError: it was handed over whole and no answer came.
        """
        ...

    async def check(self) -> None:
        """Go as far as a message would, and send nothing.

        Raises:
            RefusedError, RetryableError: as `send`.
        """
        ...

    async def look_up(self, message_id: str) -> Receipt | Absence:
        """Whether a message with that id was handed over. Changes nothing.

        Raises:
            RetryableError: it cannot be seen now.
        """
        ...


_SETTLE_AFTER_S = 60


class FileTransport:
    """Writes each message into a folder, named after its Message-ID.

    Args:
        folder: where; made when absent.

    Guarantees: a message id has one file, whole or not at all, also over a crash; a second try
    with the same id leaves the first file as it is.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def guarantee(self) -> Guarantee:
        """Verifiable: the file is there or not."""
        return verifiable(settle_after_s=_SETTLE_AFTER_S)

    @property
    def title(self) -> str:
        """The folder's name."""
        return f"the folder `{self._folder.name}`"

    async def send(self, letter: Letter) -> Receipt:
        """See `Transport.send`."""
        path = self.path_of(letter.message_id)
        try:
            await asyncio.to_thread(_write_once, path, letter.content)
        except OSError as error:
            # What failed is the writing of a file under another name, so there is no message.
            raise _unwritable(str(error.strerror).lower()) from error
        return _receipt(letter.message_id)

    async def check(self) -> None:
        """See `Transport.check`."""
        there = next(one for one in (self._folder, *self._folder.parents) if one.exists())
        if not await asyncio.to_thread(os.access, there, os.W_OK | os.X_OK):
            raise _unwritable("this user may not write there")

    async def look_up(self, message_id: str) -> Receipt | Absence:
        """See `Transport.look_up`."""
        try:
            there = await asyncio.to_thread(self.path_of(message_id).exists)
        except OSError as error:
            raise RetryableError(
                Code.PROVIDER_UNAVAILABLE, "the folder of e-mails cannot be read"
            ) from error
        return _receipt(message_id) if there else Absence.ABSENT

    def path_of(self, message_id: str) -> Path:
        """The file of a message."""
        return self._folder / f"{hashlib.sha256(message_id.encode()).hexdigest()[:40]}.eml"


def _write_once(path: Path, content: bytes) -> None:
    make_private_folder(path.parent)
    draft = path.with_name(f".{path.stem}.{secrets.token_hex(6)}.draft")
    try:
        # Whom a message is for, and what it says, is nobody else's on this machine.
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        try:
            # A link is made whole or not at all, and never over a file that is there.
            os.link(draft, path)
        except FileExistsError:
            return
        sync_folder(path.parent)
    finally:
        draft.unlink(missing_ok=True)


def _unwritable(why: str) -> RetryableError:
    return RetryableError(
        Code.PROVIDER_UNAVAILABLE,
        f"the folder of e-mails cannot be written: {why}",
        next_step="check the connector's `folder`, its rights and the disk",
    )


def _receipt(message_id: str) -> Receipt:
    return Receipt(id=message_id, status="written", details={"transport": "file"})
