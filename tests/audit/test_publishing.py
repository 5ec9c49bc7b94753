"""Publishing: heads reach places outside, and what contradicts an earlier one is noticed there."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest
from audit.small_log import plain_entry, signer_of
from support.witness import running_witness

from sayso.audit.log import AuditLog
from sayso.audit.publishing.base import CheckpointSubmission, PublishReceipt, PublishTarget
from sayso.audit.publishing.directory import DirectoryTarget, read_published
from sayso.audit.publishing.publisher import Publisher, PublishingPace
from sayso.audit.publishing.reading import TailHashes
from sayso.audit.publishing.witness_target import WitnessTarget
from sayso.audit.signed_note.cosignature import CosignatureVerifier, Ed25519Cosigner, MlDsaCosigner
from sayso.audit.signed_note.note import Checkpoint, Verifier, open_note, sign_checkpoint
from sayso.audit.tree.merkle import (
    Frontier,
    LeafHashes,
    consistency_proof,
    leaf_hash,
    verify_consistency,
)
from sayso.errors import Code, ConfigError, IntegrityError, RetryableError
from sayso.ids import Tenant
from sayso.store.base import Store, text
from sayso.store.sqlite.store import SqliteStore
from sayso.testing.clock import FakeClock
from sayso.testing.faults import FaultProxy

LONG_S = 60.0
MAIN, OTHER = Tenant("main"), Tenant("other")
ORIGIN = "acme/main"
LEAVES = [leaf_hash(bytes([at])) for at in range(70)]


def make_log(hours: int = 0) -> AuditLog:
    """The only writer, so many hours later."""
    clock = FakeClock()
    clock.advance(hours=hours)
    return AuditLog("acme", signer_of("acme"), clock)


async def grow(store: Store, count: int, tenant: Tenant = MAIN, hours: int = 0) -> None:
    """Append so many entries."""
    log = make_log(hours)
    await asyncio.gather(
        *(store.write(lambda tx: log.append(tx, tenant, plain_entry())) for _ in range(count))
    )


async def note_of(store: Store, place: str, tenant: Tenant = MAIN) -> str:
    """The note as the place kept it, from its row."""
    row = await store.read(
        lambda reader: reader.one("publication.newest", tenant=tenant, place=place)
    )
    assert row is not None
    return text(row, "note")


def checkpoint_of(size: int, seed: int = 1) -> tuple[Checkpoint, str]:
    """A signed checkpoint of nothing in particular."""
    checkpoint = Checkpoint(origin=ORIGIN, size=size, root=bytes([seed]) * 32)
    return checkpoint, sign_checkpoint(checkpoint, signer_of(ORIGIN))


async def no_proof(_old: int) -> Sequence[bytes]:
    """For places that ask for none."""
    raise AssertionError("nobody asks a directory's proof")


async def keep(place: PublishTarget, size: int, seed: int = 1) -> str:
    """Hand a checkpoint to a place."""
    checkpoint, note = checkpoint_of(size, seed)
    submission = CheckpointSubmission(checkpoint=checkpoint, note=note, old_size=0, prove=no_proof)
    return (await place.publish(submission)).note


def test_a_proof_from_the_tail_is_the_proof() -> None:
    """The frontier and what came after give every consistency proof, byte for byte."""
    whole = LeafHashes(LEAVES)
    for old in range(1, len(LEAVES) + 1):
        frontier = Frontier()
        frontier.extend(LEAVES[:old])
        old_root = frontier.root()
        for new in range(old, len(LEAVES) + 1):
            source = TailHashes(frontier.copy(), LEAVES[old:new])
            proof = consistency_proof(source, old, new)
            assert proof == consistency_proof(whole, old, new)
            later = Frontier()
            later.extend(LEAVES[:new])
            assert verify_consistency(old, old_root, new, later.root(), proof)


async def test_a_directory_keeps_each_checkpoint_once(tmp_path: Path) -> None:
    """A file per checkpoint, under a path of its size; the same one twice is no fault."""
    place = DirectoryTarget("share", tmp_path)
    notes = [await keep(place, size) for size in (7, 1_204_331, 7)]
    assert (tmp_path / "acme/main/007.checkpoint").read_text() == notes[0]
    assert (tmp_path / "acme/main/x001/x204/331.checkpoint").read_text() == notes[1]
    assert [note.decode() for note in read_published(tmp_path)] == [notes[1], notes[0]]


@pytest.mark.promise("audit:published")
async def test_a_checkpoint_is_not_written_over_after_a_kill_between_its_two_names(
    tmp_path: Path,
) -> None:
    """Killed after the link, before the first name is gone, and the next one goes on."""
    place = DirectoryTarget("share", tmp_path)
    first = await keep(place, 7)
    os.link(tmp_path / "acme/main/007.checkpoint", tmp_path / ".new")
    second = await keep(place, 8)
    assert [note.decode() for note in read_published(tmp_path)] == [second, first]


@pytest.mark.promise("audit:published")
async def test_a_directory_refuses_a_second_tree_of_one_size(tmp_path: Path) -> None:
    """What was published is never written again."""
    place = DirectoryTarget("share", tmp_path)
    first = await keep(place, 7)
    with pytest.raises(IntegrityError) as caught:
        await keep(place, 7, seed=2)
    assert caught.value.code is Code.TAMPERED
    assert [note.decode() for note in read_published(tmp_path)] == [first]


@pytest.mark.promise("audit:published")
async def test_copies_of_an_old_head_do_not_hide_the_newest(tmp_path: Path) -> None:
    """Whoever may add files and take none away put one under each of the newest names: then a log
    that was rolled back agreed with all that was read. What is no note is still given."""
    place = DirectoryTarget("share", tmp_path)
    old, newest = await keep(place, 3), await keep(place, 900)
    folder = tmp_path / "acme" / "main"
    for size in range(901, 931):
        (folder / f"{size}.checkpoint").write_text(old if size % 3 else "none")
    given = [note.decode() for note in read_published(tmp_path, newest=1)]
    assert given == ["none", newest]
    assert set(read_published(tmp_path, newest=20)) == {b"none", old.encode(), newest.encode()}


async def test_a_directory_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    """A share that is not mounted must not become a folder of the same disk."""
    with pytest.raises(RetryableError) as caught:
        await keep(DirectoryTarget("share", tmp_path / "unmounted"), 7)
    assert caught.value.code is Code.PUBLISH_TARGET_UNAVAILABLE
    assert not (tmp_path / "unmounted").exists()


FOR_EVER = """
import asyncio, sys
from pathlib import Path
from audit.test_publishing import keep
from sayso.audit.publishing.directory import DirectoryTarget

