"""A customer is erased: nothing of them is left to read, and the log still verifies."""

from __future__ import annotations

import asyncio
import resource
import sqlite3
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import orjson
import pytest
from support.house import PEOPLE, ShopHouse, open_shop

from sayso.actions.action import Action
from sayso.actions.decision import Choice, Decision
from sayso.actions.erasing import without_personal
from sayso.actions.ledger import get_action
from sayso.actions.plan import HandOver, Plan, Step
from sayso.actions.stopping import Resumption
from sayso.agent.base import Handles, Message
from sayso.audit.verification import Verdict
from sayso.errors import Code, ConfigError, RefusedError
from sayso.ids import Tenant
from sayso.json import JsonValue
from sayso.money import Money
from sayso.sdk.subjects.erased_list import ErasedList
from sayso.sdk.subjects.eraser import STEPS
from sayso.sdk.tokens import Scope, Token
from sayso.sdk.views import ActionView
from sayso.store.base import Transaction
from sayso.testing.shop import ShopFault

MAIN = Tenant("main")
ANA = "cus_ana_4711"
WORDS = "Refund me $90, it broke on the day of my mother's funeral, says Ana Quispe"
REASON = "Quispe sounded upset"


def refund_of(order: str, minor: int) -> dict[str, JsonValue]:
    """The arguments of a refund."""
    return {"order": order, "amount": {"amount_minor": minor, "currency": "USD"}}


class OneRefund:
    """A planner that always wants the same refund of the customer's first order."""

    name = "scripted"

    def __init__(self, minor: int = 9_000) -> None:
        self._minor = minor

    async def plan(
        self, messages: Sequence[Message], handles: Handles, actions: Sequence[Action]
    ) -> Plan | HandOver:
        args = refund_of("order#1", self._minor)
        return Plan(
            steps=(Step(id="s1", action="shop.refund", args=args, reason=WORDS),),
            planner="scripted",
        )


class Thoughtful(OneRefund):
    """Plans once it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.began, self.may_end = asyncio.Event(), asyncio.Event()

    async def plan(
        self, messages: Sequence[Message], handles: Handles, actions: Sequence[Action]
    ) -> Plan | HandOver:
        self.began.set()
        await self.may_end.wait()
        return await super().plan(messages, handles, actions)


def token_of(person: str, tenant: Tenant = MAIN) -> Token:
    """A person's token, as a surface hands it down."""
    return Token(
        tenant=tenant,
        id="tok_test",
        kind="person",
        holder=person,
        scopes=frozenset({Scope.DECIDE}),
        created_at=0,
        expires_at=1,
        revoked_at=None,
    )


MARIA, NOOR, FINN = map(token_of, ("maria", "noor", "finn"))


@pytest.fixture
async def house(store_url: str, tmp_path: Path) -> AsyncGenerator[ShopHouse]:
    """A shop in which Ana and Bo each have an order of $300."""
    async with open_shop(tmp_path / "shop", planner=OneRefund()) as house:
        house.shop.books.add("o_ana", ANA, Money(30_000, "USD"))
        house.shop.books.add("o_bo", "cus_bo", Money(30_000, "USD"))
        yield house


async def decide(house: ShopHouse, action: ActionView, choice: Choice = Choice.APPROVE) -> None:
    """Maria decides, with words of her own."""
    assert action.approval is not None
    await house.sayso.decide_as(
        Decision(
            tenant=MAIN,
            approval_id=action.approval.id,
            revision=action.approval.revision,
            digest=action.approval.digest,
            choice=choice,
            person="maria",
            via="test",
            reason=REASON if choice is Choice.REJECT else "",
            reason_code="not_covered" if choice is Choice.REJECT else "",
        )
    )


async def live(house: ShopHouse) -> list[str]:
    """A life of a customer: allowed, approved, refused, waiting, and asked in words."""
    sayso = house.sayso
    small = refund_of("o_ana", 1000)
    big = refund_of("o_ana", 9000)
    done = await sayso.propose("shop.refund", small, subject=ANA, reason=WORDS, key=f"k1-{ANA}")
    yes = await sayso.propose("shop.refund", big, subject=ANA, reason=WORDS, key=f"k2-{ANA}")
    await decide(house, yes)
    no = await sayso.propose("shop.refund", big, subject=ANA, reason=WORDS, key=f"k3-{ANA}")
    await decide(house, no, Choice.REJECT)
    waits = await sayso.propose("shop.refund", big, subject=ANA, reason=WORDS, key=f"k4-{ANA}")
    asked = await sayso.ask(ANA, WORDS, key=f"r1-{ANA}")
    return [done.id, yes.id, no.id, waits.id, asked.actions[0].id]


