"""A console that is served for a test, the people who sign in, and real browsers."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.async_api import Browser, BrowserContext, Page, async_playwright
from starlette.applications import Starlette
from starlette.routing import Mount
from support.parcel_shop import ParcelShop, add_playbooks
from support.shop_workspace import POLICY, ShopWorkspace, open_shop

from sayso.actions.model.definition import Action
from sayso.actions.model.plan import Handoff, OnFailure, Plan, Step
from sayso.agent.base import Handles, Message
from sayso.ids import Clock
from sayso.json import JsonValue
from sayso.money import Money
from sayso.sdk.client import Sayso
from sayso.sdk.views.solution import SolutionView
from sayso.serving import OrderlyServer, listen
from sayso.surfaces.console.app import create_console

RULES = (
    POLICY
    + """
@id("gift") @explain("gifts up to 50 run by themselves")
permit (principal, action == Action::"shop.gift", resource)
when { context.amount.lessThanOrEqual(decimal("50.00")) };

@id("letter") @explain("letters run by themselves")
permit (principal, action == Action::"shop.write", resource);
"""
)
PEOPLE: tuple[dict[str, object], ...] = (
    {"id": "maria", "roles": ["support_manager"]},
    {"id": "noor", "roles": ["support_manager"]},
    {"id": "finn", "roles": ["finance"]},
    {"id": "ada"},
)
ROOT = "/console"
WORDS = (
    "The mugs came broken. Please refund $129.00 of order o1. "
    "I want a gift of $10.00. Send me a letter."
)
HALF = (
    "The mugs came broken. Please refund $129.00 of my order. Do not send me a letter. "
    "I read $10.00 somewhere."
)
"""Asks for the refund, not for the gift, and against the letter that the planner adds."""
CUSTOMERS = 12
"""Each with an order of their own, so that one refund does not change what another one shows."""
LETTER = "Dear Ben,\n\nwe are sorry. Your money is on its way.\n\nThe shop"
CHROMIUM = next(
    (
        path
        for name in ("chromium", "chromium-browser", "google-chrome")
        if (path := shutil.which(name))
    ),
    None,
)
_ARGS = (
    "--no-sandbox --disable-background-networking --disable-component-update --disable-sync "
    "--no-first-run --disable-default-apps --disable-features=Translate,MediaRouter"
).split()

needs_chromium = pytest.mark.skipif(
    CHROMIUM is None, reason="there is no Chromium here: apt-get install chromium"
)


class Packages:
    """Plans a refund, a credit and a letter for everybody, or whatever steps a test gives."""

    name = "packages"

    def __init__(self, *steps: Step, on_failure: OnFailure = OnFailure.CONTINUE) -> None:
        self.steps = steps or package()
        self.on_failure = on_failure

    async def plan(
        self, messages: Sequence[Message], handles: Handles, actions: Sequence[Action]
    ) -> Plan | Handoff:
        """See `Planner`."""
        if "person" in messages[-1].content:
            return Handoff(reason="they want a person", planner=self.name)
        return Plan(steps=self.steps, planner=self.name, on_failure=self.on_failure)


def usd(minor: int) -> JsonValue:
    """Money as JSON."""
    return {"amount_minor": minor, "currency": "USD"}


def package(refund: int = 12_900, credit: int = 1000, letter: str = LETTER) -> tuple[Step, ...]:
    """A refund that people are asked about, a credit, and a letter after both."""
    return (
        Step(id="s1", action="shop.refund", args={"order": "order#1", "amount": usd(refund)}),
        Step(id="s2", action="shop.gift", args={"amount": usd(credit)}),
        Step(
            id="s3",
            action="shop.write",
            args={"title": "Your order", "text": letter},
            after=("s1", "s2"),
            reason="the customer is told in writing",
        ),
    )


@dataclass(kw_only=True)
class ServedConsole:
    """An open workspace whose console is served."""

    opened: ShopWorkspace
    shop: ParcelShop
    url: str
    stopped: asyncio.Event

    @property
    def sayso(self) -> Sayso:
        """The workspace."""
        return self.opened.sayso

    async def ask(
        self, words: str = WORDS, *, customer: int = 1, key: str | None = None
    ) -> SolutionView:
        """Have the agent plan something for a customer, and see what waits of it."""
        subject = f"cus_{customer}"
        request = await self.sayso.ask(subject, words, idempotency_key=key)
        assert request.actions, request
        for action in request.actions:
            if action.approval is not None:
                return await self.sayso.solutions.get(action.approval.id)
        raise AssertionError(f"nobody is asked: {request.actions}")

    async def sign_in(self, person: str = "maria") -> str:
        """A session's cookie value."""
        _, secret = await self.sayso.sessions.begin(person, via="token")
        return secret

    def client(self, secret: str = "") -> httpx.AsyncClient:
        """A browser without scripts, as far as HTTP goes."""
        cookies = {"sayso_session": secret} if secret else {}
        return httpx.AsyncClient(
            base_url=self.url,
            cookies=cookies,
            headers={"Sec-Fetch-Site": "same-origin"},
            timeout=60,
        )

    async def context(
        self, browser: Browser, person: str = "maria", **options: Any
    ) -> BrowserContext:
        """A browser window in which somebody is signed in."""
        context = await browser.new_context(**options)
        context.set_default_timeout(60_000)
        await self.sign_in_at(context, person)
        return context

    async def sign_in_at(self, context: BrowserContext, person: str = "maria") -> None:
        """Somebody is signed in there from now on."""
        host = {"url": self.url, "name": "sayso_session", "value": await self.sign_in(person)}
        await context.add_cookies([host])  # type: ignore[list-item]

    def path(self, where: str) -> str:
        """A page's address."""
        return f"{self.url}{ROOT}/{where}"


