"""Verifies a log without trusting the server: `python -m sayso.audit.verify PATH`.

It reads a live database (read-only) or an exported bundle, and imports nothing of what wrote them.
What it proves, and what only a pinned key or an outside checkpoint can prove, is said in
`docs/reference/audit-format.md`.
"""

from __future__ import annotations

import argparse
import contextlib
import sqlite3
import stat
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NoReturn, TextIO, TypeVar, cast

import orjson

from sayso.audit.io_errors import drop_output
from sayso.audit.log_of_logs import LOGS, judge_dropped
from sayso.audit.segments.sealed import pruned_size
from sayso.audit.signed_note.note import Verifier
from sayso.audit.signed_note.timestamps import judge_any_stamped
from sayso.audit.signing.keys import ListedKey
from sayso.audit.verifier.bundle import BundleManifest, BundleReader, ProvenRow, path_text
from sayso.audit.verifier.checks import (
    LogSource,
    OutsideCheckpoint,
    SourceHead,
    Trust,
    judge_log,
    read_checkpoints,
)
from sayso.audit.verifier.database import LogDatabase, open_database
from sayso.audit.verifier.description import describe, printable
from sayso.audit.verifier.filtered import Filtered, ProvenRows
from sayso.audit.verifier.flags import PATHS, QUICK, TEXTS, read_held
from sayso.audit.verifier.guard import add_unreadable, guard, guard_source
from sayso.audit.verifier.one_segment import is_segment_file, judge_segment_file
from sayso.audit.verifier.verification import (
    Check,
    Damage,
    Findings,
    LogVerification,
    Verdict,
    Verification,
    combine,
)
from sayso.audit.verifier.walk import Progress, Row, in_pages
from sayso.errors import Code, IntegrityError, SaysoError

_T = TypeVar("_T")
NO_TRUST = Trust()
Seen = Callable[[str, int, bytes], None]
"""Told of each body that is judged: whose log, at which index, the exact bytes."""


def verify(
    path: Path,
    *,
    trust: Trust = NO_TRUST,
    tenant: str | None = None,
    deep: bool = True,
    progress: Progress | None = None,
    seen: Seen | None = None,
) -> Verification:
    """Verify a database, a bundle or an exported file; which of them it is, the path shows.

    Args:
        path: a folder (a bundle) or a file: a database, a sealed segment, or an export whose rows
            prove themselves (OCSF, CloudEvents, Parquet, an evidence pack, a receipt).
        trust: pinned keys and earlier checkpoints.
        tenant: only this log; all of the database's logs when None.
        deep: judge the rules, every column that the entries determine, the form of every body, and
            SQLite's own consistency; False looks at hashes, signatures and states only.
        progress: told every thousand entries or so.
        seen: told of each body while it is judged; nothing of a sealed segment's file. What it is
            told counts only where the verdict is `verified`.

    Returns:
        What was found; damage never raises. Nothing to verify gives `cannot_judge`.
    """
    unfit = _unfit(path)
    if unfit is not None:
        return unfit
    if path.is_dir():
        return verify_bundle(path, trust=trust, deep=deep, progress=progress, seen=seen)
    if is_segment_file(path):
        return verify_segment(path, trust=trust, deep=deep, progress=progress)
    if _is_export(path):
        return verify_file(path, trust=trust, deep=deep, progress=progress, seen=seen)
    return verify_database(
        path, trust=trust, tenant=tenant, deep=deep, progress=progress, seen=seen
    )


def _unfit(path: Path) -> Verification | None:
    """What to say of a path that cannot be read at all; None where it is a folder or a file."""
    try:
        mode = path.stat().st_mode
        reason = None if stat.S_ISREG(mode) or stat.S_ISDIR(mode) else "it is no file and no folder"
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
    if reason is None:
        return None
    findings = Findings()
    message = f"`{path_text(path)}` cannot be read: {reason}"
    findings.add(Check.SOURCE_READABLE, Damage.UNREADABLE, message)
    return combine(path_text(path), (), findings)


