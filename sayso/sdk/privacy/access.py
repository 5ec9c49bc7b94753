"""Everything that is held about one customer, in clear, for their own request to see it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from sayso.audit.authority.state import read_body
from sayso.audit.personal import Personal
from sayso.errors import Code, RefusedError
from sayso.ids import Tenant, rfc3339
from sayso.store.base import Reader, Row, integer, text

FORMAT = "sayso-subject/1"
_TIMES = (
    "created_at",
    "updated_at",
    "engaged_at",
    "asked_at",
    "released_at",
    "expires_at",
    "linked_at",
    "until",
    "ended_at",
)
_PARSED = frozenset("args snapshot judgement error receipt view plan roles after_steps".split())
_OURS = frozenset(
    "tenant fence attempts due_at traceparent fingerprint call_key held_by last_seq priority "
    "key_until nudge wakes asked_key released_key home".split()
)
"""Columns of how the work is done, which say nothing about anybody."""


def gather_subject(
    reader: Reader, tenant: Tenant, subject_id: str, made_at: int, personal: Personal
) -> dict[str, Any]:
    """All rows, texts and entries about a customer.

    Args:
        made_at: microseconds since 1970.

    Returns:
        `{"format", "tenant", "subject", "pseudonym", "made_at", "requests", "actions",
        "approvals", "stops", "links", "texts", "entries"}`; the texts by the reference that entries
        carry.

    Raises:
        RefusedError: `not_found`, when nothing is held.
    """
    subject = reader.one("personal.subject", tenant=tenant, id=subject_id)
    if subject is None:
        raise nothing_held()
    pseudonym = text(subject, "pseudonym")
    of = {"tenant": tenant, "subject_id": subject_id}
    actions = reader.all("erasure.actions_of", **of)
    approvals = [
        approval
        for row in actions
        for approval in reader.all("erasure.approvals_of", tenant=tenant, action_id=text(row, "id"))
    ]
    return {
        "format": FORMAT,
        "tenant": tenant,
        "subject": subject_id,
        "pseudonym": pseudonym,
        "made_at": rfc3339(made_at),
        "requests": [_shown(row) for row in reader.all("erasure.requests_of", **of)],
        "actions": [_shown(row) for row in actions],
        "approvals": [_shown(row) for row in approvals],
        "stops": [_shown(row) for row in reader.all("erasure.stops_of", **of)],
        "links": [
            _shown(row)
            for row in reader.all("link.of_pseudonym", tenant=tenant, pseudonym=pseudonym)
        ],
        "texts": dict(_texts(reader, tenant, pseudonym, personal)),
        "entries": [
            read_body(text(row, "body"))
            for row in sorted(
                reader.all("erasure.entries_of", tenant=tenant, pseudonym=pseudonym),
                key=lambda row: integer(row, "seq"),
            )
        ],
    }


def counts_of(found: Mapping[str, Any]) -> dict[str, int]:
    """How many of each kind a gathered account has."""
    return {
        name: len(found[name])
        for name in ("requests", "actions", "approvals", "stops", "links", "texts", "entries")
    }


def counts_of_all(found: Mapping[str, Any]) -> dict[str, int]:
    """The same over all accounts of a customer; what stands in two of them counts in both."""
    each = [counts_of(one) for one in (found, *found["beside"])]
    return {name: sum(counts[name] for counts in each) for name in each[0]}


def nothing_held() -> RefusedError:
    """Nothing is there to show, to erase or to hold."""
    return RefusedError(
        Code.NOT_FOUND,
        "nothing is held under this customer's id",
        next_step="check the id; `sayso privacy erasures` lists who was erased, by pseudonym",
    )


def _texts(
    reader: Reader, tenant: Tenant, pseudonym: str, personal: Personal
) -> Iterator[tuple[str, str | None]]:
    for row in reader.all("erasure.texts_of", tenant=tenant, pseudonym=pseudonym):
        ref = text(row, "ref")
        yield ref, personal.open(reader, tenant, ref)


def _shown(row: Row) -> Mapping[str, Any]:
    """A row as a person reads it: JSON parsed, times as text, nothing of our own bookkeeping."""
    shown: dict[str, Any] = {}
    for name, value in row.items():
        if name in _OURS or value is None:
            continue
        if name in _PARSED and isinstance(value, str):
            shown[name] = orjson.loads(value)
        elif name in _TIMES and isinstance(value, int):
            shown[name] = rfc3339(value)
        else:
            shown[name] = value
    return shown
