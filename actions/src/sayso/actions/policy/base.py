"""What a policy is asked and what it answers; the language it is written in stands behind this.

A policy says when an action may execute. Who approved is part of the question, not a verdict: the
same question is asked once with the approvals that would be enough (`judge`) and again with the
ones that were really given (`permits`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal, Protocol, cast, get_args

from sayso.actions.customers.link import LinkEnd
from sayso.actions.customers.proof import Verified
from sayso.actions.model.definition import Action, Assurance, Subject
from sayso.actions.model.snapshot import Resolved
from sayso.audit.entry import Json
from sayso.audit.request_digests import rests_on_a_yes
from sayso.frozen import quickly_made
from sayso.ids import to_micros
from sayso.json import JsonValue

VERIFIED_ONLY = "sayso.verified-only"
"""The guard by which an unverified customer gets messages only, whatever a text says."""
LINKED_WITH_A_PERSON = "sayso.linked-with-a-person"
"""The one that asks a person where it is known too weakly whose account it is."""
NOT_IN_THEIR_WORDS = "sayso.not-in-their-words"
"""Likewise, of what a planner planned, and the customer's words do not show it."""
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
        first: there is no other action of theirs at all, of whatever sort.
    """

    count_30d: int
    amount_30d_minor: int
    beside: tuple[LinkEnd, ...] = ()
    first: bool = field(default=False, compare=False)


@quickly_made
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


AskKind = Literal["condition", "rule", "guard", "action", "limit", "dial", "plan"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """One thing that asks for people, by name.

    Attributes:
        kind: `condition` of rules on one fact; `rule`, as a whole, or where it asks about all;
            `guard` of ours; `action`, whose definition always asks; `limit`; `dial` of the
            roll-out; `plan`, of which another step is asked about.
        by: ids of the rules whose condition it is, or of what asks; empty where no rule lets it go.
        facts: which of the action's facts a condition is about, as rules call them.
    """

    kind: AskKind
    by: tuple[str, ...] = ()
    facts: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Json]:
        """As the log and a card have it: names, and nothing of a customer."""
        said: dict[str, Json] = {"kind": self.kind, "by": [*self.by]}
        return {**said, "facts": [*self.facts]} if self.facts else said

    @classmethod
    def from_json(cls, value: Mapping[str, JsonValue]) -> Asker:
        """What `to_json` wrote."""
        kind = value["kind"]
        if kind not in get_args(AskKind):
            raise ValueError(f"{kind!r} asks for nobody")
        return cls(
            kind=cast("AskKind", kind),
            by=_words(value["by"]),
            facts=_words(value.get("facts", [])),
        )

    @property
    def words(self) -> str:
        """What asks, such as `refund-small (amount)`."""
        none = "its plan" if self.kind == "plan" else "no rule lets it go"
        named = ", ".join(self.by) or none
        facts = f" ({', '.join(name.replace('_', ' ') for name in self.facts)})"
        return f"{named}{facts if self.facts else ''}"


def _words(value: JsonValue) -> tuple[str, ...]:
    assert isinstance(value, list), "names"
    return tuple(map(str, value))


def _nothing() -> Mapping[str, int | str | bool]:
    return {}


@quickly_made
@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One thing that asks for people.

    Attributes:
        asking: what asks, as the judgement has it.
        say: one line, such as `Above the automatic $50`.
        to: what would have to be so instead, such as `at most $50`; empty where nothing would do.
        now: by the name of each fact, the value that would do, as rules read it.
        more: it does not ask for a person, but for more than one.
    """

    asking: Asker
    say: str
    to: str = ""
    now: Mapping[str, int | str | bool] = field(default_factory=_nothing)
    more: bool = False

    @property
    def named(self) -> str:
        """What asks, and its line, such as `refund-small (amount): Above the automatic $50`."""
        return f"{self.asking.words}: {self.say}"

    def to_json(self) -> dict[str, Json]:
        """As a card keeps it."""
        said: dict[str, Json] = {**self.asking.to_json(), "say": self.say, "to": self.to}
        return {**said, "more": True} if self.more else said

    @classmethod
    def from_json(cls, value: Mapping[str, JsonValue]) -> Reason:
        """What a card kept."""
        return cls(
            asking=Asker.from_json(value),
            say=str(value["say"]),
            to=str(value["to"]),
            more=value.get("more") is True,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Why:
    """In words for the person who decides.

    Attributes:
        reasons: each alone would ask; those that ask for more than one person stand last.
        needed: who has to agree, such as `It needs one support manager.`
    """

    reasons: tuple[Reason, ...]
    needed: str

    @property
    def asked(self) -> tuple[Asker, ...]:
        """What asks, for the judgement."""
        return tuple(dict.fromkeys(one.asking for one in self.reasons))


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What asks besides the rules: limits and the roll-out.

    Attributes:
        asking: those that ask as it is.
        then: those that would ask, or refuse, about another question that the rules let go.
    """

    asking: Sequence[Reason] = ()
    then: Callable[[PolicyQuestion], Sequence[Reason]] = lambda _: ()


@quickly_made
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
        asked: for `ask`, what asks, all of it; found when a card is made, and kept by the card and
            by the entry alone.
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
    asked: tuple[Asker, ...] = field(default=(), compare=False)

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

    def judge(self, question: PolicyQuestion, also: Sequence[Demand] = ()) -> Judgement:
        """Say `allow`, `ask` with the least roles that would make it pass, or `deny`.

        Args:
            also: what is demanded besides.
        """
        ...

    def why(self, question: PolicyQuestion, judgement: Judgement, around: Around) -> Why:
        """Why it asks about a question: every condition, with what else asks around the rules."""
        ...

    def permits(
        self, question: PolicyQuestion, approvers: Sequence[Approver], also: Sequence[Demand] = ()
    ) -> Judgement:
        """Say `allow` or `deny` with the approvals that were really given; never `ask`."""
        ...
