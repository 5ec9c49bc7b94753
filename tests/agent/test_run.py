"""A request from words to a reply: planned, submitted, waited for, answered from the ledger."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

import pytest
from support.shop import Shop, ShopFault
from support.shop_workspace import ShopWorkspace, make_shop_workspace, open_shop

from sayso.actions.approvals.decision import Decision, DecisionChoice
from sayso.actions.model.definition import Action, Subject
from sayso.actions.model.plan import Handoff, Plan, Step
from sayso.actions.model.snapshot import Record
from sayso.agent.base import Handles, Message
from sayso.agent.graph import build_graph
from sayso.agent.request_row import get_request
from sayso.agent.runner import MAX_ATTEMPTS
from sayso.connectors.base import Connector
from sayso.connectors.define import OwnConnector
from sayso.errors import Code, RefusedError, RetryableError
from sayso.ids import Tenant
from sayso.json import JsonValue
from sayso.money import Money
from sayso.sdk.client import Sayso
from sayso.sdk.views.rows import RequestView

MAIN = Tenant("main")


class Scripted:
    """A planner whose answers a test gives; it keeps what it was shown."""

    name = "scripted"

    def __init__(self, *answers: Plan | Handoff | Exception) -> None:
        self.answers = list(answers)
        self.seen: list[tuple[list[Message], list[str]]] = []

    async def plan(
        self, messages: Sequence[Message], handles: Handles, actions: Sequence[Action]
    ) -> Plan | Handoff:
        self.seen.append((list(messages), list(handles.records)))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def refund(amount: int | None, *, order: str = "order#1", step: str = "s1") -> Step:
    """A step that refunds, over a handle."""
    money: JsonValue = None if amount is None else {"amount_minor": amount, "currency": "USD"}
    return Step(id=step, action="shop.refund", args={"order": order, "amount": money})


def plan(*steps: Step) -> Plan:
    """A plan of the scripted planner."""
    return Plan(steps=steps, planner="scripted")


def stock(opened: ShopWorkspace) -> None:
    """One order of $100 of cus_1 and one of cus_2."""
    opened.shop.books.add("o1", "cus_1", Money(10_000, "USD"))
    opened.shop.books.add("o2", "cus_2", Money(10_000, "USD"))


async def decide(opened: ShopWorkspace, view: RequestView, choice: DecisionChoice) -> None:
    """Decide the first waiting approval of a request as maria."""
    waiting = [action.approval for action in view.actions if action.status == "pending_approval"]
    shown = waiting[0]
    assert shown is not None
    await opened.sayso.approvals.decide_as(
        Decision(
            tenant=MAIN,
            approval_id=shown.id,
            revision=shown.revision,
            digest=shown.digest,
            choice=choice,
            person="maria",
            via="test",
            credential="host",
            reason_code="" if choice is DecisionChoice.APPROVE else "not_covered",
        )
    )


async def test_the_graph_is_compiled_once_and_not_for_each_request(tmp_path: Path) -> None:
    """It takes milliseconds, and each run compiled one anew."""
    compiled = 0

    def count(frame: FrameType, event: str, _: object) -> None:
        nonlocal compiled
        compiled += event == "call" and frame.f_code is build_graph.__code__

    planner = Scripted(plan(refund(1000)), plan(refund(1000)))
    async with open_shop(tmp_path, planner=planner) as opened:
        stock(opened)
        sys.setprofile(count)
        try:
            for customer in ("cus_1", "cus_2"):
                view = await opened.sayso.ask(customer, "please give me back $10.00")
                assert view.status == "answered"
        finally:
            sys.setprofile(None)
    assert compiled == 1


async def test_an_allowed_plan_is_done_and_the_reply_says_so(tmp_path: Path) -> None:
    """asked → told in one call, where the policy lets everything run."""
    async with open_shop(tmp_path, planner=Scripted(plan(refund(2000)))) as opened:
        stock(opened)
        view = await opened.sayso.ask("cus_1", "please give me back $20.00 of order o1")
        assert view.status == "answered"
        assert view.reply is not None
        assert "$20.00" in view.reply
        assert opened.shop.books.paid_out_minor == 2000


async def test_what_needs_a_person_waits_and_the_reply_claims_nothing(tmp_path: Path) -> None:
    """pending has its own wording; after the yes the final reply tells the result."""
    async with open_shop(tmp_path, planner=Scripted(plan(refund(10_000)))) as opened:
        stock(opened)
        view = await opened.sayso.ask("cus_1", "refund $100.00 please")
        assert view.status == "acting"
        assert view.reply is not None
        assert "Nothing has been done yet" in view.reply
        assert opened.shop.books.payouts == []
        await decide(opened, view, DecisionChoice.APPROVE)
        after = await opened.sayso.requests.get(view.id)
        assert after.status == "answered"
        assert opened.shop.books.paid_out_minor == 10_000


async def test_a_no_ends_the_request_with_an_honest_reply(tmp_path: Path) -> None:
    """rejected is final, nothing moves, and the customer is told."""
    async with open_shop(tmp_path, planner=Scripted(plan(refund(10_000)))) as opened:
        stock(opened)
        view = await opened.sayso.ask("cus_1", "refund $100.00 please")
        await decide(opened, view, DecisionChoice.REJECT)
        after = await opened.sayso.requests.get(view.id)
        assert after.status == "answered"
        assert after.actions[0].status == "rejected"
        assert opened.shop.books.payouts == []


@pytest.mark.promise("agent:handles")
async def test_the_planner_sees_only_the_customers_own_objects(tmp_path: Path) -> None:
    """The model sees handles of the verified subject, never an id."""
    planner = Scripted(Handoff(reason="no idea", planner="scripted"))
    async with open_shop(tmp_path, planner=planner) as opened:
        stock(opened)
        await opened.sayso.ask("cus_1", "hello")
        _, handles = planner.seen[0]
        assert handles == ["order#1"]


@pytest.mark.promise("agent:hostile-plan")
async def test_a_plan_over_another_customers_object_goes_back_once_and_then_to_a_person(
    tmp_path: Path,
) -> None:
    """Grounding: an id instead of a handle is refused twice, and nothing was proposed."""
    planner = Scripted(plan(refund(None, order="o2")), plan(refund(None, order="order#2")))
    async with open_shop(tmp_path, planner=planner) as opened:
        stock(opened)
        view = await opened.sayso.ask("cus_1", "refund order o2")
        assert view.status == "handed_over"
        assert view.actions == ()
        assert len(planner.seen) == 2
        assert planner.seen[1][0][-1].role == "agent"


async def test_a_refused_plan_can_be_corrected(tmp_path: Path) -> None:
    """validate → plan → validate: the second answer counts."""
    planner = Scripted(plan(refund(9_999)), plan(refund(2_000)))
    async with open_shop(tmp_path, planner=planner) as opened:
        stock(opened)
        view = await opened.sayso.ask("cus_1", "give me $20.00 back for o1")
        assert view.status == "answered"
        assert opened.shop.books.paid_out_minor == 2000


async def test_what_was_wrong_with_a_plan_is_told_where_the_planner_gives_up(
    tmp_path: Path,
) -> None:
    """A planner by rules has nothing new to say the second time; people read why it has no plan."""
    given_up = Handoff(reason="nothing is open", planner="scripted")
    planner = Scripted(plan(refund(None, order="o2")), given_up)
    async with open_shop(tmp_path, planner=planner) as opened:
        stock(opened)
        view = await opened.sayso.ask("cus_1", "refund order o2")
        assert view.error is not None
        assert view.error.message.startswith("no plan passed the checks: s1 order: ")
        assert view.error.message.endswith("; nothing is open")


@pytest.mark.promise("agent:hand-over")
async def test_what_nobody_understands_becomes_an_honest_hand_over(tmp_path: Path) -> None:
    """The hand-over is recorded with its reason, and the reply says that nothing was changed."""
    planner = Scripted(Handoff(reason="a question", planner="scripted"))
    async with open_shop(tmp_path, planner=planner) as opened:
        stock(opened)
        view = await opened.sayso.ask("cus_1", "where is my order?")
        assert view.status == "handed_over"
        assert view.error is not None
        assert (view.error.code, view.error.message) == ("not_understood", "a question")
        entries = await opened.sayso.audit.query("kind:request.handed_over")
        assert len(entries) == 1
        assert opened.shop.books.payouts == []


async def test_a_reason_that_is_no_text_hands_over_all_the_same(tmp_path: Path) -> None:
    """A planner of one's own may say anything; what cannot be kept becomes question marks."""
    planner = Scripted(Handoff(reason="what is \ud800?", planner="own"))
    async with open_shop(tmp_path, planner=planner) as opened:
        stock(opened)
        view = await opened.sayso.ask("cus_1", "refund please")
        assert view.status == "handed_over"
        assert view.error is not None
        assert view.error.message == "what is ??"


