"""Entries as CloudEvents 1.0 in the JSON format; docs/reference/audit-exports.md has the table.

SOURCE: CloudEvents specification 1.0.2, JSON event format 1.0.2.
"""

from __future__ import annotations

import base64
from hashlib import sha256

from sayso.audit.entry import ActorKind, EntryKind, Json
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


SCHEMA_VERSION = "1.8.0"
_CLASS, _CATEGORY = 6003, 6

_CREATE, _READ, _UPDATE, _DELETE = (1, "Create"), (2, "Read"), (3, "Update"), (4, "Delete")
_ACTIVITIES = {
    EntryKind.LOG_OPENED: _CREATE,
    EntryKind.REQUEST_ASKED: _CREATE,
    EntryKind.ACTION_PROPOSED: _CREATE,
    EntryKind.TOKEN_CREATED: _CREATE,
    EntryKind.TOKEN_REVOKED: _DELETE,
    EntryKind.AUDIT_QUERIED: _READ,
    EntryKind.AUDIT_EXPORTED: _READ,
}
_USERS = {
    ActorKind.PERSON: (1, "User"),
    ActorKind.SERVICE: (4, "Service"),
    ActorKind.SYSTEM: (3, "System"),
    ActorKind.AGENT: (99, "agent"),
}
_INFORMATIONAL, _LOW, _MEDIUM = (1, "Informational"), (2, "Low"), (3, "Medium")
_SEVERITIES = {"refused": _LOW, "failed": _LOW, "stale": _LOW, "unknown": _MEDIUM}
_RESULTS = {
    "succeeded": (1, "Success"),
    "compensated": (1, "Success"),
    "failed": (2, "Failure"),
    "refused": (2, "Failure"),
    "rejected": (2, "Failure"),
    "expired": (2, "Failure"),
    "withdrawn": (2, "Failure"),
}


def to_ocsf(row: ExportRow) -> dict[str, Json]:
    """The event of an entry; `raw_data` are the exact bytes that the proof is about."""
    stored, entry = row.stored, row.stored.entry
    activity, activity_name = _ACTIVITIES.get(entry.kind, _UPDATE)
    severity, severity_name = _SEVERITIES.get(entry.status or "", _INFORMATIONAL)
    raw = stored.encoded
    digest: dict[str, Json] = {
        "algorithm_id": 3,
        "algorithm": "SHA-256",
        "value": sha256(raw).hexdigest(),
    }
    proven: dict[str, Json] = {"vkey": row.vkey, "proof": row.proof.text()}
    event: dict[str, Json] = {
        "class_uid": _CLASS,
        "class_name": "API Activity",
        "category_uid": _CATEGORY,
        "category_name": "Application Activity",
        "activity_id": activity,
        "activity_name": activity_name,
        "type_uid": _CLASS * 100 + activity,
        "type_name": f"API Activity: {activity_name}",
        "severity_id": severity,
        "severity": severity_name,
        "time": stored.at_micros // 1000,
        "message": _message(row),
        "metadata": _metadata(row),
        "actor": {"user": _user(row)},
        "api": {
            "operation": entry.kind.value,
            "service": {"name": entry.name or "sayso"},
            "request": {"uid": entry.request or entry.action or str(stored.seq)},
        },
        "src_endpoint": {"svc_name": str(entry.data.get("via") or "sayso")},
        "raw_data": raw.decode(),
        "raw_data_size": len(raw),
        "raw_data_hash": digest,
        "unmapped": {"sayso": proven},
    }
    event |= _result(row)
    if resources := _resources(row):
        event["resources"] = resources
    return event


def _message(row: ExportRow) -> str:
    entry = row.stored.entry
    parts = [entry.kind.value, entry.name, entry.amount and str(entry.amount)]
    return " ".join(part for part in parts if part) + f" by {entry.actor.kind}:{entry.actor.id}"


def _metadata(row: ExportRow) -> dict[str, Json]:
    stored = row.stored
    return {
        "version": SCHEMA_VERSION,
        "product": {"name": "Sayso", "vendor_name": "Sayso"},
        "uid": f"{row.origin}#{stored.seq}",
        "sequence": stored.seq,
        "tenant_uid": stored.tenant,
        "log_name": row.origin,
        "event_code": stored.entry.kind.value,
        "original_time": str(stored.at_micros),
    }


def _user(row: ExportRow) -> dict[str, Json]:
    actor = row.stored.entry.actor
    number, name = _USERS[actor.kind]
    return {"uid": actor.id, "type_id": number, "type": name}


def _result(row: ExportRow) -> dict[str, Json]:
    """Success and failure of the action; what lies between is told by its own word."""
    entry = row.stored.entry
    if entry.status is None:
        return {}
    number, name = _RESULTS.get(entry.status, (99, entry.status))
    found: dict[str, Json] = {"status_id": number, "status": name, "status_detail": entry.status}
    if isinstance(code := entry.data.get("code"), str):
        found["status_code"] = code
    return found


def _resources(row: ExportRow) -> list[Json]:
    entry = row.stored.entry
    found: list[Json] = []
    for kind, uid in (
        ("action", entry.action),
        ("approval", entry.approval),
        ("request", entry.request),
        ("customer", entry.subject),
    ):
        if uid is not None:
            found.append({"type": kind, "uid": uid})
    if isinstance(name := entry.data.get("object"), str):
        found.append({"type": "object", "uid": name})
    return found
