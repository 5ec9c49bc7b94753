"""An answer to a whole solution, and what it says about each of the steps that wait."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from sayso.actions.approvals.decision import Decision, edit_refused
from sayso.actions.approvals.integrity import check_agreed, check_agreed_of
from sayso.actions.approvals.repository import ApprovalRow, ApprovalStatus, DecisionChoice
from sayso.actions.approvals.solution import Solution, SolutionStep, solution_of
from sayso.actions.customers.link import LinkEnd
from sayso.actions.model.action_row import ActionRow, read_action
from sayso.actions.model.digest import storable
from sayso.audit.authority.directory import Directory
from sayso.audit.authority.passkeys import (
    DAY_MICROS,
    Assertion,
    PasskeyRule,
    Signature,
    statement,
)
from sayso.audit.authority.state import Authority
from sayso.audit.entry import Json
from sayso.errors import Code, RefusedError
from sayso.ids import Tenant
from sayso.money import Money
from sayso.store.base import Reader, integer_or_none

LEFT_OUT = "left_out"
"""The reason code of a step that somebody unticked when they said yes to the others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SolutionDecision:
    """What one person says about a whole solution.

    Attributes:
        approval_id: of any of its steps.
        revision, digest: of what was shown; the digest whole or its first 12 digits.
        choice: yes, no, or less (`edit`).
        steps: for a yes or less, the steps that it is for; None for all. Those that are left out
            are a no, with the reason `left_out`.
        lower: for less, the lower amounts, by step.
        via, credential: as in `Decision`.
        passkey: what the person's passkey signed of it; None where nothing was signed.
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
    steps: tuple[str, ...] | None = None
    lower: Mapping[str, Money] = field(default_factory=dict[str, Money])
    passkey: Signature | None = None


def about(answer: SolutionDecision, approval_id: str, shown: ApprovalRow | None = None) -> Decision:
    """What an answer says about one step, before anybody knows which; for checks and refusals."""
    return Decision(
        tenant=answer.tenant,
        approval_id=approval_id,
        revision=answer.revision if shown is None else shown.revision,
        digest=answer.digest if shown is None else shown.digest,
        choice=answer.choice,
        person=answer.person,
        via=answer.via,
        credential=answer.credential,
        reason_code=answer.reason_code,
        reason=answer.reason,
    )


def each_of(answer: SolutionDecision, solution: Solution) -> list[tuple[SolutionStep, Decision]]:
    """The decision about each step that waits, as one answer to all of them says it.

    Raises:
        RefusedError: `invalid_input`, `edit_not_allowed`.
    """
    waiting = {step.id: step for step in solution.waiting}
    wanted = tuple(waiting) if answer.steps is None else answer.steps
    named = {*wanted, *answer.lower}
    strange = sorted(named - set(waiting))
    if strange:
        raise RefusedError(
            Code.INVALID_INPUT,
            f"`{storable(strange[0], 40)}` is no step that waits here",
            next_step="load the card again; its steps have the ids to name",
        )
    if answer.choice is DecisionChoice.REJECT:
        return [(step, _of_step(answer, step, DecisionChoice.REJECT)) for step in solution.waiting]
    if not wanted:
        raise RefusedError(
            Code.INVALID_INPUT,
            "a yes to no step at all is a no",
            next_step="say no, with a reason",
        )
    left_out = [name for name in waiting if name not in wanted]
    _check_left_out(solution, left_out)
    if (answer.choice is DecisionChoice.EDIT) != bool(answer.lower):
        raise edit_refused("less names the amount of at least one step", "name it, or say yes")
    said: list[tuple[SolutionStep, Decision]] = []
    for name, step in waiting.items():
        if name in left_out:
            choice = DecisionChoice.REJECT
        elif name in answer.lower:
            choice = DecisionChoice.EDIT
        else:
            choice = DecisionChoice.APPROVE
        said.append((step, _of_step(answer, step, choice)))
    return said


def _check_left_out(solution: Solution, left_out: Sequence[str]) -> None:
    if left_out and solution.is_all_or_nothing:
        raise RefusedError(
            Code.INVALID_INPUT,
            "the steps of this plan are done together or not at all",
            next_step="say yes to all of them, or no",
        )
    missing = [name for name in solution.depends_on(left_out) if name not in left_out]
    if missing:
        raise RefusedError(
            Code.INVALID_INPUT,
            f"step `{missing[0]}` waits for a step that is left out",
            next_step="leave it out as well",
        )


def _of_step(answer: SolutionDecision, step: SolutionStep, choice: DecisionChoice) -> Decision:
    assert step.approval is not None, "only of what people were asked about"
    decision = replace(about(answer, step.approval.id, step.approval), choice=choice)
    if choice is DecisionChoice.REJECT and answer.choice is not DecisionChoice.REJECT:
        return replace(decision, reason_code=LEFT_OUT)
    return decision


def needs_reason(
    tier: Mapping[str, int],
    solution: Solution,
    lower: Mapping[str, Money],
    left_out: Sequence[str] = (),
) -> bool:
    """Whether a yes to a solution is to so much that it needs a reason in words.

    Args:
        tier: from which amount on, in minor units by currency; other currencies need none.
        lower: the amounts that the yes lowers, by step. left_out: the steps that it leaves out.
    """
    totals: dict[str, int] = {}
    # INVARIANT: by the sum of the plan, so that no amount is made of smaller ones.
    for step in solution.asked if tier else ():
        amount = lower.get(step.id, step.action.amount)
        counts = step.approval is not None and step.approval.status in _COUNTS
        if counts and step.id not in left_out and amount is not None:
            totals[amount.currency] = totals.get(amount.currency, 0) + amount.amount_minor
    return any(minor >= tier[currency] for currency, minor in totals.items() if currency in tier)


def check_yes_reason(
    tier: Mapping[str, int],
    solution: Solution,
    reason: str,
    lower: Mapping[str, Money],
    left_out: Sequence[str] = (),
) -> None:
    """Refuse a yes without a reason where it needs one; see `needs_reason`.

    Raises:
        RefusedError: `reason_required`.
    """
    if not reason.strip() and needs_reason(tier, solution, lower, left_out):
        raise RefusedError(
            Code.REASON_REQUIRED,
            "a yes to this amount needs a reason",
            next_step=f"say why, in words; in the console at /console/solution/{solution.lead.id}",
        )


# ---- what a passkey signs ------------------------------------------------------------------------

Beside = Callable[[Reader, Tenant, str], Sequence[LinkEnd]]
"""A customer's further accounts: of which tenant, beside which account."""
_COUNTS = frozenset({ApprovalStatus.PENDING, ApprovalStatus.APPROVED})


