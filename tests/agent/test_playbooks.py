"""What the playbooks plan from a customer's words, and what they leave alone."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace

import pytest
from agent.playbook_cases import ASKED, NOT_ASKED, Expected
from agent.playbook_near_misses import NEARLY_ASKED
from agent.shop import ACTIONS, HANDLES, LAMP, MUG, SUBSCRIPTION, charge, said
from hypothesis import given
from hypothesis import strategies as st

from sayso.actions.model.plan import Handoff, Plan, Step
from sayso.actions.model.snapshot import Record
from sayso.agent.base import Handles, Message
from sayso.agent.grounding import ground_plan
from sayso.agent.playbooks import load_playbooks

PLANNER = load_playbooks()


def short(step: Step) -> tuple[str, str]:
    """The verb, and handle, minor units and time where there are any."""
    amount = step.args.get("amount")
    words = [step.args.get("charge"), step.args.get("subscription")]
    words += [amount["amount_minor"] if isinstance(amount, Mapping) else None]
    words += [step.args.get("when")]
    return step.action.partition(".")[2], " ".join(str(word) for word in words if word is not None)


def plan(words: str, handles: Handles = HANDLES) -> Plan | Handoff:
    return PLANNER.plan_text(words, handles, ACTIONS)


def steps(words: str, handles: Handles = HANDLES) -> Expected:
    found = plan(words, handles)
    assert isinstance(found, Plan), found
    return tuple(short(step) for step in found.steps)


def reason(words: str, handles: Handles = HANDLES) -> str:
    found = plan(words, handles)
    assert isinstance(found, Handoff), found
    return found.reason


def test_held_out_requests_are_planned_rightly_or_handed_over() -> None:
    """No hand-written request is planned wrongly, and at least nine in ten are planned."""
    planned = 0
    for words, expected in ASKED:
        found = plan(words)
        if isinstance(found, Plan):
            planned += 1
            assert tuple(short(step) for step in found.steps) == expected, words
    assert planned >= 0.9 * len(ASKED)


@pytest.mark.promise("agent:not-asked-for")
@pytest.mark.parametrize("words", [*NOT_ASKED, *NEARLY_ASKED])
def test_what_nobody_asked_for_is_never_planned(words: str) -> None:
    """Questions, negations, injections, other people, other languages: a person takes over."""
    assert len(reason(words)) > 10


@pytest.mark.parametrize("words", [words for words, _ in ASKED])
def test_every_playbook_plan_passes_the_guard(words: str) -> None:
    """What a playbook plans is grounded in the same words and records."""
    found = plan(words)
    if isinstance(found, Plan):
        result = ground_plan(found, messages=said(words), handles=HANDLES, actions=ACTIONS)
        assert isinstance(result, Plan), result


def test_a_second_request_in_one_message_is_a_second_step() -> None:
    """Two things asked for are one plan with the steps in their order."""
    found = plan("refund order 1042 and cancel my subscription")
    assert isinstance(found, Plan)
    assert [step.id for step in found.steps] == ["s1", "s2"]
    assert found.planner == "playbook:refund+cancel"


def test_a_damaged_item_adds_an_apology_after_the_refund() -> None:
    """The e-mail waits for the refund, and is left out where no e-mail is connected."""
    words = "My mug from order 1042 arrived broken, please refund me"
    found = plan(words)
    assert isinstance(found, Plan)
    assert [(step.action, step.after) for step in found.steps] == [
        ("stripe.refund", ()),
        ("email.send_apology", ("s1",)),
    ]
    without = PLANNER.plan_text(words, HANDLES, ACTIONS[:3])
    assert isinstance(without, Plan)
    assert len(without.steps) == 1


def test_an_apology_that_is_asked_for_is_sent_once() -> None:
    """Damage and the wish for an apology together are one e-mail."""
    words = "The blue mug came broken. Please refund it and send me an apology by email"
    assert [verb for verb, _ in steps(words)] == ["refund", "send_apology"]


def test_a_missing_action_hands_over() -> None:
    """Without the connector there is nothing to plan, and the reason names the action."""
    found = PLANNER.plan_text("cancel my subscription", HANDLES, ACTIONS[:1])
    assert isinstance(found, Handoff)
    assert "stripe.cancel_subscription" in found.reason


def test_several_charges_without_a_hint_are_handed_over_with_their_titles() -> None:
    """An ambiguous request is not guessed; the person sees what could be meant."""
    assert "several charges could be meant" in reason("I want a refund")
    assert "Order 1042: blue mug" in reason("I want a refund")


def test_a_single_charge_needs_no_name() -> None:
    """With one candidate the request is clear."""
    assert steps("I want a refund please", Handles([MUG])) == (("refund", "charge#1"),)


def test_without_any_charge_there_is_nothing_to_refund() -> None:
    """No record, no plan."""
    assert reason("I want a refund", Handles([])) == "the customer has no charge"


def test_half_is_exact_integer_arithmetic() -> None:
    """Half of $18.51 is $9.25: rounded down, never a cent too much."""
    handles = Handles([charge("ch_1", "Order 7: pen", 1851, order="7")])
    assert steps("refund half of it please", handles) == (("refund", "charge#1 925"),)


def test_the_price_that_was_paid_is_not_a_part() -> None:
    """`I paid $42.00` names the lamp; the whole of it is refunded."""
    assert steps("I paid $42.00 for this. I want a refund.") == (("refund", "charge#2"),)


def test_more_than_is_left_is_handed_over() -> None:
    """A partly refunded charge gives back what is left, and no more than that is promised."""
    handles = Handles([charge("ch_1", "Order 7: pen", 10000, left=4000, order="7")])
    assert "$40.00 is left" in reason("refund $100 of order 7", handles)
    assert "$40.00 is left" in reason("refund $60 of order 7", handles)
    assert steps("refund $40 of order 7", handles) == (("refund", "charge#1 4000"),)


def test_a_refunded_charge_is_not_refunded_again() -> None:
    """Where nothing is left, a person answers."""
    handles = Handles([charge("ch_1", "Order 7: pen", 10000, left=0, order="7")])
    assert reason("refund order 7", handles).endswith(
        "Order 7: pen, Visa ..4242: $0.00 of it is left"
    )
    unknown = replace(handles.records["charge#1"], facts={"status": "succeeded"})
    assert "not known how much of it is left" in reason("refund order 7", Handles([unknown]))


def _twice(gap_h: int, *, minor: int = 5900) -> Handles:
    later = charge("ch_b", "Order 88: kettle", 5900, created=f"2026-11-1{gap_h // 24}T12:00:00Z")
    earlier = charge("ch_a", "Order 88: kettle", minor, created="2026-11-10T12:00:00Z")
    return Handles([later, earlier, LAMP])


def test_a_double_charge_refunds_the_later_of_two_equal_charges() -> None:
    """Equal, untouched and close in time: the later one goes back as a duplicate."""
    found = plan("I was charged twice for the kettle, please refund one", _twice(24))
    assert isinstance(found, Plan)
    assert found.steps[0].args == {"charge": "charge#1", "reason": "duplicate"}


@pytest.mark.parametrize("handles", [_twice(96), _twice(24, minor=5800), HANDLES])
def test_a_double_charge_that_the_records_do_not_show_is_handed_over(handles: Handles) -> None:
    """Far apart, or of different amounts: no duplicate is invented."""
    assert "no two equal charges lie close together" in reason("I was charged twice", handles)


def test_a_cancelled_subscription_is_not_cancelled_again() -> None:
    """Only a running subscription can be ended."""
    facts = {**SUBSCRIPTION.facts, "status": "canceled"}
    ended = type(SUBSCRIPTION)(kind="subscription", id="sub_1", title="Pro", facts=facts)
    assert "no subscription is in a state" in reason("cancel my subscription", Handles([ended]))


def test_now_and_at_the_end_together_are_handed_over() -> None:
    """Two times that contradict each other are not chosen between."""
    words = "cancel my subscription now at the end of the month"
    assert "both `now` and `period_end`" in reason(words)


def _in_state(record: Record, status: str) -> Record:
    return replace(record, facts={**record.facts, "status": status})


@pytest.mark.parametrize("words", ["refund the red lamp", "refund my $42.00", "refund order 1031"])
def test_what_is_named_is_not_replaced_by_what_is_left(words: str) -> None:
    """A refunded lamp is named, and the mug that could still be refunded is not taken for it."""
    lamp = charge("ch_lamp1", "Order 1031: red lamp", 4200, left=0, order="1031")
    handles = Handles([_in_state(lamp, "refunded"), MUG])
    assert "nothing can be done with" in reason(words, handles)


def test_a_cancelled_plan_is_not_replaced_by_the_one_that_runs() -> None:
    """Who names the plan that has ended does not lose the other one."""
    basic = replace(SUBSCRIPTION, id="sub_basic1", title="subscription Basic plan", references=())
    handles = Handles([_in_state(basic, "canceled"), SUBSCRIPTION])
    assert reason("cancel my Basic plan", handles).endswith("Basic plan: it is canceled")
    assert steps("cancel my Pro plan", handles) == (
        ("cancel_subscription", "subscription#2 period_end"),
    )


def test_a_subscription_that_has_no_name_is_called_what_the_customer_calls_it() -> None:
    """Stripe tells a price and no product; with a second one, or a name, the call has to fit."""
    title = "subscription $12.00 per month, active"
    nameless = replace(SUBSCRIPTION, title=title)
    other = replace(nameless, id="sub_2", references=())
    words = "Please cancel my Plus plan"
    assert steps(words, Handles([nameless])) == (
        ("cancel_subscription", "subscription#1 period_end"),
    )
    for handles in (Handles([nameless, other]), Handles([SUBSCRIPTION])):
        assert isinstance(plan(words, handles), Handoff)
    assert "`Ben" in reason("Please cancel Ben's plan", Handles([nameless]))


KETTLE = Handles([charge("ch_k", "Order 88: copper kettle", 1900, order="88")])
"""A customer who has paid for one thing alone."""


@pytest.mark.parametrize(
    "words",
    [
        "My blue mug arrived broken. I want a refund.",
        "The rice bowl was chipped. I want a refund",
        "I bought a red lamp last week and it flickers. I want a refund",
        "I received the lamps, all broken. I want a refund",
        "I want a refund. My coffee machine just stopped working.",
        "The lamp doesn't work. I want a refund",
        "I ordered a blue mug. It broke. I want a refund",
        "I want a refund because the mug was broken",
    ],
)
def test_the_only_charge_is_not_taken_for_a_thing_that_it_is_not(words: str) -> None:
    """Whose story names another thing asks for no money for this one, which nobody may see go."""
    assert "is none of what the customer has paid for" in reason(words, KETTLE)


@pytest.mark.parametrize(
    "words",
    [
        "It never arrived. I want a refund",
        "My parcel came late and the box was crushed. I want a refund",
        "My order has not arrived. I want a refund",
        "My product still hasn't arrived, I want a refund",
        "I received the wrong size. I want a refund",
        "I am very unhappy with the service. I want a refund",
        "My kettle is broken. I want a refund",
        "I bought a kettle for my kitchen and it leaks. Please refund me",
        "The kettle's lid is broken. I want a refund",
        "My blue mug broke. Refund order 88",
    ],
)
def test_the_only_charge_is_taken_for_whatever_it_may_be(words: str) -> None:
    """What is told of names it, or names nothing that could not be it; its number always counts."""
    assert steps(words, KETTLE)[0] == ("refund", "charge#1")


def test_a_charge_without_a_name_may_be_the_thing_that_is_told_of() -> None:
    """`Invoice payment` says nothing of what was bought."""
    nameless = Handles([charge("ch_i", "Invoice payment", 1900)])
    assert steps("My blue mug arrived broken. I want a refund.", nameless)[0][0] == "refund"


@pytest.mark.parametrize(
    "words",
    [
        "The blue mug is lovely. Refund the lamp please.",
        "The lamp is lovely. I want my money back for the blue mug.",
    ],
)
def test_what_is_told_beside_a_request_is_not_what_it_means(words: str) -> None:
    """The object is the one of the sentence that asks, however well another is described."""
    assert steps(words) == (("refund", "charge#2" if "Refund the lamp" in words else "charge#1"),)


@pytest.mark.parametrize(
    "words",
    [
        "cancel my subscription and refund me",
        "cancel my subscription and refund my last payment",
        "My subscription renewed. Please refund me.",
        "Please refund me. I paid $12 for the subscription.",
        "refund the toaster",
        "refund the shipping",
        "I want a refund from Amazon",
    ],
)
def test_the_only_charge_is_not_taken_for_something_else(words: str) -> None:
    """With one charge, money for a subscription, a part or another thing is not planned from it."""
    assert len(reason(words, Handles([MUG, SUBSCRIPTION]))) > 10


@pytest.mark.parametrize(
    "words",
    [
        "please refund both charges for order 88",
        "I was charged twice, refund both",
        "I was charged twice for order 88, please refund $10",
        "I was charged twice for order 88, please refund half of one",
        "I was charged twice for shipping",
        "I was charged double the price",
        "I was charged twice because I ordered two mugs",
        "you charged me twice, but I also ordered twice",
        "I was charged twice. It is correct.",
        "I was charged twice, please cancel one order",
        "refund order 88",
        "refund my last order",
    ],
)
def test_of_a_double_charge_one_is_planned_or_none(words: str) -> None:
    """Both, a part, the price, or one order number of two charges: a person decides."""
    later = charge("ch_b", "Order 88: mug", 5900, created="2026-11-11T12:00:00Z", order="88")
    earlier = charge("ch_a", "Order 88: mug", 5900, created="2026-11-10T12:00:00Z", order="88")
    assert len(reason(words, Handles([later, earlier]))) > 10


@pytest.mark.parametrize(
    "words",
    [
        "refund the red lamp",
        "refund the red lamp of order 7",
        "The lamp arrived broken. Please refund order 7.",
        "refund the shipping of order 8",
    ],
)
def test_one_item_of_a_payment_is_not_all_of_it(words: str) -> None:
    """Two things were paid together, and money for one of them is no plan of the whole."""
    both = charge("ch_1", "Order 7: blue mug, red lamp", 10000, order="7")
    sent = charge("ch_2", "Order 8: kettle + shipping", 5000, order="8")
    assert "a part of what was bought" in reason(words, Handles([both, sent]))
    assert steps("refund order 7", Handles([both, sent])) == (("refund", "charge#1"),)
    six = charge("ch_3", "Order 9: blue mug, set of six", 5000, order="9")
    assert steps("refund the mugs", Handles([six, LAMP])) == (("refund", "charge#1"),)


def test_half_of_what_is_partly_refunded_is_handed_over() -> None:
    """Half of the price or half of what is left: the words do not say."""
    handles = Handles([charge("ch_1", "Order 7: pen", 10000, left=8000, order="7")])
    assert "a share is asked for" in reason("refund half of order 7", handles)


async def test_only_the_newest_customer_message_counts() -> None:
    """Earlier turns are not acted on, and after the agent's own words there is nothing to plan."""
    old = Message(role="customer", content="refund order 1042")
    new = Message(role="customer", content="hello?")
    assert isinstance(await PLANNER.plan([old, new], HANDLES, ACTIONS), Handoff)
    agent = Message(role="agent", content="refund order 1042")
    assert isinstance(await PLANNER.plan([new, agent], HANDLES, ACTIONS), Handoff)
    assert isinstance(await PLANNER.plan([new, old], HANDLES, ACTIONS), Plan)


