"""What the walk remembers by itself of what was said and done: the model beside the product."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, NamedTuple

from support.soft_passkey import SoftPasskey

from sayso.sdk.views.solution import SolutionView
from sayso.testing.slack import PostedMessage

FindingKind = Literal[
    "accused", "stuck", "untrue", "undocumented", "allowed", "money", "counter", "reopened"
]
"""`accused`: an honest log does not verify, or the server says so. `stuck`: something is open, and
nobody can reach it. `untrue`: the books, the ledger and the words do not agree. `undocumented`: an
error that no page tells of. `allowed`: a wrong use was taken. `money`: more than was agreed to.
`counter`: a limit's rows are not its uses. `reopened`: closing and opening has changed something.
"""


class FindingError(Exception):
    """The product did what it must not do."""

    def __init__(self, kind: FindingKind, what: str) -> None:
        super().__init__(f"{kind}: {what}")
        self.kind: FindingKind = kind
        self.what = what


class RefusedHereError(Exception):
    """A surface refused something as its pages say; for HTTP, the command line and the console.

    Attributes:
        code: the stable code; empty where the surface shows none.
    """

    def __init__(self, code: str, told: str) -> None:
        super().__init__(f"{told} [{code}]")
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """One effect at a provider that carries a reference of ours.

    Attributes:
        kind: `refund`, `balance_credit`, `cancel`, `shelf.pay` and so on. target: what it was done
        to. minor: in minor units of `currency`; 0 where no money moved. at: seconds since 1970.
    """

    id: str
    action_id: str
    kind: str
    customer: str
    target: str
    minor: int
    currency: str
    at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A yes that the product took. `revision`: of the approval that it counts for."""

    person: str
    approval_id: str
    action_id: str
    revision: int
    minor: int | None
    step: int


@dataclass(slots=True, kw_only=True)
class Stopped:
    """A stop that was engaged, and by whom its end was asked."""

    id: str
    scope: str
    target: str
    step: int
    asked_by: str = ""
    over: bool = False

    def covers(self, effect: Effect, action: str, *, at_home: bool) -> bool:
        """Whether an effect falls under it; `at_home` is the tenant in which people stop."""
        if not at_home and self.scope != "all":
            return False
        match self.scope:
            case "all" | "tenant":
                return True
            case "connector":
                return action.partition(".")[0] == self.target
            case "action":
                return action == self.target
            case _:
                return effect.customer == self.target


class Tied(NamedTuple):
    """Two accounts that were tied.

    Attributes:
        until: microseconds since 1970; None for no end. step: of the walk, in which they were.
    """

    a: str
    b: str
    until: int | None
    step: int


@dataclass(slots=True, kw_only=True)
class Asked:
    """A key with what was asked by it first."""

    key: str
    content: tuple[object, ...]
    id: str
    door: str


@dataclass(slots=True, kw_only=True)
class Facts:
    """All of it.

    Attributes:
        step: the number of the present step, from 1. people: roles of those who are active.
        requesters, begun: by action, who asked for it, and in which step it was first seen.
        revised: by action and revision, the step and the moment in which that was first seen.
        outside: the last step in which somebody changed an object at the provider, past Sayso.
        caps, stages: what they were, by step.
        judged, alone: effects that were judged, and those of them that nobody agreed to.
        erased, erased_marks: who was erased, and the marks of what they had said before.
        tied: accounts that were tied and that nobody has untied, by the link's id.
        vouched: pairs that people said were one customer's, or tried to say.
        in_slack: messages as somebody saw them, by the id of what they show.
        withdrawn: by action, when its customer took it back, in seconds since 1970.
        shown: cards that somebody still has open. marks: words in customers' mouths, by customer.
    """

    step: int = 0
    people: dict[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])
    requesters: dict[str, str] = field(default_factory=dict[str, str])
    withdrawn: dict[str, float] = field(default_factory=dict[str, float])
    begun: dict[str, int] = field(default_factory=dict[str, int])
    revised: dict[tuple[str, int], tuple[int, datetime]] = field(
        default_factory=dict[tuple[str, int], tuple[int, datetime]]
    )
    said: list[Said] = field(default_factory=list[Said])
    stops: dict[str, Stopped] = field(default_factory=dict[str, Stopped])
    outside: dict[str, int] = field(default_factory=dict[str, int])
    caps: dict[str, list[tuple[int, int]]] = field(default_factory=dict[str, list[tuple[int, int]]])
    stages: dict[str, list[tuple[int, str]]] = field(
        default_factory=dict[str, list[tuple[int, str]]]
    )
    shown: list[SolutionView] = field(default_factory=list[SolutionView])
    keys: list[Asked] = field(default_factory=list[Asked])
    marks: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    tied: dict[str, Tied] = field(default_factory=dict[str, Tied])
    vouched: list[str] = field(default_factory=list[str])
    erased: set[str] = field(default_factory=set[str])
    erased_marks: set[str] = field(default_factory=set[str])
    on_hold: dict[str, str] = field(default_factory=dict[str, str])
    passkeys: dict[str, SoftPasskey] = field(default_factory=dict[str, SoftPasskey])
    old_secrets: list[str] = field(default_factory=list[str])
    judged: set[str] = field(default_factory=set[str])
    alone: set[str] = field(default_factory=set[str])
    policy_step: int = 0
    in_slack: dict[str, list[PostedMessage]] = field(default_factory=dict[str, list[PostedMessage]])

    def widest_cap(self, limit_id: str, since: int) -> int:
        """The highest cap of a limit in force at any time since a step."""
        known = self.caps[limit_id]
        before = [cap for step, cap in known if step <= since]
        return max([*before[-1:], *(cap for step, cap in known if step > since)])

    def stages_since(self, action: str, since: int) -> set[str]:
        """Where the dial of an action stood at any time since a step."""
        known = self.stages.get(action)
        if known is None:
            return {"auto"}
        before = [stage for step, stage in known if step <= since]
        return {*before[-1:], *(stage for step, stage in known if step > since)}
