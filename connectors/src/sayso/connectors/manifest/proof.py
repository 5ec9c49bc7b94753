"""Proofs: what was seen of a manifest's action at a test account, bound to what was tried.

`connectors/NAME.proof.json` stands beside the manifest, in the workspace, and belongs into git. A
proof holds the digest of the action as it was tried: where the call, the look-up or the place that
it goes to is changed, it is proven no more, and claimed again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from sayso.connectors.manifest.derive import Proven
from sayso.connectors.manifest.schema import Manifest
from sayso.connectors.manifest.source import invalid
from sayso.connectors.manifests import FOLDER

MAX_SHOWN_S = 86_400


class ActionProof(BaseModel):
    """What was seen of one action.

    Attributes:
        operation: digest of what was tried; see `operation_digest`.
        on: the day. account: where.
        key: whether the same key, sent twice, had one effect.
        found: whether the look-up found the effect of a call whose answer was lost.
        shown_after_s: after how many seconds it did.
        absent_after_s: from when on nothing there proves something, taken from that.
        by: who recorded it. seen: how much the account itself showed then, as that person says.
        holds_the_money: whether the provider has nobody else pay, as that person says.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    operation: str
    on: date
    account: str
    key: bool
    found: bool
    shown_after_s: Annotated[int, Field(ge=0, le=MAX_SHOWN_S)] = 0
    absent_after_s: Annotated[int, Field(ge=0, le=MAX_SHOWN_S)] = 0
    by: Annotated[str, Field(max_length=200)] = ""
    seen: Annotated[str, Field(max_length=60)] = ""
    holds_the_money: bool = False

    @property
    def proven(self) -> Proven:
        """As the guarantee is derived from it."""
        return Proven(
            on=self.on.isoformat(),
            key=self.key,
            absent_after_s=self.absent_after_s,
            holds_the_money=self.holds_the_money,
        )


_FILE = TypeAdapter(dict[str, ActionProof])


def operation_digest(manifest: Manifest, verb: str) -> str:
    """The digest of what an action sends, where to, and how its effect is found again."""
    action = manifest.actions[verb]
    tried = {
        "call": action.call.model_dump(mode="json", by_alias=True),
        "look_up": None
        if action.look_up is None
        else action.look_up.model_dump(mode="json", by_alias=True),
        "effect": action.effect.value,
        "connection": manifest.connection.model_dump(
            mode="json", include={"base", "hosts", "graphql", "headers"}
        ),
    }
    written = json.dumps(tried, sort_keys=True, separators=(",", ":"))
    return "sha256:" + hashlib.sha256(written.encode()).hexdigest()


def read_proofs(base: Path, manifest: Manifest) -> Mapping[str, Proven]:
    """What is proven of a manifest's actions as they are now, by verb.

    Args:
        base: the workspace's folder.

    Raises:
        ConfigError: `invalid_manifest`, for a file that is none.
    """
    return {
        verb: proof.proven
        for verb, proof in _read(base, manifest.connector).items()
        if verb in manifest.actions and proof.operation == operation_digest(manifest, verb)
    }


def write_proof(base: Path, manifest: Manifest, verb: str, proof: ActionProof | None) -> Path:
    """Keep a proof of an action beside the manifest, or take back the one that there was."""
    proofs = _read(base, manifest.connector)
    proofs.pop(verb, None)
    if proof is not None:
        proofs[verb] = proof
    path = _path(base, manifest.connector)
    path.parent.mkdir(exist_ok=True)
    kept = {name: proofs[name].model_dump(mode="json") for name in sorted(proofs)}
    path.write_text(json.dumps(kept, indent=2, sort_keys=True) + "\n", "utf-8")
    return path


def _path(base: Path, name: str) -> Path:
    return base / FOLDER / f"{name}.proof.json"


def _read(base: Path, name: str) -> dict[str, ActionProof]:
    path = _path(base, name)
    try:
        return _FILE.validate_json(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValidationError) as error:
        raise invalid(
            f"{FOLDER}/{path.name}",
            "it is no file of proofs",
            f"restore it from git, or delete it and run `sayso connector record {name}`",
        ) from error
