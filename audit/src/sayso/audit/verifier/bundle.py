"""The export bundle: a folder that proves itself, without the server it came from.

    entries.jsonl   one body per line, the exact stored bytes
    checkpoint      the signed head that the entries belong to
    vkeys           the public keys, one per line
    proofs.jsonl    only in a filtered bundle: one inclusion proof per line of entries.jsonl
    segments.jsonl  only in a full bundle of a pruned log: what is kept of the entries before
    manifest.json   what the bundle is, with the SHA-256 of each other file

A full bundle holds every entry of the head and verifies to its root; a filtered one holds some, and
each verifies by its own proof. A full one of a pruned log (version 2) holds those that are left.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from itertools import zip_longest
from pathlib import Path
from typing import NoReturn

from sayso.audit.entry import MAX_BODY_BYTES, Json, canonical_bytes, read_canonical
from sayso.audit.safe_open import open_regular
from sayso.audit.segments.sealed import SealedSegment, decode_sealed
from sayso.errors import Code, IntegrityError

FORMAT = "sayso-audit-bundle"
BUNDLE_VERSION = 1
PRUNED_VERSION = 2
"""Of a full bundle of a pruned log; every other one is of version 1."""

ENTRIES = "entries.jsonl"
CHECKPOINT = "checkpoint"
VKEYS = "vkeys"
PROOFS = "proofs.jsonl"
SEGMENTS = "segments.jsonl"
MANIFEST = "manifest.json"

_MAX_LINE_BYTES = MAX_BODY_BYTES + 1
_MAX_SMALL_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class FileDigest:
    """A file of a bundle: its name, its length, and its SHA-256 as 64 hex digits."""

    name: str
    length: int
    sha256_hex: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleManifest:
    """What a bundle says it is. All of it follows from the other files, and is compared with them.

    Attributes:
        tenant: whose log.
        origin: `<deployment>/<tenant>`.
        full: whether it holds every entry of the checkpoint.
        size: the number of entries of the checkpoint.
        count: the number of entries in the bundle.
        first, last: the lowest and highest index in it; None when it holds no entry.
        files: the other files, in the order of their names.
    """

    tenant: str
    origin: str
    full: bool
    size: int
    count: int
    first: int | None
    last: int | None
    files: tuple[FileDigest, ...]
    version: int = BUNDLE_VERSION

    def encoded(self) -> bytes:
        """The manifest's one form: canonical JSON and a line feed."""
        files: list[Json] = [
            {"name": file.name, "bytes": file.length, "sha256": file.sha256_hex}
            for file in self.files
        ]
        fields: dict[str, Json] = {
            "format": FORMAT,
            "version": self.version,
            "tenant": self.tenant,
            "origin": self.origin,
            "full": self.full,
            "size": self.size,
            "count": self.count,
            "first": self.first,
            "last": self.last,
            "files": files,
        }
        return canonical_bytes(fields) + b"\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvenRow:
    """One entry of a filtered export: its index, its body, and the proof that leads to the root.

    Attributes:
        agrees: whether what stands beside the body says the same as the body.
    """

    seq: int
    body: bytes
    proof: tuple[bytes, ...]
    agrees: bool = True


