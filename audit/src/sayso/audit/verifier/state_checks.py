"""The checks on the rows of actions and approvals, whose last entries say what they are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias, cast

from sayso.audit.segments.sealed import PRUNED
from sayso.audit.verifier.latest import StatedRow
from sayso.audit.verifier.verification import Check, Findings, RowFault
from sayso.audit.verifier.walk import Walk, decode

StateRow: TypeAlias = "tuple[str, object, object]"
"""`(id, status, last_seq)`: a row whose status must be what its last entry says."""

BodyAt = Callable[[object], "bytes | None"]
"""The stored body at an index; None when there is none."""


def judge_state(
    rows: Mapping[str, Iterable[StateRow]], walk: Walk, body_at: BodyAt, findings: Findings
) -> tuple[int, int]:
    """Compare each row with the entry it points at.

    A row whose entry was pruned points at the entry about the pruning instead. It is compared with
    its last entry where that was read from a sealed segment.

    Args:
        rows: of each table, `action` and `approval`.
        walk: over the same log, done; what it noted about the state is used up.

    Returns:
        The number of rows that were compared, and of those that could not be.
    """
    pruned = pruned_sizes(walk)
    uncompared = 0
    for table, latest in (("action", walk.actions), ("approval", walk.approvals)):
        # NOTE: for nearly every row the walk has just read the entry, so it is not read again.
        for row in latest.disagreeing(rows.get(table, ())):
            if row.last_seq in pruned and (row.latest or 0) < pruned[row.last_seq]:
                if row.latest is None and (walk.skipped or table == "approval"):
                    if _has_ended(table, row.status):
                        uncompared += 1
                        continue
                    message = "has not ended, and its entries are said to be pruned"
                    _add_state(Check.STATE_STATUS, table, row, message, findings)
                    continue
                if row.latest is not None:
                    _judge_status(table, row, row.latest_status, findings)
                    continue
            _judge_row(table, row, body_at(row.last_seq), findings)
            if _is_left_behind(table, row):
                message = "points at another entry than its last"
                _add_state(Check.STATE_LATEST, table, row, message, findings)
    for action, seq in walk.actions.unstated():
        message = f"the action `{action[:64]}` has entries and no row"
        fault = RowFault(table="action", name=action, said={}, seq=seq)
        findings.add_row(Check.STATE_ROW_PRESENT, fault, message, seq)
    return walk.actions.stated + walk.approvals.stated - uncompared, uncompared


def pruned_sizes(walk: Walk) -> dict[object, int]:
    """For each entry about pruning, the lowest index that was left."""
    found: dict[object, int] = {}
    for seq, kind, data in walk.sealings:
        match data:
            case {"size": int(size)} if kind == PRUNED:
                found[seq] = size
            case _:
                pass
    return found


ENDED = frozenset(
    {"refused", "rejected", "expired", "withdrawn", "succeeded", "failed", "compensated"}
)
"""States of an action that has ended; `actions.state.FINAL`, which a verifier cannot import."""


def _has_ended(table: str, status: object) -> bool:
    """Whether the entries about such a row can be pruned: those of what can still move stay."""
    return status in ENDED if table == "action" else status != "pending"


def _is_left_behind(table: str, row: StatedRow) -> bool:
    """Whether an entry that the row does not point at gave it its status."""
    if row.latest is None or row.latest == row.last_seq:
        return False
    # An entry about an approval that leaves its status as it was may be its last one.
    return table == "action" or not isinstance(row.last_seq, int) or row.last_seq < row.latest


def _judge_row(table: str, row: StatedRow, body: bytes | None, findings: Findings) -> None:
    fields = decode(body) if body is not None else None
    if fields is None or fields.get(table) != row.id:
        message = "points at an entry that is not about it"
        _add_state(Check.STATE_ENTRY, table, row, message, findings)
    else:
        _judge_status(table, row, _status_of(table, fields), findings)


def _judge_status(table: str, row: StatedRow, status: object, findings: Findings) -> None:
    if row.status != status:
        message = "has a status that its last entry does not give it"
        _add_state(Check.STATE_STATUS, table, row, message, findings)


def _add_state(check: Check, table: str, row: StatedRow, message: str, findings: Findings) -> None:
    at = row.last_seq if type(row.last_seq) is int else None
    message = f"the {table} `{row.id[:64]}` {message}"
    held = {"status": row.status, "last_seq": row.last_seq}
    fault = RowFault(table=table, name=row.id, columns=tuple(held), found=held, seq=at)
    findings.add_row(check, fault, message, at)


def _status_of(table: str, fields: dict[str, object]) -> object:
    """The status that an entry gives a row: an approval's stands in its data, where it has one."""
    status = fields.get("status")
    if table != "approval":
        return status
    data = fields.get("data")
    if isinstance(data, dict) and "approval_status" in data:
        return cast("dict[str, object]", data)["approval_status"]
    return "pending" if status == "pending_approval" else status
