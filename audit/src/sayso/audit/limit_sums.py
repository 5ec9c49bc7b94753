"""What is used of limits by the entries of a log alone, kept as the log grows.

Counters in rows are quick to read, and whoever writes the database can lower or delete them. So
each process that lets something pass follows the log as well: what an action has reserved, and what
became of it, stands in its own entries. A counter that holds less than they say was changed by
somebody else. One that holds more may: it counts what was there before the limit, too.

The steps are those of `sayso.audit.rules.limits`, which the verifier goes by, without the rows.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, cast

import orjson

from sayso.audit.authority.keyring import PREFIX
from sayso.audit.entry import Entry
from sayso.audit.event import Event
from sayso.audit.fields import Fields, object_in
from sayso.audit.rules.actions import judgement_of
from sayso.audit.rules.limits import CARDS, HOLDING, PERSONAL, moved_by, said_in

Name = tuple[str, str, str]
"""Which counter: the limit's id, the currency, and by whom it is counted, as the log names them."""

COUNTER = "counter"
"""Where an entry has the log's own name of whom it is counted by, where it must not say that."""
JUDGED_BY = "limits_by"
"""Where an entry has the version of the policy whose limits it has used."""
_PENDING = "pending_approval"
_UNCHANGED = frozenset({"planned", "executing", "unknown"})
"""Nothing that is used changes with these, unless the entry says so."""
_COMES_BACK = frozenset({"compensated", "failed", "succeeded"})
"""An action that was over may still come to these."""
_KEPT_MICROS: Final = 40 * 86_400_000_000
"""So long counts what is used of a limit whose window nobody has told yet: more than a month."""
_FIRST_SWEEP = 10_000
_ACTION = b'{"action":"'
_LIMITS = b'"limits":['
_QUIET = re.compile(b'"status":"(?:%s)"' % b"|".join(sorted(one.encode() for one in _UNCHANGED)))
"""Tells an entry that changes nothing without reading it as JSON."""


class ToldUse(NamedTuple):
    """What an entry about an action may change of what is used.

    Attributes:
        said: of each limit, what is reserved.
        subject: the customer's pseudonym. amount: minor units and currency.
        at: microseconds since 1970.
    """

    seq: int
    kind: str
    action: str
    status: str
    said: Sequence[Fields]
    data: Fields
    subject: str | None
    amount: tuple[int, str] | None
    at: int

    @property
    def judged(self) -> Fields | None:
        """The judgement that it tells, if it does."""
        return judgement_of(self.kind, self.data)

    @property
    def revision(self) -> int:
        """Of the action, as it was judged."""
        found = self.data.get("revision")
        return found if type(found) is int else 0


class LoggedUse(NamedTuple):
    """What one revision of an action uses of one counter; `state` as in rows."""

    name: Name
    revision: int
    bucket: int
    mark: int
    minor: int
    state: str


class UsesOfAction(NamedTuple):
    """What an action uses. `holding`: whether it is approved, and not over."""

    holding: bool = False
    uses: tuple[LoggedUse, ...] = ()


class SumChange(NamedTuple):
    """A change of a counter. `mark`: the version of the policy by which it is counted."""

    name: Name
    bucket: int
    mark: int
    number: int
    minor: int


class LoggedSum(NamedTuple):
    """What is used, by the log: how many, and how much."""

    number: int
    minor: int

    def plus(self, more: LoggedSum) -> LoggedSum:
        """Both together."""
        return (
            LoggedSum(self.number + more.number, self.minor + more.minor)
            if self != NOTHING
            else more
        )


NOTHING: Final = LoggedSum(0, 0)


Recall = Callable[[str, int], Iterable[tuple[int, bytes]]]
"""The entries about an action before an index, in their order."""


# ---- reading entries ---------------------------------------------------------------------------


def told_by(entry: Entry, seq: int, at: int) -> ToldUse | None:
    """What this process's own entry may change; None for one that changes nothing."""
    status, said = entry.status, entry.data.get("limits")
    if status is None or entry.action is None or (said is None and status in _UNCHANGED):
        return None
    if not entry.kind.value.startswith("action."):
        return None
    uses = cast("list[Fields]", said) if isinstance(said, list) else []
    amount = entry.amount
    return ToldUse(
        seq,
        entry.kind.value,
        entry.action,
        status,
        uses,
        entry.data,
        entry.subject,
        None if amount is None else (amount.amount_minor, amount.currency),
        at,
    )


def told_in(body: bytes, seq: int, *, counts: bool) -> ToldUse | None:
    """The same of an entry that another process has written.

    Args:
        counts: whether anything was reserved before it.
    """
    if not body.startswith(_ACTION):
        return None
    if _LIMITS not in body and (not counts or _QUIET.search(body)):
        return None
    event = Event.of(orjson.loads(body), seq)
    action, status, said = event.top("action"), event.top("status"), said_in(event)
    if event.family != "action" or action is None or status is None:
        return None
    if not said and status in _UNCHANGED:
        return None
    subject, amount = event.top("subject"), event.amount
    return ToldUse(seq, event.kind, action, status, said, event.data, subject, amount, event.at)


