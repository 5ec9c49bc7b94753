"""How far each log was when it verified last, in a file beside the database.

An older copy of a database is a true one, and a log that was cut or dropped tells of nothing. So a
server that judges its own logs keeps how many entries each had, and the root over them, where
whoever writes the database does not reach; the next process begins with it. A file that is not
there accuses nobody: whoever puts a backup back on purpose removes it.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias, cast

import orjson

from sayso.ids import Tenant

FILE = ".sayso/heads.json"

Heads: TypeAlias = "dict[Tenant, tuple[int, bytes]]"
"""Sizes and roots, 32 bytes, by log."""


def read_heads(folder: Path) -> Heads:
    """How far the logs of a workspace were; empty where nothing is kept, or it cannot be read."""
    try:
        found = cast("dict[str, object]", orjson.loads((folder / FILE).read_bytes()))
        return {Tenant(name): _head(said) for name, said in found.items()}
    except (OSError, ValueError, TypeError, AttributeError, KeyError):
        return {}


def keep_heads(folder: Path, heads: Mapping[Tenant, tuple[int, bytes]]) -> None:
    """Keep the newest of them, with those that other processes here have kept.

    Guarantees: another process reads all of it or what was there before. It is not waited for the
    disk: a power cut may lose the newest, which is as if they had not been kept.
    """
    path = folder / FILE
    newest = {**read_heads(folder)}
    for tenant, head in heads.items():
        if head[0] and head[0] >= newest.get(tenant, (0, b""))[0]:
            newest[tenant] = head
    said = {name: {"size": size, "root": root.hex()} for name, (size, root) in newest.items()}
    with contextlib.suppress(OSError):  # where nothing can be written, this process knows it alone
        path.parent.mkdir(parents=True, exist_ok=True)
        unseen = path.with_name(f".{path.name}.{os.getpid()}")
        unseen.write_bytes(orjson.dumps(said))
        unseen.replace(path)


def _head(said: object) -> tuple[int, bytes]:
    fields = cast("dict[str, object]", said)
    return int(cast("int", fields["size"])), bytes.fromhex(str(fields["root"]))
