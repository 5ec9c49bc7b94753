"""Approvers: who may decide about an approval now, and whose yes to it counts."""

from __future__ import annotations

from collections.abc import Sequence

from sayso.actions.approvals.escalation import counted_roles
from sayso.actions.approvals.repository import ApprovalRow, DecisionChoice, Vote
from sayso.actions.model.action_row import ActionRow, requesters_of
from sayso.actions.policy.base import Approver
from sayso.audit.authority.directory import Directory
from sayso.audit.authority.people import KnownPerson
from sayso.audit.authority.state import Authority
from sayso.audit.entry import ActorKind
from sayso.errors import Code, RefusedError
from sayso.store.base import Reader


def check_approver(
    reader: Reader, authority: Authority, approval: ApprovalRow, row: ActionRow, person_id: str
) -> KnownPerson:
    """The person, if they may decide about this approval now.

    Args:
        authority: who may do what at this moment.

    Raises:
        RefusedError: `not_an_approver`, `own_request`.
    """
    person = authority.person(person_id)
    needed = set(approval.roles)
    if person is None or not counted_roles(reader, approval, person.roles) & needed:
        raise RefusedError(
            Code.NOT_AN_APPROVER,
            f"you are not an approver for this; it needs {join_roles(approval.roles)}",
            next_step="ask somebody with that role",
        )
    requesters = requesters_of(reader, row) | {approval.requester}
    if f"{ActorKind.PERSON}:{person.id}" in requesters:
        raise RefusedError(
            Code.OWN_REQUEST,
            "you asked for this yourself, so somebody else has to decide",
            next_step="ask another approver",
        )
    return person


def approvers_of(
    reader: Reader, votes: Sequence[Vote], approval: ApprovalRow, directory: Directory
) -> list[Approver]:
    """The distinct people who said yes to the approval's revision and still may."""
    found: list[Approver] = []
    authority = directory.at(reader, approval.tenant)
    for vote in votes:
        if vote.revision != approval.revision or vote.decision != DecisionChoice.APPROVE:
            continue
        person = authority.person(vote.person)
        if person is not None:
            roles = counted_roles(reader, approval, person.roles)
            found.append(Approver(person=person.id, roles=roles))
    return found


def join_roles(roles: tuple[str, ...]) -> str:
    """Roles as a sentence names them."""
    return " and ".join(role.replace("_", " ") for role in roles)


def people_left(approval: ApprovalRow, given: Sequence[Approver]) -> str:
    """Who still has to agree, as a sentence names them."""
    left = list(approval.roles)
    for approver in given:
        held = next((role for role in left if role in approver.roles), None)
        if held is not None:
            left.remove(held)
    return join_roles(tuple(left)) if left else "the policy"
