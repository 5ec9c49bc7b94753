"""Sayso beside the real shop: its workspace, and a process of it that can be killed."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from secrets import token_bytes

from real.shop import HERE, RealShop
from support.database import make_database
from support.forks import forks

from sayso.audit.signed_note.note import Ed25519Signer
from sayso.connectors.manifest.review import Review, write_reviews
from sayso.connectors.manifest.source import digest_of
from sayso.connectors.vault import new_key
from sayso.json import JsonObject
from sayso.sdk.client import Sayso
from sayso.sdk.views.rows import ActionView
from sayso.sdk.workspace import Workspace
from sayso.testing.clock import FakeClock

MANIFEST = (HERE / "vendure.toml").read_text()
NEEDED = "lines = [], shipping = 0, adjustment = 0, "
"""Without these Vendure 3.7 has the acquirer pay, and then cannot write its refund down."""
POLICY = """
@id("all") @explain("for the test")
permit (principal, action == Action::"vendure.refund", resource);
"""


def make_workspace(folder: Path, url: str, manifest: str = MANIFEST) -> Path:
    """A workspace whose manifest counts as tried, so that nobody is asked."""
    (folder / "keys").mkdir(parents=True)
    (folder / "keys" / "log.key").write_text(Ed25519Signer.generate("test").to_text())
    (folder / "keys" / "vault.key").write_text(new_key(token_bytes).reveal())
    (folder / "policy.cedar").write_text(POLICY)
    (folder / "connectors").mkdir()
    (folder / "connectors" / "vendure.toml").write_text(manifest)
    seen = Review(
        digest=digest_of(manifest.encode()),
        by="test",
        at=datetime(2026, 11, 1, tzinfo=UTC),
        verified="recorded",
    )
    write_reviews(folder / "connectors", {"vendure": seen})
    (folder / "sayso.toml").write_text(
        f"""
[workspace]
name = "test"
[policy]
files = ["policy.cedar"]
follow = "files"
[connectors.vendure]
shop = "loopback"
api_key = "env:VENDURE_KEY"
base_url = "{url}"
[[people]]
id = "maria"
roles = ["support_manager"]
"""
    )
    make_database(folder / "sayso.db")
    return folder


def opened(folder: Path, key: str, clock: FakeClock) -> Sayso:
    """The workspace, opened by a process that works only when it is asked."""
    workspace = Workspace.load(folder, {"VENDURE_KEY": key})
    return Sayso(workspace, mode="decide", clock=clock)


def refund_of(shop: RealShop, number: int, minor: int) -> tuple[str, JsonObject]:
    """Whose, and what: a part of an order."""
    order = shop.orders[number]
    money: JsonObject = {"amount_minor": minor, "currency": "USD"}
    return order.customer, {"order": order.id, "amount": money}


async def propose(sayso: Sayso, subject: str, args: JsonObject) -> ActionView:
    """Propose a refund and carry it out."""
    return await sayso.propose(
        "vendure.refund",
        args,
        subject=subject,
        reason="it broke",
        idempotency_key=f"order-{args['order']}",
    )


def _ask_in_a_process(folder: str, key: str, subject: str, args: JsonObject) -> None:
    async def work() -> None:
        async with opened(Path(folder), key, FakeClock()) as sayso:
            await propose(sayso, subject, args)

    asyncio.run(work())


def ask_in_a_process(folder: Path, key: str, subject: str, args: JsonObject) -> ForkServerProcess:
    """Propose and carry out in a process of its own, which may be killed."""
    process = forks().Process(target=_ask_in_a_process, args=(str(folder), key, subject, args))
    process.start()
    return process
