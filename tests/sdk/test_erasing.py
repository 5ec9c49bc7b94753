"""A customer is erased: nothing of them is left to read, and the log still verifies."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from sdk.customers import (
    ANA,
    MAIN,
    MARIA,
    REASON,
    WORDS,
    OneRefund,
    Thoughtful,
    everything_stored,
    live,
    live_again,
    live_as_bo,
    refund_of,
    texts_deleted,
    token_of,
    verdict,
)
from support.faults.sqlite import FailingDisk
from support.shop import Shop, ShopFault
from support.shop_workspace import ShopWorkspace, open_shop

from sayso.actions.controls.erasure import without_personal
from sayso.actions.controls.kill_switch import Resumption
from sayso.actions.model.action_row import get_action
from sayso.actions.model.definition import verifiable
from sayso.agent.phrases import DEFAULT_LANGUAGE, phrases_of
from sayso.audit.verifier.verification import Verdict
from sayso.errors import Code, ConfigError, RefusedError
from sayso.money import Money
from sayso.sdk.privacy.eraser import STEPS
from sayso.sdk.resources.tokens import Scope

ERASED = phrases_of(DEFAULT_LANGUAGE).erased


@pytest.mark.promise("subjects:erased")
async def test_nothing_of_an_erased_customer_is_left_and_the_log_verifies(
    opened: ShopWorkspace,
) -> None:
    """Invariant 8: id, name, words, reasons, cards, arguments, keys: gone from every table."""
    await live(opened)
    before = await everything_stored(opened)
    assert ANA in before
    erased = await opened.sayso.privacy.erase(ANA, reason="subject_request", by=MARIA)
    assert erased.status == "erased"
    after = await everything_stored(opened)
    for gone in (ANA, "Quispe", "funeral"):
        assert gone not in after, after[max(after.index(gone) - 400, 0) : after.index(gone) + 200]
    assert await opened.sayso.container.store.write(partial(texts_deleted, of=erased.subject)) == 0
    assert verdict(opened) is Verdict.VERIFIED
    kinds = [entry.kind for entry in await opened.sayso.audit.tail(2)]
    assert kinds == ["subject.erased", "subject.erasing"]


@pytest.mark.promise("subjects:erased")
async def test_what_a_provider_or_a_rule_said_of_them_goes_and_so_does_the_salt(
    tmp_path: Path,
) -> None:
    """Either may quote the customer; with the salt, a digest in the log confirms a right guess."""
    async with open_shop(tmp_path) as opened:
        opened.shop.books.add("o_ana", ANA, Money(30_000, "USD"))
        view = await opened.sayso.propose("shop.refund", refund_of("o_ana", 1000), subject=ANA)
        read = partial(get_action, tenant=MAIN, action_id=view.id)
        row = await opened.sayso.container.store.read(read)
    assert row.receipt is not None
    assert row.judgement is not None
    assert row.snapshot is not None
    assert row.snapshot.salt
    quoting = replace(
        row,
        error={"code": "provider_refused", "message": "no, Quispe"},
        receipt=replace(row.receipt, details={"note": "for Quispe"}),
        judgement=replace(row.judgement, errors=("Quispe is no decimal",)),
        snapshot=replace(row.snapshot, question={"weekday": "mon", "note": "for Quispe", "age": 3}),
    )
    left = without_personal(quoting)
    assert "Quispe" not in str(left)
    assert left.snapshot is not None
    assert left.snapshot.salt == ""
    assert left.snapshot.question == {"weekday": "mon", "age": 3}
    assert left.receipt is not None
    assert left.receipt.id == row.receipt.id


async def test_what_was_done_stays_known_without_the_customer(opened: ShopWorkspace) -> None:
    """Who decided, how much, when and the provider's receipt are still there, under a pseudonym."""
    ids = await live(opened)
    was = [await opened.sayso.actions.get(one, timeline=False) for one in ids]
    view = await opened.sayso.privacy.erase(ANA, reason="subject_request", by=MARIA)
    now = [await opened.sayso.actions.get(one) for one in ids]
    assert [one.status for one in now] == [
        "succeeded",
        "succeeded",
        "rejected",
        "refused",
        "refused",
    ]
    assert {one.subject for one in now} == {view.subject}
    assert [one.amount for one in now] == [one.amount for one in was]
    assert now[1].receipt is not None
    assert was[1].receipt is not None
    assert now[1].receipt.id == was[1].receipt.id
    assert now[3].error is not None
    assert now[3].error.code == Code.ERASED.value
    assert now[1].approval is not None
    assert now[1].approval.votes[0].person == "maria"
    assert now[1].digest == was[1].digest


