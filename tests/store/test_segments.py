"""Sealing and pruning, on both stores: a segment is whole in its file before its entries go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from audit.small_log import plain_entry, signer_of

from sayso.audit.checks import LogSource, Trust
from sayso.audit.entry import Actor, ActorKind, Entry, EntryKind
from sayso.audit.index import LogIndex
from sayso.audit.log import AuditLog
from sayso.audit.merkle import (
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    root_at,
    verify_consistency,
    verify_inclusion,
)
from sayso.audit.note import Checkpoint, parse_note
from sayso.audit.pruning import Pruned, Pruner
from sayso.audit.sealed import SealedSegment, pruned_size
from sayso.audit.sealing import Sealer, Segments, locked_folder
from sayso.audit.segment_rows import read_segments
from sayso.audit.verification import Check, FileState, Verdict, Verification
from sayso.audit.verify import verify_sources
from sayso.errors import Code, IntegrityError, RetryableError
from sayso.ids import Tenant
from sayso.sdk.stored_log import read_sources
from sayso.store.base import Reader, Store, Transaction, integer, text
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

    async def place_hold(self) -> str:
        def work(tx: Transaction) -> None:
            entry = Entry(kind=EntryKind.SUBJECT_HELD, actor=MARIA)
            tx.run(
                "hold.insert",
                tenant=TENANT,
                id="hld_1",
                pseudonym="sub_1",
                reason="litigation",
                placed_by="maria",
                placed_at=1,
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
                tx.run(query, tenant=TENANT, id=hold, by=by, at=1, last_seq=seq, was_seq=was)

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

    async def prune(self, tenant: Tenant = TENANT, *, places: tuple[str, ...] = ()) -> Pruned:
        self.clock.advance(days=401)
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
        return await self.store.read(
            lambda reader: verify_sources("the store", read_sources(reader, None), trust=trust)
        )

    async def rows(self, tenant: Tenant = TENANT) -> list[SealedSegment]:
        return await self.store.read(lambda reader: read_segments(reader, tenant))

    async def indexes(self, tenant: Tenant = TENANT) -> list[int]:
        rows = await self.store.read(
            lambda reader: reader.all("log.bodies", tenant=tenant, from_seq=0, limit=100_000)
        )
        return [int(str(row["seq"])) for row in rows]


def append_at(seq: int, tx: Transaction) -> None:
    """Put an entry at that index, beside the log's only writer."""
    tx.run("log.append", tenant=TENANT, seq=seq, body="{}")


@pytest.fixture
def keeper(store: Store, tmp_path: Path) -> Keeper:
    return Keeper(store, tmp_path / "segments")


@pytest.mark.promise("audit:sealed")
async def test_a_sealed_segment_goes_and_the_log_goes_on(keeper: Keeper) -> None:
    """Audit 4.8: sealed, verified, then pruned; the next entry stands at the next index."""
    await keeper.enter(700)
    assert [(one.first, one.count) for one in await keeper.seal()] == [(0, 256), (256, 256)]
    assert await keeper.seal() == []
    done = await keeper.prune()
    assert done.blocked is None
    assert (done.first, done.to) == (0, 512)
    assert await keeper.indexes() == list(range(512, 704))
    await keeper.enter(1)
    assert pruned_size(await keeper.rows()) == 512
    assert await keeper.indexes() == list(range(512, 705))


@pytest.mark.promise("audit:sealed:covered")
@pytest.mark.parametrize("at_hand", [True, False])
async def test_the_verifier_says_what_it_covers(keeper: Keeper, *, at_hand: bool) -> None:
    """Audit 4.6: what was read, and what is only covered by its hashes, are told apart."""
    await keeper.enter(700)
    await keeper.seal()
    await keeper.prune()
    found = await keeper.verify(at_hand=at_hand)
    assert found.verdict is Verdict.VERIFIED, found.all_findings
    (log,) = found.logs
    state = FileState.VERIFIED if at_hand else FileState.NOT_AT_HAND
    assert [one.state for one in log.segments] == [state, state]
    assert (log.pruned_to, log.complete) == (512, at_hand)
    assert log.entries == (704 if at_hand else 704 - 512)
    assert f"verified 512 to 703; 0 to 511 sealed in {log.segments[0].file}" in log.coverage
    assert state.value in log.coverage


@pytest.mark.promise("audit:pruned")
async def test_what_is_not_old_enough_stays(keeper: Keeper) -> None:
    """Audit 4.8: the retention counts from the last entry of a segment."""
    await keeper.enter(300)
    await keeper.seal()
    keeper.clock.advance(days=-2)
    done = await keeper.prune()
    assert (done.first, done.to, done.blocked) == (0, 0, None)
    assert len(await keeper.indexes()) == 301


