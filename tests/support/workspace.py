"""A workspace as a team has it: a folder with a real `sayso.toml`, a key and a database.

`make_workspace(tmp_path, stripe_url=sandbox.url)` gives one with the Stripe connector against the
sandbox, e-mail into `outbox/`, the default policy and four people: maria and noor (support
managers), finn (finance) and idle (a support manager who is not active any more). Without
`stripe_url` the connector is there too, and reaches nothing.

Open it with `Sayso(make_workspace(…))`, or with `Sayso.open(folder, environment=ENVIRONMENT)`.
`policy` replaces the default policy, of which `policy_section` says the rest; `more` is
appended. For a provider in memory see `support.shop_workspace.open_shop`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from secrets import token_bytes

from support.database import make_database

from sayso.audit.signed_note.note import Ed25519Signer
from sayso.connectors.vault import new_key
from sayso.sandbox import API_KEY
from sayso.sdk.workspace import Workspace, write_secret_file
from sayso.settings import FILE_NAME

PEOPLE: Mapping[str, Sequence[str]] = {
    "maria": ["support_manager"],
    "noor": ["support_manager"],
    "finn": ["finance"],
    "idle": ["support_manager"],
}
"""Roles by person; whoever is called `idle` is not active."""

ENVIRONMENT: Mapping[str, str] = {"STRIPE_KEY": API_KEY}
"""The variables to which its sayso.toml refers."""

NOWHERE = "http://127.0.0.1:9"
"""Port 9 is discard (RFC 863): nothing answers there, and nothing is reached by mistake."""

_TOML = """\
[workspace]
name = "test"

[customers]
default = "stripe"

[connectors.email]
from = "support@example.com"
transport = "file"
folder = "outbox"
"""


def make_workspace(
    folder: Path,
    *,
    stripe_url: str | None = None,
    people: Mapping[str, Sequence[str]] = PEOPLE,
    policy: str | None = None,
    policy_section: str = 'follow = "files"',
    more: str = "",
) -> Workspace:
    """A workspace in a new folder; see the module's docstring."""
    folder.mkdir(parents=True, exist_ok=True)
    write_secret_file(folder / "keys" / "log.key", Ed25519Signer.generate("test").to_text())
    write_secret_file(folder / "keys" / "vault.key", new_key(token_bytes).reveal())
    parts = [_TOML]
    base_url = stripe_url or NOWHERE
    parts.append(f'[connectors.stripe]\napi_key = "env:STRIPE_KEY"\nbase_url = "{base_url}"\n')
    if policy is not None:
        (folder / "policy.cedar").write_text(policy, encoding="utf-8")
        parts.append(f'[policy]\nfiles = ["policy.cedar"]\n{policy_section}\n')
    parts += [_person(name, roles) for name, roles in people.items()]
    (folder / FILE_NAME).write_text("\n".join([*parts, more]), encoding="utf-8")
    workspace = Workspace.load(folder, ENVIRONMENT)
    make_database(workspace.store_path)
    return workspace


def _person(name: str, roles: Sequence[str]) -> str:
    held = ", ".join(f'"{role}"' for role in roles)
    active = "" if name != "idle" else "active = false\n"
    return f'[[people]]\nid = "{name}"\nroles = [{held}]\n{active}'
