"""The tools of somebody's MCP server as gated actions, by the official client over real pipes."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from connectors.manifest.stand import source_of

from sayso.actions.model.definition import Subject
from sayso.actions.model.snapshot import Absence
from sayso.connectors.arguments import read_args
from sayso.connectors.draft.mcp import draft_mcp
from sayso.connectors.manifest.check import mistakes
from sayso.connectors.manifest.connector import Connected, ManifestConnector
from sayso.connectors.manifest.factory import tools_of
from sayso.connectors.manifest.mcp_tools import McpTool, McpTools
from sayso.connectors.manifest.people import connector_of
from sayso.connectors.manifest.schema import McpServer
from sayso.errors import Code, OutcomeUnknownError, RefusedError, RetryableError
from sayso.json import JsonValue
from sayso.sdk.connectors.drafts import draft_mcp_server
from sayso.secret import Secret
from sayso.testing.clock import FakeClock
from sayso.testing.suites.bench import Case, ConnectorBench, call_for, resolve_case

SHOP = Path(__file__).with_name("mcp_shop.py")
CASE = Case(
    action="shop.cancel_order",
    args={"order_id": "ord_1", "reason": "too late"},
    subject=Subject(id="cus_1"),
)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """The shop's orders."""
    path = tmp_path / "orders.json"
    path.write_text(json.dumps({"ord_1": {"id": "ord_1", "customer": "cus_1", "status": "open"}}))
    return path


def command(state: Path, *more: str) -> list[str]:
    """The server's program."""
    return [sys.executable, str(SHOP), str(state), *more]


async def secret() -> Secret:
    """Nothing is asked for."""
    return Secret("")


def opened(text: str) -> ManifestConnector:
    """The connector of a draft whose questions are answered."""
    source = source_of(text.replace("\n[draft]\n", "\n").replace("\nsource =", "\n# source ="))
    assert mistakes(source) == []
    clock = FakeClock()

    def peer(name: str) -> ManifestConnector:
        raise AssertionError(name)

    return connector_of(
        source,
        Connected(
            settings={},
            secret=secret,
            clock=clock,
            peer=peer,
            tools=tools_of(source.manifest, {}, secret, 30.0),
        ),
    )


@pytest.mark.promise("mcp-upstream:gated")
async def test_a_tool_becomes_an_action_that_a_person_decides(state: Path) -> None:
    """Drafted as it is: the customer is bound, nothing else is trusted, a person is asked."""
    drafted = await draft_mcp_server(command(state), "shop")
    assert dict(drafted.actions) == {"cancel_order": "cancel_order"}
    connector = opened(drafted.text)
    (action,) = connector.actions
    assert action.guarantee.kind == "at_most_once"
    assert "it is a tool of an MCP server" in action.always_ask
    assert set(action.args.model_fields) == {"order_id", "reason"}
    bench = ConnectorBench(connector=connector, cases=(CASE,), effects=lambda: 0)
    _, resolved = await resolve_case(bench, CASE)
    receipt = await connector.call(call_for(CASE, resolved, 1))
    assert (receipt.id, receipt.status) == ("ord_1", "done")
    order = json.loads(state.read_text())["ord_1"]
    assert (order["by"], order["reason"]) == ("cus_1", "too late")
    assert await connector.look_up(call_for(CASE, resolved, 1)) is Absence.CANNOT_TELL


@pytest.mark.promise("mcp-upstream:pinned")
async def test_a_tool_that_its_server_has_changed_is_not_called(state: Path) -> None:
    """Another description is another tool, until somebody has reviewed it."""
    drafted = await draft_mcp_server(command(state), "shop")
    connector = opened(drafted.text.replace(json.dumps(str(state)), f'"{state}", "changed"'))
    bench = ConnectorBench(connector=connector, cases=(CASE,), effects=lambda: 0)
    _, resolved = await resolve_case(bench, CASE)
    with pytest.raises(RefusedError) as refused:
        await connector.call(call_for(CASE, resolved, 1))
    assert refused.value.code is Code.NOT_REVIEWED
    assert json.loads(state.read_text())["ord_1"]["status"] == "open"


async def test_an_error_of_a_tool_is_no_proof_that_nothing_was_done(state: Path) -> None:
    """It may have broken half-way; and a server that is not there has done nothing."""
    connector = opened((await draft_mcp_server(command(state), "shop")).text)
    broken = Case(action=CASE.action, args={"order_id": "ord_broken"}, subject=Subject(id="cus_1"))
    action = connector.actions[0]
    resolved = await connector.resolve(action, read_args(action, broken.args), broken.subject)
    with pytest.raises(OutcomeUnknownError):
        await connector.call(call_for(broken, resolved, 1))
    nobody = McpTools(
        who="shop",
        server=McpServer(command=["/nowhere/at-all"]),
        headers=_no_headers,
        secret=_no_secret,
        timeout_s=60.0,
    )
    with pytest.raises(RetryableError):
        await nobody.call("cancel_order", {}, writing=True, digest="sha256:0")


async def test_an_address_inside_is_not_connected_to() -> None:
    """A server's address is judged like a provider's: metadata, private networks, other schemes."""
    for url in (
        "https://169.254.169.254/mcp",
        "https://10.0.0.1/mcp",
        "https://[::ffff:10.0.0.1]/",
    ):
        tools = McpTools(
            who="shop",
            server=McpServer(url=url),
            headers=_no_headers,
            secret=_no_secret,
            timeout_s=60.0,
        )
        with pytest.raises(RetryableError, match="MCP server does not answer"):
            await tools.list_tools()


@pytest.mark.promise("draft:sure")
def test_what_a_server_says_of_itself_is_foreign_text() -> None:
    """A description makes no line of the manifest, and a hint makes nothing harmless."""
    tool = McpTool(
        name="refund",
        description='x"\nowner = { path = "a" }\u202e\n',
        schema={
            "type": "object",
            "properties": {"email": {"type": "string"}, "amount": {"type": "integer"}},
            "required": ["email", "amount"],
        },
        answer=None,
        reads_only=False,
    )
    text = draft_mcp([tool], McpServer(url="https://mcp.example/"), "shop", "x").text
    assert "\nowner = { path" not in text
    assert "# ASK effect: `money_out` it seems" in text
    assert "# ASK arguments.email: never an argument" in text
    assert "{args.email}" not in text


async def _no_headers() -> dict[str, str]:
    return {}


async def _no_secret() -> str:
    return ""


def test_a_tool_that_reads_a_customer_is_asked_about() -> None:
    """It may say who they are; where none reads one, nothing is asked."""
    schema: dict[str, JsonValue] = {"type": "object", "properties": {"id": {"type": "string"}}}
    names = ("cancel_order", "get_customer", "list_orders")
    tools = [
        McpTool(
            name=name,
            description=name,
            schema=schema,
            answer=None,
            reads_only=name != "cancel_order",
        )
        for name in names
    ]
    server = McpServer(command=["shop"])
    text = draft_mcp(tools, server, "shop", "shop").text
    assert "# ASK person:" in text
    assert "Candidates: get_customer\n" in text
    assert "# ASK person:" not in draft_mcp(tools[:1], server, "shop", "shop").text
