"""What a planner has drafted for a request that people have to take: shown, and proposed once."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, closing
from datetime import timedelta
from pathlib import Path

import pytest
from actions.policy.test_versions import token_of
from actions.rollout.test_dials import FILES, dial
from actions.steps import assert_verified
from agent.test_run import Scripted, plan, refund, stock
from support.busy_shop import erase
from support.parcel_shop import ParcelShop
from support.shop_workspace import POLICY, open_shop
from surfaces.console.served_console import (
    HALF,
    LETTER,
    Packages,
    ServedConsole,
    open_console,
    package,
)

from sayso.agent.phrases import DEFAULT_LANGUAGE, phrases_of
from sayso.agent.runner import ANSWER_WITHIN
from sayso.errors import Code, IntegrityError, RefusedError
from sayso.money import Money
from sayso.sdk.resources.work_draft import WorkDraftView
from sayso.testing.clock import FakeClock

ERASED = phrases_of(DEFAULT_LANGUAGE).erased
pytestmark = pytest.mark.promise("work:drafted")


@asynccontextmanager
async def drafted(
    folder: Path, *, planner: Packages | None = None, shop: ParcelShop | None = None
) -> AsyncGenerator[tuple[ServedConsole, str, WorkDraftView]]:
    """A workspace in which a request was handed over with a draft; its id, and the draft."""
    clock = FakeClock()
    async with open_console(folder, clock=clock, planner=planner, shop=shop) as console:
        request = await console.sayso.ask("cus_1", HALF)
        assert request.status == "handed_over"
        assert request.error is not None
        assert request.error.code == "not_asked_for"
        draft = (await console.sayso.work.get(request.id)).draft
        assert draft is not None
        yield console, request.id, draft


async def refused(
    console: ServedConsole,
    about: str,
    code: Code,
    *,
    digest: str,
    steps: list[str] | None = None,
    lower: dict[str, Money] | None = None,
) -> str:
    """That this proposal is refused, and changes nothing; the message."""
    maria = await console.sign_in("maria")
    with pytest.raises(RefusedError) as caught:
        await console.sayso.work.propose(
            about, token=maria, digest=digest, steps=steps, lower=lower
        )
    assert caught.value.code is code, caught.value
    assert (await console.sayso.requests.get(about)).status == "handed_over"
    assert not console.shop.books.payouts
    return caught.value.message


async def test_it_shows_each_step_and_why_it_was_not_done(tmp_path: Path) -> None:
    """What, how much, to whom, what follows of it, and what was not found in the words."""
    async with drafted(tmp_path) as (console, _, draft):
        assert draft.planner == "packages"
        refund, gift, letter = draft.steps
        assert (refund.action, str(refund.amount), refund.why) == ("shop.refund", "$129.00", "")
        assert refund.title == "Pay back an order: $129.00, order o1"
        assert refund.payee == "cus_1"
        assert refund.may_lower
        assert "nobody asked for it" in gift.why
        assert "declined" in letter.why
        assert letter.after == ("s1", "s2")
        assert ("text", LETTER) in letter.texts
        assert "cannot be taken back" in letter.consequence
        assert letter.agent_says == "the customer is told in writing"
        assert not console.shop.books.payouts
        (listed,) = await console.sayso.work.list()
        assert listed.draft == draft
        (entry,) = await console.sayso.audit.query("kind:request.handed_over")
        assert entry.body["data"]["draft"] == draft.digest
        bodies = str([one.body for one in await console.sayso.audit.tail(50)])
        assert "on its way" not in bodies, "what is drafted is sealed beside the log"


async def test_a_person_proposes_it_and_another_one_agrees(tmp_path: Path) -> None:
    """Judged anew as theirs; told to the customer as any request is; all of it in the log."""
    async with drafted(tmp_path) as (console, about, draft):
        sayso = console.sayso
        maria = await console.sign_in("maria")
        request = await sayso.work.propose(about, token=maria, digest=draft.digest[:12])
        assert request.status == "acting"
        assert {one.action for one in request.actions} == {"shop.refund", "shop.gift", "shop.write"}
        assert not console.shop.books.payouts, "the policy asks somebody"
        approval = next(one.approval for one in request.actions if one.approval is not None)
        view = await sayso.solutions.get(approval.id)
        with pytest.raises(RefusedError) as own:
            await sayso.solutions.answer(
                view.id, "approve", token=maria, revision=view.revision, digest=view.digest
            )
        assert own.value.code is Code.OWN_REQUEST, "never by whoever proposed it"
        noor = await console.sign_in("noor")
        await sayso.solutions.answer(
            view.id, "approve", token=noor, revision=view.revision, digest=view.digest
        )
        done = await sayso.requests.get(about)
        assert done.status == "answered"
        assert done.reply is not None
        assert "$129.00" in done.reply
        assert [payout.amount for payout in console.shop.books.payouts] == [Money(12_900, "USD")]
        assert list(console.shop.letters.values()) == [LETTER]
        (entry,) = await sayso.audit.query("kind:request.proposed")
        assert entry.actor == "person:maria"
        said = entry.body["data"]
        assert (said["draft"], said["via"], said["left_out"]) == (draft.digest, "sdk", [])
        assert said["steps"] == ["s1 shop.refund", "s2 shop.gift", "s3 shop.write"]
        proposed = await sayso.audit.query("kind:action.proposed")
        assert {one.actor for one in proposed} == {"person:maria"}
        assert await sayso.work.list() == []
        assert sayso.audit.verify(deep=True).exit_status == 0


async def test_some_steps_and_less_of_them(tmp_path: Path) -> None:
    """What the person leaves out stays out, and an amount goes down only."""
    async with drafted(tmp_path) as (console, about, draft):
        maria = await console.sign_in("maria")
        request = await console.sayso.work.propose(
            about,
            token=maria,
            digest=draft.digest,
            steps=["s1"],
            lower={"s1": Money(4_000, "USD")},
        )
        assert request.status == "answered"
        (action,) = request.actions
        assert (action.status, action.amount) == ("succeeded", Money(4_000, "USD"))
        assert [one.amount for one in console.shop.books.payouts] == [Money(4_000, "USD")]
        assert not console.shop.letters
        (entry,) = await console.sayso.audit.query("kind:request.proposed")
        assert entry.body["data"]["left_out"] == ["s2", "s3"]
        assert entry.body["data"]["lowered"] == ["s1"]
        assert console.sayso.audit.verify(deep=True).exit_status == 0


async def test_what_does_not_fit_is_refused_and_recorded(tmp_path: Path) -> None:
    """Another draft, strange steps, half of what belongs together, more money, another currency."""
    async with drafted(tmp_path) as (console, about, draft):
        digest = draft.digest
        for other in ("0" * 64, digest[:11], "", digest[:-1] + "x"):
            await refused(console, about, Code.DIGEST_MISMATCH, digest=other)
        for steps in ([], ["s9"], ["s1", "s1_2"]):
            await refused(console, about, Code.INVALID_INPUT, digest=digest, steps=steps)
        told = await refused(console, about, Code.INVALID_INPUT, digest=digest, steps=["s1", "s3"])
        assert "s3 cannot be done without s2" in told
        for money in (Money(12_900, "USD"), Money(20_000, "USD"), Money(0, "USD")):
            lower = {"s1": money}
            await refused(console, about, Code.EDIT_NOT_ALLOWED, digest=digest, lower=lower)
        euro, text = {"s1": Money(100, "EUR")}, {"s3": Money(100, "USD")}
        await refused(console, about, Code.EDIT_NOT_ALLOWED, digest=digest, lower=euro)
        await refused(console, about, Code.EDIT_NOT_ALLOWED, digest=digest, lower=text)
        left_out = {"s1": Money(100, "USD")}
        await refused(
            console, about, Code.INVALID_INPUT, digest=digest, steps=["s2"], lower=left_out
        )
        entries = await console.sayso.audit.query("kind:approval.refused")
        assert len(entries) == 14
        assert {one.body["data"]["decision"] for one in entries} == {"propose"}
        assert console.sayso.audit.verify(deep=True).exit_status == 0


async def test_nobody_without_a_role_proposes(tmp_path: Path) -> None:
    """`ada` is a person and has no role; a service's token is nobody's word."""
    async with drafted(tmp_path) as (console, about, draft):
        ada = await console.sign_in("ada")
        with pytest.raises(RefusedError) as caught:
            await console.sayso.work.propose(about, token=ada, digest=draft.digest)
        assert caught.value.code is Code.NOT_AN_APPROVER
        with pytest.raises(RefusedError) as caught:
            await console.sayso.work.propose(about, token="nonsense", digest=draft.digest)
        assert caught.value.code is Code.UNAUTHENTICATED
        assert (await console.sayso.requests.get(about)).actions == ()


async def test_two_at_once_are_one(tmp_path: Path) -> None:
    """One of them wins, and the other is told who."""
    async with drafted(tmp_path) as (console, about, draft):
        secrets = [await console.sign_in(person) for person in ("maria", "noor", "finn")]
        said = await asyncio.gather(
            *(console.sayso.work.propose(about, token=one, digest=draft.digest) for one in secrets),
            return_exceptions=True,
        )
        failed = [one for one in said if isinstance(one, RefusedError)]
        assert [one.code for one in failed] == [Code.ALREADY_IN_STATE] * 2
        (entry,) = await console.sayso.audit.query("kind:request.proposed")
        winner = entry.actor.partition(":")[2]
        assert {one.message for one in failed} == {f"`{winner}` has proposed it already"}
        assert len((await console.sayso.requests.get(about)).actions) == 3
        assert console.sayso.audit.verify(deep=True).exit_status == 0


async def test_what_is_ended_is_not_proposed(tmp_path: Path) -> None:
    """Whoever ended it said that nobody has to do anything."""
    async with drafted(tmp_path) as (console, about, draft):
        maria = await console.sign_in("maria")
        await console.sayso.work.end(about, "done by telephone", token=maria)
        await refused(console, about, Code.ALREADY_IN_STATE, digest=draft.digest)


async def test_a_request_without_a_plan_has_no_draft(tmp_path: Path) -> None:
    """Nothing is made up where no planner has a plan."""
    async with open_console(tmp_path, clock=FakeClock()) as console:
        request = await console.sayso.ask("cus_1", "I want to talk to a person")
        assert (await console.sayso.work.get(request.id)).draft is None
        await refused(console, request.id, Code.WRONG_STATE, digest="0" * 64)


async def test_it_survives_a_crash_between_the_proposal_and_its_steps(tmp_path: Path) -> None:
    """What is proposed is durable in one commit, and another process carries it out, once."""
    async with drafted(tmp_path) as (console, about, draft):
        maria = await console.sign_in("maria")
        await console.sayso.work.propose(
            about, token=maria, digest=draft.digest, steps=["s2"], wait_s=0
        )
        books = console.shop.books
    shop = ParcelShop(books=books)
    async with open_console(tmp_path, clock=FakeClock(), shop=shop) as console:
        row = await console.sayso.requests.get(about)
        for _ in range(2):
            for action in row.actions:
                await console.sayso.container.dispatcher.run_now(
                    "action", console.sayso.tenant, action.id
                )
            await console.sayso.container.dispatcher.run_now("request", console.sayso.tenant, about)
        done = await console.sayso.requests.get(about)
        assert done.status == "answered", done
        assert [one.status for one in done.actions] == ["succeeded"]
        assert console.sayso.audit.verify(deep=True).exit_status == 0


async def test_an_erased_customer_leaves_no_draft(tmp_path: Path) -> None:
    """Sealed under their key: it goes with the key, cannot be proposed, and the log verifies."""
    hostile = "Dear Ben, my name is Quispe <script>"
    planner = Packages(*package(letter=hostile))
    async with drafted(tmp_path, planner=planner) as (console, about, draft):
        await erase(console.opened, "cus_1")
        work = await console.sayso.work.get(about)
        assert work.draft is None
        await refused(console, about, Code.WRONG_STATE, digest=draft.digest)
        assert console.sayso.audit.verify(deep=True).exit_status == 0
    assert b"Quispe" not in (tmp_path / "sayso.db").read_bytes()


@pytest.mark.parametrize("stage", ["off", "suggest"])
async def test_what_the_roll_out_leaves_to_people_needs_two_of_them(
    tmp_path: Path, stage: str
) -> None:
    """Nothing of it goes by itself: whoever proposes it asks somebody else, whatever the policy."""
    (tmp_path / "rollout.toml").write_text(dial("off"))
    section: dict[str, object] = {"files": FILES, "follow": "files"}
    steps = plan(refund(2000), refund(7000, step="s2"))
    async with open_shop(tmp_path, planner=Scripted(steps), policy_section=section) as opened:
        stock(opened)
        view = await opened.sayso.ask("cus_1", "please give me back $20.00 and $70.00 of order o1")
        draft = (await opened.sayso.work.get(view.id)).draft
        assert draft is not None
        assert [str(one.amount) for one in draft.steps] == ["$20.00", "$70.00"]
        assert all("a person does this for now" in one.why for one in draft.steps)
        assert {one.payee for one in draft.steps} == {"the card that paid"}
    (tmp_path / "rollout.toml").write_text(dial(stage))
    async with open_shop(tmp_path, policy_section=section) as opened:
        stock(opened)
        maria, noor = token_of(opened.sayso, "maria"), token_of(opened.sayso, "noor")
        request = await opened.sayso.work.propose(
            view.id, token=await maria, digest=draft.digest, steps=["s1"]
        )
        by_step = {one.step: one for one in request.actions}
        assert (by_step["s1"].status, by_step["s2"].status) == ("refused", "refused")
        again = by_step["s1_2"]
        assert again.status == "pending_approval"
        assert request.reply is not None
        assert "$20.00" in request.reply
        assert "$70.00" not in request.reply
        assert again.approval is not None
        card = again.approval
        await opened.sayso.approvals.decide(
            card.id, "approve", token=await noor, revision=card.revision, digest=card.digest
        )
        done = await opened.sayso.requests.get(view.id)
        assert done.status == "answered"
        assert {one.step: one.status for one in done.actions}["s1_2"] == "succeeded"
        assert [one.amount for one in opened.shop.books.payouts] == [Money(2000, "USD")]
        assert_verified(opened)


async def test_shadow_shows_nothing(tmp_path: Path) -> None:
    """Whoever saw what it would have done would be led by it, and that is what it measures."""
    (tmp_path / "rollout.toml").write_text(dial("shadow"))
    section: dict[str, object] = {"files": FILES, "follow": "files"}
    planner = Scripted(plan(refund(2000)))
    async with open_shop(tmp_path, planner=planner, policy_section=section) as opened:
        stock(opened)
        view = await opened.sayso.ask("cus_1", "please give me back $20.00 of order o1")
        assert view.status == "handed_over"
        assert (await opened.sayso.work.get(view.id)).draft is None


@pytest.mark.parametrize("waited", [timedelta(hours=25), ANSWER_WITHIN + timedelta(minutes=1)])
async def test_what_the_customer_never_said_yes_to(tmp_path: Path, waited: timedelta) -> None:
    """After a day people may propose it, with the question still open or handed over by then."""
    planner, confirm = Scripted(plan(refund(2000))), {"default": "always"}
    async with open_shop(tmp_path, planner=planner, confirm=confirm) as opened:
        stock(opened)
        asked = await opened.sayso.ask("cus_1", "please give me back $20.00 of order o1")
        assert asked.question is not None
        early = await opened.sayso.work.get(asked.id)
        assert (early.kind, early.draft) == ("unanswered", None), "the customer may still answer"
        maria = await token_of(opened.sayso, "maria")
        with pytest.raises(RefusedError) as caught:
            await opened.sayso.work.propose(asked.id, token=maria, digest="0" * 64)
        assert caught.value.code is Code.WRONG_STATE
        opened.clock.advance(seconds=waited.total_seconds())
        await opened.sayso.container.agent.advance(opened.sayso.tenant, asked.id)
        (work,) = await opened.sayso.work.list()
        assert work.draft is not None
        (step,) = work.draft.steps
        assert "has not said yes" in step.why
        maria = await token_of(opened.sayso, "maria")
        done = await opened.sayso.work.propose(asked.id, token=maria, digest=work.draft.digest)
        assert (done.status, [one.status for one in done.actions]) == ("answered", ["succeeded"])
        assert len(opened.shop.books.payouts) == 1
        with pytest.raises(RefusedError) as late:
            await opened.sayso.requests.answer(asked.id, question=1, choice="yes")
        assert late.value.code is Code.NOTHING_ASKED
        assert_verified(opened)


FORBID = """
@id("never") @explain("no refunds this week")
forbid (principal, action == Action::"shop.refund", resource);
"""


async def test_a_policy_that_forbids_it_still_does(tmp_path: Path) -> None:
    """A person's proposal is judged like any: what nobody permits is refused, and told so."""
    planner = Scripted(plan(refund(2000)))
    confirm = {"default": "always"}
    async with open_shop(tmp_path, planner=planner, confirm=confirm) as opened:
        stock(opened)
        asked = await opened.sayso.ask("cus_1", "please give me back $20.00 of order o1")
        opened.clock.advance(hours=25)
    async with open_shop(tmp_path, policy=POLICY + FORBID, clock=opened.clock) as other:
        stock(other)
        draft = (await other.sayso.work.get(asked.id)).draft
        assert draft is not None
        maria = await token_of(other.sayso, "maria")
        done = await other.sayso.work.propose(asked.id, token=maria, digest=draft.digest)
        assert (done.status, [one.status for one in done.actions]) == ("answered", ["refused"])
        assert not other.shop.books.payouts
        assert await other.sayso.work.list() == []
        assert_verified(other)