async def test_a_planner_that_does_not_answer_is_asked_again_and_then_a_person_takes_over(
    tmp_path: Path,
) -> None:
    """RetryableError: retried with pauses, and after the last run handed over, never lost."""
    failing = [RetryableError(Code.MODEL_FAILED, "no answer") for _ in range(MAX_ATTEMPTS + 1)]
    async with open_shop(tmp_path, planner=Scripted(*failing)) as opened:
        stock(opened)
        view = await opened.sayso.ask("cus_1", "refund please", wait_s=0)
        for _ in failing:
            await opened.sayso.container.dispatcher.run_now("request", MAIN, view.id)
        assert (await opened.sayso.requests.get(view.id)).status == "handed_over"


@pytest.mark.promise("agent:hand-over")
@pytest.mark.parametrize(
    "broken", [KeyError("Ana Torres"), RefusedError(Code.INVALID_INPUT, "an odd answer")]
)
async def test_a_planner_that_breaks_is_asked_again_and_then_a_person_takes_over(
    tmp_path: Path, broken: Exception
) -> None:
    """Whatever a planner or a connector raises, no request is tried for ever, and nothing leaks."""
    async with open_shop(tmp_path, planner=Scripted(*[broken] * (MAX_ATTEMPTS + 1))) as opened:
        stock(opened)
        view = await opened.sayso.ask("cus_1", "refund please", wait_s=0)
        dispatcher = opened.sayso.container.dispatcher
        await dispatcher.run_now("request", MAIN, view.id)
        assert dispatcher.problem_with("request", MAIN, view.id) is broken
        for _ in range(MAX_ATTEMPTS - 1):
            await dispatcher.run_now("request", MAIN, view.id)
        assert (await opened.sayso.requests.get(view.id)).status == "handed_over"
        (entry,) = await opened.sayso.audit.query("kind:request.handed_over")
        assert "Ana" not in str(entry.body)


