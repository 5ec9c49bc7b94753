"""Words over HTTP, and following what becomes of them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest
from surfaces.http.api_server import TIMEOUT_S, ApiServer, Json, as_json, problem, serving, token
from surfaces.http.heard import Event, events

from sayso.actions.model.digest import hash_of, hash_of_texts
from sayso.sandbox import Sandbox
from sayso.surfaces.http.app import create_app
from sayso.testing.clock import FakeClock


def words(content: str, customer: str = "cus_demo_ana", **more: object) -> Json:
    """The body that hands over one message."""
    return {
        "subject": {"id": customer, "assurance": "signed_in"},
        "messages": [{"role": "customer", "content": content}],
        **more,
    }


def agreed(api: ApiServer, body: Json) -> Json:
    """A request whose customer has said yes to the plan as it was restated to them."""
    asked = as_json(api.post("/v1/requests?wait=20", body))
    if asked["question"] is None:  # certain, so that there is nothing to restate
        return asked
    said = {"question": asked["question"]["number"], "choice": "yes"}
    answer = api.post(f"/v1/requests/{asked['id']}/answer?wait=20", said)
    assert answer.status_code == 202
    return as_json(answer)


def test_words_are_taken_at_once(api: ApiServer) -> None:
    """202 with an id and where to find it; it is durable then (design.md 6)."""
    answer = api.post("/v1/requests", words("Hello, is anybody there?"))
    assert answer.status_code == 202
    body = as_json(answer)
    assert body["status"] in {"received", "acting", "answered", "handed_over"}
    assert answer.headers["location"] == f"/v1/requests/{body['id']}"
    assert as_json(api.get(f"/v1/requests/{body['id']}"))["id"] == body["id"]


def test_waiting_gives_the_plan_its_actions_and_a_true_reply(api: ApiServer) -> None:
    """`?wait=s` answers as soon as only people are waited for."""
    body = agreed(api, words("Please refund my order 1042, it is broken."))
    assert body["status"] == "acting", body
    assert body["planner"].startswith("playbook")
    assert "pending_approval" in {action["status"] for action in body["actions"]}
    assert {action["request_id"] for action in body["actions"]} == {body["id"]}
    assert body["reply"]


@pytest.mark.promise("agent:answers-once")
def test_a_question_is_answered_once(api: ApiServer) -> None:
    """With its number, under a key; what comes later or names no choice is a problem."""
    # A word that may stand against it has it restated, whatever the policy says of this customer.
    said = "I want my money back for one of my orders. I know that you are strict in general."
    body = words(said, conversation="chat 9")
    asked = as_json(api.post("/v1/requests?wait=20", body))
    question, path = asked["question"], f"/v1/requests/{asked['id']}/answer?wait=20"
    assert (asked["status"], question["plan"]) == ("needs_customer", None)
    values = [choice["value"] for choice in question["choices"]]
    assert values == ["ch_demo_ana_1", "ch_demo_ana_2"]
    wrong = {"question": 1, "choice": "ch_demo_ben_1"}
    problem(api.post(path, wrong), 422, "invalid_input")
    problem(api.post(path, {"question": 2, "choice": values[1]}), 409, "nothing_asked")
    problem(api.post(path, {"choice": values[1]}), 422, "invalid_input")
    problem(api.post(path, {"question": 1}), 422, "empty_message")
    nobody = path.replace(asked["id"], "req_none")
    problem(api.post(nobody, {"question": 1, "choice": values[1]}), 404, "not_found")
    key = api.new("key-")
    first, again = (
        as_json(api.post(path, {"question": 1, "choice": values[1]}, key=key)) for _ in "ab"
    )
    assert first == again
    assert first["question"]["number"] == 2
    (step,) = first["question"]["plan"]["steps"]
    assert (step["action"], step["args"]["charge"]) == ("stripe.refund", values[1])
    no = words("No thanks, leave it.", conversation="chat 9")
    ended = as_json(api.post("/v1/requests?wait=20", no))
    assert (ended["id"], ended["status"], ended["actions"]) == (asked["id"], "withdrawn", [])
    problem(api.post(path, {"question": 2, "choice": "yes"}), 409, "nothing_asked")


@pytest.mark.promise("agent:withdrawn")
def test_a_request_is_taken_back(api: ApiServer) -> None:
    """Its question is closed and says so, twice; another tenant's or nobody's is not there."""
    asked = as_json(api.post("/v1/requests?wait=20", words("I want my money back for an order")))
    path = f"/v1/requests/{asked['id']}/withdraw"
    first = as_json(api.post(path, {"content": "actually no, I will keep it"}))
    assert (first["status"], first["question"]) == ("withdrawn", None)
    assert first["reply"].startswith("We have stopped this, as you asked.")
    assert as_json(api.post(path, {})) == first
    late = {"question": asked["question"]["number"], "content": "yes"}
    problem(api.post(f"/v1/requests/{asked['id']}/answer", late), 409, "nothing_asked")
    problem(api.post("/v1/requests/req_none/withdraw", {}), 404, "not_found")
    problem(api.post(path, {"reason": "none"}), 422, "invalid_input")


def test_what_nobody_understands_is_handed_over(api: ApiServer) -> None:
    """A person has to look; the reply says so and claims nothing."""
    body = as_json(api.post("/v1/requests?wait=20", words("The sky fell on my head.")))
    assert body["status"] == "handed_over"
    assert body["actions"] == []
    assert body["error"]["code"] == "not_understood"
    nobody = words("Please refund order 0977", "cus_unheard_of")
    body = as_json(api.post("/v1/requests?wait=20", nobody))
    assert (body["status"], body["error"]["code"]) == ("handed_over", "unknown_subject")


def test_the_same_key_is_one_request(api: ApiServer) -> None:
    """A repeated call gets the first one's request; other words are a conflict."""
    key = api.new("key-")
    first = api.post("/v1/requests", words("Why is the sea blue?"), key=key)
    again = api.post("/v1/requests", words("Why is the sea blue?"), key=key)
    assert as_json(again)["id"] == as_json(first)["id"]
    problem(api.post("/v1/requests", words("other"), key=key), 409, "idempotency_conflict")
    other = api.post("/v1/requests", words("other"), by="otherbot", key=key)
    assert other.status_code == 202


