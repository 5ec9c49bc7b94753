"""Exports in other people's formats: judged by their own schemas, and proven row by row."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import AsyncGenerator, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import duckdb
import orjson
import pytest
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from support.shop_workspace import BEGUN, ShopWorkspace, open_shop

from sayso.audit.entry import canonical_bytes
from sayso.audit.exports.event_formats import SCHEMA_VERSION
from sayso.audit.queries.query import Query
from sayso.audit.signed_note.note import Ed25519Signer
from sayso.audit.verifier.checks import Trust
from sayso.audit.verifier.verification import Check, Verdict
from sayso.audit.verify import verify
from sayso.errors import Code, ConfigError, IntegrityError, RefusedError
from sayso.money import Money
from sayso.sdk.audit.exporting import ExportFormat, ExportSource, write_export
from sayso.store.base import Reader

# These have no types, or none that a strict checker takes.
ARROW: Any = import_module("pyarrow")
PARQUET: Any = import_module("pyarrow.parquet")
JSON_SCHEMA: Any = import_module("jsonschema")
OCSF: Any = import_module("ocsf_json_schema")

FORMATS = ("jsonl", "parquet", "ocsf", "cloudevents")
HOSTILE = "</script><img src=x onerror=alert(1)> \u202e‮ {{7*7}} 'or 1=1-- \u0000"


@dataclass(frozen=True, kw_only=True)
class Lived:
    """A workspace in which something has happened."""

    opened: ShopWorkspace
    folder: Path

    async def export(self, kind: str, words: str = "") -> Path:
        """An export of the log."""
        path = self.folder / f"export.{kind}"
        await self.opened.sayso.audit.export(path, words, format=kind)
        return path

    def verdict(self, path: Path) -> Verdict:
        """Judged with the log's own key pinned."""
        return verify(path, trust=Trust.parse([self.opened.sayso.audit.vkey()])).verdict


@pytest.fixture
async def lived(tmp_path: Path) -> AsyncGenerator[Lived]:
    """A small refund, one that waits for a person, one that is refused, and a query."""
    async with open_shop(tmp_path) as opened:
        for number, amount in enumerate((1000, 30000)):
            opened.shop.books.add(f"o{number}", "cus_1", Money(amount, "USD"))
            await opened.sayso.propose(
                "shop.refund", {"order": f"o{number}"}, subject="cus_1", reason=HOSTILE[:-1]
            )
        await opened.sayso.audit.query("kind:action.pending")
        yield Lived(opened=opened, folder=tmp_path)


@pytest.mark.parametrize("words", ["", "name:shop.refund"], ids=["all", "some"])
@pytest.mark.parametrize("kind", FORMATS)
async def test_every_format_proves_itself_offline(lived: Lived, kind: str, words: str) -> None:
    """audit-log.md 4.8: also a filtered export, row by row, with the key pinned."""
    path = await lived.export(kind, words)
    found = verify(path, trust=Trust.parse([lived.opened.sayso.audit.vkey()]))
    assert found.verdict is Verdict.VERIFIED, found.all_findings
    assert found.entries == (4 if words else BEGUN + 7)
    assert found.logs[0].complete is (kind == "jsonl" and not words)
    assert verify(path, trust=Trust.parse([_other_key()])).verdict is Verdict.CANNOT_JUDGE


@pytest.mark.parametrize("kind", FORMATS)
async def test_an_export_is_an_entry_with_its_query_and_format(lived: Lived, kind: str) -> None:
    """Whoever takes data out leaves a trace."""
    await lived.export(kind, "name:shop.refund")
    newest = (await lived.opened.sayso.audit.tail(1))[0]
    assert newest.kind == "audit.exported"
    assert newest.body["data"] == {"query": "name:shop.refund", "format": kind}


@cache
def _ocsf() -> Any:
    """The official schema of the class."""
    schemas = OCSF.OcsfJsonSchemaEmbedded(OCSF.get_ocsf_schema(SCHEMA_VERSION))
    return JSON_SCHEMA.Draft202012Validator(schemas.get_class_schema("api_activity", []))


