"""One pass over every entry of a log: hashes it, and judges what an entry shows by itself."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import sha256
from itertools import islice
from typing import Any, TypeAlias, TypeVar, cast

import orjson

from sayso.audit.entry import MAX_BODY_BYTES, MAX_INT, StoredEntry
from sayso.audit.event import Event
from sayso.audit.rules.registry import judge
from sayso.audit.rules.replayed import ReplayedState, StopEverywhere
from sayso.audit.segments.sealed import PRUNED, SEALED, TILE_LEVEL
from sayso.audit.signing.rotation import ROTATED, RotationEntry
from sayso.audit.tree.merkle import Frontier, leaf_hash
from sayso.audit.verifier.latest import LatestStatus
from sayso.audit.verifier.replay import BEGUN, SEQ
from sayso.audit.verifier.replayed_rows import Rebuilt
from sayso.audit.verifier.stored_rows import Projections
from sayso.audit.verifier.verification import Check, Damage, Findings
from sayso.errors import IntegrityError

_T = TypeVar("_T")

Row: TypeAlias = "tuple[object, ...]"
"""`(seq, body bytes, *projected columns)`, as the source has it: nothing about it is trusted.

Of some sources `(seq, body bytes, columns as one text)`, as `projections.row_text` makes it.
"""

Progress = Callable[[int, int], None]
"""Told how many entries of how many are done."""

# SOURCE: the encoding of `canonical_bytes`; written out because the hot loop cannot call it.
_OPTIONS = orjson.OPT_SORT_KEYS | orjson.OPT_STRICT_INTEGER
_BATCH = 1024
_PAGE = 1000  # less, so that a page is over when a batch is
_NOTED = (ROTATED, SEALED, PRUNED)


class Walk:
    """Reads every entry of a log once: hashes it, and judges what can be judged by itself.

    Every body is decoded, encoded again and compared, so no body has two readings. The rest of the
    format (kinds, shapes, floats inside `data`) is judged in a deep walk only: a body of another
    format cannot get under the signed root without the log's key, and costs five times as much to
    find.

    Args:
        tenant: whose log.
        marks: sizes at which the frontier is kept.
        columns: the names of the projected columns that follow seq and body in a row.
        as_row_text: whether they follow as one text, of `projections.row_text`.
        begin: the index of the first entry; the frontier is that of what is walked alone.
        deep: whether to read every body as an entry of the format, and judge it by the rules.
        everywhere: stops of every tenant that stand in other logs.
        findings: where to put what is wrong.
    """

    def __init__(
        self,
        *,
        tenant: str,
        marks: Iterable[int],
        columns: Sequence[str] = (),
        as_row_text: bool = False,
        begin: int = 0,
        deep: bool = False,
        everywhere: Sequence[StopEverywhere] = (),
        findings: Findings,
    ) -> None:
        self._tenant = tenant
        self._marks = sorted(set(marks), reverse=True)
        self._columns = tuple(columns)
        self._as_row_text = as_row_text
        self._projections = Projections(self._columns)
        self._deep = deep
        self._findings = findings
        self._expected = begin
        self._last_at = 0
        self._earlier = 0
        self.frontier = Frontier()
        self.at_marks: dict[int, Frontier] = {}
        self.rotations: list[RotationEntry] = []
        """The changes of keys, in their order."""
        self.sealings: list[tuple[int, str, object]] = []
        """The entries that tell of sealing and pruning: index, kind and data."""
        self.skipped = 0
        """How many entries were taken by their hashes only."""
        self.unseen: set[int] = set()
        """The marks among those, at which nothing is known."""
        self._noted: list[tuple[int, int, object, object]] = []
        self.actions = LatestStatus()
        """For each action, its last entry that carries a status."""
        self.approvals = LatestStatus()
        """For each approval, its last entry that says the approval's own status."""
        self.rebuilt = Rebuilt() if deep else None
        """The rows as the entries give them; only in a deep walk."""
        self.replayed = (
            ReplayedState(tenant, whole=begin == 0, everywhere=everywhere) if deep else None
        )
        """What the entries have made true; only in a deep walk."""

    def run(
        self, pages: Iterable[Iterable[Row]], total: int, progress: Progress | None = None
    ) -> None:
        """Walk over the rows, in the order of their index.

        Args:
            pages: of any length; nothing is gained by making lists of them.
            total: how many rows are expected, for the progress only.
        """
        frontier = self.frontier
        self._keep_mark()
        for page in pages:
            rows, is_over = iter(page), False
            while not is_over:
                room = self._room()
                leaves = self._leaves(islice(rows, room))
                is_over = len(leaves) < room
                if self._noted:
                    self._keep_noted(leaves)
                frontier.extend(leaves)
                self._keep_mark()
                if progress is not None and leaves:
                    progress(frontier.size, max(total, frontier.size))
        if self._earlier:
            self._findings.warnings.append(
                f"{self._earlier} entries carry an earlier time than the one before them"
            )

    def run_sealed(self, bodies: Iterable[tuple[int, bytes]], total: int) -> None:
        """Walk over entries that stand in a file, beside which there are no columns."""
        columns, self._columns = self._columns, ()
        try:
            self.run((bodies,), total)
        finally:
            self._columns = columns

    def skip(self, tiles: Iterable[bytes], rotations: Iterable[RotationEntry]) -> None:
        """Take the next entries by the roots of each 256 of them."""
        for tile in tiles:
            self.frontier.append_tree(tile, TILE_LEVEL)
            while self._marks and self._marks[-1] < self.frontier.size:
                self.unseen.add(self._marks.pop())
            self._keep_mark()
            self.skipped += 1 << TILE_LEVEL
        self._expected = self.frontier.size
        self.rotations.extend(rotations)
        if self.replayed is not None and self.skipped:
            self.replayed.miss()

    def root_at(self, size: int) -> bytes | None:
        """The root at one of the marks; None where it was not reached."""
        found = self.at_marks.get(size)
        return None if found is None else found.root()

    def _keep_noted(self, leaves: list[bytes]) -> None:
        for at, seq, kind, data in self._noted:
            if kind != ROTATED:
                self.sealings.append((seq, str(kind), data))
                continue
            before = self.frontier.copy()
            before.extend(leaves[:at])
            note = cast("dict[str, object]", data).get("note") if isinstance(data, dict) else None
            self.rotations.append(RotationEntry(seq=seq, note=note, root=before.root()))
        self._noted.clear()

    def _room(self) -> int:
        return min(_BATCH, self._marks[-1] - self.frontier.size) if self._marks else _BATCH

    def _keep_mark(self) -> None:
        while self._marks and self._marks[-1] <= self.frontier.size:
            self.at_marks[self._marks.pop()] = self.frontier.copy()

    def _leaves(self, batch: Iterable[Row]) -> list[bytes]:  # noqa: C901  (calls would cost much)
        """The leaf hashes of a batch. This is the loop that decides the speed of everything."""
        tenant, deep, projected = self._tenant, self._deep, self._projections.of
        as_row_text = bool(self._columns) and self._as_row_text
        has_columns = bool(self._columns) and not as_row_text
        loads, dumps, options, hasher = orjson.loads, orjson.dumps, _OPTIONS, sha256
        expected, last_at = self._expected, self._last_at
        special, actions, approvals = _NOTED, self.actions.recent, self.approvals.recent
        leaves: list[bytes] = []
        for row in batch:
            seq = row[0]
            body: Any = row[1]
            index = expected if seq == expected else self._judge_gap(seq, expected)
            expected = index + 1
            try:
                leaves.append(hasher(b"\x00" + body).digest())
            except TypeError:  # no bytes, so something else stands in the body's place
                body = str(body).encode(errors="replace")
                leaves.append(leaf_hash(body))
            # NOTE: `decode`, written out: a call for each entry costs a tenth of the whole walk.
            try:
                value: Any = loads(body)
                canonical = dumps(value, None, options) == body and len(body) <= MAX_BODY_BYTES
            except (ValueError, TypeError):
                value, canonical = None, False
            if not canonical or type(value) is not dict:
                message = "the body is not canonical JSON"
                self._add(Check.BODY_CANONICAL, Damage.NON_CANONICAL, message, index)
                continue
            # NOTE: an annotation, and no cast, which is a call.
            fields: dict[str, object] = value  # pyright: ignore[reportUnknownVariableType]
            get = fields.get
            own, at = get("seq"), get("at")
            if own != seq or type(own) is not int:
                message = "the body has another index"
                self._add(Check.BODY_SEQ, Damage.REORDERED, message, index)
            if get("tenant") != tenant:
                message = "the body belongs to another tenant"
                self._add(Check.BODY_TENANT, Damage.FOREIGN_TENANT, message, index)
            if type(at) is int:
                if at < last_at:
                    self._earlier += 1
                last_at = at
            kind = get("kind")
            if "status" in fields:
                action = get("action")
                if type(action) is str and type(kind) is str and kind[:7] == "action.":
                    actions[action] = (index, fields["status"])
            elif kind in special:
                self._noted.append((len(leaves) - 1, index, kind, get("data")))
            if "approval" in fields:
                data, approval = get("data"), get("approval")
                if type(data) is dict and "approval_status" in data and type(approval) is str:
                    approvals[approval] = (index, data["approval_status"])
            if deep:
                self._judge_deeply(fields, body, index)
            if has_columns and row[2:] != projected(fields):
                self._judge_columns(row, fields, index)
            if as_row_text:
                # What no column says goes. The rest is in order already: the body is canonical.
                actor = get("actor")
                if type(actor) is dict:
                    who: dict[str, object] = actor  # pyright: ignore[reportUnknownVariableType]
                    who.pop("kind", None)
                fields.pop("data", None)
                fields.pop("pii", None)
                if dumps(fields) != row[2]:
                    self._judge_columns(row, fields, index)
        self._expected, self._last_at = expected, last_at
        self.actions.spill_if_many()
        self.approvals.spill_if_many()
        if self.rebuilt is not None:
            self.rebuilt.spill_if_many()
        return leaves

    def _add(self, check: Check, damage: Damage, message: str, seq: int) -> None:
        self._findings.add(check, damage, message, seq)

    def _judge_gap(self, seq: object, expected: int) -> int:
        """Say what is wrong with the index of a row; returns where the walk goes on."""
        if type(seq) is int and expected < seq <= MAX_INT:
            message = f"the entries {expected} to {seq - 1} are missing"
            self._findings.add(Check.SEQ_DENSE, Damage.DELETED, message, expected, seq - 1)
            return seq
        message = f"the index `{seq!r:.40}` stands where {expected} should"
        self._findings.add(Check.SEQ_DENSE, Damage.REORDERED, message, expected)
        return expected

    def _judge_deeply(self, fields: dict[str, object], body: bytes, seq: int) -> None:
        if self.rebuilt is not None:
            self.rebuilt.note(fields, seq)
        if self.replayed is not None:
            known = len(self._findings.kept)
            judge(self.replayed, Event.of(fields, seq), self._findings)
            if len(self._findings.kept) > known:
                self._findings.name_rules(known, leaf_hash(body))
            if self.replayed.used:
                self._note_uses(self.replayed, seq)
        try:
            StoredEntry.read(body)
        except IntegrityError as error:
            self._add(Check.BODY_FORMAT, Damage.NON_CANONICAL, error.message, seq)

    def _note_uses(self, replayed: ReplayedState, seq: int) -> None:
        """Take in what an entry changed of what is used of limits: its rows are compared too."""
        for name, use in replayed.used:
            if self.rebuilt is not None:
                self.rebuilt.say("limit_use", name, {**use, SEQ: seq, BEGUN: True})
        replayed.used.clear()

    def _judge_columns(self, row: Row, fields: dict[str, object], seq: int) -> None:
        if self._as_row_text:
            wrong = self._projections.differing_in_text(cast("bytes", row[2]), fields)
        else:
            wrong = self._projections.differing(row[2:], fields)
        for name in wrong:
            message = f"the column `{name}` does not say what the body says"
            self._add(Check.PROJECTIONS_AGREE, Damage.EDITED, message, seq)


def in_pages(rows: Iterable[_T]) -> Iterator[list[_T]]:
    """Rows in lists; what came before an error is in the last one, and then it is raised."""
    source = iter(rows)
    while True:
        page: list[_T] = []
        try:
            page.extend(islice(source, _PAGE))
        except (sqlite3.Error, IntegrityError, OSError):
            yield page
            raise
        if not page:
            return
        yield page


def decode(body: bytes) -> dict[str, object] | None:
    """The fields of a body, or None when the bytes are not what encoding its fields gives."""
    try:
        fields: dict[str, object] = orjson.loads(body)
        if orjson.dumps(fields, None, _OPTIONS) != body or type(fields) is not dict:
            return None
    except (ValueError, TypeError):
        return None
    return fields if len(body) <= MAX_BODY_BYTES else None


def is_about_action(kind: object) -> bool:
    """Whether an entry of that kind moves an action, and does not only mention it."""
    return type(kind) is str and kind[:7] == "action."