async def test_nobody_else_is_touched(opened: ShopWorkspace) -> None:
    """Another customer's rows are the same, to the byte, and their text still opens."""
    other = await live_as_bo(opened)
    await live(opened)
    was = await opened.sayso.actions.get(other)
    exported = await opened.sayso.privacy.export("cus_bo", by=MARIA)
    await opened.sayso.privacy.erase(ANA, reason="subject_request", by=MARIA)
    assert await opened.sayso.actions.get(other) == was
    again = await opened.sayso.privacy.export("cus_bo", by=MARIA)
    assert again["texts"] == exported["texts"]
    assert "Bo's words" in again["texts"].values()


async def test_an_erased_customer_who_comes_back_is_somebody_new(opened: ShopWorkspace) -> None:
    """The new pseudonym cannot be linked to the old one, and old keys do nothing anew."""
    await live(opened)
    old = (await opened.sayso.privacy.erase(ANA, reason="subject_request", by=MARIA)).subject
    small = refund_of("o_ana", 1000)
    with pytest.raises(RefusedError) as caught:
        await opened.sayso.propose("shop.refund", small, subject=ANA, idempotency_key=f"k1-{ANA}")
    assert caught.value.code is Code.ERASED
    with pytest.raises(RefusedError) as caught:
        await opened.sayso.ask(ANA, WORDS, idempotency_key=f"r1-{ANA}")
    assert caught.value.code is Code.ERASED
    again = await opened.sayso.propose("shop.refund", small, subject=ANA, idempotency_key="new")
    assert again.status == "succeeded"
    entry = (await opened.sayso.audit.query(f"customer:{ANA}"))[0]
    assert entry.body["subject"] != old


async def test_twice_is_once(opened: ShopWorkspace) -> None:
    """The same key is the same erasure; another one finds nothing, and says so."""
    await live(opened)
    first = await opened.sayso.privacy.erase(ANA, reason="subject_request", by=MARIA, key="e1")
    again = await opened.sayso.privacy.erase(ANA, reason="subject_request", by=MARIA, key="e1")
    assert again.id == first.id
    with pytest.raises(RefusedError) as caught:
        await opened.sayso.privacy.erase(ANA, reason="subject_request", by=MARIA)
    assert caught.value.code is Code.NOT_FOUND
    assert [one.id for one in await opened.sayso.privacy.erasures()] == [first.id]


class Crash(BaseException):
    """The process ends here."""


@pytest.mark.promise("subjects:erased:crash")
@pytest.mark.parametrize("step", STEPS)
async def test_a_crash_after_any_step_is_taken_up_again(opened: ShopWorkspace, step: str) -> None:
    """Between the steps nothing runs for the customer; afterwards nothing is left of them."""
    await live(opened)
    wired = opened.sayso.container

    def crash(passed: str) -> None:
        if passed == step:
            raise Crash

    order_key = "e1"
    object.__setattr__(wired, "eraser", replace(wired.eraser, passing=crash))
    with pytest.raises(Crash):
        await opened.sayso.privacy.erase(ANA, reason="subject_request", by=MARIA, key=order_key)
    assert verdict(opened) is Verdict.VERIFIED
    if step != "finished":
        with pytest.raises(RefusedError) as caught:
            await live_again(opened)
        assert caught.value.code is Code.SUBJECT_IN_USE
    async with open_shop(opened.workspace.folder, shop=opened.shop, clock=opened.clock) as later:
        await later.sayso.privacy.finish()
        after = await everything_stored(later)
        for gone in (ANA, "Quispe", "funeral"):
            assert gone not in after
        kinds = [entry.kind for entry in await later.sayso.audit.query("kind:subject.erased")]
        assert kinds == ["subject.erased"], "said once"
        assert verdict(later) is Verdict.VERIFIED


