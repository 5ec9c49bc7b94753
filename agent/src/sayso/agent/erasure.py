"""Erasing requests: the plan's arguments go, its steps and its outcome stay."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sayso.actions.controls.erasure import ErasureMark
from sayso.actions.model.action_row import dumps
from sayso.actions.model.idempotency import erased_key
from sayso.agent.request_row import RequestRow, RequestStatus, read_request
from sayso.agent.requests import Requests
from sayso.audit.entry import EntryKind
from sayso.errors import Code, RefusedError
from sayso.ids import Tenant
from sayso.json import JsonValue
from sayso.store.base import Reader, Row, Transaction, text


def open_requests(reader: Reader, tenant: Tenant, subject_id: str) -> list[RequestRow]:
    """A customer's requests that have not been answered."""
    rows = reader.all("erasure.open_requests", tenant=tenant, subject_id=subject_id)
    return [read_request(row) for row in rows]


def check_unplanned(reader: Reader, tenant: Tenant, subject_id: str, now: int) -> None:
    """Refuse to erase a customer whose words a worker has in hand.

    Raises:
        RefusedError: `subject_in_use`.
    """
    for row in open_requests(reader, tenant, subject_id):
        if row.status is RequestStatus.NEEDS_CUSTOMER:
            continue  # due when nobody has answered in time; no worker has it
        if row.due_at is not None and row.due_at > now:
            raise RefusedError(
                Code.SUBJECT_IN_USE,
                f"the request {row.id} is being worked on",
                next_step="try again in two minutes, when its lease is over at the latest",
            )


def end_requests(tx: Transaction, requests: Requests, tenant: Tenant, subject_id: str) -> list[str]:
    """Hand open requests over, without a reply; returns their ids."""
    ended: list[str] = []
    for row in open_requests(tx, tenant, subject_id):
        moved = requests.move(
            tx,
            row,
            EntryKind.REQUEST_HANDED_OVER,
            data={"reason": "the customer was erased", "planner": ""},
        )
        assert moved is not None, "read in this very transaction"
        at = moved.updated_at
        tx.run("request.park", tenant=tenant, id=row.id, fence=row.fence, now=at, expires_at=at)
        ended.append(row.id)
    return ended


def requests_left(reader: Reader, tenant: Tenant, subject_id: str, limit: int) -> list[RequestRow]:
    """A customer's requests that still hold something personal."""
    rows = reader.all("erasure.requests_left", tenant=tenant, subject_id=subject_id, limit=limit)
    return [read_request(row) for row in rows]


def blank_requests(tx: Transaction, mark: ErasureMark, subject_id: str, limit: int) -> int:
    """Blank up to `limit` requests of a customer; returns how many."""
    rows = tx.all("erasure.requests_left", tenant=mark.tenant, subject_id=subject_id, limit=limit)
    for row in rows:
        blank_request(tx, mark, row)
    return len(rows)


def blank_request(tx: Transaction, mark: ErasureMark, row: Row) -> None:
    """Blank one request that has ended, as it is stored."""
    plan, request_id = read_request(row).plan, text(row, "id")
    tx.run("erasure.blank_answers", tenant=mark.tenant, id=request_id)
    tx.run(
        "erasure.blank_request",
        tenant=mark.tenant,
        id=request_id,
        pseudonym=mark.pseudonym,
        idempotency_key=erased_key(mark.tenant, text(row, "idempotency_key")),
        plan=None if plan is None else dumps(_bare_plan(plan)),
        erased_seq=mark.seq,
    )


def _bare_plan(plan: JsonValue) -> JsonValue:
    """Which steps there were, without their arguments and reasons."""
    if not isinstance(plan, Mapping):
        return None
    steps = plan.get("steps")
    if not isinstance(steps, Sequence) or isinstance(steps, str):
        return None
    return {
        "planner": plan.get("planner"),
        "steps": [
            {"id": step.get("id"), "action": step.get("action")}
            for step in steps
            if isinstance(step, Mapping)
        ],
    }