async def live_as_bo(house: ShopHouse) -> str:
    """Somebody else's life, which nobody may touch."""
    other = await house.sayso.propose(
        "shop.refund", refund_of("o_bo", 2000), subject="cus_bo", reason="Bo's words"
    )
    return other.id


async def everything_stored(house: ShopHouse) -> str:
    """Each row of each table, as text, with whatever is sealed as it stands."""
    if not str(house.workspace.store_url).startswith("sqlite"):
        return await _everything_on_postgres(house)
    with sqlite3.connect(house.workspace.store_path) as connection:
        return "\n".join(connection.iterdump())


async def _everything_on_postgres(house: ShopHouse) -> str:
    from sayso.store.postgres_connection import connect_plainly  # needs an extra

    with connect_plainly(str(house.workspace.store_url)) as connection:
        tables = connection.execute(
            "select tablename from pg_tables where schemaname = 'sayso'"
        ).fetchall()
        return "\n".join(
            str(row)
            for (name,) in tables
            for row in connection.execute(f'select t::text from sayso."{name}" t'.encode())
        )


def texts_deleted(tx: Transaction, *, of: str) -> int:
    """How many sealed texts of a pseudonym were still there; they are not any more."""
    return tx.run("erasure.delete_texts", tenant=MAIN, pseudonym=of, limit=9)


def verdict(house: ShopHouse) -> Verdict:
    """Of all logs of the database, deeply."""
    return house.sayso.audit.verify(deep=True).verdict


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


async def live_again(house: ShopHouse) -> None:
    """The customer asks for something new."""
    small = refund_of("o_ana", 1000)
    await house.sayso.propose("shop.refund", small, subject=ANA, key="while")


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


# ---- holds ---------------------------------------------------------------------------------------


@pytest.mark.promise("subjects:held")
async def test_a_legal_hold_keeps_everything_until_two_people_release_it(
    house: ShopHouse,
) -> None:
    """Neither an erasure nor a sweep touches what a court may want."""
    await live(house)
    subjects = house.sayso.subjects
    hold = await subjects.hold(ANA, reason="litigation", by=MARIA)
    for _ in range(2):
        with pytest.raises(RefusedError) as caught:
            await subjects.erase(ANA, reason="subject_request", by=MARIA)
        assert caught.value.code is Code.LEGAL_HOLD
    assert (await subjects.release(hold.id, by=NOOR)).status == "release_asked"
    with pytest.raises(RefusedError) as caught:
        await subjects.release(hold.id, by=NOOR)
    assert caught.value.code is Code.OWN_REQUEST
    with pytest.raises(RefusedError):
        await subjects.erase(ANA, reason="subject_request", by=MARIA)
    assert (await subjects.release(hold.id, by=MARIA)).status == "released"
    assert await subjects.holds() == []
    assert [one.id for one in await subjects.holds(released=True)] == [hold.id]
    assert (await subjects.erase(ANA, reason="subject_request", by=MARIA)).status == "erased"
    assert verdict(house) is Verdict.VERIFIED


@pytest.mark.promise("subjects:held")
async def test_the_word_of_somebody_who_left_does_not_count_for_a_release(tmp_path: Path) -> None:
    """Two people with the role, who have it at the end: noor asked, and is gone."""
    async with open_shop(tmp_path) as house:
        hold = await house.sayso.subjects.hold(ANA, reason="litigation", by=MARIA)
        asked = await house.sayso.subjects.release(hold.id, by=NOOR)
        assert asked.status == "release_asked"
    gone = [{**person, "active": person["id"] != "noor"} for person in PEOPLE]
    async with open_shop(tmp_path, clock=house.clock, people=gone) as later:
        subjects = later.sayso.subjects
        assert (await subjects.release(hold.id, by=MARIA)).status == "release_asked"
        assert (await subjects.release(hold.id, by=FINN)).status == "released"


