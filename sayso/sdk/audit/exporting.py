"""Writes the log, or a part of it, in the formats that others read."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

import orjson

from sayso.actions.model.action_row import ActionRow, get_action
from sayso.actions.model.status import FINAL
from sayso.audit.entry import EntryKind, Json, StoredEntry
from sayso.audit.evidence.data import Evidence, PersonalWords
from sayso.audit.evidence.receipt import ActionReceipt
from sayso.audit.io_errors import reading
from sayso.audit.personal import Personal
from sayso.audit.queries.index import LogIndex
from sayso.audit.queries.pages import bodies_at, read_page
from sayso.audit.queries.query import Query
from sayso.audit.segments.rows import pruned_to, read_segments
from sayso.audit.signed_note.note import Checkpoint, Verifier, open_checkpoint, open_note
from sayso.audit.tree.merkle import HashSource, LeafHashes, leaf_hash
from sayso.audit.tree.proof import prove
from sayso.errors import Code, IntegrityError, RefusedError
from sayso.ids import Tenant
from sayso.sdk.audit.index import fill, unindexed
from sayso.store.base import Reader, integer, text

_PAGE = 1000


class ExportFormat(StrEnum):
    """The formats of an export."""

    JSONL = "jsonl"
    """A folder with the exact bodies: docs/reference/audit-format.md, section 5."""
    PARQUET = "parquet"
    OCSF = "ocsf"
    CLOUDEVENTS = "cloudevents"

    @classmethod
    def named(cls, name: str) -> ExportFormat:
        """The format with that name.

        Raises:
            RefusedError: `invalid_input`.
        """
        try:
            return cls(name)
        except ValueError:
            raise RefusedError(
                Code.INVALID_INPUT,
                f"`{name[:40]}` is no format of an export",
                next_step=f"use one of {' '.join(cls)}",
            ) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportSource:
    """A log at one signed head, as an export reads it.

    Attributes:
        vkey: the key at hand that signed the head; `vkeys`: all that the log lists.
        index: of the log, covering the head; None where there can be none.
    """

    reader: Reader
    tenant: Tenant
    note: str
    vkey: str
    vkeys: tuple[str, ...]
    index: LogIndex | None

    @classmethod
    def open(
        cls, reader: Reader, tenant: Tenant, own: Sequence[str], index: LogIndex | None
    ) -> ExportSource:
        """The log as the reader sees it; it must have entries.

        Args:
            own: the keys at hand; between a change of keys and the settings that follow it, the
                second one signs.

        Raises:
            IntegrityError: `key_mismatch`, when none of them signed the head.
        """
        head = reader.one("log.head", tenant=tenant)
        assert head is not None, "the export has just been recorded"
        signed = open_note(text(head, "note"), map(Verifier.parse, own))
        if index is not None:
            size = integer(head, "size")
            fill(index, reader, size)
            if index.size < size:
                index = None
        keys = tuple(text(row, "vkey") for row in reader.all("log.keys", tenant=tenant))
        return cls(
            reader=reader,
            tenant=tenant,
            note=text(head, "note"),
            vkey=signed.verified_by[0].vkey,
            vkeys=keys,
            index=index,
        )

    @property
    def checkpoint(self) -> Checkpoint:
        """The signed head.

        Raises:
            IntegrityError: when the key did not sign it.
        """
        return open_checkpoint(self.note, [Verifier.parse(self.vkey)])

    def entries(self, query: Query) -> Iterator[tuple[int, bytes]]:
        """Index and exact body of what fits, in the order of the log."""
        size = self.checkpoint.size
        if query == Query():
            yield from self._all(size)
            return
        chosen = array("q")
        before: int | None = size
        while page := read_page(
            self.reader, self.tenant, query, limit=_PAGE, before=before, index=self.index
        ):
            chosen.extend(one.seq for one in page)
            before = page[-1].seq
        chosen.reverse()
        for body in bodies_at(self.reader, self.tenant, chosen):
            yield StoredEntry.read(body).seq, body

    @property
    def low(self) -> int:
        """The lowest index that is still in the database."""
        return pruned_to(self.reader, self.tenant)

    def hashes(self) -> HashSource:
        """The hashes that proofs are made of.

        Raises:
            ConfigError: `missing_extra`, for a pruned log without an index.
        """
        if self.index is not None:
            return self.index.hashes
        if self.low:
            raise unindexed()
        leaves = [leaf_hash(body) for _, body in self._all(self.checkpoint.size)]
        return LeafHashes(leaves)

    def _all(self, size: int) -> Iterator[tuple[int, bytes]]:
        for start in range(self.low, size, _PAGE):
            limit = min(_PAGE, size - start)
            rows = self.reader.all("log.bodies", tenant=self.tenant, from_seq=start, limit=limit)
            for row in rows:
                yield integer(row, "seq"), text(row, "body").encode()


def write_export(source: ExportSource, path: Path, kind: ExportFormat, query: Query) -> int:
    """Write what fits; returns how many entries.

    Raises:
        RefusedError: `invalid_input`, when the path exists; `nothing_to_verify`, when nothing fits.
        ConfigError: `missing_extra`.
            `store_unavailable`, when the log cannot be read; `store_full`, `invalid_setting`, when
            the path cannot be written.
        IntegrityError: `tampered`, when the log does not fit its head; nothing is left behind.
    """
    entries = reading(source.entries(query))
    first = next(entries, None)
    if first is None:
        raise nothing_fits()
    chain = _chain(first, entries)
    if kind is ExportFormat.JSONL:
        return _write_bundle(source, path, query, chain)
    return _write_rows(source, path, kind, chain)


def _write_bundle(
    source: ExportSource, path: Path, query: Query, entries: Iterator[tuple[int, bytes]]
) -> int:
    from sayso.audit.exports.bundle import write_bundle  # only exports need it

    whole = query == Query()
    manifest = write_bundle(
        path,
        tenant=source.tenant,
        note=source.note,
        vkeys=source.vkeys,
        entries=entries,
        proofs=None if whole else source.hashes(),
        kept=read_segments(source.reader, source.tenant) if whole and source.low else (),
    )
    return manifest.count


def _write_rows(
    source: ExportSource, path: Path, kind: ExportFormat, entries: Iterator[tuple[int, bytes]]
) -> int:
    from sayso.audit.exports.event_formats import (
        to_cloudevent,  # only exports need them
        to_ocsf,
    )
    from sayso.audit.exports.parquet import write_parquet
    from sayso.audit.exports.rows import ExportRow, write_events

    checkpoint, hashes = source.checkpoint, source.hashes()

    def rows() -> Iterator[ExportRow]:
        for seq, body in entries:
            proof = prove(hashes, source.note, checkpoint, seq, body)
            if proof is None:
                raise not_signed(seq)
            yield ExportRow(
                stored=StoredEntry.read(body),
                proof=proof,
                origin=checkpoint.origin,
                vkey=source.vkey,
            )

    if kind is ExportFormat.PARQUET:
        return write_parquet(path, rows())
    return write_events(path, rows(), to_ocsf if kind is ExportFormat.OCSF else to_cloudevent)


def _chain(
    first: tuple[int, bytes], rest: Iterator[tuple[int, bytes]]
) -> Iterator[tuple[int, bytes]]:
    yield first
    yield from rest


def nothing_fits() -> RefusedError:
    """What to say when an export would be empty."""
    return RefusedError(
        Code.NOTHING_TO_VERIFY,
        "no entry fits that query",
        next_step="loosen it; `sayso audit query` shows what fits",
    )


def not_signed(seq: int) -> IntegrityError:
    """What to say when an entry does not lead to the signed head."""
    return IntegrityError(
        Code.TAMPERED,
        f"the entry {seq} is not the one that the checkpoint signs",
        next_step="run `sayso audit verify`",
    )


_MOST = 1000


def gather(
    source: ExportSource, action_id: str, made_at: int, made_by: str, personal: Personal
) -> Evidence:
    """Everything about an action, each entry with its proof.

    Raises:
        RefusedError: `not_found`; `pruned`, when the first of its entries is not in the database.
        IntegrityError: `tampered`, when an entry does not lead to the signed head.
    """
    row = get_action(source.reader, source.tenant, action_id)
    entries = _entries(source, action_id, row.request_id)
    if not any(one.entry.kind is EntryKind.ACTION_PROPOSED for one in entries) and source.low:
        raise _pruned(source, row)
    hashes, checkpoint = source.hashes(), source.checkpoint
    rows: list[tuple[bytes, tuple[bytes, ...]]] = []
    for one in entries:
        proof = prove(hashes, source.note, checkpoint, one.seq, one.encoded)
        if proof is None:
            raise not_signed(one.seq)
        rows.append((one.encoded, proof.hashes))
    return Evidence(
        action=action_id,
        customer=row.subject.id,
        made_at=made_at,
        made_by=made_by,
        note=source.note,
        vkeys=source.vkeys,
        rows=tuple(rows),
        cards=_cards(source, action_id),
        words=tuple(
            PersonalWords(
                seq=one.seq, text=personal.open(source.reader, source.tenant, one.entry.pii.ref)
            )
            for one in entries
            if one.entry.pii is not None
        ),
    )


def receipt_of(source: ExportSource, action_id: str) -> ActionReceipt:
    """The last entry that tells how an action ended, with its proof.

    Raises:
        RefusedError: `not_found`; `wrong_state`, when it has not ended; `pruned`.
        IntegrityError: `tampered`, when the entry does not lead to the signed head.
    """
    row = get_action(source.reader, source.tenant, action_id)
    if row.status not in FINAL:
        raise RefusedError(
            Code.WRONG_STATE,
            f"`{action_id}` has not ended: it is `{row.status}`",
            next_step="ask for its receipt once it has",
        )
    ended = [
        one for one in _page(source, Query(action=action_id)) if one.entry.status == row.status
    ]
    if not ended:
        raise _pruned(source, row)
    last = max(ended, key=lambda one: one.seq)
    proof = prove(source.hashes(), source.note, source.checkpoint, last.seq, last.encoded)
    if proof is None:
        raise not_signed(last.seq)
    return ActionReceipt(replace(proof, extra=last.encoded))


def _pruned(source: ExportSource, row: ActionRow) -> RefusedError:
    """Says where the entries are: the action's last one, as far as the row still tells."""
    found = list(bodies_at(source.reader, source.tenant, [row.last_seq]))
    data = StoredEntry.read(found[0]).entry.data if found else {}
    file = data.get("file", "the sealed segments before it")
    return RefusedError(
        Code.PRUNED,
        f"entries of `{row.id}` were kept long enough, and are not in the database any more",
        next_step=f"they are in {file}; see docs/how-to/keep-the-log-small.md",
    )


def _entries(source: ExportSource, action_id: str, request_id: str | None) -> list[StoredEntry]:
    """The action's entries, those of its request, and refused decisions about it."""
    found = _page(source, Query(action=action_id))
    if request_id is not None:
        found += [
            one
            for one in _page(source, Query(request=request_id))
            if one.entry.kind.value.startswith("request.")
        ]
    approvals = {one.entry.approval for one in found if one.entry.approval is not None}
    for approval in sorted(approvals):
        query = Query(approval=approval, kind=EntryKind.APPROVAL_REFUSED.value)
        found += _page(source, query)
    by_seq = {one.seq: one for one in found}
    return [by_seq[seq] for seq in sorted(by_seq)]


def _page(source: ExportSource, query: Query) -> list[StoredEntry]:
    before = source.checkpoint.size
    return read_page(
        source.reader, source.tenant, query, limit=_MOST, before=before, index=source.index
    )


def _cards(source: ExportSource, action_id: str) -> tuple[dict[str, Json], ...]:
    row = source.reader.one("approval.by_action", tenant=source.tenant, action_id=action_id)
    if row is None:
        return ()
    card: dict[str, Json] = orjson.loads(text(row, "view"))
    return (card,)