async def go():
    place, size = DirectoryTarget("share", Path(sys.argv[1])), 1
    while True:
        await keep(place, size)
        print(size, flush=True)
        size += 1

asyncio.run(go())
"""


async def test_a_directory_is_whole_after_kill_9(tmp_path: Path) -> None:
    """Every file under its name is a whole note, and the next writer goes on."""
    command = [sys.executable, "-c", FOR_EVER, str(tmp_path)]
    tests = Path(__file__).parent.parent
    environment = {**os.environ, "PYTHONPATH": f"{tests}{os.pathsep}{tests.parent}"}
    workers = [subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) for _ in range(2)]
    for worker in workers:
        assert worker.stdout is not None
        assert worker.stdout.readline() == b"1\n"
    for worker in workers:
        worker.kill()
        worker.communicate()
    notes = list(read_published(tmp_path))
    assert notes
    for note in notes:
        open_note(note, [Verifier.parse(signer_of(ORIGIN).vkey)])
    await keep(DirectoryTarget("share", tmp_path), 10_000_000)


@pytest.mark.promise("audit:published")
async def test_every_log_reaches_a_directory_and_a_witness(tmp_path: Path) -> None:
    """Design: published outside of the database; the row keeps the cosigned note."""
    store = SqliteStore(tmp_path / "sayso.db", create=True)
    log = make_log()
    (tmp_path / "share").mkdir()
    vkeys = [log.vkey_of(MAIN), log.vkey_of(OTHER)]
    async with running_witness(tmp_path / "witness", *vkeys) as outside:
        places: list[PublishTarget] = [
            DirectoryTarget("share", tmp_path / "share"),
            WitnessTarget("finance", outside.url, outside.key),
        ]
        publisher = Publisher(store, places, FakeClock())
        for count in (3, 1, 40):
            await grow(store, count)
            await grow(store, 2, OTHER)
            states = await publisher.publish_now()
            assert [(state.lag, state.problem) for state in states] == [(0, "")] * 4
        opened = open_note(await note_of(store, "finance"), [outside.key])
        assert Checkpoint.parse(opened.text).size == 44
        assert len(list(read_published(tmp_path / "share"))) == 6
        await publisher.close()
    await store.close()


@pytest.mark.promise("audit:published")
async def test_a_database_that_was_put_back_is_told_by_the_witness(tmp_path: Path) -> None:
    """Rows and all: only what stands elsewhere knows better."""
    path = tmp_path / "sayso.db"
    store = SqliteStore(path, create=True)
    async with running_witness(tmp_path / "witness", make_log().vkey_of(MAIN)) as outside:
        place = WitnessTarget("finance", outside.url, outside.key)
        await grow(store, 5)
        assert (await Publisher(store, [place], FakeClock()).publish_now())[0].problem == ""
        await store.close()
        shutil.copy(path, tmp_path / "old.db")
        store = SqliteStore(path)
        await grow(store, 5)
        assert (await Publisher(store, [place], FakeClock()).publish_now())[0].problem == ""
        await store.close()
        for wal in tmp_path.glob("sayso.db*"):
            wal.unlink()
        shutil.copy(tmp_path / "old.db", path)
        store = SqliteStore(path)
        for more, said in ((0, "has seen 10 entries"), (2, "has seen 10"), (10, "no way from")):
            await grow(store, more, hours=1)  # another history, by the holder of the key
            publisher = Publisher(store, [place], FakeClock())
            (state,) = await publisher.publish_now()
            assert said in state.problem
            assert isinstance(publisher.problems["finance", "main"], IntegrityError)
        await place.close()
        await store.close()


async def test_a_head_that_shrank_since_it_was_published_is_not_published(tmp_path: Path) -> None:
    """Where only the head was put back, our own row knows it already."""
    path = tmp_path / "sayso.db"
    (tmp_path / "share").mkdir()
    store = SqliteStore(path, create=True)
    publisher = Publisher(store, [DirectoryTarget("share", tmp_path / "share")], FakeClock())
    await grow(store, 5)
    await publisher.publish_now()
    with closing(sqlite3.connect(path)) as rows, rows:
        rows.execute("update publication set size = 9")
    (state,) = await publisher.publish_now()
    assert "another history" in state.problem
    await store.close()


async def test_a_witness_that_forgot_the_last_ones_is_led_on(tmp_path: Path) -> None:
    """Its 409 names its size, and the proof starts there."""
    store = SqliteStore(tmp_path / "sayso.db", create=True)
    key = Ed25519Cosigner.generate("witness.example/w1")
    vkey = make_log().vkey_of(MAIN)
    for count in (1500, 7):
        await grow(store, count)
        async with running_witness(tmp_path / "witness", vkey, cosigner=key) as outside:
            place = WitnessTarget("finance", outside.url, outside.key)
            assert (await Publisher(store, [place], FakeClock()).publish_now())[0].problem == ""
            await place.close()
        if count == 1500:
            shutil.copytree(tmp_path / "witness", tmp_path / "old")
    shutil.rmtree(tmp_path / "witness")
    (tmp_path / "old").rename(tmp_path / "witness")
    await grow(store, 3)
    async with running_witness(tmp_path / "witness", vkey, cosigner=key) as outside:
        place = WitnessTarget("finance", outside.url, outside.key)
        assert (await Publisher(store, [place], FakeClock()).publish_now())[0].problem == ""
        await place.close()
    await store.close()


@pytest.mark.promise("audit:published:unreachable")
async def test_an_unreachable_witness_holds_nothing_up(tmp_path: Path) -> None:
    """Other places and the log go on, and it is caught up with when it is back."""
    store = SqliteStore(tmp_path / "sayso.db", create=True)
    (tmp_path / "share").mkdir()
    share = DirectoryTarget("share", tmp_path / "share")
    async with running_witness(tmp_path / "first", make_log().vkey_of(MAIN)) as outside:
        with FaultProxy.start(outside.url) as proxy:
            proxy.refuse()
            place = WitnessTarget("finance", proxy.url, outside.key)
            publisher = Publisher(
                store, [place, share], FakeClock(), pace=PublishingPace(every_s=0.01)
            )
            running = asyncio.create_task(publisher.run())
            await grow(store, 3)
            async with asyncio.timeout(LONG_S):
                while [state.lag for state in await publisher.states()] != [3, 0]:
                    await asyncio.sleep(0)
                while not publisher.problems:
                    await asyncio.sleep(0)
            assert len(list(read_published(tmp_path / "share"))) == 1
            proxy.accept()
            async with asyncio.timeout(LONG_S):
                while publisher.problems:
                    await asyncio.sleep(0)
            assert [state.lag for state in await publisher.states()] == [0, 0]
            running.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running
            await publisher.close()
    await store.close()


class Broken(DirectoryTarget):
    """A place that breaks as nobody expected."""

    async def publish(self, submission: CheckpointSubmission) -> PublishReceipt:
        """Break."""
        raise ZeroDivisionError("-".join("words"))


async def test_a_place_that_breaks_is_told_without_its_words(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Invariant 6: by kind and lines of code; publishing goes on and tries it again."""
    store = SqliteStore(tmp_path / "sayso.db", create=True)
    (tmp_path / "share").mkdir()
    place = Broken("share", tmp_path / "share")
    await grow(store, 3)
    publisher = Publisher(store, [place], FakeClock(), pace=PublishingPace(every_s=0.01))
    running = asyncio.create_task(publisher.run())
    async with asyncio.timeout(LONG_S):
        while caplog.text.count("publishing to share raised an unexpected error") < 2:
            await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert "ZeroDivisionError" in caplog.text
    assert "in publish" in caplog.text
    assert "w-o-r-d-s" not in caplog.text
    await publisher.close()
    await store.close()


