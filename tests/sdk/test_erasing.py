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
from support.house import ShopHouse, open_shop
from support.shop import Shop, ShopFault

from sayso.actions.controls.erasure import without_personal
from sayso.actions.controls.kill_switch import Resumption
from sayso.actions.model.action_row import get_action
from sayso.actions.model.definition import verifiable
from sayso.audit.verifier.verification import Verdict
from sayso.errors import Code, ConfigError, RefusedError
from sayso.money import Money
from sayso.sdk.privacy.eraser import STEPS
from sayso.sdk.resources.tokens import Scope


@pytest.mark.promise("subjects:erased")
async def test_nothing_of_an_erased_customer_is_left_and_the_log_verifies(
    house: ShopHouse,
) -> None:
    """Invariant 8: id, name, words, reasons, cards, arguments, keys: gone from every table."""
    await live(house)
    before = await everything_stored(house)
    assert ANA in before
    erased = await house.sayso.subjects.erase(ANA, reason="subject_request", by=MARIA)
    assert erased.status == "erased"
    after = await everything_stored(house)
    for gone in (ANA, "Quispe", "funeral"):
        assert gone not in after, after[max(after.index(gone) - 400, 0) : after.index(gone) + 200]
    assert await house.sayso.house.store.write(partial(texts_deleted, of=erased.subject)) == 0
    assert verdict(house) is Verdict.VERIFIED
    kinds = [entry.kind for entry in await house.sayso.audit.tail(2)]
    assert kinds == ["subject.erased", "subject.erasing"]


@pytest.mark.promise("subjects:erased")
async def test_what_a_provider_or_a_rule_said_of_them_goes_and_so_does_the_salt(
    tmp_path: Path,
) -> None:
    """Either may quote the customer; with the salt, a digest in the log confirms a right guess."""
    async with open_shop(tmp_path) as house:
        house.shop.books.add("o_ana", ANA, Money(30_000, "USD"))
        view = await house.sayso.propose("shop.refund", refund_of("o_ana", 1000), subject=ANA)
        read = partial(get_action, tenant=MAIN, action_id=view.id)
        row = await house.sayso.house.store.read(read)
    assert row.receipt is not None
    assert row.judgement is not None
    assert row.snapshot is not None
    assert row.snapshot.salt
    quoting = replace(
        row,
        error={"code": "provider_refused", "message": "no, Quispe"},
        receipt=replace(row.receipt, details={"note": "for Quispe"}),
        judgement=replace(row.judgement, errors=("Quispe is no decimal",)),
    )
    left = without_personal(quoting)
    assert "Quispe" not in str(left)
    assert left.snapshot is not None
    assert left.snapshot.salt == ""
    assert left.receipt is not None
    assert left.receipt.id == row.receipt.id


async def test_what_was_done_stays_known_without_the_customer(house: ShopHouse) -> None:
    """Who decided, how much, when and the provider's receipt are still there, under a pseudonym."""
    ids = await live(house)
    was = [await house.sayso.action(one, timeline=False) for one in ids]
    view = await house.sayso.subjects.erase(ANA, reason="subject_request", by=MARIA)
    now = [await house.sayso.action(one) for one in ids]
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


async def test_nobody_else_is_touched(house: ShopHouse) -> None:
    """Another customer's rows are the same, to the byte, and their text still opens."""
    other = await live_as_bo(house)
    await live(house)
    was = await house.sayso.action(other)
    exported = await house.sayso.subjects.export("cus_bo", by=MARIA)
    await house.sayso.subjects.erase(ANA, reason="subject_request", by=MARIA)
    assert await house.sayso.action(other) == was
    again = await house.sayso.subjects.export("cus_bo", by=MARIA)
    assert again["texts"] == exported["texts"]
    assert "Bo's words" in again["texts"].values()


async def test_an_erased_customer_who_comes_back_is_somebody_new(house: ShopHouse) -> None:
    """The new pseudonym cannot be linked to the old one, and old keys do nothing anew."""
    await live(house)
    old = (await house.sayso.subjects.erase(ANA, reason="subject_request", by=MARIA)).subject
    small = refund_of("o_ana", 1000)
    with pytest.raises(RefusedError) as caught:
        await house.sayso.propose("shop.refund", small, subject=ANA, key=f"k1-{ANA}")
    assert caught.value.code is Code.ERASED
    with pytest.raises(RefusedError) as caught:
        await house.sayso.ask(ANA, WORDS, key=f"r1-{ANA}")
    assert caught.value.code is Code.ERASED
    again = await house.sayso.propose("shop.refund", small, subject=ANA, key="new")
    assert again.status == "succeeded"
    entry = (await house.sayso.audit.query(f"customer:{ANA}"))[0]
    assert entry.body["subject"] != old


