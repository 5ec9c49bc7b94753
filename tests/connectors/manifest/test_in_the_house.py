"""A manifest's action from the proposal to the log, on a provider over real HTTP."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from secrets import token_bytes

import pytest
from connectors.manifest.stand import shipped
from support.database import make_database
from support.shop_workspace import PEOPLE

from sayso.audit.signed_note.note import Ed25519Signer
from sayso.connectors.manifest.review import Review, write_reviews
from sayso.connectors.vault import new_key
from sayso.sdk.client import Sayso
from sayso.testing.clock import FakeClock
from sayso.testing.manifests import GeneratedProvider, ProviderServer

POLICY = """
@id("pause") @explain("a customer may pause their own subscription")
permit (principal, action == Action::"chargebee.pause", resource);

@id("credit") @explain("some credit")
permit (principal, action == Action::"chargebee.credit", resource)
when { context.amount.lessThanOrEqual(decimal("20.00")) };
"""


@pytest.fixture
def provider() -> GeneratedProvider:
    """Chargebee with one customer."""
    source, cases = shipped("chargebee")
    return GeneratedProvider(source=source, cases=cases, case=cases.case[0], clock=FakeClock())


def make_workspace(folder: Path, url: str, *, verified: bool) -> Path:
    """A workspace whose connector is the shipped manifest, pointed at a provider here."""
    (folder / "keys").mkdir()
    (folder / "keys" / "log.key").write_text(Ed25519Signer.generate("test").to_text())
    (folder / "keys" / "vault.key").write_text(new_key(token_bytes).reveal())
    (folder / "policy.cedar").write_text(POLICY)
    people = "\n".join(
        f'[[people]]\nid = "{one["id"]}"\nroles = {one["roles"]}\n' for one in PEOPLE[:3]
    ).replace("'", '"')
    (folder / "sayso.toml").write_text(
        f"""
[workspace]
name = "test"
[policy]
files = ["policy.cedar"]
[connectors.chargebee]
site = "acme-test"
api_key = "env:CHARGEBEE_KEY"
base_url = "{url}"
{people}
"""
    )
    if verified:
        (folder / "connectors").mkdir()
        digest = shipped("chargebee")[0].digest
        at = datetime(2026, 11, 28, tzinfo=UTC)
        seen = Review(digest=digest, by="maria", at=at, verified="recorded")
        write_reviews(folder / "connectors", {"chargebee": seen})
    return folder


def opened(folder: Path) -> Sayso:
    """The workspace with its database made."""
    make_database(folder / "sayso.db")
    environment = {"CHARGEBEE_KEY": "test_key_that_nobody_may_see"}
    return Sayso.open(folder, environment=environment, mode="decide")


@pytest.mark.promise("manifests:ask")
async def test_an_untried_manifest_waits_for_a_person(
    tmp_path: Path, provider: GeneratedProvider
) -> None:
    """The policy lets it run by itself; its file was never tried against the provider."""
    with ProviderServer(provider) as server:
        async with opened(make_workspace(tmp_path, server.url, verified=False)) as sayso:
            view = await sayso.propose(
                "chargebee.pause", {"subscription": "sub_1", "when": "now"}, subject="cus_1"
            )
            assert view.status == "pending_approval"
            assert provider.effects == 0


@pytest.mark.promise("manifests:whole-life")
async def test_a_tried_manifest_is_done_once_and_proven(
    tmp_path: Path, provider: GeneratedProvider
) -> None:
    """Resolved, judged, called, settled and logged like any other action."""
    with ProviderServer(provider) as server:
        async with opened(make_workspace(tmp_path, server.url, verified=True)) as sayso:
            view = await sayso.propose(
                "chargebee.pause", {"subscription": "sub_1", "when": "now"}, subject="cus_1"
            )
            assert view.status == "succeeded"
            assert view.receipt is not None
            assert view.receipt.status == "paused"
            assert provider.effects == 1
            again = await sayso.propose(
                "chargebee.pause", {"subscription": "sub_1", "when": "now"}, subject="cus_1"
            )
            assert again.status == "refused"
            somebody = await sayso.propose(
                "chargebee.pause", {"subscription": "sub_1"}, subject="cus_2"
            )
            assert somebody.status == "refused"
            assert provider.effects == 1
            assert sayso.audit.verify().exit_status == 0
    text = (tmp_path / "sayso.db").read_bytes()
    assert b"test_key_that_nobody_may_see" not in text
