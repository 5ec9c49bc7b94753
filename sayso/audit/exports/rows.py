"""One entry on its way out, and the files that hold many."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeAlias

import orjson

from sayso.audit.entry import Json, StoredEntry
from sayso.audit.tree.proof import EntryProof
from sayso.audit.unwritten import writing_to
from sayso.errors import Code, RefusedError


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportRow:
    """An entry with all that a reader elsewhere needs.

    Attributes:
        stored: the entry; its `encoded` are the exact bytes that are hashed.
        proof: leads from those bytes to the signed head of the export.
        origin: `<deployment>/<tenant>`, as the head calls the log.
        vkey: the public key that signed the head.
    """

    stored: StoredEntry
    proof: EntryProof
    origin: str
    vkey: str

    @property
    def body(self) -> Mapping[str, Json]:
        """The entry as JSON."""
        fields: Mapping[str, Json] = orjson.loads(self.stored.encoded)
        return fields


Mapper: TypeAlias = "Callable[[ExportRow], dict[str, Json]]"
"""Makes one event of another format."""


def write_events(path: Path, rows: Iterable[ExportRow], mapper: Mapper) -> int:
    """Write one JSON event per line; returns how many.

    Raises:
        RefusedError: `invalid_input`, when the file exists.

    Guarantees: the file appears whole and on disk, or not at all.
    """
    count = 0
    with new_file(path) as file:
        for row in rows:
            file.write(orjson.dumps(mapper(row)) + b"\n")
            count += 1
    return count


@contextmanager
def new_file(path: Path, mode: int = 0o666) -> Generator[BinaryIO]:
    """A file that gets its name when it is complete and on disk.

    Args:
        mode: who may read it, less the umask.

    Raises:
        RefusedError: `invalid_input`, when there is one of that name.
        ConfigError: `store_full`, `invalid_setting`, when it cannot be written.
    """
    if path.exists():
        raise RefusedError(
            Code.INVALID_INPUT, f"`{path}` exists already", next_step="give the path of a new file"
        )
    unseen = path.parent / f".{path.name}.{secrets.token_hex(4)}"
    try:
        with writing_to(path):
            made = os.open(unseen, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
            with os.fdopen(made, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            unseen.rename(path)
    finally:
        unseen.unlink(missing_ok=True)
