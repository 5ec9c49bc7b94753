"""What a dial says: of which action, for whom, how many of them, when, and how far."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from sayso.actions.policy.tables.rows import Condition, RowKind, RuleRow

RULE_PREFIX = "rollout."
"""Dials stand among the rules that decided as `rollout.ID`."""
ALL = 10_000
"""Of so many, the customers of a share are counted."""
OTHERS = f"{RULE_PREFIX}others"
MODEL = f"{RULE_PREFIX}model"


class Stage(StrEnum):
    """How far an action may go by itself."""

    OFF = "off"
    """A person does it."""
    SHADOW = "shadow"
    """It is planned, resolved, judged and recorded; a person does it."""
    SUGGEST = "suggest"
    """Somebody is asked about each."""
    AUTO = "auto"
    """What the policy and the limits say."""

    @property
    def rank(self) -> int:
        """From the left: 0 for `off`."""
        return _RANKS[self]


_RANKS = {stage: rank for rank, stage in enumerate(Stage)}


def leftmost(*stages: Stage) -> Stage:
    """The one that goes least far."""
    return min(stages, key=lambda stage: stage.rank)


@dataclass(frozen=True, slots=True, kw_only=True)
class Brake:
    """When a dial moves left by itself: at so many wrong ones in so many days."""

    wrong: int
    days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Dial:
    """One dial.

    Attributes:
        segment: the row by which a customer or an amount belongs to it.
        schedule: when it holds; empty for always.
        share: how many of 10,000 customers, always the same ones.
        otherwise: the stage outside the share, the schedule or the time.
        released: which of its brakes a person has released, by number.
        until: the last day on which it holds, in the workspace's zone.
    """

    id: str
    say: str
    action: str
    segment: RuleRow
    stage: Stage
    otherwise: Stage = Stage.OFF
    share: int = ALL
    schedule: tuple[Condition, ...] = ()
    until: date | None = None
    brake: Brake | None = None
    released: int = 0

    @property
    def rule(self) -> str:
        """How it is named among the rules that decided."""
        return f"{RULE_PREFIX}{self.id}"

    @property
    def times(self) -> RuleRow:
        """Its schedule as a row."""
        name = f"times.{self.id}"
        return RuleRow(sort=RowKind.ALLOW, id=name, say=self.say, conditions=self.schedule)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """The dials of a version, read from the top: the first that fits decides.

    Attributes:
        others: the stage of actions without a dial.
        model: how far what a model planned may go at most.
    """

    dials: tuple[Dial, ...] = ()
    others: Stage = Stage.AUTO
    model: Stage = Stage.AUTO

    @property
    def is_open(self) -> bool:
        """Whether nothing is held back."""
        return not self.dials and self.others is Stage.AUTO and self.model is Stage.AUTO

    @property
    def has_brakes(self) -> bool:
        """Whether a dial may go left by itself."""
        return any(dial.brake is not None for dial in self.dials)

    def of(self, action: str) -> tuple[Dial, ...]:
        """The dials of an action, in their order."""
        return tuple(dial for dial in self.dials if dial.action == action)

    def by_id(self) -> Mapping[str, Dial]:
        """Each by its id."""
        return {dial.id: dial for dial in self.dials}


OPEN = Rollout()
