"""A request that asks back: the customer answers, and what they agreed to is what is done."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from functools import partial
from pathlib import Path

import pytest
from actions.steps import MAIN
from support.busy_shop import BOT, erase
from support.shop_workspace import ShopWorkspace, open_shop

from sayso.actions.model.definition import Action, Assurance, Subject
from sayso.actions.model.plan import Handoff, Plan, Step
from sayso.actions.model.snapshot import Record
from sayso.agent.base import MAX_QUESTIONS, Choice, Handles, Message, Planner, Question
from sayso.agent.incoming import CustomerReply
from sayso.agent.phrases import DEFAULT_LANGUAGE, phrases_of
from sayso.agent.question import record_of
from sayso.agent.runner import ANSWER_WITHIN
from sayso.audit.entry import EntryKind
from sayso.errors import Code, IntegrityError, RefusedError
from sayso.json import JsonValue
from sayso.money import Money
from sayso.sdk.views.rows import QuestionView, RequestView

ERASED = phrases_of(DEFAULT_LANGUAGE).erased
ASKING = {"default": "always"}
Open = Callable[[], AbstractAsyncContextManager[ShopWorkspace]]


class Curious:
    """A planner that asks what a test says, and plans what it says afterwards."""

    name = "curious"

    def __init__(self, *answers: Plan | Question | Handoff) -> None:
        self.answers = list(answers)
        self.seen: list[Sequence[Message]] = []

    async def plan(
        self, messages: Sequence[Message], handles: Handles, actions: Sequence[Action]
    ) -> Plan | Question | Handoff:
        self.seen.append(list(messages))
        return self.answers.pop(0)


def which() -> Question:
    """A question with one choice for each order."""
    choices = tuple(Choice(slot="order", value=f"order#{number}") for number in (1, 2))
    return Question(about="shop.refund", slot="order", choices=choices, planner="curious")


@asynccontextmanager
async def _open(folder: Path, planner: Planner | None = None) -> AsyncGenerator[ShopWorkspace]:
    async with open_shop(folder, planner=planner, confirm=ASKING) as opened:
        opened.shop.books.add("o1", "cus_1", Money(3_000, "USD"))
        opened.shop.books.add("o2", "cus_1", Money(4_000, "USD"))
        opened.shop.books.add("o3", "cus_2", Money(5_000, "USD"))
        yield opened


@pytest.fixture
def shop(tmp_path: Path) -> Open:
    """Opens the shop, whose plans are always restated."""
    return partial(_open, tmp_path)


def _question(view: RequestView) -> QuestionView:
    assert view.question is not None, (view.status, view.error)
    return view.question


def _restated(view: RequestView) -> list[Mapping[str, JsonValue]]:
    """The arguments of the steps that the customer is asked to confirm."""
    plan = _question(view).plan
    assert plan is not None, _question(view)
    return [step.args for step in plan.steps]


def _why(view: RequestView) -> str:
    assert view.error is not None
    return view.error.message


async def _kinds(opened: ShopWorkspace, request: RequestView) -> list[str]:
    entries = await opened.sayso.audit.about_request(request.id, after=-1)
    return [entry.kind for entry in entries]


@pytest.mark.promise("agent:asks-back")
async def test_a_restated_plan_is_done_once_the_customer_says_yes(shop: Open) -> None:
    """Not before: and what is done is what was restated, to the last argument."""
    async with shop() as opened:
        asked = await opened.sayso.ask("cus_1", "Please refund order o1")
        assert asked.status == "needs_customer"
        assert _question(asked).text == (
            "You would like: what you asked for: $30.00, order o1. Is that right?"
        )
        assert [(one.value, one.label) for one in _question(asked).choices] == [
            ("yes", "Yes"),
            ("no", "No"),
        ]
        assert [step["order"] for step in _restated(asked)] == ["o1"]
        assert asked.reply == _question(asked).text
        assert (asked.actions, opened.shop.books.payouts) == ((), [])
        done = await opened.sayso.requests.answer(asked.id, question=1, choice="yes")
        assert (done.status, done.question) == ("answered", None)
        assert [(payout.order, payout.amount) for payout in opened.shop.books.payouts] == [
            ("o1", Money(3_000, "USD"))
        ]
        assert await _kinds(opened, done) == [
            *("request.asked", "request.questioned", "request.continued", "action.proposed"),
            *("request.planned", "action.approved", "action.intent", "action.succeeded"),
            "request.replied",
        ]
        assert opened.sayso.audit.verify(deep=True).exit_status == 0


async def test_after_a_no_they_are_asked_what_they_want_instead(shop: Open) -> None:
    """What they answer is planned anew; nothing of the first plan is done."""
    async with shop() as opened:
        asked = await opened.sayso.ask("cus_1", "Please refund order o1")
        told = await opened.sayso.requests.answer(asked.id, question=1, choice="no")
        assert _question(told).text == phrases_of(DEFAULT_LANGUAGE).instead
        again = await opened.sayso.requests.answer(asked.id, "refund order o2", question=2)
        assert [step["order"] for step in _restated(again)] == ["o2"]
        assert opened.shop.books.payouts == []


async def test_a_second_no_is_a_persons(shop: Open) -> None:
    """Nobody guesses on from there; nothing is done."""
    async with shop() as opened:
        asked = await opened.sayso.ask("cus_1", "Please refund order o1")
        await opened.sayso.requests.answer(asked.id, "no", question=1)
        again = await opened.sayso.requests.answer(asked.id, "refund order o2", question=2)
        told = await opened.sayso.requests.answer(asked.id, question=3, choice="no")
        assert _question(again).number == 3
        assert (told.status, opened.shop.books.payouts) == ("handed_over", [])
        assert _why(told) == "the customer said no to the plan as it was restated"


async def test_other_words_than_yes_are_planned_anew(shop: Open) -> None:
    """A changed wish is restated as it is now; the old plan is gone."""
    async with shop() as opened:
        asked = await opened.sayso.ask("cus_1", "Please refund order o1")
        again = await opened.sayso.requests.answer(asked.id, "No, $10 of it only", question=1)
        assert _question(again).number == 2
        assert _restated(again) == [
            {"order": "o1", "amount": {"amount_minor": 1000, "currency": "USD"}}
        ]
        done = await opened.sayso.requests.answer(asked.id, "yes that is right", question=2)
        assert done.status == "answered"
        assert [payout.amount for payout in opened.shop.books.payouts] == [Money(1_000, "USD")]


@pytest.mark.promise("agent:asks-back")
async def test_a_question_offers_their_own_objects_and_a_pick_answers_it(shop: Open) -> None:
    """Ids go out, never handles of a run; the pick comes back and is planned with."""
    async with shop() as opened:
        asked = await opened.sayso.ask("cus_1", "I want my money back")
        assert [(one.value, one.label) for one in _question(asked).choices] == [
            ("o1", "$30.00, order o1"),
            ("o2", "$40.00, order o2"),
        ]
        assert asked.reply == (
            "Which of these do you mean?\n\n- $30.00, order o1\n- $40.00, order o2"
        )
        picked = await opened.sayso.requests.answer(asked.id, question=1, choice="o2")
        assert [step["order"] for step in _restated(picked)] == ["o2"]


def test_two_providers_objects_of_one_id_are_told_apart() -> None:
    """What is restated is the object of the step's own connector."""
    records = [Record(kind="order", id="7", title=name, connector=name) for name in ("mugs", "art")]
    step = Step(id="s", action="art.cancel", args={"order": "7"}, reason="as asked")
    found = record_of(step, Handles(records))
    assert found is not None
    assert found.title == "art"