async def test_ocsf_events_fit_the_official_schema(lived: Lived) -> None:
    """OCSF 1.8, class API Activity, which takes no attribute that it does not know."""
    path = await lived.export("ocsf")
    events = [orjson.loads(line) for line in path.read_bytes().splitlines()]
    assert len(events) == BEGUN + 7
    for event in events:
        assert [error.message for error in _ocsf().iter_errors(event)] == []
        assert event["type_uid"] == event["class_uid"] * 100 + event["activity_id"]
    assert {event["activity_name"] for event in events} >= {"Update", "Read"}
    done = next(event for event in events if event["api"]["operation"] == "action.succeeded")
    assert (done["status_id"], done["severity_id"]) == (1, 1)
    del done["actor"]
    assert list(_ocsf().iter_errors(done))


async def test_cloudevents_are_what_the_sdk_reads(lived: Lived) -> None:
    """CloudEvents 1.0: the official SDK reads each one, and its data gives the hashed bytes."""
    path = await lived.export("cloudevents")
    bodies = _bodies(lived)
    for line in path.read_bytes().splitlines():
        event = JSONFormat().read(CloudEvent, line)
        data: Any = event.get_data()
        assert event.get_specversion() == "1.0"
        assert event.get_source() == "urn:sayso:test/main"
        assert event.get_type() == f"sayso.{data['kind']}"
        assert event.get_time() is not None
        assert canonical_bytes(data) == bodies[int(event.get_id())]


async def test_parquet_goes_into_duckdb(lived: Lived) -> None:
    """The re-import that docs/reference/audit-exports.md shows."""
    path = await lived.export("parquet")
    with duckdb.connect() as database:
        rows = database.execute(
            "select name, count(*), sum(amount_minor) from read_parquet(?)"
            " where kind in ('action.succeeded', 'action.pending') group by name",
            [str(path)],
        ).fetchall()
        assert rows == [("shop.refund", 2, 31000)]
        (first,) = database.execute(
            "select body from read_parquet(?) order by seq limit 1", [str(path)]
        ).fetchone() or ("",)
    assert first.encode() == _bodies(lived)[0]


async def test_the_queries_of_the_docs_work_as_printed(lived: Lived) -> None:
    """Some names of columns are words of DuckDB's own."""
    path = await lived.export("parquet")
    text = (Path(__file__).parents[2] / "docs/reference/audit-exports.md").read_text()
    printed = text.partition("```sql\n")[2].partition("```")[0]
    assert "march.parquet" in printed
    statements = [
        one for one in printed.replace("march.parquet", str(path)).split(";") if one.strip()
    ]
    with duckdb.connect() as database:
        found = [database.execute(one).fetchall() for one in statements]
        assert database.execute("select count(*) from entries").fetchall() == [(BEGUN + 7,)]
    assert [len(rows) for rows in found] == [0, 1, 1]  # nobody approved a `stripe.refund` here


EDITS = {
    "ocsf": [(b'"status":"Success"', b'"status":"Failure"'), (b"shop.refund", b"shop.refumd")],
    "cloudevents": [(b'"type":"sayso.action.', b'"type":"sayso.actiom.'), (b"1000", b"9000")],
}


@pytest.mark.parametrize(
    ("kind", "old", "new"), [(kind, *edit) for kind, edits in EDITS.items() for edit in edits]
)
async def test_an_edited_event_is_found_whichever_side_was_edited(
    lived: Lived, kind: str, old: bytes, new: bytes
) -> None:
    """The mapped fields must be those that the proven bytes give."""
    path = await lived.export(kind)
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new, 1))
    assert lived.verdict(path) is Verdict.TAMPERED