async def test_a_witness_that_does_not_know_the_log_says_so(tmp_path: Path) -> None:
    """Not tried again at once: somebody has to give it the key."""
    store = SqliteStore(tmp_path / "sayso.db", create=True)
    await grow(store, 3)
    async with running_witness(tmp_path / "witness") as outside:
        place = WitnessTarget("finance", outside.url, outside.key)
        publisher = Publisher(store, [place], FakeClock())
        await publisher.publish_now()
        assert isinstance(publisher.problems["finance", "main"], ConfigError)
        await place.close()
    await store.close()


async def test_an_answer_of_another_key_is_no_cosignature(tmp_path: Path) -> None:
    """Whoever answers at that address must hold the witness's key."""
    store = SqliteStore(tmp_path / "sayso.db", create=True)
    await grow(store, 3)
    async with running_witness(tmp_path / "witness", make_log().vkey_of(MAIN)) as outside:
        stranger = CosignatureVerifier.parse(Ed25519Cosigner.generate("witness.example/w1").vkey)
        place = WitnessTarget("finance", outside.url, stranger)
        publisher = Publisher(store, [place], FakeClock())
        (state,) = await publisher.publish_now()
        assert (state.published, state.lag) == (0, 3)
        assert "cannot be read" in state.problem
        await place.close()
    await store.close()


