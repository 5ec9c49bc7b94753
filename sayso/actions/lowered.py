"""What an action asked for before people agreed to less, as the log says."""

from __future__ import annotations

from sayso.actions.rows import ActionRow
from sayso.audit.entry import EntryKind, StoredEntry
from sayso.money import Money
from sayso.store.base import Reader, text


def asked_before_less(reader: Reader, row: ActionRow) -> Money | None:
    """The amount that stood before the first edit; None when nobody has lowered it.

    Guarantees: entries of which only a sealed segment is left say nothing here.
    """
    if row.revision == 1:  # as nearly always, and then no entry is read
        return None
    asked: Money | None = None
    for one in reader.all("log.of_action", tenant=row.tenant, action=row.id):
        entry = StoredEntry.read(text(one, "body").encode()).entry
        if entry.kind is EntryKind.ACTION_EDITED:
            return asked
        asked = entry.amount or asked
    return None
