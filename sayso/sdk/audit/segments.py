"""Seals and prunes the logs of an open workspace: for people who ask, and beside a server."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from sayso.audit.entry import Actor, ActorKind, Entry, EntryKind, Json, StoredEntry
from sayso.audit.log_of_logs import LOGS
from sayso.audit.queries.query import Query, fits, loggable, parse_query
from sayso.audit.segments.rows import read_segments
from sayso.audit.segments.sealed import SealedSegment
from sayso.errors import (
    Code,
    IntegrityError,
    RefusedError,
    RetryableError,
    SaysoError,
    logged,
)
from sayso.ids import Tenant, rfc3339
from sayso.sdk.resources.base import Resource
from sayso.sdk.resources.people import check_keeper
from sayso.sdk.resources.tokens import Token
from sayso.sdk.views.base import View
from sayso.sdk.views.presenters import by_customer, show_entry
from sayso.sdk.views.rows import EntryView
from sayso.store.base import text

if TYPE_CHECKING:
    from sayso.audit.segments.pruning import Pruned, Pruner
    from sayso.audit.segments.sealing import Sealer, Segments
    from sayso.sdk.container import Container
    from sayso.sdk.workspace import Workspace

logger = logging.getLogger("sayso.retention")
RETENTION = Actor(kind=ActorKind.SYSTEM, id="retention")
Progress = Callable[[int, int], None]


class SegmentView(View):
    """A sealed segment.

    Attributes:
        first, last: the indexes of its entries.
        file: the name of its file, in the tenant's folder. bytes, sha256: of the file.
        sealed_seq: the entry that tells of it.
        pruned_to: the lowest of its indexes that is still in the database; `last + 1` for none.
        at_hand: whether the file is where it should be on this machine; it was not read.
    """

    first: int
    last: int
    file: str
    bytes: int
    sha256: str
    sealed_seq: int
    pruned_to: int
    at_hand: bool


class UnendedView(View):
    """What has not ended, and keeps in the database the entry that it points at.

    Attributes:
        what: `action`, `approval`, `request`, `erasure` or `stop`.
        since: when it came into its status.
    """

    what: str
    id: str
    status: str
    since: str


class PrunedView(View):
    """What pruning did: the entries from `first` to below `to` went.

    Attributes:
        blocked: why it went no further, as code and words; None when nothing more was due.
        unended: what has not ended and keeps entries that are due, the oldest hundred.
    """

    first: int
    to: int
    blocked: str | None = None
    blocked_by: str | None = None
    next_step: str | None = None
    unended: tuple[UnendedView, ...] = ()


class LogSegments(Resource):
    """Seals and prunes logs; who does it is a person with one of the roles of `[retention]`.

    Args:
        entries: in a segment, of a log that has none yet; 65,536 when None.
    """

    def __init__(
        self, container: Container, workspace: Workspace, *, entries: int | None = None
    ) -> None:
        super().__init__(container)
        self._workspace = workspace
        self._entries = entries

    async def sealed(self, *, tenant: str | None = None) -> list[SegmentView]:
        """The sealed segments of a log, oldest first."""
        where = self._tenant(tenant)
        found = await self._container.store.read(lambda reader: read_segments(reader, where))
        return [self._view(where, one) for one in found]

    async def query(
        self, file: Path, words: str = "", *, limit: int = 50, by: Actor, tenant: str | None = None
    ) -> list[EntryView]:
        """Entries of one sealed file that fit the words, newest first; the question is an entry.

        The file is verified first, against the checkpoint in it and with the workspace's own keys.

        Raises:
            RefusedError: `invalid_input`, for words that are no query, or another log's file.
            IntegrityError: when the file is not whole and right.
        """
        from sayso.audit.verifier.checks import (
            Trust,  # only whoever reads a file needs the verifier
        )
        from sayso.audit.verifier.verification import Verdict
        from sayso.audit.verify import verify_segment

        where, asked = self._tenant(tenant), parse_query(words)
        keys = [signer.vkey for signer in self._container.log.signers_of(where)]
        listed = await self._container.store.read(
            lambda reader: reader.all("log.keys", tenant=where)
        )
        trust = Trust.parse([*keys, *(text(row, "vkey") for row in listed)])
        verified = await asyncio.to_thread(verify_segment, file, trust=trust)
        if verified.verdict is not Verdict.VERIFIED:
            raise IntegrityError(
                Code.TAMPERED,
                f"the segment `{file.name}` does not verify",
                next_step=f"run `sayso audit verify {file}`",
            )
        query = await self._container.store.read(lambda reader: by_customer(reader, where, asked))
        found = [] if query is None else await asyncio.to_thread(_fitting, file, query, limit)
        data: dict[str, Json] = {
            "query": loggable(words, None if query is None else query.subject),
            "found": len(found),
            "file": file.name[:200],
        }
        entry = Entry(kind=EntryKind.AUDIT_QUERIED, actor=by, data=data)
        await self._container.store.write(lambda tx: self._container.log.append(tx, where, entry))
        return [show_entry(stored) for stored in found]

    async def seal(
        self,
        *,
        by: Token,
        again: bool = False,
        progress: Progress = lambda done, total: None,
    ) -> list[SegmentView]:
        """Write every full segment of the log that is in no file yet; returns those.

        Args:
            by: the person's token, as `Sayso.person_of` gives it.
            again: also those whose file is lost, as long as their entries are in the database.

        Raises:
            RefusedError: `forbidden`, `not_an_approver`; recorded.
            RetryableError, ConfigError, IntegrityError: as `Sealer.seal`.
        """
        await self.check(by, "seal")
        found = await self._sealer().seal(by.tenant, by.actor, again=again, progress=progress)
        return [self._view(by.tenant, one) for one in found]

    async def prune(
        self, *, by: Token, progress: Progress = lambda done, total: None
    ) -> PrunedView:
        """Take out of the database what was kept for as long as `[retention] log` says.

        Raises:
            RefusedError: `forbidden`, `not_an_approver`, and `legal_hold` where a hold keeps all
                that is due; recorded.
            RetryableError, IntegrityError: as `Pruner.prune`.
        """
        await self.check(by, "prune")
        done = await self._pruner().prune(by.tenant, by.actor, credential=by.id, progress=progress)
        if done.blocked is not None and done.blocked.code is Code.LEGAL_HOLD:
            await self._record(by, "prune", done.blocked)
            if done.to == done.first:
                raise done.blocked
        return _pruned_view(done)

    async def seal_and_prune_due(self) -> None:
        """Seal and prune every log that has a retention; what fails is logged and tried again."""
        for row in await self._container.store.read(lambda reader: reader.all("log.tenants")):
            tenant = Tenant(text(row, "tenant"))
            if self._workspace.settings.retention.log_kept_for(tenant) is None:
                continue
            try:
                await self._sealer().seal(tenant, RETENTION)
                done = await self._pruner().prune(tenant, RETENTION)
            except RetryableError as error:
                logger.info("the log of %s is looked after later: %s", tenant, logged(error))
            except SaysoError as error:
                logger.warning("the log of %s is not sealed: %s", tenant, logged(error))
            else:
                if done.blocked is not None:
                    logger.info("the log of %s stays as it is: %s", tenant, done.blocked)

    def _files(self) -> Segments:
        from sayso.audit.segments.sealing import Segments  # few commands need files
        from sayso.audit.segments.segment import SEGMENT_ENTRIES

        entries = self._entries or SEGMENT_ENTRIES
        return Segments(folder=self._workspace.segments_path, entries=entries)

    def _sealer(self) -> Sealer:
        from sayso.audit.segments.sealing import Sealer  # as above

        return Sealer(
            self._container.store,
            self._container.log,
            self._files(),
            directory=self._container.directory,
        )

    def _pruner(self) -> Pruner:
        from sayso.audit.segments.pruning import Pruner  # as above

        return Pruner(
            self._container.store,
            self._container.log,
            self._container.clock,
            self._files(),
            kept_for=self._workspace.settings.retention.log_kept_for,
            places=self._places,
            directory=self._container.directory,
        )

    def _places(self, tenant: Tenant) -> Sequence[str]:
        """The places that get a tenant's log; what they have not seen stays."""
        places = self._workspace.settings.publishing.places
        if tenant == LOGS:
            return [place.name for place in places]
        own = [place.name for place in places if not place.only_logs]
        return [*own, LOGS] if places and not self._workspace.database else own

    async def check(self, by: Token, asked: str) -> None:
        """Refuse who may not seal or prune; a refusal is an entry.

        Args:
            asked: `seal` or `prune`, for the entry.

        Raises:
            RefusedError: `forbidden`, `not_an_approver`.
        """
        try:
            authority = await self._container.people.authority(by.tenant)
            check_keeper(by, authority, self._workspace.settings)
        except RefusedError as error:
            await self._record(by, asked, error)
            raise

    async def _record(self, by: Token, asked: str, error: SaysoError) -> None:
        entry = Entry(
            kind=EntryKind.LOG_REFUSED,
            actor=by.actor,
            data={"asked": asked, "code": error.code.value},
        )
        await self._container.store.write(
            lambda tx: self._container.log.append(tx, by.tenant, entry)
        )

    def _view(self, tenant: Tenant, one: SealedSegment) -> SegmentView:
        return SegmentView(
            first=one.first,
            last=one.end - 1,
            file=one.file,
            bytes=one.length,
            sha256=one.sha256_hex,
            sealed_seq=one.sealed_seq,
            pruned_to=one.pruned_to,
            at_hand=self._files().path(tenant, one.file).exists(),
        )


def _fitting(file: Path, query: Query, limit: int) -> list[StoredEntry]:
    from sayso.audit.segments.segment import SegmentReader  # as above

    newest: deque[bytes] = deque(maxlen=limit)
    with SegmentReader(file) as reader:
        newest.extend(body for body in reader.bodies() if fits(query, orjson.loads(body)))
    return [StoredEntry.read(body) for body in reversed(newest)]


def _pruned_view(done: Pruned) -> PrunedView:
    blocked = done.blocked
    return PrunedView(
        first=done.first,
        to=done.to,
        blocked=None if blocked is None else blocked.message,
        blocked_by=None if blocked is None else blocked.code.value,
        next_step=None if blocked is None else blocked.next_step,
        unended=tuple(
            UnendedView(what=row.what, id=row.id, status=row.status, since=rfc3339(row.since))
            for row in done.unended
        ),
    )
