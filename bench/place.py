"""Where a bench works: a folder on the real disk, and workspaces in it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_bytes

from sayso.audit.signed_note.note import Ed25519Signer
from sayso.connectors.vault import new_key
from sayso.sdk.workspace import Workspace, write_secret_file
from sayso.settings import parse_settings
from sayso.store.sqlite.schema import migrate
from sayso.store.sqlite.store import open_connection

MOUNTS = Path("/proc/self/mounts")


@contextmanager
def working_folder() -> Generator[Path]:
    """A temporary folder below the working directory, since /tmp may be memory."""
    with tempfile.TemporaryDirectory(prefix=".bench-", dir=Path.cwd()) as folder:
        yield Path(folder)


def with_bytecode(folder: Path) -> dict[str, str]:
    """The environment in which processes keep their bytecode; in `folder` where it is forbidden.

    Some machines forbid bytecode in general, and every start would compile all it imports.
    """
    kept = dict(os.environ)
    if kept.pop("PYTHONDONTWRITEBYTECODE", ""):
        kept["PYTHONPYCACHEPREFIX"] = str(folder)
    return kept


def filesystem_of(folder: Path) -> str:
    """The type of the filesystem, such as `ext4`; `unknown` where the system does not say."""
    if not MOUNTS.exists():
        return "unknown"
    best, found = -1, "unknown"
    for line in MOUNTS.read_text(encoding="utf-8").splitlines():
        point, kind = line.split()[1:3]
        if folder.absolute().is_relative_to(point) and len(point) > best:
            best, found = len(point), kind
    return found


def make_workspace(folder: Path, **tables: object) -> Workspace:
    """A workspace with a new key and an empty database; `tables` as in sayso.toml.

    A PostgreSQL database that they name is there and migrated.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_secret_file(folder / "keys" / "log.key", Ed25519Signer.generate("bench").to_text())
    write_secret_file(folder / "keys" / "vault.key", new_key(token_bytes).reveal())
    workspace = open_workspace(folder, **tables)
    if workspace.settings.store.url.startswith("postgres"):
        return workspace  # its database is migrated already
    connection = open_connection(workspace.store_path, create=True)
    migrate(connection)
    connection.close()
    return workspace


def open_workspace(folder: Path, **tables: object) -> Workspace:
    """A workspace that `make_workspace` made, with the same tables."""
    values: dict[str, object] = {"workspace": {"name": "bench"}, **tables}
    return Workspace(
        folder=folder.absolute(), settings=parse_settings(values, "sayso.toml"), environment={}
    )
