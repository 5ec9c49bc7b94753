"""One walk's world: a workspace, its provider, its clock, everybody's tokens, and what was seen."""

from __future__ import annotations

import asyncio
import contextlib
import re
import sqlite3
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from copy import copy
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import psycopg
from psycopg.rows import tuple_row
from support.identity_provider import FakeIdp
from support.push_service import SoftBrowser
from support.receiver import Receiver, always
from walk.clocks import standing
from walk.facts import Effect, Facts
from walk.help_desk import DESKS
from walk.places import ENVIRONMENT, NO_SLACK, NOWHERE, Places
from walk.shelf import BOOKS, ShelfBooks
from walk.variants import NO_IDP, PEOPLE, SLACK, Variant

from sayso.actions.engine.engine import Boundary
from sayso.sandbox import Sandbox
from sayso.sdk.audit.log_judge import LogJudge
from sayso.sdk.background.reload import Reloads
from sayso.sdk.client import Sayso
from sayso.sdk.wiring.database import is_postgres
from sayso.sdk.workspace import Workspace
from sayso.settings import FILE_NAME
from sayso.testing.clock import FakeClock
from sayso.testing.slack import FakeSlack

Read = Callable[[str, Sequence[object]], list[tuple[object, ...]]]


class DiedError(BaseException):
    """The process is gone, as far as the workspace can tell."""


@dataclass(kw_only=True)
class Hook:
    """A program that is told of changes.

    Attributes:
        kinds: what it wants; everything when empty. after: the newest entry when it was added.
    """

    receiver: Receiver
    kinds: tuple[str, ...]
    after: int
    _is_up: bool = True

    def be(self, how: str) -> None:
        """From now on it is `well`, or answers with a status, or is `dead`."""
        if how == "dead":
            self.receiver.stop()
        elif not self._is_up:
            self.receiver.start()
        self._is_up = how != "dead"
        self.receiver.answers = always(int(how) if how.isdigit() else 204)

    def wants(self, kind: str) -> bool:
        """Whether it is to be told of an entry of this kind."""
        return not self.kinds or kind.partition(".")[0] in self.kinds


