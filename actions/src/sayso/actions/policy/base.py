"""What a policy is asked and what it answers; the language it is written in stands behind this.

A policy says when an action may execute. Who approved is part of the question, not a verdict: the
same question is asked once with the approvals that would be enough (`judge`) and again with the
ones that were really given (`permits`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from sayso.actions.customers.link import LinkEnd
from sayso.actions.customers.proof import Verified
from sayso.actions.model.definition import Action, Assurance, Subject
from sayso.actions.model.snapshot import Resolved
from sayso.audit.request_digests import rests_on_a_yes
from sayso.ids import to_micros

VERIFIED_ONLY = "sayso.verified-only"
"""The guard by which an unverified customer gets messages only, whatever a text says."""
HISTORY_DAYS = 30
"""How many days back a `History` counts."""


class Outcome(StrEnum):
    """What a policy says about an action."""

    ALLOW = "allow"
    ASK = "ask"
    DENY = "deny"


@dataclass(frozen=True, slots=True, kw_only=True)
class Approver:
    """One distinct person who said yes, already authenticated and active.

    Attributes:
        person: the person's id; two approvals by one person count once.
        roles: every role that the person holds now.
    """

    person: str
    roles: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What the ledger knows about this customer and this action, without the one in question.

    Read in the transaction that stores the judgement: same tenant, the last `HISTORY_DAYS` days.

    Attributes:
        count_30d: how many wait for people, are approved, running, unknown, succeeded or stale.
        amount_30d_minor: their sum in this action's currency, in minor units.
        beside: the customer's other accounts, by the links in force, which are counted as well.
    """

    count_30d: int
    amount_30d_minor: int
    beside: tuple[LinkEnd, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyQuestion:
    """Everything a policy may look at, read by us; nothing in it is a planner's word.

    Attributes:
        tenant: whose workspace it is.
        action: the definition of what is asked for.
        subject: the verified customer.
        resolved: what the connector read at the provider.
        history: what was done for this customer lately.
        planner: `caller` for a concrete action, else the planner's name.
        at: the moment of the judgement, aware UTC.
        undoes: whether it takes back what a plan did, of which another step failed; read from the
            ledger, so nobody can claim it.
    """

    tenant: str
    action: Action
    subject: Subject
    resolved: Resolved
    history: History
    planner: str
    at: datetime
    undoes: bool = False

    @property
    def rests_on_a_yes(self) -> bool:
        """Whether no words of the customer's show it, so that a person has to agree as well."""
        return rests_on_a_yes(self.planner) and not self.undoes

    @property
    def verified(self) -> Verified | None:
        """By what it is known who writes, as long as it counts; None where the caller knew."""
        known = self.resolved.verified
        if known is None or self.subject.assurance is not Assurance.UNVERIFIED:
            return None
        return known if to_micros(self.at) < known.until else None

    @property
    def assurance(self) -> Assurance:
        """How strongly the customer was identified, by the caller or since then."""
        return self.subject.assurance if self.verified is None else Assurance.VERIFIED

    @property
    def verified_by(self) -> str:
        """By what it is known who writes, as rules read it."""
        if self.verified is not None:
            return self.verified.by.value
        return "signed" if self.subject.assurance is Assurance.SIGNED_IN else "caller"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What the policy says, and which rules said it.

    Attributes:
        outcome: `allow`, `ask` or `deny`.
        rules: ids of the deciding rules, in the order of the text; empty when no rule allows it.
        explain: their explanations, joined; says so when no rule allows it.
        roles: for `ask`, one entry for each distinct person needed: the role that person must
            hold. Two equal entries are two people.
        either: other ways in which as many people of these roles would be enough, written alike.
        policy_version: SHA-256 in hex over the part of the policy that can say anything about the
            action; see `Policy.version_for`.
        missing: facts that could not be read, and that asked for it.
        holds: whether it holds something of a limit (`sayso.actions.limits`).
        stage: of the roll-out (`sayso.actions.rollout`), with the dial that says so; empty without
            dials. would: what the policy says, where the stage holds it back.
        policy: number of the version of the whole policy that it was judged by; 0 where the policy
            is no version.
        errors: why something could not be evaluated; any error means `deny`.
        with_plan: the policy allows it without anybody, but it belongs to a plan of which people
            are asked, so that it waits for the same people.
    """

    outcome: Outcome
    rules: tuple[str, ...]
    explain: str
    roles: tuple[str, ...] = ()
    policy_version: str
    errors: tuple[str, ...] = ()
    either: tuple[tuple[str, ...], ...] = ()
    missing: tuple[str, ...] = ()
    holds: bool = False
    stage: str = ""
    dial: str = ""
    would: str = ""
    policy: int = 0
    with_plan: bool = False

    @property
    def ways(self) -> tuple[tuple[str, ...], ...]:
        """Every way in which people can say yes; distinct people have to fill one of them."""
        return (self.roles, *self.either)


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """Somebody has to agree, whatever the rules allow: as a fixed `forbid … unless { by }`.

    Attributes:
        rule: how it is named among the rules that decided. say: its sentence.
        by: one of these roles has to be among those who agree.
    """

    rule: str
    say: str
    by: frozenset[str]


class Policy(Protocol):
    """Says when an action may execute.

    INVARIANT: what cannot be evaluated is denied. Neither method raises for bad data; the reason
    stands in `Judgement.errors`.
    """

    @property
    def version(self) -> str:
        """SHA-256 in hex over everything that can change an answer."""
        ...

    def version_for(self, action: str) -> str:
        """The same over what can change an answer about one action: its rules and its facts.

        An approval is bound to it, so a change of other actions' rules leaves its card as it is.
        """
        ...

    def wanted_facts(self, action: str) -> frozenset[str]:
        """Which of the action's facts are to be read because a rule reads them (`on_demand`)."""
        ...

    def numbers_for(self, action: str) -> Sequence[Decimal]:
        """The numbers that its rules name, for telling people why they are asked."""
        ...

    def judge(self, question: PolicyQuestion, also: Sequence[Demand] = ()) -> Judgement:
        """Say `allow`, `ask` with the least roles that would make it pass, or `deny`.

        Args:
            also: what is demanded besides.
        """
        ...

    def suppose(self, question: PolicyQuestion) -> Judgement:
        """What `judge` would say, without its rules: for telling people why they are asked.

        INVARIANT: nothing is allowed by it. It is quick, and not always asked of the engine.
        """
        ...

    def permits(
        self, question: PolicyQuestion, approvers: Sequence[Approver], also: Sequence[Demand] = ()
    ) -> Judgement:
        """Say `allow` or `deny` with the approvals that were really given; never `ask`."""
        ...
