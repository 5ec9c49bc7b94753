"""Signed requests: what does not come from Slack, or came before, runs nothing."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Route
from surfaces.slack.slack_team import APPROVE, LONG_S, LOWER, REJECT, SlackTeam, less

from sayso.json import JsonValue
from sayso.secret import Secret
from sayso.surfaces.slack.bolt import Bolt, Replays
from sayso.surfaces.slack.wording import InteractionReply
from sayso.testing.slack.interactions import click_payload, encode, sign, submission_payload


def payload(team: SlackTeam, value: str) -> dict[str, JsonValue]:
    """A click's payload by maria."""
    made = click_payload(
        team.slack.messages[0],
        APPROVE,
        value,
        user="UMARIA",
        team="T1",
        enterprise=None,
        trigger_id="1.a",
    )
    return dict(made)


@pytest.mark.promise("slack:signed")
async def test_a_replay_runs_nothing(team: SlackTeam) -> None:
    """The same bytes again get the first answer again; nobody is told a second time."""
    approval = await team.ask()
    first = await team.click(approval)
    again = await asyncio.gather(*(team.slack.replay(first) for _ in range(5)))
    await team.app.all_replied()

    assert [delivery.status for delivery in again] == [200] * 5
    assert len(team.told) == 1
    assert await team.refusals(approval) == []


@pytest.mark.promise("slack:signed")
async def test_a_replay_beside_the_first_waits_for_its_answer(team: SlackTeam) -> None:
    """Ten at once are one run and ten equal answers."""
    approval = await team.ask()
    body = encode(payload(team, team.card(approval).buttons[APPROVE]))
    at = str(int(datetime.now(UTC).timestamp()))
    headers = {
        "content-type": "application/x-www-form-urlencoded",
        "x-slack-request-timestamp": at,
        "x-slack-signature": sign(team.slack.signing_secret, at, body),
    }
    async with httpx.AsyncClient(timeout=LONG_S) as client:
        posts = [
            client.post(team.slack.events_url, content=body, headers=headers) for _ in range(10)
        ]
        answers = await asyncio.gather(*posts)
    await team.app.all_replied()

    assert {answer.status_code for answer in answers} == {200}
    assert len(team.told) == 1


async def test_a_replay_after_ten_minutes_is_forgotten_but_decides_nothing(team: SlackTeam) -> None:
    """The memory ends after ten minutes; the store's compare-and-set does not."""
    approval = await team.ask()
    first = await team.click(approval)
    team.ticks.now += 601
    await team.slack.replay(first)
    await team.app.all_replied()

    assert "already" in team.told[-1]
    assert len((await team.approval(approval)).votes) == 1


@pytest.mark.promise("slack:signed")
async def test_only_fresh_and_well_signed_requests_are_answered(team: SlackTeam) -> None:
    """Stale, from the future, not a number, wrong secret or body: 401, nothing runs."""
    approval = await team.ask()
    click = payload(team, team.card(approval).buttons[APPROVE])
    now = int(datetime.now(UTC).timestamp())
    stamps = (str(now - 301), str(now + 310), "abc", "", "1e9", "9" * 5000, "١٢٣", "-1", "0x1")
    for stamp in stamps:
        signed = sign(team.slack.signing_secret, stamp, encode(click))
        answer = await _post(team, encode(click), stamp, signed)
        assert answer == 401, stamp[:20]
    for signature in ("", "v0=", "v0=" + "0" * 64, sign("another", str(now), encode(click))):
        assert await _post(team, encode(click), str(now), signature) == 401
    good = sign(team.slack.signing_secret, str(now), encode(click))
    assert await _post(team, encode(click) + b"&x=1", str(now), good) == 401

    assert team.told == []
    assert (await team.approval(approval)).status == "pending"
    assert await _post(team, encode(click), str(now), good) == 200


async def _post(team: SlackTeam, body: bytes, stamp: str, signature: str) -> int:
    headers = [
        (b"content-type", b"application/x-www-form-urlencoded"),
        (b"x-slack-request-timestamp", stamp.encode()),
        (b"x-slack-signature", signature.encode()),
    ]
    async with httpx.AsyncClient(timeout=LONG_S) as client:
        answer = await client.post(team.slack.events_url, content=body, headers=headers)
    return answer.status_code


async def test_it_answers_wherever_it_is_mounted(team: SlackTeam) -> None:
    """As a route of another app, with Slack's check of the address, and only by POST."""
    other = Starlette(routes=[Route("/slack/events", team.app)])
    async with team.slack.serve(other):
        greeting = await team.slack.deliver({"type": "url_verification", "challenge": "c1"})
        async with httpx.AsyncClient(timeout=LONG_S) as client:
            got = await client.get(team.slack.events_url)
    assert greeting.json == {"challenge": "c1"}
    assert got.status_code == 405


async def test_what_is_signed_and_strange_is_refused_without_an_accident(team: SlackTeam) -> None:
    """Other kinds, missing parts and broken JSON are never acknowledged."""
    await team.ask()
    strange: list[dict[str, JsonValue]] = [
        {},
        {"type": "block_actions"},
        {**payload(team, "x"), "user": None},
        {**payload(team, "x"), "actions": []},
        {**payload(team, "x"), "team": None, "user": {"id": "U1"}},
        {"type": "view_submission", "view": {"callback_id": "sayso.reject"}},
        {"type": "shortcut", "callback_id": "sayso.approve"},
        {**payload(team, "x"), "actions": [{"type": "button", "action_id": "other.thing"}]},
    ]
    for body in strange:
        assert (await team.slack.deliver(body)).status >= 400, body
    now = str(int(datetime.now(UTC).timestamp()))
    for raw in (b"payload=%7B", b"{", b"\xff", b"[" * 100_000):
        signed = sign(team.slack.signing_secret, now, raw)
        assert await _post(team, raw, now, signed) in {400, 401, 404}
    assert await _post(team, b"x" * 600_000, now, "v0=") == 413


