"""Which logs do not verify, in a file beside the database: every process here goes by it.

A server that judges its own logs writes it, and so a command that begins later signs nothing on top
of them either. It is no row, since whoever changed the rows could take that away as well. Only what
accuses somebody stands in it: a wrong key and a damaged medium are found out anew each time.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import cast

import orjson

from sayso.errors import Code, IntegrityError
from sayso.ids import Tenant
from sayso.verdicts import NEXT_STEP_OF, AccusationKind

FILE = ".sayso/unverified.json"


def read_alarms(folder: Path) -> dict[Tenant, tuple[IntegrityError, AccusationKind]]:
    """The logs of a workspace that did not verify when it was last looked, and what is wrong."""
    try:
        found: object = orjson.loads((folder / FILE).read_bytes())
    except (OSError, ValueError):
        return {}
    said = cast("dict[str, object]", found) if isinstance(found, dict) else {}
    return {Tenant(name): _alarm(one) for name, one in said.items()}


def _alarm(said: object) -> tuple[IntegrityError, AccusationKind]:
    """One of them; a text alone was written by an earlier release."""
    fields = cast("dict[str, object]", said) if isinstance(said, dict) else {"why": said}
    try:
        sort = AccusationKind(str(fields.get("sort", AccusationKind.BYTES)))
    except ValueError:
        sort = AccusationKind.BYTES
    error = IntegrityError(Code.TAMPERED, str(fields.get("why", "")), next_step=NEXT_STEP_OF[sort])
    return error, sort


def write_alarms(
    folder: Path, refused: Mapping[Tenant, tuple[IntegrityError, AccusationKind]]
) -> None:
    """Note which logs do not verify; without any, the file goes."""
    path = folder / FILE
    with contextlib.suppress(OSError):  # where nothing can be written, this process knows it alone
        if not refused:
            path.unlink(missing_ok=True)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        said = {
            name: {"why": why.message, "sort": sort.value} for name, (why, sort) in refused.items()
        }
        path.write_bytes(orjson.dumps(said))
