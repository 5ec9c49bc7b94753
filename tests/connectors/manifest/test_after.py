"""`after`: a provider that lets two do the same at once is read again; what is wrong is told."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from secrets import token_bytes

import pytest
from connectors.manifest.purse import MANIFEST, SETTINGS, Purse, serving
from support.database import make_database

from sayso.audit.signed_note.note import Ed25519Signer
from sayso.connectors.manifest.review import Review, write_reviews
from sayso.connectors.manifest.source import digest_of
from sayso.connectors.vault import new_key
from sayso.ids import Tenant
from sayso.sdk.client import Sayso
from sayso.sdk.workspace import Workspace
from sayso.testing.clock import FakeClock

AFTER = 'after = [{ that = "customer.given <= `3500`", says = "more was given than $35" }]'
BOUNDED = MANIFEST.replace("args.amount =", f"{AFTER}\nargs.amount =")
POLICY = '@id("all") @explain("x") permit (principal, action, resource);'


def make_workspace(folder: Path, url: str) -> Workspace:
    """A workspace whose manifest counts as tried, and whose policy asks nobody."""
    (folder / "keys").mkdir()
    (folder / "keys" / "log.key").write_text(Ed25519Signer.generate("test").to_text())
    (folder / "keys" / "vault.key").write_text(new_key(token_bytes).reveal())
    (folder / "policy.cedar").write_text(POLICY)
    settings = SETTINGS.format(url=url).replace("[connectors", 'follow = "files"\n[connectors', 1)
    (folder / "sayso.toml").write_text(settings)
    (folder / "connectors").mkdir()
    (folder / "connectors" / "purse.toml").write_text(BOUNDED)
    at = datetime(2026, 11, 1, tzinfo=UTC)
    digest = digest_of(BOUNDED.encode())
    seen = Review(digest=digest, by="test", at=at, verified="recorded")
    write_reviews(folder / "connectors", {"purse": seen})
    make_database(folder / "sayso.db")
    return Workspace.load(folder, {"PURSE_KEY": "test"})


@pytest.mark.promise("engine:after-paying:fits")
@pytest.mark.parametrize(("beside", "code"), [(0, None), (3400, "does_not_fit")])
async def test_what_somebody_else_did_at_the_same_moment_is_seen(
    tmp_path: Path, beside: int, code: str | None
) -> None:
    """$69 were refunded of one payment of $35 by a person and Sayso, and nobody was told."""
    with serving(Purse(beside=beside)) as purse:
        workspace, clock = make_workspace(tmp_path, purse.url), FakeClock()
        async with Sayso(workspace, mode="decide", clock=clock) as sayso:
            view = await sayso.propose(
                "purse.credit",
                {"amount": {"amount_minor": 3500, "currency": "USD"}},
                subject="cus_1",
                reason="it broke",
            )
            clock.advance(seconds=1)
            await sayso.container.engine.advance(Tenant("main"), view.id)
            view = await sayso.actions.get(view.id)
            assert (view.status, view.error and view.error.code) == ("succeeded", code)
            assert [one.why for one in await sayso.work.list()] == (
                ["more was given than $35"] if code else []
            )
            assert sayso.audit.verify(deep=True).verdict == "verified"
