"""What a customer reads at any time: something in every state, and nothing that is not so."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
from actions.steps import assert_verified, bodies, decide, open_rows, propose, say, shown
from agent.test_run import MAIN, Scripted, plan, refund, stock
from support.shop import Shop
from support.shop_workspace import ShopWorkspace, open_shop

from sayso.actions.approvals.decision import DecisionChoice
from sayso.actions.model.definition import Subject
from sayso.actions.model.plan import Handoff
from sayso.actions.model.snapshot import Record
from sayso.actions.model.status import Status
from sayso.agent.phrases import LANGUAGES, phrases_of
from sayso.agent.question import AskedText
from sayso.agent.reply import HandedOver, write_hand_over
from sayso.agent.request_row import RequestRow, RequestStatus, actions_of, get_request
from sayso.agent.runner import MAX_ATTEMPTS
from sayso.agent.standing import standing_of
from sayso.audit.entry import Actor, ActorKind
from sayso.errors import Code, RetryableError
from sayso.ids import to_micros
from sayso.json import JsonObject
from sayso.sdk.views.rows import RequestView
from sayso.store.base import Reader, Transaction

BOT = Actor(kind=ActorKind.SERVICE, id="bot")
TOUCHED = {
    Status.EXECUTING,
    Status.ACCEPTED,
    Status.SUCCEEDED,
    Status.FAILED,
    Status.UNKNOWN,
    Status.COMPENSATED,
}
HANDOFF = Handoff(reason="nobody knows", planner="scripted")


class DownShop(Shop):
    """A shop that answers nothing until it is back."""

    is_down = True

    async def list_records(self, subject: Subject) -> Sequence[Record]:
        if self.is_down:
            raise RetryableError(Code.PROVIDER_UNAVAILABLE, "the shop is closed")
        return await super().list_records(subject)


async def now(opened: ShopWorkspace, view: RequestView) -> RequestView:
    """The request as it stands."""
    return await opened.sayso.requests.get(view.id)


async def later(opened: ShopWorkspace, **time: float) -> None:
    """So much later, with all done that is due."""
    opened.clock.advance(**time)
    await opened.sayso.container.dispatcher.drain()


async def again(opened: ShopWorkspace, view: RequestView) -> None:
    """One run of the request; the dispatcher would pause it by a clock that tests do not set."""
    with contextlib.suppress(RetryableError):
        await opened.sayso.container.agent.advance(MAIN, view.id)


@pytest.mark.promise("agent:reply:standing")
@pytest.mark.usefixtures("store_url")
@pytest.mark.parametrize("choice", [DecisionChoice.APPROVE, DecisionChoice.REJECT])
@pytest.mark.parametrize("first_by", ["request", "bot"])
async def test_who_asks_twice_hears_twice_how_it_ended(
    tmp_path: Path, choice: DecisionChoice, first_by: str
) -> None:
    """The second request is open as long as what it has joined, and ends with its words."""
    planner = Scripted(*[plan(refund(10_000))] * 2)
    async with open_shop(tmp_path, planner=planner) as opened:
        stock(opened)
        if first_by == "request":
            first = await opened.sayso.ask("cus_1", "refund $100.00 please")
            action = first.actions[0]
        else:
            action = await propose(opened, 10_000, requester=BOT)
        second = await opened.sayso.ask("cus_1", "refund $100.00, I said", wait_s=30)
        assert (second.status, second.actions[0].status) == ("acting", "refused")
        assert "Nothing has been done yet" in second.reply
        await decide(opened, say(await shown(opened, action), choice=choice))
        told = (await now(opened, second)).reply
        await later(opened, seconds=1)
        ended = await now(opened, second)
        assert (ended.status, ended.reply) == ("answered", told)
        if choice is DecisionChoice.APPROVE:
            assert "We have done what you asked for: $100.00" in told
            assert "pay_1" in told
        else:
            assert "cannot agree to it" in told
        assert_verified(opened)


@pytest.mark.promise("agent:reply:standing")
@pytest.mark.usefixtures("store_url")
async def test_who_asked_twice_hears_that_it_was_not_decided_in_time(tmp_path: Path) -> None:
    """Nobody decides: both are told when the time is over, and not before."""
    planner = Scripted(*[plan(refund(10_000))] * 2)
    async with open_shop(tmp_path, planner=planner) as opened:
        stock(opened)
        first = await opened.sayso.ask("cus_1", "refund $100.00 please")
        second = await opened.sayso.ask("cus_1", "refund $100.00, I said")
        await later(opened, hours=1)
        assert (await now(opened, second)).status == "acting"
        await later(opened, days=30)
        for view in (first, second):
            ended = await now(opened, view)
            assert ended.status == "answered"
            assert "not decided in time" in ended.reply
        assert_verified(opened)


@pytest.mark.promise("agent:reply:standing")
async def test_who_joined_is_told_anew_when_the_money_came_back(tmp_path: Path) -> None:
    """What was done is not so any more; each request's reply is written again, once."""
    shop = Shop()
    planner = Scripted(*[plan(refund(10_000))] * 2)
    async with open_shop(tmp_path, shop=shop, planner=planner) as opened:
        stock(opened)
        first = await opened.sayso.ask("cus_1", "refund $100.00 please")
        second = await opened.sayso.ask("cus_1", "refund $100.00, I said")
        shop.finality = shop.finality.DONE
        await decide(opened, say(await shown(opened, first.actions[0])))
        await later(opened, seconds=1)
        shop.came_back = "the bank returned it"
        await later(opened, days=7)
        for view in (first, second):
            assert "after all" in (await now(opened, view)).reply
        kinds = [entry["kind"] for entry in bodies(opened)]
        assert kinds.count("request.replied") == 4
        await later(opened, days=30)
        assert [entry["kind"] for entry in bodies(opened)].count("request.replied") == 4
        assert_verified(opened)


