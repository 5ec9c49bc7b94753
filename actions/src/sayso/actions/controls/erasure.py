"""Erasing actions: what was asked and shown goes, and that it was done, by whom and when, stays.

A row that is blanked keeps its ids, its status, its amount, its receipt's id and its digests, and
names the entry with which the rest went (`erased_seq`). So its digest can still be found in the
log, and nobody can take the row for one that was tampered with: the verifier looks for that entry.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import cast

import orjson

from sayso.actions.approvals.repository import show_again
from sayso.actions.approvals.transitions import Transitions
from sayso.actions.context import EngineContext
from sayso.actions.engine.outcomes import Endings
from sayso.actions.model.action_row import (
    ActionRow,
    dumps,
    judgement_json,
    read_action,
    receipt_json,
    snapshot_text,
)
from sayso.actions.model.idempotency import erased_key
from sayso.actions.model.snapshot import Resolved
from sayso.actions.model.status import CALLED, Status
from sayso.actions.policy.card import Card
from sayso.audit.entry import Json
from sayso.errors import Code, RefusedError
from sayso.ids import Tenant
from sayso.store.base import Reader, Transaction, text

GONE = "erased"
"""Stands where a text was that a form cannot do without."""
_KEPT_OF_A_CARD = frozenset(
    "version action effect reversible guarantee amount account why rules roles planner deadline "
    "may_lower reason reasons needed quiet".split()
)

_KEPT_FACTS = frozenset({"principal.assurance", "resource.kind", "currency", "planner", "weekday"})
"""Texts of a closed set among those that rules read; of any others nobody knows what they say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureMark:
    """With what rows are blanked: the subject's pseudonym, and the entry that tells of it.

    Attributes:
        now: microseconds since 1970.
    """

    tenant: Tenant
    pseudonym: str
    seq: int
    now: int


_SETTLED = frozenset({Status.UNKNOWN, Status.ACCEPTED})
"""What a person can settle who has looked at the provider."""


def check_at_rest(reader: Reader, tenant: Tenant, subject_id: str) -> None:
    """Refuse to erase a customer of whom something is under way.

    Raises:
        RefusedError: `subject_in_use`, naming it.
    """
    called = [row for row in open_actions(reader, tenant, subject_id) if _is_called(row)]
    if called:
        first = called[0]
        settle = f"`sayso actions settle {first.id}`"
        raise RefusedError(
            Code.SUBJECT_IN_USE,
            f"the action {first.id} is {first.status} and was called, and what came of it has to "
            "be known first",
            next_step=settle if first.status in _SETTLED else "wait until it is over",
        )
    stops = reader.all("erasure.stops_in_force", tenant=tenant, subject_id=subject_id)
    if stops:
        stop = text(stops[0], "id")
        raise RefusedError(
            Code.SUBJECT_IN_USE,
            f"the stop {stop} holds this customer, and would hold nobody any more",
            next_step=f"have two people release it first: `sayso resume {stop}`",
        )


def _is_called(row: ActionRow) -> bool:
    """Whether an effect may come to be, or be there: also where the provider has said that a call
    did nothing, until that is looked up before the next one."""
    called = row.status in CALLED or row.status is Status.ACCEPTED
    return called or (row.status is Status.APPROVED and row.call_key is not None)


def open_actions(reader: Reader, tenant: Tenant, subject_id: str) -> list[ActionRow]:
    """A customer's actions that have not ended."""
    rows = reader.all("erasure.open_actions", tenant=tenant, subject_id=subject_id)
    return [read_action(row) for row in rows]


class OpenActions:
    """Ends what is open of a customer, as part of the caller's transaction."""

    def __init__(self, context: EngineContext) -> None:
        self._endings = Endings(Transitions(context))

    def end(self, tx: Transaction, tenant: Tenant, subject_id: str) -> list[str]:
        """Refuse every open action; returns their ids.

        A plan that undoes itself may propose further actions when a step is refused; those are
        refused as well.
        """
        ended: list[str] = []
        while rows := open_actions(tx, tenant, subject_id):
            for row in rows:
                stored = self._endings.refuse(tx, row, Code.ERASED, "the customer was erased")
                if stored is not None:
                    ended.append(row.id)
        return ended


def blank_actions(tx: Transaction, mark: ErasureMark, subject_id: str, limit: int) -> int:
    """Blank up to `limit` actions of a customer with their cards; returns how many."""
    rows = tx.all("erasure.actions_left", tenant=mark.tenant, subject_id=subject_id, limit=limit)
    for row in rows:
        blank_action(tx, mark, read_action(row))
    return len(rows)