# ---- access --------------------------------------------------------------------------------------


@pytest.mark.promise("subjects:access")
async def test_a_customer_is_shown_all_that_is_held(house: ShopHouse) -> None:
    """Requests, actions, cards, words and entries; and that it was asked is an entry."""
    ids = await live(house)
    await live_as_bo(house)
    found = await house.sayso.subjects.export(ANA, by=MARIA)
    assert {row["id"] for row in found["actions"]} == set(ids)
    assert len(found["requests"]) == 1
    assert any(WORDS in text for text in found["texts"].values())
    assert REASON in found["texts"].values()
    shown = orjson.dumps(found).decode()
    assert "Bo's words" not in shown
    assert "cus_bo" not in shown
    assert all(one["subject"] == found["pseudonym"] for one in found["entries"])
    assert (await house.sayso.audit.tail(1))[0].kind == "subject.exported"
    with pytest.raises(RefusedError) as caught:
        await house.sayso.subjects.export("cus_nobody", by=MARIA)
    assert caught.value.code is Code.NOT_FOUND


# ---- restored backups ----------------------------------------------------------------------------


@pytest.mark.promise("subjects:restored")
async def test_a_restored_backup_is_told_whom_to_erase_again(tmp_path: Path) -> None:
    """Whoever was erased since the backup was made does not come back unnoticed."""
    async with open_shop(tmp_path / "shop", planner=OneRefund()) as house:
        house.shop.books.add("o_ana", ANA, Money(30_000, "USD"))
        await live(house)
        with (
            sqlite3.connect(house.workspace.store_path) as source,
            sqlite3.connect(tmp_path / "backup.db") as backup,
        ):
            source.backup(backup)
        await house.sayso.subjects.erase(ANA, reason="subject_request", by=MARIA)
        listed = (house.workspace.folder / ".sayso" / "erased.jsonl").read_text()
        assert ANA not in listed
    for path in house.workspace.folder.glob("sayso.db*"):
        path.unlink()
    (tmp_path / "backup.db").rename(house.workspace.store_path)
    async with open_shop(tmp_path / "shop", shop=house.shop, clock=house.clock) as restored:
        assert ANA in await everything_stored(restored)
        again = await restored.sayso.subjects.erase_restored()
        assert (again.erased, again.left) == (1, ())
        assert ANA not in await everything_stored(restored)
        assert (await restored.sayso.subjects.erasures())[0].reason == "restored_backup"
        assert verdict(restored) is Verdict.VERIFIED
        assert (await restored.sayso.subjects.erase_restored()).erased == 0


async def test_a_customer_who_cannot_be_erased_again_now_is_said(tmp_path: Path) -> None:
    """Such as when the backup holds an outcome that is unknown; it is tried again later."""
    async with open_shop(tmp_path / "shop") as house:
        house.shop.books.add("o_ana", ANA, Money(30_000, "USD"))
        house.shop.faults.append(ShopFault.LOST_AFTER)
        await live_again(house)
        subject = await house.sayso.house.store.read(
            lambda reader: reader.one("personal.subject", tenant=MAIN, id=ANA)
        )
        assert subject is not None
        house.sayso.house.eraser.listed.add(MAIN, str(subject["pseudonym"]), 1)
        found = await house.sayso.subjects.erase_restored()
        assert found.erased == 0
        assert found.left[0][0] == subject["pseudonym"]
        assert "has to be known first" in found.left[0][1]


# ---- files ---------------------------------------------------------------------------------------


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


# ---- sweeping ------------------------------------------------------------------------------------


