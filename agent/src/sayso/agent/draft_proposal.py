"""A person proposes what was drafted: as theirs, once, and exactly as they were shown it.

From there on it is a plan like any other: its steps are resolved and judged anew, whoever proposed
it never approves it, and the reply says what the ledger holds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace

from sayso.actions.approvals.decision import DIGEST_PREFIX, edit_refused
from sayso.actions.engine.proposals import Proposal, Proposals
from sayso.actions.model.definition import Action
from sayso.actions.model.plan import Plan, Step
from sayso.agent.drafted import DraftedPlan, DraftedStep
from sayso.agent.question import plan_json, words_of_plan
from sayso.agent.request_row import RequestRow, actions_of
from sayso.agent.requests import Requests
from sayso.audit.authority.state import Authority, changed_outside, check_credential
from sayso.audit.entry import Actor, ActorKind, EntryKind, Json, StoredEntry
from sayso.audit.request_digests import NONCE, plan_digest
from sayso.errors import Code, RefusedError
from sayso.money import Money
from sayso.store.base import Reader, Transaction, text

PROPOSED = "proposed"
"""Where the plan of a request says who proposed it, and from which draft."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftProposal:
    """What somebody proposes of a draft.

    Attributes:
        digest: of what they were shown, whole or its first 12 digits.
        person, via, credential: who, where, and by what they showed who they are.
        steps: those that they propose; None for all. lower: lower amounts, by step.
    """

    digest: str
    person: str
    via: str
    credential: str
    steps: tuple[str, ...] | None = None
    lower: Mapping[str, Money] = field(default_factory=dict[str, Money])


def proposer_of(row: RequestRow) -> Mapping[str, str]:
    """Who proposed the plan in force, from which draft and `via` what; empty where nobody did."""
    found = row.plan.get(PROPOSED) if isinstance(row.plan, Mapping) else None
    return {k: str(v) for k, v in found.items()} if isinstance(found, Mapping) else {}


def check_proposer(authority: Authority, wanted: DraftProposal, now: int) -> None:
    """Refuse whoever may not propose: people with a role do, by a credential that counts now.

    Raises:
        RefusedError: `not_an_approver`, `unauthenticated`.
    """
    person = authority.person(wanted.person)
    if person is None or not person.roles:
        raise RefusedError(
            Code.NOT_AN_APPROVER,
            "only somebody with a role may propose what was drafted",
            next_step="ask an approver",
        )
    check_credential(authority, wanted.credential, wanted.person, now)


def propose_draft(
    tx: Transaction,
    requests: Requests,
    proposals: Proposals,
    row: RequestRow,
    wanted: DraftProposal,
    actions: Mapping[str, Action],
    now: int,
) -> RequestRow:
    """Store what a person proposes of a request's draft, as part of the caller's transaction.

    Args:
        actions: what can be planned, by name. now: microseconds since 1970.

    Raises:
        RefusedError: `already_in_state`, naming who has proposed it; `wrong_state` where nothing is
            drafted, or its entry is pruned; `digest_mismatch`; `invalid_input` for steps that are
            not of it, or that cannot be done without one that is left out; `edit_not_allowed`;
            `unknown_action`.
        IntegrityError: `tampered`, when it is not the draft that the log names.
    """
    drafted = requests.drafted(tx, row)
    if drafted is None:
        raise _nothing_to_propose(row)
    if len(wanted.digest) < DIGEST_PREFIX or not drafted.digest.startswith(wanted.digest):
        raise RefusedError(
            Code.DIGEST_MISMATCH,
            "this is not what is drafted",
            next_step="look at it again, and propose what it shows now",
        )
    named = _left_to_people(tx, row)
    if named is None:
        raise RefusedError(
            Code.WRONG_STATE,
            "what is drafted is older than what is kept of the log",
            next_step="propose what you want done as an action of your own",
        )
    if named != drafted.digest:
        # INVARIANT: what the database alone says opens nothing.
        raise changed_outside(f"what is drafted for the request {row.id}")
    chosen = _chosen(drafted, wanted, actions)
    taken = {one.step for one in actions_of(tx, row) if one.step is not None}
    plan = _renamed(replace(drafted.plan, steps=chosen), taken)
    actor = Actor(kind=ActorKind.PERSON, id=wanted.person)
    proposals.submit_steps(
        tx, tuple(proposal_of(row, plan, step, actor) for step in plan.steps), plan.steps
    )
    steps: list[Json] = [f"{step.id} {step.action}" for step in plan.steps]
    kept = {step.id for step in chosen}
    left_out: list[Json] = [one.id for one in drafted.plan.steps if one.id not in kept]
    submitted = {**plan_json(plan), NONCE: requests.new_nonce()}
    moved = requests.move(
        tx,
        row,
        EntryKind.REQUEST_PROPOSED,
        actor=actor,
        data={
            "planner": plan.planner,
            "steps": steps,
            "on_failure": plan.on_failure.value,
            "plan": plan_digest(submitted),
            "draft": drafted.digest,
            "left_out": left_out,
            "lowered": list[Json](sorted(wanted.lower)),
            "via": wanted.via,
            "credential": wanted.credential,
        },
        planner=plan.planner,
        plan={
            **submitted,
            "language": drafted.language,
            "words": words_of_plan(plan, actions, drafted.language),
            PROPOSED: {"by": wanted.person, "via": wanted.via, "draft": drafted.digest},
        },
    )
    assert moved is not None, "read in this very transaction"
    # Nobody works on it until the last of its actions wakes it.
    tx.run("request.park", tenant=row.tenant, id=row.id, fence=row.fence, now=now, expires_at=now)
    return moved