def test_the_same_message_gives_the_same_plan() -> None:
    """A planner loaded anew plans the same, so that a replay changes nothing."""
    words = "refund half of order 1042 and cancel my subscription"
    assert load_playbooks().plan_text(words, HANDLES, ACTIONS) == plan(words)


@given(st.text(max_size=200))
def test_no_text_makes_the_planner_fail(words: str) -> None:
    """Any text gives a plan or a reason, never an exception."""
    assert isinstance(plan(words), (Plan, Handoff))


def test_loading_and_planning_are_quick() -> None:
    """Well below a blink even on a busy machine; docs/explanation/planning.md has figures."""
    before = time.process_time()
    for _ in range(50):
        plan("Hi, my lamp from order 1031 never arrived. I'd like a refund. Thanks!")
    assert (time.process_time() - before) / 50 < 0.02


@pytest.mark.parametrize("size", [5_000, 20_000])
@pytest.mark.parametrize("piece", ["a ", "$1 ", "1,000.", '"', "refund and ", "if ", "(", "-"])
def test_long_and_odd_messages_take_no_time(piece: str, size: int) -> None:
    """No pattern runs away on repeated text."""
    before = time.process_time()
    assert isinstance(plan(piece * (size // len(piece))), Handoff)
    assert time.process_time() - before < 2.0
