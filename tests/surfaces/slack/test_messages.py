"""The owner of the messages: newest state only, one card, at Slack's pace, whatever goes wrong."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from support.shop import Shop
from support.ticks import Ticks
from surfaces.slack.slack_team import APPROVE, LONG_S, LOWER, REJECT, SlackTeam, open_team

from sayso.actions.approvals.decision import Decision, DecisionChoice
from sayso.actions.model.ledger import OUTBOX_TOPIC
from sayso.actions.model.snapshot import Finality
from sayso.dispatch.clock_skew import CALM_S, Stragglers
from sayso.errors import OutcomeUnknownError, RetryableError
from sayso.ids import Tenant, monotonic_s
from sayso.money import Money
from sayso.sdk.resources.tokens import Scope, Token
from sayso.secret import Secret
from sayso.store.base import Transaction
from sayso.surfaces.slack.pace import NotifierPace
from sayso.surfaces.slack.web import SlackWeb
from sayso.testing.faults import FaultProxy, HttpFault
from sayso.testing.slack import CHANNEL, FakeSlack, FaultKind, SlackFault, render

KEEPER = Token(
    tenant=Tenant("main"),
    id="host",
    kind="person",
    holder="maria",
    scopes=frozenset({Scope.DECIDE}),
    created_at=0,
    expires_at=1,
    revoked_at=None,
)


@pytest.fixture
async def slow(tmp_path: Path, slack: FakeSlack) -> AsyncIterator[SlackTeam]:
    """A team at Slack's real pace, on a clock that is moved instead of waited for."""

    def make(ticks: Ticks) -> NotifierPace:
        return NotifierPace(timeout_s=LONG_S, monotonic=ticks, sleep=ticks.sleep)

    async with open_team(tmp_path, slack, make=make) as opened:
        yield opened


@pytest.mark.promise("slack:newest")
async def test_twenty_changes_in_a_second_are_two_updates_at_most(slow: SlackTeam) -> None:
    """Only the newest state is sent, and it names who decided."""
    team = slow
    approval = await team.ask(900_00)
    workspace = team.workspace.sayso.container
    for _ in range(19):
        await workspace.store.write(
            lambda tx: tx.run("outbox.put", tenant="main", topic="approval", key=approval.id, now=0)
        )
        await team.app.notifier.step()
    await team.click(approval, user="UMARIA")
    team.workspace.clock.advance(milliseconds=1)
    await team.click(approval, user="UFINN")
    await team.send()

    assert len(team.slack.calls("chat.update")) <= 2
    assert "maria and finn said yes." in render(team.card(approval))
    assert team.card(approval).buttons == {}


async def test_an_outcome_follows_the_decision(team: SlackTeam) -> None:
    """Deciding elsewhere updates the card too, and again when it is done."""
    approval = await team.ask()
    await team.click(approval)
    await team.send()
    assert render(team.card(approval)).startswith("Approved by maria: ")
    assert "It waits to be carried out." in render(team.card(approval))
    await team.work()
    assert render(team.card(approval)).startswith("Done: ")


@pytest.mark.parametrize("finality", [Finality.PENDING, Finality.DONE])
async def test_what_nobody_was_asked_about_and_fails_days_later_reaches_people(
    tmp_path: Path, slack: FakeSlack, finality: Finality
) -> None:
    """A refund that the policy allowed has no card; it is work in the inbox, and told once."""
    shop = Shop()
    shop.finality = finality
    async with open_team(tmp_path, slack, shop=shop) as team:
        sayso = team.workspace.sayso
        shop.books.add("o1", "cus_1", Money(10_00, "USD"))
        view = await sayso.propose("shop.refund", {"order": "o1"}, subject="cus_1")
        assert (view.status, view.approval) == (
            "accepted" if finality is Finality.PENDING else "succeeded",
            None,
        )
        await team.send()
        assert (team.slack.messages, await sayso.work.list()) == ([], [])

        shop.came_back = "the bank returned it: *expired* card"
        team.workspace.clock.advance(days=8)
        for _ in range(2):
            await sayso.container.engine.advance(sayso.tenant, view.id)
        (work,) = await sayso.work.list()
        assert (work.about, work.kind) == (view.id, "failed")
        for _ in range(2):
            await team.send()
        (told,) = team.slack.messages
        assert (told.channel, told.thread_ts) == (CHANNEL, "")
        shown = render(told)
        for part in ("Failed after all", "$10.00", "cus_1", shop.came_back, view.id):
            assert part in shown
        assert view.id in told.text


