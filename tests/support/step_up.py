"""A help desk and a payment provider whose customers nobody knows yet, and a post office."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import httpx
from support.post_office import PostOffice
from support.shop_workspace import FOLLOWS, make_shop_workspace
from support.trio import POLICY, Trio, make_trio

from sayso.actions.model.definition import Action, Assurance, Subject
from sayso.actions.model.plan import Handoff, Plan, Step
from sayso.agent.base import Handles, Message
from sayso.audit.verifier.verification import Verdict
from sayso.json import JsonValue
from sayso.money import Money
from sayso.sdk.client import Sayso
from sayso.sdk.views.rows import RequestView
from sayso.surfaces.http.app import create_app
from sayso.testing.clock import FakeClock

WORDS = "Please refund $20.00 of payment p1"
PLAYBOOK = """
version = 2
name = "back"
summary = "money back"

[slots.payment]
type = "object"
kind = "payment"

[slots.amount]
type = "money"
of = "payment"

[[steps]]
action = "pay.refund"
args = { payment = "{payment}", amount = "{amount}" }

[words.en]
ask = ["refund*"]

[words.de]
ask = ["erstatt*"]
"""

REPLY = """
version = 2
name = "reply"
summary = "an answer"

[slots.ticket]
type = "object"
kind = "ticket"

[[steps]]
action = "desk.reply"
args = { ticket = "{ticket}" }

[words.en]
ask = ["answer*"]
"""
REPLY_ASKED = POLICY.replace(
    'permit (principal, action == Action::"desk.reply", resource);',
    'permit (principal, action == Action::"desk.reply", resource)\n'
    'when { context.approvedBy.contains("support_manager") };',
)
"""A policy by which a manager has to agree to each answer."""


class Back:
    """A planner that wants $20 of the first payment back, and keeps what it was shown."""

    name = "scripted"

    def __init__(self, minor: int = 2_000) -> None:
        self.minor = minor
        self.seen: list[str] = []

    async def plan(
        self, messages: Sequence[Message], handles: Handles, actions: Sequence[Action]
    ) -> Plan | Handoff:
        self.seen += [message.content for message in messages]
        if "payment#1" not in handles.records:
            return Handoff(reason="there is no payment", planner="scripted")
        args: dict[str, JsonValue] = {
            "payment": "payment#1",
            "amount": Money(self.minor, "USD").to_json(),
        }
        step = Step(id="b", action="pay.refund", args=args, reason="as asked")
        return Plan(steps=(step,), planner="scripted")


class Answer(Back):
    """A planner that wants the first ticket answered."""

    async def plan(
        self, messages: Sequence[Message], handles: Handles, actions: Sequence[Action]
    ) -> Plan | Handoff:
        step = Step(id="r", action="desk.reply", args={"ticket": "ticket#1"}, reason="as asked")
        return Plan(steps=(step,), planner="scripted")


@dataclass(kw_only=True)
class Counter:
    """An open workspace, its providers, its post office, its planner and its clock."""

    sayso: Sayso
    trio: Trio
    post: PostOffice
    planner: Back
    clock: FakeClock
    folder: Path

    async def ask(
        self,
        who: str = "pay:cus_ada",
        words: str = WORDS,
        *,
        thread: str | None = None,
        known: bool = False,
    ) -> RequestView:
        """Somebody writes, as anybody could."""
        sure = Assurance.VERIFIED if known else Assurance.UNVERIFIED
        told = await self.sayso.ask(Subject(id=who, assurance=sure), words, conversation=thread)
        await self.sayso.container.agent.sent()
        return told

    async def answer(
        self, asked: RequestView, words: str = "", choice: str | None = None
    ) -> RequestView:
        """They answer the open question."""
        assert asked.question is not None, asked.reply
        told = await self.sayso.requests.answer(
            asked.id, words, question=asked.question.number, choice=choice
        )
        await self.sayso.container.agent.sent()
        return told

    @cached_property
    def web(self) -> httpx.AsyncClient:
        """A browser, or a program, that opens the workspace's pages."""
        transport = httpx.ASGITransport(create_app(self.sayso))
        return httpx.AsyncClient(transport=transport, base_url="https://help.shop.example")

    @property
    def paid(self) -> int:
        """How often money moved."""
        return len(self.trio.pay.done)

    async def kinds(self) -> list[str]:
        """The log's kinds, oldest first."""
        return [one.kind for one in reversed(await self.sayso.audit.query(limit=500))]


def stocked() -> Trio:
    """Ada has an account at the payments, and so has Eve, who attacks."""
    trio = make_trio()
    trio.pay.person("cus_ada", email="ada@example.com")
    trio.pay.person("cus_eve", email="eve@evil.example")
    trio.pay.thing("p1", "cus_ada", Money(3_000, "USD"))
    trio.pay.thing("p2", "cus_eve", Money(3_000, "USD"))
    trio.desk.person("7723", email="ada@example.com")
    trio.desk.thing("t1", "7723")
    return trio


@asynccontextmanager
async def open_counter(
    folder: Path,
    trio: Trio | None = None,
    *,
    post: PostOffice | None = None,
    texts: PostOffice | None = None,
    has_post: bool = True,
    planner: Back | None = None,
    playbook: str = PLAYBOOK,
    clock: FakeClock | None = None,
    policy: str = POLICY,
    verified: bool = True,
    **customers: object,
) -> AsyncGenerator[Counter]:
    """Open it; on leaving the whole log is verified."""
    made = trio or stocked()
    tables: Mapping[str, object] = {"customers": customers}
    workspace = make_shop_workspace(folder, policy, policy_section=FOLLOWS, **tables)
    (folder / "playbooks" / "shop.toml").write_text(playbook)
    office, plans, time = post or PostOffice(), planner or Back(), clock or FakeClock()
    sayso = Sayso(
        workspace,
        mode="decide",
        connectors=[*made.all, *([office] if has_post else []), *([texts] if texts else [])],
        clock=time,
        planner=plans,
    )
    async with sayso:
        yield Counter(sayso=sayso, trio=made, post=office, planner=plans, clock=time, folder=folder)
        if verified:
            assert sayso.audit.verify(deep=True).verdict is Verdict.VERIFIED
