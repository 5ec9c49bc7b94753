"""What the entries read so far make true, in memory that does not grow with the log."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeAlias, TypeVar

import orjson

from sayso.audit.authority.state import NOTHING, Authority, OpenStop
from sayso.audit.authority.steps import STATED, after
from sayso.audit.event import Event
from sayso.audit.rules.transitions import START
from sayso.audit.verifier.medium import open_scratch

_KEPT = 250
"""Lives in memory; the entries of one mostly stand close together."""

_TABLE = "create table kept (name text primary key, state blob) without rowid"
_T = TypeVar("_T", bound="_Life")

Unsigned: TypeAlias = "dict[str, list[str | int]]"
"""By action: currency, minor units, and when it was agreed to, in microseconds since 1970."""


class _Life:
    """Something whose entries are followed; plain JSON, so that it can be put aside."""


@dataclass(slots=True, kw_only=True)
class ActionLife(_Life):
    """An action, as far as its entries have told.

    Attributes:
        status: the last one; `start` before the first entry.
        known: whether its first entry was read, so that nothing of it is missing.
        requesters: whoever asked for it, and for the request that it was planned for: `kind:id`.
        outcome, asked, digest, revision, expires_at: of the judgement that counts; `asked` are the
            ways in which people can say yes to it, each a role for each person.
        policy: the version of the policy by which it was judged; 0 for none.
        approval, approval_status: the question to people, and how it stands.
        votes: who said yes to this very digest.
        delegate: the role that may decide too, once the card was escalated to it.
        delegated_roles: the roles that a member of `delegate` counts for.
        delegated_revision: the revision that both apply to.
        call_key: of the intent; empty before the first.
        undoes: the action that it takes back.
        currency, minor: how much the judgement that counts is about; None for no money.
        uses: what it uses of limits; see `sayso.audit.rules.limits`.
        links: ids of those between who wrote and whom it is for.
        planner: who planned it. request, step: for what, and what its plan calls it.
        verified_by: by what its customer was known when it was judged; empty where nothing says.
    """

    status: str = START
    known: bool = False
    name: str = ""
    subject: str = ""
    requesters: list[str] = field(default_factory=list[str])
    outcome: str = ""
    asked: list[list[str]] = field(default_factory=list[list[str]])
    digest: str = ""
    revision: int = 0
    policy: int = 0
    expires_at: int | None = None
    approval: str = ""
    approval_status: str = ""
    votes: list[str] = field(default_factory=list[str])
    delegated_roles: list[str] = field(default_factory=list[str])
    delegate: str = ""
    delegated_revision: int = 0
    call_key: str = ""
    undoes: str = ""
    request: str = ""
    currency: str = ""
    minor: int | None = None
    uses: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    links: list[str] = field(default_factory=list[str])
    planner: str = ""
    step: str = ""
    verified_by: str = ""

    def counted(self, roles: frozenset[str]) -> frozenset[str]:
        """The roles that somebody's word counts for, who holds these."""
        if self.delegate and self.delegated_revision == self.revision and self.delegate in roles:
            return roles | frozenset(self.delegated_roles)
        return roles


@dataclass(slots=True, kw_only=True)
class RequestLife(_Life):
    """A request, as far as its entries have told.

    Attributes:
        requester: who asked. subject: the account that wrote.
        draft: the digest of what was left to people last, and nobody has proposed; else empty.
        asked: the digest of the question that was asked last; empty where none was told.
        restated: of the plan that this question restates. answered: whether it was answered.
        on_a_yes: the steps that no words of the customer's show.
        withdrawn: whether the customer has taken it back.
        steps: the actions planned for it that said what they use of limits.
        unsigned: what people have agreed to of it without a passkey.
        assurance: how surely the caller knew who wrote; empty where an older log does not say.
        codes: by the account that a code went to, until when it counts; microseconds since 1970.
        verified: by account: until when it is known to be the writer's, and by what.
        signed: by account: until when an assertion that came with their words names it as theirs.
    """

    requester: str = ""
    assurance: str = ""
    codes: dict[str, int] = field(default_factory=dict[str, int])
    verified: dict[str, list[int | str]] = field(default_factory=dict[str, "list[int | str]"])
    signed: dict[str, int] = field(default_factory=dict[str, int])
    subject: str = ""
    draft: str = ""
    asked: str = ""
    restated: str = ""
    answered: bool = False
    on_a_yes: list[str] = field(default_factory=list[str])
    withdrawn: bool = False
    steps: list[str] = field(default_factory=list[str])
    unsigned: Unsigned = field(default_factory=dict[str, "list[str | int]"])


