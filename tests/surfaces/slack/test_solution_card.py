"""A plan is one message in Slack: read at once, answered at once, and true afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from support.parcel_shop import ParcelShop, add_playbooks
from surfaces.console.served_console import LETTER, RULES, WORDS, Packages, usd
from surfaces.slack.slack_team import SlackTeam, open_team
from surfaces.slack.test_card import HOSTILE, assert_clean

from sayso.actions.model.plan import OnFailure, Step
from sayso.money import Money
from sayso.sdk.views.solution import SolutionView
from sayso.surfaces.slack import build_message
from sayso.testing.clock import FakeClock
from sayso.testing.slack import FakeSlack, PostedMessage, render

YES, NO, LESS = "sayso.solution.yes", "sayso.solution.no", "sayso.solution.less"
ASK = "sayso.solution.ask"
BOTH = "Please refund $129.00 of order o1. Please refund $99.00 of order o2."
TWO_ASKED = tuple(
    Step(id=f"s{number}", action="shop.refund", args={"order": order, "amount": usd(minor)})
    for number, (order, minor) in enumerate((("order#1", 12_900), ("order#2", 9_900)), 1)
)


@asynccontextmanager
async def parcels(
    folder: Path,
    slack: FakeSlack,
    planner: Packages | None = None,
    clock: FakeClock | None = None,
    approvals: dict[str, object] | None = None,
    console: dict[str, object] | None = None,
    name: str = "Ben Okafor",
) -> AsyncGenerator[SlackTeam]:
    """A team whose customers get a refund, a credit and a letter."""
    shop = ParcelShop()
    add_playbooks(folder)
    shop.books.add("o1", "cus_1", Money(100_000, "USD"))
    shop.books.add("o2", "cus_1", Money(100_000, "USD"))
    shop.names["cus_1"] = name
    async with open_team(
        folder,
        slack,
        shop=shop,
        planner=planner or Packages(),
        policy=RULES,
        clock=clock,
        approvals=approvals,
        console=console,
    ) as team:
        yield team


async def ask(team: SlackTeam, words: str = WORDS) -> SolutionView:
    """Have the plan made and its card sent."""
    request = await team.workspace.sayso.ask("cus_1", words)
    asked = next((one.approval for one in request.actions if one.approval is not None), None)
    assert asked is not None, request.error
    await team.send()
    return await team.workspace.sayso.solutions.get(asked.id)


def card(team: SlackTeam) -> PostedMessage:
    """The one message in the channel."""
    (only,) = [one for one in team.slack.messages if not one.thread_ts]
    return only


async def click(team: SlackTeam, action_id: str, user: str = "UMARIA") -> None:
    """Click on the card, and wait until the person has been told."""
    delivery = await team.slack.click(card(team), action_id, user=user)
    assert delivery.acknowledged
    await team.app.all_replied()


@pytest.mark.promise("slack:solution")
async def test_a_plan_is_one_message(tmp_path: Path, slack: FakeSlack) -> None:
    """All steps stand on it, the allowed ones too, with the letter's text and the exact money."""
    async with parcels(tmp_path, slack) as team:
        await ask(team)
        text = render(card(team))
    for words in (
        "$139.00 to Ben Okafor: yes or no?",
        "The mugs came broken.",
        "Ben wrote this. What it says happened is not checked; amount, payee and account were",
        "Why it came to you",
        "Unusual",
        "1. Refund $129.00",
        "2. Give a gift of $10.00",
        "3. Write to the customer: Your order",
        "Step 3 writes: Your order",
        LETTER,
        "A no: ",
        "counts as no",
        "[Yes, $139.00] [No…] [Less…] [Ask Ben…]",
    ):
        assert words in text, text
    before = [text.index(words) for words in ("$139.00 to", "The mugs", "Why it came", "1. Refund")]
    assert before == sorted(before)