async def test_twice_is_once(house: ShopHouse) -> None:
    """The same key is the same erasure; another one finds nothing, and says so."""
    await live(house)
    first = await house.sayso.subjects.erase(ANA, reason="subject_request", by=MARIA, key="e1")
    again = await house.sayso.subjects.erase(ANA, reason="subject_request", by=MARIA, key="e1")
    assert again.id == first.id
    with pytest.raises(RefusedError) as caught:
        await house.sayso.subjects.erase(ANA, reason="subject_request", by=MARIA)
    assert caught.value.code is Code.NOT_FOUND
    assert [one.id for one in await house.sayso.subjects.erasures()] == [first.id]


class Crash(BaseException):
    """The process ends here."""


@pytest.mark.promise("subjects:erased:crash")
@pytest.mark.parametrize("step", STEPS)
async def test_a_crash_after_any_step_is_taken_up_again(house: ShopHouse, step: str) -> None:
    """Between the steps nothing runs for the customer; afterwards nothing is left of them."""
    await live(house)
    wired = house.sayso.house

    def crash(passed: str) -> None:
        if passed == step:
            raise Crash

    order_key = "e1"
    object.__setattr__(wired, "eraser", replace(wired.eraser, passing=crash))
    with pytest.raises(Crash):
        await house.sayso.subjects.erase(ANA, reason="subject_request", by=MARIA, key=order_key)
    assert verdict(house) is Verdict.VERIFIED
    if step != "finished":
        with pytest.raises(RefusedError) as caught:
            await live_again(house)
        assert caught.value.code is Code.SUBJECT_IN_USE
    async with open_shop(house.workspace.folder, shop=house.shop, clock=house.clock) as later:
        await later.sayso.subjects.finish()
        after = await everything_stored(later)
        for gone in (ANA, "Quispe", "funeral"):
            assert gone not in after
        kinds = [entry.kind for entry in await later.sayso.audit.query("kind:subject.erased")]
        assert kinds == ["subject.erased"], "said once"
        assert verdict(later) is Verdict.VERIFIED


async def test_what_is_being_called_or_unknown_has_to_be_known_first(house: ShopHouse) -> None:
    """An effect that may exist is nobody's to forget; the refusal is an entry."""
    house.shop.faults.append(ShopFault.LOST_AFTER)
    await live_again(house)
    with pytest.raises(RefusedError) as caught:
        await house.sayso.subjects.erase(ANA, reason="subject_request", by=MARIA)
    assert caught.value.code is Code.SUBJECT_IN_USE
    entry = (await house.sayso.audit.tail(1))[0]
    assert entry.kind == "subject.refused"
    assert entry.body["data"] == {"asked": "erase", "code": "subject_in_use"}
    assert ANA in await everything_stored(house)


async def test_what_was_called_and_denied_has_to_be_known_first(tmp_path: Path) -> None:
    """A provider's word that nothing was done is looked up before an action ends without it."""
    async with open_shop(tmp_path, shop=Shop(verifiable(settle_after_s=60))) as house:
        house.shop.books.add("o_ana", ANA, Money(30_000, "USD"))
        house.shop.faults.append(ShopFault.DENIES)
        await live_again(house)
        with pytest.raises(RefusedError) as caught:
            await house.sayso.subjects.erase(ANA, reason="subject_request", by=MARIA)
        assert caught.value.code is Code.SUBJECT_IN_USE
        house.clock.advance(minutes=2)
        await house.sayso.house.dispatcher.drain()
        erased = await house.sayso.subjects.erase(ANA, reason="subject_request", by=MARIA)
        assert erased.status == "erased"
        assert [view.status for view in await house.sayso.actions()] == ["succeeded"]


async def test_a_request_that_is_being_planned_is_waited_for(tmp_path: Path) -> None:
    """Its words are in the planner's hands, and what it plans would be stored after the erasure."""
    planner = Thoughtful()
    async with open_shop(tmp_path, planner=planner) as house:
        house.shop.books.add("o_ana", ANA, Money(30_000, "USD"))
        asked = asyncio.create_task(house.sayso.ask(ANA, WORDS))
        await planner.began.wait()
        with pytest.raises(RefusedError) as caught:
            await house.sayso.subjects.erase(ANA, reason="subject_request", by=MARIA)
        assert caught.value.code is Code.SUBJECT_IN_USE
        planner.may_end.set()
        await asked
        erased = await house.sayso.subjects.erase(ANA, reason="subject_request", by=MARIA)
        assert erased.status == "erased"


