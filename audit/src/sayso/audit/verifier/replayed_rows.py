"""Rows that are rebuilt from the log, in memory that does not grow with it, and compared."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias, cast

import orjson

from sayso.audit.authority.keyring import Keyring
from sayso.audit.verifier.medium import open_scratch
from sayso.audit.verifier.replay import (
    BEGUN,
    SEAL,
    SEQ,
    TABLES,
    UNSAID,
    UNTOLD,
    Fields,
    State,
    add,
    agrees,
    said_by,
    without_beginning,
)
from sayso.audit.verifier.replay_controls import SEALED_AT
from sayso.audit.verifier.stored_rows import (
    StoredRow,
    binding_fault,
    bound_digest,
    is_compared,
    key_trouble,
    name_of,
    said_in,
)
from sayso.audit.verifier.verification import Check, Damage, Findings, RowFault
from sayso.errors import Code

_ERASING = {"subject.erasing", "retention.swept"}
"""With which entries rows lose their personal part; what one says is kept under its index."""
_COUNTED = {"action": "actions", "request": "requests"}
"""Of which rows `retention.swept` says how many lost it, and by which name."""
_KEPT = 200
"""Rows in memory; the entries about one mostly stand close together, so few are kept in parts."""

_PARTS = "create table part (place text, name text, state blob)"
_INDEX = "create index if not exists part_of on part (place, name)"
_STATED = """
create table if not exists stated (place text, name text, primary key (place, name)) without rowid
"""
_STATE_ONE = "insert or ignore into stated values (?, ?)"
_INSERT = "insert into part values (?, ?, ?)"
_OF = "select state from part where place = ? and name = ? order by rowid"
_UNSTATED = """
select place, name, max(rowid) from part
where (place, name) not in (select place, name from stated) group by place, name order by 3
"""
_LAST_PART = "select coalesce(max(rowid), 0) from part"
_UNSTATED_OF = """
select name, max(rowid) from part where place = ? and not exists
(select 1 from stated where stated.place = part.place and stated.name = part.name)
group by name having min(rowid) <= ?
"""
_MANY_PARTS = 8
"""So many parts of one row are joined when it is read."""
_ALL_ERASING = "select state from part where place = 'erasing'"
_APART = frozenset({"status", "last_seq"})
_NOTHING: Mapping[object, int] = {}


Marked: TypeAlias = "dict[tuple[str, object], int]"
"""How many rows of a table named a sweep so far; more than it swept is too many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """The rows of a table, while they are compared page by page.

    Attributes:
        last_part: what was noted until then; a row of which more was told is not missed.
    """

    table: str
    last_part: int
    marked: Marked = field(default_factory=dict[tuple[str, object], int])
    troubles: set[str] = field(default_factory=set[str])