async def test_the_numbers_of_orders_are_no_amounts(tmp_path: Path) -> None:
    """They are asked for as which, whatever their ids look like."""
    async with open_shop(tmp_path, confirm=ASKING) as opened:
        opened.shop.books.add("1042", "cus_1", Money(3_000, "USD"))
        opened.shop.books.add("1043", "cus_1", Money(4_000, "USD"))
        asked = await opened.sayso.ask("cus_1", "I want my money back")
        assert asked.reply.startswith("Which of these do you mean?")


@pytest.mark.parametrize(
    "words", ["Keep o2, refund o1", "Refund order o1 but ship o2", "o2 should stay, refund o1"]
)
async def test_what_is_told_of_another_one_is_no_wish_for_it(shop: Open, words: str) -> None:
    """Its clause says something else, so they are asked which they mean."""
    async with shop() as opened:
        asked = await opened.sayso.ask("cus_1", words)
        assert asked.reply.startswith("Which of these do you mean?")


@pytest.mark.parametrize("words", ["Refund o1 and also o2", "Please refund both, o1 and o2"])
async def test_two_that_are_wished_for_together_are_both_meant(shop: Open, words: str) -> None:
    """A second name with nothing but a joint beside it goes on with the wish."""
    async with shop() as opened:
        asked = await opened.sayso.ask("cus_1", words)
        assert [step["order"] for step in _restated(asked)] == ["o1", "o2"]


