"""A workspace whose log is sealed and pruned: what people are told, and what still verifies."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path

import pytest
from actions.controls.test_manual_resolution import found
from actions.steps import MAIN, decide, propose, run_due, say, stock
from audit.small_log import plain_entry
from sdk.customers import pass_days, token_of
from support.busy_shop import live, planner
from support.linked import MARIA, links_of, now_of, tie, untie
from support.shop import Shop, ShopFault
from support.shop_workspace import ShopWorkspace, open_shop

from sayso.actions.approvals.decision import DecisionChoice
from sayso.actions.controls.kill_switch import Resumption
from sayso.actions.customers.proof import Proof
from sayso.actions.model.definition import at_most_once
from sayso.audit.entry import Actor, ActorKind
from sayso.audit.verifier.checks import Trust
from sayso.audit.verifier.verification import Check, Damage, FileState, Verdict
from sayso.audit.verify import verify
from sayso.errors import Code, IntegrityError, RefusedError
from sayso.sdk.audit.segments import LogSegments
from sayso.sdk.resources.tokens import Scope, Token
from sayso.store.base import Transaction
from sayso.testing.clock import START, FakeClock

ENTRIES = 256
OPERATOR = Actor(kind=ActorKind.SERVICE, id="operator")


@dataclass(frozen=True, kw_only=True)
class Old:
    """A shop in which much happened two years ago, and nothing is open any more."""

    opened: ShopWorkspace
    segments: LogSegments
    person: Token
    action: str
    """One that was done, all of whose entries are in the first segment."""

    @property
    def files(self) -> Path:
        return self.opened.workspace.segments_path

    async def prune(self) -> None:
        await pass_days(self.opened, 401)
        done = await self.segments.prune(by=self.person)
        assert (done.to, done.blocked) == (ENTRIES, None), done


@pytest.fixture
async def old(tmp_path: Path) -> AsyncGenerator[Old]:
    clock = FakeClock(START)
    clock.advance(days=-1000)
    async with open_shop(
        tmp_path / "shop", clock=clock, planner=planner(), retention={"log": "400d"}
    ) as opened:
        stock(opened, "o0")
        done = await propose(opened, 500, order="o0")
        await live(opened)
        await _tie(opened)
        await _end_all(opened)
        await _pad(opened, 400)
        person = token_of("maria")
        yield Old(
            opened=opened,
            segments=LogSegments(opened.sayso.container, opened.workspace, entries=ENTRIES),
            person=person,
            action=done.id,
        )


async def _tie(opened: ShopWorkspace) -> None:
    """One link that lasts, one that has ended, and one whose time is over."""
    await tie(opened, "cus_1", "desk:1", Proof.PERSON, MARIA, reason="rang up")
    ended = await tie(opened, "cus_1", "desk:2")
    await untie(opened, ended.id)
    until = now_of(opened) + 1_000_000
    await tie(opened, "cus_1", "desk:3", Proof.CODE, until=until, request_id="req_1")
    opened.clock.advance(seconds=2)


async def _end_all(opened: ShopWorkspace) -> None:
    """Say no to what waits, and let what is stopped go on."""
    for approval in await opened.sayso.approvals.list():
        await decide(opened, say(approval, choice=DecisionChoice.REJECT))
    for stop in await opened.sayso.stops.list(released=None):
        for person in ("maria", "noor"):
            word = Resumption(
                tenant=MAIN,
                stop_id=stop.id,
                person=person,
                via="test",
                credential="host",
                key=person,
            )
            await opened.sayso.stops.resume_as(word)
    await run_due(opened)


async def _pad(opened: ShopWorkspace, count: int) -> None:
    def work(tx: Transaction) -> None:
        for _ in range(count):
            opened.sayso.container.log.append(tx, MAIN, plain_entry())

    await opened.sayso.container.store.write(work)


@pytest.mark.promise("audit:sealed:covered")
async def test_rows_are_compared_with_entries_that_are_only_in_files(old: Old) -> None:
    """Invariant 3: with the files at hand a deep verification is as whole as before."""
    await old.segments.seal(by=old.person)
    audit = old.opened.sayso.audit
    before = audit.verify(deep=True)
    assert before.verdict is Verdict.VERIFIED, before.all_findings
    await old.prune()
    after = audit.verify(deep=True)
    assert after.verdict is Verdict.VERIFIED, after.all_findings
    (log,) = (one for one in after.logs if one.tenant == MAIN)
    (same,) = (one for one in before.logs if one.tenant == MAIN)
    assert (log.state_rows, log.rebuilt_rows) == (same.state_rows, same.rebuilt_rows)
    assert log.uncompared_rows == 0


@pytest.mark.promise("customers:links")
async def test_a_link_outlives_the_entry_that_told_of_it(old: Old) -> None:
    """It is told again before its entry goes, with who tied it and when; and it can be ended."""
    await old.segments.seal(by=old.person)
    (before,) = await links_of(old.opened, "cus_1")
    await old.prune()
    (after,) = await links_of(old.opened, "desk:1")
    assert after == before
    again = [e for e in await old.opened.sayso.audit.tail(20) if e.kind == "customer.linked"]
    assert [entry.body["data"]["by"] for entry in again] == ["person:maria"]
    assert await untie(old.opened, before.id)
    assert await links_of(old.opened, "cus_1") == ()
    found = old.opened.sayso.audit.verify(deep=True)
    assert found.verdict is Verdict.VERIFIED, found.all_findings


@pytest.mark.tampers("sealed rows or files are changed or taken away")
@pytest.mark.promise("audit:sealed:covered")
async def test_a_row_changed_by_hand_after_its_entries_went_is_found(old: Old) -> None:
    """Invariant 3: its entries are read from their file, and say otherwise."""
    await old.segments.seal(by=old.person)
    await old.prune()
    database = sqlite3.connect(old.opened.workspace.store_path, isolation_level=None)
    database.execute("drop trigger action_moves_with_an_entry")
    database.execute("update action set status = 'failed' where id = ?", (old.action,))
    database.close()
    found = old.opened.sayso.audit.verify()
    assert found.verdict is Verdict.TAMPERED
    assert [one.check for one in found.all_findings] == [Check.STATE_STATUS]


@pytest.mark.tampers("sealed rows or files are changed or taken away")
@pytest.mark.promise("audit:sealed:covered")
async def test_a_missing_file_leaves_the_verdict_open(old: Old) -> None:
    """Missing is not changed, and is not verified either."""
    await old.segments.seal(by=old.person)
    await old.prune()
    (file,) = old.files.glob("*/*.tar.gz")
    away = file.rename(old.opened.workspace.folder / "away")
    found = old.opened.sayso.audit.verify(deep=True)
    assert found.exit_status == 2
    assert [(one.check, one.damage) for one in found.all_findings] == [
        (Check.SEGMENT_PRESENT, Damage.PRUNED)
    ]
    log = next(log for log in found.logs if log.tenant == MAIN)
    assert log.segments[0].state is FileState.MISSING
    assert log.uncompared_rows > 10, "rows of which no entry was read are counted, not passed over"
    content = bytearray(away.read_bytes())
    content[len(content) // 3] ^= 1
    file.write_bytes(content)
    assert old.opened.sayso.audit.verify().exit_status == 1


@pytest.mark.promise("audit:pruned:told")
async def test_what_was_pruned_is_told_with_where_it_is(old: Old) -> None:
    """A clear answer with a next step, and never an empty one that looks whole."""
    await old.segments.seal(by=old.person)
    await old.prune()
    audit, (segment,) = old.opened.sayso.audit, await old.segments.sealed()
    assert segment.pruned_to == ENTRIES
    asked = (
        audit.evidence(old.action, old.opened.workspace.folder / "pack.html"),
        audit.tree.prove_inclusion(MAIN, 3),
        audit.tree.prove_consistency(MAIN, 100),
        audit.tree.tile(MAIN, "entries/000"),
        audit.tree.write(MAIN, old.opened.workspace.folder / "tiles"),
    )
    for one in asked:
        with pytest.raises(RefusedError) as caught:
            await one
        assert caught.value.code is Code.PRUNED
        assert segment.file in caught.value.next_step
    assert await audit.pruned_to() == ENTRIES
    assert await audit.query(f"action:{old.action}") == []
    assert await audit.query("kind:log.pruned", verified=True)
    assert await audit.tree.prove_inclusion(MAIN, ENTRIES)
    assert await audit.tree.prove_consistency(MAIN, ENTRIES)
    assert len(await audit.tree.tile(MAIN, "1/000.p/1")) == 32


@pytest.mark.promise("audit:pruned:told")
async def test_an_export_holds_what_is_left_and_verifies_to_the_head(old: Old) -> None:
    """A bundle of version 2, whole with the files, and honest without them."""
    await old.segments.seal(by=old.person)
    await old.prune()
    audit, folder = old.opened.sayso.audit, old.opened.workspace.folder
    count = await audit.export(folder / "bundle")
    keys = [audit.vkey()]
    for segments, complete in ((None, False), (old.files, True)):
        found = verify(folder / "bundle", trust=Trust.parse(keys, segments=segments), deep=True)
        assert found.verdict is Verdict.VERIFIED, found.all_findings
        assert found.logs[0].complete is complete
        assert found.logs[0].entries == count + (ENTRIES if complete else 0)
    await audit.export(folder / "rows.jsonl", format="ocsf")
    assert verify(folder / "rows.jsonl", trust=Trust.parse(keys)).verdict is Verdict.VERIFIED
    kept = folder / "bundle" / "segments.jsonl"
    kept.write_bytes(kept.read_bytes().replace(b'"root":"', b'"root":"A', 1))
    assert verify(folder / "bundle", trust=Trust.parse(keys)).exit_status == 1


@pytest.mark.tampers("sealed rows or files are changed or taken away")
@pytest.mark.promise("audit:pruned:told")
async def test_a_pruned_action_is_asked_for_in_its_file(old: Old) -> None:
    """With the words of every query, once the file has verified; an entry of its own."""
    await old.segments.seal(by=old.person)
    before = await old.opened.sayso.audit.query(f"action:{old.action}")
    await old.prune()
    (file,) = old.files.glob("*/*.tar.gz")
    found = await old.segments.query(file, f"action:{old.action}", by=OPERATOR)
    assert found == before
    assert len(await old.segments.query(file, "customer:cus_1", limit=3, by=OPERATOR)) == 3
    asked, *_ = await old.opened.sayso.audit.query("kind:audit.queried")
    assert (asked.body["data"]["found"], asked.body["data"]["file"]) == (3, file.name)
    assert "cus_1" not in asked.body["data"]["query"], "the log names customers by pseudonym"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    with pytest.raises(IntegrityError):
        await old.segments.query(file, "", by=OPERATOR)


@pytest.mark.promise("audit:sealed")
async def test_one_file_verifies_by_itself(old: Old) -> None:
    """Against the checkpoint in it, with nothing of the database."""
    await old.segments.seal(by=old.person)
    (file,) = old.files.glob("*/*.tar.gz")
    found = verify(file, trust=Trust.parse([old.opened.sayso.audit.vkey()]))
    assert found.verdict is Verdict.VERIFIED, found.all_findings
    assert (found.entries, found.logs[0].pinned) == (ENTRIES, True)


@pytest.mark.promise("audit:pruned:held")
async def test_who_may_not_is_refused_and_recorded(old: Old) -> None:
    """Invariant 7: nobody without a role seals or prunes, and the try is an entry."""
    service, _ = await old.opened.sayso.tokens.create(
        MAIN, "service", "bot", frozenset({Scope.AUDIT}), days=1, by=OPERATOR
    )
    for work in (old.segments.seal, old.segments.prune):
        with pytest.raises(RefusedError) as caught:
            await work(by=service)
        assert caught.value.code is Code.FORBIDDEN
    refused = await old.opened.sayso.audit.query("kind:log.refused")
    assert [one.body["data"]["asked"] for one in refused] == ["prune", "seal"]


@pytest.mark.promise("audit:pruned:said")
async def test_what_has_not_ended_is_named_with_what_to_do(tmp_path: Path) -> None:
    """Rule 16: which outcomes nobody knows, since when, and who has to say what became of them."""
    clock = FakeClock(START)
    clock.advance(days=-1000)
    async with open_shop(
        tmp_path / "shop",
        clock=clock,
        shop=Shop(at_most_once()),
        retention={"log": "400d"},
    ) as opened:
        stock(opened, "o1", "o2")
        opened.shop.faults += [ShopFault.LOST_AFTER] * 2
        lost = [await propose(opened, 500, order=order) for order in ("o1", "o2")]
        clock.advance(days=20)
        waits = await propose(opened, 9000, order="o1")
        await _pad(opened, 400)
        person = token_of("maria")
        segments = LogSegments(opened.sayso.container, opened.workspace, entries=ENTRIES)
        await segments.seal(by=person)
        await pass_days(opened, 401)

        done = await segments.prune(by=person)
        assert (done.first, done.to, done.blocked_by) == (0, 0, "wrong_state")
        assert done.blocked is not None
        day = lost[0].updated_at[:10]
        assert f"the action `{lost[0].id}` (unknown since {day})" in done.blocked
        assert f"`{lost[1].id}` (unknown" in done.blocked
        assert f"sayso actions settle {lost[0].id} " in str(done.next_step)
        assert [(one.id, one.status) for one in done.unended[:3]] == [
            (lost[0].id, "unknown"),
            (lost[1].id, "unknown"),
            (waits.id, "pending_approval"),
        ]
        await opened.sayso.actions.settle_as(found(lost[0]))
        done = await segments.prune(by=person)
        assert f"sayso actions settle {lost[1].id} " in str(done.next_step)
        await opened.sayso.actions.settle_as(found(lost[1]))
        done = await segments.prune(by=person)
        assert "resolve" not in str(done.next_step)
        await run_due(opened)  # the card expires
        done = await segments.prune(by=person)
        assert (done.to, done.blocked, done.unended) == (ENTRIES, None, ())
        assert opened.sayso.audit.verify(deep=True).verdict is Verdict.VERIFIED


@pytest.mark.promise("audit:pruned")
async def test_a_server_seals_and_prunes_by_itself(old: Old) -> None:
    """At its own pace, beside everything else; a log without a retention is let alone."""
    await old.segments.seal_and_prune_due()
    await pass_days(old.opened, 401)
    assert [one.pruned_to for one in await old.segments.sealed()] == [0]
    await old.segments.seal_and_prune_due()
    assert [one.pruned_to for one in await old.segments.sealed()] == [ENTRIES]