@dataclass(kw_only=True)
class World:
    """A workspace that lives.

    Attributes:
        secrets: tokens by holder. facts: what the walk remembers.
        slack: the team's Slack, in the variant that has one. idp: likewise, who gives tokens.
        hooks: the programs that are told of changes, by their endpoints.
        browsers: those in which people are told, by their ids, with whose they are.
        dies_at: the boundary of the next call at which the process dies.
    """

    variant: Variant
    folder: Path
    provider: Sandbox
    clock: FakeClock
    secrets: dict[str, str]
    facts: Facts = field(default_factory=Facts)
    slack: FakeSlack | None = None
    idp: FakeIdp | None = None
    hooks: dict[str, Hook] = field(default_factory=dict[str, Hook])
    browsers: dict[str, tuple[str, SoftBrowser]] = field(
        default_factory=dict[str, tuple[str, SoftBrowser]]
    )
    dies_at: Boundary | None = None
    judges: dict[str, LogJudge] = field(default_factory=dict[str, LogJudge])
    surfaces: dict[str, object] = field(default_factory=dict[str, object])
    _sayso: Sayso | None = None
    _beside: Sayso | None = None
    _rows: _Rows | None = None
    _open: AsyncExitStack = field(default_factory=AsyncExitStack)

    @property
    def sayso(self) -> Sayso:
        """The open workspace."""
        assert self._sayso is not None, "open"
        return self._sayso

    @property
    def workspace(self) -> Workspace:
        """Its folder and its settings, as they are read now."""
        return Workspace.load(self.folder, ENVIRONMENT)

    @property
    def shelf(self) -> ShelfBooks:
        """The books of the shop's own connector."""
        return BOOKS.setdefault(self.folder.resolve(), ShelfBooks())

    def now(self) -> datetime:
        """The walk's time."""
        return self.clock.now()

    @property
    def days(self) -> int:
        """How many days have gone by in it."""
        return (self.now() - FakeClock().now()).days

    def token(self, holder: str) -> str:
        """Somebody's token."""
        return self.secrets[holder]

    # ---- opening and closing ---------------------------------------------------------------------

    async def open(self) -> None:
        """Open the workspace; nothing is carried out unless a step asks for it."""
        await self._take_up(self.workspace)

    async def _take_up(self, workspace: Workspace) -> None:
        """Open a workspace, and close the one that was open, with whatever stood on it."""
        stack = AsyncExitStack()
        sayso = Sayso(workspace, mode="decide", clock=self.clock, passing=self._passing)
        self._sayso = await stack.enter_async_context(sayso)
        before, self._open = self._open, stack
        self.judges.clear()
        self.surfaces.clear()
        await before.aclose()

    async def close(self) -> None:
        """Close it, and whatever stands on it."""
        opened, self._open = self._open, AsyncExitStack()
        self._sayso = None
        rows, self._rows = self._rows, None
        if rows is not None:
            rows.close()
        self.judges.clear()
        self.surfaces.clear()
        await opened.aclose()

    async def reload(self) -> str:
        """Reload as a server does that hears SIGHUP; what it says."""
        heard: asyncio.Queue[str] = asyncio.Queue()
        reloads = Reloads(self.sayso.workspace, self.folder, heard.put_nowait)
        reloads.tell()
        following = asyncio.create_task(reloads.follow(self._take_up))
        try:
            return await heard.get()
        finally:
            following.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await following

    async def beside(self, lacks: str) -> World:
        """The same world, as another live process of the workspace sees it.

        Args:
            lacks: the connector that its older settings do not set up; empty for none. One that
                runs already has what it has.
        """
        if self._beside is None:
            file = self.folder / FILE_NAME
            text = file.read_text("utf-8")
            file.write_text(_without(text, lacks), "utf-8")
            try:
                sayso = Sayso(self.workspace, mode="decide", clock=self.clock)
                self._beside = await sayso.__aenter__()
            finally:
                file.write_text(text, "utf-8")
        there = copy(self)
        there._sayso, there.surfaces, there.judges = self._beside, {}, {}
        return there

    async def end_beside(self) -> bool:
        """End the other process; whether there was one."""
        beside, self._beside = self._beside, None
        if beside is not None:
            await beside.__aexit__(None, None, None)
        return beside is not None

    def at_close(self, stack: AsyncExitStack) -> None:
        """Close something before the workspace."""
        self._open.push_async_exit(stack.__aexit__)

    async def reopen(self) -> None:
        """Close and open."""
        await self.close()
        await self.open()

    def _passing(self, boundary: Boundary) -> None:
        if self.dies_at is boundary:
            self.dies_at = None
            raise DiedError(boundary.value)

    async def carry_out(self) -> None:
        """Carry out what is due now."""
        await self.sayso.container.dispatcher.drain()

    async def look_after(self) -> None:
        """Do what a server does now and then beside its calls."""
        await self.sayso.privacy.sweep_all()
        await self.sayso.limits.forget()
        await self.sayso.rollout.compare()
        await self.sayso.canaries.look_after()

    # ---- what is there ---------------------------------------------------------------------------

    def effects(self) -> list[Effect]:
        """What was really done by us, in order: at Stripe, then from the shelf."""
        found = [
            Effect(
                id=one.id,
                action_id=one.metadata["sayso_action"],
                kind=one.kind,
                customer=one.customer or "",
                target=one.target,
                minor=one.amount,
                currency=one.currency.upper(),
                at=one.at,
            )
            for one in self.provider.books().effects
            if one.kind in {"refund", "balance_credit"} and "sayso_action" in one.metadata
        ]
        if not self.variant.has_shelf:
            return found
        return found + [
            Effect(
                id=gift.id,
                action_id=gift.reference,
                kind=gift.action,
                customer=gift.customer,
                target=f"shelf_{gift.customer}",
                minor=gift.minor,
                currency="USD",
                at=0,
            )
            for gift in self.shelf.gifts
        ]

    def rows(self, query: str, values: Sequence[object] = ()) -> list[tuple[object, ...]]:
        """Rows of the database, as somebody reads them who knows no code of ours.

        Args:
            query: with `?` for each value.
        """
        if self._rows is None:
            self._rows = _Rows.of(self.sayso.workspace)
        return self._rows.read(query, values)

    def tables(self) -> Mapping[str, list[tuple[object, ...]]]:
        """All rows of the tables that say how things stand."""
        return {name: sorted(self.rows(f"select * from {name}"), key=repr) for name in STANDING}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rows:
    """Reads rows by a connection of its own, each time as they are then."""

    read: Read
    close: Callable[[], None]

    @classmethod
    def of(cls, workspace: Workspace) -> _Rows:
        if is_postgres(workspace):
            server = psycopg.connect(
                workspace.settings.store.url,
                row_factory=tuple_row,
                options="-c row_security=off -c search_path=sayso",
                autocommit=True,
            )
            return cls(
                read=lambda query, values: server.execute(
                    query.replace("?", "%s").encode(), values
                ).fetchall(),
                close=server.close,
            )
        file = sqlite3.connect(workspace.store_path, timeout=20, isolation_level=None)
        return cls(
            read=lambda query, values: file.execute(query, values).fetchall(), close=file.close
        )


