"""What a limit says: of whom, of what, how much, in which time, and what happens beyond it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from sayso.actions.limits.rates import Rates
from sayso.actions.limits.window import Window
from sayso.actions.model.definition import Action, Effect

RULE_PREFIX = "limit."
"""Limits stand among the rules that decided as `limit.ID`."""


EVERY = "*"
"""Stands for every action, where open cards are counted."""


class Of(StrEnum):
    """Whose use is counted together."""

    CUSTOMER = "customer"
    """One person or company, over all accounts that are linked to theirs now."""
    INSTRUMENT = "instrument"
    """Where the money goes, such as a card."""
    TOKEN = "token"  # noqa: S105  (a word, not a secret)
    """Whoever asked: the holder of a token."""
    APPROVER = "approver"
    AGENT = "agent"
    """Whoever planned it."""
    TENANT = "tenant"
    CONNECTOR = "connector"
    WORKSPACE = "workspace"


PERSONAL = frozenset({Of.CUSTOMER, Of.INSTRUMENT})
"""Their keys tell of a customer, so they are hashed and stand in no entry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """One limit.

    Attributes:
        action: a name, or an effect such as `money_out`, of which it counts; `*` for every one.
        sums: in minor units, by currency; another currency is over. Empty for none.
        count: how many; None for any number.
        cards: how many may wait for people; a limit has either these or the other two.
        window: None for `cards`.
        automatic: whether only what nobody agreed to counts.
        ask: roles of which one has to agree beyond it; empty where it is refused, also with an
            approval.
        across: whether all tenants count together.
        reporting: the currency into which all others are converted; empty for none.
    """

    id: str
    say: str
    of: Of
    action: str
    sums: Mapping[str, int] = field(default_factory=dict[str, int])
    count: int | None = None
    cards: int | None = None
    window: Window | None = None
    automatic: bool = False
    ask: tuple[str, ...] = ()
    across: bool = False
    reporting: str = ""

    @property
    def rule(self) -> str:
        """How it is named among the rules that decided."""
        return f"{RULE_PREFIX}{self.id}"

    @property
    def is_hard(self) -> bool:
        """Whether nothing beyond it is done, whoever agrees."""
        return not self.ask

    def is_about(self, action: Action) -> bool:
        """Whether it counts this action."""
        return self.action in (EVERY, action.effect.value, action.name)


EFFECTS = frozenset(effect.value for effect in Effect)


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitSet:
    """The limits of one version, in the order in which they are looked at.

    Attributes:
        rates: for those that sum several currencies.
    """

    limits: tuple[Limit, ...] = ()
    rates: Rates = field(default_factory=Rates)
    _known: dict[tuple[str, str], tuple[tuple[Limit, ...], bool]] = field(
        init=False,
        repr=False,
        compare=False,
        default_factory=dict[tuple[str, str], tuple[tuple[Limit, ...], bool]],
    )

    def about(self, action: Action) -> tuple[Limit, ...]:
        """Those that count an action."""
        return self._of(action)[0]

    def counts(self, action: Action) -> bool:
        """Whether any counts what is done by an action, besides what waits for people."""
        return self._of(action)[1]

    def _of(self, action: Action) -> tuple[tuple[Limit, ...], bool]:
        key = action.name, action.effect
        known = self._known.get(key)
        if known is None:
            found = tuple(limit for limit in self.limits if limit.is_about(action))
            counts = any(limit.cards is None for limit in found)
            known = self._known[key] = found, counts
        return known

    def get(self, limit_id: str) -> Limit | None:
        """One by its id."""
        return next((limit for limit in self.limits if limit.id == limit_id), None)


NO_LIMITS = LimitSet()
