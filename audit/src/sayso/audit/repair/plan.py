"""What a repair would write: for each row that is wrong, the columns that its entries say."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, cast

import orjson

from sayso.audit.entry import Json
from sayso.audit.verifier.finding import Finding, RowFault
from sayso.store.base import SqlValue

Values: TypeAlias = "dict[str, SqlValue]"
How: TypeAlias = Literal["update", "insert", "delete"]

_PLAIN: Mapping[str, frozenset[str]] = {
    "action": frozenset(
        "status last_seq name request_id requester created_at digest amount_minor currency planner"
        " step undoes revision call_key called_at fence reason_ref".split()
    ),
    "approval": frozenset(
        "status last_seq action_id created_at digest revision reminded_seq escalated_seq".split()
    ),
    "request": frozenset(
        "status last_seq requester created_at assurance words_ref planner reply_ref"
        " messages_ref".split()
    ),
    "vote": frozenset({"decision", "digest", "via", "at"}),
    "limit_use": frozenset({"bucket", "count", "minor", "state", "why", "last_seq"}),
}
"""Columns that stand in a row as the entries say them."""
_LISTS = {("action", "after"), ("approval", "roles")}
_JUDGED = frozenset({"outcome", "explain", "policy_version", "roles", "either", "rule"})
_RECEIPT = {"receipt": "id", "receipt_status": "status", "receipt_amount": "amount"}
_DOMAIN = b"sayso/repair/v1\0"
REPAIR_ID = "rep_"
MOST_ROWS = 100
"""So many rows are rebuilt at once: no more findings are kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowRepair:
    """What would be written of one row.

    Attributes:
        fault: what is wrong with it, with the row as it is.
        how: whether it is written, made or taken away.
        values: the stored columns that change; empty for a row that is taken away.
        subject: the pseudonym of the customer whose row it is, where that is wrong.
    """

    fault: RowFault
    how: How
    values: Mapping[str, SqlValue]
    subject: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RepairPlan:
    """All that would be written, and what cannot be.

    Attributes:
        changes: in the order in which they are written.
        left: findings of rows that hold what no entry says; a backup has it.
        digest: over what is found and what would be written, 64 hex digits; people agree to it.
    """

    changes: tuple[RowRepair, ...]
    left: tuple[Finding, ...]
    digest: str

    @property
    def id(self) -> str:
        """By which people name it."""
        return f"{REPAIR_ID}{self.digest[:32]}"


def plan_repair(findings: Sequence[Finding]) -> RepairPlan:
    """What would be written, of the findings of rows."""
    changes: dict[tuple[str, str], RowRepair] = {}
    left: list[Finding] = []
    for found in findings:
        fault = found.row
        if fault is None or (fault.table, fault.name) in changes:
            continue
        change = _change(fault)
        if change is None:
            left.append(found)
        else:
            changes[fault.table, fault.name] = change
    left = [found for found in left if not _is_mended_with_action(found, changes)]
    ordered = tuple(changes.values())[:MOST_ROWS]
    return RepairPlan(changes=ordered, left=tuple(left), digest=_digest(ordered))


def _is_mended_with_action(found: Finding, changes: Mapping[tuple[str, str], RowRepair]) -> bool:
    """Whether an approval only names another requester than its action, which is written again."""
    fault = found.row
    if fault is None or fault.said is None or fault.columns != ("asked_alike",):
        return False
    change = changes.get(("action", str(fault.said.get("action_id"))))
    return change is not None and bool({"requester", "request_id"} & change.values.keys())


def told(plan: RepairPlan) -> list[Json]:
    """The rows for the log: table, id and columns, without what stood there."""
    return [
        {
            "table": one.fault.table,
            "row": one.fault.name,
            "how": one.how,
            "columns": list[Json](one.fault.columns if one.how == "update" else ()),
        }
        for one in plan.changes
    ]


def _digest(changes: Sequence[RowRepair]) -> str:
    parts = [{**one.fault.told(), "how": one.how} for one in changes]
    encoded = orjson.dumps(parts, default=repr, option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(_DOMAIN + encoded).hexdigest()


def _change(fault: RowFault) -> RowRepair | None:
    """What would be written of a row; None where the log does not say enough of it."""
    if fault.table not in _PLAIN:
        return None
    if fault.said is None:
        # No entry tells of it, so nothing else rests on it but what is found by itself.
        gone = fault.table in {"vote", "limit_use"} and fault.stored is not None
        return RowRepair(fault=fault, how="delete", values={}) if gone else None
    if fault.found is None:
        return _made_anew(fault, fault.said)
    if (fault.stored or {}).get("erased_seq") is not None:
        return None  # the database lets nobody change what is erased
    values: Values = {}
    subject: str | None = None
    for column in fault.columns:
        said = fault.said[column]
        if column == "subject" and isinstance(said, str):
            subject = said
        elif not _put(values, fault, column, said):
            return None
    return RowRepair(fault=fault, how="update", values=values, subject=subject)


def _made_anew(fault: RowFault, said: Mapping[str, object]) -> RowRepair | None:
    """A row that is not there; of a vote the log says everything."""
    if fault.table != "vote":
        return None
    approval, revision, person = fault.name.split(" ", 2)
    values: Values = {
        "approval_id": approval,
        "revision": int(revision),
        "person": person,
        **{column: _plain(said[column]) for column in sorted(_PLAIN["vote"])},
    }
    return RowRepair(fault=fault, how="insert", values=values)


def _put(values: Values, fault: RowFault, column: str, said: object) -> bool:
    """Put down what a column becomes; whether the log says it."""
    if column in _PLAIN[fault.table]:
        values[column] = _plain(said)
        return True
    if (fault.table, column) in _LISTS:
        values[column] = orjson.dumps(said).decode()
        return True
    if fault.table != "action":
        return False
    if column in _JUDGED:
        field: object = said.split(",") if column == "rule" and isinstance(said, str) else said
        name = "rules" if column == "rule" else column
        return _patch(values, fault, "judgement", name, field)
    if column in _RECEIPT:
        return _patch(values, fault, "receipt", _RECEIPT[column], said)
    if column == "error" and said is None:
        values["error"] = None
        return True
    if column in {"error", "joins"}:
        return _patch(values, fault, "error", "code" if column == "error" else column, said)
    return False


def _patch(values: Values, fault: RowFault, column: str, name: str, said: object) -> bool:
    """Put a field into the JSON of a column; whether there is such JSON to put it in."""
    stored = values.get(column, (fault.stored or {}).get(column))
    try:
        found: object = orjson.loads(stored) if isinstance(stored, str) else None
    except ValueError:
        found = None
    if not isinstance(found, dict):
        return False
    fields = cast("dict[str, object]", found)
    if said is None and name not in {"explain", "rules"}:
        fields.pop(name, None)
    else:
        fields[name] = said
    values[column] = orjson.dumps(fields).decode()
    return True


def _plain(value: object) -> SqlValue:
    if value is None or isinstance(value, str | int | bytes):
        return value
    return str(value)