async def test_whoever_hears_of_changes_hears_of_it(tmp_path: Path) -> None:
    """As of any request: it goes on, its actions move, and it is answered; nothing personal."""
    async with drafted(tmp_path) as (console, about, draft):
        maria = await console.sign_in("maria")
        await console.sayso.work.propose(
            about,
            token=maria,
            digest=draft.digest,
            steps=["s1"],
            lower={"s1": Money(4_000, "USD")},
        )
        events = await console.sayso.events.about(about)
        assert [one.kind for one in events] == [
            "request.asked",
            "request.handed_over",
            "action.proposed",
            "request.proposed",
            "action.approved",
            "action.intent",
            "action.succeeded",
            "request.replied",
        ]
        told = {one.kind: one.status for one in events}
        assert told["request.proposed"] == "acting"
        assert await console.sayso.evaluations.collect() == [], "no example of what words ask for"
        await erase(console.opened, "cus_1")
        left = await console.sayso.requests.get(about)
        assert (left.status, left.reply) == ("answered", ERASED)
        assert "o1" not in str(left.plan)
        assert console.sayso.audit.verify(deep=True).exit_status == 0


@pytest.mark.tampers("the database is written behind the log's back")
async def test_a_draft_that_another_program_puts_in_its_place_is_not_proposed(
    tmp_path: Path,
) -> None:
    """Invariant 12: whoever only writes the rows lends one request the draft of another."""
    async with drafted(tmp_path) as (console, about, _):
        other = await console.sayso.ask("cus_1", HALF.replace("$10.00", "10.00 dollars"))
        with closing(sqlite3.connect(tmp_path / "sayso.db")) as rows, rows:
            rows.execute(
                "update request set reply_ref = (select reply_ref from request where id = ?)"
                " where id = ?",
                (other.id, about),
            )
        lent = (await console.sayso.work.get(about)).draft
        assert lent is not None
        maria = await console.sign_in("maria")
        with pytest.raises(IntegrityError) as caught:
            await console.sayso.work.propose(about, token=maria, digest=lent.digest)
        assert caught.value.code is Code.TAMPERED
        assert (await console.sayso.requests.get(about)).actions == ()
        assert not console.shop.books.payouts