@pytest.mark.promise("slack:push")
async def test_a_phone_shows_amount_and_payee(tmp_path: Path, slack: FakeSlack) -> None:
    """What stands in the card's first line and nothing more; Slack is told to parse none of it."""
    async with parcels(tmp_path, slack) as team:
        view = await ask(team)
        shown = card(team)
        assert shown.text == f"$139.00 to Ben Okafor: yes or no? ({view.id})"
        assert [shown.arguments[name] for name in ("mrkdwn", "parse", "link_names")] == [
            *(False, "none", False)
        ]
        await click(team, YES)
        await team.send()
        assert card(team).text == f"$139.00 to Ben Okafor: yes by maria ({view.id})"


@pytest.mark.promise("slack:solution")
async def test_one_yes_starts_all_of_it_and_the_card_says_what_came_of_each_step(
    tmp_path: Path, slack: FakeSlack
) -> None:
    """The same message, without buttons; steps that needed nobody are shown done as well."""
    async with parcels(tmp_path, slack) as team:
        await ask(team)
        await click(team, YES)
        assert "Your yes counts" in team.told[-1]
        for _ in range(4):
            await team.work()
        text = render(card(team))
        assert "$139.00 to Ben Okafor: yes by maria" in text
        assert "All 3 steps are done." in text
        assert "[Yes" not in text
        assert text.count("done, ") == 3


@pytest.mark.promise("slack:solution")
async def test_a_no_needs_its_reason_and_ends_all_of_it(tmp_path: Path, slack: FakeSlack) -> None:
    """A no without a reason code cannot be sent, whatever it is about."""
    async with parcels(tmp_path, slack) as team:
        asked = await ask(team)
        await click(team, NO)
        form = slack.views[-1]
        await slack.submit_view(form, {"code": "not_covered", "reason": "too late"})
        assert "Your no counts" in render(form)
        view = await team.workspace.sayso.solutions.get(asked.id)
        assert view.status == "rejected"
        await team.work()
        assert "no by maria" in render(card(team))


@pytest.mark.promise("slack:solution")
async def test_what_is_known_stands_in_the_thread_once(tmp_path: Path, slack: FakeSlack) -> None:
    """Facts, signs and the conversation, without a button; hostile words stay words."""
    async with parcels(tmp_path, slack, name=HOSTILE[0]) as team:
        await ask(team, f"{WORDS} <!channel> <https://evil.example|bank>")
        below = [one for one in slack.messages if one.thread_ts]
        assert [one.thread_ts for one in below] == [card(team).ts]
        text = render(below[0])
        assert "What is known" in text
        assert "Customer wrote (what it says happened is not checked)" in text
        assert "The mugs came broken." in text
        assert '"type": "button"' not in str(below[0].blocks)
        assert_clean(below[0].blocks, below[0].text)
        await click(team, YES)
        for _ in range(4):
            await team.work()
        assert len([one for one in slack.messages if one.thread_ts]) == 1


@pytest.mark.promise("solutions:ask-customer")
async def test_the_customer_is_asked_from_the_card(tmp_path: Path, slack: FakeSlack) -> None:
    """The question stands on the same message, the answer too, and the old yes counts nothing."""
    async with parcels(tmp_path, slack) as team:
        asked = await ask(team)
        await click(team, ASK)
        form = slack.views[-1]
        assert "What Ben reads" in render(form)
        await slack.submit_view(form, {"question": "Which mug, <!channel>?"})
        assert "Ben is asked." in render(form)
        await team.work()
        text = render(card(team))
        assert "maria has asked Ben: Which mug, <!channel>?" in text
        assert "[Ask" not in text
        assert "[Yes, $139.00]" in text
        before = card(team).blocks
        assert asked.request_id is not None
        await team.workspace.sayso.requests.answer(asked.request_id, "the blue one", question=1)
        await team.work()
        text = render(card(team))
        assert "Answered: the blue one" in text
        assert "[Yes, $139.00] [No…] [Less…] [Ask Ben…]" in text
        assert card(team).blocks != before
        await click(team, YES)
        assert "Your yes counts" in team.told[-1]


