"""What an entry means for rows, held against the rows in the transaction that writes both.

The verifier replays entries into columns (`sayso.audit.verifier.replay`). By the very same
functions a writer learns what its entry says, and before anything is signed it is looked at whether
the rows hold just that: each column that an entry says, and no other that entries can say is
changed. So whatever is committed verifies, and a writer that says one thing and stores another is
an error of that one unit, never a log that accuses somebody for ever.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import compress
from operator import ne
from typing import Generic, NamedTuple, TypeVar, cast

import orjson

from sayso.audit.authority.state import read_body
from sayso.audit.customer_links import LINKS
from sayso.audit.event import texts_of
from sayso.audit.fields import object_in
from sayso.audit.verifier.replay import (
    BEGUN,
    FIRST,
    GROWS,
    JUDGED,
    SAYS,
    SEAL,
    SEQ,
    UNSAID,
    State,
    add,
    agrees,
    rows_said_by,
    without_beginning,
)
from sayso.audit.verifier.stored_rows import StoredRow, name_of, said_in
from sayso.errors import Code, IntegrityError, RetryableError
from sayso.ids import Tenant
from sayso.store.base import Reader, SqlValue, Transaction, integer, text

WHOLE: Mapping[str, str] = {
    "action": "log.whole_actions",
    "approval": "log.whole_approvals",
    "request": "log.whole_requests",
    "stop": "log.whole_stops",
    "hold": "log.whole_holds",
    "erasure": "log.whole_erasures",
    "token": "log.whole_tokens",
    "policy_change": "log.whole_policy_changes",
    "canary": "log.whole_canaries",
    "customer_link": "log.whole_links",
}
ROWS: Mapping[str, tuple[str, Mapping[str, SqlValue]]] = {
    **{table: (query, {"id": ""}) for table, query in WHOLE.items()},
    "policy_version": ("log.whole_policy_versions", {"number": 0}),
    "personal": ("log.whole_texts", {"ref": ""}),
    "work": ("log.whole_work", {"about": ""}),
    "work_note": ("log.whole_notes", {"about": "", "seq": 0}),
    "vote": ("log.whole_votes", {"approval_id": "", "revision": 0, "person": ""}),
    "limit_use": (
        "log.whole_uses",
        {"action_id": "", "revision": 0, "limit_id": "", "key": "", "currency": ""},
    ),
}
"""For each table that the log determines: the query for whole rows, and where they begin."""

_KEY = "audit/meaning"


class Meant(NamedTuple):
    """What the entries of a unit say of one row, until it is held against it.

    Attributes:
        kinds: of the entries, in their order.
        before: the row as it was before the first of them; None for a row that was not there.
    """

    kinds: tuple[str, ...]
    said: tuple[State, ...]
    before: State | None = None

    def and_then(self, kind: str, state: State) -> Meant:
        """The same with what a later entry says."""
        return self._replace(kinds=(*self.kinds, kind), said=(*self.said, state))


_BESIDE = frozenset({SEQ, JUDGED, BEGUN, SEAL})
_FIXED = {table: first | _BESIDE for table, first in FIRST.items()}
"""What no later entry changes: what the first word counts for, and what is no column."""
_SETTLED = frozenset({"approval", "vote"})
"""What is written with its action: who writes it has it in memory, as the action, and settles."""
_NOTHING = Meant(kinds=(), said=())
_UNREAD: State = {}
_T = TypeVar("_T")
_Place = tuple[Tenant, str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class SaidColumns(Generic[_T]):
    """How a typed row is read in the columns in which entries say it.

    Attributes:
        names: as `stored_rows.said_in` names them.
        values_of: what a row holds in them, in this order; one call for all, since each change of
            an action is held against its entry, before and after.
    """

    names: tuple[str, ...]
    values_of: Callable[[_T], tuple[object, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Unit:
    """What a unit's entries say of rows.

    Attributes:
        open: of those that are not held against it yet.
        before: of those beside an action that are: what they were; None for one that begins.
    """

    open: dict[_Place, Meant]
    before: dict[_Place, Callable[[], State] | None]


def note(tx: Transaction, tenant: Tenant, body: bytes, seq: int) -> None:
    """Take in what an entry says, before the rows that it tells of are written.

    Args:
        body: as it is stored: what the verifier will read.
    """
    fields = orjson.loads(body)
    kind = str(fields.get("kind"))
    if b'"links":[' in body:
        _check_links(tx, tenant, fields)
    found = _unit(tx).open
    for table, name, state in rows_said_by(fields, seq):
        place = (tenant, table, name)
        if place in found:
            found[place] = found[place].and_then(kind, state)
        else:
            before = _before(tx, tenant, table, name, kind, state)
            found[place] = Meant(kinds=(kind,), said=(state,), before=before)
    tx.at_end(_KEY, _check_open)


def _check_links(tx: Transaction, tenant: Tenant, fields: dict[str, object]) -> None:
    """Refuse an action that begins over a link which has ended since it was read.

    INVARIANT: an entry that says so would accuse the log for ever; whoever tries again reads anew.

    Raises:
        RetryableError: `store_busy`; nothing of the unit is written.
    """
    data, action = object_in(fields, "data"), fields.get("action")
    if type(action) is not str or "status" not in fields or "undoes" in data:
        return  # what is undone is undone over the links by which it was done
    if read(tx, tenant, "action", action) is not None:
        return
    for name in texts_of(data.get(LINKS)):
        row = tx.one("link.by_id", tenant=tenant, id=name)
        until = None if row is None else row["until"]
        over = isinstance(until, int) and until <= cast("int", fields["at"])
        if row is None or row["ended_at"] is not None or over:
            raise RetryableError(
                Code.STORE_BUSY,
                "a link between the customer's accounts ended meanwhile",
                next_step="try again, it is looked up anew",
            )


def _before(
    tx: Transaction, tenant: Tenant, table: str, name: str, kind: str, state: State
) -> State | None:
    """The row before what an entry says of it is written, where that has to be read now."""
    if state[BEGUN] is True or table == "action":  # not there yet, or in the hands of its writer
        return None
    if table in _SETTLED and kind.startswith("action."):
        return _UNREAD
    return read(tx, tenant, table, name)


def settle(
    tx: Transaction,
    tenant: Tenant,
    table: str,
    name: str,
    columns: SaidColumns[_T],
    before: _T | None,
    after: _T,
) -> None:
    """Hold what was said of a row against it where the writer has it in memory, before and after.

    Args:
        before: None for a row that begins.

    Raises:
        IntegrityError: `unsaid_change`.
    """
    unit, place = _unit(tx), (tenant, table, name)
    meant = unit.open.pop(place, _NOTHING)
    said = _together(table, meant, None if before is None else _UNREAD)
    own = columns.values_of(after)
    was = own if before is None else columns.values_of(before)
    known = None if before is None else lambda: dict(zip(columns.names, was, strict=True))
    if table in _SETTLED:
        unit.before.setdefault(place, known)
    told = tuple(map(said.get, columns.names, was))
    unlike = compress(zip(columns.names, own, told, strict=True), map(ne, own, told))
    wrong = [
        column
        for column, value, expected in unlike
        if column not in said or (expected != UNSAID and not agrees(column, value, expected))
    ]
    if wrong:
        meant = meant._replace(before=known() if known else None)
        _refuse(tx, tenant, table, name, meant, sorted(wrong))


def _check_open(tx: Transaction) -> None:
    for (tenant, table, name), meant in _unit(tx).open.items():
        after = read(tx, tenant, table, name)
        _hold(tx, tenant, table, name, meant, after)
    # INVARIANT: each unit begins with a collection of its own, since one that fails takes back
    # what is remembered, and not what was put into it.
    tx.remember(_KEY, None)


def _hold(
    tx: Transaction, tenant: Tenant, table: str, name: str, meant: Meant, after: State | None
) -> None:
    wrong = ["no row"] if after is None else differing(table, meant, after)
    if wrong:
        _refuse(tx, tenant, table, name, meant, wrong)


def _refuse(
    tx: Transaction, tenant: Tenant, table: str, name: str, meant: Meant, wrong: list[str]
) -> None:
    if not _was_forged(tx, tenant, table, name, meant):
        raise unsaid_change(table, name, wrong, meant.kinds)


def differing(table: str, meant: Meant, after: State) -> list[str]:
    """The columns in which a row does not hold what its entries say.

    And those that entries can say, that none of these says, and that have changed nevertheless.
    """
    before = meant.before
    said = _together(table, meant, before)
    wrong = _disagreeing(said, after)
    if before is not None:
        says = SAYS[table]
        wrong += [
            column
            for column, value in before.items()
            if column not in said and column in says and column in after and value != after[column]
        ]
    return sorted(wrong)


def _together(table: str, meant: Meant, before: State | None) -> State:
    """What the entries say together of columns that may still change."""
    if len(meant.said) == 1 and GROWS not in meant.said[0]:  # as nearly always
        left_out = _BESIDE if before is None else _FIXED[table]
        return {name: value for name, value in meant.said[0].items() if name not in left_out}
    said: State = {}
    first = FIRST[table]
    for state in meant.said:
        for column, value in state.items():
            if column in first and (before is not None or column in said):
                continue
            if column == GROWS:
                grown = said.get(column, [] if before is None else before.get(column))
                said[column] = [*cast("list[object]", grown), *cast("list[object]", value)]
            elif column[0] != ".":
                said[column] = value
    return said


def _disagreeing(said: State, row: State) -> list[str]:
    return [
        column
        for column, value in said.items()
        if column in row
        and row[column] != value
        and value != UNSAID
        and not agrees(column, row[column], value)
    ]


def _was_forged(tx: Transaction, tenant: Tenant, table: str, name: str, meant: Meant) -> bool:
    """Whether a row of that action was another than the log says before this unit touched it.

    Then not Sayso is mistaken: somebody else wrote the database. What comes of it is ended as
    tampered by whoever looks at the rows, which must not fail here; the log's own judgement finds
    it.
    """
    action = _action_of(tx, tenant, table, name)
    if action is None or not meant.said:
        return False
    until = cast("int", meant.said[0][SEQ])
    rebuilt: dict[tuple[str, str], State] = {}
    for entry in tx.all("log.of_action", tenant=tenant, action=action):
        if integer(entry, "seq") >= until:
            break
        fields = read_body(text(entry, "body"))
        for where, which, state in rows_said_by(fields, integer(entry, "seq")):
            if where in SAYS:
                add(where, rebuilt.setdefault((where, which), state), state)
    for (where, which), state in rebuilt.items():
        is_this = (where, which) == (table, name)
        row = meant.before if is_this else _was(tx, tenant, where, which)
        said = state if state[BEGUN] else without_beginning(where, state)
        if row is not None and _disagreeing(said, row):
            return True
    return False


def _was(tx: Transaction, tenant: Tenant, table: str, name: str) -> State | None:
    """A row as it was before this unit; None where it was not there, or its writer alone knows."""
    unit, place = _unit(tx), (tenant, table, name)
    if place in unit.before:
        known = unit.before[place]
        return None if known is None else known()
    meant = unit.open.get(place)
    if meant is not None and meant.before:
        return meant.before
    return None if table == "action" else read(tx, tenant, table, name)


def _action_of(reader: Reader, tenant: Tenant, table: str, name: str) -> str | None:
    """Of which action a row tells."""
    if table == "action":
        return name
    if table not in {"approval", "vote"}:
        return None
    row = read(reader, tenant, "approval", name.partition(" ")[0])
    found = None if row is None else row.get("action_id")
    return found if isinstance(found, str) else None


def unsaid_change(
    table: str, name: str, columns: Iterable[str], kinds: Iterable[str]
) -> IntegrityError:
    """What to say of a unit that would have stored another thing than its entries say."""
    listed = ", ".join(f"`{column}`" for column in columns)
    told = ", ".join(f"`{kind}`" for kind in kinds) or "no entry"
    return IntegrityError(
        Code.UNSAID_CHANGE,
        f"the {table} `{name[:120]}` would not be what {told} says: {listed}",
        next_step="report it, it is a mistake in Sayso; nothing was written, all else goes on",
    )


def read(reader: Reader, tenant: Tenant, table: str, name: str) -> State | None:
    """A row as the verifier reads it; None where there is none."""
    query, begins = ROWS[table]
    row: StoredRow | None = reader.one(
        query, **{**begins, **_key(table, name)}, tenant=tenant, limit=1
    )
    return said_in(table, row) if row is not None and name_of(table, row) == name else None


def _key(table: str, name: str) -> Mapping[str, SqlValue]:
    if table == "vote":
        approval, revision, person = name.split(" ", 2)
        return {"approval_id": approval, "revision": int(revision), "person": person}
    if table == "policy_version":
        return {"number": int(name)}
    if table == "work":
        return {"about": name}
    if table == "work_note":
        about, _, seq = name.rpartition(" ")
        return {"about": about, "seq": int(seq)}
    return {"id": name}


def _unit(tx: Transaction) -> _Unit:
    found = tx.recall(_KEY)
    if not isinstance(found, _Unit):
        found = _Unit(open={}, before={})
        tx.remember(_KEY, found)
    return found