class Rebuilt:
    """What the entries that were read so far say of the rows.

    Most of it is kept in a temporary file, which SQLite makes and removes.
    """

    def __init__(self) -> None:
        self._recent: dict[tuple[str, str], State] = {}
        self._file: sqlite3.Connection | None = None

    def note(self, fields: Fields, seq: int) -> None:
        """Take in the next entry of the log."""
        for table, name, state in said_by(fields, seq):
            self.say(table, name, state)
        if str(fields.get("kind")) in _ERASING:
            data = fields.get("data")
            said = cast("Fields", data) if isinstance(data, dict) else {}
            counts = {table: said.get(name) for table, name in _COUNTED.items()}
            gone: State = {"subject": fields.get("subject"), "of": said.get("of"), **counts}
            if "before" in said:
                gone["at"] = fields.get("at")
            self._recent["erasing", str(seq)] = gone

    def say(self, table: str, name: str, state: State) -> None:
        """Take in what the entries together make of a row, such as what is used of a limit."""
        known = self._recent.setdefault((table, name), state)
        if known is not state:
            add(table, known, state)

    def spill_if_many(self) -> None:
        """Move what is in memory to the file, if it is much; for the end of each batch."""
        if len(self._recent) > _KEPT:
            self._spill()

    def compare(
        self,
        stored: Mapping[str, Iterable[StoredRow]],
        findings: Findings,
        *,
        unread: bool = False,
        pruned: Mapping[object, int] = _NOTHING,
        keyring: Keyring | None = None,
    ) -> int:
        """Compare the rows of a database with those that the log gives; once, at the end.

        Args:
            unread: whether entries at the beginning were taken by their hashes only: of a row that
                began there only what later entries say is compared.
            pruned: for each entry about pruning, the lowest index that was left; rows whose last
                entry went point at it.
            keyring: opens the subjects' keys.

        Returns:
            How many rows were compared.
        """
        file = self._begun()
        compared = 0
        marked: Marked = {}
        troubles: set[str] = set()
        for table in (table for table in TABLES if table in stored):
            for row in stored[table]:
                name = name_of(table, row)
                file.execute(_STATE_ONE, (table, name))
                rebuilt = self._rebuilt(file, table, name)
                if (rebuilt is None and unread) or _is_from_before(table, row):
                    continue
                compared += 1
                if rebuilt is not None:
                    rebuilt = _fitted(table, rebuilt, row, pruned, unread=unread)
                _judge_key(row, keyring, troubles, findings)
                own = said_in(table, row, keyring)
                # The status and the last entry of these are judged by themselves.
                apart = _APART if table in {"action", "approval"} else frozenset[str]()
                _judge(table, row, own, rebuilt, findings, apart)
                if not unread:
                    _judge_erased(file, table, row, own, marked, findings)
        self._judge_missing(file, stored, findings)
        return compared

    # ---- again and again, while the log goes on --------------------------------------------------

    def begin_round(self, table: str) -> Round:
        """Begin to compare the rows of one table, page by page."""
        file = self._begun()
        file.execute("delete from stated where place = ?", (table,))
        (last,) = file.execute(_LAST_PART).fetchone()
        return Round(table=table, last_part=cast("int", last))

    def compare_page(
        self,
        part: Round,
        rows: Iterable[StoredRow],
        findings: Findings,
        *,
        unread: bool,
        pruned: Mapping[object, int],
        keyring: Keyring | None,
    ) -> None:
        """Compare some rows of a snapshot, up to whose head all entries were taken in.

        One that was compared in this round already is left out.
        """
        file, table = self._begun(), part.table
        for row in rows:
            name = name_of(table, row)
            if not file.execute(_STATE_ONE, (table, name)).rowcount:
                continue
            rebuilt = self._rebuilt(file, table, name)
            if (rebuilt is None and unread) or _is_from_before(table, row):
                continue
            if rebuilt is not None:
                rebuilt = _fitted(table, rebuilt, row, pruned, unread=unread)
            _judge_key(row, keyring, part.troubles, findings)
            own = said_in(table, row, keyring)
            _judge(table, row, own, rebuilt, findings)
            if not unread:
                _judge_erased(file, table, row, own, part.marked, findings)

    def end_round(self, part: Round, findings: Findings) -> None:
        """Say which rows are not there, of which entries told before the round began."""
        if part.table == "limit_use":
            return  # as above
        file = self._begun()
        gone = _Gone.of(file)
        for name, _ in file.execute(_UNSTATED_OF, (part.table, part.last_part)).fetchall():
            state = self.joined(file, part.table, str(name))
            if not (part.table == "personal" and gone.took(state)):
                _add_missing(part.table, name, state, findings)

    def _begun(self) -> sqlite3.Connection:
        file = self._spill()
        file.execute(_INDEX)
        file.execute(_STATED)
        return file

    @staticmethod
    def _judge_missing(
        file: sqlite3.Connection, stored: Mapping[str, object], findings: Findings
    ) -> None:
        """Whether what the log tells of is there, as far as it can be read."""
        hidden: set[str] = set()
        gone = _Gone.of(file)
        for place, name, _ in file.execute(_UNSTATED).fetchall():
            if place in {"erasing", "limit_use"}:
                continue  # a use that counts no more is forgotten; what it was is added up anew
            if place not in stored:
                hidden.add(str(place))
            else:
                state = Rebuilt.joined(file, str(place), str(name))
                if place == "personal" and gone.took(state):
                    continue
                _add_missing(str(place), str(name), state, findings)
        findings.warnings.extend(
            f"there are entries about rows of `{table}`, which cannot be read here"
            for table in sorted(hidden)
        )

    @staticmethod
    def joined(file: sqlite3.Connection, table: str, name: str) -> State:
        """All that entries say of a row, of which there are some."""
        found: State = {}
        for (part,) in file.execute(_OF, (table, name)):
            state = cast("State", orjson.loads(part))
            if found:
                add(table, found, state)
            else:
                found = state
        return found

    def _rebuilt(self, file: sqlite3.Connection, table: str, name: str) -> State | None:
        found: State | None = None
        parts = file.execute(_OF, (table, name)).fetchall()
        for (part,) in parts:
            state = cast("State", orjson.loads(part))
            if found is None:
                found = state
            else:
                add(table, found, state)
        if len(parts) > _MANY_PARTS:
            file.execute("delete from part where place = ? and name = ?", (table, name))
            file.execute(_INSERT, (table, name, orjson.dumps(found)))
        return found

    def _spill(self) -> sqlite3.Connection:
        if self._file is None:
            self._file = open_scratch(self, _PARTS)
        rows = ((table, name, orjson.dumps(state)) for (table, name), state in self._recent.items())
        self._file.executemany(_INSERT, rows)
        self._recent.clear()
        return self._file