def _left_to_people(reader: Reader, row: RequestRow) -> str | None:
    """The digest of the draft that the newest entry about the request names; None once pruned."""
    for one in reader.all("log.bodies", tenant=row.tenant, from_seq=row.last_seq, limit=1):
        entry = StoredEntry.read(text(one, "body").encode()).entry
        if entry.request == row.id:
            return str(entry.data.get("draft", ""))
    return None


def _nothing_to_propose(row: RequestRow) -> RefusedError:
    by = proposer_of(row).get("by")
    if by is not None:
        return RefusedError(
            Code.ALREADY_IN_STATE,
            f"`{by[:64]}` has proposed it already",
            next_step=f"`sayso requests show {row.id}` says what came of it",
        )
    return RefusedError(
        Code.WRONG_STATE,
        "nothing is drafted here that could be proposed",
        next_step="propose an action of your own, or answer the customer",
    )


def _chosen(
    drafted: DraftedPlan, wanted: DraftProposal, actions: Mapping[str, Action]
) -> tuple[Step, ...]:
    """The steps that are proposed, with their lower amounts."""
    known = {step.id: one for step, one in zip(drafted.plan.steps, drafted.known, strict=True)}
    names = set(known if wanted.steps is None else wanted.steps)
    strange = sorted((names | set(wanted.lower)) - set(known)) or sorted(set(wanted.lower) - names)
    if strange or not names:
        problem = f"`{strange[0][:40]}` is none of its steps" if strange else "no step is chosen"
        raise RefusedError(
            Code.INVALID_INPUT, problem, next_step=f"choose of {', '.join(sorted(known))}"
        )
    return tuple(
        _lowered(_complete(step, names), known[step.id], wanted, actions)
        for step in drafted.plan.steps
        if step.id in names
    )


def _complete(step: Step, names: AbstractSet[str]) -> Step:
    missing = [name for name in step.after if name not in names]
    if missing:
        raise RefusedError(
            Code.INVALID_INPUT,
            f"the step {step.id} cannot be done without {missing[0]}",
            next_step=f"leave both out, or neither of {step.id} and {missing[0]}",
        )
    return step


def _lowered(
    step: Step, known: DraftedStep, wanted: DraftProposal, actions: Mapping[str, Action]
) -> Step:
    action = actions.get(step.action)
    if action is None:
        raise RefusedError(
            Code.UNKNOWN_ACTION,
            f"there is no action `{step.action[:60]}` any more",
            next_step=f"leave the step {step.id} out",
        )
    lower = wanted.lower.get(step.id)
    if lower is None:
        return step
    if action.money_arg is None or known.amount is None or not known.may_lower:
        raise edit_refused(f"the step {step.id} has no amount to lower", "leave it as it is")
    if lower.currency != known.amount.currency:
        raise edit_refused("the currency cannot be changed", "keep the currency")
    if not 0 < lower.amount_minor < known.amount.amount_minor:
        raise edit_refused(
            f"{lower} is not between zero and {known.amount}",
            f"choose an amount above zero and below {known.amount}",
        )
    return replace(step, args={**step.args, action.money_arg: lower.to_json()})


def _renamed(plan: Plan, taken: AbstractSet[str]) -> Plan:
    """The plan with names for its steps that no earlier action of the request has."""
    names: dict[str, str] = {}
    for step in plan.steps:
        name, number = step.id, 1
        while name in taken:
            number += 1
            name = f"{step.id}_{number}"
        names[step.id] = name
    steps: Sequence[Step] = [
        replace(step, id=names[step.id], after=tuple(names[one] for one in step.after))
        for step in plan.steps
    ]
    return replace(plan, steps=tuple(steps))


def proposal_of(row: RequestRow, plan: Plan, step: Step, requester: Actor) -> Proposal:
    """A step of a request's plan as it is proposed."""
    return Proposal(
        tenant=row.tenant,
        requester=requester,
        subject=row.subject,
        action=step.action,
        args=step.args,
        key=f"{row.id}/{step.id}",
        planner=plan.planner,
        request_id=row.id,
        step=step.id,
        after=step.after,
        on_failure=plan.on_failure,
        traceparent=row.traceparent,
        priority=row.priority,
    )