@pytest.mark.promise("agent:reply:standing")
@pytest.mark.usefixtures("store_url")
async def test_there_is_a_reply_while_the_provider_is_down_and_after(tmp_path: Path) -> None:
    """After 0, 5 and 60 seconds, and once it is back: never nothing, and never untrue."""
    shop, words = DownShop(), "please give me back $20.00 of order o1"
    async with open_shop(tmp_path, shop=shop, planner=Scripted(plan(refund(2_000)))) as opened:
        stock(opened)
        view = await opened.sayso.ask("cus_1", words, wait_s=0)
        english = phrases_of("en")
        assert (view.status, view.reply) == ("received", english.received)
        await again(opened, view)
        assert (await now(opened, view)).reply == english.received
        for seconds in (5, 55):
            opened.clock.advance(seconds=seconds)
            await again(opened, view)
            stands = await now(opened, view)
            assert (stands.status, stands.reply) == ("received", english.slow)
        shop.is_down = False
        await again(opened, view)
        await later(opened, seconds=1)
        ended = await now(opened, view)
        assert ended.status == "answered"
        assert ended.reply.startswith("We have done what you asked for: $20.00")
        assert_verified(opened)


@pytest.mark.promise("agent:reply:standing")
async def test_a_provider_that_stays_away_ends_with_a_person(tmp_path: Path) -> None:
    """The customer's language is kept where nobody has planned anything."""
    async with open_shop(tmp_path, shop=DownShop(), planner=Scripted()) as opened:
        stock(opened)
        view = await opened.sayso.ask("cus_1", "Bitte erstatten Sie mir mein Geld", wait_s=0)
        for _ in range(MAX_ATTEMPTS):
            opened.clock.advance(hours=1)
            await again(opened, view)
        ended = await now(opened, view)
        assert ended.status == "handed_over"
        assert ended.reply == write_hand_over("de", unchanged=True)


@pytest.mark.promise("agent:reply:standing")
@pytest.mark.usefixtures("store_url")
async def test_nothing_changed_is_said_only_where_nothing_was(tmp_path: Path) -> None:
    """Before a refund it is so; after it no later reply says so, nor one that was given before."""
    planner = Scripted(HANDOFF, plan(refund(2_000)), HANDOFF)
    unchanged = phrases_of("en").unchanged
    async with open_shop(tmp_path, planner=planner) as opened:
        stock(opened)
        before = await opened.sayso.ask("cus_1", "hm?", conversation="t1")
        assert unchanged in before.reply
        done = await opened.sayso.ask("cus_1", "refund $20.00 please", conversation="t1")
        assert done.status == "answered"
        after = await opened.sayso.ask("cus_1", "and the lamp?", conversation="t1")
        for view in (after, before):
            stands = await now(opened, view)
            assert stands.status == "handed_over"
            assert stands.reply == phrases_of("en").hand_over
        assert_verified(opened)


