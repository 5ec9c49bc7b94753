"""Which logs do not verify, in a file beside the database: every process here goes by it.

A server that judges its own logs writes it, and so a command that begins later signs nothing on top
of them either. It is no row, since whoever changed the rows could take that away as well.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import cast

import orjson

from sayso.errors import Code, IntegrityError
from sayso.ids import Tenant

FILE = ".sayso/unverified.json"


def unverified(tenant: Tenant, why: str) -> IntegrityError:
    """What to say to whoever wants something that a log would have to tell, which fails."""
    return IntegrityError(
        Code.TAMPERED,
        f"the log of `{tenant}` does not verify: {why}",
        next_step="run `sayso audit verify`, and restore the database from a backup; a server, or"
        " that command, notes it when the log verifies again",
    )


def read_alarms(folder: Path) -> dict[Tenant, IntegrityError]:
    """The logs of a workspace that did not verify when it was last looked."""
    try:
        found: object = orjson.loads((folder / FILE).read_bytes())
    except (OSError, ValueError):
        return {}
    said = cast("dict[str, object]", found) if isinstance(found, dict) else {}
    return {
        Tenant(name): IntegrityError(
            Code.TAMPERED, str(why), next_step=unverified(Tenant(name), "").next_step
        )
        for name, why in said.items()
    }


def write_alarms(folder: Path, refused: Mapping[Tenant, IntegrityError]) -> None:
    """Note which logs do not verify; without any, the file goes."""
    path = folder / FILE
    with contextlib.suppress(OSError):  # where nothing can be written, this process knows it alone
        if not refused:
            path.unlink(missing_ok=True)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(orjson.dumps({name: why.message for name, why in refused.items()}))
