"""`sayso mcp --http`: a real process, the real client, customers by header."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from surfaces.mcp.mcp_workspace import McpWorkspace, call, headers, over_http, usd

ANA, INES = "cus_demo_ana", "cus_demo_ines"
ACCEPT = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}
ODD = (
    b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"stripe_credit",'
    b'"arguments":{"amount":{"amount_minor":NaN,"currency":"USD"},"note":"\\ud800"}}}'
)
NESTED = [
    b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"stripe_credit","arguments":'
    + b'{"amount":' * depth
    + b"1"
    + b"}" * depth
    + b"}}"
    for depth in (100, 190, 900)
]
LIST: dict[str, object] = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}


@pytest.fixture
def http(url: str) -> Iterator[httpx.Client]:
    """A plain client, for what no MCP client sends."""
    with httpx.Client(base_url=url, headers=ACCEPT, trust_env=False, timeout=60) as client:
        yield client


def problem(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The answer's problem, checked."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    found: dict[str, Any] = answer.json()
    assert (found["code"], found["status"]) == (code, status)
    assert found["next_step"]
    return found


@pytest.mark.promise("tools:same")
@pytest.mark.promise("tools:waiting")
@pytest.mark.promise("tools:once")
@pytest.mark.parametrize(
    ("workspace", "mode", "who", "currency"),
    [("postgres", "auto", "jonas", "EUR"), ("sqlite", "legacy", "lena", "USD")],
    indirect=["workspace"],
    scope="session",
)
async def test_a_client_acts_for_the_customer_of_the_header(
    workspace: McpWorkspace, url: str, bot: str, mode: str, who: str, currency: str
) -> None:
    """Both eras: small is done once however often it is called, large waits, another's is not."""
    customer, charge = f"cus_demo_{who}", f"ch_demo_{who}_1"
    amount = {"amount_minor": 1_300, "currency": currency}
    async with over_http(url, headers(bot, customer), mode=mode) as client:
        assert "stripe_credit" in [tool.name for tool in (await client.list_tools()).tools]
        done, is_error = await call(client, "stripe_credit", {"amount": amount})
        assert (is_error, done["status"]) == (False, "succeeded")
    async with over_http(url, headers(bot, customer), mode=mode) as client:
        again, _ = await call(client, "stripe_credit", {"amount": amount})
        assert again["id"] == done["id"]
        large, is_error = await call(client, "stripe_refund", {"charge": charge})
        assert (is_error, large["status"]) == (False, "pending_approval")
        assert (await call(client, "get_action", {"id": large["id"]}))[0]["id"] == large["id"]
        theirs, is_error = await call(client, "stripe_refund", {"charge": "ch_demo_farid_1"})
        assert (is_error, theirs["error"]["code"]) == (True, "unknown_object")
    async with over_http(url, headers(bot, "cus_demo_farid"), mode=mode) as client:
        hidden, is_error = await call(client, "get_action", {"id": large["id"]})
        assert (is_error, hidden["error"]["code"]) == (True, "not_found")
    assert workspace.effects(customer) == [1_300]


@pytest.mark.promise("tools:once")
async def test_a_hosts_key_joins_calls_and_keeps_equal_ones_apart(
    workspace: McpWorkspace, url: str, bot: str
) -> None:
    """The key stands in `_meta`, which a model does not write; one that is no key is refused."""
    args = {"amount": usd(900)}
    async with over_http(url, headers(bot, INES)) as client:
        key = "sayso/idempotency-key"
        found = [(await call(client, "stripe_credit", args, **{key: k}))[0] for k in "aab"]
        assert found[0]["id"] == found[1]["id"] != found[2]["id"]
        other = await call(client, "stripe_credit", {"amount": usd(901)}, **{key: "a"})
        assert (other[0]["error"]["code"], other[1]) == ("idempotency_conflict", True)
        for bad in ("", "x" * 201, 7, "a\nb", ["a"]):
            refused, is_error = await call(client, "stripe_credit", args, **{key: bad})
            assert (refused["error"]["code"], is_error) == ("invalid_input", True)
    assert workspace.effects(INES) == [900, 900]