def needs_passkey(
    reader: Reader,
    rule: PasskeyRule,
    solution: Solution,
    lower: Mapping[str, Money],
    left_out: Sequence[str] = (),
    *,
    beside: Beside,
    now: int,
) -> bool:
    """Whether a yes to a solution is to so much that only a passkey can say it.

    Args:
        lower: the amounts that the yes lowers, by step. left_out: the steps that it leaves out.
        beside: finds a customer's further accounts; see `Accounts.beside`.
        now: microseconds since 1970.
    """
    totals: dict[str, int] = {}
    # INVARIANT: by the sum of the plan, whatever part of it was agreed to before, and of what the
    # same customer or the same payment got, so that no amount is made of smaller ones; the
    # verifier adds up at most as much.
    for step in solution.asked if rule.amounts else ():
        amount = lower.get(step.id, step.action.amount)
        counts = step.approval is not None and step.approval.status in _COUNTS
        if counts and step.id not in left_out and amount is not None:
            totals[amount.currency] = totals.get(amount.currency, 0) + amount.amount_minor
    for amount in _agreed_before(reader, solution, beside, now) if totals and rule.sums else ():
        if amount.currency in totals:
            totals[amount.currency] += amount.amount_minor
    return any(rule.needs(currency, minor) for currency, minor in totals.items())


def _agreed_before(reader: Reader, solution: Solution, beside: Beside, now: int) -> Iterator[Money]:
    """What people agreed to for the same customer within a day, or ever of the same payments.

    INVARIANT: of every account that a step is on, which the verifier adds up by, and of those that
    are linked to one of them.

    Raises:
        IntegrityError: `tampered`, see `check_agreed`.
    """
    own = [step.action for step in solution.steps]
    ids, payments = {row.id for row in own}, {row.object_key for row in own} - {None}
    for agreed_at, row in _agreed_of_customer(reader, own, beside):
        if row.id in ids or row.amount is None:
            continue
        if agreed_at > now - DAY_MICROS or row.object_key in payments:
            yield row.amount