async def test_a_stop_that_names_the_customer_is_released_first(house: ShopHouse) -> None:
    """Else it would hold nobody any more, and nobody would know."""
    await live_again(house)
    stop = await house.sayso.stop("customer", ANA, reason=REASON)
    with pytest.raises(RefusedError) as caught:
        await house.sayso.subjects.erase(ANA, reason="subject_request", by=MARIA)
    assert caught.value.code is Code.SUBJECT_IN_USE
    assert stop.id in caught.value.message
    for person in ("maria", "noor"):
        await house.sayso.house.stops.resume(
            Resumption(tenant=MAIN, stop_id=stop.id, person=person, via="test", key=person)
        )
    await house.sayso.subjects.erase(ANA, reason="subject_request", by=MARIA)
    after = await everything_stored(house)
    assert stop.id in after
    assert ANA not in after
    assert "Quispe" not in after
    assert verdict(house) is Verdict.VERIFIED


async def test_a_request_that_waits_is_handed_over_and_runs_no_more(house: ShopHouse) -> None:
    """What waited for a yes is refused, and nobody writes a reply to who is not there any more."""
    asked = await house.sayso.ask(ANA, WORDS)
    assert asked.status == "acting"
    await house.sayso.subjects.erase(ANA, reason="subject_request", by=MARIA)
    ended = await house.sayso.request(asked.id)
    assert (ended.status, ended.reply) == ("handed_over", None)
    due = await house.sayso.house.store.read(
        lambda reader: reader.one("dispatch.next_request", now=0)
    )
    assert due is not None
    assert due["due_at"] is None


async def test_only_a_person_with_the_role_erases(house: ShopHouse) -> None:
    """A service, somebody without the role, and somebody who left: each is refused and recorded."""
    await live(house)
    service = replace(MARIA, kind="service")
    reader = replace(MARIA, scopes=frozenset({Scope.READ, Scope.AUDIT}))
    for who in (service, reader, token_of("nobody"), token_of("idle")):
        with pytest.raises(RefusedError) as caught:
            await house.sayso.subjects.erase(ANA, reason="subject_request", by=who)
        assert caught.value.code in {Code.FORBIDDEN, Code.NOT_AN_APPROVER}
        assert (await house.sayso.audit.tail(1))[0].kind == "subject.refused"
    with pytest.raises(RefusedError) as caught:
        await house.sayso.subjects.erase(ANA, reason="Because Ana said so", by=MARIA)
    assert caught.value.code is Code.REASON_REQUIRED
    assert ANA in await everything_stored(house)


@pytest.mark.parametrize("rewrite", [False, True])
async def test_the_files_of_sqlite_hold_nothing_deleted(tmp_path: Path, *, rewrite: bool) -> None:
    """Neither free pages nor the journal: what is deleted is zeroed, and the journal is cut."""
    async with open_shop(tmp_path / "shop", planner=OneRefund()) as house:
        house.shop.books.add("o_ana", ANA, Money(30_000, "USD"))
        await live(house)
        erased = await house.sayso.subjects.erase(
            ANA, reason="subject_request", by=MARIA, rewrite=rewrite
        )
        assert erased.scrubbed is True
        for path in house.workspace.folder.rglob("sayso.db*"):
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

    async with open_shop(tmp_path, planner=OneRefund()) as house:
        house.shop.books.add("o_ana", ANA, Money(30_000, "USD"))
        await live(house)
        wired = house.sayso.house
        object.__setattr__(wired, "eraser", replace(wired.eraser, passing=fill))
        try:
            with pytest.raises(ConfigError) as caught:
                await house.sayso.subjects.erase(
                    ANA, reason="subject_request", by=MARIA, rewrite=True
                )
        finally:
            disk.mend()
        assert "is erased, by `ers_" in caught.value.message
        assert "`sayso audit sweep`" in caught.value.next_step
        assert ANA not in await everything_stored(house)


async def test_a_key_that_erased_somebody_erases_nobody_else(house: ShopHouse) -> None:
    """Nobody is told `erased` of a customer of whom something is held."""
    subjects = house.sayso.subjects
    await live(house)
    await live_as_bo(house)
    await subjects.erase(ANA, reason="subject_request", by=MARIA, key="e1")
    for subject, reason in (("cus_bo", "subject_request"), (ANA, "other_reason")):
        with pytest.raises(RefusedError) as caught:
            await subjects.erase(subject, reason=reason, by=MARIA, key="e1")
        assert caught.value.code is Code.IDEMPOTENCY_CONFLICT
    await live_again(house)
    with pytest.raises(RefusedError) as caught:
        await subjects.erase(ANA, reason="subject_request", by=MARIA, key="e1")
    assert caught.value.code is Code.IDEMPOTENCY_CONFLICT
