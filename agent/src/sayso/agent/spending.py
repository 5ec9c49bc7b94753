"""What models cost, and what they may still cost.

It is set aside before one is asked, so that nothing is ever overspent. A price is what the
workspace says, else what the list of `genai-prices` says.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta

from sayso.actions.model.digest import hash_of_texts
from sayso.agent.model_calls import TokenPrice
from sayso.agent.request_row import RequestRow
from sayso.ids import Clock
from sayso.settings.planner import BudgetSection, ModelSection
from sayso.store.base import Store, Transaction, integer

KEPT = timedelta(days=40)


@dataclass(slots=True, kw_only=True)
class Budgets:
    """The budgets that one request draws on.

    INVARIANT: the most that a planner may take is added to every counter in the same transaction
    that compares it with the limits; two requests at once cannot both have the last of it. A
    process that dies between leaves what it set aside counted as taken.
    """

    store: Store
    clock: Clock
    row: RequestRow
    limits: BudgetSection
    _reserved: int = field(default=0, init=False)

    def _scopes(self) -> Iterator[tuple[str, str, int | None, str]]:
        day = self.clock.now().date().isoformat()
        yield "", f"request:{self.row.id}", self.limits.request, "this request"
        who = hash_of_texts(self.row.tenant, self.row.subject.id)
        yield day, f"customer:{who}", self.limits.customer_day, "this customer today"
        yield day, "tenant", self.limits.day, "today"

    async def reserve(self, tokens: int, micro_usd: int) -> str | None:
        """See `Spending.reserve`."""
        del tokens

        def work(tx: Transaction) -> str | None:
            limited = [one for one in self._scopes() if one[2] is not None]
            for day, scope, limit, whose in limited:
                row = tx.one("spending.get", tenant=self.row.tenant, day=day, scope=scope)
                taken = 0 if row is None else integer(row, "micro_usd")
                if limit is not None and taken + micro_usd > limit:
                    return f"the budget of models for {whose} is used up"
            for day, scope, _, _ in limited:
                self._add(tx, day, scope, micro_usd)
            oldest = (self.clock.now() - KEPT).date().isoformat()
            tx.run("spending.forget", tenant=self.row.tenant, before=oldest)
            return None

        against = await self.store.write(work, about=self.row.tenant)
        if against is None:
            self._reserved = micro_usd
        return against

    async def settle(self, tokens: int, micro_usd: int) -> None:
        """See `Spending.settle`."""
        del tokens
        back, self._reserved = self._reserved - micro_usd, 0

        def work(tx: Transaction) -> None:
            for day, scope, limit, _ in self._scopes():
                if limit is not None:
                    self._add(tx, day, scope, -back)

        await self.store.write(work, about=self.row.tenant)

    def _add(self, tx: Transaction, day: str, scope: str, micro_usd: int) -> None:
        tx.run("spending.add", tenant=self.row.tenant, day=day, scope=scope, micro_usd=micro_usd)


_SAMPLE = 1_000
"""Tokens; few enough that no price list is in a higher band already."""
_MICRO = 1_000_000


def price_of(section: ModelSection) -> TokenPrice:
    """The price; 0 where nobody knows one, such as that of a server of your own."""
    listed = TokenPrice() if section.base_url is not None else _listed(section.model or "")
    said_in, said_out = section.micro_usd_per_million_in, section.micro_usd_per_million_out
    said_cached = section.micro_usd_per_million_cached
    if said_cached is None and said_in is None:
        said_cached = listed.cached
    return TokenPrice(
        input=listed.input if said_in is None else said_in,
        output=listed.output if said_out is None else said_out,
        cached=said_cached,
    )


def _listed(model: str) -> TokenPrice:
    try:
        from genai_prices import Usage, calc_price  # comes with the extra `models`
    except ImportError:
        return TokenPrice()
    provider, _, name = model.partition(":")
    try:
        found = calc_price(
            Usage(input_tokens=_SAMPLE, output_tokens=_SAMPLE), name, provider_id=provider
        )
    except LookupError:
        return TokenPrice()
    usage = Usage(input_tokens=_SAMPLE, cache_read_tokens=_SAMPLE)
    kept = calc_price(usage, name, provider_id=provider).input_price
    scale = _MICRO * _MICRO // _SAMPLE
    return TokenPrice(
        input=int(found.input_price * scale),
        output=int(found.output_price * scale),
        cached=int(kept * scale),
    )