async def test_another_conversation_is_another_action(
    workspace: McpWorkspace, url: str, bot: str
) -> None:
    """Within one, equal calls are one action."""
    ids: list[str] = []
    for name in ("chat-1", "chat-1", "chat-2"):
        sent = headers(bot, "cus_demo_nia", **{"Sayso-Conversation": name})
        async with over_http(url, sent) as client:
            ids.append((await call(client, "stripe_credit", {"amount": usd(300)}))[0]["id"])
    assert ids[0] == ids[1] != ids[2]
    assert workspace.effects("cus_demo_nia") == [300, 300]


@pytest.mark.promise("mcp:closed")
@pytest.mark.promise("tools:no-decision")
def test_nothing_opens_without_a_services_token(
    workspace: McpWorkspace, http: httpx.Client, bot: str
) -> None:
    """None, a wrong one, two, one in the address, a revoked one, a person's."""
    sent = headers(bot, ANA)
    assert http.post("", json=LIST, headers=sent).status_code == 200
    bare = {name: value for name, value in sent.items() if name != "Authorization"}
    answer = http.post("", json=LIST, headers=bare)
    problem(answer, 401, "unauthenticated")
    assert answer.headers["www-authenticate"] == 'Bearer realm="sayso"'
    for wrong in (
        "Bearer csk_x",
        f"Bearer {bot}x",
        f"Basic {bot}",
        bot,
        "Bearer ",
        f"Bearer {bot} ",
    ):
        answer = http.post("", json=LIST, headers={**bare, "Authorization": wrong.strip() or "x"})
        if wrong == f"Bearer {bot} ":
            assert answer.status_code == 200  # blanks at its end are no part of a header
            continue
        problem(answer, 401, "unauthenticated")
    twice = [*bare.items(), ("Authorization", f"Bearer {bot}"), ("Authorization", f"Bearer {bot}")]
    problem(http.post("", json=LIST, headers=twice), 401, "unauthenticated")
    problem(http.post(f"?token={bot}", json=LIST, headers=bare), 401, "unauthenticated")
    person = {**bare, "Authorization": f"Bearer {workspace.persons_token}"}
    problem(http.post("", json=LIST, headers=person), 403, "forbidden")
    gone = workspace.token("actions:read", name="gone")
    (made,) = [one for one in workspace.sayso("token", "list")["items"] if one["holder"] == "gone"]
    workspace.sayso("token", "revoke", made["id"])
    revoked = {**bare, "Authorization": f"Bearer {gone}"}
    problem(http.post("", json=LIST, headers=revoked), 401, "unauthenticated")


@pytest.mark.promise("mcp:closed")
@pytest.mark.promise("tools:subject")
@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"Sayso-Subject": None}, 400),
        ({"Sayso-Subject": ""}, 400),
        ({"Sayso-Subject": "cus ana"}, 400),
        ({"Sayso-Subject": "cus_1, cus_2"}, 400),
        ({"Sayso-Assurance": None}, 400),
        ({"Sayso-Assurance": "god"}, 400),
        ({"Sayso-Conversation": ""}, 400),
        ({"Sayso-Conversation": "x" * 201}, 400),
        ({"Origin": "http://127.0.0.1"}, 403),
        ({"Origin": "null"}, 403),
    ],
)
def test_the_customer_has_to_be_named_once_and_by_the_host(
    http: httpx.Client, bot: str, change: dict[str, str | None], status: int
) -> None:
    """Fail closed: no default customer, no default assurance, and no web page."""
    sent = {n: v for n, v in {**headers(bot, ANA), **change}.items() if v is not None}
    problem(
        http.post("", json=LIST, headers=sent),
        status,
        "forbidden" if status == 403 else "invalid_input",
    )


@pytest.mark.promise("tools:subject")
def test_two_customers_in_one_call_are_none(http: httpx.Client, bot: str) -> None:
    """A proxy that adds a header does not choose between two."""
    sent = [*headers(bot, ANA).items(), ("Sayso-Subject", "cus_demo_ben")]
    problem(http.post("", json=LIST, headers=sent), 400, "invalid_input")


