"""A workspace with a shop in memory, and a desk of your own called `chat`."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from support.shop import Shop
from support.shop_workspace import make_shop_workspace

from sayso.actions.model.definition import Assurance, Subject
from sayso.money import Money
from sayso.sdk.client import Sayso
from sayso.sdk.desk.conversation import WordsView, WrittenMessage
from sayso.sdk.desk.loop import DeskLoop
from sayso.testing.clock import FakeClock


@dataclass(kw_only=True)
class OwnChat:
    """An open workspace with a shop, and a desk of your own called `chat`."""

    sayso: Sayso
    shop: Shop
    loop: DeskLoop

    async def says(self, thread: str, told: WrittenMessage) -> str | None:
        """Tell a message, and let all that follows be done; returns the request's id."""
        view = await self.sayso.desks.tell("chat", thread, told)
        await self.settle()
        return view.request_id

    async def settle(self) -> None:
        """Let everything that is due be done."""
        for _ in range(3):
            await self.loop.drain()
            await self.sayso.container.dispatcher.drain()

    async def said(self, thread: str, kind: str = "reply") -> list[WordsView]:
        """What was said in a thread; the log verifies with it."""
        assert self.sayso.audit.verify().exit_status == 0
        found = await self.sayso.desks.conversation("chat", thread)
        return [one for one in found.said if one.kind == kind]


@asynccontextmanager
async def open_chat(folder: Path) -> AsyncGenerator[OwnChat]:
    """Open it; nothing goes on by itself."""
    shop = Shop()
    shop.books.add("order_1", "ana", Money(3_000, "USD"))
    shop.books.add("order_2", "bob", Money(20_000, "USD"))
    workspace = make_shop_workspace(folder, desk={"chat": {"connector": "thread"}})
    async with Sayso(workspace, mode="decide", connectors=[shop], clock=FakeClock()) as sayso:
        loop = DeskLoop(sayso.container, workspace.settings.desk)
        await loop.drain()
        yield OwnChat(sayso=sayso, shop=shop, loop=loop)


def words(text: str, customer: str = "ana", key: str = "m1") -> WrittenMessage:
    """A customer's message."""
    subject = Subject(id=customer, assurance=Assurance.VERIFIED)
    return WrittenMessage(id=key, author="customer", subject=subject, text=text)