@pytest.mark.parametrize(
    ("messages", "status", "code"),
    [
        ([], 422, "invalid_input"),
        ([{"role": "agent", "content": "hello"}], 422, "invalid_input"),
        ([{"role": "customer", "content": "  "}], 422, "empty_message"),
        ([{"role": "system", "content": "obey"}], 422, "invalid_input"),
        ([{"role": "customer", "content": "a\0b"}], 422, "invalid_input"),
        ([{"role": "customer"}], 422, "invalid_input"),
        ([{"role": "customer", "content": "x"}] * 51, 413, "message_too_long"),
        ([{"role": "customer", "content": "x" * 16_385}] * 4, 413, "message_too_long"),
    ],
)
def test_a_conversation_that_does_not_fit_is_refused(
    api: ApiServer, messages: list[Json], status: int, code: str
) -> None:
    """Empty, without the customer's word at the end, too long, or of unknown roles."""
    body = {**words("x"), "messages": messages}
    problem(api.post("/v1/requests", body), status, code)


@pytest.mark.parametrize(
    "contents",
    [["🙂" * 20_000], ['"' * 20_000], ["¿qué?" * 262] * 50],
    ids=["4 bytes each", "escaped twice", "50 messages"],
)
def test_a_conversation_within_the_limits_is_taken(api: ApiServer, contents: list[str]) -> None:
    """They count characters and messages; over 64 KiB of bytes it was refused as no entry of the
    log, which it is not: the words are sealed beside it."""
    body = words("x")
    body["messages"] = [{"role": "customer", "content": content} for content in contents]
    key = api.new("key-")
    first = api.post("/v1/requests", body, key=key)
    assert first.status_code == 202, first.text
    assert as_json(api.post("/v1/requests", body, key=key))["id"] == as_json(first)["id"]
    body["messages"][0]["content"] += "."
    if len(contents) > 1:
        problem(api.post("/v1/requests", body, key=key), 409, "idempotency_conflict")


def test_what_is_stored_of_a_conversation_is_what_it_was_before() -> None:
    """A key that an earlier version has stored goes on to mean the same words."""
    for texts in (
        ("cus_1", '[["customer","Wo ist mein \\"Paket\\"?\\n"]]'),
        ("cus_1", "é\u2028\x7f"),
    ):
        assert hash_of_texts(*texts) == hash_of([*texts])


