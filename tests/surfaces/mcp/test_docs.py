"""docs/how-to/use-mcp.md and the example: what a reader copies works."""

from __future__ import annotations

import json
import re
import runpy
import sys
from pathlib import Path
from typing import Any, cast

import pytest
from langchain_core.messages import AIMessage, ToolMessage
from mcp import Client, StdioServerParameters
from surfaces.mcp.mcp_workspace import McpWorkspace, over_http, usd
from tree import ROOT

from sayso.testing.models import ScriptedModel

PAGE = (ROOT / "docs" / "how-to" / "use-mcp.md").read_text(encoding="utf-8")
FRAMEWORKS = (ROOT / "docs" / "how-to" / "use-agent-frameworks.md").read_text(encoding="utf-8")
TOOLS = {
    *(
        "answer",
        "ask",
        "email_send",
        "email_send_apology",
        "get_action",
        "get_request",
        "list_records",
    ),
    *("stripe_cancel_subscription", "stripe_credit", "stripe_refund", "withdraw"),
}


def server(number: int) -> dict[str, Any]:
    """The page's n-th client configuration."""
    found = re.findall(r"```json\n(\{\"mcpServers\".*?)```", PAGE, re.DOTALL)
    return cast("dict[str, Any]", json.loads(found[number])["mcpServers"]["sayso"])


async def test_the_configuration_for_stdio_starts_a_server(workspace: McpWorkspace) -> None:
    """The words after `sayso` are used as they stand, but for the folder."""
    said = server(0)
    assert said["command"] == "sayso"
    words = [str(workspace.folder) if word == "/srv/shop" else word for word in said["args"]]
    parameters = StdioServerParameters(
        command=sys.executable,
        args=["-m", "sayso", *words],
        env=workspace.environment | said["env"],
    )
    async with Client(parameters) as client:
        assert {tool.name for tool in (await client.list_tools()).tools} == TOOLS


async def test_the_configuration_for_http_is_let_in(
    workspace: McpWorkspace, url: str, bot: str
) -> None:
    """The headers are used as they stand, but for the token."""
    said = server(1)
    assert said["url"].endswith("/mcp")
    sent = {name: value.replace("csk_…", bot) for name, value in said["headers"].items()}
    async with over_http(url, sent) as client:
        assert {tool.name for tool in (await client.list_tools()).tools} == TOOLS


def test_the_python_lines_run(
    workspace: McpWorkspace,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    """As printed, beside the workspace that they name."""
    code = re.findall(r"```python\n(.*?)```", FRAMEWORKS, re.DOTALL)[0]
    script = tmp_path / "bot.py"
    script.write_text(code, encoding="utf-8")
    monkeypatch.setenv("STRIPE_API_KEY", workspace.sandbox.api_key)
    monkeypatch.chdir(workspace.folder.parent)
    runpy.run_path(str(script), run_name="__main__")
    assert capsys.readouterr().out.strip() == str(sorted(TOOLS))


async def test_the_example_refunds_and_tells_the_truth(
    workspace: McpWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """examples/langchain_agent.py with a scripted model in place of a provider's."""
    monkeypatch.setenv("STRIPE_API_KEY", workspace.sandbox.api_key)
    example = runpy.run_path(str(ROOT / "examples" / "langchain_agent.py"))
    args = {"amount": {"amount_minor": 700, "currency": "USD"}}
    call = {"name": "stripe_credit", "args": args, "id": "1", "type": "tool_call"}

    def told(messages: Any) -> str:
        last = messages[-1]
        assert isinstance(last, ToolMessage)
        return str(json.loads(str(last.content))["tell_customer"])

    model = ScriptedModel(replies=[AIMessage("", tool_calls=[call]), told])
    reply = await example["answer"](str(workspace.folder), "cus_demo_ella", model, "it came late")
    assert reply.startswith("We have credited $7.00 to your account")
    assert workspace.effects("cus_demo_ella") == [usd(700)["amount_minor"]]