def verify_database(
    path: Path,
    *,
    trust: Trust = NO_TRUST,
    tenant: str | None = None,
    deep: bool = True,
    progress: Progress | None = None,
    seen: Seen | None = None,
    copies: Collection[str] = frozenset(),
) -> Verification:
    """Verify the logs of an SQLite database, in one snapshot, while others may write to it.

    Args:
        copies: logs that go on elsewhere, whose rows are there and not compared.
    """
    findings = Findings()
    logs: list[LogVerification] = []
    try:
        with open_database(path, copies=copies) as database:
            sources = (
                database.log(name, deep=deep)
                for name in database.tenants()
                if tenant in {None, name}
            )
            told = sources if seen is None else (_told(one, seen) for one in sources)
            logs.extend(_judge_sources(told, trust, findings, deep=deep, progress=progress))
            if tenant is None:
                judge_dropped(database.entered(), database.tenants(), findings)
                _judge_pinned(trust, logs, database.deployment, findings)
            judge_any_stamped(trust.authorities, logs, findings)
            _judge_whole(database, findings, deep=deep)
    except (sqlite3.Error, IntegrityError, ValueError) as error:
        add_unreadable(error, findings)
    return _combine(path_text(path), logs, findings)


def verify_sources(
    name: str,
    sources: Iterable[LogSource],
    *,
    trust: Trust = NO_TRUST,
    entered: Collection[str] = (),
    deployment: str | None = None,
    deep: bool = True,
    progress: Progress | None = None,
) -> Verification:
    """Verify logs that somebody else reads, such as those on a server.

    Args:
        name: what they are read from, for the report.
        sources: all logs that are to be judged; reading one may raise `IntegrityError`.
        entered: the tenants in the log of logs, each of which must be among the sources.
        deployment: the first part of the logs' origins, if these are all logs that there are; each
            of its logs of which a key is trusted must be among them.
    """
    findings = Findings()
    logs: list[LogVerification] = []
    try:
        logs.extend(_judge_sources(sources, trust, findings, deep=deep, progress=progress))
        judge_dropped(entered, [log.tenant for log in logs], findings)
        if deployment is not None:
            _judge_pinned(trust, logs, deployment, findings)
        judge_any_stamped(trust.authorities, logs, findings)
    except (IntegrityError, ValueError) as error:
        add_unreadable(error, findings)
    return _combine(name, logs, findings)


def _judge_sources(
    found: Iterable[LogSource],
    trust: Trust,
    findings: Findings,
    *,
    deep: bool,
    progress: Progress | None,
) -> Iterator[LogVerification]:
    seen = read_checkpoints(trust, findings)
    # The log of logs comes last, since the others say which key of the deployment is trusted now.
    sources = sorted(found, key=lambda source: source.tenant == LOGS)
    trusted = {key.vkey: key for key in trust.keys}
    _judge_strangers(seen, {source.origin for source in sources}, findings)
    for source in sources:
        own = [one for one in seen if one.checkpoint.origin == source.origin]
        inside = Findings(tenant=source.tenant)
        guarded = guard_source(source, inside)
        if source.tenant == LOGS:
            trust = _with_key_of_logs(trust, source.origin, trusted.values())
        log = judge_log(guarded, own, trust, deep=deep, progress=progress, findings=inside)
        if log.pinned and log.verdict is Verdict.VERIFIED:
            trusted[log.vkey] = Verifier.parse(log.vkey)
        yield log


def _with_key_of_logs(trust: Trust, origin: str, trusted: Iterable[Verifier]) -> Trust:
    """The same trust, where a deployment's trusted keys are also those of its log of logs.

    One key signs all logs of a deployment, each under its own name, and the log of logs begins with
    the first publication, which is after the key was pinned. INVARIANT: it can only convict, by the
    heads that stand in it, so this makes no other log trusted; one whose own key nobody pinned, or
    a pinned one led to, stays unjudged.
    """
    deployment = origin.rpartition("/")[0]
    same = (key.named(origin) for key in trusted if key.name.rpartition("/")[0] == deployment)
    keys = {key.vkey: key for key in (*trust.keys, *same)}
    return replace(trust, keys=tuple(keys.values()))


def _combine(name: str, logs: Sequence[LogVerification], findings: Findings) -> Verification:
    if not logs and not findings.kept:
        findings.add(Check.LOG_NOT_EMPTY, Damage.EMPTY, "there is no log to verify")
    return combine(name, tuple(logs), findings)