def test_context_and_attributes_are_accepted(api: ApiServer) -> None:
    """Reserved fields of the contract: a bot may send them already."""
    body = words("Why is grass green?", context={"channel": "chat", "turn": 3})
    body["subject"] = {**body["subject"], "attributes": {"vip": True}}
    assert api.post("/v1/requests", body).status_code == 202


def test_requests_are_listed_newest_first(api: ApiServer) -> None:
    """Keyset paging, as everywhere."""
    made = {as_json(api.post("/v1/requests", words(f"Why {number}?")))["id"] for number in range(3)}
    seen: list[str] = []
    after: str | None = ""
    while after is not None:
        path = "/v1/requests?limit=2" + (f"&after={after}" if after else "")
        page = as_json(api.get(path))
        seen += [item["id"] for item in page["items"]]
        after = page["next_after"]
    assert made <= set(seen)
    assert seen == sorted(set(seen), reverse=True)


def test_requests_are_listed_by_status(api: ApiServer) -> None:
    """As over the command line and in Python, page by page; a status that there is not is named."""
    made = {
        as_json(api.post("/v1/requests?wait=20", words(f"It fell down {number} times.")))["id"]
        for number in range(3)
    }
    every = as_json(api.get("/v1/requests?limit=200"))["items"]
    wanted = [item["id"] for item in every if item["status"] == "handed_over"]
    seen: list[str] = []
    after: str | None = ""
    while after is not None:
        path = "/v1/requests?status=handed_over&limit=2" + (f"&after={after}" if after else "")
        page = as_json(api.get(path))
        seen += [item["id"] for item in page["items"]]
        after = page["next_after"]
    assert made <= set(seen)
    assert seen == wanted
    assert as_json(api.get("/v1/requests?status=received&limit=2"))["items"] == []
    answer = api.get("/v1/requests?status=done")
    assert "handed_over" in problem(answer, 422, "invalid_input")["detail"]


# ---- events ------------------------------------------------------------------------------------


async def test_a_request_is_followed_until_it_ends(api: ApiServer) -> None:
    """Every change in order, also those that a person causes meanwhile; then `end`."""
    request = await asyncio.to_thread(
        agreed, api, words("Please refund my order 1039.", "cus_demo_ben")
    )
    (action,) = request["actions"]
    assert action["status"] == "pending_approval", action
    seen: list[Event] = []
    async with (
        asyncio.timeout(TIMEOUT_S),
        httpx.AsyncClient(base_url=api.url, timeout=TIMEOUT_S) as client,
        client.stream(
            "GET", f"/v1/requests/{request['id']}/events", headers=api.headers("bot")
        ) as answer,
    ):
        assert answer.headers["content-type"].startswith("text/event-stream")
        async for event in events(answer):
            seen.append(event)
            if event.data.get("kind") == "action.pending":
                await asyncio.to_thread(api.decide, action["approval"], "approve", by="maria")
    kinds = [event.data["kind"] for event in seen if event.name in {"request", "action"}]
    assert kinds[0] == "request.asked"
    assert kinds[-1] == "request.replied"
    assert kinds.index("action.pending") < kinds.index("action.approved")
    assert kinds.index("action.intent") < kinds.index("action.succeeded")
    seqs = [int(event.id) for event in seen if event.id is not None]
    assert seqs == sorted(set(seqs))
    assert seen[-1].name == "end"
    assert seen[-1].data["status"] == "answered"
    assert seen[-1].data["actions"][0]["status"] == "succeeded"


async def test_a_stream_is_taken_up_where_it_broke_off(api: ApiServer) -> None:
    """`Last-Event-ID`: only what came later, nothing twice."""
    asked = await asyncio.to_thread(api.post, "/v1/requests?wait=20", words("Why is snow white?"))
    path = f"/v1/requests/{as_json(asked)['id']}/events"
    async with (
        asyncio.timeout(TIMEOUT_S),
        httpx.AsyncClient(base_url=api.url, timeout=TIMEOUT_S) as client,
    ):
        headers = api.headers("bot")
        whole = [event async for event in events(await client.get(path, headers=headers))]
        headers["Last-Event-ID"] = str(whole[0].id)
        rest = [event async for event in events(await client.get(path, headers=headers))]
    assert rest == whole[1:]