class Digester:
    """Counts and hashes what passes, so that a file is read or written only once."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._length = 0
        self._hash = sha256()

    def add(self, chunk: bytes) -> bytes:
        """Take note of the next bytes, and give them back."""
        self._length += len(chunk)
        self._hash.update(chunk)
        return chunk

    def digest(self) -> FileDigest:
        """The digest of everything so far."""
        return FileDigest(name=self._name, length=self._length, sha256_hex=self._hash.hexdigest())


class BundleReader:
    """Reads the files of a bundle; it judges only their form.

    Args:
        folder: the bundle.

    Raises:
        IntegrityError: `not_a_database`, when it holds no manifest of this format; `tampered`, when
            one of the small files has not the form that the writer gives it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._digesters: dict[str, Digester] = {}
        self.manifest = self._small(MANIFEST)
        fields = self._fields()
        self.tenant = _text(fields, "tenant")
        self.origin = _text(fields, "origin")
        self.full = fields.get("full") is True
        self.version = PRUNED_VERSION if fields.get("version") == PRUNED_VERSION else BUNDLE_VERSION
        self.note = self._digested(CHECKPOINT)
        lines = self._digested(VKEYS).decode("utf-8", "replace").split("\n")
        if lines.pop() != "" or not lines:
            _malformed(VKEYS)
        self.vkeys = tuple(lines)
        self.sealed: tuple[SealedSegment | None, ...] | None = None
        if self.version == PRUNED_VERSION:
            self.sealed = tuple(self._segments())

    def _fields(self) -> dict[str, Json]:
        try:
            fields = read_canonical(self.manifest.removesuffix(b"\n"))
        except IntegrityError:
            _malformed(MANIFEST)
        if not isinstance(fields, dict):
            _malformed(MANIFEST)
        version = fields.get("version")
        known = version == BUNDLE_VERSION or (version == PRUNED_VERSION and fields.get("full"))
        if fields.get("format") != FORMAT or not known:
            raise IntegrityError(
                Code.NOT_A_DATABASE,
                f"`{self._folder}` is no bundle of version {BUNDLE_VERSION} or {PRUNED_VERSION}",
                next_step="use the version of Sayso that wrote it, or a newer one",
            )
        return fields

    def _small(self, name: str) -> bytes:
        try:
            with open_regular(self._folder / name) as file:
                content = file.read(_MAX_SMALL_BYTES + 1)
        except OSError as error:
            raise IntegrityError(
                Code.NOT_A_DATABASE,
                f"`{self._folder / name}` cannot be read",
                next_step="give the path of a Sayso database or of an exported bundle",
                detail=str(error),
            ) from error
        if len(content) > _MAX_SMALL_BYTES:
            _malformed(name)
        return content

    def _digested(self, name: str) -> bytes:
        self._digesters[name] = Digester(name)
        return self._digesters[name].add(self._small(name))

    def bodies(self) -> Iterator[bytes]:
        """The bodies, in the order of the file.

        Raises:
            IntegrityError: `tampered`, at a line that no writer writes, or without the file.
            OSError: the file is there, and cannot be read.
        """
        yield from self._lines(ENTRIES)

    def proven_rows(self) -> Iterator[ProvenRow]:
        """The entries of a filtered bundle with their proofs.

        Raises:
            IntegrityError: `tampered`, when the two files do not go together.
        """
        lines, bodies = self._lines(PROOFS), self.bodies()
        # INVARIANT: as many proofs as bodies, else a body without a proof would pass unseen.
        for line, body in zip_longest(lines, bodies):
            match read_canonical(line) if line is not None else None:
                case {"seq": int() as seq, "proof": list() as hashes, **rest} if (
                    not rest and body is not None and type(seq) is int
                ):
                    proof = tuple(_unhash(one) for one in hashes)
                    yield ProvenRow(seq=seq, body=body, proof=proof)
                case _:
                    _malformed(PROOFS)

    def _lines(self, name: str) -> Iterator[bytes]:
        digester = self._digesters[name] = Digester(name)
        try:
            opened = open_regular(self._folder / name)
        except FileNotFoundError:
            raise IntegrityError(Code.TAMPERED, f"the bundle's `{name}` is missing") from None
        with opened as file:
            while line := digester.add(file.readline(_MAX_LINE_BYTES)):
                if not line.endswith(b"\n"):
                    _malformed(name)
                yield line[:-1]

    def _segments(self) -> Iterator[SealedSegment | None]:
        """The sealed segments; what stands behind a line that can be none is hashed only."""
        lines = self._lines(SEGMENTS)
        for line in lines:
            segment = decode_sealed(line)
            yield segment
            if segment is None:
                break
        for _ in lines:
            pass

    def digests(self) -> tuple[FileDigest, ...]:
        """The digests of the files as far as they were read, in the order of their names."""
        return tuple(self._digesters[name].digest() for name in sorted(self._digesters))

    def unknown_files(self) -> list[str]:
        """Names in the folder that this format does not know."""
        known = {ENTRIES, CHECKPOINT, VKEYS, PROOFS, SEGMENTS, MANIFEST}
        names = {path_text(path.name) for path in self._folder.iterdir()}
        return sorted(names - known)


def path_text(path: str | Path) -> str:
    """A path as a text that can be printed: bytes that are none become question marks."""
    return os.fsencode(path).decode("utf-8", "replace")


def _malformed(name: str) -> NoReturn:
    raise IntegrityError(Code.TAMPERED, f"the bundle's `{name}` is not in the form of its writer")


def _text(fields: dict[str, Json], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str):
        _malformed(MANIFEST)
    return value


def _unhash(encoded: Json) -> bytes:
    try:
        decoded = base64.b64decode(encoded, validate=True) if isinstance(encoded, str) else b""
    except ValueError:
        decoded = b""
    # NOTE: b64decode ignores the unused low bits of the last digit.
    if len(decoded) != 32 or base64.b64encode(decoded).decode() != encoded:
        _malformed(PROOFS)
    return decoded
