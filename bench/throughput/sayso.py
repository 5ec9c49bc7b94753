"""Sayso in the same flow, through the SDK with everything on.

Cedar policy with limits, sealed reason, audit entries, Merkle tree, signed head, dispatcher. The
person is checked by their token; the provider is a shop in memory, in the same process.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from secrets import token_bytes

from support.shop import Shop

from bench.overhead.sayso import POLICY
from bench.place import open_workspace
from bench.throughput.flow import Place
from sayso.audit.entry import Actor, ActorKind
from sayso.audit.signed_note.note import Ed25519Signer
from sayso.connectors.vault import new_key
from sayso.ids import Tenant
from sayso.money import Money
from sayso.sdk.client import Sayso
from sayso.sdk.resources.tokens import Scope
from sayso.sdk.views.rows import ApprovalView
from sayso.sdk.wiring.database import open_store
from sayso.sdk.workspace import Workspace, write_secret_file

PERSON = "ana"
PAID = Money(50_000, "USD")
REFUND_MINOR = 20_000


class SaysoPeer:
    """An open workspace with a person's token.

    Attributes:
        priority: of what is proposed; None for that of a caller who waits.
        tenant: whose it is; None for the workspace's own.
        ends: what an action may be once its approval is answered.
    """

    priority: int | None = None
    tenant: Tenant | None = None
    ends: frozenset[str] = frozenset({"succeeded"})

    def __init__(self, sayso: Sayso, shop: Shop, token: str) -> None:
        self.sayso = sayso
        self.shop = shop
        self._token = token
        self._cards: dict[str, tuple[int, str]] = {}

    async def propose(self, number: int) -> str:
        """Propose a refund that needs a manager; returns the approval's id."""
        self.shop.books.add(f"o{number}", f"cus_{number}", PAID)
        view = await self.sayso.propose(
            "shop.refund",
            {"order": f"o{number}", "amount": {"amount_minor": REFUND_MINOR, "currency": "USD"}},
            subject=f"cus_{number}",
            reason="it arrived broken",
            priority=self.priority,
            tenant=self.tenant,
        )
        assert view.approval is not None, view
        self.remember(view.approval)
        return view.approval.id

    def remember(self, approval: ApprovalView) -> None:
        """The person sees the card."""
        self._cards[approval.id] = (approval.revision, approval.digest)

    async def approve(self, handle: str) -> None:
        """Decide with the token, as the person who saw the card."""
        revision, digest = self._cards.pop(handle)
        done = await self.sayso.approvals.decide(
            handle, "approve", token=self._token, revision=revision, digest=digest
        )
        assert done.status in self.ends, done

    @property
    def effects(self) -> int:
        """How many refunds the shop has done."""
        return len(self.shop.books.payouts)


def new_workspace(place: Place) -> Workspace:
    """A workspace with a policy, a person and an empty database."""
    folder = place.folder
    (folder / "policy").mkdir(parents=True)
    (folder / "policy" / "shop.cedar").write_text(POLICY, encoding="utf-8")
    write_secret_file(folder / "keys" / "log.key", Ed25519Signer.generate("bench").to_text())
    write_secret_file(folder / "keys" / "vault.key", new_key(token_bytes).reveal())
    workspace = workspace_in(place)
    asyncio.run(open_store(workspace, create=True).close())
    return workspace


def workspace_in(place: Place) -> Workspace:
    """The workspace that `new_workspace` made."""
    tables: dict[str, object] = {
        "policy": {"files": ["policy/*.cedar"]},
        "people": [{"id": PERSON, "roles": ["support_manager"]}],
    }
    if place.url:
        tables["store"] = {"url": place.url}
    return open_workspace(place.folder, **tables)


@asynccontextmanager
async def open_async_peer(place: Place) -> AsyncGenerator[SaysoPeer]:
    """On the workspace of that place."""
    shop = Shop()
    async with Sayso(workspace_in(place), connectors=[shop]) as sayso:
        yield SaysoPeer(sayso, shop, await person_token(sayso))


async def person_token(sayso: Sayso) -> str:
    """A token with which the person decides."""
    _, secret = await sayso.tokens.create(
        sayso.container.tenant,
        "person",
        PERSON,
        frozenset({Scope.DECIDE, Scope.READ}),
        days=1,
        by=Actor(kind=ActorKind.SERVICE, id="bench"),
    )
    return secret


def database_bytes(folder: Path) -> int:
    """The SQLite file with its journal."""
    return sum(file.stat().st_size for file in folder.glob("sayso.db*"))