@asynccontextmanager
async def open_console(
    folder: Path,
    *,
    planner: Packages | None = None,
    policy: str = RULES,
    clock: Clock | None = None,
    work: bool = False,
    name: str = "Ben Okafor",
    host: str = "127.0.0.1",
    shop: ParcelShop | None = None,
    **tables: Any,
) -> AsyncGenerator[ServedConsole]:
    """A workspace with an order of $1,000 for each customer, and its console on a port.

    Args:
        host: by which name browsers open it. tables: more of sayso.toml, such as `approvals`.
    """
    shop = shop or ParcelShop()
    add_playbooks(folder)
    for number in range(1, CUSTOMERS + 1):
        shop.books.add(f"o{number}", f"cus_{number}", Money(100_000, "USD"))
    shop.names.update(dict.fromkeys((f"cus_{n}" for n in range(1, CUSTOMERS + 1)), name))
    async with (
        open_shop(
            folder,
            shop=shop,
            planner=planner or Packages(),
            policy=policy,
            clock=clock,
            work=work,
            people=list(PEOPLE),
            **tables,
        ) as opened,
        serving(opened.sayso) as url,
    ):
        named = url.replace("127.0.0.1", host)
        yield ServedConsole(opened=opened, shop=shop, url=named, stopped=asyncio.Event())


@asynccontextmanager
async def serving(sayso: Sayso, port: int = 0) -> AsyncGenerator[str]:
    """The console of an open workspace, served; its address."""
    console = create_console(sayso)
    app = Starlette(routes=[Mount(ROOT, console)])
    urls: asyncio.Queue[str] = asyncio.Queue()
    listener = listen("127.0.0.1", port)
    server = OrderlyServer(app, grace_s=1, ready=urls.put_nowait)
    task = asyncio.create_task(server.run_on(listener))
    try:
        yield await asyncio.wait_for(urls.get(), 60)
    finally:
        await console.state.changes.stop()
        server.should_exit = True
        await asyncio.wait_for(task, 60)


@asynccontextmanager
async def chromium(fonts: Path | None = None) -> AsyncGenerator[Browser]:
    """A real browser, which reaches nothing but this machine; with a fontconfig file of its own."""
    env: dict[str, str | float | bool] | None = None
    if fonts is not None:
        env = {**os.environ, "FONTCONFIG_FILE": str(fonts)}
    async with async_playwright() as play:
        browser = await play.chromium.launch(executable_path=CHROMIUM, args=_ARGS, env=env)
        try:
            yield browser
        finally:
            await put_away(browser)


@asynccontextmanager
async def profile(folder: Path, **options: Any) -> AsyncGenerator[BrowserContext]:
    """A real browser as people have one, whose windows are not private: it can install a page."""
    async with async_playwright() as play:
        context = await play.chromium.launch_persistent_context(
            folder, executable_path=CHROMIUM, args=_ARGS, **options
        )
        context.set_default_timeout(60_000)
        try:
            yield context
        finally:
            await put_away(context)


async def put_away(it: Browser | BrowserContext | Page) -> None:
    """Close it, and go on where that takes for ever.

    NOTE: Chromium may forget to close a page that has just sent a form, and Playwright waits for it
    without an end. What is left goes with Playwright's own process.
    """
    with suppress(TimeoutError):
        async with asyncio.timeout(10):
            await it.close()


@cache
def axe() -> str:
    """The source of axe-core, which judges a page by WCAG."""
    return (resources.files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")


async def violations(page: Page) -> list[str]:
    """What axe finds wrong on a page, by WCAG 2.2 A and AA and by what is good practice."""
    await page.evaluate(axe())
    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
    found: list[dict[str, Any]] = await page.evaluate(
        "async tags => (await axe.run({runOnly: {type: 'tag', values: tags}})).violations", tags
    )
    return [f"{one['id']}: {[node['target'] for node in one['nodes']][:3]}" for one in found]
