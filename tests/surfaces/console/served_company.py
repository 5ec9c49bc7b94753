"""A company with an OpenID provider, and a console that believes it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
from support.openid_provider import CLIENT, SECRET, OpenIdProvider, open_provider
from surfaces.console.served_console import ROOT, ServedConsole, open_console

from sayso.errors import RefusedError
from sayso.testing.clock import FakeClock

GROUPS = {"leads": ["support_manager"], "money": ["finance"]}


@dataclass(kw_only=True)
class Company:
    """A provider, and the console that believes it."""

    provider: OpenIdProvider
    console: ServedConsole
    clock: FakeClock

    @asynccontextmanager
    async def browser(self, person: str = "") -> AsyncGenerator[httpx.AsyncClient]:
        """A browser without scripts, in which somebody is signed in, or nobody."""
        secret = await self.console.sign_in(person) if person else ""
        async with self.console.client(secret) as client:
            yield client

    async def login(
        self, browser: httpx.AsyncClient, start: str = "enter/start", **changed: str
    ) -> httpx.Response:
        """Go to the provider and come back; what the callback answered.

        Args:
            changed: of what the browser brings back; empty leaves it out.
        """
        away = await browser.get(f"{ROOT}/{start}")
        assert away.status_code == 303, away.text
        back = await browser.get(away.headers["location"])
        where = urlsplit(back.headers["location"])
        query = {name: one[0] for name, one in parse_qs(where.query).items()} | changed
        query = {name: one for name, one in query.items() if one}
        return await browser.get(where.path, params=query)

    async def who(self, browser: httpx.AsyncClient) -> str:
        """Who is signed in by the session that a browser has; nobody when none."""
        secret = browser.cookies.get("sayso_session")
        if not secret:
            return ""
        try:
            return (await self.console.sayso.sessions.check(secret)).person
        except RefusedError:
            return ""

    async def roles(self, person: str) -> frozenset[str]:
        """What somebody may, by the log."""
        authority = await self.console.sayso.people.authority(self.console.sayso.tenant)
        found = authority.person(person)
        return frozenset() if found is None else found.roles


@asynccontextmanager
async def open_company(folder: Path, **more: Any) -> AsyncGenerator[Company]:
    """A company in which Maria is linked as `u-1`."""
    clock = FakeClock()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "secret").write_text(SECRET)
    (folder / "secret").chmod(0o600)
    async with open_provider(lambda: clock.now().timestamp()) as provider:
        oidc = {
            "issuer": provider.issuer,
            "client_id": CLIENT,
            "client_secret": f"file:{folder / 'secret'}",
            "name": "Acme",
            "groups": GROUPS,
            **more,
        }
        async with open_console(folder / "shop", clock=clock, console={"oidc": oidc}) as console:
            company = Company(provider=provider, console=console, clock=clock)
            async with company.browser("maria") as browser:
                assert (await company.login(browser, "me/link")).status_code == 303
            provider.asked.clear()
            yield company
