"""A workspace with a shop and a desk, both in memory."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from support.fake_desk import DeskBooks, FakeDesk
from support.shop import Shop
from support.shop_workspace import POLICY, make_shop_workspace

from sayso.audit.entry import Actor, ActorKind
from sayso.money import Money
from sayso.sdk.client import Sayso
from sayso.sdk.desk.loop import DeskLoop
from sayso.sdk.resources.tokens import Scope
from sayso.sdk.views.rows import ActionView
from sayso.testing.clock import FakeClock

OPERATOR = Actor(kind=ActorKind.SYSTEM, id="program")


@dataclass(kw_only=True)
class OpenDesk:
    """An open workspace, its shop, its desk and its clock; nothing goes on by itself."""

    sayso: Sayso
    shop: Shop
    desk: FakeDesk
    clock: FakeClock
    loop: DeskLoop

    async def settle(self, rounds: int = 3) -> None:
        """Sweep the desk, and let everything that is due be done."""
        container = self.sayso.container
        for _ in range(rounds):
            for one in self.loop.desks:
                await one.sweep_now()
            await self.loop.drain()
            await container.dispatcher.drain()
            await self.loop.drain()

    async def says(self, thread: str, text: str, customer: str = "ana") -> None:
        """A customer writes, and all that follows is done."""
        self.desk.write(thread, text, customer=customer)
        await self.settle()

    def told(self, thread: str) -> list[str]:
        """What the customer was told in a thread, in order."""
        return self.desk.books.replies(thread)

    def noted(self, thread: str) -> list[str]:
        """What colleagues were told there, in order."""
        return self.desk.books.notes(thread)

    async def spoken(self, verb: str = "reply") -> list[ActionView]:
        """The actions by which Sayso spoke, newest first; the log verifies with them."""
        found = self.sayso.audit.verify()
        assert found.exit_status == 0, found.all_findings
        return [one for one in await self.sayso.actions.list() if one.action == f"desk.{verb}"]

    async def decide(self, choice: str, person: str = "maria", reason: str = "") -> None:
        """A person answers the only card that waits."""
        reason_code = "not_covered" if choice == "reject" else ""
        (card,) = await self.sayso.approvals.list(status="pending")
        _, token = await self.sayso.tokens.create(
            self.sayso.tenant, "person", person, frozenset({Scope.DECIDE}), days=1, by=OPERATOR
        )
        await self.sayso.approvals.decide(
            card.id,
            choice,
            token=token,
            revision=card.revision,
            digest=card.digest,
            reason_code=reason_code,
            reason=reason,
        )


@asynccontextmanager
async def open_desk(
    folder: Path,
    *,
    shop: Shop | None = None,
    books: DeskBooks | None = None,
    clock: FakeClock | None = None,
    policy: str = POLICY,
    section: Mapping[str, object] | None = None,
    readable: bool = True,
    **tables: Mapping[str, object],
) -> AsyncGenerator[OpenDesk]:
    """Open it; what is written from now on is new.

    Args:
        readable: the desk can be read, and has been once.
    """
    fake = clock or FakeClock()
    store_shop = shop or Shop()
    if shop is None:
        store_shop.books.add("order_1", "ana", Money(3_000, "USD"))
        store_shop.books.add("order_2", "bob", Money(20_000, "USD"))
    desk = FakeDesk(fake.now, books)
    desk.unreadable = not readable
    tables["desk"] = {"desk": dict(section or {})}
    workspace = make_shop_workspace(folder, policy, **tables)
    sayso = Sayso(workspace, mode="decide", connectors=[store_shop, desk], clock=fake)
    async with sayso:
        loop = DeskLoop(sayso.container, workspace.settings.desk)
        opened = OpenDesk(sayso=sayso, shop=store_shop, desk=desk, clock=fake, loop=loop)
        await opened.loop.drain()
        yield opened