@asynccontextmanager
async def one_refund(
    folder: Path, slack: FakeSlack, name: str = "Ben Okafor"
) -> AsyncGenerator[tuple[SlackTeam, SolutionView]]:
    """A team whose channel has the card of a plan of one step, which a customer asked for."""
    async with parcels(folder, slack, Packages(TWO_ASKED[0]), name=name) as team:
        view = await ask(team, "The mugs came broken. Please refund $129.00 of order o1.")
        assert len(view.steps) == 1
        yield team, view


@pytest.mark.promise("solutions:ask-customer")
async def test_the_customer_is_asked_from_the_card_of_one_step(
    tmp_path: Path, slack: FakeSlack
) -> None:
    """As with several: question and answer stand on the card, and the yes before counts nothing."""
    async with one_refund(tmp_path, slack) as (team, view):
        old = card(team).buttons[YES]
        assert "[Yes, $129.00] [No…] [Less…] [Ask Ben…]" in render(card(team))
        await click(team, ASK)
        form = slack.views[-1]
        await slack.submit_view(form, {"question": "Which mug, Ben?"})
        assert "Ben is asked." in render(form)
        await team.work()
        text = render(card(team))
        assert "maria has asked Ben: Which mug, Ben?" in text
        assert "[Yes, $129.00] [No…] [Less…]" in text
        assert "[Ask" not in text

        await team.workspace.sayso.requests.answer(view.request_id or "", "the blue", question=1)
        await team.work()
        text = render(card(team))
        assert "We asked: Which mug, Ben?" in text
        assert "Answered: the blue" in text
        assert "[Ask Ben…]" in text
        assert "maria has asked" not in text
        await slack.click(card(team), YES, user="UMARIA", value=old)
        await team.app.all_replied()
        assert "It has changed" in team.told[-1]
        assert team.workspace.shop.books.payouts == []
        await click(team, YES)
        assert "Your yes counts" in team.told[-1]
        await team.work()
        assert team.workspace.shop.books.paid_out_minor == 129_00
        assert "[Ask" not in render(card(team))


@pytest.mark.promise("solutions:ask-customer")
async def test_a_yes_counts_while_the_customer_of_one_step_is_asked(
    tmp_path: Path, slack: FakeSlack
) -> None:
    """A question decides nothing and holds nothing; two at once are one question."""
    async with one_refund(tmp_path, slack) as (team, view):
        await click(team, ASK)
        await click(team, ASK, "UM1")
        first, second = slack.views
        await slack.submit_view(first, {"question": "Which mug?"})
        await slack.submit_view(second, {"question": "Which cup?"})
        assert "the customer has been asked something already" in render(second)
        await team.work()
        assert "Which mug?" in render(card(team))
        await click(team, YES, "UM2")
        await team.work()
        assert team.workspace.shop.books.paid_out_minor == 129_00
        text = render(card(team))
        assert "m2 said yes." in text
        assert "has asked Ben" not in text
        request = await team.workspace.sayso.requests.get(view.request_id or "")
        assert request.status == "answered"


@pytest.mark.promise("slack:solution")
@pytest.mark.parametrize("user", ["UDORA", "UINTERN", "UGONE"])
async def test_who_may_not_decide_one_step_asks_nothing(
    tmp_path: Path, slack: FakeSlack, user: str
) -> None:
    """Neither by the button nor by a form that somebody else has opened; both are recorded."""
    async with one_refund(tmp_path, slack) as (team, view):
        await click(team, ASK, user)
        assert "may not decide this" in team.told[-1]
        assert not slack.views
        await click(team, ASK)
        await slack.submit_view(slack.views[-1], {"question": "Your password?"}, user=user)
        assert "may not decide this" in render(slack.views[-1])
        request = await team.workspace.sayso.requests.get(view.request_id or "")
        assert request.status == "acting"
        entries = await team.workspace.sayso.audit.tail(50)
        assert sum(entry.kind == "approval.refused" for entry in entries) == 2