async def test_a_no_after_the_own_yes_names_who_said_it(team: SlackTeam) -> None:
    """A vote keeps the first word, and still the card says whose no it was."""
    approval = await team.ask(900_00)  # which needs two people
    await team.click(approval)
    await team.click(approval, REJECT)
    await team.slack.submit_view(team.slack.views[0], {"code": "duplicate"})
    await team.send()
    assert render(team.card(approval)).startswith("Rejected by maria: ")
    assert "maria said no. Reason: duplicate." in render(team.card(approval))


@pytest.mark.promise("slack:one-card")
async def test_a_lost_answer_to_a_post_is_one_card(tmp_path: Path, slack: FakeSlack) -> None:
    """Posted, and the answer lost: the card is found by its metadata, not posted again."""
    address = slack.api_url.removesuffix("/api/")
    with FaultProxy.start(address) as proxy:
        async with open_team(tmp_path, slack, api_url=f"{proxy.url}/api/") as team:
            proxy.add(HttpFault(kind="drop_after", path="/api/chat.postMessage"))
            approval = await team.ask()
            assert len(slack.messages) == 1
            team.workspace.clock.advance(seconds=30)
            await team.send()

            assert len(slack.messages) == 1
            assert len(slack.calls("chat.postMessage")) == 1
            assert (await team.click(approval)).acknowledged
            await team.send()
            assert render(team.card(approval)).startswith("Approved by maria: ")


@pytest.mark.promise("slack:one-card")
async def test_a_crash_while_posting_is_one_card(tmp_path: Path, slack: FakeSlack) -> None:
    """Another process takes over a post that was begun, once that one must be over."""
    async with open_team(tmp_path, slack) as team:
        approval = await team.ask()
        # As a process leaves it that dies between Slack's answer and its own commit.
        store = team.workspace.sayso.container.store
        await store.write(
            lambda tx: tx.run("outbox.put", tenant="main", topic="approval", key=approval.id, now=0)
        )
        rows = await store.read(
            lambda reader: reader.all(
                "outbox.due", tenant="main", topic="approval", now=10**17, limit=5
            )
        )
        row_id = rows[0]["id"]
        await store.write(lambda tx: tx.run("outbox.sent", id=row_id, version=0, state="{}", now=0))
        await store.write(lambda tx: tx.run("outbox.lease", id=row_id, now=0, until=1))
        clock = team.workspace.clock
    async with open_team(tmp_path, slack, clock=clock) as again:
        await again.send()
        assert len(slack.calls("chat.postMessage")) == 1, "the other may still be at it"
        clock.advance(seconds=60)
        await again.send()
        assert len(slack.messages) == 1
        assert len(slack.calls("chat.update")) == 1


@pytest.mark.promise("slack:pace")
async def test_two_hundred_cards_at_once_keep_the_pace_and_none_is_lost(slow: SlackTeam) -> None:
    """One post a second, `Retry-After` honoured, and all of them are there in four minutes."""
    team = slow
    team.slack.add_faults(
        SlackFault(kind=FaultKind.RATE_LIMITED, method="chat.postMessage", retry_after_s=7, times=3)
    )
    for number in range(200):
        await team.ask_quietly(60_00 + number)
    began = team.ticks.now
    for _ in range(8):
        await team.send()
        team.workspace.clock.advance(seconds=30)

    assert len(team.slack.messages) == 200
    assert team.ticks.now - began < 240
    assert 7.0 in team.ticks.slept
    assert min(team.ticks.slept) > 0
    assert sum(team.ticks.slept) >= 199


