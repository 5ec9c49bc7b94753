"""A shop workspace with a fake Slack and the Slack app, all over real sockets."""

from __future__ import annotations

import itertools
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from support.shop import Shop
from support.shop_workspace import FOLLOWS, POLICY, ShopWorkspace, open_shop
from support.ticks import Ticks

from sayso.agent.base import Planner
from sayso.money import Money
from sayso.sdk.views.rows import ActionView, ApprovalView
from sayso.surfaces.slack import SlackApp, create_slack_app
from sayso.surfaces.slack.pace import AnswerTimeouts, NotifierPace
from sayso.testing.clock import FakeClock
from sayso.testing.slack import (
    CHANNEL,
    SIGNING_SECRET,
    TOKEN,
    FakeSlack,
    InteractionDelivery,
    OpenView,
    PostedMessage,
)

APPROVE, REJECT, LOWER = "sayso.solution.yes", "sayso.solution.no", "sayso.solution.less"
PEOPLE: tuple[dict[str, object], ...] = (
    {"id": "maria", "roles": ["support_manager"], "slack": "T1/UMARIA"},
    {"id": "finn", "roles": ["finance"], "slack": "T1/UFINN"},
    {"id": "intern", "roles": [], "slack": "T1/UINTERN"},
    {"id": "gone", "roles": ["support_manager"], "slack": "T1/UGONE", "active": False},
    {"id": "grid", "roles": ["support_manager"], "slack": "E1/UGRID"},
    *(
        dict[str, object](id=f"m{n}", roles=["support_manager"], slack=f"T1/UM{n}")
        for n in range(10)
    ),
)
ACCOUNTS = ("UMARIA", "UFINN", "UDORA", "UINTERN", "UGONE", "UGRID", *(f"UM{n}" for n in range(10)))

LONG_S = 60.0
PATIENT = AnswerTimeouts(
    whole_s=LONG_S, ask_s=LONG_S, decide_s=LONG_S, edit_s=LONG_S, open_s=LONG_S
)
"""So that what a test proves does not depend on how busy the machine is."""


def less(view: OpenView, amount: str) -> dict[str, str]:
    """What to fill in for a lower amount of the first step that has one."""
    blocks = cast("list[dict[str, str]]", view.view["blocks"])
    block_id = next(
        one["block_id"] for one in blocks if one.get("block_id", "").startswith("lower.")
    )
    return {block_id: amount}


@dataclass(kw_only=True)
class SlackTeam:
    """Everything that a test of the surface touches."""

    workspace: ShopWorkspace
    slack: FakeSlack
    app: SlackApp
    ticks: Ticks
    orders: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    async def ask(self, amount_minor: int = 129_00, reason: str = "my mug broke") -> ApprovalView:
        """Propose a refund that people have to decide, and send its card."""
        approval = await self.ask_quietly(amount_minor, reason)
        await self.send()
        return approval

    async def ask_quietly(
        self, amount_minor: int = 129_00, reason: str = "my mug broke"
    ) -> ApprovalView:
        """The same without sending anything to Slack."""
        order = f"o{next(self.orders)}"
        customer = f"cus_{order}"
        self.workspace.shop.books.add(order, customer, Money(amount_minor, "USD"))
        action = await self.workspace.sayso.propose(
            "shop.refund", {"order": order}, subject=customer, reason=reason
        )
        assert action.approval is not None
        return action.approval

    async def send(self) -> None:
        """Send every card that is due."""
        await self.app.notifier.drain()

    async def work(self) -> None:
        """Carry out what is approved, then send what changed."""
        await self.workspace.sayso.container.dispatcher.drain()
        await self.send()

    def card(self, approval: ApprovalView) -> PostedMessage:
        """The message of an approval."""
        return self.slack.message_of(approval.id)

    async def approval(self, approval: ApprovalView) -> ApprovalView:
        """The approval as it is now."""
        return await self.workspace.sayso.approvals.get(approval.id)

    async def action(self, approval: ApprovalView) -> ActionView:
        """Its action as it is now."""
        return await self.workspace.sayso.actions.get(approval.action_id)

    async def click(
        self, approval: ApprovalView, action_id: str = APPROVE, user: str = "UMARIA"
    ) -> InteractionDelivery:
        """Click on the card, and wait until the person has been told."""
        delivery = await self.slack.click(self.card(approval), action_id, user=user)
        await self.app.all_replied()
        return delivery

    async def less(self, amount: str) -> InteractionDelivery:
        """Fill in the newest form with a lower amount, and send it."""
        form = self.slack.views[-1]
        return await self.slack.submit_view(form, less(form, amount))

    @property
    def told(self) -> list[str]:
        """What people were told so far."""
        return [told.text for told in self.slack.ephemerals]

    async def refusals(self, approval: ApprovalView) -> list[tuple[str, str]]:
        """Who was refused what about an approval: actor and code, oldest first."""
        return sorted(
            (entry.actor, str(entry.body["data"]["code"]))
            for entry in await self.workspace.sayso.audit.tail(500)
            if entry.kind == "approval.refused" and entry.body["approval"] == approval.id
        )


def settings_for(api_url: str, folder: Path, *, socket: bool = False) -> dict[str, object]:
    """The `[slack]` section, with its secrets in files."""
    (folder / "keys").mkdir(parents=True, exist_ok=True)
    (folder / "keys" / "slack.token").write_text(TOKEN)
    (folder / "keys" / "slack.secret").write_text(SIGNING_SECRET)
    (folder / "keys" / "slack.app").write_text("xapp-1-fake")
    way = {"app_token": "file:keys/slack.app"} if socket else {}
    return {
        "bot_token": "file:keys/slack.token",
        **(way or {"signing_secret": "file:keys/slack.secret"}),
        "channel": CHANNEL,
        "api_url": api_url,
    }


@asynccontextmanager
async def open_team(
    folder: Path,
    slack: FakeSlack,
    *,
    make: Callable[[Ticks], NotifierPace] | None = None,
    shop: Shop | None = None,
    clock: FakeClock | None = None,
    patience: AnswerTimeouts = PATIENT,
    api_url: str | None = None,
    people: Sequence[Mapping[str, object]] = PEOPLE,
    approvals: Mapping[str, object] | None = None,
    planner: Planner | None = None,
    policy: str = POLICY,
    policy_section: Mapping[str, object] = FOLLOWS,
    socket: bool = False,
    console: Mapping[str, object] | None = None,
) -> AsyncGenerator[SlackTeam]:
    """Open everything; cards are sent only when a test says so, without pauses.

    Args:
        socket: clicks come over Socket Mode, once the app has connected.
        api_url: of what stands before the fake Slack; its own unless told otherwise.
        approvals, console: these sections of sayso.toml.
    """
    ticks = Ticks()
    pace = (
        make(ticks)
        if make
        else NotifierPace(
            post_every_s=0,
            update_every_s=0,
            timeout_s=LONG_S,
            monotonic=ticks,
            sleep=ticks.sleep,
        )
    )
    for account in ACCOUNTS:
        slack.add_user(account)
    async with open_shop(
        folder,
        shop=shop,
        clock=clock,
        planner=planner,
        policy=policy,
        policy_section=policy_section,
        people=list(people),
        approvals=dict(approvals or {}),
        console=dict(console or {}),
        slack=settings_for(api_url or slack.api_url, folder, socket=socket),
    ) as workspace:
        app = create_slack_app(workspace.sayso, pace=pace, patience=patience, monotonic=ticks)
        async with slack.serve(app):
            yield SlackTeam(workspace=workspace, slack=slack, app=app, ticks=ticks)
        await app.__aexit__()
