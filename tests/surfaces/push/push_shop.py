"""A shop whose people are told in browsers, by a channel that runs when it is told to."""

from __future__ import annotations

import itertools
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from support.push_service import PushService, SoftBrowser
from support.shop_workspace import ShopWorkspace, open_shop

from sayso.audit.entry import Actor
from sayso.connectors.retry import RetryPolicy
from sayso.money import Money
from sayso.sdk.background.telling import Telling
from sayso.sdk.client import Sayso
from sayso.sdk.views.solution import SolutionView
from sayso.surfaces.push import Pusher

CONTACT = "ops@shop.example"


def make_key(folder: Path, name: str = "push") -> str:
    """A private key, as `openssl` writes it; the reference to it."""
    (folder / "keys").mkdir(parents=True, exist_ok=True)
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    (folder / "keys" / f"{name}.key").write_bytes(pem)
    return f"file:keys/{name}.key"


def tables(folder: Path, **more: object) -> dict[str, Any]:
    """What sayso.toml says of it."""
    section = {"key": make_key(folder), "contact": CONTACT, **more}
    return {"channels": {"push": section}, "webhooks": {"local": True}}


async def _at_once(seconds: float) -> None:
    """No test waits for a push service."""


@dataclass(kw_only=True)
class PushShop:
    """An open shop with a push service."""

    opened: ShopWorkspace
    service: PushService
    orders: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def sayso(self) -> Sayso:
        """The workspace."""
        return self.opened.sayso

    async def turn_on(self, person: str, language: str = "en") -> SoftBrowser:
        """Somebody is told in a new browser from now on."""
        settings = self.sayso.browsers.settings
        assert settings is not None
        made = self.service.subscribe(settings.keys[0].named)
        await self.sayso.browsers.add(person, made.said, language=language, name="Chrome")
        return made

    async def ask(self, minor: int = 129_00, by: Actor | None = None) -> SolutionView:
        """A refund that people have to decide, proposed by a program or by somebody."""
        number = next(self.orders)
        customer = f"cus_{number}"
        self.opened.shop.books.add(f"o{number}", customer, Money(minor, "USD"))
        done = await self.sayso.propose(
            "shop.refund",
            {"order": f"o{number}"},
            subject=customer,
            reason="my mug broke",
            requester=by,
        )
        assert done.approval is not None
        return await self.sayso.solutions.get(done.approval.id)

    async def note(self, view: SolutionView, text: str, by: str = "noor") -> None:
        """Somebody notes something on a card."""
        tenant = self.sayso.tenant
        await self.sayso.solutions.note_as(view.id, text, tenant=tenant, person=by, via="console")

    async def give(self, view: SolutionView, to: str | None, by: str = "noor") -> None:
        """Somebody gives a card to somebody."""
        tenant = self.sayso.tenant
        await self.sayso.solutions.assign_as(view.id, to, tenant=tenant, by=by, via="console")

    async def tell(self, **later: float) -> None:
        """Let time go by, then push what is due."""
        self.opened.clock.advance(**later)
        settings = self.sayso.browsers.settings
        assert settings is not None
        pusher = Pusher(self.sayso, settings, policy=RetryPolicy(sleep=_at_once))
        await Telling(self.sayso, "push", pusher.tells).step()


@asynccontextmanager
async def open_push_shop(
    folder: Path, more: Mapping[str, object] | None = None, **other: Any
) -> AsyncGenerator[PushShop]:
    """A shop that pushes, and a service on this machine.

    Args:
        more: of `[channels.push]`. other: more of sayso.toml.
    """
    with PushService() as service:
        async with open_shop(folder, **tables(folder, **(more or {})), **other) as opened:
            shop = PushShop(opened=opened, service=service)
            await shop.tell()
            yield shop
