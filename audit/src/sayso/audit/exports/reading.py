"""Reads what the exports wrote, for the verifier: rows with their proofs, whatever the format."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import orjson

from sayso.audit.entry import MAX_BODY_BYTES, Json, StoredEntry, canonical_bytes
from sayso.audit.evidence.data import Evidence
from sayso.audit.evidence.page import DATA_END, DATA_START, render
from sayso.audit.evidence.receipt import BEGINS, ActionReceipt, is_receipt_page
from sayso.audit.exports.event_formats import to_cloudevent, to_ocsf
from sayso.audit.exports.parquet import read_parquet
from sayso.audit.exports.rows import ExportRow, Mapper
from sayso.audit.fields import object_in, text_or_none
from sayso.audit.tree.proof import EntryProof
from sayso.audit.verifier.bundle import ProvenRow
from sayso.audit.verifier.walk import decode
from sayso.errors import Code, IntegrityError, RefusedError, SaysoError
from sayso.nesting import read_json

_MAX_LINE_BYTES = 4 * MAX_BODY_BYTES
_MAX_PAGE_BYTES = 64 * 1024 * 1024
_SORTED = orjson.OPT_SORT_KEYS


class ProvenFile:
    """An exported file whose rows prove themselves.

    Attributes:
        tenant, note, vkeys: as the first row has them; rows with others are refused. A receipt
            lists no key.

    Raises:
        IntegrityError: `not_a_database`, when it is no such file; `tampered`, when it is broken.
        ConfigError: `missing_extra`, for a Parquet file without pyarrow.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.note = ""
        self.vkeys: tuple[str, ...] = ()
        self._rows = self._open()
        self._first = next(self._rows, None)
        fields = None if self._first is None else decode(self._first.body)
        self.tenant = (text_or_none(fields, "tenant") or "") if fields else ""

    def _open(self) -> Iterator[ProvenRow]:
        start = self._start()
        if start.startswith(b"PAR1"):
            self.note, vkey, rows = read_parquet(self._path)
            self.vkeys = (vkey,)
            return rows
        if start.startswith(BEGINS):
            return self._receipt(self._page())
        if start.startswith(DOCTYPE):
            page = self._page()
            if is_receipt_page(page):
                return self._receipt(page)
            evidence = read_evidence(page)
            self.note, self.vkeys = evidence.note, evidence.vkeys
            return evidence.proven_rows()
        return self._events()

    def _receipt(self, data: bytes) -> Iterator[ProvenRow]:
        receipt = ActionReceipt.read(data)
        self.note = receipt.proof.note
        # INVARIANT: nothing that a person reads can be changed without its being seen.
        try:
            agrees = data.startswith(BEGINS) or receipt.page() == data
        except (SaysoError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError):
            agrees = False
        proof = receipt.proof
        row = ProvenRow(seq=proof.seq, body=proof.extra, proof=proof.hashes, agrees=agrees)
        return iter((row,))

    def _start(self) -> bytes:
        with self._path.open("rb") as file:
            return file.read(64)

    def _page(self) -> bytes:
        with self._path.open("rb") as file:
            page = file.read(_MAX_PAGE_BYTES + 1)
        if len(page) > _MAX_PAGE_BYTES:
            raise IntegrityError(
                Code.NOT_A_DATABASE,
                f"the page is over {_MAX_PAGE_BYTES >> 20} MiB, and no evidence",
            )
        return page

    def _events(self) -> Iterator[ProvenRow]:
        for number, line in enumerate(self._lines()):
            row, note, vkey = _read_event(line)
            if number == 0:
                self.note, self.vkeys = note, (vkey,)
            elif (note, (vkey,)) != (self.note, self.vkeys):
                raise IntegrityError(Code.TAMPERED, "the rows belong to different exports")
            yield row

    def _lines(self) -> Iterator[bytes]:
        with self._path.open("rb") as file:
            while line := file.readline(_MAX_LINE_BYTES):
                if not line.endswith(b"\n"):
                    raise IntegrityError(Code.TAMPERED, "the file ends in the middle of a line")
                yield line

    def proven_rows(self) -> Iterator[ProvenRow]:
        """The rows, once."""
        if self._first is not None:
            yield self._first
        yield from self._rows


