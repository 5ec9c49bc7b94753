"""A manifest's desk: what has changed, and a thread as it is now."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import cast

from sayso.actions.model.definition import Assurance, Subject
from sayso.connectors.desk import Attachment, Author, Changes, DeskMessage, DeskParts, Thread
from sayso.connectors.manifest.pages import items_of
from sayso.connectors.manifest.picks import PickError, as_failure, moment
from sayso.connectors.manifest.provider import ManifestProvider
from sayso.connectors.manifest.schema import (
    AttachmentTable,
    BellTable,
    DeskTable,
    Manifest,
    Pagination,
    seconds_of,
)
from sayso.connectors.manifest.scope import bare_id
from sayso.connectors.markup import without_markup
from sayso.connectors.quotes import own_words
from sayso.connectors.signatures import is_rung
from sayso.errors import Code, RefusedError
from sayso.ids import Clock
from sayso.json import JsonValue
from sayso.nesting import read_json
from sayso.reading import ReadingError, read
from sayso.secret import Secret
from sayso.text import plain

_LONGEST = 8_000
"""Characters of a message that are kept; no customer's wish is longer."""
_LONGEST_MAIL = 64_000
"""Characters of it that are read: what is quoted may stand before the customer's words."""
_NAME = 120


def parts_of(manifest: Manifest) -> DeskParts | None:
    """Which actions play which part, by their full names; None for a manifest of no desk."""
    table = manifest.desk
    if table is None:
        return None
    full = {
        name: f"{manifest.connector}.{verb}" if verb else ""
        for name, verb in (
            ("reply", table.reply),
            ("note", table.note),
            ("hand_over", table.hand_over),
            ("close", table.close),
        )
    }
    given = None if table.hand_over is None else manifest.actions[table.hand_over]
    return DeskParts(
        thread_arg=table.thread.arg,
        thread_kind=table.thread.kind,
        hand_over_text=given is None or "text" in given.args,
        **full,
    )


