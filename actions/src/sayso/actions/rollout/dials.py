"""Which stage an action meets: the dials of its action, from the top, the first that fits."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from sayso.actions.model.definition import Action
from sayso.actions.policy.base import PolicyQuestion
from sayso.actions.policy.calendar import Calendar
from sayso.actions.policy.cedar import CedarPolicy
from sayso.actions.policy.formula.compiled import Values, all_of
from sayso.actions.policy.formula.domain import domain_of
from sayso.actions.policy.formula.search import Budget, find
from sayso.actions.policy.formula.solver import UndecidedError
from sayso.actions.policy.formula.terms import Formula, conj, neg
from sayso.actions.policy.slices import Slice
from sayso.actions.policy.tables.compile import compile_rows
from sayso.actions.rollout.definition import ALL, MODEL, OTHERS, Dial, Rollout, Stage, leftmost

_PLAYBOOK = "playbook:"
"""How a plan without a model names its planner."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Staged:
    """How far an action may go, and which dial says so.

    Attributes:
        rule: `rollout.ID`. say: its sentence.
    """

    stage: Stage
    rule: str
    say: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """Whether a customer belongs to the share of a dial.

    Attributes:
        salt: of the database. customer: the provider's account and its id of the customer.
    """

    salt: str
    customer: str

    def is_in(self, dial: Dial) -> bool:
        """Always the same for a customer and a dial; a wider share keeps who is in.

        INVARIANT: a repeated try is never a new draw.
        """
        return dial.share == ALL or place_of(self.salt, dial.id, self.customer) < dial.share