@pytest.mark.promise("subjects:swept")
async def test_what_was_kept_long_enough_goes_by_itself(store_url: str, tmp_path: Path) -> None:
    """Rows, words and at last the key; what is open or new stays, and each batch is an entry."""
    kept = {"requests": "90d"}
    async with open_shop(tmp_path / "shop", planner=OneRefund(), retention=kept) as house:
        house.shop.books.add("o_ana", ANA, Money(30_000, "USD"))
        ids = await live(house)
        nothing = await house.sayso.subjects.sweep()
        assert (nothing.actions, nothing.requests, nothing.subjects) == (0, 0, 0)
        house.clock.advance(days=60)
        await live_as_new(house)
        house.clock.advance(days=31)
        swept = await house.sayso.subjects.sweep()
        assert swept.actions == 3, "two are open: one waits, one is a step of a request that does"
        assert swept.subjects == 0
        stored = await everything_stored(house)
        assert ANA in stored, "what is open or new is still there"
        done = await house.sayso.action(ids[0])
        assert done.subject != ANA
        assert done.args == {}
        assert verdict(house) is Verdict.VERIFIED


async def live_as_new(house: ShopHouse) -> None:
    """Something that is not old yet."""
    small = refund_of("o_ana", 1100)
    await house.sayso.propose("shop.refund", small, subject=ANA, key="new", reason=WORDS)


async def test_a_customer_of_whom_nothing_is_left_loses_the_key(
    store_url: str, tmp_path: Path
) -> None:
    """The last thing that could open an old backup's text here."""
    kept = {"requests": "90d"}
    async with open_shop(tmp_path / "shop", retention=kept) as house:
        house.shop.books.add("o_ana", ANA, Money(30_000, "USD"))
        await live_again(house)
        hold = await house.sayso.subjects.hold(ANA, reason="litigation", by=MARIA)
        house.clock.advance(days=91)
        assert (await house.sayso.subjects.sweep()).actions == 0, "held"
        await house.sayso.subjects.release(hold.id, by=MARIA)
        await house.sayso.subjects.release(hold.id, by=NOOR)
        swept = await house.sayso.subjects.sweep()
        assert (swept.actions, swept.subjects) == (1, 1)
        assert ANA not in await everything_stored(house)
        assert verdict(house) is Verdict.VERIFIED


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


async def test_a_word_about_a_hold_said_again_is_one(house: ShopHouse) -> None:
    """By its key: placed once, asked once, released once; for another customer it is refused."""
    subjects = house.sayso.subjects
    placed = [
        await subjects.hold("cus_new", reason="litigation", by=MARIA, key="h1") for _ in range(2)
    ]
    assert placed[0] == placed[1]
    with pytest.raises(RefusedError) as caught:
        await subjects.hold(ANA, reason="litigation", by=MARIA, key="h1")
    assert caught.value.code is Code.IDEMPOTENCY_CONFLICT
    asked = [await subjects.release(placed[0].id, by=MARIA, key="r1") for _ in range(2)]
    assert asked[0] == asked[1]
    ended = await subjects.release(placed[0].id, by=NOOR, key="r1")
    assert ended.status == "released"
    for person in (MARIA, NOOR):
        assert await subjects.release(placed[0].id, by=person, key="r1") == ended
    kinds = [entry.kind for entry in await house.sayso.audit.query("kind:subject.released")]
    assert kinds == ["subject.released"]
    assert verdict(house) is Verdict.VERIFIED


@pytest.mark.promise("subjects:erased:crash")
def test_a_line_that_a_crash_cut_off_takes_no_other_line_with_it(tmp_path: Path) -> None:
    """The list is all that tells of an erasure when a backup comes back."""
    path = tmp_path / "erased.jsonl"
    listed = ErasedList(path)
    listed.add(MAIN, "sub_one", 1)
    with path.open("ab") as file:
        file.write(b'{"tenant":"main","pseu')
    listed.add(MAIN, "sub_two", 2)
    assert list(listed.read()) == [(MAIN, "sub_one"), (MAIN, "sub_two")]


@pytest.mark.promise("subjects:erased:crash")
def test_a_disk_that_takes_half_a_line_lets_no_erasure_end(tmp_path: Path) -> None:
    """A short write is no error of its own; the line must be whole before the erasure goes on."""
    path = tmp_path / "erased.jsonl"
    path.write_bytes(b"\n" * 1_000_000)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_020, hard))
    try:
        with pytest.raises(ConfigError):
            ErasedList(path).add(MAIN, "sub_one", 1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    ErasedList(path).add(MAIN, "sub_two", 2)
    ErasedList(path).add(MAIN, "sub_one", 3)
    assert list(ErasedList(path).read()) == [(MAIN, "sub_two"), (MAIN, "sub_one")]
