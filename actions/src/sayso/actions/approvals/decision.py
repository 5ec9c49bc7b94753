"""A decision, and what is checked before it counts: whose it is, about what, and until when."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter

from sayso.actions.approvals.escalation import counted_roles
from sayso.actions.approvals.repository import (
    ApprovalRow,
    ApprovalStatus,
    Vote,
    action_of,
    get_approval,
)
from sayso.actions.approvals.repository import DecisionChoice as DecisionChoice
from sayso.actions.customers.proof import vouched_in
from sayso.actions.model.action_row import ActionRow, get_action, requesters_of
from sayso.actions.model.definition import Action
from sayso.actions.model.digest import is_text
from sayso.actions.model.snapshot import Resolved
from sayso.actions.policy.base import Approver
from sayso.actions.policy.judged import Judged
from sayso.audit.authority.directory import Directory
from sayso.audit.authority.passkeys import Assertion
from sayso.audit.authority.people import KnownPerson
from sayso.audit.authority.state import Authority, check_credential
from sayso.audit.entry import ActorKind, StoredEntry
from sayso.audit.meaning import SaidColumns, settle
from sayso.audit.verifier.replay import vote_id
from sayso.errors import Code, RefusedError
from sayso.frozen import quickly_made, replace
from sayso.ids import Tenant
from sayso.json import JsonValue
from sayso.money import Money
from sayso.store.base import Reader, SqlValue, Transaction, text

DIGEST_PREFIX = 12
"""A surface with little room may carry this many hex digits of the digest, never fewer."""
MAX_REASON_CHARS = 2000
_REASON_CODE = re.compile(r"[a-z][a-z0-9_]{0,39}")


@quickly_made
@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One person's decision about one revision.

    Attributes:
        approval_id, revision, digest: what was shown; the digest whole or its first 12 digits.
        choice: yes, no, or less.
        person: the authenticated person's id.
        via: the surface, such as `cli`, `http` or `slack`.
        credential: by what they showed who they are: `tok_…`, `slack:TEAM/USER`, or `host` where
            the program that has the workspace open vouches for them.
        reason_code: needed for `reject`, such as `not_covered`; stands in the log.
        reason: free text; sealed beside the log.
        args, amount: for `edit`, the one argument that is lowered, by its name such as
            `{"amount": {…}}`, or as what it becomes, for surfaces that know no names.
        passkey: the signature that was checked for it, which stands in the log beside it.
    """

    tenant: Tenant
    approval_id: str
    revision: int
    digest: str
    choice: DecisionChoice
    person: str
    via: str
    credential: str
    reason_code: str = ""
    reason: str = ""
    args: Mapping[str, JsonValue] | None = None
    amount: Money | None = None
    passkey: Assertion | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """A lower amount, as the provider was read for it; nothing of it is stored yet.

    Attributes:
        row: as it was read. draft: with the new arguments.
        read_at: microseconds since 1970, from before the provider was read.
    """

    row: ActionRow
    draft: ActionRow
    resolved: Resolved
    read_at: int


def check_decision(
    reader: Reader, directory: Directory, decision: Decision, now: int
) -> tuple[ApprovalRow, ActionRow, KnownPerson]:
    """Whether this person may decide this revision now; by the approval's id alone.

    Raises:
        RefusedError: `not_found`, `already_decided`, `stale_revision`, `approval_expired`,
            `not_an_approver`, `own_request`, `unauthenticated`, `digest_mismatch`.
    """
    approval = get_approval(reader, decision.tenant, decision.approval_id)
    row = action_of(reader, approval)
    _check_open(reader, approval, decision, now)
    authority = directory.at(reader, decision.tenant)
    person = check_approver(reader, authority, approval, row, decision.person)
    check_credential(authority, decision.credential, decision.person, now)
    if len(decision.digest) < DIGEST_PREFIX or not approval.digest.startswith(decision.digest):
        raise RefusedError(
            Code.DIGEST_MISMATCH,
            "this is not what waits for a decision",
            next_step="load the card again",
        )
    return approval, row, person


