"""A second provider beside the shop, for workspaces whose processes have other connectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from support.shop import Books, Shop

from sayso.actions.model.definition import (
    Action,
    Args,
    Effect,
    Fact,
    FactType,
    Guarantee,
    Subject,
    idempotent,
)
from sayso.actions.model.snapshot import Absence, Call, Receipt, Record, Resolved

LEAVES = 3
"""So many leaves are in every pot."""


class TeaHouse(Shop):
    """The connector `tea`, whose one action is `tea.serve`; its books are a shop's.

    Args:
        tells_leaves: whether it tells rules `leaves`, which an older one does not.

    Attributes:
        looked_up: how often it was asked what became of a call.
    """

    def __init__(
        self,
        guarantee: Guarantee | None = None,
        books: Books | None = None,
        *,
        tells_leaves: bool = True,
    ) -> None:
        super().__init__(guarantee or idempotent(hours=24, settle_after_s=60), books)
        self.looked_up = 0
        self._tells_leaves = tells_leaves
        self.customers_of = "shop"
        (refund,) = self.actions
        leaves: dict[str, FactType | Fact] = {"leaves": Fact(type="long", missing="ask")}
        self.actions: Sequence[Action] = (
            replace(
                refund,
                name="tea.serve",
                summary="Serve a pot of tea",
                effect=Effect.CREDIT,
                sentence="Serve tea for {amount}",
                facts=leaves if tells_leaves else {},
            ),
        )

    @property
    def name(self) -> str:
        return "tea"

    async def resolve(self, action: Action, args: Args, subject: Subject) -> Resolved:
        found = await super().resolve(action, args, subject)
        return replace(found, facts={"leaves": LEAVES} if self._tells_leaves else {})

    async def look_up(self, call: Call) -> Receipt | Absence:
        self.looked_up += 1
        return await super().look_up(call)

    async def list_records(self, subject: Subject) -> Sequence[Record]:
        return ()