@pytest.mark.promise("audit:pruned:held")
async def test_a_legal_hold_keeps_the_whole_log(keeper: Keeper) -> None:
    """Issue 4: entries tell of customers by pseudonyms, so any hold of the tenant keeps them."""
    await keeper.enter(300)
    await keeper.seal()
    hold = await keeper.place_hold()
    done = await keeper.prune()
    assert done.blocked is not None
    assert done.blocked.code is Code.LEGAL_HOLD
    assert hold in done.blocked.message
    assert len(await keeper.indexes()) == 302
    with pytest.raises(IntegrityError):
        await keeper.store.write(lambda tx: keeper.mark(tx, size=256))
    await keeper.release_hold(hold)
    assert (await keeper.prune()).to == 256


@pytest.mark.promise("audit:pruned")
async def test_a_place_that_has_not_seen_it_keeps_it(keeper: Keeper) -> None:
    """Audit 4.5: a consistency proof for such a place would need what is gone."""
    await keeper.enter(300)
    await keeper.seal()
    done = await keeper.prune(places=("finance",))
    assert done.blocked is not None
    assert "finance" in done.blocked.message
    await keeper.publish("finance")
    assert (await keeper.prune(places=("finance",))).to == 256


@pytest.mark.promise("audit:pruned")
async def test_what_has_not_ended_keeps_what_it_points_at(keeper: Keeper) -> None:
    """Audit 4.4: a row's entry is there as long as the row can move."""
    await keeper.enter(100)
    await keeper.begin_erasure("ers_1")
    await keeper.enter(200)
    await keeper.seal()
    done = await keeper.prune()
    assert done.blocked is not None
    assert "the erasure `ers_1` has not ended" in done.blocked.message
    await keeper.store.write(
        lambda tx: tx.run("erasure.finish", tenant=TENANT, id="ers_1", done_seq=300, done_at=1)
    )
    assert (await keeper.prune()).to == 256
    row = await keeper.store.read(
        lambda reader: reader.one("erasure.by_id", tenant=TENANT, id="ers_1")
    )
    assert row is not None
    assert row["begun_seq"] == 302, "it points at the entry that tells of the pruning"


@pytest.mark.promise("audit:pruned")
@pytest.mark.parametrize("size", [0, 256, 512])
async def test_nothing_is_marked_without_its_entry(keeper: Keeper, size: int) -> None:
    """Audit 4.4: the database refuses it, whoever asks; also out of order."""
    await keeper.enter(600)
    await keeper.seal()
    with pytest.raises(IntegrityError):
        await keeper.store.write(
            lambda tx: tx.run(
                "segment.prune", tenant=TENANT, first=256, to=512, was=256, pruned_seq=601
            )
        )
    with pytest.raises(IntegrityError):
        await keeper.store.write(lambda tx: keeper.mark(tx, size=size, first=256))
    assert await keeper.indexes() == list(range(602))


@pytest.mark.promise("audit:pruned")
async def test_no_entry_goes_that_is_younger_than_half_a_year(store: Store, tmp_path: Path) -> None:
    """AI Act, Art. 19: by the database's own clock, whatever a program believes."""
    keeper = Keeper(store, tmp_path, start=datetime.now(UTC) - timedelta(days=182))
    await keeper.enter(300)
    await keeper.seal()
    with pytest.raises(IntegrityError):
        await keeper.prune()
    assert len(await keeper.indexes()) == 301


@pytest.mark.promise("audit:pruned")
async def test_the_first_index_is_not_taken_a_second_time(keeper: Keeper) -> None:
    """Audit 4.4: dense from the first entry on, also when that is gone."""
    await keeper.enter(300)
    await keeper.seal()
    await keeper.prune()
    for seq in (0, 1, 255, 303):
        with pytest.raises(IntegrityError):
            await keeper.store.write(partial(append_at, seq))


@pytest.mark.promise("audit:sealed")
async def test_a_segment_needs_its_entry(keeper: Keeper) -> None:
    """Audit 4.8: no row of a segment without the entry that tells of its file."""
    await keeper.enter(300)
    with pytest.raises(IntegrityError):
        await keeper.store.write(
            lambda tx: tx.run(
                "segment.insert",
                tenant=TENANT,
                first=0,
                count=256,
                root=bytes(32),
                tile=bytes(32),
                rotations="[]",
                file="x",
                bytes=1,
                sha256="",
                sealed_seq=299,
            )
        )


