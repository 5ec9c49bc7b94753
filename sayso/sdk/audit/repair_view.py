"""What is wrong with an accused log, what would be written, and what people have said to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from sayso.audit.entry import ActorKind, EntryKind, Json, StoredEntry
from sayso.audit.repair.plan import REPAIR_ID
from sayso.audit.verifier.finding import FINDING_ID
from sayso.audit.verifier.verification import Accepted, Finding

Said = Literal["asked", "done"]
WORDS: Mapping[EntryKind, tuple[Said, str, str]] = {
    EntryKind.REPAIR_ASKED: ("asked", "repair", REPAIR_ID),
    EntryKind.REPAIRED: ("done", "repair", REPAIR_ID),
    EntryKind.ACCEPT_ASKED: ("asked", "finding", FINDING_ID),
    EntryKind.FINDING_ACCEPTED: ("done", "finding", FINDING_ID),
}
"""What each entry says: how far it is, which field names it, and what its id begins with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowChange:
    """A row that would be written: `how` is `update`, `insert` or `delete`.

    Attributes:
        finding: the id of what was found wrong with it.
        entry: the last entry about it; None where none tells of it.
        columns: what differs, with what stands there now and what the log says.
    """

    table: str
    row: str
    how: str
    finding: str
    entry: int | None
    columns: tuple[str, ...]
    found: Mapping[str, object]
    said: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class RepairView:
    """What is wrong with a log, and what a repair would write.

    Attributes:
        id: names exactly this repair; another state of the rows gives another one.
        changes: the rows that would be written.
        left: findings of rows that are not rebuilt, such as of a stop, or that hold what no entry
            says: a backup has it, or they are accepted.
        rules: findings of the rules, which can only be accepted.
        asked_by: who asked for just this repair; None while nobody has.
        accept_asked: who asked that a finding is accepted, by its id.
        accepted: what two people have accepted before, with the entry that says so.
    """

    tenant: str
    id: str
    changes: tuple[RowChange, ...]
    left: tuple[Finding, ...]
    rules: tuple[Finding, ...]
    asked_by: str | None
    accept_asked: Mapping[str, str]
    accepted: tuple[Accepted, ...]

    @property
    def is_sound(self) -> bool:
        """Whether nothing is wrong that nobody has accepted."""
        return not (self.changes or self.left or self.rules)

    def to_json(self) -> dict[str, Json]:
        """The same for `--json`; what stands in rows and entries as plain text."""
        changes: list[Json] = [
            {
                "table": one.table,
                "row": one.row,
                "how": one.how,
                "finding": one.finding,
                "entry": one.entry,
                "columns": {
                    name: {"found": repr(one.found.get(name)), "said": repr(one.said.get(name))}
                    for name in one.columns
                },
            }
            for one in self.changes
        ]
        return {
            "tenant": self.tenant,
            "id": self.id if self.changes else None,
            "asked_by": self.asked_by,
            "changes": changes,
            "left": [self._finding_json(one) for one in self.left],
            "rules": [self._finding_json(one) for one in self.rules],
            "accepted": [one.to_json() for one in self.accepted],
        }

    def _finding_json(self, found: Finding) -> Json:
        return {**found.to_json(), "asked_by": self.accept_asked.get(found.id)}


@dataclass(frozen=True, slots=True, kw_only=True)
class MendedView:
    """What a person's word has done: `asked` for a second one, or `done`.

    Attributes:
        about: the id of the repair or of the finding. entry: which entry says so.
        rows: how many rows were written.
    """

    about: str
    status: Said
    entry: int
    rows: int = 0


def word_in(body: str, seq: int, person: str) -> tuple[str, MendedView] | None:
    """What an entry of one of `WORDS` has done, with its `via`; None where somebody else did it."""
    entry = StoredEntry.read(body.encode()).entry
    status, named, prefix = WORDS[entry.kind]
    rows = entry.data.get("rows")
    if entry.actor.id != person or entry.actor.kind is not ActorKind.PERSON:
        return None
    view = MendedView(
        about=f"{prefix}{str(entry.data.get(named))[:32]}",
        status=status,
        entry=seq,
        rows=len(rows) if status == "done" and isinstance(rows, list) else 0,
    )
    return str(entry.data.get("via", "")), view