def place_of(salt: str, dial: str, customer: str) -> int:
    """Where a customer stands among 10,000, for a dial."""
    digest = hashlib.sha256(f"{salt}|{dial}|{customer}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % ALL


@dataclass(slots=True, kw_only=True)
class ActionDials:
    """The dials of one action, compiled.

    Attributes:
        rows: each dial with the ids of its two rows: of its segment, and of its times.
    """

    rows: tuple[tuple[Dial, str, str], ...]
    slice: Slice
    _holds: dict[tuple[str, ...], Callable[[Values], tuple[str, ...]]] = field(
        default_factory=dict[tuple[str, ...], Callable[[Values], tuple[str, ...]]]
    )

    @property
    def dials(self) -> tuple[Dial, ...]:
        """From the top."""
        return tuple(dial for dial, _, _ in self.rows)

    @property
    def every(self) -> frozenset[str]:
        """Ids of all rows."""
        return frozenset(rule.id for rule in self.slice.translated.rules)

    def formula(self, rule: str) -> Formula:
        """When a row holds."""
        return next(one.formula for one in self.slice.translated.rules if one.id == rule)

    def holding(self, values: Values, missing: tuple[str, ...]) -> tuple[str, ...]:
        """Ids of the rows that hold; without those that read what could not be read."""
        known = self._holds.get(missing)
        if known is None:
            rules = self.slice.translated_without(missing).rules
            known = all_of([rule.formula for rule in rules], [rule.id for rule in rules])
            self._holds[missing] = known
        return known(values)

    def unread(self, missing: tuple[str, ...]) -> frozenset[str]:
        """Ids of the rows that nobody can decide without these facts."""
        if not missing:
            return frozenset()
        return self.every - {rule.id for rule in self.slice.translated_without(missing).rules}


class Dials:
    """All dials of a version.

    Args:
        actions: of this program; those without a dial cost nothing.
    """

    def __init__(
        self,
        rollout: Rollout,
        actions: Sequence[Action],
        roles: Sequence[str],
        calendar: Calendar,
    ) -> None:
        self.rollout = rollout
        self.roles = tuple(roles)
        self._calendar = calendar
        self._rest = Staged(stage=rollout.others, rule=OTHERS, say="no dial is about it")
        named = {dial.action for dial in rollout.dials}
        self._of = {
            action.name: _compile(rollout.of(action.name), action, roles, calendar)
            for action in actions
            if action.name in named
        }

    @property
    def is_open(self) -> bool:
        """Whether nothing is held back."""
        return self.rollout.is_open

    @property
    def by_action(self) -> Mapping[str, ActionDials]:
        """The dials of each action that has some."""
        return self._of

    def stage(
        self,
        question: PolicyQuestion,
        draw: Callable[[], Draw],
        braked: frozenset[str],
        opened: frozenset[str] = frozenset(),
    ) -> Staged:
        """How far this action may go.

        Args:
            draw: of its customer. braked: ids of the dials that went back to `suggest`.
            opened: the rules of dials that are taken to hold nothing back.
        """
        if question.undoes:
            return Staged(stage=Stage.AUTO, rule=OTHERS, say="taking back is never held back")
        mine = self._of.get(question.action.name)
        read = None if mine is None else mine.slice.form.plain(question)
        found = self._by_dials(mine, read, question.at, draw, braked, opened)
        return self._of_model(found, question.planner, opened)

    def stage_again(
        self, action: str, values: Values, planner: str, at: datetime, draw: Callable[[], Draw]
    ) -> Staged:
        """The same for a question that was recorded; brakes are not looked at."""
        mine = self._of.get(action)
        read = None
        if mine is not None:
            missing = tuple(sorted(mine.slice.form.reads - values.keys()))
            read = values, missing, ()
        found = self._by_dials(mine, read, at, draw, frozenset(), frozenset())
        return self._of_model(found, planner, frozenset())

    def _of_model(self, found: Staged, planner: str, opened: frozenset[str]) -> Staged:
        model = Stage.AUTO if MODEL in opened else self.rollout.model
        planned = planner != "caller" and not planner.startswith(_PLAYBOOK)
        if planned and model.rank < found.stage.rank:
            return Staged(stage=model, rule=MODEL, say="a model planned it")
        return found

    def _by_dials(
        self,
        mine: ActionDials | None,
        read: tuple[Values, tuple[str, ...], tuple[str, ...]] | None,
        at: datetime,
        draw: Callable[[], Draw],
        braked: frozenset[str],
        opened: frozenset[str],
    ) -> Staged:
        rest = replace(self._rest, stage=Stage.AUTO) if OTHERS in opened else self._rest
        if mine is None or read is None:
            return rest
        values, missing, errors = read
        # INVARIANT: what cannot be read goes no further than with any value of it.
        unread = mine.every if errors else mine.unread(missing)
        holds = () if errors else mine.holding(values, missing)
        least: Staged | None = None
        for dial, rule, times in mine.rows:
            if rule in unread or times in unread:
                stage, decides = dial.otherwise, False
            elif rule in holds:
                stage, decides = self._stage(dial, times in holds, at, draw), True
                if dial.id in braked:
                    stage = leftmost(stage, Stage.SUGGEST)
            else:
                continue
            if rule in opened:
                stage = Stage.AUTO
            if least is None or stage.rank < least.stage.rank:
                least = Staged(stage=stage, rule=rule, say=dial.say)
            if decides:
                return least
        return rest if least is None else min(least, rest, key=lambda one: one.stage.rank)

    def _stage(self, dial: Dial, in_time: bool, at: datetime, draw: Callable[[], Draw]) -> Stage:
        off = not in_time
        if dial.until is not None:
            off = off or self._calendar.local(at).date() > dial.until
        if off or (dial.share != ALL and not draw().is_in(dial)):
            return dial.otherwise
        return dial.stage


def _compile(
    dials: tuple[Dial, ...], action: Action, roles: Sequence[str], calendar: Calendar
) -> ActionDials:
    rows = [row for dial in dials for row in (dial.segment, dial.times)]
    policy = CedarPolicy(
        texts={"rollout.toml": compile_rows(action.name, rows)},
        actions=[action],
        roles=roles,
        calendar=calendar,
        missing_asks={action.name: frozenset(action.declared)},
    )
    mine = policy.slice(action.name)
    assert mine is not None, "of an action that the policy was made for"
    # What no dial reads holds nothing back; whether it can be judged by is the policy's to say.
    form = mine.form
    form.facts = {name: fact for name, fact in form.facts.items() if name in form.reads}
    named = tuple((dial, dial.rule, dial.times.id) for dial in dials)
    return ActionDials(rows=named, slice=mine)


def unreachable(mine: ActionDials) -> list[Dial]:
    """Dials that nothing can reach, since those above take everything of theirs."""
    found: list[Dial] = []
    above: list[Formula] = []
    domain = domain_of(
        mine.slice.action,
        mine.slice.facts,
        [mine.formula(dial.rule) for dial in mine.dials],
        (),
    )
    for dial in mine.dials:
        own = mine.formula(dial.rule)
        try:
            if find(conj((own, *map(neg, above))), domain, Budget()) is None:
                found.append(dial)
        except UndecidedError:
            pass  # it may be reached, so nothing is said against it
        above.append(own)
    return found


def regions(mine: ActionDials | None) -> list[tuple[Formula, Dial | None, bool]]:
    """When each dial decides, within and outside its schedule; None for what no dial is about."""
    found: list[tuple[Formula, Dial | None, bool]] = []
    above: list[Formula] = []
    for dial in () if mine is None else mine.dials:
        assert mine is not None, "it has dials"
        own = mine.formula(dial.rule)
        here = (own, *map(neg, above))
        times = mine.formula(dial.times.id)
        found.append((conj((*here, times)), dial, True))
        found.append((conj((*here, neg(times))), dial, False))
        above.append(own)
    found.append((conj(tuple(map(neg, above))), None, True))
    return found
