"""The rows of actions: how they are typed, read and written as columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import cast

import orjson

from sayso.actions.model.definition import Assurance, Subject
from sayso.actions.model.digest import hash_of, resolved_from_json, resolved_json
from sayso.actions.model.plan import OnFailure
from sayso.actions.model.priority import NORMAL
from sayso.actions.model.snapshot import Finality, Receipt, Resolved
from sayso.actions.model.status import CALLED, Status
from sayso.actions.policy.base import Judgement, Outcome
from sayso.audit.authority.state import as_stored
from sayso.audit.entry import Json
from sayso.audit.meaning import SaidColumns
from sayso.audit.verifier.replay import is_part
from sayso.errors import Code, RefusedError
from sayso.frozen import quickly_made
from sayso.ids import Tenant
from sayso.json import JsonValue
from sayso.money import Money
from sayso.store.base import Reader, Row, SqlValue, text
from sayso.store.rows import RowReader, made_from


@quickly_made
@dataclass(frozen=True, slots=True, kw_only=True)
class ActionRow:
    """An action as it is stored. Times are microseconds since 1970, UTC."""

    tenant: Tenant
    id: str
    idempotency_key: str
    fingerprint: str
    requester: str
    request_id: str | None
    step: str | None
    after: tuple[str, ...]
    name: str
    subject: Subject
    args: Mapping[str, JsonValue]
    reason_ref: str | None
    planner: str
    status: Status
    revision: int
    snapshot: Snapshot | None
    judgement: Judgement | None
    error: Mapping[str, str] | None
    receipt: Receipt | None
    call_key: str | None
    call_key_until: int | None
    called_at: int | None
    fence: int
    attempts: int
    due_at: int | None
    traceparent: str | None
    created_at: int
    updated_at: int
    last_seq: int
    on_failure: OnFailure = OnFailure.CONTINUE
    undoes: str | None = None
    blocked_by: str | None = None
    priority: int = NORMAL
    erased_seq: int | None = None
    """The entry with which its personal part went; then it is final, and has none of it."""
    raw: Mapping[str, SqlValue] | None = field(default=None, compare=False, repr=False)
    """The columns as they were read, or written; what its last entry seals is these."""

    @property
    def is_blocked(self) -> bool:
        """Whether it waits for a stop, or for another action that has the same object."""
        return self.blocked_by is not None and self.due_at is None

    @property
    def is_left(self) -> bool:
        """Whether only a person can still find out what came of its call."""
        open_end = self.status in {Status.UNKNOWN, Status.ACCEPTED}
        return open_end and self.due_at is None and self.blocked_by is None

    @property
    def object_key(self) -> str | None:
        """Names the provider's object that it acts on, once it is resolved."""
        if self.snapshot is None:
            return None
        found = self.snapshot.resolved
        connector = self.name.partition(".")[0]
        return hash_of([connector, found.account, found.object_kind, found.object_id])

    @property
    def amount(self) -> Money | None:
        """The money it moves, once it is resolved."""
        return self.snapshot.resolved.amount if self.snapshot else None

    @property
    def digest(self) -> str | None:
        """What an approval is bound to, once it is judged."""
        return self.snapshot.digest if self.snapshot else None


