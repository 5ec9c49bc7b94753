"""Settling by hand: a person who has looked at the provider says what came of a call."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

from sayso.actions.context import EngineContext
from sayso.actions.model.action_row import ActionRow, get_action, read_action, requesters_of
from sayso.actions.model.digest import is_text, storable
from sayso.actions.model.ledger import entry_of
from sayso.actions.model.snapshot import Receipt
from sayso.actions.model.status import Status
from sayso.audit.authority.state import check_credential
from sayso.audit.entry import Actor, ActorKind, Entry, EntryKind, Json
from sayso.errors import Code, RefusedError
from sayso.ids import Tenant, to_micros
from sayso.store.base import Reader, Transaction

MAX_EVIDENCE_CHARS = 4000
MAX_RECEIPT_CHARS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class ManualSettlement:
    """What a person found out.

    Attributes:
        outcome: `succeeded`: the provider has the effect; `failed`: it surely has not.
        evidence: where it was seen, in words; sealed beside the log.
        receipt_id: the provider's id of the effect; needed for `succeeded`, and only for it.
        person: the authenticated person's id. via: the surface.
        credential: by what they showed who they are; see `Decision`.
    """

    tenant: Tenant
    action_id: str
    outcome: Literal["succeeded", "failed"]
    evidence: str
    person: str
    via: str
    credential: str
    receipt_id: str = ""


class ManualSettlements:
    """Takes settlements in."""

    def __init__(self, context: EngineContext) -> None:
        self._store = context.store
        self._ledger = context.ledger
        self._directory = context.directory
        self._personal = context.personal
        self._clock = context.clock
        self._ids = context.ids

    async def settle(self, settlement: ManualSettlement) -> ActionRow:
        """Settle an `unknown` or `accepted` action for good.

        Raises:
            RefusedError: `not_found`, `wrong_state` when it is not unknown (any more),
                `not_an_approver`, `own_request`, `reason_required` without evidence or receipt,
                `invalid_input` for what contradicts itself or is no text; each attempt about an
                action that there is is recorded.
        """
        try:
            _check_evidence(settlement)
            return await self._store.write(
                lambda tx: self._settle(tx, settlement), about=settlement.tenant
            )
        except RefusedError as error:
            await self._store.write(
                partial(self._record_refusal, settlement=settlement, error=error),
                about=settlement.tenant,
            )
            raise

    def _record_refusal(
        self, tx: Transaction, settlement: ManualSettlement, error: RefusedError
    ) -> None:
        found = tx.one("action.by_id", tenant=settlement.tenant, id=storable(settlement.action_id))
        if found is None:
            return
        row = read_action(found)
        now = to_micros(self._clock.now())
        entry = Entry(
            kind=EntryKind.APPROVAL_REFUSED,
            actor=Actor(kind=ActorKind.PERSON, id=storable(settlement.person)),
            request=row.request_id,
            subject=self._personal.pseudonym(tx, row.tenant, row.subject.id, now),
            data={
                "code": error.code.value,
                "decision": "resolve",
                "outcome": settlement.outcome,
                "via": storable(settlement.via),
                "of_action": row.id,
            },
        )
        self._ledger.log.append(tx, row.tenant, entry)

    def _settle(self, tx: Transaction, settlement: ManualSettlement) -> ActionRow:
        row = get_action(tx, settlement.tenant, settlement.action_id)
        if row.status not in {Status.UNKNOWN, Status.ACCEPTED}:
            raise RefusedError(
                Code.WRONG_STATE,
                f"this action is {row.status}; a person settles only an outcome that is unknown, "
                "or that the provider has not finished",
                next_step="`sayso actions list --status unknown` shows those that wait",
            )
        now = to_micros(self._clock.now())
        self._check_person(tx, row, settlement, now)
        moved = _result(replace(row, due_at=None, updated_at=now), settlement)
        pseudonym = self._personal.pseudonym(tx, row.tenant, row.subject.id, now)
        data: dict[str, Json] = {
            "outcome": settlement.outcome,
            "via": settlement.via,
            "credential": settlement.credential,
        }
        if settlement.receipt_id:
            data["receipt"] = settlement.receipt_id
        ref = self._ids.new("pii")
        pii = self._personal.seal(tx, row.tenant, row.subject.id, ref, settlement.evidence)
        entry = entry_of(
            moved,
            EntryKind.ACTION_RESOLVED,
            actor=Actor(kind=ActorKind.PERSON, id=settlement.person),
            pseudonym=pseudonym,
            data=data,
        )
        stored = self._ledger.move(tx, row, moved, replace(entry, pii=pii))
        assert stored is not None, "read in this very transaction"
        return stored

    def _check_person(
        self, reader: Reader, row: ActionRow, resolution: ManualSettlement, now: int
    ) -> None:
        authority = self._directory.at(reader, row.tenant)
        person = authority.person(resolution.person)
        if person is None or not person.roles:
            raise RefusedError(
                Code.NOT_AN_APPROVER,
                "only somebody with a role may settle an unknown outcome",
                next_step="ask an approver",
            )
        if f"{ActorKind.PERSON}:{person.id}" in requesters_of(reader, row):
            raise RefusedError(
                Code.OWN_REQUEST,
                "you asked for this yourself, so somebody else has to settle it",
                next_step="ask another approver",
            )
        check_credential(authority, resolution.credential, person.id, now)


def _result(row: ActionRow, settlement: ManualSettlement) -> ActionRow:
    if settlement.outcome == "failed":
        return replace(row, status=Status.FAILED)
    receipt = Receipt(id=settlement.receipt_id, status="seen by a person", amount=row.amount)
    return replace(row, status=Status.SUCCEEDED, receipt=receipt, error=None)


def _check_evidence(settlement: ManualSettlement) -> None:
    if not is_text(settlement.evidence + settlement.receipt_id + settlement.via):
        raise RefusedError(
            Code.INVALID_INPUT,
            "the evidence or the receipt holds what is not text",
            next_step="remove the lone surrogates",
        )
    if not settlement.evidence.strip():
        raise RefusedError(
            Code.REASON_REQUIRED,
            "say where you saw it",
            next_step="give evidence, such as the page at the provider and what it showed",
        )
    if len(settlement.evidence) > MAX_EVIDENCE_CHARS:
        raise RefusedError(
            Code.MESSAGE_TOO_LONG, f"evidence has at most {MAX_EVIDENCE_CHARS:,} characters"
        )
    if settlement.outcome == "succeeded" and not settlement.receipt_id.strip():
        raise RefusedError(
            Code.REASON_REQUIRED,
            "an effect that exists has an id at the provider",
            next_step="give its id as the receipt, such as re_123",
        )
    if settlement.outcome == "failed" and settlement.receipt_id.strip():
        raise RefusedError(
            Code.INVALID_INPUT,
            "a receipt says that the effect exists, and `failed` that it does not",
            next_step="say `succeeded` if the provider has it, else tell its id in the evidence",
        )
    if len(settlement.receipt_id) > MAX_RECEIPT_CHARS:
        raise RefusedError(
            Code.INVALID_INPUT, f"a receipt's id has at most {MAX_RECEIPT_CHARS} characters"
        )