@pytest.mark.parametrize(
    "answer", ["o2", "the second one", "order o2 please", "$40.00, order o2", "the $40 one"]
)
async def test_an_answer_in_words_is_a_pick(shop: Open, answer: str) -> None:
    """However they say it."""
    async with shop() as opened:
        asked = await opened.sayso.ask("cus_1", "I want my money back")
        picked = await opened.sayso.requests.answer(asked.id, answer, question=1)
        assert [step["order"] for step in _restated(picked)] == ["o2"]


@pytest.mark.promise("agent:answers-once")
async def test_an_answer_belongs_to_one_question_and_counts_once(shop: Open) -> None:
    """Sent again it is the same answer; to an older question, or a second time, it is refused."""
    async with shop() as opened:
        sayso = opened.sayso
        asked = await sayso.ask("cus_1", "I want my money back")
        with pytest.raises(RefusedError) as refused:
            await sayso.requests.answer(asked.id, question=2, choice="o1")
        assert refused.value.code is Code.NOTHING_ASKED
        with pytest.raises(RefusedError) as refused:
            await sayso.requests.answer(asked.id, question=1, choice="o3")
        assert refused.value.code is Code.INVALID_INPUT, "somebody else's order"
        with pytest.raises(RefusedError) as refused:
            await sayso.requests.answer(asked.id, " ", question=1)
        assert refused.value.code is Code.EMPTY_MESSAGE
        first = await sayso.requests.answer(asked.id, question=1, choice="o1", idempotency_key="a1")
        again = await sayso.requests.answer(asked.id, question=1, choice="o1", idempotency_key="a1")
        assert first == again
        with pytest.raises(RefusedError) as refused:
            await sayso.requests.answer(asked.id, question=1, choice="o2", idempotency_key="a1")
        assert refused.value.code is Code.IDEMPOTENCY_CONFLICT
        with pytest.raises(RefusedError) as refused:
            await sayso.requests.answer(asked.id, question=1, choice="o1", idempotency_key="a2")
        assert refused.value.code is Code.NOTHING_ASKED, "two of them are asked by now"
        done = await sayso.requests.answer(asked.id, question=2, choice="yes")
        assert done.status == "answered"
        with pytest.raises(RefusedError) as refused:
            await sayso.requests.answer(asked.id, question=2, choice="yes")
        assert refused.value.code is Code.NOTHING_ASKED
        assert len(opened.shop.books.payouts) == 1


