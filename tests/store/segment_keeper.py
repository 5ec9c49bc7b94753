"""A log on a store, with what seals and prunes it, for tests that look at both."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from audit.small_log import plain_entry, signer_of

from sayso.audit.entry import Actor, ActorKind, Entry, EntryKind
from sayso.audit.log import AuditLog
from sayso.audit.segments.pruning import Pruned, Pruner
from sayso.audit.segments.rows import read_segments
from sayso.audit.segments.sealed import SealedSegment
from sayso.audit.segments.sealing import Sealer, Segments
from sayso.audit.signed_note.note import Checkpoint, parse_note
from sayso.audit.verifier.checks import LogSource, Trust
from sayso.audit.verifier.database import open_database
from sayso.audit.verifier.verification import Verification
from sayso.audit.verify import verify_sources
from sayso.ids import Tenant
from sayso.sdk.audit.stored import read_sources
from sayso.store.base import Store, Transaction, integer, text
from sayso.store.sqlite.store import SqliteStore
from sayso.testing.clock import FakeClock

TENANT, RIVAL = Tenant("main"), Tenant("rival")
MARIA = Actor(kind=ActorKind.PERSON, id="maria")
LONG_AGO = datetime(2024, 1, 1, tzinfo=UTC)


class Keeper:
    """A log on a store, with what seals and prunes it; entries are two years old."""

    def __init__(
        self, store: Store, folder: Path, *, entries: int = 256, start: datetime = LONG_AGO
    ) -> None:
        self.store = store
        self.clock = FakeClock(start)
        self.log = AuditLog("acme", signer_of("acme"), self.clock)
        self.segments = Segments(folder=folder, entries=entries)

    async def enter(self, count: int, tenant: Tenant = TENANT) -> None:
        """Append so many entries in one commit."""

        def work(tx: Transaction) -> None:
            for _ in range(count):
                self.log.append(tx, tenant, plain_entry())

        await self.store.write(work)

    async def seal(self, tenant: Tenant = TENANT, *, again: bool = False) -> list[SealedSegment]:
        return await Sealer(self.store, self.log, self.segments).seal(tenant, MARIA, again=again)

    def path(self, segment: SealedSegment) -> Path:
        return self.segments.path(TENANT, segment.file)

    def mark(self, tx: Transaction, *, size: int, first: int = 0) -> None:
        """What a program does that wants to prune whatever forbids it."""
        entry = Entry(kind=EntryKind.LOG_PRUNED, actor=MARIA, data={"size": size})
        seq = self.log.append(tx, TENANT, entry)
        tx.run(
            "segment.prune", tenant=TENANT, first=first, to=first + 256, was=first, pruned_seq=seq
        )

    async def place_hold(self, pseudonym: str = "sub_1") -> str:
        def work(tx: Transaction) -> None:
            entry = Entry(kind=EntryKind.SUBJECT_HELD, actor=MARIA)
            tx.run(
                "hold.insert",
                tenant=TENANT,
                id="hld_1",
                pseudonym=pseudonym,
                reason="litigation",
                placed_by="maria",
                placed_at=1,
                key_sha256=None,
                last_seq=self.log.append(tx, TENANT, entry),
            )

        await self.store.write(work)
        return "hld_1"

    async def release_hold(self, hold: str) -> None:
        def work(tx: Transaction) -> None:
            for query, by in (("hold.ask", "maria"), ("hold.release", "noor")):
                row = tx.one("hold.by_id", tenant=TENANT, id=hold)
                assert row is not None
                seq = self.log.append(tx, TENANT, plain_entry())
                was = row["last_seq"]
                tx.run(
                    query,
                    tenant=TENANT,
                    id=hold,
                    by=by,
                    at=1,
                    key_sha256=None,
                    last_seq=seq,
                    was_seq=was,
                )

        await self.store.write(work)

    async def begin_erasure(self, erasure: str) -> None:
        def work(tx: Transaction) -> None:
            entry = Entry(kind=EntryKind.SUBJECT_ERASING, actor=MARIA)
            tx.run(
                "erasure.begin",
                tenant=TENANT,
                id=erasure,
                pseudonym="sub_1",
                subject_id="cus_1",
                reason="subject_request",
                asked_by="person:maria",
                key_sha256="k",
                begun_seq=self.log.append(tx, TENANT, entry),
                begun_at=1,
            )

        await self.store.write(work)

    async def publish(self, place: str) -> None:
        def work(tx: Transaction) -> None:
            row = tx.one("log.head", tenant=TENANT)
            assert row is not None
            tx.run(
                "publication.keep",
                tenant=TENANT,
                place=place,
                size=row["size"],
                frontier=row["frontier"],
                note=row["note"],
                at=1,
            )

        await self.store.write(work)

    async def head(self) -> Checkpoint:
        row = await self.store.read(lambda reader: reader.one("log.head", tenant=TENANT))
        assert row is not None
        return Checkpoint.parse(parse_note(text(row, "note"))[0])

    async def bodies(self) -> dict[int, bytes]:
        rows = await self.store.read(
            lambda reader: reader.all("log.bodies", tenant=TENANT, from_seq=0, limit=100_000)
        )
        return {integer(row, "seq"): text(row, "body").encode() for row in rows}

    async def pass_days(self, days: int, tenant: Tenant = TENANT) -> None:
        """Let time pass, also by the log: it has an entry of a day before the end."""
        self.clock.advance(days=days - 1)
        await self.enter(1, tenant)
        self.clock.advance(days=1)

    async def prune(self, tenant: Tenant = TENANT, *, places: tuple[str, ...] = ()) -> Pruned:
        await self.pass_days(401, tenant)
        return await self.prune_now(tenant, places=places)

    async def prune_now(self, tenant: Tenant = TENANT, *, places: tuple[str, ...] = ()) -> Pruned:
        pruner = Pruner(
            self.store,
            self.log,
            self.clock,
            self.segments,
            kept_for=lambda _: timedelta(days=400),
            places=lambda _: places,
        )
        return await pruner.prune(tenant, MARIA)

    async def verify(self, *, at_hand: bool = True, notes: Sequence[bytes] = ()) -> Verification:
        """As an auditor does, who has the key, and the files or not."""
        trust = Trust.parse(
            [self.log.vkey_of(TENANT), self.log.vkey_of(RIVAL)],
            notes,
            segments=self.segments.folder if at_hand else None,
        )
        return await self.judge(lambda logs: verify_sources("the store", logs, trust=trust))

    async def judge(self, work: Callable[[list[LogSource]], Verification]) -> Verification:
        """What `work` says of the logs, which are read as a verifier reads them."""
        if isinstance(self.store, SqliteStore):
            with open_database(self.store.path) as database:
                return work([database.log(name, deep=False) for name in database.tenants()])
        return await self.store.read(lambda reader: work(list(read_sources(reader, None))))

    async def rows(self, tenant: Tenant = TENANT) -> list[SealedSegment]:
        return await self.store.read(lambda reader: read_segments(reader, tenant))

    async def indexes(self, tenant: Tenant = TENANT) -> list[int]:
        rows = await self.store.read(
            lambda reader: reader.all("log.bodies", tenant=tenant, from_seq=0, limit=100_000)
        )
        return [int(str(row["seq"])) for row in rows]