@pytest.mark.promise("slack:fail-closed")
async def test_slack_being_down_decides_nothing_and_loses_nothing(team: SlackTeam) -> None:
    """An hour without Slack: nothing approved, and every card is delivered afterwards."""
    team.slack.add_faults(SlackFault(kind=FaultKind.SERVER_ERROR, times=None))
    approvals = [await team.ask_quietly() for _ in range(3)]
    for _ in range(12):
        with pytest.raises(Exception, match="slack"):
            await team.send()
        team.workspace.clock.advance(minutes=5)
    for approval in approvals:
        assert (await team.approval(approval)).status == "pending"

    team.slack.clear_faults()
    team.workspace.clock.advance(seconds=61)
    await team.send()

    assert len(team.slack.messages) == 3
    assert team.workspace.shop.books.payouts == []


async def test_cards_that_a_clock_put_off_are_sent_once_it_is_right(team: SlackTeam) -> None:
    """A new card and a changed one, both due in forty days until somebody sees to them."""
    team.workspace.clock.advance(days=40)
    known = await team.ask()
    await team.workspace.sayso.approvals.decide_as(
        Decision(
            tenant=team.workspace.sayso.container.tenant,
            approval_id=known.id,
            revision=known.revision,
            digest=known.digest,
            choice=DecisionChoice.APPROVE,
            person="maria",
            via="cli",
            credential="host",
        ),
        wait=False,
    )
    new = await team.ask_quietly()
    team.workspace.clock.advance(days=-40)
    stragglers = Stragglers(team.workspace.sayso.container.store, team.workspace.clock, team.ticks)
    await stragglers.put_due()
    await team.send()
    assert len(team.slack.messages) == 1
    assert "yes or no?" in render(team.card(known))
    team.workspace.clock.advance(seconds=CALM_S)
    team.ticks.now += CALM_S
    await stragglers.put_due()
    await team.send()
    assert "yes or no?" in render(team.card(new))
    assert render(team.card(known)).startswith("Approved by maria")


async def test_a_refused_post_is_tried_again_later(team: SlackTeam) -> None:
    """`not_in_channel` decides nothing; once the bot is invited the card comes."""
    team.slack.add_faults(
        SlackFault(kind=FaultKind.REFUSED, method="chat.postMessage", error="not_in_channel")
    )
    approval = await team.ask_quietly()
    await team.send()
    assert team.slack.messages == []
    assert (await team.approval(approval)).status == "pending"
    team.workspace.clock.advance(seconds=11)
    await team.send()
    assert len(team.slack.messages) == 1


@pytest.mark.promise("slack:shared")
async def test_a_shared_channel_gets_no_cards(team: SlackTeam) -> None:
    """A channel that another organisation reads gets nothing, from then on."""
    await team.ask()
    team.slack.set_channel(CHANNEL, is_ext_shared=True)
    team.ticks.now += 301
    await team.ask_quietly()
    with pytest.raises(Exception, match="shared"):
        await team.send()
    assert len(team.slack.messages) == 1
    team.slack.set_channel(CHANNEL, is_ext_shared=False)
    await team.send()
    assert len(team.slack.messages) == 2


async def test_a_deleted_card_that_still_waits_is_posted_again(team: SlackTeam) -> None:
    """A decision that waits is not lost with a message that somebody removed."""
    approval = await team.ask(900_00)
    team.slack.delete(team.card(approval))
    workspace = team.workspace.sayso.container
    await workspace.store.write(
        lambda tx: tx.run("outbox.put", tenant="main", topic="approval", key=approval.id, now=0)
    )
    await team.send()
    assert team.card(approval).buttons


@pytest.mark.promise("slack:plain-text")
async def test_messages_cannot_unfurl_mention_or_parse(team: SlackTeam) -> None:
    """Everything is sent with Slack's parsing off; answers have no buttons."""
    approval = await team.ask(reason="<!channel> <@U1> https://evil.example")
    await team.click(approval)
    await team.send()
    for call in (*team.slack.calls("chat.postMessage"), *team.slack.calls("chat.update")):
        assert call.arguments["unfurl_links"] is False
        assert call.arguments["unfurl_media"] is False
        assert call.arguments["parse"] == "none"
        assert call.arguments["mrkdwn"] is False
    assert all(not told.blocks for told in team.slack.ephemerals)