@quickly_made
@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What was judged and shown, and is run: nothing else ever is.

    Attributes:
        resolved: what the connector read.
        connector_version: of the connector that read it.
        schema_sha256: of the arguments' JSON schema that it was read by.
        resolved_at: microseconds since 1970, from before the provider was read.
        salt: keeps the digest from confirming guesses about a person after erasure.
        view_sha256: of the card; of an empty one when nobody is asked.
        digest: over all of it, the judgement's version and the requirement.
        question: every fact that a rule might have read, as formulas take them; what is missing
            there could not be read. In no digest: it explains, and decides nothing.
    """

    resolved: Resolved
    connector_version: str
    schema_sha256: str
    resolved_at: int
    salt: str
    view_sha256: str
    digest: str
    question: Mapping[str, int | str | bool] | None = None


def get_action(reader: Reader, tenant: Tenant, action_id: str) -> ActionRow:
    """Read one action.

    Raises:
        RefusedError: `not_found`.
    """
    return _known(reader.one("action.by_id", tenant=tenant, id=action_id), action_id)


def get_asked_action(reader: Reader, tenant: Tenant, approval_id: str, action_id: str) -> ActionRow:
    """Read the action of an approval, by the approval's id alone.

    Raises:
        RefusedError: `not_found`.
    """
    row = reader.one("action.by_approval", tenant=tenant, approval_id=approval_id)
    return _known(row, action_id)


def _known(row: Row | None, action_id: str) -> ActionRow:
    if row is None:
        raise RefusedError(
            Code.NOT_FOUND,
            f"there is no action `{action_id[:40]}`",
            next_step="`sayso actions list` shows them all",
        )
    return read_action(row)


def joins_of(row: ActionRow) -> str | None:
    """The id of the open action that stands for this one, which had the same content."""
    joined = row.error is not None and row.error.get("code") == Code.JOINED
    return row.error.get("joins") if joined and row.error is not None else None


def requesters_of(reader: Reader, row: ActionRow) -> set[str]:
    """Who asked for it: whoever proposed it, and whoever's request it was planned for.

    Returns:
        kinds and ids, such as `person:maria`.
    """
    found = {row.requester}
    if row.request_id is not None:
        request = reader.one("request.by_id", tenant=row.tenant, id=row.request_id)
        if request is not None:
            found.add(text(request, "requester"))
    return found


def read_subject(row: Row) -> Subject:
    """The customer of a row, as they were known when it was written."""
    return Subject(id=text(row, "subject_id"), assurance=Assurance(text(row, "assurance")))


def _read_snapshot(stored: str) -> Snapshot:
    value = cast("dict[str, JsonValue]", orjson.loads(stored))
    resolved_at = value["resolved_at"]
    assert isinstance(resolved_at, int)
    return Snapshot(
        resolved=resolved_from_json(cast("dict[str, JsonValue]", value["resolved"])),
        connector_version=str(value["connector_version"]),
        schema_sha256=str(value["schema_sha256"]),
        resolved_at=resolved_at,
        salt=str(value["salt"]),
        view_sha256=str(value["view_sha256"]),
        digest=str(value["digest"]),
        question=cast("dict[str, int | str | bool] | None", value.get("question")),
    )


def _read_judgement(stored: str) -> Judgement:
    value = orjson.loads(stored)
    return Judgement(
        outcome=Outcome(value["outcome"]),
        rules=tuple(value["rules"]),
        explain=value["explain"],
        roles=tuple(value["roles"]),
        policy_version=value["policy_version"],
        errors=tuple(value["errors"]),
        either=tuple(map(tuple, value.get("either", ()))),
        with_plan=value.get("with_plan") is True,
        missing=tuple(value.get("missing", ())),
        holds=value.get("holds", False),
        stage=value.get("stage", ""),
        dial=value.get("dial", ""),
        would=value.get("would", ""),
        policy=value.get("policy", 0),
    )


def _read_receipt(stored: str) -> Receipt:
    value = orjson.loads(stored)
    amount = value["amount"]
    return Receipt(
        id=value["id"],
        status=value["status"],
        amount=None if amount is None else Money.from_json(amount),
        details=value["details"],
        finality=Finality(value.get("finality", Finality.FINAL)),
        read_again=value.get("read_again", False),
    )


read_action = as_stored("action")(
    RowReader(
        ActionRow,
        subject=read_subject,
        args=made_from("args", orjson.loads),
        snapshot=made_from("snapshot", _read_snapshot),
        judgement=made_from("judgement", _read_judgement),
        receipt=made_from("receipt", _read_receipt),
        blocked_by="held_by",
        raw=lambda row: row,
    )
)
"""The typed form of a stored row."""


def snapshot_text(snapshot: Snapshot) -> str:
    """A snapshot as it is stored."""
    return orjson.dumps(
        {
            "resolved": resolved_json(snapshot.resolved),
            "connector_version": snapshot.connector_version,
            "schema_sha256": snapshot.schema_sha256,
            "resolved_at": snapshot.resolved_at,
            "salt": snapshot.salt,
            "view_sha256": snapshot.view_sha256,
            "digest": snapshot.digest,
            "question": snapshot.question,
        }
    ).decode()


def judgement_json(judgement: Judgement) -> dict[str, Json]:
    """A judgement as it is stored, shown and logged."""
    said: dict[str, Json] = {
        "outcome": judgement.outcome.value,
        "rules": list(judgement.rules),
        "explain": judgement.explain,
        "roles": list(judgement.roles),
        "policy_version": judgement.policy_version,
        "missing": list(judgement.missing),
        "holds": judgement.holds,
        **staged_json(judgement),
        "policy": judgement.policy,
        "errors": list(judgement.errors),
    }
    if judgement.either:
        said["either"] = ways_json(judgement.either)
    return said | {"with_plan": True} if judgement.with_plan else said


def ways_json(ways: Sequence[Sequence[str]]) -> list[Json]:
    """Ways in which people can say yes, each a role for each person."""
    return [list[Json](way) for way in ways]


def staged_json(judgement: Judgement) -> dict[str, Json]:
    """What a judgement says of the roll-out; nothing where there is none."""
    if not judgement.stage:
        return {}
    return {"stage": judgement.stage, "dial": judgement.dial, "would": judgement.would}


def receipt_json(receipt: Receipt) -> dict[str, JsonValue]:
    """A receipt as it is stored and shown."""
    stored: dict[str, JsonValue] = {
        "id": receipt.id,
        "status": receipt.status,
        "amount": None if receipt.amount is None else receipt.amount.to_json(),
        "details": receipt.details,
    }
    if receipt.finality is not Finality.FINAL:
        stored["finality"] = receipt.finality.value
    if receipt.read_again:
        stored["read_again"] = True
    return stored


def dumps(value: object) -> str:
    """JSON text for a column."""
    return orjson.dumps(value).decode()


def all_columns(row: ActionRow) -> dict[str, SqlValue]:
    """A whole row as it is stored."""
    fixed: dict[str, SqlValue] = {
        "tenant": row.tenant,
        "id": row.id,
        "idempotency_key": row.idempotency_key,
        "fingerprint": row.fingerprint,
        "requester": row.requester,
        "request_id": row.request_id,
        "step": row.step,
        "after": dumps(row.after),
        "name": row.name,
        "subject_id": row.subject.id,
        "assurance": row.subject.assurance.value,
        "reason_ref": row.reason_ref,
        "planner": row.planner,
        "traceparent": row.traceparent,
        "created_at": row.created_at,
        "on_failure": row.on_failure.value,
        "undoes": row.undoes,
        "priority": row.priority,
    }
    return {**fixed, **judged_columns(row), **state_columns(row)}


def judged_columns(row: ActionRow) -> dict[str, SqlValue]:
    """What each revision has of its own."""
    amount = row.amount
    return {
        "revision": row.revision,
        "args": dumps(row.args),
        "snapshot": None if row.snapshot is None else snapshot_text(row.snapshot),
        "digest": row.digest,
        "amount_minor": None if amount is None else amount.amount_minor,
        "currency": None if amount is None else amount.currency,
    }


def state_columns(row: ActionRow) -> dict[str, SqlValue]:
    """What moves within a revision."""
    return {
        "status": row.status.value,
        "judgement": None if row.judgement is None else dumps(judgement_json(row.judgement)),
        "error": None if row.error is None else dumps(row.error),
        "receipt": None if row.receipt is None else dumps(receipt_json(row.receipt)),
        "call_key": row.call_key,
        "call_key_until": row.call_key_until,
        "called_at": row.called_at,
        "fence": row.fence,
        "attempts": row.attempts,
        "due_at": row.due_at,
        "updated_at": row.updated_at,
        "last_seq": row.last_seq,
        "blocked_by": row.blocked_by,
        "occupies": row.object_key if row.status in CALLED else None,
    }


_PLAIN = (
    *("last_seq", "name", "request_id", "requester", "created_at", "reason_ref", "called_at"),
    *("digest", "planner", "step", "undoes", "revision", "call_key", "fence"),
)
"""SaidColumns that are called as the row's attributes are, and hold what those hold."""
_plain = attrgetter(*_PLAIN)
_MADE = (
    *("status", "after", "amount_minor", "currency", "error", "joins"),
    *("receipt", "receipt_status", "receipt_amount"),
    *("rule", "outcome", "explain", "policy_version", "roles", "either"),
)
"""The others, in the order of `_values`."""