async def test_a_later_step_waits_for_the_earlier_one_and_fails_with_it(tmp_path: Path) -> None:
    """A step with `after` runs only once the earlier one succeeded."""
    second = Step(
        id="s2",
        action="shop.refund",
        args={"order": "order#1", "amount": {"amount_minor": 1000, "currency": "USD"}},
        after=("s1",),
    )
    words = "refund $90.00 and $10.00"
    async with open_shop(tmp_path, planner=Scripted(plan(refund(9_000), second))) as opened:
        stock(opened)
        view = await opened.sayso.ask("cus_1", words)
        assert [action.status for action in view.actions] == [
            "pending_approval",
            "pending_approval",
        ]
        assert view.reply is not None
        assert view.reply.count("has to agree") == 2, "a plan that asks anybody waits as a whole"
        assert "worked on" not in view.reply
        await decide(opened, view, DecisionChoice.REJECT)
        after = await opened.sayso.requests.get(view.id)
        assert [action.status for action in after.actions] == ["rejected", "refused"]
        assert after.status == "answered"
        assert opened.shop.books.payouts == []


@pytest.mark.promise("agent:request-once")
async def test_the_same_key_is_one_request(tmp_path: Path) -> None:
    """A repeated webhook plans and acts once; other words under the key are refused."""
    async with open_shop(tmp_path, planner=Scripted(plan(refund(2000)))) as opened:
        stock(opened)
        first = await opened.sayso.ask("cus_1", "$20.00 back please", idempotency_key="ticket-7")
        again = await opened.sayso.ask("cus_1", "$20.00 back please", idempotency_key="ticket-7")
        assert again.id == first.id
        assert opened.shop.books.paid_out_minor == 2000
        with pytest.raises(Exception, match="idempotency_conflict"):
            await opened.sayso.ask("cus_1", "$30.00 back please", idempotency_key="ticket-7")


