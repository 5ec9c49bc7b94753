"""Entries as CloudEvents 1.0 in the JSON format; docs/audit-exports.md has the table.

SOURCE: CloudEvents specification 1.0.2, JSON event format 1.0.2.
"""

from __future__ import annotations

import base64

from sayso.audit.entry import Json
from sayso.audit.exports.rows import ExportRow
from sayso.ids import rfc3339

SOURCE_PREFIX = "urn:sayso:"
TYPE_PREFIX = "sayso."


def to_cloudevent(row: ExportRow) -> dict[str, Json]:
    """The event of an entry.

    `data` is the body: its canonical encoding gives the bytes that the proof is about.
    """
    entry, stored = row.stored.entry, row.stored
    subject = entry.action or entry.request or entry.approval
    event: dict[str, Json] = {
        "specversion": "1.0",
        "id": str(stored.seq),
        "source": f"{SOURCE_PREFIX}{row.origin}",
        "type": f"{TYPE_PREFIX}{entry.kind.value}",
        "time": rfc3339(stored.at_micros),
        "datacontenttype": "application/json",
        "data": dict(row.body),
        "logvkey": row.vkey,
        # SOURCE: extension attributes take no line feeds, so the text is of the type Binary.
        "logproof": base64.b64encode(row.proof.text().encode()).decode(),
    }
    if subject is not None:
        event["subject"] = subject
    return event
