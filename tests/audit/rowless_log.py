"""Entries without the rows that they tell of, for tests that only read logs."""

from __future__ import annotations

from sayso.audit.entry import Entry
from sayso.audit.log import AuditLog
from sayso.ids import Tenant
from sayso.store.base import Transaction


def append_alone(log: AuditLog, tx: Transaction, tenant: Tenant, entry: Entry) -> int:
    """Append an entry, and hold it against no row: there are none in such a database."""
    seq = log.append(tx, tenant, entry)
    tx.remember("audit/meaning", {})
    return seq
