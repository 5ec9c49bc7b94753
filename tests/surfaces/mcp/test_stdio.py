"""`sayso mcp --subject …`: a real process, the real client, one customer."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest
from mcp import MCPError
from surfaces.mcp.mcp_workspace import McpWorkspace, call, settled, usd

from sayso.sandbox import Fault

CREDIT = "/v1/customers/*/balance_transactions"


@pytest.mark.promise("tools:same")
@pytest.mark.promise("tools:waiting")
@pytest.mark.promise("tools:no-decision")
@pytest.mark.parametrize(
    ("workspace", "mode", "who", "currency"),
    [("sqlite", "auto", "ana", "USD"), ("postgres", "legacy", "chloe", "EUR")],
    indirect=["workspace"],
    scope="session",
)
async def test_a_client_refunds_what_the_policy_allows(
    workspace: McpWorkspace, mode: str, who: str, currency: str
) -> None:
    """Both eras of the protocol: small is done, large waits, another's is refused, once each."""
    customer = f"cus_demo_{who}"
    async with workspace.stdio(customer, mode=mode) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert sorted(tools) == [
            *("answer", "ask", "email_send", "email_send_apology"),
            *("get_action", "get_request", "list_records"),
            *("stripe_cancel_subscription", "stripe_credit", "stripe_refund", "withdraw"),
        ]
        assert tools["stripe_refund"].annotations is not None
        assert tools["stripe_refund"].annotations.destructive_hint
        amount = {"amount_minor": 1_500, "currency": currency}
        small = {"charge": f"ch_demo_{who}_2", "amount": amount}
        done, is_error = await call(client, "stripe_refund", small)
        assert (is_error, done["status"]) == (False, "succeeded")
        assert done["receipt"]["amount"] == amount
        assert (await call(client, "stripe_refund", small))[0]["id"] == done["id"]
        assert workspace.effects(customer) == [1_500]
        timeline = workspace.sayso("actions", "show", done["id"])["timeline"]
        assert timeline[0]["actor"] == "service:mcp"
        large, is_error = await call(client, "stripe_refund", {"charge": f"ch_demo_{who}_1"})
        assert (is_error, large["status"]) == (False, "pending_approval")
        assert "nothing has been done yet" in large["meaning"]
        shown, _ = await call(client, "get_action", {"id": large["id"]})
        assert shown["status"] == "pending_approval"
        assert "Nothing has been done yet" in shown["tell_customer"]
        theirs, is_error = await call(client, "stripe_refund", {"charge": "ch_demo_ben_1"})
        assert (is_error, theirs["error"]["code"]) == (True, "unknown_object")
        for name in ("approve", "stripe.refund", "stripe_take_back_credit"):
            refused, is_error = await call(client, name, {"id": large["approval"]["id"]})
            assert (is_error, refused["error"]["code"]) == (True, "unknown_action")
        assert workspace.effects(customer) == [1_500]
        assert workspace.effects("cus_demo_ben") == []


@pytest.mark.promise("tools:subject")
async def test_an_argument_cannot_name_a_customer(workspace: McpWorkspace) -> None:
    """Invariant 4, and rule 16: the argument is named, with a code and the next step."""
    async with workspace.stdio("cus_demo_daichi") as client:
        for more in (
            {"subject": "cus_demo_ben"},
            {"customer": "cus_demo_ben"},
            {"tenant": "other"},
            {"amount": 5.0},
            {"charge": 7},
            {"charge": "re_1"},
        ):
            args = {"charge": "ch_demo_daichi_1", **more}
            refused, is_error = await call(client, "stripe_refund", args)
            code = "invalid_money" if "amount" in more else "invalid_input"
            assert (is_error, refused["error"]["code"]) == (True, code)
            assert next(iter(more)) in refused["error"]["message"]
            assert refused["error"]["next_step"]
        refused, _ = await call(client, "ask", {"message": "hi", "subject": "cus_demo_ben"})
        assert refused["error"]["code"] == "invalid_input"
    assert workspace.effects("cus_demo_daichi") == []


async def test_words_are_planned_and_told(workspace: McpWorkspace) -> None:
    """`ask` goes to the planner that the workspace has; the model chooses none."""
    async with workspace.stdio("cus_demo_marco") as client:
        wish = "The machine leaks. I think my money back for order 1036 would be fair?"
        words = {"message": wish}
        asked, is_error = await call(client, "ask", words)
        assert not is_error
        while asked["status"] == "received":  # another process may have it in hand
            asked, _ = await call(client, "ask", words)
        assert asked["question"]["text"] == asked["tell_customer"]
        assert "€1,499.00 for Order 1036: espresso machine" in asked["tell_customer"]
        said = {"id": asked["id"], "question": asked["question"]["number"], "message": "Yes please"}
        told, is_error = await call(client, "answer", said)
        assert (is_error, told["id"]) == (False, asked["id"])
        statuses: list[str] = []
        while statuses in ([], ["planned"]):
            asked, _ = await call(client, "ask", words)
            statuses = [step["status"] for step in asked.get("actions", [])]
        assert statuses == ["pending_approval"]
        assert "Nothing has been done yet" in asked["tell_customer"]
        assert (await call(client, "ask", words))[0]["id"] == asked["id"]
    assert workspace.effects("cus_demo_marco") == []


@pytest.mark.promise("tools:once")
async def test_a_server_that_is_killed_leaves_one_effect(
    workspace: McpWorkspace, tmp_path: Path
) -> None:
    """Invariant 2: kill -9 after the provider did it and before it said so, then the same call."""
    pid, args = tmp_path / "pid", {"amount": usd(1_100)}
    workspace.sandbox.add_faults(Fault(kind="hold_after", path=CREDIT))
    async with workspace.stdio("cus_demo_hugo", pid=pid) as client:
        lost = asyncio.create_task(call(client, "stripe_credit", args))
        assert await asyncio.to_thread(workspace.sandbox.wait_until_held)
        os.kill(int(pid.read_text()), signal.SIGKILL)
        with pytest.raises(MCPError):
            await lost
    workspace.sandbox.release()
    async with workspace.stdio("cus_demo_hugo") as client:
        told = await settled(client, "stripe_credit", args)
        assert "this call did nothing" in told["repeated"]
    assert len(workspace.effects("cus_demo_hugo")) == 1


@pytest.mark.promise("tools:once")
async def test_a_client_that_gives_up_leaves_one_effect(workspace: McpWorkspace) -> None:
    """What is begun is finished although its call was cancelled; the same call tells of it."""
    args = {"amount": usd(1_200)}
    workspace.sandbox.add_faults(Fault(kind="hold_before", path=CREDIT))
    async with workspace.stdio("cus_demo_kim") as client:
        waiting = asyncio.create_task(call(client, "stripe_credit", args))
        assert await asyncio.to_thread(workspace.sandbox.wait_until_held)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        meanwhile, _ = await call(client, "stripe_credit", args)
        assert meanwhile["status"] == "executing"
        assert "nth" not in meanwhile["repeated"]
        workspace.sandbox.release()
        told = await settled(client, "stripe_credit", args)
        assert told["id"] == meanwhile["id"]
        many = await asyncio.gather(
            *(call(client, "stripe_credit", {**args, "nth": 2}) for _ in range(5))
        )
        assert len({content["id"] for content, _ in many}) == 1
        await settled(client, "stripe_credit", {**args, "nth": 2})
    assert len(workspace.effects("cus_demo_kim")) == 2