def _without(text: str, connector: str) -> str:
    """Settings that do not set up a connector; `shelf` is the workspace's own."""
    if connector == "shelf":
        return text.replace('actions = ["actions/*.py"]\n', "")
    return re.sub(rf"(?m)^\[connectors\.{connector}\]\n(?:[^\[\n].*\n|\n)*", "", text)


STANDING = (
    "action",
    "approval",
    "request",
    "vote",
    "stop",
    "limit_use",
    "limit_counter",
    "policy_version",
    "hold",
    "customer_link",
    "erasure",
    "request_answer",
    "work",
    "work_note",
    "canary",
    "policy_change",
    "log_entry",
    "log_segment",
    "webhook",
    "action_wrong",
    "rollout_brake",
)
"""Tables that nothing but an operation changes."""


@asynccontextmanager
async def opened(places: Places, variant: Variant) -> AsyncGenerator[World]:
    """A new world of a variant, open."""
    clock = FakeClock()
    clock.advance(hours=1)
    with ExitStack() as stack:
        stack.enter_context(standing(clock))
        provider = stack.enter_context(Sandbox.start(seed="demo", clock=clock))
        slack = stack.enter_context(FakeSlack.start(patience_s=60)) if variant.has_slack else None
        urls = {NOWHERE: provider.url}
        if slack is not None:
            urls[NO_SLACK] = slack.api_url
            for account in (*SLACK.values(), "UDORA"):
                slack.add_user(account)
        async with AsyncExitStack() as beside:
            idp = None
            if variant.has_connection:
                idp = await beside.enter_async_context(FakeIdp.start(lifetime_s=3600))
                urls[NO_IDP] = idp.url
            folder, begun = await beside.enter_async_context(places.copy(variant, urls))
            world = World(
                slack=slack,
                idp=idp,
                variant=variant,
                folder=folder,
                provider=provider,
                clock=clock,
                secrets=dict(begun.secrets),
            )
            world.facts.people = {name: frozenset(roles) for name, roles in PEOPLE.items()}
            world.facts.caps = {one.id: [(0, one.minor)] for one in variant.limits}
            world.facts.stages = {action: [(0, stage)] for action, stage in variant.dials.items()}
            await world.open()
            try:
                yield world
            finally:
                await world.end_beside()
                await world.close()
                for hook in world.hooks.values():
                    hook.receiver.stop()
                BOOKS.pop(folder.resolve(), None)
                DESKS.pop(folder.resolve(), None)