async def test_two_answers_at_once_are_one(shop: Open) -> None:
    """Two clicks of one customer: one is taken, the other is refused, and one refund is made."""
    async with shop() as opened:
        asked = await opened.sayso.ask("cus_1", "Please refund order o1")
        both = await asyncio.gather(
            *(opened.sayso.requests.answer(asked.id, question=1, choice="yes") for _ in "ab"),
            return_exceptions=True,
        )
        failed = [one for one in both if isinstance(one, BaseException)]
        assert [one.code for one in failed if isinstance(one, RefusedError)] == [Code.NOTHING_ASKED]
        assert len(opened.shop.books.payouts) == 1


@pytest.mark.promise("agent:asks-three-times")
async def test_after_three_questions_a_person_takes_it(tmp_path: Path) -> None:
    """A customer is never led in circles."""
    planner = Curious(*(which() for _ in range(MAX_QUESTIONS + 1)))
    async with _open(tmp_path, planner=planner) as opened:
        request = await opened.sayso.ask("cus_1", "refund it")
        for number in range(1, MAX_QUESTIONS + 1):
            assert _question(request).number == number
            request = await opened.sayso.requests.answer(request.id, "hm", question=number)
        assert request.status == "handed_over"
        assert "3 questions were asked" in _why(request)


async def test_a_planner_gets_its_question_back_with_the_pick(tmp_path: Path) -> None:
    """As data: what was asked, what was offered, and which of it was picked."""
    step = Step(id="s1", action="shop.refund", args={"order": "order#2"})
    planner = Curious(which(), Plan(steps=(step,), planner="curious", certain=True))
    async with _open(tmp_path, planner=planner) as opened:
        request = await opened.sayso.ask("cus_1", "refund one of my orders")
        request = await opened.sayso.requests.answer(request.id, question=1, choice="o2")
        assert _restated(request), "as always here"
        first, told, answer = planner.seen[-1]
        assert (first.role, told.role, answer.role) == ("customer", "agent", "customer")
        assert told.question is not None
        assert told.question.slot == "order"
        assert [one.value for one in told.question.choices] == ["o1", "o2"]
        assert (answer.choice, answer.content) == ("o2", "$40.00, order o2")


@pytest.mark.promise("agent:continues")
async def test_the_next_message_of_the_thread_answers_it(shop: Open) -> None:
    """By the caller's own id of the thread, or by the whole conversation; a key is one answer."""
    async with shop() as opened:
        sayso = opened.sayso
        asked = await sayso.ask("cus_1", "I want my money back", conversation="ticket 7")
        other = await sayso.ask("cus_1", "o2", conversation="ticket 8")
        assert other.id != asked.id, "another thread"
        stranger = await sayso.ask("cus_2", "o2", conversation="ticket 7")
        assert stranger.id != asked.id, "another customer"
        forged = Subject(id="cus_1", assurance=Assurance.UNVERIFIED)
        forger = await sayso.ask(forged, "o2", conversation="ticket 7")
        assert forger.id != asked.id, "known less well than who asked"
        picked = await sayso.ask("cus_1", "o2", conversation="ticket 7", idempotency_key="m2")
        assert picked.id == asked.id
        again = await sayso.ask("cus_1", "o2", conversation="ticket 7", idempotency_key="m2")
        assert again == picked
        done = await sayso.ask("cus_1", "Yes.", conversation="ticket 7")
        assert (done.id, done.status) == (asked.id, "answered")
        fresh = await sayso.ask("cus_1", "Please refund order o1", conversation="ticket 7")
        assert fresh.id != asked.id, "it was answered, so this is something new"


async def test_a_whole_conversation_with_our_question_in_it_goes_on(shop: Open) -> None:
    """For a bot that knows no ids: the same words, the question as it was, the answer."""
    async with shop() as opened:
        words = "I want my money back"
        asked = await opened.sayso.ask("cus_1", words)
        assert asked.reply is not None
        for told in (_question(asked).text, asked.reply):
            turns = [
                Message(role="customer", content=words),
                Message(role="agent", content=told),
                Message(role="customer", content="o2"),
            ]
            key = f"told-{len(told)}"
            answered = await opened.sayso.ask("cus_1", turns, idempotency_key=key)
            if told == _question(asked).text:
                assert answered.id == asked.id