@pytest.mark.promise("agent:request-once")
async def test_two_runs_of_one_request_at_once_propose_once(tmp_path: Path) -> None:
    """The lease on our row admits one."""
    async with open_shop(tmp_path, planner=Scripted(plan(refund(2000)))) as opened:
        stock(opened)
        view = await opened.sayso.ask("cus_1", "$20.00 back please", wait_s=0)
        agent = opened.sayso.container.agent
        await asyncio.gather(*(agent.advance(MAIN, view.id) for _ in range(5)))
        settled = await opened.sayso.requests.get(view.id)
        assert len(settled.actions) == 1


class OvertakenPlanner(Scripted):
    """A planner whose first answer comes only once it is let go."""

    def __init__(self, *answers: Plan | Handoff | RetryableError) -> None:
        super().__init__(*answers)
        self.asked = asyncio.Event()
        self.may_answer = asyncio.Event()

    async def plan(
        self, messages: Sequence[Message], handles: Handles, actions: Sequence[Action]
    ) -> Plan | Handoff:
        answer = await super().plan(messages, handles, actions)
        if not self.asked.is_set():
            self.asked.set()
            await self.may_answer.wait()
        return answer


@pytest.mark.promise("agent:request-once")
async def test_the_plan_of_a_run_that_was_overtaken_adds_nothing(tmp_path: Path) -> None:
    """A model answers after the lease, and with other steps than it gave who took over."""
    late = plan(refund(1000), refund(2000, step="s2"))
    planner = OvertakenPlanner(late, plan(refund(3000)))
    async with open_shop(tmp_path, planner=planner) as opened:
        stock(opened)
        view = await opened.sayso.ask("cus_1", "$10.00 and $20.00 back please", wait_s=0)
        agent = opened.sayso.container.agent
        overtaken = asyncio.create_task(agent.advance(MAIN, view.id))
        await asyncio.wait_for(planner.asked.wait(), 60)
        opened.clock.advance(minutes=3)
        await agent.advance(MAIN, view.id)
        planner.may_answer.set()
        await asyncio.wait_for(overtaken, 60)
        settled = await opened.sayso.requests.get(view.id)
        assert [action.step for action in settled.actions] == ["s1"]


@pytest.mark.promise("agent:request-once")
async def test_a_run_that_was_overtaken_keeps_no_request_from_its_reply(tmp_path: Path) -> None:
    """It gives up on what another run has planned meanwhile, and that one goes on all the same."""
    planner = OvertakenPlanner(Handoff(reason="no idea", planner="scripted"), plan(refund(10_000)))
    async with open_shop(tmp_path, planner=planner) as opened:
        stock(opened)
        view = await opened.sayso.ask("cus_1", "$100.00 back please", wait_s=0)
        agent = opened.sayso.container.agent
        overtaken = asyncio.create_task(agent.advance(MAIN, view.id))
        await asyncio.wait_for(planner.asked.wait(), 60)
        opened.clock.advance(minutes=3)
        await agent.advance(MAIN, view.id)
        planner.may_answer.set()
        await asyncio.wait_for(overtaken, 60)
        (action,) = (await opened.sayso.requests.get(view.id)).actions
        await opened.sayso.container.engine.advance(MAIN, action.id)
        await decide(opened, await opened.sayso.requests.get(view.id), DecisionChoice.APPROVE)
        after = await opened.sayso.requests.get(view.id)
        assert after.status == "answered"
        assert opened.shop.books.paid_out_minor == 10_000


