"""The fake Slack itself: it stores, refuses, signs and misbehaves as Slack does."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any, cast
from urllib.parse import parse_qs

import httpx
import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.signature import SignatureVerifier
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sayso.json import JsonObject, JsonValue
from sayso.testing.slack import CHANNEL, TOKEN, FakeSlack, FaultKind, SlackFault, render

BUTTON: JsonObject = {
    "type": "button",
    "action_id": "go",
    "value": "1",
    "text": {"type": "plain_text", "text": "Go"},
}
BLOCKS: list[JsonValue] = [
    {"type": "section", "text": {"type": "plain_text", "text": "Shall we? &lt;b&gt;"}},
    {"type": "actions", "elements": [BUTTON]},
]
VIEW: JsonObject = {
    "type": "modal",
    "callback_id": "form",
    "title": {"type": "plain_text", "text": "Form"},
    "submit": {"type": "plain_text", "text": "Send"},
    "blocks": [
        {
            "type": "input",
            "block_id": "why",
            "label": {"type": "plain_text", "text": "Why?"},
            "element": {"type": "plain_text_input", "action_id": "why"},
        }
    ],
}


@pytest.fixture
def slack() -> Iterator[FakeSlack]:
    """A fake Slack with one user."""
    with FakeSlack.start() as running:
        running.add_user("U1", email="ana@example.com")
        yield running


@pytest.fixture
def client(slack: FakeSlack) -> WebClient:
    """Slack's own client, unchanged, pointed at the fake."""
    return WebClient(token=TOKEN, base_url=slack.api_url)


def call(client: WebClient, method: str, **arguments: object) -> dict[str, Any]:
    """One call by Slack's own client."""
    # slack_sdk leaves the parameters of its own types open.
    answer = client.api_call(method, json=arguments)  # pyright: ignore[reportUnknownMemberType]
    return cast("dict[str, Any]", answer.data)  # pyright: ignore[reportUnknownMemberType]


def refusal(error: pytest.ExceptionInfo[SlackApiError]) -> str:
    """Slack's word."""
    answer = cast("dict[str, Any]", error.value.response)  # pyright: ignore[reportUnknownMemberType]
    return str(answer["error"])


def test_slacks_own_client_posts_updates_and_finds(slack: FakeSlack, client: WebClient) -> None:
    """Messages keep their metadata, and history gives it back."""
    metadata = {"event_type": "x", "event_payload": {"approval_id": "apr_1"}}
    posted = call(
        client, "chat.postMessage", channel=CHANNEL, text="one", blocks=BLOCKS, metadata=metadata
    )
    call(client, "chat.update", channel=CHANNEL, ts=str(posted["ts"]), text="two", blocks=BLOCKS)
    found = call(client, "conversations.history", channel=CHANNEL, include_all_metadata=True)

    assert slack.message_of("apr_1").versions == ["one", "two"]
    assert found["messages"][0]["metadata"] == metadata
    assert call(client, "users.info", user="U1")["user"]["profile"]["email"] == "ana@example.com"
    assert call(client, "auth.test")["team_id"] == "T1"


def test_what_slack_refuses_is_refused(client: WebClient) -> None:
    """Unknown channels, users, messages and forms, and blocks that are not valid."""
    with pytest.raises(SlackApiError) as error:
        call(client, "chat.postMessage", channel="C9", text="x")
    assert refusal(error) == "channel_not_found"
    with pytest.raises(SlackApiError) as error:
        call(client, "chat.update", channel=CHANNEL, ts="1.0", text="x")
    assert refusal(error) == "message_not_found"
    with pytest.raises(SlackApiError) as error:
        call(client, "users.info", user="U9")
    assert refusal(error) == "user_not_found"
    with pytest.raises(SlackApiError) as error:
        call(client, "views.open", trigger_id="1.x", view=dict(VIEW))
    assert refusal(error) == "invalid_trigger_id"
    with pytest.raises(SlackApiError) as error:
        call(client, "team.info")
    assert refusal(error) == "unknown_method"
    twice: list[JsonValue] = [{"type": "actions", "elements": [BUTTON, BUTTON]}]
    for blocks in (twice, BLOCKS * 26, [{"type": "wheel"}], [{"type": "header"}]):
        with pytest.raises(SlackApiError) as error:
            call(client, "chat.postMessage", channel=CHANNEL, text="x", blocks=blocks)
        assert refusal(error) == "invalid_blocks"
    with pytest.raises(SlackApiError) as error:
        call(WebClient(token="", base_url=client.base_url), "auth.test")
    assert refusal(error) == "not_authed"


