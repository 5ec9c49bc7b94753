"""Writes an export bundle, which proves itself; its files are told in `verifying/bundle.py`."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import BinaryIO

from sayso.audit.atomic_files import new_folder
from sayso.audit.entry import Json, canonical_bytes
from sayso.audit.segments.sealed import SealedSegment, encode_sealed, frontier_at, pruned_size
from sayso.audit.signed_note.note import Checkpoint, Verifier, open_checkpoint
from sayso.audit.tree.merkle import (
    Frontier,
    HashSource,
    inclusion_proof,
    leaf_hash,
    verify_inclusion,
)
from sayso.audit.verifier.bundle import (
    BUNDLE_VERSION,
    CHECKPOINT,
    ENTRIES,
    MANIFEST,
    PROOFS,
    PRUNED_VERSION,
    SEGMENTS,
    VKEYS,
    BundleManifest,
    Digester,
    FileDigest,
)
from sayso.errors import Code, IntegrityError, RefusedError


class BundleWriter:
    """Writes the entries of one bundle into a folder that nobody sees yet."""

    def __init__(
        self,
        folder: Path,
        checkpoint: Checkpoint,
        proofs: HashSource | None,
        kept: Sequence[SealedSegment] = (),
    ) -> None:
        self._folder = folder
        self._version = PRUNED_VERSION if kept else BUNDLE_VERSION
        self._checkpoint = checkpoint
        self._proofs = proofs
        self._digests: list[FileDigest] = []
        self._frontier = frontier_at(kept, pruned_size(kept)) if kept else Frontier()
        self._first: int | None = None
        self._last: int | None = None
        self._count = 0

    def write_small(self, name: str, content: bytes) -> None:
        """Write a small file at once."""
        digester = Digester(name)
        with (self._folder / name).open("xb") as file:
            file.write(digester.add(content))
            _sync(file)
        if name != MANIFEST:
            self._digests.append(digester.digest())

    def write_entries(self, entries: Iterable[tuple[int, bytes]]) -> None:
        """Write the entries, and their proofs when there is a source of them."""
        bodies, proofs = Digester(ENTRIES), Digester(PROOFS)
        with (self._folder / ENTRIES).open("xb") as file:
            if self._proofs is None:
                for seq, body in entries:
                    self._note_full(seq, body)
                    file.write(bodies.add(body + b"\n"))
            else:
                with (self._folder / PROOFS).open("xb") as other:
                    for seq, body in entries:
                        other.write(proofs.add(self._proven(seq, body, self._proofs)))
                        file.write(bodies.add(body + b"\n"))
                    _sync(other)
                self._digests.append(proofs.digest())
            _sync(file)
        self._digests.append(bodies.digest())
        if self._proofs is None and (
            self._frontier.size != self._checkpoint.size
            or self._frontier.root() != self._checkpoint.root
        ):
            raise IntegrityError(
                Code.TAMPERED,
                f"the {self._count} exported entries are not those that the checkpoint signs",
                next_step="run `sayso audit verify`",
            )

    def _note_full(self, seq: int, body: bytes) -> None:
        if seq != self._frontier.size:
            raise IntegrityError(Code.TAMPERED, f"the entry {self._frontier.size} is missing")
        self._frontier.append(leaf_hash(body))
        self._note(seq)

    def _proven(self, seq: int, body: bytes, source: HashSource) -> bytes:
        if self._last is not None and seq <= self._last:
            raise RefusedError(Code.INVALID_INPUT, "the entries are not in the order of the log")
        proof = inclusion_proof(source, seq, self._checkpoint.size)
        root, size = self._checkpoint.root, self._checkpoint.size
        if not verify_inclusion(leaf_hash(body), seq, size, proof, root):
            raise IntegrityError(
                Code.TAMPERED,
                f"the entry {seq} is not the one that the checkpoint signs",
                next_step="run `sayso audit verify`",
            )
        self._note(seq)
        hashes: list[Json] = [base64.b64encode(one).decode() for one in proof]
        return canonical_bytes({"seq": seq, "proof": hashes}) + b"\n"

    def _note(self, seq: int) -> None:
        self._first = seq if self._first is None else self._first
        self._last = seq
        self._count += 1

    def manifest(self, tenant: str) -> BundleManifest:
        """What was written so far."""
        return BundleManifest(
            tenant=tenant,
            origin=self._checkpoint.origin,
            full=self._proofs is None,
            size=self._checkpoint.size,
            count=self._count,
            first=self._first,
            last=self._last,
            files=tuple(sorted(self._digests, key=lambda digest: digest.name)),
            version=self._version,
        )


def write_bundle(
    folder: Path,
    *,
    tenant: str,
    note: str,
    vkeys: Sequence[str],
    entries: Iterable[tuple[int, bytes]],
    proofs: HashSource | None = None,
    kept: Sequence[SealedSegment] = (),
) -> BundleManifest:
    """Write a bundle, and check what is written against the signed head.

    Args:
        folder: where it shall be; must not exist, its parent must.
        tenant: whose log.
        note: the signed head, exact text.
        vkeys: the log's public keys; one of them signed the head.
        entries: index and exact body, in the order of the log. All of them, from 0 up to the size
            of the head, unless `proofs` is given.
        proofs: the tree's hashes; makes a filtered bundle with one inclusion proof per entry.
        kept: the sealed segments of a pruned log, whose entries begin where those end.

    Raises:
        RefusedError: `invalid_input`, when the folder exists, or the entries are out of order.
        IntegrityError: `tampered`, `bad_signature` or `key_mismatch`, when the entries or the head
            do not verify; nothing is left behind.
        ConfigError: `store_full`, `invalid_setting`, when the folder cannot be written; the same.

    Guarantees: the folder appears whole and on disk, or not at all.
    """
    if folder.exists():
        raise RefusedError(
            Code.INVALID_INPUT,
            f"`{folder}` exists already",
            next_step="give the path of a new folder",
        )
    checkpoint = open_checkpoint(note, map(Verifier.parse, vkeys))
    with new_folder(folder) as unseen:
        writer = BundleWriter(unseen, checkpoint, proofs, kept)
        writer.write_small(CHECKPOINT, note.encode())
        writer.write_small(VKEYS, "".join(f"{vkey}\n" for vkey in vkeys).encode())
        if kept:
            writer.write_small(SEGMENTS, b"".join(encode_sealed(one) + b"\n" for one in kept))
        writer.write_entries(entries)
        manifest = writer.manifest(tenant)
        writer.write_small(MANIFEST, manifest.encoded())
    return manifest


def _sync(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())