async def test_what_is_being_called_or_unknown_has_to_be_known_first(opened: ShopWorkspace) -> None:
    """An effect that may exist is nobody's to forget; the refusal is an entry."""
    opened.shop.faults.append(ShopFault.LOST_AFTER)
    await live_again(opened)
    with pytest.raises(RefusedError) as caught:
        await opened.sayso.privacy.erase(ANA, reason="subject_request", by=MARIA)
    assert caught.value.code is Code.SUBJECT_IN_USE
    entry = (await opened.sayso.audit.tail(1))[0]
    assert entry.kind == "subject.refused"
    assert entry.body["data"] == {"asked": "erase", "code": "subject_in_use"}
    assert ANA in await everything_stored(opened)


async def test_what_was_called_and_denied_has_to_be_known_first(tmp_path: Path) -> None:
    """A provider's word that nothing was done is looked up before an action ends without it."""
    async with open_shop(tmp_path, shop=Shop(verifiable(settle_after_s=60))) as opened:
        opened.shop.books.add("o_ana", ANA, Money(30_000, "USD"))
        opened.shop.faults.append(ShopFault.DENIES)
        await live_again(opened)
        with pytest.raises(RefusedError) as caught:
            await opened.sayso.privacy.erase(ANA, reason="subject_request", by=MARIA)
        assert caught.value.code is Code.SUBJECT_IN_USE
        opened.clock.advance(minutes=2)
        await opened.sayso.container.dispatcher.drain()
        erased = await opened.sayso.privacy.erase(ANA, reason="subject_request", by=MARIA)
        assert erased.status == "erased"
        assert [view.status for view in await opened.sayso.actions.list()] == ["succeeded"]


async def test_a_request_that_is_being_planned_is_waited_for(tmp_path: Path) -> None:
    """Its words are in the planner's hands, and what it plans would be stored after the erasure."""
    planner = Thoughtful()
    async with open_shop(tmp_path, planner=planner) as opened:
        opened.shop.books.add("o_ana", ANA, Money(30_000, "USD"))
        asked = asyncio.create_task(opened.sayso.ask(ANA, WORDS))
        await planner.began.wait()
        with pytest.raises(RefusedError) as caught:
            await opened.sayso.privacy.erase(ANA, reason="subject_request", by=MARIA)
        assert caught.value.code is Code.SUBJECT_IN_USE
        planner.may_end.set()
        await asked
        erased = await opened.sayso.privacy.erase(ANA, reason="subject_request", by=MARIA)
        assert erased.status == "erased"


async def test_a_stop_that_names_the_customer_is_released_first(opened: ShopWorkspace) -> None:
    """Else it would hold nobody any more, and nobody would know."""
    await live_again(opened)
    stop = await opened.sayso.stops.engage("customer", ANA, reason=REASON)
    with pytest.raises(RefusedError) as caught:
        await opened.sayso.privacy.erase(ANA, reason="subject_request", by=MARIA)
    assert caught.value.code is Code.SUBJECT_IN_USE
    assert stop.id in caught.value.message
    for person in ("maria", "noor"):
        await opened.sayso.container.stops.resume(
            Resumption(
                tenant=MAIN,
                stop_id=stop.id,
                person=person,
                via="test",
                credential="host",
                key=person,
            )
        )
    await opened.sayso.privacy.erase(ANA, reason="subject_request", by=MARIA)
    after = await everything_stored(opened)
    assert stop.id in after
    assert ANA not in after
    assert "Quispe" not in after
    assert verdict(opened) is Verdict.VERIFIED