def _read_event(line: bytes) -> tuple[ProvenRow, str, str]:
    """The row, the signed head and the key of one line of OCSF or CloudEvents."""
    try:
        value = _loads_once(line)
        fields = object_in({"event": value}, "event")
        if fields.get("specversion") == "1.0":
            mapper, body = to_cloudevent, canonical_bytes(cast("Json", fields["data"]))
            text = base64.b64decode(str(fields["logproof"]), validate=True).decode()
            vkey = str(fields["logvkey"])
        else:
            proven = object_in(object_in(fields, "unmapped"), "sayso")
            mapper, body = to_ocsf, str(fields["raw_data"]).encode()
            text, vkey = str(proven["proof"]), str(proven["vkey"])
    except (ValueError, KeyError, RefusedError, RecursionError) as error:
        raise IntegrityError(
            Code.NOT_A_DATABASE,
            "a line is no exported event with its proof",
            next_step="give a database, a bundle, or a file that `sayso audit export` wrote",
            detail=repr(error),
        ) from error
    proof = EntryProof.parse(text)
    row = ProvenRow(
        seq=proof.seq,
        body=body,
        proof=proof.hashes,
        agrees=_agrees(value, mapper, body, proof, vkey),
    )
    return row, proof.note, vkey


def _agrees(event: object, mapper: Mapper, body: bytes, proof: EntryProof, vkey: str) -> bool:
    """Whether the event is what its own body gives, whatever the order of its fields."""
    try:
        stored = StoredEntry.read(body)
    except IntegrityError:
        return False
    origin = proof.note.partition("\n")[0]
    own = mapper(ExportRow(stored=stored, proof=proof, origin=origin, vkey=vkey))
    # NOTE: compared as text, since Python takes `true` and `1.0` for 1.
    return orjson.dumps(event, None, _SORTED) == orjson.dumps(own, None, _SORTED)


def _loads_once(line: bytes) -> object:
    """The value of a line that all readers read alike.

    Raises:
        ValueError: it is no JSON, or an object in it says one thing twice. Some readers take the
            first, and others the last.
    """
    orjson.loads(line)  # stricter than the reader below, about encoding, numbers and depth
    return cast("object", read_json(line, object_pairs_hook=_object_once))


def _object_once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice in an object")
    return found


DOCTYPE = b"<!doctype html>"
_DATA = re.compile(rf"{re.escape(DATA_START)}([A-Za-z0-9+/=\n]*){re.escape(DATA_END)}".encode())


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadEvidence:
    """A pack: its data, and whether the page around it is the one that the data gives."""

    evidence: Evidence
    agrees: bool

    @property
    def note(self) -> str:
        """The signed head."""
        return self.evidence.note

    @property
    def vkeys(self) -> tuple[str, ...]:
        """The public keys it lists."""
        return self.evidence.vkeys

    def proven_rows(self) -> Iterator[ProvenRow]:
        """The rows; none of them agrees when one byte of the page is another one."""
        return self.evidence.proven_rows(agrees=self.agrees)


def read_evidence(page: bytes) -> ReadEvidence:
    """Read a pack, and make its page again.

    Raises:
        IntegrityError: `not_a_database`, when it carries no evidence; `tampered`, when that is
            broken.
    """
    found = _DATA.findall(page)
    if len(found) != 1:
        raise IntegrityError(
            Code.NOT_A_DATABASE,
            "the page carries no evidence",
            next_step="give a page that `sayso audit evidence` wrote",
        )
    try:
        encoded = base64.b64decode(found[0].replace(b"\n", b""), validate=True)
    except ValueError as error:
        raise IntegrityError(Code.TAMPERED, "the evidence in the page is broken") from error
    evidence = Evidence.decoded(encoded)
    # INVARIANT: nothing that a person reads can be changed without its being seen.
    try:
        agrees = render(evidence) == page
    except (SaysoError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError):
        agrees = False  # a card or an entry of no known shape: nothing that we write
    return ReadEvidence(evidence=evidence, agrees=agrees)