def _fitted(
    table: str, rebuilt: State, row: StoredRow, pruned: Mapping[object, int], *, unread: bool
) -> State:
    """What a row has to hold: with what nobody had to say, and without what was not read."""
    if not unread:
        rebuilt = UNTOLD.get(table, {}) | rebuilt
    elif not rebuilt[BEGUN]:
        rebuilt = without_beginning(table, rebuilt)
    _follow_pruned(rebuilt, row, pruned)
    return rebuilt


def _is_from_before(table: str, row: StoredRow) -> bool:
    """Whether a use was counted when its limit came in force, of which no entry tells.

    Whatever entries have told of it was of an earlier limit with that id.
    """
    return table == "limit_use" and row.get("why") == "before"


def _add_missing(table: str, name: str, state: State, findings: Findings) -> None:
    seq = cast("int | None", state[SEQ])
    fault = RowFault(table=table, name=name, said=state, seq=seq)
    if table == "action" and findings.attach(fault):
        return  # it is found by its last entry already
    message = f"the {table} `{name[:120]}` has entries and no row"
    findings.add_row(Check.STATE_REBUILT, fault, message, seq)


def _judge_key(row: StoredRow, keyring: Keyring | None, told: set[str], findings: Findings) -> None:
    """Whether the key of the row's subject opens; what nobody has changed accuses nobody."""
    trouble = key_trouble(row, keyring)
    if trouble is None or trouble.message in told:
        return
    told.add(trouble.message)
    if trouble.code is Code.KEY_MISMATCH:
        findings.add(Check.KEY_AT_HAND, Damage.WRONG_KEY, trouble.message)
    else:
        findings.add(Check.KEY_WRAPPED, Damage.OLDER_BUILD, trouble.message)