def _judge_whole(database: LogDatabase, findings: Findings, *, deep: bool) -> None:
    for name in database.replaced:
        message = f"a view stands in the place of the table `{name}`, and was not read"
        findings.add(Check.SOURCE_TABLES, Damage.EDITED, message)
    if not deep:
        return
    damaged, faults = database.faults()
    for fault in faults:
        message = f"SQLite finds the file inconsistent: {fault[:120]}"
        if damaged:  # what it says of rows then follows from pages that it cannot read
            findings.add(Check.SOURCE_UNDAMAGED, Damage.DAMAGED, message)
        else:
            findings.add(Check.SOURCE_CONSISTENT, Damage.EDITED, message)
    for column in database.uncovered():
        findings.warnings.append(f"the column `{column}` is covered by no entry")


def _judge_pinned(
    trust: Trust, logs: Sequence[LogVerification], deployment: str, findings: Findings
) -> None:
    """Whether each log whose key the caller pinned is there; a policy may name other databases'.

    The log of logs is not there before something was published.
    """
    present = {f"{deployment}/{log.tenant}" for log in logs} | {f"{deployment}/{LOGS}"}
    pinned = {key.name for key in trust.keys if key.name.rpartition("/")[0] == deployment}
    for name in sorted(pinned - present):
        message = f"the key of `{name[:80]}` is pinned, and there is no such log"
        findings.add(Check.PINNED_HAS_LOG, Damage.EMPTY, message)


def _judge_strangers(
    seen: Sequence[OutsideCheckpoint], origins: set[str], findings: Findings
) -> None:
    for one in seen:
        if one.checkpoint.origin not in origins:
            message = f"there is a checkpoint of `{one.checkpoint.origin[:80]}` and no such log"
            findings.add(Check.CHECKPOINT_HAS_LOG, Damage.EMPTY, message)


def verify_bundle(
    folder: Path,
    *,
    trust: Trust = NO_TRUST,
    deep: bool = True,
    progress: Progress | None = None,
    seen: Seen | None = None,
) -> Verification:
    """Verify an exported bundle: a full one to its root, a filtered one row by row."""
    findings = Findings()
    logs: tuple[LogVerification, ...] = ()
    try:
        reader = BundleReader(folder)
        # The tenant is the last part of the origin, so one of the two is made from the other.
        origin = f"{reader.origin.rpartition('/')[0]}/{reader.tenant}"
        outside = read_checkpoints(trust, findings)
        _judge_strangers(outside, {origin}, findings)
        own = [one for one in outside if one.checkpoint.origin == origin]
        keys = tuple(ListedKey(vkey=vkey) for vkey in reader.vkeys)
        head = SourceHead(note=reader.note)
        if reader.full:
            begin = pruned_size([one for one in reader.sealed or () if one is not None])
            counted = _Counted(reader.bodies(), begin)
            found = Findings(tenant=reader.tenant)
            source = LogSource(
                tenant=reader.tenant,
                origin=origin,
                head=head,
                keys=keys,
                pages=guard(in_pages(_told_rows(counted, reader.tenant, seen)), found),
                exported=True,
                sealed=reader.sealed,
            )
            log = judge_log(source, own, trust, deep=deep, progress=progress, findings=found)
            first, last = (begin, counted.end - 1) if counted.end > begin else (None, None)
            count = counted.end - begin
        else:
            filtered = Filtered(_ToldFile(reader, seen), findings)
            log = filtered.judge(origin, head, keys, own, trust, deep=deep, progress=progress)
            first, last, count = filtered.first, filtered.last, log.entries
        _judge_manifest(reader, log, (first, last, count), findings)
        logs = (log,)
        judge_any_stamped(trust.authorities, logs, findings)
    except (IntegrityError, OSError) as error:
        add_unreadable(error, findings)
    return combine(path_text(folder), logs, findings)


