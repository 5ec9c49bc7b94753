"""`[desk]`: where customers write, which action plays which part, and how threads are read."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from sayso.connectors.manifest.schema.base import MAX_READS, Duration, ManifestTable, Path, Word
from sayso.connectors.manifest.schema.request import Read
from sayso.connectors.signatures import Signing

MOST_PAGES = 200


class ThreadTable(ManifestTable):
    """What a thread is: the argument of the actions that names it, and the kind of record."""

    arg: Word
    kind: Word


class DeskChanges(Read):
    """What has changed since a time: the request names `{since.FORM}`.

    The forms are `iso` (RFC 3339), `epoch` (seconds), `minute` (`2026-11-25 12:00`), `second`
    (`2026-11-25 12:00:00`), all in UTC.

    Attributes:
        items: path of what has changed.
        id: of an item: its thread. at: of an item: when it changed.
        ordered: whether the oldest change comes first; without it all has to be read at once.
        overlap: so much before the newest change that is known, changes are named again.
        asks_before: so much before it the request asks, where the provider compares roughly.
        most_pages: how many are read at once.
    """

    items: Path
    id: Path
    at: Path
    ordered: bool = False
    overlap: Duration = "2m"
    asks_before: Duration | None = None
    most_pages: Annotated[int, Field(ge=1, le=MOST_PAGES)] = 20


class AttachmentTable(ManifestTable):
    """What hangs on a message: path of the list, and of an item its name, kind and size."""

    items: Path
    name: Path
    kind: Path
    size: Path | None = None


class MessageTable(ManifestTable):
    """One message. Its paths see the message, and beside it `_`: the reads, and `settings`.

    Attributes:
        id, at: two messages of one id are one, the first. text: plain text, but where `html` is so.
        sayso: whether we wrote it. machine: whether another bot did, or nobody. customer: whether a
            customer did. Asked in this order; whoever is none of them is a colleague.
        public: whether the customer sees it.
        mail: whether it came by e-mail, so that it may quote the conversation; never unless said.
        subject: the customer who wrote, in the provider's form; null where nobody can say.
        attachments: what hangs on it.
    """

    id: Path
    at: Path
    text: Path
    html: Path | None = None
    customer: Path
    sayso: Path
    machine: Path | None = None
    public: Path | None = None
    mail: Path | None = None
    subject: Path
    attachments: AttachmentTable | None = None


class BellTable(ManifestTable):
    """A webhook. It names a thread, which is read at the desk; nothing else of it counts.

    Attributes:
        thread: path of the thread's id in its body.
        signed: `hmac-sha256` or `hmac-sha1` (hex, with or without `sha256=` before it) of the body,
            `secret` (the header holds the secret itself), or `zendesk` (time and body).
        header: where the signature, or the secret, is.
    """

    thread: Path
    signed: Signing
    header: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,60}$")] | None = None

    @model_validator(mode="after")
    def _somewhere(self) -> BellTable:
        if (self.header is None) != (self.signed == "zendesk"):
            raise ValueError("`header` says where the signature is; Zendesk's is known")
        return self


class DeskTable(ManifestTable):
    """The desk.

    Attributes:
        reply, note, hand_over, close: which action plays which part.
        reads: shared reads that make up a thread, in this order; `{args.X}` is the thread.
        title: path of its title. open: whether the customer can be answered in it. assignee: who
            has taken it; null or empty for nobody.
        messages: path of its messages, oldest first.
        bell: its webhook, where the desk has one.
    """

    thread: ThreadTable
    reply: Word
    note: Word | None = None
    hand_over: Word | None = None
    close: Word | None = None
    reads: Annotated[list[Word], Field(min_length=1, max_length=MAX_READS)]
    title: Path
    open: Path
    assignee: Path | None = None
    messages: Path
    message: MessageTable
    changes: DeskChanges
    bell: BellTable | None = None