# ---- what an entry changes ---------------------------------------------------------------------


def after(life: UsesOfAction, told: ToldUse) -> UsesOfAction:
    """What the action uses once the entry counts; see `sayso.audit.rules.limits.follow`."""
    status = told.status
    if status not in HOLDING and status != _PENDING:
        return UsesOfAction(False, tuple(_ended(life, told)))
    uses, holds = life.uses, status in HOLDING
    if not life.holding and uses:
        anew = bool(told.said) or holds or told.judged is not None
        uses = tuple(_let_go(use) for use in uses) if anew else uses
    for said in told.said:
        uses = _with(uses, told, said)
    return UsesOfAction(holds, uses)


def _let_go(use: LoggedUse) -> LoggedUse:
    return use._replace(state="released") if use.state == "held" else use


def _with(uses: tuple[LoggedUse, ...], told: ToldUse, said: Fields) -> tuple[LoggedUse, ...]:
    name = _name(told, said)
    if name is None:
        return uses
    bucket, minor = said.get("bucket"), said.get("minor")
    fresh = LoggedUse(
        name=name,
        revision=told.revision,
        bucket=bucket if type(bucket) is int else 0,
        mark=_version(told),
        minor=minor if type(minor) is int else 0,
        state="held",
    )
    same = fresh.name, fresh.revision
    return (*(use for use in uses if (use.name, use.revision) != same), fresh)


def _name(told: ToldUse, said: Fields) -> Name | None:
    """Which counter; None where the entry does not tell it apart from others."""
    of, key, account = said.get("of"), said.get("key"), said.get("account")
    counter = said.get(COUNTER)
    if type(counter) is str:
        key = counter
    elif of == "customer" and type(account) is str:
        key = f"{account}|{told.subject}"
    elif of in PERSONAL:
        return None
    return (str(said.get("limit")), str(said.get("currency")), key) if type(key) is str else None


def providers_in(names: Iterable[Name]) -> Iterator[str]:
    """The provider's account of each counter that is of a customer."""
    for _, _, key in names:
        provider, bar, whose = key.rpartition("|")
        if bar and whose.startswith(PREFIX):
            yield provider


def _version(told: ToldUse) -> int:
    """By which version of the policy it was judged; 0 where nobody says."""
    judged = told.judged or told.data
    for number in (told.data.get(JUDGED_BY), judged.get("policy"), told.data.get("policy")):
        if type(number) is int:
            return number
    return 0


def _ended(life: UsesOfAction, told: ToldUse) -> Iterator[LoggedUse]:
    status = told.status
    newest = max((use.revision for use in life.uses if use.name[1] != CARDS), default=0)
    for use in life.uses:
        if use.name[1] == CARDS:
            yield _let_go(use)
        elif status == "succeeded":
            late = use.state == "released" and use.revision == newest
            if use.state == "held" or late:
                moved = moved_by(told.amount, object_in(told.data, "moved"), use.minor)
                use = use._replace(state="settled", minor=moved)
            yield use
        elif use.state == "settled" and status in {"compensated", "failed"}:
            yield use._replace(state="returned")
        else:
            yield _let_go(use)


def _deltas(life: UsesOfAction, sign: int) -> Iterator[SumChange]:
    for use in life.uses:
        if use.state != "released":
            minor = 0 if use.state == "returned" else use.minor
            yield SumChange(use.name, use.bucket, use.mark, sign, sign * minor)


# ---- sums --------------------------------------------------------------------------------------


