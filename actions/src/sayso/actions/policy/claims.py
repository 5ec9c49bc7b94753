"""Claims about a policy, proved or refuted for every question there can be; `[[claim]]` in tests.

Found by the same search as the direction of a change, which is exact: no counterexample means that
there is none, over the actions' facts in their ranges. It says nothing about a connector's facts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, cast

from sayso.actions.model.definition import Action
from sayso.actions.policy.analysis.direction import confirm
from sayso.actions.policy.analysis.people import HypotheticalApprovals, all_approvals
from sayso.actions.policy.cedar import CedarPolicy
from sayso.actions.policy.formula import solver
from sayso.actions.policy.formula.domain import domain_of
from sayso.actions.policy.formula.search import (
    Budget,
    Finder,
    find,
    find_by_solver,
)
from sayso.actions.policy.formula.solver import UndecidedError
from sayso.actions.policy.formula.terms import FALSE, Formula, Value, conj, given
from sayso.actions.policy.slices import asked_roles
from sayso.actions.policy.tables.compile import compile_rows
from sayso.actions.policy.tables.file import read_values
from sayso.actions.policy.tables.rows import RuleRow
from sayso.errors import Code, ConfigError
from sayso.extras import install

SOMEBODY, REFUSE = "somebody", "refuse"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What is claimed of every question of a segment.

    Attributes:
        needs: a role that is always among those who agree; `somebody`; or `refuse`: nobody can.
    """

    id: str
    say: str
    action: str
    segment: RuleRow
    needs: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimProof:
    """What came of it.

    Attributes:
        counterexample: a question, and who would be enough; only where it is false.
        why: why nobody can say.
        solved: whether a solver was asked as well, and says the same.
    """

    claim: Claim
    verdict: Literal["proved", "false", "unknown"]
    counterexample: tuple[dict[str, Value], HypotheticalApprovals] | None = None
    why: str = ""
    solved: bool = False


def read_claims(
    file: str,
    text: str,
    values: Mapping[str, object],
    actions: Sequence[Action],
    roles: Sequence[str],
) -> list[Claim]:
    """The claims of a file of tests that was parsed.

    Raises:
        ConfigError: `invalid_policy`.
    """
    found: list[Claim] = []
    for one in cast("list[object]", values.get("claim", [])):
        row = dict(cast("dict[str, object]", one)) if isinstance(one, dict) else {}
        needs = row.pop("needs", None)
        name = str(row.get("id", ""))
        if needs not in (*roles, SOMEBODY, REFUSE):
            raise ConfigError(
                Code.INVALID_POLICY,
                f"{file}, claim `{name}`: it does not say what it needs",
                next_step=f'write needs = "{SOMEBODY}", "{REFUSE}", or one of: {", ".join(roles)}',
            )
        row.setdefault("undoes", False)  # what takes an own step back is a claim of its own
        head = {key: values[key] for key in ("action", "currency") if key in values}
        table = file.replace(".test.toml", ".toml")  # its stem stands before the rows' ids
        read, problems = read_values(table, text, {**head, "allow": [row]}, actions, roles)
        if read is None:
            first = replace(problems[0], file=file)
            raise ConfigError(Code.INVALID_POLICY, str(first), next_step=first.next_step)
        (segment,) = read.rows
        found.append(
            Claim(id=name, say=segment.say, action=read.action, segment=segment, needs=str(needs))
        )
    return found


def prove(policy: CedarPolicy, claim: Claim, action: Action) -> ClaimProof:
    """Look for a question of the segment that contradicts a claim; by the solver too, if there."""
    by_search = _prove(policy, claim, action, find)
    if not solver.is_installed() or by_search.verdict == "unknown":
        return by_search
    by_solver = _prove(policy, claim, action, find_by_solver)
    if by_solver.verdict == by_search.verdict:
        return replace(by_search, solved=True)
    why = by_solver.why or "search and solver disagree, which is a fault of ours: report it"
    return ClaimProof(claim=claim, verdict="unknown", why=why)


def _prove(policy: CedarPolicy, claim: Claim, action: Action, finder: Finder) -> ClaimProof:
    mine = policy.slice(claim.action)
    assert mine is not None, "of an action that the policy was made for"
    left_out = mine.translated.left_out
    if left_out:
        rule, why = next(iter(left_out.items()))
        return ClaimProof(claim=claim, verdict="unknown", why=f"rule `{rule}` reads {why}")
    segment, allowed = _segment(claim, action, policy), mine.translated.allowed
    domain = domain_of(mine.action, mine.facts, (segment, allowed), ())
    named = {role for roles in policy.rules.named_roles.values() for role in roles}
    roles = asked_roles(policy.roles, named | {claim.needs})
    budget = Budget()
    try:
        for approvals in all_approvals(roles, policy.max_quorum):
            if not _contradicts(claim, approvals):
                continue
            both = conj((segment, given(allowed, approvals.people, approvals.roles)))
            found = None if both == FALSE else finder(both, domain, budget)
            if found is None:
                continue
            if not confirm(mine, found, approvals):
                return ClaimProof(claim=claim, verdict="unknown", why="the engine says otherwise")
            return ClaimProof(claim=claim, verdict="false", counterexample=(found, approvals))
    except UndecidedError:
        why = f"its rules are too entangled; a solver may say more: {install('prove')}"
        return ClaimProof(claim=claim, verdict="unknown", why=why)
    return ClaimProof(claim=claim, verdict="proved")


def _contradicts(claim: Claim, approvals: HypotheticalApprovals) -> bool:
    """Whether these people's yes may not be enough by the claim."""
    if claim.needs == REFUSE:
        return True
    if claim.needs == SOMEBODY:
        return approvals.people == 0
    return claim.needs not in approvals.roles


def _segment(claim: Claim, action: Action, policy: CedarPolicy) -> Formula:
    segment = CedarPolicy(
        texts={"claims.toml": compile_rows(action.name, [claim.segment])},
        actions=[action],
        roles=policy.roles,
    ).slice(action.name)
    assert segment is not None, "it was made for the action"
    return segment.translated.allowed
