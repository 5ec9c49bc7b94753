"""Kill -9 around a manifest's call, for an action of each derived guarantee."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from secrets import token_bytes

import pytest
from connectors.manifest.crash_worker import ENVIRONMENT
from connectors.manifest.stand import shipped
from support.database import make_database
from support.faults.crash import crash_at

from sayso.actions.engine.engine import Boundary
from sayso.audit.signed_note.note import Ed25519Signer
from sayso.connectors.manifest.proof import ActionProof, operation_digest, write_proof
from sayso.connectors.manifest.review import Review, write_reviews
from sayso.connectors.vault import new_key
from sayso.json import JsonValue
from sayso.sdk.client import Sayso
from sayso.sdk.workspace import Workspace
from sayso.testing.clock import FakeClock
from sayso.testing.manifests import GeneratedProvider, ProviderServer

WORK = "connectors.manifest.crash_worker:propose"
ACTIONS = {
    "idempotent": ("chargebee", "credit"),
    "idempotent, then its state": ("chargebee", "pause"),
    "verifiable by our reference": ("jira", "reply"),
    "verifiable by its state": ("freshdesk", "resolve"),
    "at most once": ("freshdesk", "reply"),
    "money that is claimed": ("chargebee", "credit"),
}
"""The last one's like the first, of which alone somebody has seen that it holds."""
KILLED = (Boundary.AFTER_INTENT, Boundary.AFTER_CALL, Boundary.AFTER_OUTCOME)


class Later:
    """The machine's clock, some minutes on: every lease is over."""

    def now(self) -> datetime:
        """The time then."""
        return datetime.now(UTC) + timedelta(minutes=12)


def make_workspace(folder: Path, name: str, action: str, url: str, *, proven: bool) -> None:
    """A workspace whose connector is a shipped manifest that counts as tried, or as proven."""
    source, cases = shipped(name)
    (folder / "keys").mkdir()
    (folder / "keys" / "log.key").write_text(Ed25519Signer.generate("test").to_text())
    (folder / "keys" / "vault.key").write_text(new_key(token_bytes).reveal())
    (folder / "policy.cedar").write_text(
        f'@id("all") @explain("for the test") permit (principal, action == '
        f'Action::"{name}.{action}", resource);'
    )
    settings = "\n".join(f'{key} = "{value}"' for key, value in cases.settings.items())
    (folder / "sayso.toml").write_text(
        f"""
[workspace]
name = "test"
[policy]
files = ["policy.cedar"]
[connectors.{name}]
{settings}
api_key = "env:PROVIDER_KEY"
base_url = "{url}"
"""
    )
    (folder / "connectors").mkdir()
    seen = Review(digest=source.digest, by="maria", at=datetime.now(UTC), verified="recorded")
    write_reviews(folder / "connectors", {name: seen})
    if proven:
        proof = ActionProof(
            operation=operation_digest(source.manifest, action),
            on=date(2026, 11, 29),
            account="test",
            key=True,
            found=True,
            holds_the_money=True,
        )
        write_proof(folder, source.manifest, action, proof)
    make_database(folder / "sayso.db")


@pytest.mark.promise("manifests:crash")
@pytest.mark.parametrize("killed", KILLED)
@pytest.mark.parametrize("guarantee", ACTIONS)
async def test_a_killed_process_leaves_one_effect_and_loses_none(
    tmp_path: Path, guarantee: str, killed: Boundary
) -> None:
    """Whoever comes next finds it or does it, and where nobody can tell, a person is left it."""
    name, verb = ACTIONS[guarantee]
    source, cases = shipped(name)
    case = next(one for one in cases.case if one.action == verb and one.refused is None)
    provider = GeneratedProvider(source=source, cases=cases, case=case, clock=FakeClock())
    with ProviderServer(provider) as server:
        make_workspace(tmp_path, name, verb, server.url, proven=guarantee == "idempotent")
        told: dict[str, JsonValue] = {
            "folder": str(tmp_path),
            "action": f"{name}.{verb}",
            "args": case.args,
            "subject": case.subject,
        }
        crash_at(WORK, killed, told)
        before = provider.effects
        assert before == (0 if killed is Boundary.AFTER_INTENT else 1)
        workspace = Workspace.load(tmp_path, ENVIRONMENT)
        async with Sayso(workspace, mode="run", clock=Later()) as sayso:
            (found,) = await sayso.actions.list()
            view = await sayso.actions.wait(found.id, 60, for_people=False)
            assert sayso.audit.verify().exit_status == 0
    if guarantee == "at most once" and killed is not Boundary.AFTER_OUTCOME:
        assert (view.status, provider.effects) == ("unknown", before)
    elif guarantee == "money that is claimed" and not before:
        assert (view.status, provider.effects) == ("unknown", 0)  # and nobody calls it again
    else:
        assert (view.status, provider.effects) == ("succeeded", 1)