@dataclass(slots=True, kw_only=True)
class LimitSums:
    """What is used by the entries of one log, up to its first `size`; changed in place.

    Attributes:
        sums: of each counter, by bucket and version: how many, and how much.
        open: what each action uses that holds something. It may still change.
        kept: how long what is used of a limit counts, in microseconds, as far as it is known.
        newest: the time of the newest entry.
    """

    size: int = 0
    sums: dict[Name, dict[tuple[int, int], tuple[int, int]]] = field(
        default_factory=dict[Name, "dict[tuple[int, int], tuple[int, int]]"]
    )
    open: dict[str, UsesOfAction] = field(default_factory=dict[str, UsesOfAction])
    kept: dict[str, int] = field(default_factory=dict[str, int])
    newest: int = 0
    _sweep_at: int = _FIRST_SWEEP
    _providers: set[str] | None = None

    @property
    def counts(self) -> bool:
        """Whether anything was ever reserved that may still matter."""
        return bool(self.sums or self.open)

    @property
    def providers(self) -> set[str]:
        """Every provider's account for whose customers anything was counted; not to be changed.

        Looked for once, and kept from then on: they are few, and customers are many.
        """
        if self._providers is None:
            self._providers = set(providers_in(self.sums))
        return self._providers

    def take(self, told: ToldUse, recall: Recall) -> None:
        """Count an entry that is part of the log."""
        known = known_of(self, self.open.get(told.action), told, recall)
        if known is None:
            return
        if _is_done_as_held(known, told):
            del self.open[told.action]  # what was held is settled, which sums do not tell apart
            return
        life = after(known, told)
        for delta in changes(known, life):
            self._add(delta)
        if any(use.state == "held" for use in life.uses):
            self.open[told.action] = life
        else:
            self.open.pop(told.action, None)
        self.newest = max(self.newest, told.at)
        if len(self.sums) >= self._sweep_at:
            self.sweep()

    def _add(self, delta: SumChange) -> None:
        buckets = self.sums.get(delta.name)
        if buckets is None:
            buckets = self.sums[delta.name] = {}
            if self._providers is not None:
                self._providers.update(providers_in([delta.name]))
        place = delta.bucket, delta.mark
        count, minor = buckets.get(place, (0, 0))
        left = (count + delta.number, minor + delta.minor)
        if any(left):
            buckets[place] = left
        else:
            buckets.pop(place, None)
            if not buckets:
                del self.sums[delta.name]

    def used(self, name: Name, oldest: int, since: int) -> LoggedSum:
        """What is used from a bucket on, by versions of the policy from `since` on."""
        count = minor = 0
        for (bucket, mark), (many, much) in self.sums.get(name, {}).items():
            if bucket >= oldest and mark >= since:
                count, minor = count + many, minor + much
        return LoggedSum(count, minor)

    def sweep(self) -> None:
        """Forget what counts no more; a bucket of 0 has no time."""
        for name, buckets in list(self.sums.items()):
            before = self.newest - self.kept.get(name[0], _KEPT_MICROS)
            for place in [place for place in buckets if 0 < place[0] < before]:
                del buckets[place]
            if not buckets:
                del self.sums[name]
        self._sweep_at = max(_FIRST_SWEEP, 2 * len(self.sums))


def known_of(
    sums: LimitSums, known: UsesOfAction | None, told: ToldUse, recall: Recall
) -> UsesOfAction | None:
    """What an action used before an entry; None where the entry changes nothing of it."""
    if known is not None:
        return known
    if told.said:
        return UsesOfAction()
    if told.status not in _COMES_BACK or not sums.counts:
        return None
    if told.status == "succeeded" and told.kind != "action.reconciled":
        return None
    life = UsesOfAction()
    for seq, body in recall(told.action, told.seq):
        before = told_in(body, seq, counts=True)
        life = life if before is None else after(life, before)
    return life if life.uses else None


def _is_done_as_held(known: UsesOfAction, told: ToldUse) -> bool:
    """Whether it is done just as it was reserved, which is how nearly every action ends."""
    if told.status != "succeeded":
        return False
    moved = object_in(told.data, "moved").get("amount_minor")
    if moved is not None and told.amount is not None and moved != told.amount[0]:
        return False
    return all(use.state == "held" and use.name[1] != CARDS for use in known.uses)


def changes(before: UsesOfAction, life: UsesOfAction) -> Iterator[SumChange]:
    """What the step from one to the other does to the counters."""
    if before.uses == life.uses:
        return
    yield from _deltas(before, -1)
    yield from _deltas(life, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnsignedSums:
    """What the entries of one transaction change, which are not part of the log yet.

    Attributes:
        taken: how many of them were counted.
    """

    taken: int = 0
    deltas: tuple[SumChange, ...] = ()
    open: Mapping[str, UsesOfAction] = field(default_factory=dict[str, UsesOfAction])

    def further(self, sums: LimitSums, told: Sequence[ToldUse], recall: Recall) -> UnsignedSums:
        """The same with those that have come since."""
        if self.taken == len(told):
            return self
        lives, deltas = dict(self.open), list(self.deltas)
        for one in told[self.taken :]:
            before = lives.get(one.action) or sums.open.get(one.action)
            known = known_of(sums, before, one, recall)
            if known is not None:
                lives[one.action] = after(known, one)
                deltas += changes(known, lives[one.action])
        return UnsignedSums(taken=len(told), deltas=tuple(deltas), open=lives)

    def used(self, name: Name, oldest: int, since: int) -> LoggedSum:
        """What they add, as `LimitSums.used`."""
        count = minor = 0
        for delta in self.deltas:
            if delta.name == name and delta.bucket >= oldest and delta.mark >= since:
                count, minor = count + delta.number, minor + delta.minor
        return LoggedSum(count, minor)
