"""Integrity: whether what is about to run is still what was judged, shown and recorded.

The digest is computed again from what is stored, by the function that made it, so that a row that
was changed behind the engine's back is found before anything leaves.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TypeGuard, cast

from sayso.actions.approvals.repository import ApprovalRow, Vote, votes_of
from sayso.actions.model.action_row import ActionRow
from sayso.actions.model.digest import call_key, hash_of
from sayso.actions.model.status import CALLED
from sayso.actions.policy.base import Approver, Outcome
from sayso.actions.policy.judged import bound_digest
from sayso.audit.authority.state import changed_outside, read_body
from sayso.audit.entry import ActorKind
from sayso.audit.segments.rows import pruned_to
from sayso.ids import Tenant
from sayso.store.base import Reader, Transaction, text


def ahead_of_checks(tx: Transaction, row: ActionRow) -> None:
    """Say that `found_tampering` and `forged_votes` come next; see `Reader.ahead`."""
    tx.ahead("log.bodies", tenant=row.tenant, from_seq=row.last_seq, limit=1)
    if row.judgement is not None and row.judgement.outcome is Outcome.ASK:
        tx.ahead("log.of_action", tenant=row.tenant, action=row.id)


def found_tampering(reader: Reader, row: ActionRow, approval: ApprovalRow | None) -> str | None:
    """What contradicts itself about a judged action, in words; None when nothing does.

    Args:
        approval: the action's, if people were ever asked.

    Guarantees: an answer of None means that the snapshot, the card and the requirement are, byte
    for byte, those of the digest that the action's last entry of the log carries, and
    that this entry gave the action its status.
    """
    contradicted = found_contradiction(row, approval)
    if contradicted is not None:
        return contradicted
    assert row.snapshot is not None, "or it was contradicted"
    last = _last_entry(reader, row)
    if last.get("digest") != row.snapshot.digest:
        return "the log has another digest"
    if last.get("status") != row.status.value:
        return "the log has another status"
    return None


def found_contradiction(row: ActionRow, approval: ApprovalRow | None) -> str | None:
    """The same without the log, for a row whose entry was appended in this very transaction."""
    if row.erased_seq is not None or (approval is not None and approval.erased_seq is not None):
        # INVARIANT: what a person said yes to is gone, so nothing can be shown to be it.
        return "what was approved was erased"
    if row.snapshot is None or row.judgement is None:
        return "there is no snapshot"
    asked = row.judgement.outcome is Outcome.ASK
    if asked and (approval is None or approval.digest != row.snapshot.digest):
        return "the approval is for something else"
    shown = approval if asked else None
    card = hash_of({} if shown is None else shown.card.to_json())
    if card != row.snapshot.view_sha256:
        return "the card is not what was shown"
    expires_at = None if shown is None else shown.expires_at
    if bound_digest(row, row.snapshot, row.judgement, expires_at) != row.snapshot.digest:
        return "the snapshot is not what the digest covers"
    if row.status in CALLED and row.call_key != call_key(row.tenant, row.id, row.snapshot.digest):
        return "the key of the call is another"
    return None


def forged_votes(reader: Reader, row: ActionRow, approvers: Sequence[Approver]) -> str | None:
    """What is wrong with the yes of these people, in words; None when each stands in the log.

    Guarantees: an answer of None means that each said yes, or lowered the amount, by an entry of
    their own that carries this very digest (invariant 1).
    """
    recorded: set[object] = set()
    asked_by: set[object] = set()
    for found in reader.all("log.of_action", tenant=row.tenant, action=row.id):
        body = read_body(text(found, "body"))
        if not asked_by:
            asked_by = _askers(reader, row, body)
        match body:
            case {
                "actor": {"kind": ActorKind.PERSON.value, "id": person},
                "digest": digest,
                "data": {"decision": "approve" | "edit"},
            } if digest == row.digest:
                recorded.add(person)
            case _:
                continue
    people = {approver.person for approver in approvers}
    if people & asked_by:
        return "somebody said yes to what they asked for themselves"
    return "a vote is not in the log" if people - recorded else None


_SAID = {"approve": "approve", "edit": "approve", "reject": "reject"}
"""What is kept of a decision as a vote."""


def told_votes(reader: Reader, approval: ApprovalRow) -> list[Vote]:
    """The votes on an approval, oldest first, if they are those of the log, before one is added.

    Raises:
        IntegrityError: `tampered`.
    """
    votes = votes_of(reader, approval)
    stored = {(vote.person, vote.revision, vote.decision) for vote in votes}
    told: set[object] = set()
    for found in reader.all("log.of_action", tenant=approval.tenant, action=approval.action_id):
        match read_body(text(found, "body")):
            case {
                "actor": {"id": person},
                "approval": approval_id,
                "data": {"decision": str(decision), "revision": revision},
            } if approval_id == approval.id and decision in _SAID:
                told.add((person, revision, _SAID[decision]))
            case _:
                continue
    more = stored - told
    if told - stored or (more and not pruned_to(reader, approval.tenant)):
        raise changed_outside(f"a vote on the approval {approval.id}")
    return votes


def check_agreed(reader: Reader, row: ActionRow, agreed: Collection[str]) -> None:
    """Refuse to count what a customer got by rows of which some are gone.

    Args:
        row: an action of the customer that waits for people.
        agreed: ids of the customer's actions to which somebody agreed, by the rows.

    Raises:
        IntegrityError: `tampered`, when the log knows of another one.
    """
    subject = _last_entry(reader, row).get("subject")
    if isinstance(subject, str):  # else of no customer, so nothing adds up
        check_agreed_of(reader, row.tenant, subject, agreed)


def check_agreed_of(reader: Reader, tenant: Tenant, subject: str, agreed: Collection[str]) -> None:
    """The same of an account that no action is at hand of, by its pseudonym.

    Raises:
        IntegrityError: `tampered`.
    """
    for found in reader.all("log.decided_of_subject", tenant=tenant, subject=subject):
        match read_body(text(found, "body")):
            case {"data": {"decision": "approve" | "edit"}}:
                if text(found, "action_id") not in agreed:
                    raise changed_outside("what was agreed to for this customer")
            case _:
                continue


def _askers(reader: Reader, row: ActionRow, first: dict[str, object]) -> set[object]:
    """The people who asked for it, by the log: in its first entry, and in its request's."""
    found = [first]
    if row.request_id is not None:
        asked = reader.one("log.first_of_request", tenant=row.tenant, request=row.request_id)
        found += [] if asked is None else [read_body(text(asked, "body"))]
    actors = [body.get("actor") for body in found]
    return {actor.get("id") for actor in actors if _is_person(actor)} or {None}


def _is_person(actor: object) -> TypeGuard[dict[str, object]]:
    return isinstance(actor, dict) and cast("dict[str, object]", actor).get("kind") == "person"


def _last_entry(reader: Reader, row: ActionRow) -> dict[str, object]:
    found = reader.one("log.bodies", tenant=row.tenant, from_seq=row.last_seq, limit=1)
    if found is None:
        return {}
    body = cast("dict[str, object]", read_body(text(found, "body")))
    about = (body.get("seq"), body.get("action"))
    return body if about == (row.last_seq, row.id) else {}