async def test_a_request_that_waits_is_handed_over_and_runs_no_more(opened: ShopWorkspace) -> None:
    """What waited for a yes is refused, and nobody writes a reply to who is not there any more."""
    asked = await opened.sayso.ask(ANA, WORDS)
    assert asked.status == "acting"
    await opened.sayso.privacy.erase(ANA, reason="subject_request", by=MARIA)
    ended = await opened.sayso.requests.get(asked.id)
    assert (ended.status, ended.reply) == ("handed_over", ERASED)
    due = await opened.sayso.container.store.read(
        lambda reader: reader.one("dispatch.next_request", now=0)
    )
    assert due is not None
    assert due["due_at"] is None


async def test_only_a_person_with_the_role_erases(opened: ShopWorkspace) -> None:
    """A service, somebody without the role, and somebody who left: each is refused and recorded."""
    await live(opened)
    service = replace(MARIA, kind="service")
    reader = replace(MARIA, scopes=frozenset({Scope.READ, Scope.AUDIT}))
    for who in (service, reader, token_of("nobody"), token_of("idle")):
        with pytest.raises(RefusedError) as caught:
            await opened.sayso.privacy.erase(ANA, reason="subject_request", by=who)
        assert caught.value.code in {Code.FORBIDDEN, Code.NOT_AN_APPROVER}
        assert (await opened.sayso.audit.tail(1))[0].kind == "subject.refused"
    with pytest.raises(RefusedError) as caught:
        await opened.sayso.privacy.erase(ANA, reason="Because Ana said so", by=MARIA)
    assert caught.value.code is Code.REASON_REQUIRED
    assert ANA in await everything_stored(opened)


@pytest.mark.parametrize("rewrite", [False, True])
async def test_the_files_of_sqlite_hold_nothing_deleted(tmp_path: Path, *, rewrite: bool) -> None:
    """Neither free pages nor the journal: what is deleted is zeroed, and the journal is cut."""
    async with open_shop(tmp_path / "shop", planner=OneRefund()) as opened:
        opened.shop.books.add("o_ana", ANA, Money(30_000, "USD"))
        await live(opened)
        erased = await opened.sayso.privacy.erase(
            ANA, reason="subject_request", by=MARIA, rewrite=rewrite
        )
        assert erased.scrubbed is True
        for path in opened.workspace.folder.rglob("sayso.db*"):
            for gone in (ANA, "Quispe", "funeral"):
                assert gone.encode() not in path.read_bytes(), path


async def test_a_disk_without_room_for_the_new_file_says_that_the_customer_is_erased(
    tmp_path: Path,
) -> None:
    """Who only heard that the disk is full erased again, and was told to check the id."""
    disk = FailingDisk()

    def fill(step: str) -> None:
        if step == "finished":
            disk.fail()

    async with open_shop(tmp_path, planner=OneRefund()) as opened:
        opened.shop.books.add("o_ana", ANA, Money(30_000, "USD"))
        await live(opened)
        wired = opened.sayso.container
        object.__setattr__(wired, "eraser", replace(wired.eraser, passing=fill))
        try:
            with pytest.raises(ConfigError) as caught:
                await opened.sayso.privacy.erase(
                    ANA, reason="subject_request", by=MARIA, rewrite=True
                )
        finally:
            disk.mend()
        assert "is erased, by `ers_" in caught.value.message
        assert "`sayso privacy sweep`" in caught.value.next_step
        assert ANA not in await everything_stored(opened)


async def test_a_key_that_erased_somebody_erases_nobody_else(opened: ShopWorkspace) -> None:
    """Nobody is told `erased` of a customer of whom something is held."""
    subjects = opened.sayso.privacy
    await live(opened)
    await live_as_bo(opened)
    await subjects.erase(ANA, reason="subject_request", by=MARIA, key="e1")
    for subject, reason in (("cus_bo", "subject_request"), (ANA, "other_reason")):
        with pytest.raises(RefusedError) as caught:
            await subjects.erase(subject, reason=reason, by=MARIA, key="e1")
        assert caught.value.code is Code.IDEMPOTENCY_CONFLICT
    await live_again(opened)
    with pytest.raises(RefusedError) as caught:
        await subjects.erase(ANA, reason="subject_request", by=MARIA, key="e1")
    assert caught.value.code is Code.IDEMPOTENCY_CONFLICT