@pytest.mark.promise("slack:plain-text")
@pytest.mark.parametrize("text", HOSTILE)
async def test_a_hostile_question_on_the_card_of_one_step_is_text(
    tmp_path: Path, slack: FakeSlack, text: str
) -> None:
    """In the customer's name and in what an approver asks."""
    async with one_refund(tmp_path, slack, text[:300]) as (team, _):
        assert_clean(card(team).blocks, card(team).text)
        await click(team, ASK)
        await slack.submit_view(
            slack.views[-1], {"question": f"So: {text}".replace("\0", "")[:2000]}
        )
        await team.work()
        assert "has asked" in render(card(team))
        assert_clean(card(team).blocks, card(team).text)


@pytest.mark.promise("slack:solution")
@pytest.mark.parametrize("steps", [1, 2])
@pytest.mark.parametrize("limit", ["100.00", "500.00"])
async def test_a_card_leads_to_the_console(
    tmp_path: Path, slack: FakeSlack, steps: int, limit: str
) -> None:
    """Of one step and of several; where a yes needs a passkey, in place of the yes."""
    url = "https://sayso.example.com"
    planner = Packages(*TWO_ASKED[:steps])
    rule: dict[str, object] = {"passkey_from": {"USD": limit}}
    async with parcels(tmp_path, slack, planner, approvals=rule, console={"url": url}) as team:
        view = await ask(team, BOTH)
        signs = limit == "100.00"
        assert view.passkey is signs
        buttons = card(team).buttons
        assert f"{url}/console/solution/{view.id}" in str(card(team).blocks)
        assert ("[Open to decide ↗]" if signs else "[Open ↗]") in render(card(team))
        assert (YES not in buttons) is signs
        await click(team, "sayso.solution.open")
        assert team.told == []
        await click(team, ASK)
        await slack.submit_view(slack.views[-1], {"question": "Which mug?"})
        assert "Ben is asked." in render(slack.views[-1])
        await team.work()
        assert "maria has asked Ben: Which mug?" in render(card(team))
        after = await team.workspace.sayso.solutions.get(view.id)
        assert (after.status, after.votes) == ("pending", ())


@pytest.mark.promise("slack:solution")
async def test_less_leaves_steps_out_and_lowers_amounts(tmp_path: Path, slack: FakeSlack) -> None:
    """Only what waits, only downwards, and nothing smaller is no answer at all."""
    async with parcels(tmp_path, slack, Packages(*TWO_ASKED)) as team:
        asked = await ask(team, BOTH)
        await click(team, LESS)
        form = slack.views[-1]
        await slack.submit_view(form, {"steps": "s1 s2"})
        assert "leave something out" in form.errors["steps"]
        await slack.submit_view(form, {"steps": "s1", "lower.s1": "500"})
        assert "is not less than" in form.errors["lower.s1"]
        await slack.submit_view(form, {"steps": "s1", "lower.s1": "100.00"})
        assert "Your yes counts" in render(form), render(form)
        await team.work()
        sayso = team.workspace.sayso
        view = await sayso.solutions.get(asked.steps[0].approval_id or "")
        request = await sayso.requests.get(asked.request_id or "")
        done = {action.status: action.amount for action in request.actions}
        assert str(done["succeeded"]) == "$100.00", view
        assert "rejected" in done


@pytest.mark.promise("slack:solution")
async def test_what_must_be_done_together_has_no_boxes(tmp_path: Path, slack: FakeSlack) -> None:
    """A plan that ends with any step that is not done can be made smaller in amounts only."""
    planner = Packages(*TWO_ASKED, on_failure=OnFailure.STOP)
    async with parcels(tmp_path, slack, planner) as team:
        await ask(team, BOTH)
        await click(team, LESS)
        assert "[x]" not in render(slack.views[-1])