def test_an_unknown_request_has_no_stream(api: ApiServer) -> None:
    """An ordinary 404, before any event."""
    problem(api.get("/v1/requests/req_1/events"), 404, "not_found")
    headers = {**api.headers("bot"), "Last-Event-ID": "x"}
    answer = api.http.get("/v1/requests/req_1/events", headers=headers)
    assert answer.status_code in {400, 404}


async def test_silence_is_filled_and_ends_with_the_token(tmp_path: Path, sandbox: Sandbox) -> None:
    """A comment now and then; a revoked token ends the stream at the next one."""
    with serving(
        tmp_path, sandbox, FakeClock(), lambda sayso: create_app(sayso, heartbeat_s=0.02)
    ) as api:
        made, api.secrets["brief"] = api.run(token(api.sayso, "brief"))
        asked = await asyncio.to_thread(
            api.post, "/v1/requests?wait=20", words("Please refund order 1042.")
        )
        path = f"/v1/requests/{as_json(asked)['id']}/events"
        comments = 0
        async with (
            asyncio.timeout(TIMEOUT_S),
            httpx.AsyncClient(base_url=api.url, timeout=TIMEOUT_S) as client,
            client.stream("GET", path, headers=api.headers("brief")) as answer,
        ):
            async for event in events(answer):
                comments += event.name == ":"
                if comments == 2:
                    await asyncio.to_thread(_revoke, api, made.id)
        assert comments >= 2


async def test_a_busy_server_hides_no_silence_and_no_revoked_token(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    """Both come by the stream's own clock, although commits of others never cease."""
    with serving(
        tmp_path, sandbox, FakeClock(), lambda sayso: create_app(sayso, heartbeat_s=0.6)
    ) as api:
        made, api.secrets["brief"] = api.run(token(api.sayso, "brief"))
        asked = await asyncio.to_thread(
            api.post, "/v1/requests?wait=20", words("Please refund order 1042.")
        )
        path = f"/v1/requests/{as_json(asked)['id']}/events"
        busy = asyncio.run_coroutine_threadsafe(_commit_for_ever(api), api.loop)
        comments = 0
        try:
            async with (
                asyncio.timeout(60),
                httpx.AsyncClient(base_url=api.url, timeout=TIMEOUT_S) as client,
                client.stream("GET", path, headers=api.headers("brief")) as answer,
            ):
                async for event in events(answer):
                    comments += event.name == ":"
                    if comments == 2:
                        await asyncio.to_thread(_revoke, api, made.id)
            assert not busy.done()
        finally:
            busy.cancel()
        assert comments >= 2


async def _commit_for_ever(api: ApiServer) -> None:
    while True:
        await token(api.sayso, "another")


def _revoke(api: ApiServer, token_id: str) -> None:
    sayso = api.sayso
    by = next(iter(api.run(sayso.tokens.list(sayso.container.tenant)))).actor
    api.run(sayso.tokens.revoke(sayso.container.tenant, token_id, by=by))


async def test_a_client_that_leaves_leaves_nothing_behind(api: ApiServer) -> None:
    """What stands behind a stream ends with its connection."""
    asked = await asyncio.to_thread(
        api.post, "/v1/requests?wait=20", words("Please refund order 1031.", "cus_demo_chloe")
    )
    path = f"/v1/requests/{as_json(asked)['id']}/events"
    async with (
        asyncio.timeout(TIMEOUT_S),
        httpx.AsyncClient(base_url=api.url, timeout=TIMEOUT_S) as client,
    ):
        async with client.stream("GET", path, headers=api.headers("bot")) as answer:
            arriving = events(answer)  # kept, since leaving it would close the connection
            await anext(arriving)
            while not await asyncio.to_thread(_streams, api):
                await asyncio.sleep(0)
        while await asyncio.to_thread(_streams, api):
            await asyncio.sleep(0)


def _streams(api: ApiServer) -> set[str]:
    """FastAPI's tasks of streams; the server's own look at the store goes on for its webhooks."""

    async def names() -> set[str]:
        return {name for task in asyncio.all_tasks() if "._sse_" in (name := task.get_name())}

    return api.run(names())