async def test_the_running_notifier_serves_by_itself(tmp_path: Path, slack: FakeSlack) -> None:
    """While the app is entered, cards come and change without anybody asking."""

    def make(ticks: Ticks) -> NotifierPace:
        return NotifierPace(post_every_s=0, update_every_s=0, timeout_s=LONG_S, look_every_s=0.01)

    async with open_team(tmp_path, slack, make=make) as team, team.app:
        slack.add_faults(SlackFault(kind=FaultKind.SERVER_ERROR, method="conversations.info"))
        approval = await team.ask_quietly()
        assert await slack.wait_until(lambda: len(slack.messages) == 1)
        await slack.click(team.card(approval), APPROVE, user="UMARIA")
        assert await slack.wait_until(lambda: not slack.messages[0].buttons)
        await asyncio.wait_for(team.workspace.sayso.container.dispatcher.drain(), LONG_S)
        assert await slack.wait_until(lambda: render(slack.messages[0]).startswith("Done"))


async def test_a_card_that_asks_again_says_whose_yes_lapsed_and_why(team: SlackTeam) -> None:
    """The yes counted, and what it was about has changed: the card says so until it is decided."""
    approval = await team.ask()
    await team.click(approval)
    team.workspace.clock.advance(minutes=10)
    team.workspace.shop.books.orders["o1"].refunded_minor = 10_00
    await team.work()
    text = render(team.card(approval))
    assert text.startswith("$119.00 to customer cus_o1: yes or no?")
    assert (
        "maria said yes to an earlier revision, which does not count any more:"
        " the connector refuses it now: amount_too_large." in text
    )
    await team.click(approval)
    await team.send()
    assert "earlier revision" not in render(team.card(approval))


async def test_a_lowered_amount_says_whose_yes_was_to_more(team: SlackTeam) -> None:
    """Two are needed: one said yes to $900.00, the other lowered it; the first is asked again."""
    approval = await team.ask(900_00)
    await team.click(approval)
    await team.click(approval, LOWER, user="UFINN")
    await team.less("800.00")
    await team.send()
    text = render(team.card(approval))
    assert text.startswith("$800.00 to customer cus_o1: another yes?")
    assert (
        "finn said yes already; somebody else has to, too. maria said yes to an earlier revision,"
        " which does not count any more: the amount was lowered." in text
    )
    await team.click(approval)
    await team.work()
    assert render(team.card(approval)).startswith("Done: ")
    assert team.workspace.shop.books.paid_out_minor == 800_00


async def test_less_shows_the_new_revision_on_the_same_card(team: SlackTeam) -> None:
    """A lower amount that still needs somebody is one card, with the new amount."""
    approval = await team.ask(900_00)
    await team.click(approval, LOWER)
    await team.less("800.00")
    await team.send()
    assert len(team.slack.messages) == 1
    text = render(team.card(approval))
    assert "[Yes, $800.00]" in text
    assert "revision 2" in text


@pytest.mark.promise("subjects:erased")
async def test_the_card_of_an_erased_customer_says_nothing_of_them_any_more(
    team: SlackTeam,
) -> None:
    """docs/how-to/erase-a-customer.md: the channel, too, shows what is left, by itself."""
    approval = await team.ask(reason="the mug of my late uncle broke")
    assert "cus_o1" in render(team.card(approval))
    await team.click(approval)
    await team.work()
    before = render(team.card(approval))
    assert "uncle" in before
    erased = await team.workspace.sayso.privacy.erase("cus_o1", reason="subject_request", by=KEEPER)
    assert erased.status == "erased"
    await team.send()
    after = render(team.card(approval))
    assert "cus_o1" not in after
    assert "uncle" not in after