@pytest.mark.parametrize(
    ("added", "seconds", "due"),
    [
        (0, 1000, False),
        (1, 9, False),
        (1, 10, True),
        (999, 0, False),
        (1000, 0, True),
        (1, -9, True),
    ],
)
async def test_a_head_goes_out_after_ten_seconds_or_a_thousand_entries(
    tmp_path: Path, added: int, seconds: float, due: bool
) -> None:
    """What comes first; a clock that was put back counts as having waited."""
    store = SqliteStore(tmp_path / "sayso.db", create=True)
    (tmp_path / "share").mkdir()
    clock = FakeClock()
    publisher = Publisher(store, [DirectoryTarget("share", tmp_path / "share")], clock)
    await grow(store, 1)
    await publisher.publish_due()
    clock.advance(seconds=seconds)
    await grow(store, added)
    await publisher.publish_due()
    assert (await publisher.states())[0].lag == (0 if due else added)
    await store.close()


async def test_published_heads_carry_a_second_signature(tmp_path: Path) -> None:
    """Ed25519 and ML-DSA-44, each by itself opens the published note."""
    store = SqliteStore(tmp_path / "sayso.db", create=True)
    (tmp_path / "share").mkdir()
    second = MlDsaCosigner.generate("acme")
    place = DirectoryTarget("share", tmp_path / "share")
    publisher = Publisher(store, [place], FakeClock(), second=second)
    await grow(store, 3)
    await publisher.publish_now()
    (note,) = read_published(tmp_path / "share")
    keys = (
        Verifier.parse(make_log().vkey_of(MAIN)),
        CosignatureVerifier.parse(second.named(ORIGIN).vkey),
    )
    assert open_note(note, keys).verified_by == keys
    async with running_witness(tmp_path / "witness", keys[0].vkey, keys[1].vkey) as outside:
        witness = WitnessTarget("finance", outside.url, outside.key)
        (state,) = await Publisher(store, [witness], FakeClock(), second=second).publish_now()
        assert state.problem == ""
        assert (
            len(open_note(await note_of(store, "finance"), [*keys, outside.key]).verified_by) == 3
        )
        await witness.close()
    await store.close()