def verify_segment(
    path: Path,
    *,
    trust: Trust = NO_TRUST,
    deep: bool = True,
    progress: Progress | None = None,
) -> Verification:
    """Verify the file of one sealed segment against the checkpoint in it."""
    findings = Findings()
    logs: tuple[LogVerification, ...] = ()
    try:
        logs = (judge_segment_file(path, trust, deep=deep, progress=progress),)
        judge_any_stamped(trust.authorities, logs, findings)
    except IntegrityError as error:
        if error.code is Code.TAMPERED:
            findings.add(Check.SEGMENT_FORM, Damage.EDITED, error.message)
        else:
            add_unreadable(error, findings)
    return combine(path_text(path), logs, findings)


def verify_file(
    path: Path,
    *,
    trust: Trust = NO_TRUST,
    deep: bool = True,
    progress: Progress | None = None,
    seen: Seen | None = None,
) -> Verification:
    """Verify a file of rows that carry their proofs, row by row; nothing shows what is missing.

    Raises:
        ConfigError: `missing_extra`, for a Parquet file without pyarrow.
    """
    from sayso.audit.exports.reading import ProvenFile  # only exported files need it

    findings = Findings()
    logs: tuple[LogVerification, ...] = ()
    try:
        reader = ProvenFile(path)
        origin = reader.note.partition("\n")[0]
        outside = read_checkpoints(trust, findings)
        _judge_strangers(outside, {origin}, findings)
        own = [one for one in outside if one.checkpoint.origin == origin]
        keys = tuple(ListedKey(vkey=vkey) for vkey in _listed(reader.vkeys, origin, trust))
        if not keys:
            message = f"a receipt names no key; give that of `{origin[:80]}` by --vkey or --policy"
            findings.add(Check.HEAD_KEY_TRUSTED, Damage.UNKNOWN_KEY, message)
            return combine(path_text(path), (), findings)
        # The tenant is the last part of the origin, so one of the two is made from the other.
        expected = f"{origin.rpartition('/')[0]}/{reader.tenant}"
        head = SourceHead(note=reader.note)
        filtered = Filtered(_ToldFile(reader, seen), findings)
        log = filtered.judge(expected, head, keys, own, trust, deep=deep, progress=progress)
        logs = (log,)
        judge_any_stamped(trust.authorities, logs, findings)
    except (IntegrityError, OSError) as error:
        add_unreadable(error, findings)
    return combine(path_text(path), logs, findings)