def test_faults_happen_once_each(slack: FakeSlack, client: WebClient) -> None:
    """429 with `Retry-After`, 503, and a refusal, in the order in which they were queued."""
    slack.add_faults(
        SlackFault(kind=FaultKind.RATE_LIMITED, retry_after_s=7, method="auth.test"),
        SlackFault(kind=FaultKind.SERVER_ERROR),
        SlackFault(kind=FaultKind.REFUSED, error="account_inactive", times=2),
    )
    url = f"{slack.api_url}auth.test"
    head = {"authorization": f"Bearer {TOKEN}"}
    answers = [httpx.post(url, headers=head) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [429, 503, 200, 200, 200]
    assert answers[0].headers["retry-after"] == "7"
    assert [answer.json()["ok"] for answer in answers[2:]] == [False, False, True]
    assert len(slack.calls("auth.test")) == 5


async def test_a_post_can_happen_without_an_answer(slack: FakeSlack) -> None:
    """The message is there, and its sender heard nothing, unlike who called later."""
    slack.add_faults(SlackFault(kind=FaultKind.DONE_THEN_HANGS))
    head = {"authorization": f"Bearer {TOKEN}"}
    message: dict[str, JsonValue] = {"channel": CHANNEL, "text": "there"}
    async with httpx.AsyncClient(base_url=slack.api_url, headers=head, timeout=None) as web:
        posting = asyncio.create_task(web.post("chat.postMessage", json=message))
        assert await slack.wait_until(lambda: bool(slack.messages))
        assert (await web.post("auth.test")).json()["ok"]
        assert not posting.done()
        posting.cancel()
        await asyncio.wait({posting})
    assert [message.text for message in slack.messages] == ["there"]


async def test_clicks_and_forms_are_signed_and_answered(slack: FakeSlack) -> None:
    """A click verifies with Slack's own verifier, and a form goes through its whole life."""
    client = WebClient(token=TOKEN, base_url=slack.api_url)
    call(client, "chat.postMessage", channel=CHANNEL, text="x", blocks=BLOCKS)
    verifier = SignatureVerifier(slack.signing_secret)
    answers: list[dict[str, JsonValue]] = [
        {},
        {"response_action": "errors", "errors": {"why": "say more"}},
        {},
    ]

    async def app(request: Request) -> Response:
        body = await request.body()
        assert verifier.is_valid_request(body, dict(request.headers))
        payload = parse_qs(body.decode())["payload"][0]
        if '"block_actions"' in payload:
            trigger = payload.partition('"trigger_id":"')[2].partition('"')[0]
            async with httpx.AsyncClient() as web:
                await web.post(
                    f"{slack.api_url}views.open",
                    json={"trigger_id": trigger, "view": dict(VIEW)},
                    headers={"authorization": f"Bearer {TOKEN}"},
                )
        return JSONResponse(answers.pop(0))

    async with slack.serve(Starlette(routes=[Route("/slack/events", app, methods=["POST"])])):
        clicked = await slack.click(slack.messages[0], "go", user="U1")
        view = slack.views[0]
        await slack.submit_view(view, {"why": "no"})
        assert render(view) == "== Form ==\nWhy?: ____\n! why: say more\n[Send]"
        await slack.submit_view(view, {"why": "because"})
        with pytest.raises(LookupError):
            await slack.click(slack.messages[0], "other", user="U1")

    assert clicked.acknowledged
    assert clicked.latency_s > 0
    assert not view.open


def test_a_message_reads_as_a_person_would_see_it(slack: FakeSlack, client: WebClient) -> None:
    """A terminal shows the texts without entities, and the buttons in brackets."""
    call(client, "chat.postMessage", channel=CHANNEL, text="x", blocks=BLOCKS)
    assert render(slack.messages[0]) == "Shall we? <b>\n[Go]"
