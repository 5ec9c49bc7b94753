"""A sealed segment: a file with a part of a log that proves itself.

A `.tar.gz` whose members stand in this order, each in its one form:

    manifest.json          what it is: canonical JSON
    checkpoint             a signed head that covers it
    vkeys                  the log's public keys, one per line
    proof                  the hashes that lead from the segment's root to the checkpoint's
    tile/entries/…         the entries, 256 in each, each after its length
    tile/0/… tile/1/…      the full tiles of the segment

Unpacked into one folder, segments make the tiles of C2SP tlog-tiles.
`docs/reference/audit-format.md` is the
specification; nothing here knows a database.
"""

from __future__ import annotations

import gzip
import os
import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice
from pathlib import Path
from tarfile import BLOCKSIZE, USTAR_FORMAT, TarInfo
from typing import BinaryIO, Final, NoReturn

from sayso.audit.entry import MAX_BODY_BYTES, Json, canonical_bytes, read_canonical
from sayso.audit.safe_open import open_regular
from sayso.audit.signed_note.note import decode64, encode64
from sayso.audit.tree.merkle import HASH_BYTES, leaf_hash, root_of
from sayso.audit.tree.tiles import index_path
from sayso.errors import Code, IntegrityError

FORMAT = "sayso-audit-segment"
SEGMENT_VERSION = 1
SEGMENT_ENTRIES = 65_536
"""One full tile of the level 1: 256 tiles of 256 hashes."""
WIDTH: Final = 256
MANIFEST, CHECKPOINT, VKEYS, PROOF = "manifest.json", "checkpoint", "vkeys", "proof"

_NAME = re.compile(r"[0-9]{12,16}-[0-9]{12,16}\.[0-9a-f]{16}\.tar\.gz")
_MAX_SMALL_BYTES = 64 * 1024
_MAX_BUNDLE_BYTES = WIDTH * (2 + MAX_BODY_BYTES)
_COMPRESSION = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentInfo:
    """What a segment says it is.

    Attributes:
        tenant: whose log. origin: `<deployment>/<tenant>`.
        first: the index of its first entry, a multiple of `count`.
        count: how many entries it holds: a power of two from 256 to 65,536.
        size: of the checkpoint in it.
    """

    tenant: str
    origin: str
    first: int
    count: int
    size: int

    @property
    def level(self) -> int:
        """The height of its root over the leaves."""
        return self.count.bit_length() - 1

    def encoded(self) -> bytes:
        """The manifest's one form: canonical JSON and a line feed."""
        fields: dict[str, Json] = {
            "format": FORMAT,
            "version": SEGMENT_VERSION,
            "tenant": self.tenant,
            "origin": self.origin,
            "first": self.first,
            "count": self.count,
            "size": self.size,
        }
        return canonical_bytes(fields) + b"\n"


def is_segment_size(count: int) -> bool:
    """Whether a segment can hold so many entries: a power of two from 256 to 65,536.

    More would let a small file, unpacked, fill the memory of whoever reads it.
    """
    return WIDTH <= count <= SEGMENT_ENTRIES and count & (count - 1) == 0


def segment_name(first: int, count: int, sha256_hex: str) -> str:
    """The name of a segment's file. Two files of one name are the same file."""
    return f"{first:012d}-{first + count - 1:012d}.{sha256_hex[:16]}.tar.gz"


def is_segment_name(name: str) -> bool:
    """Whether `segment_name` can have made it; no other name is looked for on a disk."""
    return _NAME.fullmatch(name) is not None


def tenant_folder(tenant: str) -> str:
    """The name of the folder of a tenant's segments."""
    return tenant.replace(":", "%3a")


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenSegment:
    """A file that was written: its length and SHA-256, and the root over its entries."""

    length: int
    sha256_hex: str
    root: bytes
    tile: bytes
    """The roots of each 256 entries, 32 bytes each."""


