"""Playing recorded questions again: what a draft would have said, beside what people had said.

The rules run as compiled formulas, some microseconds a question; a sample, and every question whose
answer changes how much is done at once and that is shown, is asked of the engine as well.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from sayso.actions.policy.analysis.words import answer_of, missing_of, whole
from sayso.actions.policy.cedar import CedarPolicy
from sayso.actions.policy.formula.terms import Value
from sayso.actions.policy.slices import Slice

SAMPLE = 10_000
"""So many at random are asked of the engine; the same seed gives the same ones."""
MOST_CASES = 50
"""So many of the newly automatic that people had decided otherwise are kept to be read."""
Said = Literal["yes", "less", "no", ""]
"""What people had said: yes unchanged, yes to less, no; empty where nobody was asked or decided."""


@dataclass(frozen=True, slots=True)
class RecordedJudgement:
    """A judgement that stands in the ledger.

    Attributes:
        question: None where it was not recorded.
    """

    id: str
    action: str
    question: Mapping[str, Value] | None
    said: Said


@dataclass(frozen=True, slots=True, kw_only=True)
class BacktestCase:
    """One that the draft does at once and about which people had decided otherwise."""

    id: str
    action: str
    question: Mapping[str, Value]
    said: Said


@dataclass(slots=True, kw_only=True)
class Played:
    """What came of it.

    Attributes:
        was, now: how many by `allow`, `ask`, `deny`, and `unknown` where the facts were not
            recorded.
        newly: of the newly automatic, what people had said. no_longer: automatic no more.
        wrong: of the sample and the cases, how many the engine answers otherwise.
    """

    total: int = 0
    was: Counter[str] = field(default_factory=Counter[str])
    now: Counter[str] = field(default_factory=Counter[str])
    newly: Counter[str] = field(default_factory=Counter[str])
    no_longer: int = 0
    cases: list[BacktestCase] = field(default_factory=list[BacktestCase])
    checked: int = 0
    wrong: int = 0


class Player:
    """Plays questions by two policies.

    Args:
        seed: of the sample.
    """

    def __init__(self, was: CedarPolicy, now: CedarPolicy, seed: int = 17) -> None:
        self._was, self._now = was, now
        self._dice = random.Random(seed)  # noqa: S311  (a sample, no secret)
        self._sample: list[RecordedJudgement] = []
        self._known = 0
        self.played = Played()

    def play(self, one: RecordedJudgement) -> None:
        """Play one."""
        played = self.played
        played.total += 1
        before = outcome_of(self._was, one)
        after = outcome_of(self._now, one)
        played.was[before] += 1
        played.now[after] += 1
        if before == "unknown" or after == "unknown" or one.question is None:
            return
        if after == "allow" and before != "allow":
            played.newly[one.said] += 1
            if one.said in ("less", "no") and len(played.cases) < MOST_CASES:
                case = BacktestCase(
                    id=one.id, action=one.action, question=one.question, said=one.said
                )
                played.cases.append(case)
                self._confirm(one)
        elif before == "allow" and after != "allow":
            played.no_longer += 1
        self._known += 1
        if len(self._sample) < SAMPLE:
            self._sample.append(one)
        elif (place := self._dice.randrange(self._known)) < SAMPLE:
            self._sample[place] = one

    def finish(self) -> Played:
        """Ask the engine about the sample."""
        for one in self._sample:
            self._confirm(one)
        return self.played

    def _confirm(self, one: RecordedJudgement) -> None:
        self.played.checked += 1
        for policy in (self._was, self._now):
            mine = policy.slice(one.action)
            assert mine is not None, "only what is known is checked"
            assert one.question is not None, "only what was recorded is checked"
            values = whole(one.question)
            missing, denies = missing_of(mine, values)
            asked = "deny" if denies else answer_of(mine, values, missing).outcome
            if asked != outcome_of(policy, one):
                self.played.wrong += 1
                return


def outcome_of(policy: CedarPolicy, one: RecordedJudgement) -> str:
    """`allow`, `ask`, `deny`, or `unknown` where nobody can say."""
    mine = policy.slice(one.action)
    if mine is None or one.question is None or mine.guess is None:
        return "unknown"
    if not mine.form.needs <= one.question.keys():
        return "unknown"  # recorded before there was such a field
    try:
        place = mine.guess.least(one.question)
    except KeyError:  # a fact that was missing
        return _without(mine, one.question)
    return _outcome(mine, place)


def _without(mine: Slice, question: Mapping[str, Value]) -> str:
    missing, denies = missing_of(mine, question)
    if denies:
        return "deny"
    asked = mine.lacking(missing)
    if asked.guess is None:
        return "unknown"
    try:
        return _outcome(mine, asked.guess.least(question))
    except KeyError:
        return "unknown"


def _outcome(mine: Slice, place: int) -> str:
    if place < 0:
        return "deny"
    return "ask" if mine.hypotheticals[place] else "allow"