@pytest.mark.promise("slack:solution")
@pytest.mark.parametrize("user", ["UDORA", "UINTERN", "UGONE"])
async def test_nobody_else_answers_a_plan(tmp_path: Path, slack: FakeSlack, user: str) -> None:
    """Each button, each form; refused, told why, and recorded."""
    async with parcels(tmp_path, slack) as team:
        asked = await ask(team)
        for button in (YES, NO, LESS):
            await click(team, button, user)
        assert len(team.told) == 3
        assert all("may not decide this" in told for told in team.told)
        assert not slack.views
        view = await team.workspace.sayso.solutions.get(asked.id)
        assert view.status == "pending"
        entries = await team.workspace.sayso.audit.tail(50)
        assert sum(entry.kind == "approval.refused" for entry in entries) == 3


@pytest.mark.promise("slack:solution")
async def test_ten_people_at_once_make_one_decision(tmp_path: Path, slack: FakeSlack) -> None:
    """One counts, each of the others is told whose it was."""
    async with parcels(tmp_path, slack) as team:
        await ask(team)
        shown = card(team)
        await asyncio.gather(*(slack.click(shown, YES, user=f"UM{n}") for n in range(10)))
        await team.app.all_replied()
        assert sum("Your yes counts" in told for told in team.told) == 1
        assert sum("Too late" in told for told in team.told) == 9


@pytest.mark.promise("slack:solution")
async def test_a_card_that_is_out_of_date_decides_nothing(tmp_path: Path, slack: FakeSlack) -> None:
    """Any other revision or digest is refused, and the card is drawn anew."""
    async with parcels(tmp_path, slack) as team:
        asked = await ask(team)
        shown = card(team)
        value = shown.buttons[YES]
        for forged in (value.replace(".1.", ".2."), value[:-4] + "0000"):
            await slack.click(shown, YES, user="UMARIA", value=forged)
            await team.app.all_replied()
            assert "It has changed" in team.told[-1]
        view = await team.workspace.sayso.solutions.get(asked.id)
        assert view.status == "pending"


@pytest.mark.promise("slack:reminders")
async def test_reminders_and_escalations_reach_people_in_the_thread(
    tmp_path: Path, slack: FakeSlack
) -> None:
    """Once each, below the card, naming those who may answer, and never a button."""
    clock = FakeClock()
    times: dict[str, object] = {
        "expires_after_minutes": 60,
        "remind_after_minutes": 30,
        "escalate_after_minutes": 45,
        "escalate_to": "finance",
    }
    async with parcels(tmp_path, slack, clock=clock, approvals=times) as team:
        await ask(team)
        clock.advance(minutes=31)
        await team.work()
        await team.send()
        (_evidence, reminder) = [one for one in slack.messages if one.thread_ts]
        assert reminder.thread_ts == card(team).ts
        said = render(reminder)
        assert "@UMARIA" in said
        assert "@UFINN" not in said
        assert "still waits for a yes or no" in said
        assert not reminder.buttons
        clock.advance(minutes=15)
        await team.work()
        await team.send()
        threaded = [one for one in slack.messages if one.thread_ts]
        assert len(threaded) == 3
        assert "escalated from support manager to finance" in render(threaded[2])
        assert "@UFINN" in render(threaded[2])
        assert "Escalated" in render(card(team))


@pytest.mark.promise("slack:plain-text")
@pytest.mark.parametrize("text", [*HOSTILE, "x " * 800])
async def test_hostile_text_is_text(tmp_path: Path, slack: FakeSlack, text: str) -> None:
    """In the customer's words and in their name."""
    async with parcels(tmp_path, slack, name=text[:300]) as team:
        # What reads like the number of an order that they do not have is a person's to look at.
        said = "" if "&#" in text else text
        view = await ask(team, f"{WORDS} {said}"[:19_000])
        message = build_message(view, url="https://sayso.example.com")
        assert_clean(message.blocks, message.text)
        await click(team, YES)
        for _ in range(4):
            await team.work()
        done = await team.workspace.sayso.solutions.get(view.id)
        message = build_message(done)
        assert_clean(message.blocks, message.text)
