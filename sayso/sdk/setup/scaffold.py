"""Making a workspace: the files of `sayso init`, the database, and the first approver's token."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from secrets import token_bytes

from sayso.audit.entry import Actor, ActorKind
from sayso.audit.signed_note.note import Ed25519Signer
from sayso.connectors.manifest.schema import Manifest
from sayso.connectors.vault import new_key
from sayso.errors import Code, ConfigError
from sayso.sdk.client import Sayso
from sayso.sdk.resources.tokens import MAX_DAYS, Scope
from sayso.sdk.setup.scaffold_tables import (
    BY_DEFAULT,
    open_settings,
    read_connectors,
    rules_of,
    secrets_of,
    settings_of,
    template,
)
from sayso.sdk.workspace import Workspace, write_secret_file
from sayso.settings import FILE_NAME, read_settings
from sayso.store.sqlite.store import SqliteStore

TOKEN_FILE = ".sayso/person.token"  # noqa: S105  (a path, not a secret)
"""Where the first approver's token is kept, readable by its owner only."""

_KEYS = ("keys/log.key", "keys/vault.key")

FIRST_SCOPES = frozenset(Scope) - {Scope.ENTER}
"""What the first approver's token opens; it ends after `MAX_DAYS` days like every other."""

_PERSON = re.compile(r"[a-z0-9][a-z0-9_.@-]{0,63}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaffold:
    """A workspace that was just made.

    Attributes:
        folder: absolute.
        files: what was written, relative to it, in order.
        approver: the first person who may decide.
        vkey: the public key of the log, for auditors to pin.
        secrets: environment variables that its connectors read their keys from.
        to_fill_in: settings of its connectors that are empty. Until they are not, nobody can tell
            whether the policy fits, so none is in force.
    """

    folder: Path
    files: tuple[str, ...]
    approver: str
    vkey: str
    secrets: tuple[str, ...]
    to_fill_in: tuple[str, ...]


def workspace_name(folder: Path) -> str:
    """A name for the log's origin, made from the folder's."""
    plain = re.sub(r"[^a-z0-9_-]+", "-", folder.absolute().name.lower()).strip("-_")[:40]
    return plain if plain[:1].isalpha() else "sayso"


async def create_workspace(
    folder: Path,
    *,
    approver: str,
    settings: str | None = None,
    connectors: Sequence[str] = BY_DEFAULT,
) -> Scaffold:
    """Make a workspace in a folder, which may exist and hold other files.

    Args:
        approver: the first person's id, with both roles of the default policy.
        settings: another text for `sayso.toml` than the template.
        connectors: which it is to have, of those that ship.

    Raises:
        ConfigError: `workspace_exists`, naming the file that is there already; `invalid_setting`
            for an approver's id that is none, a connector that does not ship, or a folder that
            cannot be written.

    Guarantees: whatever fails, and when it is cancelled, the files that were written are taken away
    again.
    """
    if not _PERSON.fullmatch(approver):
        raise ConfigError(
            Code.INVALID_SETTING,
            f"`{approver[:40]}` is no id of a person",
            next_step="use lower-case letters, digits and . _ @ -, such as --approver maria",
        )
    folder = folder.absolute()  # noqa: ASYNC240  (asks the process, not the disk)
    name = workspace_name(folder)
    signer = Ed25519Signer.generate(name)
    chosen = read_connectors(connectors)
    files = _files(name, approver, settings, chosen)
    _refuse_existing(folder, (*files, *_KEYS, TOKEN_FILE, "sayso.db"))
    written: list[Path] = []
    try:
        _write(folder, files, signer, written)
        to_fill_in = open_settings(chosen)
        vkey = await _make_database(folder, approver, written, begins=not to_fill_in)
    except BaseException as error:  # Ctrl-C too: what is left would be refused as a workspace
        for path in reversed(written):
            path.unlink(missing_ok=True)
        if not isinstance(error, OSError):
            raise
        raise ConfigError(
            Code.INVALID_SETTING,
            f"a workspace cannot be written to `{folder}`",
            next_step="choose a folder that this user may write to",
            detail=str(error),
        ) from error
    names = (*files, *_KEYS, "sayso.db", TOKEN_FILE)
    return Scaffold(
        folder=folder,
        files=names,
        approver=approver,
        vkey=vkey,
        secrets=tuple(secrets_of(chosen)),
        to_fill_in=tuple(to_fill_in),
    )


def _files(
    name: str, approver: str, settings: str | None, connectors: Mapping[str, Manifest | None]
) -> dict[str, str]:
    """The files by relative path; sayso.toml last, since it is what makes it a workspace."""
    text = settings or settings_of(connectors)
    return {
        **{f"policies/{file}": policy for file, policy in rules_of(connectors).items()},
        "policies/limits.toml": template("limits.toml"),
        "playbooks/points.toml.example": template("playbook.toml"),
        "shop.toml": template("shop.toml"),
        "actions/points.py.example": template("action.py"),
        FILE_NAME: text.replace("{name}", name).replace("{approver}", approver),
    }


def _refuse_existing(folder: Path, names: tuple[str, ...]) -> None:
    for name in (FILE_NAME, *names):
        if (folder / name).exists():
            raise ConfigError(
                Code.WORKSPACE_EXISTS,
                f"`{folder / name}` is there already",
                next_step="use it with `sayso check`, or choose another folder",
            )


def _write(
    folder: Path, files: Mapping[str, str], signer: Ed25519Signer, written: list[Path]
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, key in zip(_KEYS, (signer.to_text(), new_key(token_bytes).reveal()), strict=True):
        write_secret_file(folder / name, key + "\n")
        written.append(folder / name)
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            written.append(path)
            file.write(content)
    _ignore_secrets(folder / ".gitignore", written)


def _ignore_secrets(path: Path, written: list[Path]) -> None:
    """Add what git must not see to a .gitignore, which may be there already."""
    if not path.exists():
        written.append(path)
    with path.open("a", encoding="utf-8") as file:
        file.write(("\n" if file.tell() else "") + template("gitignore"))


async def _make_database(folder: Path, approver: str, written: list[Path], *, begins: bool) -> str:
    workspace = Workspace(folder=folder, settings=read_settings(folder / FILE_NAME), environment={})
    path = workspace.store_path
    written += [path, path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")]
    store = SqliteStore(path, create=True)
    await store.close()
    async with Sayso(workspace, mode="read") as sayso:
        _, secret = await sayso.tokens.create(
            sayso.container.tenant,
            "person",
            approver,
            FIRST_SCOPES,
            days=MAX_DAYS,
            by=Actor(kind=ActorKind.SERVICE, id="cli"),
        )
        if begins:
            await sayso.policy.begin(by=Actor(kind=ActorKind.SERVICE, id="cli"), via="init")
        token = folder / TOKEN_FILE
        write_secret_file(token, secret + "\n")
        written.append(token)
        return sayso.audit.vkey()
