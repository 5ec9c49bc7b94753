"""Putting limits in force: a new one is filled from the ledger before it holds.

In the transaction that activates the version, so that no action is judged between. What a limit
counts never changes under one id: another window or key is another limit. One that comes back after
a time counts from the ledger too, as if it were new.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from sayso.actions.limits.definition import Limit, LimitSet, Of
from sayso.actions.limits.following import HOLDING
from sayso.actions.limits.limit_check import LimitCheck
from sayso.actions.limits.reservations import SALT, Circumstances, LimitReservations
from sayso.actions.limits.usage import Use, in_state, put_uses
from sayso.actions.model.action_row import ActionRow, dumps, judgement_json, read_action
from sayso.actions.model.definition import Action
from sayso.actions.model.status import Status
from sayso.actions.policy.base import Outcome
from sayso.actions.policy.calendar import Calendar
from sayso.audit.entry import Json
from sayso.errors import Code, ConfigError
from sayso.ids import Entropy
from sayso.store.base import Transaction, text

PAGE = 500


def forget(tx: Transaction, limits: LimitSet, now: int) -> int:
    """Take away what counts no more and holds nothing; how many rows."""
    gone = 0
    for limit in limits.limits:
        if limit.window is not None:
            before = now - 2 * limit.window.longest() // timedelta(microseconds=1)
            gone += tx.run("limits.forget_uses", limit_id=limit.id, before=before)
            gone += tx.run("limits.forget_counters", limit_id=limit.id, before=before)
    return gone


def check_unchanged(was: LimitSet, now: LimitSet) -> None:
    """Whether each limit that stays counts what it counted.

    Raises:
        ConfigError: `invalid_policy`.
    """
    for limit in now.limits:
        before = was.get(limit.id)
        if before is None:
            continue
        for name, old, new in _parts(before, limit):
            if old != new:
                raise ConfigError(
                    Code.INVALID_POLICY,
                    f"limit `{limit.id}`: `{name}` changes from {old} to {new}, and what it has"
                    " counted would mean something else",
                    next_step="give it another id; caps may change, and whether it asks",
                )


def _parts(before: Limit, limit: Limit) -> Iterator[tuple[str, object, object]]:
    yield "of", before.of.value, limit.of.value
    yield "action", before.action, limit.action
    yield "per", _window(before), _window(limit)
    yield "across", before.across, limit.across
    yield "counts", before.automatic, limit.automatic
    yield "reporting", before.reporting, limit.reporting
    yield "cards", before.cards is None, limit.cards is None
    yield "sum", not before.sums, not limit.sums
    yield "count", before.count is None, limit.count is None


def _window(limit: Limit) -> str:
    return "" if limit.window is None else limit.window.words


@dataclass(frozen=True, slots=True, kw_only=True)
class Filling:
    """What is to be in force.

    Attributes:
        was: the limits until now.
        actions: of this program, by name.
        entropy: salts hashed keys, once for a database.
    """

    book: LimitReservations
    was: LimitSet
    now: LimitSet
    calendar: Calendar
    actions: Mapping[str, Action]
    entropy: Entropy

    def put_in_force(self, tx: Transaction, at: int) -> dict[str, Json]:
        """Fill what is new; returns what the entry says of it."""
        known = {limit.id for limit in self.was.limits}
        new = [limit for limit in self.now.limits if limit.id not in known]
        if not self.now.limits:
            return {}
        tx.run("log.meta_insert", key=SALT, value=self.entropy(32).hex())
        for limit in new:
            tx.run("limits.drop_uses", limit_id=limit.id)
            tx.run("limits.drop_counters", limit_id=limit.id)
        filled = self._fill(tx, new, at) if new else 0
        said: dict[str, Json] = {"limits_in_force": [*map(self._said, self.now.limits)]}
        return said | {"limits_filled": filled} if filled else said

    def _said(self, limit: Limit) -> Json:
        """What whoever reads the log needs to know of a limit."""
        caps = [
            *limit.sums.values(),
            *(cap for cap in (limit.count, limit.cards) if cap is not None),
        ]
        names = sorted(action.name for action in self.actions.values() if limit.is_about(action))
        return {
            "id": limit.id,
            "of": limit.of.value,
            "hard": limit.is_hard,
            "automatic": limit.automatic,
            "counts": limit.count is not None,
            "caps": [*caps],
            # A card holds nothing that is done, so nothing is missed where one is not named.
            "names": [] if limit.cards is not None else [*names],
        }

    def _fill(self, tx: Transaction, new: Sequence[Limit], at: int) -> int:
        longest = max(
            (limit.window.longest() for limit in new if limit.window), default=timedelta()
        )
        since = at - longest // timedelta(microseconds=1)
        limits = replace(self.now, limits=tuple(new))
        after, filled = "", 0
        while True:
            rows = tx.all("limits.to_fill", since=since, after=after, limit=PAGE)
            for found in rows:
                row = read_action(found)
                uses = list(self._uses(tx, limits, row))
                if uses:
                    put_uses(tx, row.tenant, row.id, row.revision, row.last_seq, uses)
                    _mark(tx, row)
                    filled += len(uses)
            if len(rows) < PAGE:
                return filled
            after = text(rows[-1], "id")

    def _uses(self, tx: Transaction, limits: LimitSet, row: ActionRow) -> Iterator[Use]:
        action = self.actions.get(row.name)
        if action is None or row.snapshot is None or row.judgement is None:
            return
        about = Circumstances(
            limits=limits,
            calendar=self.calendar,
            row=row,
            action=action,
            resolved=row.snapshot.resolved,
            now=row.updated_at,
        )
        automatic = row.judgement.outcome is Outcome.ALLOW
        looks: list[LimitCheck] = []
        if row.status is Status.PENDING_APPROVAL:
            looks = self.book.check_cards(tx, about)
        elif row.status in HOLDING or row.status is Status.SUCCEEDED:
            looks = self.book.check(tx, about, automatic=automatic)
            if not automatic and any(limit.of is Of.APPROVER for limit in limits.limits):
                for person in _approvers(tx, row):
                    theirs = replace(about, approver=person)
                    looks += self.book.check(tx, theirs, automatic=False, approver=True)
        for look in looks:
            use = look.use("before")
            yield use if row.status is not Status.SUCCEEDED else in_state(use, "settled")


def _approvers(tx: Transaction, row: ActionRow) -> list[str]:
    votes = tx.all("limits.yes_to", tenant=row.tenant, action_id=row.id, revision=row.revision)
    return [text(vote, "person") for vote in votes]


def _mark(tx: Transaction, row: ActionRow) -> None:
    """Note on an action that it holds something, so that it is followed from here on."""
    assert row.judgement is not None, "only of what was judged"
    held = dumps(judgement_json(replace(row.judgement, holds=True)))
    tx.run("limits.mark", tenant=row.tenant, id=row.id, judgement=held)
