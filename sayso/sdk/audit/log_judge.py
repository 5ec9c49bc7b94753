"""Judges one log piece by piece while it grows: its chain, signatures, rules and rows.

Each piece is read from one snapshot and is small, so that nobody waits for it. New entries are
walked from where the last piece ended, in this process's memory, where nobody who writes the
database can reach it; a process that starts walks from the first entry that is there. The rows, and
the entries that were walked before, are read over and over, round after round.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import TypeAlias

from sayso.audit.authority.keyring import Keyring
from sayso.audit.log import AuditLog
from sayso.audit.meaning import ROWS
from sayso.audit.signing.keys import ListedKey, judge_keys
from sayso.audit.verifier.checks import SourceHead, Trust, judge_head_row, judge_opened, open_head
from sayso.audit.verifier.replayed_rows import Rebuilt, Round
from sayso.audit.verifier.sealed_checks import SealedPart
from sayso.audit.verifier.state_checks import pruned_sizes
from sayso.audit.verifier.stored_rows import STORED
from sayso.audit.verifier.verification import Check, Damage, Findings
from sayso.audit.verifier.walk import Walk
from sayso.errors import Code, IntegrityError
from sayso.ids import Tenant
from sayso.sdk.audit.stored import has_gone_from, own_vkeys, read_head, read_keys, read_sealed
from sayso.store.base import Reader, Row, SqlValue, integer, text

ENTRIES = 150
ROWS_AT_ONCE = 100
"""So many are judged in a piece: some milliseconds."""
_LOWEST = -(2**63)


Known: TypeAlias = "tuple[int, bytes]"
"""How many entries, and the root of the tree over them."""


class JudgeProgress(Enum):
    """How far a piece has come."""

    BEHIND = "behind"
    """There are entries that were not walked yet."""
    ON = "on"
    OVER = "over"
    """The round is over: everything was looked at once more."""


class LogJudge:
    """Judges one log, again and again.

    Args:
        log: knows which key signs.
        keyring: opens what is sealed of customers.
        known: the size and the root that the log had when it verified; it never has another past.
        is_copy: the log goes on in another database, and its rows are there.

    Attributes:
        findings: what is wrong. What decides against the log stays in it; begin with another judge
            to find out whether it is still so.
        known: the newest size and root at which the log verified.
    """

    def __init__(
        self,
        log: AuditLog,
        keyring: Keyring,
        tenant: Tenant,
        known: Known = (0, b""),
        *,
        is_copy: bool = False,
    ) -> None:
        self.findings = Findings(tenant=tenant)
        self.known = self._before = known
        self._tenant = tenant
        self._is_copy = is_copy
        self._origin = log.origin_of(tenant)
        self._trust = Trust.parse(own_vkeys(log, [tenant]))
        self._keyring = keyring
        self._walk: Walk | None = None
        self._head: tuple[SourceHead | None, tuple[ListedKey, ...]] | None = None
        self._left: list[str] = []
        self._round: Round | None = None
        self._at: Mapping[str, SqlValue] = {}
        self._again: Walk | None = None
        self._until: Known = (0, b"")

    @property
    def size(self) -> int:
        """How many entries were walked, or were pruned."""
        return 0 if self._walk is None else self._walk.frontier.size

    def step(self, reader: Reader) -> JudgeProgress:
        """Judge the next piece.

        Raises:
            IntegrityError: what is there cannot be read as what it should be.
        """
        walk = self._walk
        if walk is None:
            walk = self._walk = self._begun(reader, deep=True)
            assert walk.replayed is not None, "of a deep walk"
            self.findings.accepted = walk.replayed.accepted
            self._left = list(ROWS)
        if not self._read_on(reader, walk):
            return JudgeProgress.BEHIND
        if self._left and self._round is None and self._is_elsewhere(reader):
            self._left = []
        if self._left:
            self._compare(reader, walk, self._left[0])
            return JudgeProgress.ON
        if self._read_again(reader, walk):
            return JudgeProgress.ON
        self._left = list(ROWS)
        self.findings.warnings.clear()
        return JudgeProgress.OVER

    def _is_elsewhere(self, reader: Reader) -> bool:
        """Whether the log's rows are in another database."""
        return self._is_copy or has_gone_from(reader, self._tenant)

    def _begun(self, reader: Reader, *, deep: bool) -> Walk:
        sealed = SealedPart(
            read_sealed(reader, self._tenant), self._tenant, self._origin, None, self.findings
        )
        walk = Walk(
            tenant=self._tenant,
            marks={self._before[0]},
            columns=STORED,
            deep=deep,
            findings=self.findings,
        )
        sealed.walk(walk, 0)
        return walk

    # ---- entries -------------------------------------------------------------------------------

    def _read_on(self, reader: Reader, walk: Walk) -> bool:
        """Walk what is new, and judge the head once it is reached; whether it is."""
        seen = read_head(reader, self._tenant), read_keys(reader, self._tenant)
        if seen == self._head:
            return True
        head = seen[0]
        size = 0 if head is None else head.size or 0
        before = max(walk.frontier.size, self._before[0])
        if size < before:
            message = f"the log had {before} entries, and now its head says {size}"
            self.findings.add(Check.CHECKPOINT_REACHED, Damage.ROLLED_BACK, message, size)
            return True
        rows = self._entries(reader, walk.frontier.size, size)
        self._run(walk, rows)
        if walk.frontier.size < size:
            if len(rows) == ENTRIES:
                return False
            message = f"the log ends at {walk.frontier.size}, and its head signs {size} entries"
            self.findings.add(Check.HEAD_ROOT, Damage.TRUNCATED, message, walk.frontier.size)
        elif head is not None:
            self._judge_head(head, seen[1], walk)
        self._head = seen
        return True

    def _judge_head(self, head: SourceHead, keys: tuple[ListedKey, ...], walk: Walk) -> None:
        opened = open_head(head, self._origin, keys, self._trust, self.findings)
        history = judge_keys(keys, walk.rotations, self._origin, self._trust.pinned, self.findings)
        judge_opened(opened, history, self._trust, self.findings)
        if opened is None:
            return
        judge_head_row(head, opened.checkpoint, self.findings)
        root = walk.frontier.root()
        if opened.checkpoint.root != root:
            message = "the entries are not those that the head signs"
            self.findings.add(Check.HEAD_ROOT, Damage.EDITED, message)
        size, before = self._before
        if walk.root_at(size) not in {None, before} and size:
            message = f"the first {size} entries are not what they were"
            self.findings.add(Check.CHECKPOINT_ROOT, Damage.FORKED, message)
        if not self.findings.decided:
            self.known = (walk.frontier.size, root)

    def _read_again(self, reader: Reader, walk: Walk) -> bool:
        """Read entries that were walked before; whether any are left."""
        again, start = self._again, _LOWEST
        if again is None:
            again = self._again = self._begun(reader, deep=False)
            self._until = (walk.frontier.size, walk.frontier.root())
        else:
            start = again.frontier.size
        size, root = self._until
        rows = self._entries(reader, start, size)
        self._run(again, rows)
        if len(rows) == ENTRIES and again.frontier.size < size:
            return True
        self._again = None
        if again.frontier.size != size or again.frontier.root() != root:
            message = f"the first {size} entries are not what they were"
            self.findings.add(Check.CHECKPOINT_ROOT, Damage.EDITED, message)
        beyond = walk.frontier.size
        if self._entries(reader, beyond, beyond + 1):
            message = "an entry follows that the head does not sign"
            self.findings.add(Check.HEAD_ROOT, Damage.FORGED, message, beyond)
        return False

    def _entries(self, reader: Reader, start: int, end: int) -> list[Row]:
        if start >= end:
            return []
        rows = reader.all("log.rows_to_verify", tenant=self._tenant, seq=start, limit=ENTRIES)
        return [row for row in rows if integer(row, "seq") < end]

    def _run(self, walk: Walk, rows: list[Row]) -> None:
        if not rows:
            return
        page = [
            (row["seq"], text(row, "body").encode(), *map(row.__getitem__, STORED)) for row in rows
        ]
        walk.run([page], 0)
        # What rows hold is compared with all that was said of them, so nothing is kept of these.
        walk.actions.recent.clear()
        walk.approvals.recent.clear()

    # ---- rows ----------------------------------------------------------------------------------

    def _compare(self, reader: Reader, walk: Walk, table: str) -> None:
        """Compare a page of rows with what the entries say, all of which were walked."""
        rebuilt: Rebuilt | None = walk.rebuilt
        assert rebuilt is not None, "of a deep walk"
        query, start = ROWS[table]
        if self._round is None:
            self._round, self._at = rebuilt.begin_round(table), start
        rows = reader.all(query, tenant=self._tenant, limit=ROWS_AT_ONCE, **self._at)
        rebuilt.compare_page(
            self._round,
            rows,
            self.findings,
            unread=walk.skipped > 0,
            pruned=pruned_sizes(walk),
            keyring=self._keyring,
        )
        if len(rows) == ROWS_AT_ONCE:
            # INVARIANT: a page begins with the last row of the one before, or a second row of one
            # key could hide between two.
            at = {name: rows[-1][name] for name in start}
            if at == self._at:
                raise IntegrityError(Code.TAMPERED, f"{ROWS_AT_ONCE} rows have one key")
            self._at = at
            return
        rebuilt.end_round(self._round, self.findings)
        self._round = None
        del self._left[0]
