"""Writing rows again as the log says them, and holding each against the log before the commit."""

from __future__ import annotations

from collections.abc import Mapping

from sayso.audit.authority.keyring import Keyring
from sayso.audit.repair.plan import RepairPlan, RowRepair, Values
from sayso.audit.verifier.replay import agrees
from sayso.audit.verifier.stored_rows import name_of, said_in
from sayso.errors import Code, RefusedError
from sayso.ids import Tenant
from sayso.store.base import Reader, Row, SqlValue, Transaction, text

_READ: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "action": ("log.whole_actions", ("id",)),
    "approval": ("log.whole_approvals", ("id",)),
    "request": ("log.whole_requests", ("id",)),
    "vote": ("log.whole_votes", ("approval_id", "revision", "person")),
    "limit_use": (
        "log.whole_uses",
        ("action_id", "revision", "limit_id", "key", "currency"),
    ),
}
"""For each table that is rebuilt: the query for its rows, and their key."""
_UPDATED: Mapping[str, tuple[str, ...]] = {
    "action": tuple(
        "status last_seq name request_id requester created_at digest amount_minor currency planner"
        " step undoes revision call_key called_at fence reason_ref after judgement error receipt"
        " subject_id".split()
    ),
    "approval": tuple(
        "status last_seq action_id created_at digest revision reminded_seq escalated_seq"
        " roles".split()
    ),
    "request": tuple(
        "status last_seq requester created_at assurance words_ref planner reply_ref messages_ref"
        " subject_id".split()
    ),
    "vote": ("decision", "digest", "via", "at"),
    "limit_use": ("bucket", "count", "minor", "state", "why", "last_seq"),
}


def write_repair(tx: Transaction, tenant: Tenant, plan: RepairPlan, keyring: Keyring) -> None:
    """Write all of a plan, each row only where it is still as it was shown.

    Raises:
        RefusedError: `stale_revision`, where a row is another one by now; `wrong_state`, where what
            is written does not agree with the log.
    """
    for change in plan.changes:
        _write(tx, tenant, change)
    for change in plan.changes:
        _hold_against_log(tx, tenant, change, keyring)


def _write(tx: Transaction, tenant: Tenant, change: RowRepair) -> None:
    table, stored = change.fault.table, change.fault.stored
    if change.how == "insert":
        tx.run(f"repair.{table}_insert", tenant=tenant, **change.values)
        return
    assert stored is not None, "a plan takes away and changes what was read"
    _, key = _READ[table]
    at: Values = {name: _value(stored[name]) for name in key}
    row = read_row(tx, tenant, table, at)
    if row is None or any(row[name] != stored[name] for name in row if name in stored):
        raise _stale(change)
    if change.how == "delete":
        tx.run(f"repair.{table}_delete", tenant=tenant, **at)
    else:
        values: Values = {name: _value(row[name]) for name in _UPDATED[table]}
        values |= change.values
        if change.subject is not None:
            values["subject_id"] = _customer(tx, tenant, change.subject)
        names = {f"at_{name}": value for name, value in at.items()}
        tx.run(f"repair.{table}_update", tenant=tenant, **names, **values)
    if table == "limit_use":
        for bucket in {row["bucket"], change.values.get("bucket", row["bucket"])}:
            tx.run(
                "repair.recount",
                owner=row["tenant"],
                limit_id=row["limit_id"],
                key=row["key"],
                currency=row["currency"],
                bucket=bucket,
            )


def read_row(reader: Reader, tenant: Tenant, table: str, at: Mapping[str, SqlValue]) -> Row | None:
    """A row as the log's judges read it."""
    query, key = _READ[table]
    rows = reader.all(query, tenant=tenant, limit=1, **at)
    return next((row for row in rows if all(row[name] == at[name] for name in key)), None)


def _hold_against_log(tx: Transaction, tenant: Tenant, change: RowRepair, keyring: Keyring) -> None:
    fault = change.fault
    _, key = _READ[fault.table]
    source = change.values if change.how == "insert" else (fault.stored or {})
    row = read_row(tx, tenant, fault.table, {name: _value(source[name]) for name in key})
    if change.how == "delete":
        wrong = row is not None
    else:
        own = {} if row is None else said_in(fault.table, row, keyring)
        columns = fault.columns or tuple(change.values)
        said = fault.said or {}
        wrong = row is None or name_of(fault.table, row) != fault.name
        wrong = wrong or any(
            name in said and not agrees(name, own.get(name), said[name]) for name in columns
        )
    if wrong:
        raise RefusedError(
            Code.WRONG_STATE,
            f"the {fault.table} `{fault.name[:80]}` cannot be written as its entries say",
            next_step="restore the database from a backup",
        )


def _customer(tx: Transaction, tenant: Tenant, pseudonym: str) -> str:
    row = tx.one("erasure.subject_named", tenant=tenant, pseudonym=pseudonym)
    return pseudonym if row is None else text(row, "id")


def _stale(change: RowRepair) -> RefusedError:
    return RefusedError(
        Code.STALE_REVISION,
        f"the {change.fault.table} `{change.fault.name[:80]}` is another one than was shown",
        next_step="run `sayso audit repair` again, and look at what it shows now",
    )


def _value(value: object) -> SqlValue:
    assert value is None or isinstance(value, str | int | bytes)
    return value