@pytest.mark.promise("slack:newest")
async def test_what_was_decided_before_any_card_was_sent_gets_none(slow: SlackTeam) -> None:
    """A team turns Slack on after a month: what was decided elsewhere keeps nothing waiting."""
    team = slow
    workspace = team.workspace.sayso
    for _ in range(12):
        old = await team.ask_quietly()
        await workspace.approvals.decide_as(
            Decision(
                tenant=workspace.container.tenant,
                approval_id=old.id,
                revision=old.revision,
                digest=old.digest,
                choice=DecisionChoice.APPROVE,
                person="maria",
                via="cli",
                credential="host",
            )
        )
    new = await team.ask_quietly()
    await team.send()
    assert [message.buttons for message in slow.slack.messages] == [team.card(new).buttons]
    await team.click(new)
    await team.work()
    assert render(team.card(new)).startswith("Done: ")


@pytest.mark.promise("tenants:apart")
async def test_cards_that_another_tenant_never_sends_hold_up_none(team: SlackTeam) -> None:
    """A tenant without Slack leaves its cards due for ever, before ours and any number of them."""
    workspace = team.workspace.sayso.container

    def leave(tx: Transaction) -> None:
        for number in range(150):
            tx.run("outbox.put", tenant="rival", topic=OUTBOX_TOPIC, key=f"apr_{number}", now=1)

    await workspace.store.write(leave)
    approval = await team.ask()
    assert team.card(approval).buttons


@pytest.mark.promise("slack:newest")
@pytest.mark.usefixtures("store_url")
async def test_an_outcome_does_not_wait_for_the_cards_that_are_new(slow: SlackTeam) -> None:
    """Many new cards keep their own pace, and what was decided loses its buttons at once."""
    first = await slow.ask()
    for number in range(150):
        await slow.ask_quietly(60_00 + number)
    slow.workspace.clock.advance(seconds=1)
    await slow.click(first)
    steps = 0
    while slow.card(first).buttons:
        wait_s = await slow.app.notifier.step()
        assert wait_s is not None
        await slow.ticks.sleep(wait_s)
        steps += 1
    assert steps <= 3


async def _run_until(
    team: SlackTeam, over: Callable[[], bool], pausing: Callable[[], Awaitable[None]] | None = None
) -> None:
    """Let the notifier run by itself, on a clock that its pauses move.

    Args:
        pausing: what happens while it pauses; at the beginning of each pause.
    """

    async def sleep(seconds: float) -> None:
        if pausing is not None:
            await pausing()
        await team.ticks.sleep(seconds)
        team.workspace.clock.advance(milliseconds=int(seconds * 1000))
        if over():
            reached.set()
            await asyncio.Event().wait()

    reached = asyncio.Event()
    notifier = team.app.notifier
    notifier.pace = replace(notifier.pace, sleep=sleep)
    running = asyncio.create_task(notifier.run())
    await asyncio.wait_for(reached.wait(), LONG_S)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


@pytest.mark.promise("slack:pace")
@pytest.mark.parametrize(
    ("fault", "most"),
    [
        (SlackFault(kind=FaultKind.REFUSED, error="token_revoked", times=None), 80),
        (SlackFault(kind=FaultKind.SERVER_ERROR, times=None), 80),
        (SlackFault(kind=FaultKind.RATE_LIMITED, retry_after_s=600, times=None), 7),
        (SlackFault(kind=FaultKind.RATE_LIMITED, retry_after_s=86_400, times=None), 7),
    ],
    ids=["revoked", "down", "limited", "for-a-day"],
)
async def test_an_hour_in_which_nothing_can_be_sent_is_not_one_of_asking(
    slow: SlackTeam, fault: SlackFault, most: int
) -> None:
    """Pauses grow to a minute, or are as Slack asks for; then it goes on."""
    slow.slack.add_faults(fault)
    approval = await slow.ask_quietly()
    until = slow.ticks.now + 3600
    await _run_until(slow, lambda: slow.ticks.now >= until)
    assert len(slow.slack.calls("conversations.info")) <= most

    slow.slack.clear_faults()
    back = slow.ticks.now
    await _run_until(slow, lambda: bool(slow.slack.messages))
    assert slow.ticks.now - back <= 600 + 60
    assert slow.card(approval).buttons
    assert len(slow.slack.messages) == 1


