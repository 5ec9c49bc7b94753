"""Sayso between a real help desk and a shop: its workspace, and a process that can be killed."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from connectors.manifest.stand import shipped
from support.forks import forks
from support.http_shop import HttpShop
from support.shop_workspace import POLICY, make_shop_workspace

from sayso.audit.entry import Actor, ActorKind
from sayso.connectors.base import Connector
from sayso.connectors.manifest.connector import Connected
from sayso.connectors.manifest.people import FindingConnector, connector_of
from sayso.ids import Clock
from sayso.sdk.client import Sayso
from sayso.sdk.desk.loop import DeskLoop
from sayso.sdk.resources.tokens import Scope
from sayso.secret import Secret
from sayso.testing.clock import FileClock

OPERATOR = Actor(kind=ActorKind.SYSTEM, id="program")
EACH_MANY = POLICY.replace(" && context.count30d < 3", "")


class DeskShop(HttpShop):
    """A shop whose customers have the numbers of their users at the help desk."""

    customers_of = "rt"


def rt_at(url: str, token: str, clock: Clock) -> FindingConnector:
    """The manifest's connector at a real Request Tracker."""

    async def secret() -> Secret:
        return Secret(token)

    def peer(_: str) -> Connector:
        raise AssertionError("it has no peer")

    made = connector_of(
        shipped("rt")[0],
        Connected(
            settings={"host": "rt.shop.example", "user": "sayso"},
            secret=secret,
            clock=clock,
            peer=peer,
            loopback=url,
        ),
    )
    assert isinstance(made, FindingConnector)
    return made


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What every process of it needs to know."""

    folder: Path
    rt_url: str
    token: str
    shop_url: str
    escalated: str

    @property
    def clock(self) -> FileClock:
        """The time of Sayso, which a test moves on for all of its processes."""
        return FileClock(self.folder / "clock")

    @asynccontextmanager
    async def opened(self) -> AsyncGenerator[tuple[Sayso, DeskLoop]]:
        """The workspace, at which nothing goes on by itself."""
        section = {"assurance": "verified", "hand_over": {"queue": self.escalated}}
        workspace = make_shop_workspace(self.folder, EACH_MANY, desk={"rt": section})
        connectors: list[Connector] = [
            DeskShop(self.shop_url),
            rt_at(self.rt_url, self.token, self.clock),
        ]
        clock = self.clock
        async with Sayso(workspace, mode="decide", connectors=connectors, clock=clock) as sayso:
            yield sayso, DeskLoop(sayso.container, workspace.settings.desk)


async def settle(sayso: Sayso, loop: DeskLoop, rounds: int = 3) -> None:
    """Sweep, and do all that is due."""
    for _ in range(rounds):
        for one in loop.desks:
            await one.sweep_now()
        await loop.drain()
        await sayso.container.dispatcher.drain()
    await loop.drain()


async def agree(sayso: Sayso, person: str = "maria") -> None:
    """Say yes to the only card that waits."""
    (card,) = await sayso.approvals.list(status="pending")
    _, token = await sayso.tokens.create(
        sayso.tenant, "person", person, frozenset({Scope.DECIDE}), days=1, by=OPERATOR
    )
    await sayso.approvals.decide(
        card.id, "approve", token=token, revision=card.revision, digest=card.digest
    )


def _attend(story: Story) -> None:
    async def work() -> None:
        async with story.opened() as (sayso, loop):
            while True:
                await settle(sayso, loop, rounds=1)

    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(work())


def attend_in_a_process(story: Story) -> ForkServerProcess:
    """Look after the desk in a process of its own, until it is killed."""
    process = forks().Process(target=_attend, args=(story,))
    process.start()
    return process
