"""Sealing and pruning, on both stores: a segment is whole in its file before its entries go."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from store.segment_keeper import MARIA, RIVAL, TENANT, Keeper

from sayso.audit.queries.index import LogIndex
from sayso.audit.segments.sealed import pruned_size
from sayso.audit.segments.sealing import Sealer, Segments, locked_folder
from sayso.audit.tree.merkle import (
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    root_at,
    verify_consistency,
    verify_inclusion,
)
from sayso.audit.verifier.checks import LogSource, Trust
from sayso.audit.verifier.verification import Check, FileState, Verdict, Verification
from sayso.audit.verify import verify_sources
from sayso.errors import Code, ConfigError, IntegrityError, RetryableError
from sayso.store.base import Store


@pytest.fixture
def keeper(store: Store, tmp_path: Path) -> Keeper:
    return Keeper(store, tmp_path / "segments")


@pytest.mark.promise("audit:sealed")
async def test_a_sealed_segment_goes_and_the_log_goes_on(keeper: Keeper) -> None:
    """Sealed, verified, then pruned; the next entry stands at the next index."""
    await keeper.enter(699)
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
    """What was read, and what is only covered by its hashes, are told apart."""
    await keeper.enter(699)
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
    """The retention counts from the last entry of a segment."""
    await keeper.enter(299)
    await keeper.seal()
    keeper.clock.advance(days=-2)
    done = await keeper.prune()
    assert (done.first, done.to, done.blocked) == (0, 0, None)
    assert len(await keeper.indexes()) == 301


@pytest.mark.promise("audit:pruned:agreed")
async def test_nothing_goes_by_one_reading_of_a_clock(keeper: Keeper) -> None:
    """Invariant 10: a clock that is far ahead for some hours makes nothing old enough. A log that
    nobody writes to says what time it is, and a day later its entries go."""
    await keeper.enter(299)
    await keeper.seal()
    for hours, entries in ((401 * 24, 301), (23, 301)):
        keeper.clock.advance(hours=hours)
        done = await keeper.prune_now()
        assert done.blocked is not None
        assert "by the clock alone" in done.blocked.message
        assert len(await keeper.indexes()) == entries
    assert (await keeper.verify()).verdict is Verdict.VERIFIED
    keeper.clock.advance(hours=1)
    assert (await keeper.prune_now()).to == 256


@pytest.mark.promise("audit:pruned:held")
async def test_a_legal_hold_keeps_the_whole_log(keeper: Keeper) -> None:
    """Entries tell of customers by pseudonyms, so any hold of the tenant keeps them."""
    await keeper.enter(299)
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
    """A consistency proof for such a place would need what is gone."""
    await keeper.enter(300)
    await keeper.seal()
    done = await keeper.prune(places=("finance",))
    assert done.blocked is not None
    assert "finance" in done.blocked.message
    await keeper.publish("finance")
    assert (await keeper.prune(places=("finance",))).to == 256


@pytest.mark.promise("audit:pruned")
async def test_what_has_not_ended_keeps_what_it_points_at(keeper: Keeper) -> None:
    """A row's entry is there as long as the row can move."""
    await keeper.enter(98)
    await keeper.begin_erasure("ers_1")
    await keeper.enter(200)
    await keeper.seal()
    done = await keeper.prune()
    assert done.blocked is not None
    assert "the erasure `ers_1` (erasing since 1970-01-01) has not ended" in done.blocked.message
    await keeper.store.write(
        lambda tx: tx.run("erasure.finish", tenant=TENANT, id="ers_1", done_seq=299, done_at=1)
    )
    assert (await keeper.prune()).to == 256
    row = await keeper.store.read(
        lambda reader: reader.one("erasure.by_id", tenant=TENANT, id="ers_1")
    )
    assert row is not None
    assert row["begun_seq"] == 302, "it points at the entry that tells of the pruning"


@pytest.mark.promise("audit:sealed")
@pytest.mark.parametrize("damage", ["flip", "cut", "swap", "gone"])
async def test_a_file_that_is_not_what_was_sealed_keeps_its_entries(
    keeper: Keeper, damage: str
) -> None:
    """The file is read from end to end right before entries go."""
    await keeper.enter(599)
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
    with pytest.raises(IntegrityError) as refused:
        await keeper.prune()
    assert refused.value.next_step.endswith("written anew: `sayso audit seal --again`")
    assert await keeper.indexes() == list(range(602))
    path.write_bytes(content)
    assert (await keeper.prune()).to == 512


@pytest.mark.promise("audit:sealed")
async def test_a_lost_file_is_written_anew_while_its_entries_are_there(keeper: Keeper) -> None:
    """With an entry of its own, since the bytes are others."""
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
    """One log is pruned, and the other one is as it was."""
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
    """Two would write over each other's files."""
    await keeper.enter(300)
    folder = keeper.segments.folder / TENANT
    with locked_folder(folder), pytest.raises(RetryableError) as caught:
        await keeper.seal()
    assert caught.value.code is Code.STORE_BUSY


@pytest.mark.promise("audit:sealed")
async def test_two_machines_with_folders_of_their_own_seal_once(
    keeper: Keeper, tmp_path: Path
) -> None:
    """Whoever is second is told, and neither entry nor row is written over."""
    await keeper.enter(300)
    folders = (keeper.segments, Segments(folder=tmp_path / "elsewhere", entries=256))
    done = await asyncio.gather(
        *(Sealer(keeper.store, keeper.log, one).seal(TENANT, MARIA) for one in folders),
        return_exceptions=True,
    )
    sealed = [one for one in done if isinstance(one, list) and one]
    assert len(sealed) == 1
    assert await keeper.rows() == sealed[0]
    assert await keeper.indexes() == list(range(301))


@pytest.mark.promise("audit:sealed")
async def test_a_folder_that_cannot_be_written_is_said(keeper: Keeper) -> None:
    """Rule 16: with the setting to correct, and nothing entered into the log."""
    await keeper.enter(300)
    keeper.segments.folder.write_text("a file")
    with pytest.raises(ConfigError) as caught:
        await keeper.seal()
    assert "retention.segments" in caught.value.next_step
    assert len(await keeper.indexes()) == 300


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
    """Without an entry under the signed head, a mark is worth nothing."""
    await keeper.enter(600)
    await keeper.seal()
    await keeper.prune()
    await keeper.enter(200)
    await keeper.seal()

    def forge(logs: list[LogSource]) -> Verification:
        (source,) = logs
        assert source.sealed is not None
        sealed = [replace(one, pruned_to=one.end) for one in source.sealed if one is not None]
        pages = (
            [row for row in page if int(str(row[0])) >= sealed[-1].end] for page in source.pages
        )
        forged = replace(source, sealed=tuple(sealed), pages=pages)
        return verify_sources("forged", [forged], trust=trust)

    trust = Trust.parse([keeper.log.vkey_of(TENANT)])
    found = await keeper.judge(forge)
    assert found.verdict is Verdict.TAMPERED
    assert [one.check for one in found.all_findings] == [Check.SEGMENT_PRUNED]
