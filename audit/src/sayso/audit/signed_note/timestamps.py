"""Heads with a time stamp (RFC 3161): when they existed. It never says that a log only grew."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from sayso.audit.safe_open import open_regular
from sayso.audit.signed_note.note import MAX_NOTE_BYTES, Checkpoint, parse_note
from sayso.audit.verifier.verification import Check, Damage, Findings, LogVerification, StampedAt
from sayso.errors import Code, ConfigError, IntegrityError

STAMP_SUFFIX = ".tst"
NOTE_SUFFIX = ".checkpoint"
MAX_TOKEN_BYTES = 64 * 1024
"""Tokens have some kilobytes, most of which are certificates."""

RootAt = Callable[[int], "bytes | None"]
SignedBy = Callable[[bytes, Checkpoint], bool]
"""Whether a key of the log signed a note, for the size that it had then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StampedNote:
    """A signed head, and a time stamp of it; neither is judged yet.

    Attributes:
        note: the head's exact bytes, signatures and all: they are what was stamped.
        token: the DER of a `TimeStampToken`.
        file: where the caller keeps it; empty when the log's own database does.
    """

    note: bytes
    token: bytes
    file: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """What a token of a pinned authority says.

    Attributes:
        before_s: what was stamped existed before that; whole seconds since 1970, UTC.
        authority: the common name of the certificate that signed it.
        fits: whether it is over the bytes that it was held against.
        nonce: as it was asked for; None when it has none.
        policy: under which the authority gave it, dotted.
    """

    before_s: int
    authority: str
    fits: bool
    nonce: int | None
    policy: str


class Authorities(Protocol):
    """The time-stamp authorities that the caller trusts."""

    def read_token(self, token: bytes, message: bytes) -> Stamp:
        """What a token says about a message.

        Raises:
            IntegrityError: `bad_signature`, when it is none of these authorities'.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class DatedHead:
    """A head of this log with a time stamp that holds; whether the log agrees comes later."""

    note: bytes
    checkpoint: Checkpoint
    stamp: Stamp
    is_blocked: bool


def read_stamped(
    held: Iterable[StampedNote],
    kept: Iterable[StampedNote],
    authorities: Authorities,
    origin: str,
    findings: Findings,
) -> tuple[DatedHead, ...]:
    """The heads of a log whose time stamps hold.

    Args:
        held: what the caller kept: a time stamp that does not hold leaves the verdict open.
        kept: what the log's own database keeps. It may hold stamps of authorities that the caller
            does not know; one that is over another head was put there by somebody.
    """
    found: list[DatedHead] = []
    unknown = 0
    for one in (*held, *kept):
        try:
            checkpoint = Checkpoint.parse(parse_note(one.note)[0])
        except IntegrityError:
            unknown += not one.file  # the caller's notes are reported with the other checkpoints
            continue
        if checkpoint.origin != origin:
            continue
        try:
            stamp = authorities.read_token(one.token, one.note)
        except IntegrityError as error:
            unknown += not one.file
            if one.file:
                message = f"the time stamp `{one.file[-80:]}`: {error.message}"
                findings.add(Check.TIMESTAMP_TRUSTED, Damage.UNSTAMPED, message)
            continue
        if not stamp.fits and one.file:
            message = f"the time stamp `{one.file[-80:]}` is not of the head beside it"
            findings.add(Check.TIMESTAMP_TRUSTED, Damage.UNSTAMPED, message)
        elif not stamp.fits:
            message = f"the time stamp beside the head at {checkpoint.size} is of other bytes"
            findings.add(Check.TIMESTAMP_FITS, Damage.BAD_SIGNATURE, message)
        else:
            dated = DatedHead(
                note=one.note, checkpoint=checkpoint, stamp=stamp, is_blocked=bool(one.file)
            )
            found.append(dated)
    if unknown:
        findings.warnings.append(
            f"time stamps that are not of the authorities that count: {unknown}"
        )
    return tuple(found)


def judge_stamped(
    dated: Sequence[DatedHead],
    signed_by: SignedBy,
    root_at: RootAt,
    size: int,
    findings: Findings,
) -> tuple[StampedAt, ...]:
    """Which of the heads the log agrees with, and so since when it had so many entries.

    Anybody can have anything stamped, so only a head that the log signed says something about it.
    Those that the caller holds are compared as outside checkpoints too, and convict there.

    Args:
        size: how many entries the log has.
    """
    found: dict[StampedAt, None] = {}
    strangers = 0
    for one in sorted(dated, key=lambda head: (head.checkpoint.size, head.stamp.before_s)):
        checkpoint = one.checkpoint
        if not signed_by(one.note, checkpoint):
            strangers += not one.is_blocked
            continue
        root = root_at(checkpoint.size)
        if root == checkpoint.root and checkpoint.size <= size:
            stamp = one.stamp
            said = StampedAt(
                size=checkpoint.size, before_s=stamp.before_s, authority=stamp.authority
            )
            found[said] = None
        elif not one.is_blocked:
            _contradicts(one, root, size, findings)
    if strangers:
        findings.warnings.append(f"heads with time stamps that this log did not sign: {strangers}")
    return tuple(found)


def _contradicts(one: DatedHead, root: bytes | None, size: int, findings: Findings) -> None:
    stamped = one.checkpoint.size
    if root is None or stamped > size:
        message = f"a head of {stamped} entries has a time stamp, and now there are {size}"
        findings.add(Check.TIMESTAMP_REACHED, Damage.ROLLED_BACK, message, size)
    else:
        message = f"the first {stamped} entries are not those of the head with a time stamp"
        findings.add(Check.TIMESTAMP_ROOT, Damage.FORKED, message, 0, stamped - 1)


def judge_any_stamped(
    authorities: Authorities | None, logs: Sequence[LogVerification], findings: Findings
) -> None:
    """Who names authorities wants to know since when: without any time stamp, nothing says it."""
    if authorities is not None and not any(log.stamps for log in logs):
        message = "no head of what was read has a time stamp of these authorities"
        findings.add(Check.TIMESTAMP_PRESENT, Damage.UNSTAMPED, message)


def read_stamps(path: Path) -> Iterator[StampedNote]:
    """The time stamps of a file or, whatever folders are in it, of a folder, by name.

    Each is a token (`….tst`) with the head that it is of beside it (`….checkpoint`).

    Raises:
        ConfigError: `nothing_to_verify`, when there is none.
        OSError: one of the files cannot be read.
    """
    tokens = sorted(path.rglob(f"*{STAMP_SUFFIX}")) if path.is_dir() else [path]
    if not tokens:
        raise ConfigError(
            Code.NOTHING_TO_VERIFY,
            f"there is no time stamp in `{path}`",
            next_step=f"give a file `NAME{STAMP_SUFFIX}` that has `NAME{NOTE_SUFFIX}` beside it",
        )
    for token in tokens:
        yield StampedNote(
            note=_read(token.with_suffix(NOTE_SUFFIX), MAX_NOTE_BYTES),
            token=_read(token, MAX_TOKEN_BYTES),
            file=str(token),
        )


def _read(path: Path, most: int) -> bytes:
    """As much of a file as can be meant, and one byte more, with which it is refused."""
    with open_regular(path) as file:
        return file.read(most + 1)
