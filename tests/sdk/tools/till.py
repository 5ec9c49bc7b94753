"""A shop with its tools, and a way to call them as a model would."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.shop_workspace import ShopWorkspace, open_shop

from sayso.actions.model.definition import Subject
from sayso.audit.entry import Actor, ActorKind
from sayso.money import Money
from sayso.sdk.resources.tokens import Scope
from sayso.sdk.tools.tool import Caller, ToolResult
from sayso.sdk.tools.toolbox import Toolbox

BOT = Actor(kind=ActorKind.SERVICE, id="bot")
SMALL: Mapping[str, object] = {
    "order": "o1",
    "amount": {"amount_minor": 500, "currency": "USD"},
}
LOOKS = ["answer", "ask", "get_action", "get_request", "list_records", "withdraw"]
"""The tools that every workspace has."""
LARGE: Mapping[str, object] = {"order": "o1"}


@dataclass(kw_only=True)
class Till:
    """An open shop: order `o1` of `cus_1`, 200 USD, and `o2` of `cus_2`."""

    workspace: ShopWorkspace
    box: Toolbox

    def caller(
        self, subject: str = "cus_1", *, conversation: str = "", requester: Actor = BOT
    ) -> Caller:
        """Who calls."""
        return Caller(
            subject=Subject(id=subject),
            requester=requester,
            tenant=self.workspace.sayso.container.tenant,
            conversation=conversation,
        )

    async def refund(
        self,
        args: object = SMALL,
        *,
        subject: str = "cus_1",
        conversation: str = "",
        key: str | None = None,
    ) -> ToolResult:
        """Call the tool of `shop.refund`."""
        caller = self.caller(subject, conversation=conversation)
        return await self.box.call("shop_refund", args, caller, key=key)

    async def decide(self, choice: str = "approve") -> None:
        """Maria answers the one question that there is."""
        sayso, by = self.workspace.sayso, Actor(kind=ActorKind.SERVICE, id="test")
        scopes = frozenset({Scope.DECIDE})
        _, secret = await sayso.tokens.create(
            sayso.tenant, "person", "maria", scopes, days=1, by=by
        )
        (asked,) = (await sayso.approvals.list(status="pending"))[:1]
        card = await sayso.approvals.get(asked.id)
        reason = "not_owed" if choice == "reject" else ""
        await sayso.approvals.decide(
            card.id,
            choice,
            token=secret,
            revision=card.revision,
            digest=card.digest,
            reason_code=reason,
        )

    @property
    def paid_minor(self) -> list[int]:
        """What the shop's own books say was paid back."""
        return [payout.amount.amount_minor for payout in self.workspace.shop.books.payouts]


def code_of(answer: ToolResult) -> str:
    """The code of an error."""
    assert answer.is_error, answer
    error: Any = answer.content["error"]
    assert error["next_step"], "every error says what to do"
    return str(error["code"])


@asynccontextmanager
async def open_till(folder: Path) -> AsyncGenerator[Till]:
    """A shop that runs only what a call asks for."""
    async with open_shop(folder) as workspace:
        workspace.shop.books.add("o1", "cus_1", Money(20_000, "USD"))
        workspace.shop.books.add("o2", "cus_2", Money(20_000, "USD"))
        yield Till(workspace=workspace, box=Toolbox(workspace.sayso))