async def test_who_does_not_answer_in_time_gets_a_person(shop: Open) -> None:
    """A question is open for a week."""
    async with shop() as opened:
        asked = await opened.sayso.ask("cus_1", "I want my money back")
        opened.clock.advance(seconds=ANSWER_WITHIN.total_seconds() - 60)
        await opened.sayso.container.agent.advance(MAIN, asked.id)
        assert (await opened.sayso.requests.get(asked.id)).status == "needs_customer"
        opened.clock.advance(minutes=2)
        await opened.sayso.container.agent.advance(MAIN, asked.id)
        ended = await opened.sayso.requests.get(asked.id)
        assert ended.status == "handed_over"
        assert "did not answer" in _why(ended)
        with pytest.raises(RefusedError) as refused:
            await opened.sayso.requests.answer(asked.id, question=1, choice="o1")
        assert refused.value.code is Code.NOTHING_ASKED
        assert opened.sayso.audit.verify(deep=True).exit_status == 0


async def test_another_process_goes_on_with_the_answer(shop: Open) -> None:
    """What was asked, planned and restated is durable."""
    async with shop() as opened:
        asked = await opened.sayso.ask("cus_1", "Please refund order o1")
    async with shop() as other:
        done = await other.sayso.requests.answer(asked.id, question=1, choice="yes")
        assert done.status == "answered"
        assert [payout.order for payout in other.shop.books.payouts] == ["o1"]


@pytest.mark.promise("agent:nothing-personal")
async def test_an_erased_customer_leaves_no_words_and_no_labels(shop: Open, tmp_path: Path) -> None:
    """Questions name what they bought; answers are theirs: both go, and the log verifies."""
    async with shop() as opened:
        sayso = opened.sayso
        asked = await sayso.ask("cus_1", "My aunt Quispe wants her money back", conversation="t1")
        await sayso.ask("cus_1", "Quispe means o2", conversation="t1", idempotency_key="m2")
        await erase(opened, "cus_1")
        left = await sayso.requests.get(asked.id)
        assert (left.status, left.question, left.reply) == ("handed_over", None, ERASED)
        with pytest.raises(RefusedError) as refused:
            await sayso.ask("cus_1", "Quispe means o2", conversation="t1", idempotency_key="m2")
        assert refused.value.code is Code.ERASED
        assert sayso.audit.verify(deep=True).exit_status == 0
        with closing(sqlite3.connect(tmp_path / "sayso.db")) as connection:
            stored = "\n".join(connection.iterdump())
    assert "Quispe" not in stored
    assert "order o2" not in stored


async def test_a_crash_between_the_answer_and_the_plan_loses_nothing(shop: Open) -> None:
    """The answer is durable before anybody plans with it."""
    async with shop() as opened:
        asked = await opened.sayso.ask("cus_1", "I want my money back")
        stored = await opened.sayso.requests.answer(asked.id, question=1, choice="o2", wait_s=0)
        assert (stored.status, stored.question) == ("received", None)
    async with shop() as other:
        await other.sayso.container.agent.advance(MAIN, asked.id)
        view = await other.sayso.requests.get(asked.id)
        assert [step["order"] for step in _restated(view)] == ["o2"]
        entries = await other.sayso.audit.about_request(asked.id, after=-1)
        assert [one.kind for one in entries].count(EntryKind.REQUEST_CONTINUED.value) == 1