@pytest.mark.promise("audit:sealed")
@pytest.mark.parametrize("damage", ["flip", "cut", "swap", "gone"])
async def test_a_file_that_is_not_what_was_sealed_keeps_its_entries(
    keeper: Keeper, damage: str
) -> None:
    """Audit 4.8: the file is read from end to end right before entries go."""
    await keeper.enter(600)
    first, second = await keeper.seal()
    path, other = keeper.path(first), keeper.path(second)
    content = path.read_bytes()
    changed = {
        "flip": content[:900] + bytes([content[900] ^ 1]) + content[901:],
        "cut": content[:-100],
        "swap": other.read_bytes(),
        "gone": b"",
    }[damage]
    path.unlink()
    if changed:
        path.write_bytes(changed)
    with pytest.raises(IntegrityError):
        await keeper.prune()
    assert await keeper.indexes() == list(range(602))
    path.write_bytes(content)
    assert (await keeper.prune()).to == 512


@pytest.mark.promise("audit:sealed")
async def test_a_lost_file_is_written_anew_while_its_entries_are_there(keeper: Keeper) -> None:
    """Audit 4.8: with an entry of its own, since the bytes are others."""
    await keeper.enter(300)
    (sealed,) = await keeper.seal()
    keeper.path(sealed).unlink()
    assert await keeper.seal() == []
    (again,) = await keeper.seal(again=True)
    assert again.sealed_seq > sealed.sealed_seq
    assert again.file != sealed.file
    assert (await keeper.verify()).verdict is Verdict.VERIFIED
    await keeper.prune()
    assert (await keeper.verify()).verdict is Verdict.VERIFIED


@pytest.mark.promise("audit:sealed")
async def test_each_tenant_has_its_own_segments(keeper: Keeper) -> None:
    """Audit 4.2: one log is pruned, and the other one is as it was."""
    await keeper.enter(300)
    await keeper.enter(300, RIVAL)
    await keeper.seal()
    await keeper.seal(RIVAL)
    await keeper.prune()
    assert await keeper.indexes(RIVAL) == list(range(301))
    assert (await keeper.indexes())[0] == 256
    assert (await keeper.verify()).verdict is Verdict.VERIFIED


@pytest.mark.promise("audit:sealed")
async def test_only_one_process_seals_a_log(keeper: Keeper) -> None:
    """Audit 4.8: two would write over each other's files."""
    await keeper.enter(300)
    folder = keeper.segments.folder / TENANT
    with locked_folder(folder), pytest.raises(RetryableError) as caught:
        await keeper.seal()
    assert caught.value.code is Code.STORE_BUSY


@pytest.mark.promise("audit:sealed")
async def test_proofs_go_on_across_what_was_pruned(keeper: Keeper, tmp_path: Path) -> None:
    """RFC 6962: what is left is proven, and the log still grew from its old heads."""
    await keeper.enter(1000)
    old = await keeper.head()
    await keeper.seal()
    await keeper.prune()
    await keeper.enter(10)
    head = await keeper.head()
    index = LogIndex(tmp_path / "index.db", TENANT)
    while await keeper.store.read(lambda reader: index.fill(reader, head.size)):
        pass
    assert index.first == 768
    assert root_at(index.hashes, head.size) == head.root
    for size in (256, 512, 768, old.size):
        proof = consistency_proof(index.hashes, size, head.size)
        root = old.root if size == old.size else root_at(index.hashes, size)
        assert verify_consistency(size, root, head.size, head.root, proof)
    bodies = await keeper.bodies()
    for seq in (768, 1000, head.size - 1):
        proof = inclusion_proof(index.hashes, seq, head.size)
        assert verify_inclusion(leaf_hash(bodies[seq]), seq, head.size, proof, head.root)
    with pytest.raises(LookupError):
        inclusion_proof(index.hashes, 3, head.size)
    index.close()


@pytest.mark.promise("audit:pruned")
async def test_deleted_rows_that_are_marked_as_pruned_are_found(keeper: Keeper) -> None:
    """Issue 4: without an entry under the signed head, a mark is worth nothing."""
    await keeper.enter(600)
    await keeper.seal()
    await keeper.prune()
    await keeper.enter(200)
    await keeper.seal()

    def forge(reader: Reader) -> list[LogSource]:
        (source,) = read_sources(reader, None)
        assert source.sealed is not None
        sealed = [replace(one, pruned_to=one.end) for one in source.sealed if one is not None]
        rows = (row for row in source.rows if int(str(row[0])) >= sealed[-1].end)
        return [replace(source, sealed=tuple(sealed), rows=rows)]

    trust = Trust.parse([keeper.log.vkey_of(TENANT)])
    found = await keeper.store.read(
        lambda reader: verify_sources("forged", forge(reader), trust=trust)
    )
    assert found.verdict is Verdict.TAMPERED
    assert [one.check for one in found.all_findings] == [Check.SEGMENT_PRUNED]