@pytest.mark.promise("slack:newest")
async def test_a_long_pause_of_one_method_holds_up_no_outcome(slow: SlackTeam) -> None:
    """Slack limits each method by itself: cards that are there change while none can be posted."""
    first = await slow.ask()
    slow.slack.add_faults(
        SlackFault(kind=FaultKind.RATE_LIMITED, method="chat.postMessage", retry_after_s=300)
    )
    await slow.ask_quietly()
    decided: list[float] = []

    async def click_once_it_pauses() -> None:
        if not decided and len(slow.slack.calls("chat.postMessage")) == 2:
            await slow.click(first)
            decided.append(slow.ticks.now)

    await _run_until(
        slow, lambda: bool(decided) and not slow.card(first).buttons, click_once_it_pauses
    )
    assert slow.ticks.now - decided[0] <= 3


async def test_an_answer_in_drops_has_no_more_time_than_any_other(slack: FakeSlack) -> None:
    """A byte now and then keeps no connection's time from running out, and so holds up no card."""
    with FaultProxy.start(slack.api_url.removesuffix("/api/")) as proxy:
        dripping = SlackWeb(f"{proxy.url}/api/", Secret("xoxb-1"))
        drops = HttpFault(kind="trickle", path="/api/auth.test", seconds=0.1)
        proxy.add(drops, drops)
        began = monotonic_s()
        with pytest.raises(RetryableError):
            await dripping.read("auth.test", {}, timeout_s=0.4)
        with pytest.raises(OutcomeUnknownError):
            await dripping.call("auth.test", {}, timeout_s=0.4)
        assert monotonic_s() - began < 4, "each of them has 150 bytes to come, ten a second"
        await dripping.close()


@pytest.mark.promise("limits:near")
async def test_a_limit_that_is_nearly_reached_and_reached_is_told_in_the_channel(
    tmp_path: Path, slack: FakeSlack
) -> None:
    """Once each, with whose it is and what happens beyond it, and never a button."""
    (tmp_path / "limits.toml").write_text("""
[[limit]]
id = "day"
say = "At most five small refunds a day"
of = "token"
action = "shop.refund"
count = 5
per = "day"
""")
    section: dict[str, object] = {"files": ["policy.cedar", "limits.toml"], "follow": "files"}
    async with open_team(tmp_path, slack, policy_section=section) as team:
        for count in range(1, 8):
            name = f"s{count}"
            team.workspace.shop.books.add(name, f"cus_{name}", Money(2_000, "USD"))
            await team.workspace.sayso.propose(
                "shop.refund", {"order": name}, subject=f"cus_{name}"
            )
            await team.send()
        near, full = slack.messages
        assert "A limit is nearly reached" in render(near)
        assert "At most five small refunds a day: 4 of 5 are used today (limit day" in render(near)
        assert "A limit is reached" in render(full)
        assert "beyond it nothing is done; some is free again from" in render(full)
        assert not near.buttons
        await team.send()
        assert len(slack.messages) == 2


async def test_a_limit_is_told_later_while_slack_is_away(tmp_path: Path, slack: FakeSlack) -> None:
    """It stays due, as a card does; nothing else waits for it."""
    (tmp_path / "limits.toml").write_text("""
[[limit]]
id = "day"
say = "One a day"
of = "token"
action = "shop.refund"
count = 1
per = "day"
""")
    section: dict[str, object] = {"files": ["policy.cedar", "limits.toml"], "follow": "files"}
    async with open_team(tmp_path, slack, policy_section=section) as team:
        team.workspace.shop.books.add("s1", "cus_s1", Money(2_000, "USD"))
        slack.add_faults(
            SlackFault(kind=FaultKind.REFUSED, method="chat.postMessage", error="is_archived")
        )
        await team.workspace.sayso.propose("shop.refund", {"order": "s1"}, subject="cus_s1")
        await team.send()
        assert slack.messages == []
        team.workspace.clock.advance(minutes=2)
        await team.send()
        assert len(slack.messages) == 1