def lowered_args(
    action: Action, row: ActionRow, decision: Decision
) -> tuple[dict[str, JsonValue], Money]:
    """The arguments and the amount that an edit asks for.

    Raises:
        RefusedError: `edit_not_allowed` for anything but a smaller, positive amount.
    """
    args = decision.args or {}
    if decision.amount is not None and action.money_arg is not None:
        args = {**args, action.money_arg: decision.amount.to_json()}
    if action.money_arg is None or set(args) != {action.money_arg}:
        allowed = f"only `{action.money_arg}`" if action.money_arg else "nothing"
        raise edit_refused(f"{allowed} can be changed here", "approve or reject it")
    wanted = Money.from_json(args[action.money_arg])
    check_lower(row, wanted)
    assert row.snapshot is not None
    return {**row.args, action.money_arg: wanted.to_json()}, wanted


def check_lower(row: ActionRow, wanted: Money) -> None:
    """Refuse anything but a smaller, positive amount in the same currency.

    Raises:
        RefusedError: `edit_not_allowed`.
    """
    present = row.amount
    if present is None or wanted.currency != present.currency:
        raise edit_refused("the currency cannot be changed", "keep the currency")
    step = f"choose an amount above zero and below {present}"
    if wanted.amount_minor <= 0:
        raise edit_refused(f"{wanted} is not above zero", step)
    if wanted.amount_minor >= present.amount_minor:
        raise edit_refused(f"{wanted} is not less than {present}", step)


def check_one_plan(reader: Reader, decisions: Sequence[Decision]) -> None:
    """Whether these are one person's about different steps of one plan, and no edit among them."""
    if any(decision.choice is DecisionChoice.EDIT for decision in decisions):
        raise edit_refused("a step is lowered by itself", "edit it, then decide about the others")
    tenants = {decision.tenant for decision in decisions}
    people = {decision.person for decision in decisions}
    cards = {decision.approval_id for decision in decisions}
    plans = {
        get_action(
            reader,
            decision.tenant,
            get_approval(reader, decision.tenant, decision.approval_id).action_id,
        ).request_id
        for decision in decisions
    }
    alone = len(tenants) == len(people) == len(plans) == 1 and None not in plans
    if not alone or len(cards) < len(decisions):
        raise RefusedError(
            Code.INVALID_INPUT,
            "these are not decisions of one person about different steps of one plan",
            next_step="send one decision for each step of one request",
        )


def check_no_args(decision: Decision) -> None:
    """Whether a yes or a no is to what the card shows, and to nothing else.

    Raises:
        RefusedError: `edit_not_allowed`, since whoever names an amount means that one.
    """
    if decision.args or decision.amount is not None:
        raise edit_refused(
            f"`{decision.choice}` changes nothing of what is shown",
            "leave `args` out, or `edit` to say yes to less",
        )


def check_reason(decision: Decision) -> None:
    """Whether a no has its reason, and both can be kept."""
    if decision.choice is DecisionChoice.REJECT and not decision.reason_code:
        raise RefusedError(
            Code.REASON_REQUIRED,
            "a no needs a reason",
            next_step="give a reason code such as not_covered",
        )
    if decision.reason_code and not _REASON_CODE.fullmatch(decision.reason_code):
        raise RefusedError(
            Code.INVALID_INPUT,
            f"`{decision.reason_code[:40]}` is no reason code",
            next_step="use lower-case letters, digits and _",
        )
    if len(decision.reason) > MAX_REASON_CHARS:
        raise RefusedError(
            Code.MESSAGE_TOO_LONG, f"a reason has at most {MAX_REASON_CHARS:,} characters"
        )
    if not is_text(decision.reason):
        raise RefusedError(
            Code.INVALID_INPUT,
            "the reason holds text that is not Unicode",
            next_step="remove the lone surrogates",
        )


def _check_open(reader: Reader, approval: ApprovalRow, decision: Decision, now: int) -> None:
    # The same answer whether or not the sweep has been here since the time was over.
    waits = approval.status is ApprovalStatus.PENDING
    if approval.status is ApprovalStatus.EXPIRED or (waits and now >= approval.expires_at):
        raise RefusedError(
            Code.APPROVAL_EXPIRED,
            "the time to decide this is over, which counts as no",
            next_step="propose it again if it is still wanted",
        )
    if approval.status is ApprovalStatus.WITHDRAWN:
        raise RefusedError(
            Code.WITHDRAWN, "the customer has taken this back already", next_step="nothing"
        )
    if not waits:
        by = _decider(reader, approval)
        who = f" by {by}" if by else ""
        raise RefusedError(
            Code.ALREADY_DECIDED, f"this is {approval.status}{who} already", next_step="nothing"
        )
    if decision.revision != approval.revision:
        was = 1 <= decision.revision < approval.revision
        said = f"revision {decision.revision} is out of date"
        if not was:
            said = f"there is no revision {decision.revision}"
        raise RefusedError(
            Code.STALE_REVISION,
            f"{said}; {approval.revision} is the newest",
            next_step="load the card again and decide about what it shows now",
        )