def _is_export(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            start = file.read(16)
    except OSError:
        return False
    return start.startswith((b"{", b"PAR1", b"<!doctype html>", b"c2sp.org/tlog-pr"))


def _listed(vkeys: Sequence[str], origin: str, trust: Trust) -> Sequence[str]:
    """The keys of a file; of one that lists none, those that the caller trusts for its log."""
    return vkeys or [key.vkey for key in trust.keys if key.name == origin]


def _judge_manifest(
    reader: BundleReader,
    log: LogVerification,
    held: tuple[int | None, int | None, int],
    findings: Findings,
) -> None:
    """Build the manifest again from what was read: no byte of it can say anything else."""
    first, last, count = held
    expected = BundleManifest(
        tenant=reader.tenant,
        origin=log.origin,
        full=reader.full,
        size=log.size or 0,
        count=count,
        first=first,
        last=last,
        files=reader.digests(),
        version=reader.version,
    )
    if expected.encoded() != reader.manifest:
        message = "the manifest does not describe the files beside it"
        findings.add(Check.BUNDLE_MANIFEST, Damage.EDITED, message)
    for name in reader.unknown_files():
        findings.warnings.append(f"the file `{name[:80]}` is no part of a bundle")


class _Counted:
    """Bodies as rows, from an index on; `end` is the index behind the last one that was read."""

    def __init__(self, bodies: Iterable[bytes], begin: int) -> None:
        self._bodies = bodies
        self.end = begin

    def __iter__(self) -> Iterator[tuple[int, bytes]]:
        for body in self._bodies:
            self.end += 1
            yield self.end - 1, body


def _told(source: LogSource, seen: Seen) -> LogSource:
    """The same log, which tells of each body that is judged."""
    return replace(source, pages=(_told_rows(page, source.tenant, seen) for page in source.pages))


def _told_rows(rows: Iterable[Row], tenant: str, seen: Seen | None) -> Iterator[Row]:
    for row in rows:
        match row:
            case (int(seq), bytes(body), *_) if seen is not None:
                seen(tenant, seq, body)
            case _:
                pass
        yield row


class _ToldFile:
    """Rows that carry their proofs, which tell of each body that is judged."""

    def __init__(self, reader: ProvenRows, seen: Seen | None) -> None:
        self._reader, self._seen = reader, seen
        self.tenant = reader.tenant

    def proven_rows(self) -> Iterator[ProvenRow]:
        for row in self._reader.proven_rows():
            if self._seen is not None:
                self._seen(self.tenant, row.seq, row.body)
            yield row


def _show_progress(done: int, total: int) -> None:
    filled = 30 * done // max(total, 1)
    bar = "#" * filled + "." * (30 - filled)
    sys.stderr.write(f"\r[{bar}] {done:,} of {total:,} entries")
    sys.stderr.flush()


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        super().error(printable(message))


def add_flags(parser: argparse.ArgumentParser) -> None:
    """What is held against a log, as `trust_of` reads it."""
    for flag in (*TEXTS, *PATHS):
        parser.add_argument(
            flag.name,
            action="append" if flag.repeatable else "store",
            default=[] if flag.repeatable else None,
            type=Path if flag in PATHS else str,
            metavar=flag.metavar,
            help=flag.help,
        )


def trust_of(chosen: argparse.Namespace) -> Trust:
    """What the flags name.

    Raises:
        OSError, SaysoError: as `read_held`.
    """
    return read_held(
        vkeys=chosen.vkey,
        checkpoints=chosen.checkpoint,
        grown=chosen.grown,
        policy=chosen.policy,
        segments=chosen.segments,
        tsa_roots=chosen.tsa_roots,
        timestamps=chosen.timestamps,
    ).trust


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m sayso.audit.verify",
        description="Verify an audit log without trusting the server that wrote it.",
        epilog="Exit status: 0 verified, 1 tampered, 2 cannot judge.",
    )
    parser.add_argument("path", type=Path, help="A Sayso database, or an export.")
    add_flags(parser)
    parser.add_argument(QUICK.name, action="store_true", help=QUICK.help)
    parser.add_argument("--json", action="store_true", help="Print one JSON document.")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from the command line; returns 0 verified, 1 tampered, 2 cannot judge."""
    chosen = _parser().parse_args(arguments)
    try:
        trust = trust_of(chosen)
    except (OSError, SaysoError) as error:
        _say(str(error))
        return Verdict.CANNOT_JUDGE.exit_status
    stderr = cast("TextIO | None", sys.stderr)
    on_terminal = stderr is not None and stderr.isatty()
    try:
        verification = verify(
            chosen.path,
            trust=trust,
            tenant=chosen.tenant,
            deep=not chosen.quick,
            progress=_show_progress if on_terminal else None,
        )
    except SaysoError as error:
        _say(str(error))
        return Verdict.CANNOT_JUDGE.exit_status
    except Exception as error:  # noqa: BLE001  (the edge: what nobody foresaw is no verdict, not 1)
        _say(f"the verifier raised an unexpected error: {error!r:.200}")
        return Verdict.CANNOT_JUDGE.exit_status
    if on_terminal:
        sys.stderr.write("\r\x1b[K")
    told = (
        orjson.dumps(verification.to_json()).decode() + "\n"
        if chosen.json
        else describe(verification)
    )
    return _print(told) or verification.exit_status


def _print(told: str) -> int:
    """Print a verdict; 2 where it cannot be, since nothing is verified of which nobody hears."""
    stdout = cast("TextIO | None", sys.stdout)
    if stdout is None:  # closed by whoever wants the exit status alone (`>&-`)
        return 0
    try:
        stdout.write(told)
        stdout.flush()
    except OSError as error:
        drop_output(stdout)
        if not isinstance(error, BrokenPipeError):
            _say(f"the output cannot be written: {error.strerror}")
        return Verdict.CANNOT_JUDGE.exit_status
    return 0


def _say(text: str) -> None:
    with contextlib.suppress(OSError, AttributeError):
        sys.stderr.write(f"{printable(text)}\n")


if __name__ == "__main__":
    sys.exit(main())