async def test_events_in_another_spelling_still_verify(lived: Lived) -> None:
    """A pipeline may write the same JSON with other blanks and in another order."""
    path = await lived.export("ocsf")
    lines = path.read_bytes().splitlines()
    again = [orjson.dumps(orjson.loads(line), option=orjson.OPT_SORT_KEYS) for line in lines]
    path.write_bytes(b"".join(line + b"\n" for line in again))
    assert lived.verdict(path) is Verdict.VERIFIED
    path.write_bytes(b"".join(line + b"\n" for line in reversed(lines)))
    assert lived.verdict(path) is Verdict.TAMPERED


async def test_an_edited_column_of_parquet_is_found(lived: Lived) -> None:
    """Also when the exact bytes beside it are still proven."""
    path = await lived.export("parquet")
    table = PARQUET.read_table(path)
    records = table.to_pylist()
    records[0]["amount_minor"] = 1
    again = ARROW.Table.from_pylist(records, schema=table.schema)
    PARQUET.write_table(again, path)
    found = verify(path, trust=Trust.parse([lived.opened.sayso.audit.vkey()]))
    assert [one.check for one in found.all_findings] == [Check.PROJECTIONS_AGREE]


@pytest.mark.promise("audit:no-crash")
@pytest.mark.parametrize(
    ("kind", "old", "new"),
    [
        ("ocsf", b'"severity_id":1', b'"severity_id":9,"severity_id":1'),
        ("ocsf", b'"severity_id":1', b'"severity_id":true'),
        ("ocsf", b'"severity_id":1', b'"severity_id":1.0'),
        ("cloudevents", b'"kind":"action.pending"', b'"kind":"x","kind":"action.pending"'),
        ("cloudevents", b'"specversion"', b'"subject":"act_x","specversion"'),
    ],
)
async def test_an_event_that_readers_read_differently_is_refused(
    lived: Lived, kind: str, old: bytes, new: bytes
) -> None:
    """Of a name that stands twice some take the first, and Python takes `true` for 1."""
    path = await lived.export(kind)
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new, 1))
    assert lived.verdict(path) is not Verdict.VERIFIED


@pytest.mark.promise("audit:no-crash")
@pytest.mark.parametrize("wrong", ["null in a proof", "text that is none"])
async def test_a_parquet_file_with_values_that_no_writer_writes_is_judged(
    lived: Lived, wrong: str
) -> None:
    """Arrow gives them on, and Python trips over them."""
    path = await lived.export("parquet")
    table = PARQUET.read_table(path)
    if wrong == "null in a proof":
        column = ARROW.array([[None]] * len(table), table.schema.field("proof").type)
        table = table.set_column(table.schema.get_field_index("proof"), "proof", column)
    else:
        column = ARROW.array([b"\xff"] * len(table), ARROW.binary()).view(ARROW.string())
        table = table.set_column(table.schema.get_field_index("kind"), "kind", column)
    PARQUET.write_table(table, path)
    assert lived.verdict(path) is not Verdict.VERIFIED


@pytest.mark.promise("audit:no-crash")
async def test_a_parquet_file_of_giant_rows_is_not_unpacked(lived: Lived) -> None:
    """Seventeen kilobytes took three gigabytes: it says itself that its rows are no entries."""
    path = await lived.export("parquet")
    table = PARQUET.read_table(path)
    giant = ARROW.array(["x" * 40_000_000, *[""] * (len(table) - 1)])
    at = table.schema.get_field_index("body")
    PARQUET.write_table(table.set_column(at, "body", giant), path, compression="zstd")
    assert path.stat().st_size < 100_000
    before = ARROW.total_allocated_bytes()
    found = verify(path)
    assert found.verdict is Verdict.CANNOT_JUDGE
    assert "rows that are larger than entries" in found.all_findings[0].message
    assert ARROW.total_allocated_bytes() <= before


