"""Playing recorded questions again: what a draft would have said, beside what people had said.

The rules run as compiled formulas, some microseconds a question; a sample, and every question whose
answer changes how much is done at once and that is shown, is asked of the engine as well.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from sayso.actions.limits.definition import RULE_PREFIX as LIMIT
from sayso.actions.policy.analysis.words import answer_of, missing_of, whole
from sayso.actions.policy.formula.terms import Value
from sayso.actions.policy.playing import (
    Ended,
    RecordedJudgement,
    Said,
    VersionAtPlay,
    rules_say,
)
from sayso.actions.rollout.definition import RULE_PREFIX as DIAL

SAMPLE = 10_000
"""So many at random are asked of the engine; the same seed gives the same ones."""
MOST_CASES = 50
"""So many of the newly automatic that people had decided otherwise are kept to be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BacktestCase:
    """One that the draft does at once, or refuses, and what people had said of it.

    Attributes:
        by: what refuses it, where it is one of those.
    """

    id: str
    action: str
    question: Mapping[str, Value]
    said: Said
    by: str = ""


@dataclass(slots=True, kw_only=True)
class Played:
    """What came of it.

    Attributes:
        was, now: how many by `PlayedOutcome`.
        newly: of the newly automatic, what people had said. no_longer: automatic no more.
        refused: of the newly refused, by what refuses them, what people had said; empty for no
            rule that allows it. refused_cases: some of them.
        held_was, held_now: by each limit and dial, how many it asked about, refused or left to a
            person.
        wrong: of the sample and the cases, how many the engine answers otherwise.
    """

    total: int = 0
    was: Counter[str] = field(default_factory=Counter[str])
    now: Counter[str] = field(default_factory=Counter[str])
    newly: Counter[str] = field(default_factory=Counter[str])
    no_longer: int = 0
    cases: list[BacktestCase] = field(default_factory=list[BacktestCase])
    refused: dict[str, Counter[str]] = field(default_factory=dict[str, Counter[str]])
    refused_cases: list[BacktestCase] = field(default_factory=list[BacktestCase])
    held_was: Counter[str] = field(default_factory=Counter[str])
    held_now: Counter[str] = field(default_factory=Counter[str])
    checked: int = 0
    wrong: int = 0


class Player:
    """Plays questions by two versions, in the order in which they were asked.

    Args:
        seed: of the sample.
    """

    def __init__(self, was: VersionAtPlay, now: VersionAtPlay, seed: int = 17) -> None:
        self._was, self._now = was, now
        self._dice = random.Random(seed)  # noqa: S311  (a sample, no secret)
        self._sample: list[RecordedJudgement] = []
        self._known = 0
        self.played = Played()

    def warm(self, one: RecordedJudgement) -> None:
        """Have the limits count one of the time before, which is in no figure."""
        self._was.play(one)
        self._now.play(one)

    def play(self, one: RecordedJudgement) -> None:
        """Play one."""
        played = self.played
        played.total += 1
        before, after = self._was.play(one), self._now.play(one)
        played.was[before.outcome] += 1
        played.now[after.outcome] += 1
        if "unknown" in (before.outcome, after.outcome) or one.question is None:
            return
        played.held_was.update(filter(_holds, before.by))
        played.held_now.update(filter(_holds, after.by))
        self._changed(one, one.question, before, after)
        self._known += 1
        if len(self._sample) < SAMPLE:
            self._sample.append(one)
        elif (place := self._dice.randrange(self._known)) < SAMPLE:
            self._sample[place] = one

    def _changed(
        self, one: RecordedJudgement, question: Mapping[str, Value], before: Ended, after: Ended
    ) -> None:
        played = self.played
        case = BacktestCase(id=one.id, action=one.action, question=question, said=one.said)
        if after.outcome == "allow" and before.outcome != "allow":
            played.newly[one.said] += 1
            if one.said in ("less", "no") and len(played.cases) < MOST_CASES:
                played.cases.append(case)
                self._confirm(one)
        elif before.outcome == "allow" and after.outcome != "allow":
            played.no_longer += 1
        if after.outcome == "deny" and before.outcome != "deny":
            by = after.by[0] if after.by else ""
            played.refused.setdefault(by, Counter())[one.said] += 1
            if len(played.refused_cases) < MOST_CASES:
                played.refused_cases.append(replace(case, by=by))
                self._confirm(one)

    def finish(self) -> Played:
        """Ask the engine about the sample."""
        for one in self._sample:
            self._confirm(one)
        return self.played

    def _confirm(self, one: RecordedJudgement) -> None:
        self.played.checked += 1
        for version in (self._was, self._now):
            mine = version.policy.slice(one.action)
            assert mine is not None, "only what is known is checked"
            assert one.question is not None, "only what was recorded is checked"
            values = whole(one.question)
            missing, denies = missing_of(mine, values)
            asked = "deny" if denies else answer_of(mine, values, missing).outcome
            if asked != rules_say(version.policy, one):
                self.played.wrong += 1
                return


def _holds(rule: str) -> bool:
    """Whether it is a limit or a dial."""
    return rule.startswith((LIMIT, DIAL))
