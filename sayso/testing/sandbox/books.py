"""The books: what really happened at the provider, whatever the callers were told.

Tests and the demo judge "exactly once" by these, never by the answers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from sayso.testing.sandbox.rows import Metadata, no_metadata

EffectKind = Literal[
    "refund",
    "cancel",
    "cancel_at_period_end",
    "keep",
    "balance_credit",
    "balance_debit",
    "customer_update",
    "subscription_update",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """One thing that happened, in the order it happened.

    Attributes:
        number: 1, 2, 3, ... over the life of the books.
        at: seconds since 1970, by the sandbox's clock.
        kind: `keep` takes a cancellation at the period's end back.
        id: the object that came to be (refund, balance transaction) or was changed.
        target: what it was done to: the charge of a refund, else the same as `id`'s owner or `id`.
        customer: whose it is.
        amount: minor units that left (refund) or were credited; 0 where no money moved.
        currency: lower-case ISO 4217; empty where no money moved.
        metadata: of the object, afterwards.
        idempotency_key: the header of the call, empty when it had none.
        calls: how many API calls came with that key by now, including the ones that were only
            replayed or never answered; 1 when there was no key.
    """

    number: int
    at: int
    kind: EffectKind
    id: str
    target: str
    customer: str | None = None
    amount: int = 0
    currency: str = ""
    metadata: Metadata = field(default_factory=no_metadata)
    idempotency_key: str = ""
    calls: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """All effects in order, and the sums.

    Attributes:
        effects: see `Effect`.
        money_out: refunded minor units per currency.
        credits: credited minor units per currency.
        keys: API calls per idempotency key, also of calls without effect.
    """

    effects: tuple[Effect, ...]
    money_out: dict[str, int]
    credits: dict[str, int]
    keys: dict[str, int]

    def of(self, kind: EffectKind) -> tuple[Effect, ...]:
        """The effects of one kind, in order."""
        return tuple(effect for effect in self.effects if effect.kind == kind)

    def on(self, target: str) -> tuple[Effect, ...]:
        """The effects on one object (a charge, a subscription, a customer), in order."""
        return tuple(effect for effect in self.effects if effect.target == target)


def sum_by_currency(effects: tuple[Effect, ...], kind: EffectKind) -> dict[str, int]:
    """Minor units per currency of one kind of effect."""
    sums: dict[str, int] = {}
    for effect in effects:
        if effect.kind == kind:
            sums[effect.currency] = sums.get(effect.currency, 0) + effect.amount
    return sums
