"""One pass over every entry of a log: hashes it, and judges what an entry shows by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from itertools import islice
from typing import TypeAlias, cast

import orjson

from sayso.audit.entry import MAX_BODY_BYTES, StoredEntry
from sayso.audit.merkle import Frontier
from sayso.audit.verification import Check, Damage, Findings
from sayso.errors import IntegrityError

Row: TypeAlias = "tuple[object, ...]"
"""`(seq, body bytes, *projected columns)`, as the source has it: nothing about it is trusted."""

Progress = Callable[[int, int], None]
"""Told how many entries of how many are done."""

# SOURCE: the encoding of `canonical_bytes`; written out because the hot loop cannot call it.
_OPTIONS = orjson.OPT_SORT_KEYS | orjson.OPT_STRICT_INTEGER
_BATCH = 1024
_dumps = orjson.dumps


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
        deep: whether to read every body as an entry of the format.
        findings: where to put what is wrong.
    """

    def __init__(
        self,
        *,
        tenant: str,
        marks: Iterable[int],
        columns: Sequence[str] = (),
        deep: bool = False,
        findings: Findings,
    ) -> None:
        self._tenant = tenant
        self._marks = sorted(set(marks), reverse=True)
        self._columns = tuple(columns)
        self._deep = deep
        self._findings = findings
        self._expected = 0
        self._last_at = 0
        self._earlier = 0
        self.frontier = Frontier()
        self.at_marks: dict[int, Frontier] = {}
        self.latest: dict[str, int] = {}
        """For each action, the index of its last entry that carries a status."""

    def run(self, rows: Iterable[Row], total: int, progress: Progress | None = None) -> None:
        """Walk over the rows, in the order of their index.

        Args:
            total: how many rows are expected, for the progress only.
        """
        source = iter(rows)
        frontier = self.frontier
        self._keep_mark()
        while batch := list(islice(source, self._room())):
            frontier.extend(self._leaves(batch))
            self._keep_mark()
            if progress is not None:
                progress(frontier.size, max(total, frontier.size))
        if self._earlier:
            self._findings.warnings.append(
                f"{self._earlier} entries carry an earlier time than the one before them"
            )

    def _room(self) -> int:
        return min(_BATCH, self._marks[-1] - self.frontier.size) if self._marks else _BATCH

    def _keep_mark(self) -> None:
        while self._marks and self._marks[-1] <= self.frontier.size:
            self.at_marks[self._marks.pop()] = self.frontier.copy()

    def _leaves(self, batch: list[Row]) -> list[bytes]:
        """The leaf hashes of a batch. This is the loop that decides the speed of everything."""
        tenant, latest = self._tenant, self.latest
        special = self._deep or bool(self._columns)
        leaves: list[bytes] = []
        for row in batch:
            seq, body = row[0], row[1]
            if type(body) is not bytes:
                body = str(body).encode(errors="replace")
            if seq != self._expected:
                self._judge_gap(seq)
            self._expected += 1
            leaves.append(sha256(b"\x00" + body).digest())
            fields = decode(body)
            if fields is None:
                message = "the body is not canonical JSON"
                self._add(Check.BODY_CANONICAL, Damage.NON_CANONICAL, message)
                continue
            get = fields.get
            own, at, action = get("seq"), get("at"), get("action")
            if own != seq or type(own) is not int:
                self._add(Check.BODY_SEQ, Damage.REORDERED, "the body has another index")
            if get("tenant") != tenant:
                message = "the body belongs to another tenant"
                self._add(Check.BODY_TENANT, Damage.FOREIGN_TENANT, message)
            if type(at) is int:
                if at < self._last_at:
                    self._earlier += 1
                self._last_at = at
            if type(action) is str and "status" in fields and is_about_action(fields):
                latest[action] = self._expected - 1
            if special:
                self._judge_special(row, body, fields)
        return leaves

    def _add(self, check: Check, damage: Damage, message: str) -> None:
        self._findings.add(check, damage, message, self._expected - 1)

    def _judge_gap(self, seq: object) -> None:
        if type(seq) is int and seq > self._expected:
            missing = f"{self._expected} to {seq - 1}"
            message = f"the entries {missing} are missing"
            self._findings.add(Check.SEQ_DENSE, Damage.DELETED, message, self._expected, seq - 1)
            self._expected = seq
        else:
            message = f"the index `{seq!r:.40}` stands where {self._expected} should"
            self._findings.add(Check.SEQ_DENSE, Damage.REORDERED, message, self._expected)

    def _judge_special(self, row: Row, body: bytes, fields: dict[str, object]) -> None:
        for name, stored in zip(self._columns, row[2:], strict=True):
            if stored != _projection(name, fields):
                message = f"the column `{name}` does not say what the body says"
                self._add(Check.PROJECTIONS_AGREE, Damage.EDITED, message)
        if self._deep:
            try:
                StoredEntry.read(body)
            except IntegrityError as error:
                self._add(Check.BODY_FORMAT, Damage.NON_CANONICAL, error.message)


def decode(body: bytes) -> dict[str, object] | None:
    """The fields of a body, or None when the bytes are not what encoding its fields gives."""
    try:
        fields: dict[str, object] = orjson.loads(body)
        if _dumps(fields, None, _OPTIONS) != body or type(fields) is not dict:
            return None
    except (ValueError, TypeError):
        return None
    return fields if len(body) <= MAX_BODY_BYTES else None


def is_about_action(fields: dict[str, object]) -> bool:
    """Whether the entry moves an action, and does not only mention it."""
    kind = fields.get("kind")
    return type(kind) is str and kind[:7] == "action."


PROJECTIONS: dict[str, tuple[str, ...]] = {
    "v": ("v",),
    "at": ("at",),
    "kind": ("kind",),
    "actor": ("actor", "id"),
    "actor_id": ("actor", "id"),
    "actor_kind": ("actor", "kind"),
    "action_id": ("action",),
    "request_id": ("request",),
    "approval_id": ("approval",),
    "subject": ("subject",),
    "name": ("name",),
    "status": ("status",),
    "rule": ("rule",),
    "digest": ("digest",),
    "amount_minor": ("amount", "amount_minor"),
    "currency": ("amount", "currency"),
}
"""For each column that may stand beside a body, where the body has the same value."""


def _projection(name: str, fields: dict[str, object]) -> object:
    path = PROJECTIONS[name]
    value = fields.get(path[0])
    if len(path) == 1:
        return value
    return cast("dict[str, object]", value).get(path[1]) if isinstance(value, dict) else None