@pytest.mark.promise("agent:request-goes-on")
async def test_a_request_goes_on_in_another_process(tmp_path: Path) -> None:
    """The wait is a row: closing everything loses nothing, and no planner is asked again."""
    async with open_shop(tmp_path, planner=Scripted(plan(refund(10_000)))) as opened:
        stock(opened)
        shop = opened.shop
        view = await opened.sayso.ask("cus_1", "refund $100.00 please")
    async with open_shop(tmp_path, shop=shop, planner=Scripted()) as opened:
        await decide(opened, await opened.sayso.requests.get(view.id), DecisionChoice.APPROVE)
        after = await opened.sayso.requests.get(view.id)
        assert after.status == "answered"
        assert shop.books.paid_out_minor == 10_000


@pytest.mark.promise("agent:request-goes-on")
async def test_a_run_that_gave_up_too_late_keeps_nobody_from_planning(tmp_path: Path) -> None:
    """It was overtaken, and who overtook it died: what it has saved is not taken for an end."""
    planner = OvertakenPlanner(Handoff(reason="no idea", planner="scripted"), plan(refund(2000)))
    async with open_shop(tmp_path, planner=planner) as opened:
        stock(opened)
        view = await opened.sayso.ask("cus_1", "$20.00 back please", wait_s=0)
        agent = opened.sayso.container.agent
        overtaken = asyncio.create_task(agent.advance(MAIN, view.id))
        await asyncio.wait_for(planner.asked.wait(), 60)
        opened.clock.advance(minutes=3)
        inside = opened.sayso.container
        row = await inside.store.read(lambda reader: get_request(reader, MAIN, view.id))
        await inside.store.write(lambda tx: inside.requests.claim(tx, row, 1_000_000))
        planner.may_answer.set()
        await asyncio.wait_for(overtaken, 60)
        opened.clock.advance(minutes=3)
        await agent.advance(MAIN, view.id)
        assert [action.step for action in (await opened.sayso.requests.get(view.id)).actions] == [
            "s1"
        ]


@pytest.mark.promise("agent:nothing-personal")
async def test_no_words_of_the_customer_are_in_the_log_or_in_its_plan(tmp_path: Path) -> None:
    """Personal text stands beside the log, encrypted; plans hold ids and states only."""
    marker = "zebra-crossing-7"
    async with open_shop(tmp_path, planner=Scripted(plan(refund(10_000)))) as opened:
        stock(opened)
        await opened.sayso.ask("cus_1", f"refund $100.00 please, says {marker}")
        path = opened.workspace.store_path
    connection = sqlite3.connect(path)
    bodies = connection.execute("select body from log_entry").fetchall()
    plans = connection.execute("select plan, question, turns from request").fetchall()
    connection.close()
    assert bodies
    assert marker not in repr((bodies, plans))


@pytest.mark.promise("agent:nothing-personal")
@pytest.mark.promise("http:pseudonym")
async def test_why_nobody_could_plan_it_stands_beside_the_log(tmp_path: Path) -> None:
    """A reason may quote the words, so it is sealed: in no entry and no row in clear."""
    marker = "4111111111111111"
    reason = f"`{marker}` is none of the customer's records"
    planner = Scripted(Handoff(reason=reason, planner="scripted"))
    async with open_shop(tmp_path, planner=planner) as opened:
        stock(opened)
        view = await opened.sayso.ask("cus_1", f"refund order {marker}")
        assert view.error is not None
        assert view.error.message == reason
        path = opened.workspace.store_path
    assert marker.encode() not in path.read_bytes()