def _judge(
    table: str,
    row: StoredRow,
    own: State,
    rebuilt: State | None,
    findings: Findings,
    apart: frozenset[str] = frozenset(),
) -> None:
    name = name_of(table, row)
    if rebuilt is None:
        message = f"the {table} `{name[:120]}` stands in no entry"
        held = {column: own[column] for column in own if is_compared(column)}
        fault = RowFault(
            table=table, name=name, columns=tuple(sorted(held)), found=held, stored=row
        )
        findings.add_row(Check.STATE_REBUILT, fault, message)
        return
    seq = cast("int", rebuilt[SEQ])
    wrong = sorted(
        column
        for column, value in rebuilt.items()
        if column in own and value != UNSAID and not agrees(column, own[column], value)
    )
    if len(wrong) > 1 and SEAL in wrong:
        wrong.remove(SEAL)  # those that it is over are named
    if wrong:
        fault = RowFault(
            table=table,
            name=name,
            columns=tuple(wrong),
            found={column: own[column] for column in wrong},
            said=rebuilt,
            seq=seq,
            stored=row,
        )
        attached = bool(apart) and findings.attach(fault)
        if columns := [column for column in wrong if column not in apart]:
            listed = ", ".join(f"`{column}`" for column in columns)
            message = f"the {table} `{name[:120]}` is not what its entries say: {listed}"
            findings.add_row(Check.STATE_REBUILT, fault, message, seq)
        elif not attached:  # beyond what is kept
            findings.add_row(Check.STATE_STATUS, fault, f"the {table} `{name[:120]}` moved", seq)
        return
    bound = bound_fault(row, rebuilt, name, seq) if table == "action" else None
    if bound is not None:
        words, about = bound
        findings.add_row(Check.STATE_BOUND, about, words.format(name[:64]), seq)


def bound_fault(row: StoredRow, rebuilt: State, name: str, seq: int) -> tuple[str, RowFault] | None:
    """What of a judged action is not what its digest is over, in words, and whose row it is."""
    words = binding_fault(row, rebuilt)
    if words is None:
        return None
    held = {"bound": bound_digest(row)}
    said = {"bound": rebuilt.get("digest")}
    about = RowFault(
        table="action",
        name=name,
        columns=("bound",),
        found=held,
        said=said,
        seq=seq,
        stored=row,
    )
    return words, about


def _follow_pruned(rebuilt: State, row: StoredRow, pruned: Mapping[object, int]) -> None:
    """Let a row that pointed at an entry that went point at the one that says so."""
    for column in ("last_seq", "begun_seq", "done_seq", "reminded_seq", "escalated_seq"):
        said = rebuilt.get(column)
        if type(said) is int and said < pruned.get(row.get(column), 0):
            rebuilt[column] = row.get(column)


@dataclass(frozen=True, slots=True)
class _Gone:
    """By what sealed texts may have gone: erasures of their subjects, and sweeps of old ones."""

    subjects: frozenset[str]
    swept_before: int

    @classmethod
    def of(cls, file: sqlite3.Connection) -> _Gone:
        """Read what was noted of them."""
        found = [cast("State", orjson.loads(state)) for (state,) in file.execute(_ALL_ERASING)]
        return cls(
            subjects=frozenset(str(one["subject"]) for one in found if one.get("subject")),
            swept_before=max((cast("int", one.get("at") or 0) for one in found), default=0),
        )

    def took(self, said: State) -> bool:
        """Whether one of them explains that the text is not there."""
        if said.get("pseudonym") in self.subjects:
            return True
        at = said.get(SEALED_AT)
        return type(at) is int and at < self.swept_before


def _judge_erased(
    file: sqlite3.Connection,
    table: str,
    row: StoredRow,
    own: State,
    marked: Marked,
    findings: Findings,
) -> None:
    """Whether a row that says that it was erased was: by an entry about its subject, or a sweep."""
    seq = row.get("erased_seq")
    if seq is None:
        return
    found = file.execute(_OF, ("erasing", str(seq))).fetchone()
    said = cast("State", orjson.loads(found[0])) if found is not None else {}
    about, named = said.get("subject"), own.get("subject")
    fits = found is not None and (about is None or named is None or named == about)
    if fits and about is None and table in _COUNTED:
        marked[table, seq] = marked.get((table, seq), 0) + 1
        swept = said.get(table)
        fits = isinstance(swept, int) and marked[table, seq] <= swept
        of = said.get("of")
        fits = fits and (not isinstance(of, list) or named is None or named in of)
    if not fits:
        name = name_of(table, row)
        message = f"the {table} `{name[:120]}` was erased by no entry"
        fault = RowFault(
            table=table,
            name=name,
            columns=("erased_seq",),
            found={"erased_seq": seq},
            stored=row,
        )
        findings.add_row(Check.STATE_ERASED, fault, message)
