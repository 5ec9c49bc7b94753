"""How far a mailbox was read: by number while its numbers hold, else by time.

The numbers of a folder mean something only under its UIDVALIDITY. Where that is another one (the
mailbox was rebuilt, moved or emptied), what came in since a week before the newest mail that was
read is read again: each mail keeps its id, so none is taken for a new one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from sayso.connectors.email.inbox.mailbox import MailFolder
from sayso.errors import Code, RefusedError

READ_AGAIN = timedelta(days=7)
_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderMark:
    """How far a folder was read.

    Attributes:
        validity: of its numbers. uid: the last one that was read.
        newest: when the newest mail that was read came in.
        begun: when the folder was first looked at: nothing older is ever read.
        since: while it is read again: nothing that came in, or was written, before is read.
    """

    validity: int
    uid: int
    newest: datetime
    begun: datetime
    since: datetime | None = None

    def at(self, folder: MailFolder) -> FolderMark:
        """Where to go on in the folder as it is now."""
        renumbered = folder.validity != self.validity
        emptied = folder.next_uid and folder.next_uid <= self.uid
        if not renumbered and not emptied:
            return self
        since = max(self.newest - READ_AGAIN, self.begun)
        return replace(self, validity=folder.validity, uid=0, since=since)


@dataclass(frozen=True, slots=True, kw_only=True)
class MailCursor:
    """How far each folder was read, by name."""

    marks: Mapping[str, FolderMark] = field(default_factory=dict[str, FolderMark])

    @classmethod
    def read(cls, text: str) -> MailCursor:
        """What `write` has written; no folder was read where it is empty.

        Raises:
            RefusedError: `invalid_input`, for a text of somebody else's.
        """
        if not text:
            return cls()
        try:
            told = json.loads(text)
            if told["v"] != _VERSION:
                raise ValueError("another version")
            marks = {
                str(name): FolderMark(
                    validity=int(validity),
                    uid=int(uid),
                    newest=_moment(newest),
                    begun=_moment(begun),
                    since=None if since is None else _moment(since),
                )
                for name, (validity, uid, newest, begun, since) in told["folders"].items()
            }
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError, OSError) as error:
            raise RefusedError(
                Code.INVALID_INPUT,
                "the cursor of the mailbox is none",
                next_step="begin anew with an empty one",
            ) from error
        return cls(marks=marks)

    def write(self) -> str:
        """As it is stored."""
        folders = {
            name: [
                mark.validity,
                mark.uid,
                int(mark.newest.timestamp()),
                int(mark.begun.timestamp()),
                None if mark.since is None else int(mark.since.timestamp()),
            ]
            for name, mark in sorted(self.marks.items())
        }
        return json.dumps({"v": _VERSION, "folders": folders}, separators=(",", ":"))


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(int(seconds), UTC)
