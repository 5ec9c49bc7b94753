"""A shop whose changes are told to a receiver."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from sdk.customers import ANA, OneRefund
from support.receiver import Receiver
from support.shop_workspace import ShopWorkspace, open_shop

from sayso.audit.entry import Actor, ActorKind
from sayso.json import JsonValue
from sayso.money import Money
from sayso.sdk.resources.tokens import Scope
from sayso.sdk.views.rows import ActionView
from sayso.sdk.webhooks.resource import WebhookResource, WebhookView
from sayso.sdk.webhooks.sender import DeliveryPace, WebhookSender

LOCAL = {"local": True}


def dollars(minor: int) -> JsonValue:
    """An amount as an argument."""
    return {"amount_minor": minor, "currency": "USD"}


@dataclass(kw_only=True)
class WebhookShop:
    """An open shop, and its sender, which runs when it is told to."""

    opened: ShopWorkspace
    sender: WebhookSender
    orders: int = 0

    @property
    def webhooks(self) -> WebhookResource:
        """The endpoints."""
        return self.opened.sayso.webhooks

    async def add(self, receiver: Receiver, *kinds: str) -> WebhookView:
        """Tell the receiver everything from now on."""
        made = await self.webhooks.add(receiver.url, kinds=kinds)
        assert made.secret is not None
        receiver.secrets.append(made.secret)
        return made

    async def propose(self, minor: int = 1_000) -> ActionView:
        """A refund of a new order: done at once up to 50 dollars, else Maria is asked."""
        self.orders += 1
        order, customer = f"o{self.orders}", f"cus_{self.orders}"
        self.opened.shop.books.add(order, customer, Money(minor, "USD"))
        return await self.opened.sayso.propose(
            "shop.refund", {"order": order}, subject=customer, reason="words of the customer"
        )

    async def decide(self, action: ActionView, choice: str = "approve") -> ActionView:
        """Maria decides."""
        sayso, by = self.opened.sayso, Actor(kind=ActorKind.SERVICE, id="test")
        scopes = frozenset({Scope.DECIDE})
        made = await sayso.tokens.create(sayso.tenant, "person", "maria", scopes, days=1, by=by)
        assert action.approval is not None
        return await sayso.approvals.decide(
            action.approval.id,
            choice,
            token=made[1],
            revision=action.approval.revision,
            digest=action.approval.digest,
            reason_code="not_owed" if choice == "reject" else "",
        )

    async def after(self, **time: float) -> None:
        """Let time go by, then tell what is due."""
        self.opened.clock.advance(**time)
        await self.sender.drain()


@asynccontextmanager
async def open_webhook_shop(
    folder: Path, *, pace: DeliveryPace | None = None, webhooks: object = LOCAL
) -> AsyncGenerator[WebhookShop]:
    """A shop in a folder, which may have been one before."""
    async with open_shop(folder, planner=OneRefund(), webhooks=webhooks) as opened:
        opened.shop.books.add("o_ana", ANA, Money(30_000, "USD"))
        sender = WebhookSender(opened.sayso.container, opened.workspace, pace)
        yield WebhookShop(opened=opened, sender=sender)