@dataclass(slots=True, kw_only=True)
class CustomerLife(_Life):
    """A customer: what people have agreed to for them without a passkey, within a day."""

    unsigned: Unsigned = field(default_factory=dict[str, "list[str | int]"])


@dataclass(slots=True, kw_only=True)
class AccountLife(_Life):
    """An account: ids of the links in force that end at it."""

    links: list[str] = field(default_factory=list[str])


@dataclass(slots=True, kw_only=True)
class LinkLife(_Life):
    """A link between two accounts, by their pseudonyms; without any, nothing was told of it.

    Attributes:
        by: kind and id of who tied them. begun_at, until: microseconds since 1970.
        request: the only conversation that it holds for; None for any.
    """

    account: str = ""
    other: str = ""
    proof: str = ""
    by: str = ""
    begun_at: int = 0
    until: int | None = None
    request: str | None = None
    ended: bool = False


@dataclass(slots=True, kw_only=True)
class LimitLife(_Life):
    """What is used of one counter of a limit: how many, and how much, by the bucket's beginning."""

    buckets: dict[str, Sequence[int]] = field(default_factory=dict[str, Sequence[int]])


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitInForce:
    """A limit as the policy in force says it.

    Attributes:
        since: the entry from which on it counts.
        caps: every one that it has, whatever the currency.
        names: the actions that it counts, as far as they were known then.
        counts: whether it counts how many, and so also what moves no money.
        automatic: whether only what nobody agreed to counts.
    """

    since: int
    of: str
    caps: tuple[int, ...]
    names: frozenset[str]
    counts: bool
    automatic: bool
    is_hard: bool


def use_name(action: object, revision: object, limit: object, currency: object, key: object) -> str:
    """What a use is called: it has no id of its own; a hashed key stands in no entry."""
    return f"{action} {revision} {limit} {currency} {key}"