def _agreed_of_customer(
    reader: Reader, own: Sequence[ActionRow], beside: Beside
) -> Iterator[tuple[int, ActionRow]]:
    """The actions of all accounts of these actions' customer that people agreed to, and when."""
    tenant = own[0].tenant
    on = {row.subject.id: row for row in own}
    ends = {end.account: end for account in on for end in beside(reader, tenant, account)}
    for account in sorted({*on, *ends}):
        stored = reader.all("approval.agreed_of_customer", tenant=tenant, subject_id=account)
        rows = [
            (agreed_at, read_action(one))
            for one in stored
            if (agreed_at := integer_or_none(one, "agreed_at")) is not None
        ]
        # INVARIANT: nobody makes the sum smaller by taking rows away.
        agreed = {row.id for _, row in rows}
        if account in ends:
            check_agreed_of(reader, tenant, ends[account].pseudonym, agreed)
        else:
            check_agreed(reader, on[account], agreed)
        yield from rows


def yes_statement(
    answer: SolutionDecision,
    solution: Solution,
    said: Sequence[tuple[SolutionStep, Decision]],
    nonce: str,
) -> dict[str, Json]:
    """What a passkey signs for a yes: all that was shown, and what is agreed to of each step."""
    steps: list[Json] = []
    for step, decision in said:
        assert step.approval is not None, "only of what people were asked about"
        amount = answer.lower.get(step.id, step.action.amount)
        steps.append(
            {
                "step": step.id,
                "approval": step.approval.id,
                "revision": step.approval.revision,
                "digest": step.approval.digest,
                "choice": decision.choice.value,
                "currency": None if amount is None else amount.currency,
                "minor": None if amount is None else amount.amount_minor,
            }
        )
    return statement(
        "yes",
        answer.tenant,
        answer.person,
        nonce,
        solution=solution.digest,
        revision=solution.revision,
        steps=steps,
    )


def signed_yes(
    reader: Reader,
    authority: Authority,
    answer: SolutionDecision,
    solution: Solution,
    said: Sequence[tuple[SolutionStep, Decision]],
    beside: Beside,
    now: int,
) -> Assertion | None:
    """The signature that goes into the log beside a yes; None where none is needed or given.

    `now` is in microseconds since 1970; for `beside` see `needs_passkey`.

    Raises:
        RefusedError: `passkey_required`, `passkey_invalid`.
    """
    left_out = [step.id for step, decision in said if decision.choice is DecisionChoice.REJECT]
    if answer.choice is DecisionChoice.REJECT:
        return None
    if answer.passkey is None:
        rule = authority.passkey_rule
        if needs_passkey(reader, rule, solution, answer.lower, left_out, beside=beside, now=now):
            raise passkey_required(answer.approval_id)
        return None
    key = authority.passkey(answer.passkey.id, answer.person)
    if key is None:
        raise passkey_invalid("is of no passkey that counts for you")
    shown = yes_statement(answer, solution, said, answer.passkey.nonce)
    signed = answer.passkey.says(shown)
    fault = signed.fault(key)
    if fault is not None:
        raise passkey_invalid(fault)
    return signed


def check_unsigned(
    reader: Reader,
    directory: Directory,
    approval: ApprovalRow,
    row: ActionRow,
    lower: Mapping[str, Money],
    beside: Beside,
    now: int,
) -> None:
    """Refuse a yes about one step where the plan is about so much that only a passkey says it.

    Raises:
        RefusedError: `passkey_required`.
    """
    rule = directory.at(reader, approval.tenant).passkey_rule
    if not rule.amounts:
        return
    solution = solution_of(reader, approval, row)
    if needs_passkey(reader, rule, solution, lower, beside=beside, now=now):
        raise passkey_required(approval.id)


def passkey_required(approval_id: str) -> RefusedError:
    """A yes without a passkey to an amount that needs one."""
    return RefusedError(
        Code.PASSKEY_REQUIRED,
        "a yes to this amount needs your passkey",
        next_step=f"say yes in the console, at /console/solution/{approval_id}",
    )


def passkey_invalid(fault: str) -> RefusedError:
    """A signature that is not this person's, or not about this."""
    return RefusedError(
        Code.PASSKEY_INVALID,
        f"what your passkey signed {fault}",
        next_step="load the card again and say yes to what it shows now",
    )
