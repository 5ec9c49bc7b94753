"""`sayso audit keys`, `make-key` and `rotate-key`."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from sayso.audit.signed_note.cosignature import Ed25519Cosigner, MlDsaCosigner
from sayso.audit.signed_note.note import Ed25519Signer
from sayso.errors import Code, ConfigError, RefusedError
from sayso.sdk.audit.publishing import read_log_keys, read_next_keys, read_second_keys
from sayso.sdk.client import Sayso
from sayso.surfaces.cli.options import JsonOption, WorkspaceOption
from sayso.surfaces.cli.output import Out
from sayso.surfaces.cli.workspace import CLI, find_workspace, run


class KeyKind(StrEnum):
    """What a key is for."""

    LOG = "log"
    ML_DSA = "ml-dsa"
    WITNESS = "witness"


_MAKERS: dict[KeyKind, Callable[[str], Ed25519Signer | Ed25519Cosigner | MlDsaCosigner]] = {
    KeyKind.LOG: Ed25519Signer.generate,
    KeyKind.ML_DSA: MlDsaCosigner.generate,
    KeyKind.WITNESS: Ed25519Cosigner.generate,
}


def make_key(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A new file for the secret key.")],
    name: Annotated[
        str,
        typer.Option(
            "--name", metavar="NAME", help="The workspace's name, or the witness's address."
        ),
    ],
    kind: Annotated[
        KeyKind, typer.Option("--for", help="A log, its second signature, or a witness.")
    ] = KeyKind.LOG,
    as_json: JsonOption = False,
) -> int:
    """Make a key in a new file that only its owner can read, and print the public one."""
    from sayso.sdk.workspace import write_secret_file

    made = _MAKERS[kind](name)
    try:
        write_secret_file(file, f"{made.to_text()}\n")
    except OSError as error:
        raise ConfigError(
            Code.INVALID_SETTING,
            f"`{file}` cannot be made: {(error.strerror or '').lower()}",
            next_step="name a file that is not there yet",
        ) from error
    out = Out(as_json=as_json)
    if as_json:
        out.document({"file": str(file.absolute()), "vkey": made.vkey})
    else:
        out.line(made.vkey)
    return 0


def rotate_key(workspace: WorkspaceOption = None, as_json: JsonOption = False) -> int:
    """Have `signing.next_key` sign every log from here on; an entry in each says so."""
    from sayso.audit.signing.rotation import FINISH_ROTATION  # only this command needs it

    out = Out(as_json=as_json)
    folder = find_workspace(workspace)

    async def work() -> list[tuple[str, str]]:
        async with Sayso.open(folder, mode="read") as sayso:
            changed = await sayso.audit.rotate_key(by=CLI)
            if not changed:
                raise RefusedError(
                    Code.NOTHING_TO_VERIFY,
                    "there is no log yet",
                    next_step="set `signing.key` to the new key",
                )
            return changed

    changed = run(work())
    if as_json:
        out.document({"logs": [{"tenant": tenant, "vkey": vkey} for tenant, vkey in changed]})
        return 0
    for tenant, vkey in changed:
        out.line(f"{tenant}: {vkey}")
    out.line(f"now {FINISH_ROTATION}")
    return 0


def keys(workspace: WorkspaceOption = None, as_json: JsonOption = False) -> int:
    """Print the key of each log as a line of a policy, for witnesses and auditors.

    Where `signing.next_key` is set, the next key of each log is printed as well: witnesses and
    auditors need it before `sayso audit rotate-key`. Where `publishing.second_key` is set, so is
    the ML-DSA-44 key that signs published heads too; a policy that names it wants both signatures.
    """
    out = Out(as_json=as_json)
    folder = find_workspace(workspace)

    async def work() -> dict[str, list[tuple[str, str]]]:
        async with Sayso.open(folder, mode="read") as sayso:
            return {
                "logs": await read_log_keys(sayso),
                "second": await read_second_keys(sayso),
                "next": await read_next_keys(sayso),
            }

    found = run(work())
    if as_json:
        out.document(
            {
                name: [{"tenant": tenant, "vkey": vkey} for tenant, vkey in listed]
                for name, listed in found.items()
            }
        )
        return 0
    for _, vkey in (*found["logs"], *found["second"]):
        out.line(f"log {vkey}")
    if found["next"]:
        out.line("# from `sayso audit rotate-key` on")
    for _, vkey in found["next"]:
        out.line(f"log {vkey}")
    return 0