class Lives(Generic[_T]):
    """Lives by id; most are kept in a temporary file."""

    def __init__(self, make: type[_T], kept: int = _KEPT) -> None:
        self._make = make
        self._kept = kept
        self._last: tuple[str, _T] | None = None
        """What was asked for last: the rules about one entry all ask for the same."""
        self._recent: dict[str, _T] = {}
        self._file: sqlite3.Connection | None = None

    def of(self, name: str) -> _T:
        """The life under that id; a new one when there is none."""
        if self._last is not None and self._last[0] == name:
            return self._last[1]
        found = self._recent.pop(name, None)
        if found is None:
            found = self._read(name)
        self._recent[name] = found  # the newest last
        self._last = name, found
        if len(self._recent) > self._kept:
            self._spill()
        return found

    def put(self, name: str, life: _T) -> None:
        """Have this one stand under an id that `of` was asked for just now."""
        self._recent[name] = life
        self._last = name, life

    def _read(self, name: str) -> _T:
        if self._file is None:
            return self._make()
        row = self._file.execute("select state from kept where name = ?", (name,)).fetchone()
        if row is None:
            return self._make()
        fields: dict[str, Any] = orjson.loads(row[0])
        return self._make(**fields)

    def _spill(self) -> None:
        if self._file is None:
            self._file = open_scratch(self, _TABLE)
        old = list(self._recent)[: self._kept // 2]
        rows = [(name, orjson.dumps(self._recent.pop(name))) for name in old]
        self._file.executemany("insert or replace into kept values (?, ?)", rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class StopEverywhere:
    """A stop of every tenant, which stands in another log.

    Attributes:
        begun_at: from when on, in microseconds since 1970. ended_at: None while it holds.
    """

    id: str
    begun_at: int
    ended_at: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyElsewhere:
    """A version of the policy that another log has activated; `at` in microseconds since 1970."""

    number: int
    at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyChange:
    """A change of the policy that waits for a second person."""

    sha256: str
    parent: int | None
    asked_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A repair or an acceptance that one person asked for: by which kind of entry, who, where."""

    kind: str
    by: str
    seq: int


SKEW_MICROS = 60_000_000
"""Two machines' clocks may differ by so much: one minute. Only what stands in other logs is judged
by time; within a log the order of its entries is what counts."""


class ReplayedState:
    """What a log has made true so far.

    Args:
        tenant: whose log.
        whole: whether it is read from its first entry.
        everywhere: stops of every tenant that stand in other logs.
        policies: what other logs tell of the policy; None where nothing is known of them.

    Attributes:
        authority: who may do what, before the entry that is judged.
        actions, requests, links: by id. customers, accounts: by pseudonym. limits: by counter.
        limits_in_force: by id.
        used: what the entry that came last has changed of uses, by their names.
        canaries: test cards: for whose roles each waits; none once it has ended. They are few.
        erasing: customers whose erasure has begun and not ended: pseudonym to erasure.
        changes: changes of the policy that wait for a second person, by id.
        asked: repairs and acceptances that wait for a second person, by digest.
        accepted: findings that two people have accepted: the entry that says so, by digest.
        judged: how many entries were judged. last_at: when the last one was written.
        known: whether it is known who may do what: from the first entry on, or since an entry that
            states it once more.
    """

    def __init__(
        self,
        tenant: str,
        *,
        whole: bool = True,
        everywhere: Sequence[StopEverywhere] = (),
        policies: Sequence[PolicyElsewhere] | None = None,
    ) -> None:
        self.tenant = tenant
        self.authority: Authority = NOTHING
        self.actions = Lives(ActionLife)
        self.requests = Lives(RequestLife)
        self.customers = Lives(CustomerLife)
        self.limits = Lives(LimitLife)
        self.links = Lives(LinkLife)
        self.accounts = Lives(AccountLife)
        self.limits_in_force: Mapping[str, LimitInForce] = {}
        self.used: list[tuple[str, dict[str, Any]]] = []
        self.canaries: dict[str, frozenset[str]] = {}
        self.erasing: dict[str, str] = {}
        self.whole = whole
        self.known = whole
        self.judged = 0
        self.last_at = 0
        self.changes: dict[str, PolicyChange] = {}
        self.asked: dict[str, Asked] = {}
        self.accepted: dict[str, int] = {}
        self._everywhere = tuple(everywhere)
        self._policies = policies

    def miss(self) -> None:
        """Take in that entries went by unread: of what they made true nothing is known."""
        self.whole = self.known = False
        self.last_at = 0

    def advance(self, event: Event) -> None:
        """Take in what an entry changes of who may do what."""
        self.authority = after(self.authority, event)
        self.judged += self.judges
        self.last_at = event.at
        if event.kind == STATED and event.whole("part") == event.whole("parts"):
            self.known = True

    @property
    def judges(self) -> bool:
        """Whether what comes is judged: the log has adopted its rules, and who may is known."""
        return self.known and self.authority.adopted is not None

    def may_judge_by(self, number: int, at: int) -> bool:
        """Whether a version of the policy was in force at this entry, as far as it can be known."""
        own = self.authority.policy
        if own is not None:
            return number == own.number
        if self._policies is None:
            return True
        return any(one.number == number and one.at < at + SKEW_MICROS for one in self._policies)

    def stop_on(self, event: Event, life: ActionLife) -> str | None:
        """The id of an open stop that an action falls under at this entry."""
        own: OpenStop | None = self.authority.stop_on(life.name, life.subject or None)
        if own is not None:
            return own.id
        if (beside := self._stop_beside(event.at, life.subject)) is not None:
            return beside
        for stop in self._everywhere:
            ended = stop.ended_at
            begun = stop.begun_at + SKEW_MICROS
            if begun < event.at and (ended is None or event.at < ended - SKEW_MICROS):
                return stop.id
        return None

    def _stop_beside(self, at: int, account: str) -> str | None:
        """The id of an open stop of another account of the same customer's, by the links then."""
        customers = (one for one in self.authority.stops.values() if one.scope == "customer")
        stops = {one.subject: one.id for one in customers if one.subject}
        known, todo = {account}, [account] if stops and account else []
        while todo:
            for link in map(self.links.of, list(self.accounts.of(todo.pop()).links)):
                if link.until is not None and at >= link.until - SKEW_MICROS:
                    continue
                far = {link.account, link.other} - known
                known |= far
                todo += sorted(far)
        return next((stop for subject, stop in stops.items() if subject in known), None)