def _decider(reader: Reader, approval: ApprovalRow) -> str | None:
    """Whose word made it what it is; None when it was superseded."""
    if approval.status not in {ApprovalStatus.APPROVED, ApprovalStatus.REJECTED}:
        return None
    # NOTE: the votes do not say it: two of one moment have no order, and a no after the same
    # person's yes is only in the log.
    found = reader.one("log.bodies", tenant=approval.tenant, from_seq=approval.last_seq, limit=1)
    if found is None:
        return None
    entry = StoredEntry.read(text(found, "body").encode()).entry
    return entry.actor.id if entry.approval == approval.id else None


def edit_refused(problem: str, next_step: str) -> RefusedError:
    """An edit that is not allowed, with what is."""
    return RefusedError(Code.EDIT_NOT_ALLOWED, problem, next_step=next_step)


def changed_meanwhile() -> RefusedError:
    """What was shown does not hold any more."""
    return RefusedError(
        Code.STALE_REVISION,
        "it changed meanwhile",
        next_step="load the card again; a yes to a card that is out of date makes a new one",
    )


def put_vote(
    tx: Transaction, decision: Decision, stored: ActionRow, digest: str, *, is_first: bool
) -> None:
    """Store one person's word about a revision; whoever edits says yes to what it became.

    Args:
        is_first: whether it is their first one about it; only that is kept.
    """
    edits = decision.choice is DecisionChoice.EDIT
    choice = DecisionChoice.APPROVE if edits else decision.choice
    said = {"decision": choice.value, "digest": digest, "via": decision.via}
    values: dict[str, SqlValue] = {**said, "at": stored.updated_at}
    tenant, approval, person = decision.tenant, decision.approval_id, decision.person
    if is_first:
        of = {"tenant": tenant, "approval_id": approval, "person": person}
        tx.run("approval.vote", **of, revision=stored.revision, **values)
    name = vote_id(approval, stored.revision, person)
    settle(tx, tenant, "vote", name, _VOTE, None if is_first else values, values)


_VOTE_COLUMNS = ("decision", "digest", "via", "at")
_VOTE: SaidColumns[Mapping[str, SqlValue]] = SaidColumns(
    names=_VOTE_COLUMNS, values_of=itemgetter(*_VOTE_COLUMNS)
)


def with_vote(
    votes: Sequence[Vote], decision: Decision, approval: ApprovalRow, now: int
) -> list[Vote]:
    """The votes once this one is stored: a person's first word about a revision is the one kept."""
    own = own_vote(decision, approval, now)
    if any((vote.person, vote.revision) == (own.person, own.revision) for vote in votes):
        return list(votes)
    return sorted([*votes, own], key=lambda vote: (vote.at, vote.person))


def own_vote(decision: Decision, approval: ApprovalRow, now: int) -> Vote:
    """What a decision says, as a vote."""
    return Vote(
        person=decision.person,
        decision=decision.choice.value,
        revision=approval.revision,
        via=decision.via,
        at=now,
    )


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
    alone = len(approval.roles) > 1 and row.request_id is not None
    if alone and vouched_in(reader, row.tenant, str(row.request_id), person.id):
        # INVARIANT: where two people are needed, nobody is one of them and says who writes, too.
        raise RefusedError(
            Code.OWN_REQUEST,
            "you vouched for this customer, so where several have to agree others do",
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


def as_asked(judged: Judged, approval: ApprovalRow) -> Judged:
    """A lower amount that needs nobody, on the card of those who were asked, and why they were."""
    assert judged.card is not None, "an editor's yes is shown"
    asked = approval.card
    card = replace(
        judged.card,
        why=asked.why,
        rules=asked.rules,
        roles=approval.roles,
        deadline=asked.deadline,
    )
    return replace(judged, card=card, expires_at=approval.expires_at)