def _values(row: ActionRow) -> tuple[object, ...]:
    judgement, error, receipt, amount = row.judgement, row.error, row.receipt, row.amount
    moved = receipt.amount if receipt else None
    return (
        *_plain(row),
        row.status,
        list(row.after),
        amount.amount_minor if amount else None,
        amount.currency if amount else None,
        error.get("code") if error else None,
        error.get("joins") if error else None,
        receipt.id if receipt else None,
        receipt.status if receipt else None,
        moved.to_json() if moved else None,
        ",".join(judgement.rules)[:200] or None if judgement else None,
        judgement.outcome if judgement else None,
        judgement.explain if judgement else None,
        judgement.policy_version if judgement else None,
        list(judgement.roles) if judgement else None,
        ways_json(judgement.either) if judgement and judgement.either else None,
    )


def _is_as_judged(row: ActionRow) -> bool:
    """Whether what was asked for stands in what was judged, as far as it is there still."""
    if row.snapshot is None or row.erased_seq is not None:
        return True
    return is_part(row.args, row.snapshot.resolved.args)


COLUMNS: SaidColumns[ActionRow] = SaidColumns(names=(*_PLAIN, *_MADE), values_of=_values)
"""The columns that entries say, without the customer, whose name in the log is derived."""
COLUMNS_WITH_ARGS: SaidColumns[ActionRow] = SaidColumns(
    names=(*COLUMNS.names, "args_as_judged"),
    values_of=lambda row: (*_values(row), _is_as_judged(row)),
)
"""The same where arguments and snapshot may be others than they were."""
