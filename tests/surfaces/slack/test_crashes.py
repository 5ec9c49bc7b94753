"""What a failing database and a dying process leave behind: never a click acknowledged in vain."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from support.commands import start_command
from surfaces.slack.slack_team import APPROVE, LONG_S, PATIENT, REJECT, SlackTeam, open_team

from sayso.surfaces.slack.pace import AnswerTimeouts
from sayso.testing.slack import FakeSlack, FaultKind, InteractionDelivery, SlackFault
from sayso.testing.slack.interactions import PATIENCE_S

TESTS = Path(__file__).parents[2]


@pytest.mark.promise("slack:commit-first")
async def test_a_failing_database_is_no_acknowledgement(team: SlackTeam) -> None:
    """The commit fails, so the answer is an error and nothing has changed."""
    approval = await team.ask()
    with sqlite3.connect(team.workspace.workspace.store_path) as database:
        database.execute(
            "create trigger broken before insert on vote begin select raise(abort, 'broken'); end"
        )
    database.close()

    delivery = await team.click(approval)

    assert delivery.status == 503
    assert "Nothing was decided" in team.told[-1]
    assert (await team.approval(approval)).status == "pending"
    again = await team.slack.replay(delivery)
    assert again.status == 503, "what failed is not remembered as answered"


@pytest.mark.promise("slack:commit-first")
async def test_a_locked_database_is_an_error_within_slacks_patience(
    tmp_path: Path, slack: FakeSlack
) -> None:
    """The database has its time; then the answer is an error, never a late acknowledgement.

    The lock is held until the answer is there.
    """
    async with open_team(tmp_path, slack, patience=replace(PATIENT, decide_s=0.05)) as team:
        approval = await team.ask()
        lock = sqlite3.connect(team.workspace.workspace.store_path, isolation_level=None)
        lock.execute("begin immediate")

        delivery = await team.click(approval)

        lock.execute("rollback")
        lock.close()
        assert delivery.status == 503
        assert "not confirmed" in team.told[-1]


@pytest.mark.promise("slack:commit-first")
async def test_whatever_is_slow_slack_is_answered_in_time(tmp_path: Path, slack: FakeSlack) -> None:
    """The whole has a bound of its own, for what no other one bounds; and both fit."""
    async with open_team(tmp_path, slack, patience=replace(PATIENT, whole_s=0.05)) as team:
        approval = await team.ask()
        slack.add_faults(SlackFault(kind=FaultKind.DELAYED, method="users.info"))

        delivery = await team.slack.click(team.card(approval), APPROVE, user="UMARIA")

        slack.release()
        assert delivery.status == 503
    standard = AnswerTimeouts()
    assert 1.5 == standard.decide_s < standard.edit_s < standard.whole_s < PATIENCE_S


@pytest.mark.promise("slack:commit-first")
async def test_a_form_of_a_failing_database_stays_open(team: SlackTeam) -> None:
    """The same for a form: Slack shows that it failed, and the form is still there."""
    approval = await team.ask()
    await team.click(approval, REJECT)
    with sqlite3.connect(team.workspace.workspace.store_path) as database:
        database.execute(
            "create trigger broken before insert on vote begin select raise(abort, 'broken'); end"
        )
    database.close()

    delivery = await team.slack.submit_view(team.slack.views[0], {"code": "other"})

    assert delivery.status == 503
    assert team.slack.views[0].open
    assert (await team.approval(approval)).status == "pending"


async def _killed(folder: Path, slack: FakeSlack, at: str) -> subprocess.Popen[str]:
    """A process that serves the workspace, and kills itself at a named place."""
    process = start_command(
        *(str(folder), slack.api_url, at),
        program=("-m", "surfaces.slack.killed"),
        cwd=TESTS,
        env=os.environ,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    url = (await asyncio.wait_for(asyncio.to_thread(process.stdout.readline), LONG_S)).strip()
    slack.events_url = f"{url}/slack/events"
    return process


async def _status(process: subprocess.Popen[str]) -> int:
    """How it ended."""
    with process:
        return await asyncio.to_thread(process.wait, LONG_S)


@pytest.mark.promise("slack:commit-first")
@pytest.mark.parametrize("at", ["before_commit", "after_commit"])
async def test_a_killed_process_never_leaves_an_acknowledged_click_undecided(
    tmp_path: Path, slack: FakeSlack, at: str
) -> None:
    """Kill -9 around the commit: no acknowledgement, and the next click is told what is."""
    async with open_team(tmp_path, slack) as team:
        approval = await team.ask()
        shop = team.workspace.shop
    process = await _killed(tmp_path, slack, at)
    with pytest.raises(httpx.HTTPError):
        await slack.click(slack.message_of(approval.id), APPROVE, user="UMARIA")
    assert await _status(process) == -9

    async with open_team(tmp_path, slack, shop=shop) as team:
        assert (await team.approval(approval)).status == (
            "approved" if at == "after_commit" else "pending"
        )
        await team.click(approval, user="UM1")
        expected = "already" if at == "after_commit" else "Your yes counts"
        assert expected in team.told[-1]
        await team.work()
        assert shop.books.paid_out_minor == 129_00


@pytest.mark.promise("slack:notes")
@pytest.mark.parametrize("at", ["before_note", "after_note"])
async def test_a_killed_process_loses_and_doubles_no_message_of_a_thread(
    tmp_path: Path, slack: FakeSlack, at: str
) -> None:
    """Kill -9 around the commit: Slack gets no answer, sends it again, and it is one note."""
    async with open_team(tmp_path, slack) as team:
        approval = await team.ask()
        shop = team.workspace.shop
    process = await _killed(tmp_path, slack, at)
    with pytest.raises(httpx.HTTPError):
        await slack.write(slack.message_of(approval.id), "I called her", user="UMARIA")
    assert await _status(process) == -9

    async with open_team(tmp_path, slack, shop=shop) as team:
        notes = (await team.workspace.sayso.solutions.get(approval.id)).notes
        assert len(notes) == (1 if at == "after_note" else 0)
        written = next(one for one in slack.messages if one.user == "UMARIA")
        for _ in range(2):
            assert (await slack.write_again(written)).acknowledged
        notes = (await team.workspace.sayso.solutions.get(approval.id)).notes
        assert [note.text for note in notes] == ["I called her"]


@pytest.mark.promise("slack:notes")
async def test_a_process_that_is_killed_after_it_told_a_note_told_it_once(
    tmp_path: Path, slack: FakeSlack
) -> None:
    """Kill -9 between Slack's answer and our commit: the next process finds it, and is done."""
    async with open_team(tmp_path, slack) as team:
        approval = await team.ask()
        sayso = team.workspace.sayso
        await sayso.solutions.note_as(
            approval.id, "She sent a photo", tenant=sayso.tenant, person="finn", via="console"
        )
        clock = team.workspace.clock
    process = await _killed(tmp_path, slack, "after_post")
    assert await _status(process) == -9
    assert len([one for one in slack.messages if one.thread_ts]) == 1

    clock.advance(seconds=60)
    async with open_team(tmp_path, slack, clock=clock) as again:
        assert len(await again.workspace.sayso.outbox.due("note", limit=5)) == 1
        await again.send()
        assert len([one for one in slack.messages if one.thread_ts]) == 1
        assert await again.workspace.sayso.outbox.due("note", limit=5) == []


async def test_twenty_clicks_at_once_do_not_wait_for_each_other(team: SlackTeam) -> None:
    """On a cold cache all of them ask Slack before one has its answer, and all are answered.

    How fast that is depends on the machine, and `latency.py` measures it.
    """
    approvals = [await team.ask(60_00 + number) for number in range(20)]
    team.slack.add_faults(SlackFault(kind=FaultKind.DELAYED, method="users.info", times=None))
    clicks = [
        team.slack.click(team.card(approval), APPROVE, user=f"UM{number % 10}")
        for number, approval in enumerate(approvals)
    ]

    clicking = asyncio.gather(*clicks)
    assert await team.slack.wait_until(lambda: team.slack.delayed == len(clicks))
    team.slack.release()
    deliveries: list[InteractionDelivery] = await clicking

    assert all(delivery.acknowledged for delivery in deliveries)
    await team.app.all_replied()
