"""What has not ended and keeps entries of a log in the database, because it points at them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sayso.errors import Code, RefusedError
from sayso.ids import Tenant, rfc3339
from sayso.store.base import Reader, Row, integer, text

LISTED = 100
"""So many are listed at most, the oldest entries first."""
_NAMED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Unended:
    """A row that can still move.

    Attributes:
        what: `action`, `approval`, `request`, `erasure` or `stop`.
        since: when it came into its status, in microseconds since 1970.
        seq: the entry that it points at.
    """

    what: str
    id: str
    status: str
    since: int
    seq: int


def read_unended(reader: Reader, tenant: Tenant, end: int) -> list[Unended]:
    """What points at an entry below `end` and has not ended, the oldest entries first.

    INVARIANT: such an entry stays. Whoever settles the row has to see its timeline, and its state
    is compared with what its entries say; what has ended needs neither.
    """
    rows = reader.all("segment.open_rows", tenant=tenant, end=end, limit=LISTED)
    rows += reader.all("segment.open_stops", home=tenant, end=end, limit=LISTED)
    return sorted(map(_read, rows), key=lambda row: row.seq)[:LISTED]


def refuse_unended(rows: Sequence[Unended]) -> None:
    """Refuse while there are any.

    Raises:
        RefusedError: `wrong_state`, which names the oldest ones, and what to do about the first.
    """
    if not rows:
        return
    named = [f"the {row.what} `{row.id}` ({row.status} {_since(row)})" for row in rows[:_NAMED]]
    if len(rows) > _NAMED:
        more = "at least " if len(rows) == LISTED else ""
        named.append(f"{more}{len(rows) - _NAMED} more")
    raise RefusedError(
        Code.WRONG_STATE,
        f"{_joined(named)} {'has' if len(rows) == 1 else 'have'} not ended, and"
        f" {'points' if len(rows) == 1 else 'point'} at an entry that would go",
        next_step=_next_step(rows[0]),
    )


def _since(row: Unended) -> str:
    return f"since {rfc3339(row.since)[:10]}"


def _joined(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _next_step(row: Unended) -> str:
    match row.what, row.status:
        case "action", "unknown":
            return (
                "look at the provider what became of it, then say so: `sayso actions resolve"
                f" {row.id} --outcome succeeded|failed --evidence …`"
            )
        case "action", _:
            return f"settle it, or let it end; `sayso actions show {row.id}` shows it"
        case "approval", _:
            return f"decide, or let it expire; `sayso approvals show {row.id}` shows it"
        case "stop", _:
            return f"have two people end it: `sayso resume {row.id}`"
        case "erasure", _:
            return "run `sayso audit sweep`, which finishes it"
        case _:
            return "let it end, which `sayso serve` or `sayso worker` sees to"


def _read(row: Row) -> Unended:
    return Unended(
        what=text(row, "what"),
        id=text(row, "id"),
        status=text(row, "status"),
        since=integer(row, "since"),
        seq=integer(row, "last_seq"),
    )
