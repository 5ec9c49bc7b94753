"""Entries as a Parquet file: a column for each field, the exact bytes, and the proofs.

pyarrow is an extra; it is imported only where a file is written or read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import Any

import orjson

from sayso.audit.atomic_files import new_file
from sayso.audit.entry import MAX_BODY_BYTES, StoredEntry
from sayso.audit.exports.rows import ExportRow
from sayso.audit.tree.proof import EntryProof
from sayso.audit.verifier.bundle import ProvenRow
from sayso.errors import Code, IntegrityError
from sayso.extras import missing_extra

FORMAT = b"sayso-audit-parquet/1"
_ROWS = 10_000
"""Rows of one group: what is held in memory at a time."""
_NESTED = "proof"
_READ_ROWS = 256
"""Rows that are read at a time, of a file that somebody else may have written."""
_MOST_ROW_BYTES = 4 * MAX_BODY_BYTES
"""More than a row has: its body, `data` and the other columns once more, and its proof."""


def write_parquet(path: Path, rows: Iterable[ExportRow]) -> int:
    """Write the rows, zstd-compressed; returns how many.

    The file's own key-value metadata has `sayso.format`, `sayso.note` (the signed head) and
    `sayso.vkey`.

    Raises:
        RefusedError: `invalid_input`, when the file exists.
        ConfigError: `missing_extra`.

    Guarantees: the file appears whole and on disk, or not at all.
    """
    arrow, parquet = _arrow()
    source = iter(rows)
    first = next(source, None)
    assert first is not None, "an export holds the entry about itself"
    schema = _schema(arrow).with_metadata(
        {
            b"sayso.format": FORMAT,
            b"sayso.note": first.proof.note.encode(),
            b"sayso.vkey": first.vkey.encode(),
        }
    )
    count = 0
    with (
        new_file(path) as file,
        parquet.ParquetWriter(file, schema, compression="zstd") as writer,
    ):
        group = [first, *islice(source, _ROWS - 1)]
        while group:
            writer.write_batch(
                arrow.RecordBatch.from_pylist([_record(row) for row in group], schema=schema)
            )
            count += len(group)
            group = list(islice(source, _ROWS))
    return count


def read_parquet(path: Path) -> tuple[str, str, Iterator[ProvenRow]]:
    """The signed head, the key, and the rows.

    Raises:
        ConfigError: `missing_extra`.
        IntegrityError: `not_a_database`, when it is no such file.
    """
    arrow, parquet = _arrow()
    try:
        file = parquet.ParquetFile(path)
        metadata: dict[bytes, bytes] = file.schema_arrow.metadata or {}
        if metadata.get(b"sayso.format") != FORMAT or file.schema_arrow != _schema(arrow):
            raise IntegrityError(Code.NOT_A_DATABASE, f"`{path}` is no export of an audit log")
        note, vkey = metadata[b"sayso.note"].decode(), metadata[b"sayso.vkey"].decode()
        _check_sizes(file.metadata, path)
    except (arrow.ArrowException, OSError, KeyError, UnicodeDecodeError) as error:
        raise IntegrityError(
            Code.NOT_A_DATABASE, f"`{path}` cannot be read as Parquet", detail=str(error)
        ) from error
    return note, vkey, _read_rows(arrow, file, note, vkey)


def _check_sizes(metadata: Any, path: Path) -> None:
    """Refuse a file that unpacks to more than entries can have, by what it says of itself.

    NOTE: a few kilobytes can stand for gigabytes. A file that says less than it holds is not found
    out by this; pyarrow unpacks a page as it comes.
    """
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        columns = (group.column(at) for at in range(group.num_columns))
        unpacked = sum(column.total_uncompressed_size for column in columns)
        if unpacked > min(group.num_rows + 1, _ROWS) * _MOST_ROW_BYTES:
            raise IntegrityError(
                Code.NOT_A_DATABASE,
                f"`{path}` has rows that are larger than entries",
                next_step="export the log again; nothing of this file was unpacked",
            )


def _read_rows(arrow: Any, file: Any, note: str, vkey: str) -> Iterator[ProvenRow]:
    try:
        for number in range(file.num_row_groups):
            extent = _Extent()
            for batch in file.iter_batches(_READ_ROWS, row_groups=[number]):
                times = batch.column("at").cast(arrow.int64())
                extent.note(batch.set_column(batch.schema.get_field_index("at"), "at", times))
                records = batch.drop_columns(["at"]).to_pylist()
                for record, at in zip(records, times.to_pylist(), strict=True):
                    yield _read_row({**record, "at": at}, note, vkey)
            # INVARIANT: readers leave out parts, and answer `max`, by what the file says of them.
            if not extent.is_told_by(file.metadata.row_group(number)):
                raise IntegrityError(
                    Code.TAMPERED, "what the Parquet file says of its parts is not what is in them"
                )
    except (arrow.ArrowException, OSError, TypeError, ValueError) as error:
        # Also null in a proof, text that is not UTF-8, and times that are none.
        raise IntegrityError(
            Code.TAMPERED, "the Parquet file is damaged", detail=str(error)
        ) from error


class _Extent:
    """What is in the plain columns of one row group: the number of rows, nulls, and the ends."""

    def __init__(self) -> None:
        self._rows = 0
        self._nulls: dict[str, int] = {}
        self._ends: dict[str, list[Any]] = {}

    def note(self, batch: Any) -> None:
        """Take in the next rows; `at` as a number."""
        compute = import_module("pyarrow.compute")
        self._rows += batch.num_rows
        for name in batch.schema.names:
            column = batch.column(name)
            self._nulls[name] = self._nulls.get(name, 0) + column.null_count
            if name == _NESTED or column.null_count == len(column):
                continue
            ends = compute.min_max(column).as_py()
            for value in (ends["min"], ends["max"]):
                raw = value.encode() if isinstance(value, str) else value
                self._ends.setdefault(name, []).append(raw)
            self._ends[name] = [min(self._ends[name]), max(self._ends[name])]

    def is_told_by(self, group: Any) -> bool:
        """Whether the file's own words about the row group are these, as far as it has any."""
        for number in range(group.num_columns):
            column = group.column(number)
            told, name = column.statistics, column.path_in_schema
            if told is None or name not in self._nulls or name == _NESTED:
                continue
            if told.has_null_count and told.null_count != self._nulls[name]:
                return False
            if told.has_min_max and [told.min_raw, told.max_raw] != self._ends.get(name):
                return False
        return bool(group.num_rows == self._rows)