def write_segment(
    file: BinaryIO,
    info: SegmentInfo,
    *,
    note: bytes,
    vkeys: Sequence[str],
    proof: Sequence[bytes],
    bodies: Iterable[bytes],
) -> WrittenSegment:
    """Write a segment into an open file.

    Args:
        note: the signed head of `info.size` entries.
        proof: from the segment's root to the head's.
        bodies: exactly `info.count` of them.
    """
    hashing = _HashingWriter(file)
    with gzip.GzipFile("", "wb", _COMPRESSION, hashing, mtime=0) as packed:
        for name, content in (
            (MANIFEST, info.encoded()),
            (CHECKPOINT, note),
            (VKEYS, "".join(f"{vkey}\n" for vkey in vkeys).encode()),
            (PROOF, "".join(f"{encode64(one)}\n" for one in proof).encode()),
        ):
            _put(packed, name, content)
        leaves: list[bytes] = []
        source = iter(bodies)
        for number in range(info.count // WIDTH):
            bundle = list(islice(source, WIDTH))
            assert len(bundle) == WIDTH, "the head counts entries that are there"
            leaves += map(leaf_hash, bundle)
            _put(packed, _path("entries", info, number), _bundle(bundle))
        tiles = list(_tiles(info, leaves))
        for name, content in tiles:
            _put(packed, name, content)
        packed.write(bytes(2 * BLOCKSIZE))
    roots = _tile_roots(leaves)
    return WrittenSegment(
        length=hashing.length,
        sha256_hex=hashing.sha256.hexdigest(),
        root=root_of(roots),
        tile=b"".join(roots),
    )


def _path(level: str, info: SegmentInfo, number: int) -> str:
    return f"tile/{level}/{index_path(info.first // WIDTH + number)}"


def _bundle(bodies: Iterable[bytes]) -> bytes:
    # NOTE: no entry is empty, so the length 0 is free to stand for 65,536, which two bytes cannot
    # say. Tools of others stop at such an entry.
    return b"".join(
        part for body in bodies for part in ((len(body) & 0xFFFF).to_bytes(2, "big"), body)
    )


def _tile_roots(leaves: Sequence[bytes]) -> list[bytes]:
    return [root_of(leaves[at : at + WIDTH]) for at in range(0, len(leaves), WIDTH)]


def _tiles(info: SegmentInfo, leaves: list[bytes]) -> Iterator[tuple[str, bytes]]:
    """The full tiles of a segment, lowest level first."""
    level, first, hashes = 0, info.first, leaves
    while len(hashes) >= WIDTH:
        for at in range(0, len(hashes), WIDTH):
            name = f"tile/{level}/{index_path((first + at) // WIDTH)}"
            yield name, b"".join(hashes[at : at + WIDTH])
        level, first, hashes = level + 1, first // WIDTH, _tile_roots(hashes)


def _sized(name: str, length: int) -> bytes:
    member = TarInfo(name)
    member.size = length
    return member.tobuf(USTAR_FORMAT)


def _put(packed: gzip.GzipFile, name: str, content: bytes) -> None:
    packed.write(_sized(name, len(content)))
    packed.write(content)
    packed.write(bytes(-len(content) % BLOCKSIZE))


class _HashingWriter:
    """Passes on what is written, and hashes it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.sha256 = sha256()
        self.length = 0

    def write(self, chunk: bytes) -> int:
        self.sha256.update(chunk)
        self.length += len(chunk)
        return self._file.write(chunk)

    def flush(self) -> None:
        self._file.flush()


class _HashingReader:
    """Passes on what is read, and hashes it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.sha256 = sha256()
        self.length = 0

    def read(self, count: int = -1) -> bytes:
        chunk = self._file.read(count)
        self.sha256.update(chunk)
        self.length += len(chunk)
        return chunk

    def seekable(self) -> bool:
        return False

    def seek(self, _offset: int, _whence: int = 0) -> int:
        raise OSError("it is read once")


class SegmentReader:
    """Reads a segment once, from its beginning to its end; it judges only the file's form.

    Use as a context. `bodies` has to be read to its end before `root`, `tile` and `digest` say
    anything.

    Args:
        path: the file.

    Raises:
        IntegrityError: `not_a_database`, when there is no such file or it begins like no segment;
            `tampered`, here and in `bodies`, when it is not in the form that the writer writes.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._file = open_regular(path)
        except OSError as error:
            raise self._unreadable(error) from error
        self._hashing = _HashingReader(self._file)
        self._packed = gzip.GzipFile("", "rb", fileobj=self._hashing)
        self.root = b""
        self.tile = b""
        try:
            manifest = self._small(MANIFEST)
            self.info = self._read_info(manifest)
            self.note = self._small(CHECKPOINT)
            self.vkeys = self._lines(VKEYS)
            self.proof = tuple(self._unhash(line) for line in self._lines(PROOF))
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> SegmentReader:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._file.close()

    @property
    def digest(self) -> tuple[int, str]:
        """The file's length and SHA-256; the rest of the file is read for it."""
        while self._hashing.read(1 << 20):
            pass
        return self._hashing.length, self._hashing.sha256.hexdigest()

    def bodies(self) -> Iterator[bytes]:
        """The entries, in order; then everything behind them is compared with them."""
        leaves: list[bytes] = []
        for number in range(self.info.count // WIDTH):
            bundle = self._member(_path("entries", self.info, number), _MAX_BUNDLE_BYTES)
            for body in self._unpack(bundle):
                leaves.append(leaf_hash(body))
                yield body
        roots = _tile_roots(leaves)
        self.root, self.tile = root_of(roots), b"".join(roots)
        for name, content in _tiles(self.info, leaves):
            if self._member(name, WIDTH * HASH_BYTES) != content:
                self._malformed()
        if self._take(2 * BLOCKSIZE) != bytes(2 * BLOCKSIZE) or self._take_some(1):
            self._malformed()

    def _read_info(self, manifest: bytes) -> SegmentInfo:
        try:
            fields = read_canonical(manifest.removesuffix(b"\n"))
        except IntegrityError:
            self._malformed()
        match fields:
            case {
                "format": str(),
                "tenant": str(tenant),
                "origin": str(origin),
                "first": int(first),
                "count": int(count),
                "size": int(size),
            }:
                info = SegmentInfo(
                    tenant=tenant, origin=origin, first=first, count=count, size=size
                )
            case _:
                self._malformed()
        exact = all(type(number) is int for number in (first, count, size))
        whole = exact and is_segment_size(count) and first >= 0 and first % count == 0
        # All of it is made again, so that nothing else can stand in it.
        if not whole or first + count > size or info.encoded() != manifest:
            self._malformed()
        return info

    def _unpack(self, bundle: bytes) -> Iterator[bytes]:
        at = 0
        for _ in range(WIDTH):
            length = int.from_bytes(bundle[at : at + 2], "big") or MAX_BODY_BYTES
            end = at + 2 + length
            if at + 2 > len(bundle) or end > len(bundle):
                self._malformed()
            yield bundle[at + 2 : end]
            at = end
        if at != len(bundle):
            self._malformed()

    def _small(self, name: str) -> bytes:
        return self._member(name, _MAX_SMALL_BYTES)

    def _lines(self, name: str) -> tuple[str, ...]:
        lines = self._small(name).decode("utf-8", "replace").split("\n")
        if lines.pop() != "":
            self._malformed()
        return tuple(lines)

    def _unhash(self, line: str) -> bytes:
        decoded = decode64(line)
        if decoded is None or len(decoded) != HASH_BYTES:
            self._malformed()
        return decoded

    def _member(self, name: str, most: int) -> bytes:
        """The next member, which has to be this one."""
        header = self._take(BLOCKSIZE)
        try:
            length = int(header[124:135], 8)
        except ValueError:
            self._malformed()
        # INVARIANT: the header is the only one that the writer writes for this name and length, so
        # a file has one reading, and a length is believed only up to what can be right.
        if not 0 <= length <= most or _sized(name, length) != header:
            self._malformed()
        content = self._take(length)
        padding = -length % BLOCKSIZE
        if self._take(padding) != bytes(padding):
            self._malformed()
        return content

    def _take(self, count: int) -> bytes:
        chunk = self._take_some(count)
        if len(chunk) != count:
            self._malformed()
        return chunk

    def _take_some(self, count: int) -> bytes:
        parts: list[bytes] = []
        try:
            while count and (part := self._packed.read(count)):
                parts.append(part)
                count -= len(part)
        except (OSError, EOFError, zlib.error) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise self._unreadable(error) from error  # the disk's, and not the file's
            raise IntegrityError(
                Code.TAMPERED, self._words(), next_step=_STEP, detail=str(error)
            ) from error
        return b"".join(parts)

    def _unreadable(self, error: OSError) -> IntegrityError:
        return IntegrityError(
            Code.NOT_A_DATABASE,
            f"the segment `{self._path.name}` cannot be read: {(error.strerror or '').lower()}",
            next_step="put the file back from where it was copied to",
        )

    def _words(self) -> str:
        return f"the segment `{self._path.name}` is not in the form that the writer writes"

    def _malformed(self) -> NoReturn:
        raise IntegrityError(Code.TAMPERED, self._words(), next_step=_STEP)


_STEP = "put the file back from where it was copied to, and run `sayso audit verify`"


def sync_file(file: BinaryIO) -> None:
    """Make what was written durable."""
    file.flush()
    os.fsync(file.fileno())