def rung(
    table: BellTable, secret: Secret, headers: Mapping[str, str], body: bytes, now: datetime
) -> str | None:
    """See `Belled.rung`. Nothing is read before the signature is right."""
    if not is_rung(table.signed, table.header, secret, headers, body, now):
        raise RefusedError(
            Code.UNAUTHENTICATED,
            "the webhook isn't the desk's",
            next_step="put the desk's signing secret where `secret` points",
        )
    try:
        found = read(table.thread, cast("JsonValue", read_json(body)))
    except (ReadingError, ValueError, RecursionError):
        return None
    return plain(_text(found), limit=_NAME) or None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskReader:
    """Reads one desk.

    Attributes:
        table: as the manifest has it.
        clock: for a first sweep that begins now.
    """

    manifest: Manifest
    table: DeskTable
    provider: ManifestProvider
    settings: Mapping[str, str]
    clock: Clock

    # ---- what has changed ----------------------------------------------------------------------

    async def changes(self, cursor: str, begun: datetime | None = None) -> Changes:
        """See `Desk.changes`. The cursor is the time of the newest change that is known.

        Guarantees: it moves over nothing that wasn't read.
        """
        try:
            first = begun or self.clock.now()
            since = datetime.fromisoformat(cursor) if cursor else first
            return await self._changes(since.astimezone(UTC))
        except (PickError, ReadingError, ValueError) as error:
            raise as_failure(error, "desk.changes") from error

    async def _changes(self, since: datetime) -> Changes:
        table = self.table.changes
        overlap = timedelta(seconds=seconds_of(table.overlap))
        before = timedelta(seconds=seconds_of(table.asks_before or table.overlap))
        names = {"settings": dict(self.settings), "since": _forms(since - before)}
        request = table.model_copy(update={"page": _paged(table.page, table.most_pages)})
        newest, is_whole, changed = since, True, dict[str, datetime]()
        async for page in self.provider.pages("desk.changes", request, names, items=table.items):
            for item in page.items:
                at = moment(table.at, read(table.at, item))
                if at >= since - overlap:
                    thread = _id(table.id, item)
                    changed[thread] = max(at, changed.pop(thread, at))
                    newest = max(newest, at)
            is_whole = page.is_last
        if not is_whole and (not table.ordered or newest == since):
            # INVARIANT: what wasn't read is not passed over.
            raise ReadingError("more has changed than its pages hold")
        return Changes(
            threads=tuple(changed),
            changed=changed,
            settles=overlap,
            cursor=newest.isoformat(),
            more=not is_whole,
        )

    # ---- a thread ------------------------------------------------------------------------------

    async def read_thread(self, thread: str) -> Thread:
        """See `Desk.read_thread`."""
        names: dict[str, object] = {
            "args": {self.table.thread.arg: thread},
            "settings": dict(self.settings),
        }
        seen: dict[str, JsonValue] = {"settings": dict(self.settings)}
        for name in self.table.reads:
            seen[name] = await self.provider.read(name, self.manifest.reads[name], names)
            names[name] = seen[name]
        try:
            listed = items_of(self.table.messages, seen)
            messages = [self._message(thread, one, seen) for one in listed]
            once = {one.id: one for one in reversed(messages)}
            return Thread(
                id=thread,
                title=plain(_text(read(self.table.title, seen)), limit=_NAME),
                is_open=_flag(self.table.open, seen),
                assignee=self._assignee(seen),
                messages=tuple(reversed(once.values())),
            )
        except (PickError, ReadingError) as error:
            raise as_failure(error, "desk") from error

    def _assignee(self, seen: Mapping[str, JsonValue]) -> str:
        path = self.table.assignee
        return "" if path is None else plain(_text(read(path, seen)), limit=_NAME)

    def _message(self, thread: str, item: JsonValue, seen: Mapping[str, JsonValue]) -> DeskMessage:
        if not isinstance(item, Mapping):
            raise ReadingError("a message has no form of one")
        table = self.table.message
        found: Mapping[str, JsonValue] = {**item, "_": seen}
        author = self._author(found)
        written = read(table.text, found)
        if table.html is not None and isinstance(written, str) and _flag(table.html, found):
            written = without_markup(written)
        whole = _words(written) if isinstance(written, str) else ""
        text = whole
        if author == "customer" and table.mail is not None and _flag(table.mail, found):
            text = own_words(whole)
        return DeskMessage(
            id=_id(table.id, found),
            thread=thread,
            author=author,
            at=moment(table.at, read(table.at, found)),
            text=text[:_LONGEST],
            whole="" if text == whole else whole[:_LONGEST],
            subject=self._subject(found) if author == "customer" else None,
            public=table.public is None or _flag(table.public, found),
            attachments=_attachments(table.attachments, found),
        )

    def _author(self, found: Mapping[str, JsonValue]) -> Author:
        table = self.table.message
        if _flag(table.sayso, found):
            return "sayso"
        if table.machine is not None and _flag(table.machine, found):
            return "machine"
        return "customer" if _flag(table.customer, found) else "colleague"

    def _subject(self, found: Mapping[str, JsonValue]) -> Subject | None:
        written = _text(read(self.table.message.subject, found))
        known = bare_id(written, self.manifest.connection.subject) if written else None
        return None if known is None else Subject(id=known, assurance=Assurance.UNVERIFIED)


def _paged(page: Pagination | None, most: int) -> Pagination | None:
    return None if page is None else page.model_copy(update={"max_pages": most})


def _forms(at: datetime) -> dict[str, JsonValue]:
    return {
        "iso": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "epoch": int(at.timestamp()),
        "minute": at.strftime("%Y-%m-%d %H:%M"),
        "second": at.strftime("%Y-%m-%d %H:%M:%S"),
    }


def _id(path: str, item: JsonValue) -> str:
    found = _text(read(path, item))
    if not found:
        raise ReadingError(f"`{path}` is no id")
    return found


def _text(value: JsonValue) -> str:
    """A text or a number as a text; empty for anything else."""
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        return ""
    return str(value)


def _words(written: str) -> str:
    """A message line by line, without characters that hide or reorder others."""
    lines = [plain(line, limit=_LONGEST) for line in written[:_LONGEST_MAIL].splitlines()]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def _flag(path: str, found: Mapping[str, JsonValue]) -> bool:
    """Whether it is so; what is not there is not."""
    value = read(path, found)
    if value is not None and not isinstance(value, bool):
        raise ReadingError(f"`{path}` is neither true nor false")
    return value is True


def _attachments(
    table: AttachmentTable | None, found: Mapping[str, JsonValue]
) -> tuple[Attachment, ...]:
    if table is None or read(table.items, found) is None:
        return ()
    attached: list[Attachment] = []
    for one in items_of(table.items, found):
        size = read(table.size, one) if table.size is not None else None
        attached.append(
            Attachment(
                name=plain(_text(read(table.name, one)) or "attachment", limit=_NAME),
                kind=plain(_text(read(table.kind, one)), limit=_NAME),
                size=size if isinstance(size, int) and not isinstance(size, bool) else None,
            )
        )
    return tuple(attached)