def _read_row(record: dict[str, Any], note: str, vkey: str) -> ProvenRow:
    seq = record["seq"] if isinstance(record["seq"], int) else -1
    body = str(record["body"]).encode()
    hashes = tuple(bytes(one) for one in record["proof"] or ())
    try:
        row = ExportRow(
            stored=StoredEntry.read(body),
            proof=EntryProof(seq=seq, hashes=hashes, note=note),
            origin="",
            vkey=vkey,
        )
        agrees = _record(row) == record
    except IntegrityError:
        agrees = False
    return ProvenRow(seq=seq, body=body, proof=hashes, agrees=agrees)


def _schema(arrow: Any) -> Any:
    text, number = arrow.string(), arrow.int64()
    fields = [
        ("seq", number),
        ("at", arrow.timestamp("us", tz="UTC")),
        *((name, text) for name in ("kind", "actor_kind", "actor")),
        *((name, text) for name in ("action", "request", "approval", "subject", "name")),
        *((name, text) for name in ("status", "rule", "digest")),
        ("amount_minor", number),
        ("currency", text),
        ("data", text),
        ("body", text),
        ("proof", arrow.list_(arrow.binary())),
    ]
    return arrow.schema(fields)


def _record(row: ExportRow) -> dict[str, object]:
    stored, entry = row.stored, row.stored.entry
    return {
        "seq": stored.seq,
        "at": stored.at_micros,
        "kind": entry.kind.value,
        "actor_kind": entry.actor.kind.value,
        "actor": entry.actor.id,
        "action": entry.action,
        "request": entry.request,
        "approval": entry.approval,
        "subject": entry.subject,
        "name": entry.name,
        "status": entry.status,
        "rule": entry.rule,
        "digest": entry.digest,
        "amount_minor": None if entry.amount is None else entry.amount.amount_minor,
        "currency": None if entry.amount is None else entry.amount.currency,
        "data": orjson.dumps(entry.data, option=orjson.OPT_SORT_KEYS).decode(),
        "body": stored.encoded.decode(),
        "proof": list(row.proof.hashes),
    }


def _arrow() -> tuple[Any, Any]:
    try:
        # Heavy, needs an extra, and has no types: whatever it gives is `Any`.
        return import_module("pyarrow"), import_module("pyarrow.parquet")
    except ImportError as error:
        raise missing_extra("parquet", "Parquet files need an optional part") from error