@pytest.mark.parametrize(
    ("confirm", "status"),
    [
        ({"default": "always"}, "needs_customer"),
        ({"default": "uncertain"}, "answered"),
        ({"default": "never"}, "answered"),
        ({"default": "never", "shop.refund": "always"}, "needs_customer"),
        ({"default": "always", "shop.refund": "uncertain"}, "answered"),
        ({"default": "named"}, "answered"),
    ],
)
async def test_a_workspace_says_what_is_restated(
    tmp_path: Path, confirm: dict[str, str], status: str
) -> None:
    """For each action: always, where the planner is not certain, or never."""
    step = Step(id="s1", action="shop.refund", args={"order": "order#1"})
    planner = Curious(Plan(steps=(step,), planner="curious", certain=True))
    async with open_shop(tmp_path, planner=planner, confirm=confirm) as opened:
        opened.shop.books.add("o1", "cus_1", Money(3_000, "USD"))
        asked = await opened.sayso.ask("cus_1", "Please refund order o1")
        assert asked.status == status


def _sql(opened: ShopWorkspace, statement: str, *values: str) -> None:
    """What whoever holds the database writes."""
    with closing(sqlite3.connect(opened.workspace.store_path)) as database, database:
        assert database.execute(statement, values).rowcount == 1


_SWAP = "update request set question = replace(question, '\"o1\"', '\"o2\"') where id = ?"


@pytest.mark.tampers("the database is written behind the log's back")
@pytest.mark.promise("agent:restated-bound")
async def test_a_yes_to_one_order_refunds_no_other(shop: Open) -> None:
    """Whoever changes the restated plan in its row while the customer thinks changes nothing."""
    async with shop() as opened:
        asked = await opened.sayso.ask("cus_1", "Please refund order o1")
        _sql(opened, _SWAP, asked.id)
        with pytest.raises(IntegrityError, match="tampered"):
            await opened.sayso.requests.answer(asked.id, question=1, choice="yes")
        assert opened.shop.books.payouts == []


@pytest.mark.tampers("the database is written behind the log's back")
@pytest.mark.promise("agent:restated-bound")
async def test_the_verifier_compares_what_was_asked_with_its_row(shop: Open) -> None:
    """A question whose plan or choices are not those of its entry is no question of ours."""
    async with shop() as opened:
        asked = await opened.sayso.ask("cus_1", "Please refund order o1")
        assert opened.sayso.audit.verify(deep=True).exit_status == 0
        _sql(opened, _SWAP, asked.id)
        assert opened.sayso.audit.verify(deep=True).exit_status == 1


@pytest.mark.tampers("the database is written behind the log's back")
@pytest.mark.promise("agent:restated-bound")
async def test_the_verifier_compares_the_plan_with_its_row(shop: Open) -> None:
    """To the last argument, once it was said yes to and stored."""
    async with shop() as opened:
        asked = await opened.sayso.ask("cus_1", "Please refund order o1")
        await opened.sayso.requests.answer(asked.id, question=1, choice="yes")
        assert opened.sayso.audit.verify(deep=True).exit_status == 0
        swap = "update request set plan = replace(plan, '\"o1\"', '\"o2\"') where id = ?"
        _sql(opened, swap, asked.id)
        assert opened.sayso.audit.verify(deep=True).exit_status == 1


@pytest.mark.tampers("the database is written behind the log's back")
@pytest.mark.promise("agent:restated-bound")
async def test_an_answer_cannot_be_put_to_another_question(shop: Open) -> None:
    """The turns of a request are those of its entries, when its plan is made of them."""
    async with shop() as opened:
        first = await opened.sayso.ask("cus_1", "Please refund order o1")
        await opened.sayso.requests.answer(first.id, question=1, choice="yes")
        third = await opened.sayso.ask("cus_1", "Please refund order o2")
        reply, requests = (
            CustomerReply(content="only $1", number=1),
            opened.sayso.container.requests,
        )
        await requests.answer(MAIN, third.id, reply, requester=BOT, key="late")
        _sql(
            opened,
            "update request set turns = (select turns from request where id = ?) where id = ?",
            first.id,
            third.id,
        )
        opened.shop.books.payouts.clear()
        with pytest.raises(IntegrityError, match="tampered"):
            await opened.sayso.container.agent.advance(MAIN, third.id)
        assert opened.shop.books.payouts == []
        assert opened.sayso.audit.verify(deep=True).exit_status == 1