def blank_action(tx: Transaction, mark: ErasureMark, row: ActionRow) -> None:
    """Blank one action that has ended, with what people were shown of it."""
    blanked = without_personal(row)
    for found in tx.all("erasure.approvals_of", tenant=mark.tenant, action_id=row.id):
        view = cast("dict[str, Json]", orjson.loads(text(found, "view")))
        tx.run(
            "erasure.blank_approval",
            tenant=mark.tenant,
            id=text(found, "id"),
            view=dumps(blank_card(view)),
            erased_seq=mark.seq,
        )
        # Where a surface shows the card, such as in a channel, it shows what is left from now on.
        show_again(tx, mark.tenant, text(found, "id"), mark.now)
    snapshot, judgement = blanked.snapshot, blanked.judgement
    done = tx.run(
        "erasure.blank_action",
        tenant=mark.tenant,
        id=row.id,
        pseudonym=mark.pseudonym,
        idempotency_key=erased_key(mark.tenant, row.idempotency_key),
        snapshot=None if snapshot is None else snapshot_text(snapshot),
        judgement=None if judgement is None else dumps(judgement_json(judgement)),
        error=None if blanked.error is None else dumps(blanked.error),
        receipt=None if blanked.receipt is None else dumps(receipt_json(blanked.receipt)),
        erased_seq=mark.seq,
    )
    assert done == 1, "read in this very transaction"


def blank_stops(tx: Transaction, mark: ErasureMark, subject_id: str) -> int:
    """Blank the released stops that named a customer; returns how many."""
    rows = tx.all("erasure.stops_of", tenant=mark.tenant, subject_id=subject_id)
    for row in rows:
        tx.run(
            "erasure.blank_stop",
            tenant=mark.tenant,
            id=text(row, "id"),
            pseudonym=mark.pseudonym,
            idempotency_key=erased_key(mark.tenant, text(row, "idempotency_key")),
            erased_seq=mark.seq,
        )
    return len(rows)


def without_personal(row: ActionRow) -> ActionRow:
    """The row with what names or quotes the customer taken out."""
    snapshot = row.snapshot
    if snapshot is not None:
        found = snapshot.resolved
        # INVARIANT: the salt goes too, or the digest in the log would confirm every right guess.
        facts = _bare_facts(snapshot.question)
        snapshot = replace(snapshot, resolved=_blank_resolved(found), salt="", question=facts)
    return replace(
        row,
        args={},
        snapshot=snapshot,
        judgement=None if row.judgement is None else replace(row.judgement, errors=()),
        error=None if row.error is None else _bare_error(row.error),
        receipt=None if row.receipt is None else replace(row.receipt, details={}),
    )


def _bare_facts(
    question: Mapping[str, int | str | bool] | None,
) -> Mapping[str, int | str | bool] | None:
    """What rules read, without the texts that a connector read: those may quote the customer."""
    if question is None:
        return None
    return {
        name: value
        for name, value in question.items()
        if name in _KEPT_FACTS or not isinstance(value, str)
    }


def _blank_resolved(found: Resolved) -> Resolved:
    return Resolved(
        args={},
        object_kind=found.object_kind,
        object_id="",
        owner="",
        owner_proof=found.owner_proof,
        account=found.account,
        payee="",
        amount=found.amount,
        reached=found.reached,
        verified=found.verified,
    )


def blank_card(view: Mapping[str, Json]) -> dict[str, Json]:
    """What is left of a card: nothing that names the customer, and nothing they said."""
    kept: dict[str, Json] = {name: value for name, value in view.items() if name in _KEPT_OF_A_CARD}
    said: dict[str, Json] = {
        "title": GONE,
        "payee": GONE,
        "fields": [],
        "customer": [],
        "history": GONE,
        "quote": "",
        "unusual": [],
        "earlier": "",
        "on_yes": GONE,
        "on_no": GONE,
        "salt": "",
    }
    if "reasons" in kept:
        # What asked is named for good; the sentences tell of the customer.
        bare = [replace(one, say=GONE, to="") for one in Card.from_json(view).reasons]
        said |= {"reason": GONE, "reasons": [one.to_json() for one in bare]}
    return Card.from_json({**kept, **said}).to_json()


def _bare_error(error: Mapping[str, str]) -> dict[str, str]:
    """A code, and which action it has joined, which is what its entry says for good."""
    joins = {"joins": error["joins"]} if "joins" in error else {}
    return {"code": error["code"], "message": GONE, **joins}