@pytest.mark.promise("mcp:closed")
async def test_a_token_opens_what_its_scopes_say(workspace: McpWorkspace, url: str) -> None:
    """It is offered no other tools, and refused when it calls them."""
    reader = workspace.token("actions:read", name="reader")
    async with over_http(url, headers(reader, ANA)) as client:
        names = [tool.name for tool in (await client.list_tools()).tools]
        assert names == ["get_action", "get_request", "list_records"]
        refused, is_error = await call(client, "stripe_credit", {"amount": usd(100)})
        assert (is_error, refused["error"]["code"]) == (True, "forbidden")
    proposer = workspace.token("actions:propose", name="proposer")
    async with over_http(url, headers(proposer, ANA)) as client:
        names = [tool.name for tool in (await client.list_tools()).tools]
        for name, args in (("get_action", {"id": "act_1"}), ("list_records", {})):
            assert name not in names
            refused, is_error = await call(client, name, args)
            assert (is_error, refused["error"]["code"]) == (True, "forbidden")
    assert workspace.effects(ANA).count(100) == 0


@pytest.mark.parametrize("modern", [False, True])
@pytest.mark.parametrize(
    ("body", "statuses"),
    [
        (b"{", {400}),
        (b"[]", {400}),
        (b"null", {400}),
        (b"\xff\xfe", {400}),
        (b"[" * 100_000, {400}),
        (b" " * (1 << 21), {413}),
        (b'{"jsonrpc":"2.0","id":1,"method":"approvals/decide","params":{}}', {200, 400, 404}),
        (ODD, {200, 400}),
        *((one, {200, 400}) for one in NESTED),
    ],
    ids=[
        "cut",
        "batch",
        "null",
        "bytes",
        "deep",
        "long",
        "method",
        "surrogate",
        "nested",
        "deeper",
        "deepest",
    ],
)
def test_what_is_no_message_has_no_effect(
    workspace: McpWorkspace,
    http: httpx.Client,
    bot: str,
    body: bytes,
    statuses: set[int],
    *,
    modern: bool,
) -> None:
    """Whatever comes in place of the protocol is refused, and the server goes on."""
    sent = headers(bot, "cus_demo_grace")
    if modern:
        sent["MCP-Protocol-Version"] = "2026-07-28"
    answer = http.post("", content=body, headers=sent)
    assert answer.status_code in statuses, answer.text
    assert bot not in answer.text
    assert workspace.effects("cus_demo_grace") == []
    assert http.post("", json=LIST, headers=headers(bot, ANA)).status_code == 200


def test_it_answers_posts_at_its_path_alone(url: str, http: httpx.Client, bot: str) -> None:
    """No stream of its own (405, as the protocol has it), no session, no other path."""
    for method in ("GET", "DELETE", "PUT"):
        answer = http.request(method, "", headers=headers(bot, ANA))
        problem(answer, 405, "invalid_input")
        assert answer.headers["allow"] == "POST"
    problem(httpx.get(f"{url}/v1/approvals", trust_env=False), 404, "not_found")
    answer = http.post("", json=LIST, headers=headers(bot, ANA))
    assert "mcp-session-id" not in answer.headers
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.promise("refusals:turned-away")
def test_who_was_turned_away_stands_in_the_log(workspace: McpWorkspace) -> None:
    """Invariant 7: counted by code, and told at the latest when the server ends."""
    with workspace.serving() as url, httpx.Client(headers=ACCEPT, trust_env=False) as http:
        for _ in range(3):
            assert http.post(url, json=LIST).status_code == 401
        assert http.get(url).status_code == 405
    told = workspace.sayso("audit", "query", "kind:calls.turned_away", "--limit", "200")["items"]
    mine = [one["body"]["data"] for one in told if one["body"]["data"]["via"] == "mcp"]
    assert sum(one["counts"].get("unauthenticated", 0) for one in mine[:2]) >= 3
    workspace.sayso("audit", "verify")