async def test_a_parquet_file_cannot_belie_its_own_rows(lived: Lived) -> None:
    """DuckDB leaves out the parts in which, by the file's own word, nothing can fit."""
    path = await lived.export("parquet")
    content = path.read_bytes()
    foot = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    smallest, largest = (number.to_bytes(8, "little") for number in (1_000, 30_000))
    assert largest in content[foot:]
    path.write_bytes(content[:foot] + content[foot:].replace(largest, smallest))
    with duckdb.connect() as database:
        asked = "select count(*) from read_parquet(?) where amount_minor > 2000"
        assert database.execute(asked, [str(path)]).fetchone() == (0,)
    assert lived.verdict(path) is not Verdict.VERIFIED


@pytest.mark.parametrize("kind", ["ocsf", "cloudevents", "parquet"])
async def test_a_cut_file_is_not_verified(lived: Lived, kind: str) -> None:
    """Cut anywhere but at the end of a line."""
    path = await lived.export(kind)
    content = path.read_bytes()
    path.write_bytes(content[:-20])
    assert lived.verdict(path) is not Verdict.VERIFIED


@pytest.mark.tampers("entries are changed, so that the export is refused")
@pytest.mark.parametrize("kind", FORMATS)
async def test_a_log_that_does_not_fit_its_head_is_not_exported(lived: Lived, kind: str) -> None:
    """Nothing is left behind."""
    with closing(sqlite3.connect(lived.opened.workspace.store_path)) as database, database:
        database.execute("drop trigger log_entry_is_never_changed")
        database.execute(
            "update log_entry set body = replace(body, 'shop.refund', 'shop.refumd')"
            f" where seq = {BEGUN + 1}"
        )
    with pytest.raises(IntegrityError) as refused:
        await lived.export(kind)
    assert refused.value.code is Code.TAMPERED
    assert not list(lived.folder.glob("*export*"))


class Damaged(ExportSource):
    """A log on a disk that can be read no further than its first entry."""

    def entries(self, query: Query) -> Iterator[tuple[int, bytes]]:
        yield next(super().entries(query))
        raise OSError(errno.EIO, os.strerror(errno.EIO))


@pytest.mark.parametrize("kind", FORMATS)
async def test_what_cannot_be_read_is_no_fault_of_the_path_that_is_written(
    lived: Lived, kind: str
) -> None:
    """An operator looked for what is wrong with the folder of the export, not with the database."""
    sayso, path = lived.opened.sayso, lived.folder / "export"

    def export(reader: Reader) -> int:
        source = Damaged.open(reader, sayso.container.tenant, [sayso.audit.vkey()], None)
        return write_export(source, path, ExportFormat(kind), Query())

    with pytest.raises(ConfigError) as refused:
        await sayso.container.store.read(export)
    assert refused.value.code is Code.STORE_UNAVAILABLE
    assert "the log cannot be read: input/output error" in refused.value.message
    assert not list(lived.folder.glob("*export*"))


@pytest.mark.parametrize("kind", FORMATS)
async def test_nothing_is_written_over_and_nothing_is_written_for_nothing(
    lived: Lived, kind: str
) -> None:
    """An existing path and an empty answer are refused."""
    with pytest.raises(RefusedError, match="no entry fits"):
        await lived.export(kind, "rule:nothing")
    with pytest.raises(RefusedError, match="no entry fits"):
        await lived.export(kind, "customer:cus_nobody")
    path = await lived.export(kind)
    with pytest.raises(RefusedError, match="exists already"):
        await lived.opened.sayso.audit.export(path, format=kind)


async def test_an_unknown_format_is_named(lived: Lived) -> None:
    """With those that there are."""
    with pytest.raises(RefusedError) as refused:
        await lived.export("xml")
    assert refused.value.next_step == "use one of jsonl parquet ocsf cloudevents"


def _bodies(lived: Lived) -> list[bytes]:
    with closing(sqlite3.connect(lived.opened.workspace.store_path)) as database:
        rows = database.execute("select body from log_entry where tenant = 'main' order by seq")
        return [str(body).encode() for (body,) in rows]


def _other_key() -> str:
    return Ed25519Signer.generate("test/main").vkey
