"""A workspace beside the purse whose manifest counts as tried, so that nobody is asked."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from secrets import token_bytes

from connectors.manifest.purse import SETTINGS
from support.database import make_database

from sayso.audit.signed_note.note import Ed25519Signer
from sayso.connectors.manifest.proof import ActionProof, operation_digest, write_proof
from sayso.connectors.manifest.review import Review, write_reviews
from sayso.connectors.manifest.source import read_source
from sayso.connectors.vault import new_key
from sayso.sdk.workspace import Workspace

POLICY = '@id("all") @explain("x") permit (principal, action, resource);'


def make_workspace(folder: Path, url: str, manifest: str, *, tried: bool = False) -> Workspace:
    """The workspace.

    Args:
        tried: its key and its look-up are proven; that it holds the money is the file's word.
    """
    (folder / "keys").mkdir()
    (folder / "keys" / "log.key").write_text(Ed25519Signer.generate("test").to_text())
    (folder / "keys" / "vault.key").write_text(new_key(token_bytes).reveal())
    (folder / "policy.cedar").write_text(POLICY)
    settings = SETTINGS.format(url=url).replace("[connectors", 'follow = "files"\n[connectors', 1)
    (folder / "sayso.toml").write_text(settings)
    (folder / "connectors").mkdir()
    (folder / "connectors" / "purse.toml").write_text(manifest)
    source = read_source(manifest.encode(), "purse.toml")
    at = datetime(2026, 11, 1, tzinfo=UTC)
    seen = Review(digest=source.digest, by="test", at=at, verified="recorded")
    write_reviews(folder / "connectors", {"purse": seen})
    if tried:
        operation = operation_digest(source.manifest, "credit")
        on = date(2026, 11, 29)
        proof = ActionProof(operation=operation, on=on, account="test", key=True, found=True)
        write_proof(folder, source.manifest, "credit", proof)
    make_database(folder / "sayso.db")
    return Workspace.load(folder, {"PURSE_KEY": "test"})