MALFORMED_VIEWS: dict[str, object] = {
    "no state": {"state": None},
    "a state that is a text": {"state": "x"},
    "no values": {"state": {}},
    "values that are a list": {"state": {"values": []}},
    "a value that is a number": {"state": {"values": {"code": {"code": 7}}}},
    "an option that is a list": {"state": {"values": {"code": {"code": {"selected_option": []}}}}},
    "a reason that is an object": {"state": {"values": {"reason": {"reason": {"value": {}}}}}},
    "no metadata": {"private_metadata": None},
    "metadata of garbage": {"private_metadata": "\u202e{]"},
    "metadata that is a number": {"private_metadata": 7},
    "huge metadata": {"private_metadata": "x" * 200_000},
    "no callback": {"callback_id": None},
    "a callback that is a list": {"callback_id": ["sayso.reject"]},
    "a callback of nobody": {"callback_id": "sayso.nothing"},
}


@pytest.mark.promise("slack:signed")
@pytest.mark.parametrize("change", MALFORMED_VIEWS.values(), ids=list(MALFORMED_VIEWS))
async def test_a_signed_but_malformed_view_gets_an_answer_and_no_traceback(
    team: SlackTeam, caplog: pytest.LogCaptureFixture, change: dict[str, JsonValue]
) -> None:
    """Whoever has the secret, or Slack on a bad day: nothing is decided, and the log is quiet."""
    approval = await team.ask()
    await team.click(approval, REJECT)
    sent = dict(submission_payload(team.slack.views[0], {"code": "duplicate"}, user="UMARIA"))
    view = sent["view"]
    assert isinstance(view, dict)
    for body in ({**sent, "view": {**view, **change}}, {**sent, "view": change.get("state")}):
        delivery = await team.slack.deliver(body)
        assert 200 <= delivery.status < 500, delivery
    await team.app.all_replied()
    assert (await team.approval(approval)).status == "pending"
    assert [record for record in caplog.records if record.exc_info] == []
    assert not any("Traceback" in record.getMessage() for record in caplog.records)


@pytest.mark.parametrize(
    "raw",
    [
        *(b"payload=null", b"payload=%5B%5D", b"payload=1", b"null", b'{"channel":1}'),
        *(b'{"authorizations":1}', b'{"response_urls":1}', b'{"team":1,"enterprise":3}'),
    ],
)
async def test_what_a_stranger_sends_breaks_nothing(
    team: SlackTeam, caplog: pytest.LogCaptureFixture, raw: bytes
) -> None:
    """Anybody may post to the address: no accident, and no traceback in the log."""
    now = str(int(datetime.now(UTC).timestamp()))
    assert await _post(team, raw, now, "v0=00") in {400, 401}
    assert [record for record in caplog.records if record.exc_info] == []


async def test_an_amount_that_is_no_unicode_is_an_error_at_the_field(team: SlackTeam) -> None:
    """Half of an emoji is no amount; the form says so and stays open."""
    approval = await team.ask()
    await team.click(approval, LOWER)
    form = submission_payload(team.slack.views[0], less(team.slack.views[0], "HALF"), user="UMARIA")
    raw = encode(form).replace(b"HALF", rb"%5Cud83d")
    now = str(int(datetime.now(UTC).timestamp()))
    assert await _post(team, raw, now, sign(team.slack.signing_secret, now, raw)) == 200
    assert (await team.approval(approval)).status == "pending"


def test_a_token_in_the_environment_is_no_warning(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Where the documentation puts it; Bolt finds it there and would complain at each start."""
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-1")

    async def nothing(_: object) -> InteractionReply:
        return InteractionReply()

    Bolt(Secret("s"), Replays(lambda: 0.0), nothing, nothing, nothing, 1.0).close()
    assert caplog.messages == []


@pytest.mark.promise("logs:wordless")
async def test_what_a_click_breaks_on_is_not_quoted_in_the_log(
    team: SlackTeam, caplog: pytest.LogCaptureFixture
) -> None:
    """Invariant 6: not acknowledged, and logged by its kind and place; Bolt would log its words."""
    words = "Ann Lee, ann@example.com"
    click = encode(payload(team, team.card(await team.ask()).buttons[APPROVE]))

    async def breaks(_: object) -> InteractionReply:
        raise ZeroDivisionError(words)

    bolt = Bolt(Secret("s"), Replays(lambda: 0.0), breaks, breaks, breaks, 1.0)
    now = str(int(datetime.now(UTC).timestamp()))
    headers = {
        "content-type": "application/x-www-form-urlencoded",
        "x-slack-request-timestamp": now,
        "x-slack-signature": sign("s", now, click),
    }
    reply = await bolt.answer(click, headers)
    bolt.close()
    assert reply.status == 500
    assert "ZeroDivisionError" in caplog.text
    assert words not in caplog.text