@pytest.mark.tampers("each status is written into the row, to read the reply to it")
@pytest.mark.promise("agent:reply:standing")
async def test_every_state_has_a_reply_that_is_so(tmp_path: Path) -> None:
    """Every status of a request and of its action, joined or own, in each language."""
    planner = Scripted(*[plan(refund(10_000))] * 2)
    async with open_shop(tmp_path, planner=planner) as opened:
        stock(opened)
        own = await opened.sayso.ask("cus_1", "refund $100.00 please")
        joined = await opened.sayso.ask("cus_1", "refund $100.00, I said")
        behind = open_rows(opened)
        sealed = await _sealed(opened, own.id)
        seen = 0
        for status in Status:
            behind.execute(
                "update action set status = ? where id = ?", (status.value, own.actions[0].id)
            )
            for request_id in (own.id, joined.id):
                for language in LANGUAGES:
                    for row, reply in await _replies(opened, request_id, language, sealed):
                        _check(row, status, language, reply)
                        seen += 1
        behind.close()
        assert seen == len(Status) * 2 * len(LANGUAGES) * len(RequestStatus)


def _check(row: RequestRow, status: Status, language: str, reply: str) -> None:
    phrases = phrases_of(language)
    case = (row.status, status, language, reply)
    assert reply.strip(), case
    assert "{" not in reply, case
    claimed = phrases.other_done.lower() in reply.lower()
    told = row.status is not RequestStatus.NEEDS_CUSTOMER
    assert claimed is (told and status is Status.SUCCEEDED), case
    denials = (
        phrases.not_yet,
        phrases.not_yet_of_it,
        phrases.not_done,
        phrases.not_done_of_it,
        phrases.unchanged,
    )
    denied = any(one in reply for one in denials)
    assert not (denied and status in TOUCHED), case


async def _sealed(opened: ShopWorkspace, request_id: str) -> dict[tuple[RequestStatus, str], str]:
    """What is kept of a question and of a hand-over, in each language, by its reference."""
    inside = opened.sayso.container

    def work(tx: Transaction) -> dict[tuple[RequestStatus, str], str]:
        row = get_request(tx, MAIN, request_id)
        at = to_micros(inside.clock.now())
        inside.personal.pseudonym(tx, MAIN, row.subject.id, at)
        found: dict[tuple[RequestStatus, str], str] = {}
        for language in LANGUAGES:
            handed = HandedOver(reason="", reply=write_hand_over(language), language=language)
            asked = AskedText(text="Which one?", labels=())
            for status, kept in (
                (RequestStatus.HANDED_OVER, handed.to_text()),
                (RequestStatus.NEEDS_CUSTOMER, asked.to_text()),
            ):
                ref = inside.ids.new("pii")
                inside.personal.seal(tx, MAIN, row.subject.id, ref, kept)
                found[status, language] = ref
        return found

    return await inside.store.write(work)


async def _replies(
    opened: ShopWorkspace,
    request_id: str,
    language: str,
    sealed: dict[tuple[RequestStatus, str], str],
) -> list[tuple[RequestRow, str]]:
    """What is told of a request in each status, with its actions as they are stored."""
    inside = opened.sayso.container

    def work(reader: Reader) -> list[tuple[RequestRow, str]]:
        stored = get_request(reader, MAIN, request_id)
        words: JsonObject = {}
        planned: JsonObject = {
            **cast("JsonObject", stored.plan),
            "language": language,
            "words": words,
        }
        found: list[tuple[RequestRow, str]] = []
        for status in RequestStatus:
            row = replace(
                stored,
                status=status,
                plan=planned,
                question={"slot": "which", "choices": [], "plan": None},
                reply_ref=sealed.get((status, language), stored.reply_ref),
            )
            actions = actions_of(reader, row)
            told = standing_of(reader, row, actions, inside.personal, lambda _: language)
            found.append((row, told.reply))
        return found

    return await inside.store.read(work)
