"""A shop workspace with a fake Teams and our app before it, over real sockets."""

from __future__ import annotations

import itertools
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from joserfc.jwk import RSAKey
from starlette.applications import Starlette
from starlette.routing import Route
from support.shop_workspace import ShopWorkspace, open_shop
from support.ticks import Ticks

from sayso.agent.base import Planner
from sayso.money import Money
from sayso.sdk.background.telling import Telling
from sayso.sdk.chat.answers import AnswerBudget
from sayso.sdk.views.rows import ActionView, ApprovalView
from sayso.surfaces.teams.app import PATH, TeamsApp
from sayso.testing.clock import FakeClock
from sayso.testing.teams import APP_SECRET, TENANT, FakeTeams
from sayso.testing.teams.fake import object_id_of

LONG_S = 60.0
PATIENT = AnswerBudget(decide_s=LONG_S, edit_s=LONG_S)
"""So that what a test proves does not depend on how busy the machine is."""


def account(user: str) -> str:
    """Their account, as people are linked with it."""
    return f"{TENANT}/{object_id_of(user)}"


def linked(person: str, *roles: str, **more: object) -> dict[str, object]:
    """Somebody of `[[people]]`, with the account of their own name."""
    return {"id": person, "roles": list(roles), "accounts": {"teams": account(person)}, **more}


PEOPLE: tuple[Mapping[str, object], ...] = (
    linked("maria", "support_manager"),
    linked("noor", "support_manager"),
    linked("finn", "finance"),
    linked("intern"),
    linked("gone", "support_manager", active=False),
)


@dataclass(kw_only=True)
class TeamsTeam:
    """Everything that a test of the surface touches."""

    workspace: ShopWorkspace
    teams: FakeTeams
    app: TeamsApp
    teller: Telling
    ticks: Ticks
    orders: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    async def ask(self, minor: int = 129_00, reason: str = "my mug broke") -> ApprovalView:
        """Propose a refund that people have to decide, and send its card."""
        order = f"o{next(self.orders)}"
        customer = f"cus_{order}"
        self.workspace.shop.books.add(order, customer, Money(minor, "USD"))
        action = await self.workspace.sayso.propose(
            "shop.refund", {"order": order}, subject=customer, reason=reason
        )
        assert action.approval is not None
        await self.send()
        return action.approval

    async def send(self) -> None:
        """Tell everything that is due."""
        await self.teller.step()

    async def work(self) -> None:
        """Carry out what is approved, then tell what changed."""
        await self.workspace.sayso.container.dispatcher.drain()
        await self.send()

    async def status(self, approval: ApprovalView) -> str:
        """Of an approval, as it is now."""
        return (await self.workspace.sayso.approvals.get(approval.id)).status

    async def action(self, approval: ApprovalView) -> ActionView:
        """Its action as it is now."""
        return await self.workspace.sayso.actions.get(approval.action_id)

    async def refusals(self, approval: ApprovalView) -> list[tuple[str, str]]:
        """Who was refused what about an approval: actor and code, oldest first."""
        return sorted(
            (entry.actor, str(entry.body["data"]["code"]))
            for entry in await self.workspace.sayso.audit.tail(500)
            if entry.kind == "approval.refused" and entry.body["approval"] == approval.id
        )


@asynccontextmanager
async def open_team(
    folder: Path,
    key: RSAKey,
    *,
    people: Sequence[Mapping[str, object]] = PEOPLE,
    in_channel: bool = True,
    planner: Planner | None = None,
    settings: Mapping[str, object] | None = None,
    approvals: Mapping[str, object] | None = None,
    console: Mapping[str, object] | None = None,
    answer_within: str = "",
) -> AsyncGenerator[TeamsTeam]:
    """Open everything; what is due is told only when a test says so.

    Args:
        in_channel: cards stand in a channel, and not with people alone.
        settings: more of `[channels.teams]`.
        approvals, console: these sections of sayso.toml. answer_within: of `[work]`.
    """
    clock, ticks = FakeClock(), Ticks()
    (folder / "keys").mkdir(parents=True, exist_ok=True)
    (folder / "keys" / "teams").write_text(APP_SECRET)
    async with FakeTeams.open(clock.now, key) as teams:
        for person in people:
            teams.add_member(str(person["id"]))
        section = {**teams.settings, "app_secret": "file:keys/teams", **(settings or {})}
        if not in_channel:
            del section["team"], section["channel"]
        async with open_shop(
            folder,
            clock=clock,
            people=list(people),
            planner=planner,
            channels={"teams": section},
            approvals=dict(approvals or {}),
            console=dict(console or {}),
            answer_within=answer_within,
        ) as workspace:
            app = TeamsApp(
                workspace.sayso,
                budget=PATIENT,
                whole_s=LONG_S,
                monotonic=ticks,
                sleep=ticks.sleep,
                timeout_s=LONG_S,
            )
            teams.app = Starlette(routes=[Route(PATH, app.handle, methods=["POST"])])
            try:
                yield TeamsTeam(
                    workspace=workspace, teams=teams, app=app, teller=app.teller, ticks=ticks
                )
            finally:
                await app.close()
