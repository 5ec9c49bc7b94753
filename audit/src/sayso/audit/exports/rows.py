"""One entry on its way out, and the files that hold many."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import orjson

from sayso.audit.atomic_files import new_file
from sayso.audit.entry import Json, StoredEntry
from sayso.audit.tree.proof import EntryProof


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