@pytest.mark.parametrize("key", ["\ud800", "a\0b", "k" * 201])
async def test_a_key_that_no_store_keeps_is_refused(tmp_path: Path, key: str) -> None:
    """As for concrete actions: a clear error, and nothing is stored."""
    async with open_shop(tmp_path, planner=Scripted()) as opened:
        with pytest.raises(RefusedError, match="invalid_input"):
            await opened.sayso.ask("cus_1", "hello", idempotency_key=key)
        assert await opened.sayso.requests.list() == []


async def test_an_unknown_outcome_keeps_the_request_open_until_it_is_known(tmp_path: Path) -> None:
    """Unknown has its own wording; the reply that claims a result waits for the ledger."""
    async with open_shop(tmp_path, planner=Scripted(plan(refund(2000)))) as opened:
        stock(opened)
        opened.shop.faults.append(ShopFault.LOST_AFTER)
        view = await opened.sayso.ask("cus_1", "$20.00 back please")
        assert view.status == "acting"
        assert view.reply is not None
        assert "We have done" not in view.reply
        opened.clock.advance(minutes=2)
        await opened.sayso.container.dispatcher.run_now("action", MAIN, view.actions[0].id)
        await opened.sayso.container.dispatcher.drain()
        after = await opened.sayso.requests.get(view.id)
        assert after.status == "answered"
        assert after.reply is not None
        assert "We have done what you asked for: $20.00" in after.reply
        assert opened.shop.books.paid_out_minor == 2000


class Club(OwnConnector):
    """Another provider, which refuses everybody."""

    name = "club"
    customers_of = "shop"

    async def list_records(self, subject: Subject) -> Sequence[Record]:
        """Nobody is a member."""
        raise RefusedError(Code.UNKNOWN_SUBJECT, f"no member `{subject.id}`")


@pytest.mark.promise("connectors:known")
async def test_a_customer_of_one_provider_is_served_though_another_knows_none(
    tmp_path: Path,
) -> None:
    """Asked, planned and done; whom neither knows is handed over with the code."""
    shop, planner = Shop(), Scripted(plan(refund(2000)))
    shop.books.add("o1", "cus_1", Money(10_000, "USD"))
    workspace = make_shop_workspace(tmp_path)
    own: list[Connector] = [shop, Club()]
    async with Sayso(workspace, mode="decide", connectors=own, planner=planner) as sayso:
        known = await sayso.ask("cus_1", "please give me back $20.00 of order o1")
        assert (known.status, [one.status for one in known.actions]) == ("answered", ["succeeded"])
        nobody = await sayso.ask("cus_9", "please give me back $20.00 of order o1")
        assert nobody.status == "handed_over"
        assert nobody.error is not None
        assert nobody.error.code == "unknown_subject"
        assert len(planner.seen) == 1, "nothing was planned for somebody unknown"


class Faulty(Club):
    """Breaks off while it lists, as code that meets what it was not written for."""

    async def list_records(self, subject: Subject) -> Sequence[Record]:
        """Fail."""
        raise AttributeError(f"balance of {subject.id}")


@pytest.mark.promise("engine:broken-reading")
async def test_a_connector_that_breaks_in_listing_is_tried_again_and_named(tmp_path: Path) -> None:
    """It is its fault and not an inner one, and in the end a person gets it with that code."""
    own: list[Connector] = [Shop(), Faulty()]
    workspace = make_shop_workspace(tmp_path)
    async with Sayso(workspace, mode="decide", connectors=own, planner=Scripted()) as sayso:
        view = await sayso.ask("cus_1", "refund please", wait_s=0)
        dispatcher = sayso.container.dispatcher
        await dispatcher.run_now("request", MAIN, view.id)
        problem = dispatcher.problem_with("request", MAIN, view.id)
        assert isinstance(problem, RetryableError)
        assert problem.code is Code.CONNECTOR_FAILED
        for _ in range(MAX_ATTEMPTS):
            await dispatcher.run_now("request", MAIN, view.id)
        after = await sayso.requests.get(view.id)
        assert (after.status, after.error and after.error.code) == (
            "handed_over",
            "connector_failed",
        )
