"""What waits for a person: a task, progress, a resource; with the official client."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Literal

import orjson
import pytest
from mcp import Client
from mcp.client.extension import ClaimContext, ClientExtension, ResultClaim
from mcp.shared.exceptions import MCPError
from mcp_types import INVALID_PARAMS, CallToolResult, Request, RequestParams, Result
from pydantic import ConfigDict, TypeAdapter
from pydantic.alias_generators import to_camel
from surfaces.mcp.mcp_workspace import Json, McpWorkspace, call, headers, over_http, usd

from sayso.surfaces.mcp.tasks import MISSING_CAPABILITY, TASKS

WITHIN_S = 60.0
"""So long a client waits at most: a result that does not come fails the test."""
ANY = TypeAdapter(dict[str, Any])


class TaskParams(RequestParams):
    """Of each of the extension's requests."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)
    task_id: str


class TaskRequest(Request[TaskParams, str]):
    """One of the extension's requests; the transport routes by the task's id."""

    name_param = "taskId"


class CreateTaskResult(Result):
    """A handle in place of a result."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="allow")
    result_type: Literal["task"] = "task"
    task_id: str
    status: str
    status_message: str
    poll_interval_ms: int
    ttl_ms: int | None


class Tasks(ClientExtension):
    """Polls until a task has ended, as SEP-2663 says.

    Attributes:
        handles: what came in place of results. first: is set with the first one.
    """

    identifier = TASKS

    def __init__(self) -> None:
        self.handles: list[CreateTaskResult] = []
        self.first = asyncio.Event()

    def claims(self) -> Sequence[ResultClaim[Any]]:
        """The handle."""
        return [ResultClaim(result_type="task", model=CreateTaskResult, resolve=self.resolve)]

    async def resolve(self, handle: CreateTaskResult, context: ClaimContext) -> CallToolResult:
        """Its result, once there is one."""
        self.handles.append(handle)
        self.first.set()
        while True:
            task = await ask(context.session, "tasks/get", handle.task_id)
            if task["status"] == "completed":
                return CallToolResult.model_validate(task["result"])
            assert task["status"] == "working"


async def ask(session: Any, method: str, task_id: str) -> Json:
    """What a request about a task is answered."""
    request = TaskRequest(method=method, params=TaskParams(task_id=task_id))
    found: Json = await session.send_request(request, ANY)
    return found


async def approve(workspace: McpWorkspace, action_id: str) -> None:
    """Maria says yes, on her command line."""
    shown = await asyncio.to_thread(workspace.sayso, "actions", "show", action_id)
    approval = shown["approval"]["id"]
    await asyncio.to_thread(workspace.sayso, "approvals", "approve", approval, "--yes")


def opened(
    workspace: McpWorkspace, url: str, bot: str, way: str, who: str, tasks: Tasks
) -> AbstractAsyncContextManager[Client]:
    """A client that takes handles."""
    if way == "stdio":
        return workspace.stdio(f"cus_demo_{who}", extensions=[tasks])
    return over_http(url, headers(bot, f"cus_demo_{who}"), extensions=[tasks])


@pytest.mark.promise("tools:tasks")
@pytest.mark.parametrize(
    ("workspace", "way", "who"),
    [("sqlite", "http", "ben"), ("sqlite", "stdio", "ana"), ("postgres", "http", "ben")],
    indirect=["workspace"],
    scope="session",
)
async def test_a_call_that_waits_is_a_task_whose_result_comes_later(
    workspace: McpWorkspace, url: str, bot: str, way: str, who: str
) -> None:
    """The client lists, calls, waits and gets the result; what ends at once is no task."""
    tasks = Tasks()
    async with opened(workspace, url, bot, way, who, tasks) as client:
        assert client.server_capabilities.extensions == {TASKS: {}}
        names = {tool.name for tool in (await client.list_tools()).tools}
        assert {"stripe_refund", "list_records", "get_action", "get_request"} <= names
        records, _ = await call(client, "list_records", {})
        assert f"ch_demo_{who}_1" in [one["id"] for one in records["records"]]
        args = {"amount": usd(7_700), "customer_words": "the mug broke"}
        waiting = asyncio.create_task(call(client, "stripe_credit", args))
        async with asyncio.timeout(WITHIN_S):
            await tasks.first.wait()
        (handle,) = tasks.handles
        assert (handle.status, handle.ttl_ms) == ("working", None)
        assert "Nothing has been done yet" in handle.status_message
        assert (await ask(client.session, "tasks/cancel", handle.task_id))["resultType"]
        assert (await ask(client.session, "tasks/update", handle.task_id))["resultType"]
        await approve(workspace, handle.task_id)
        async with asyncio.timeout(WITHIN_S):
            done, is_error = await waiting
        assert (done["status"], is_error) == ("succeeded", False)
        assert done["id"] == handle.task_id
        assert done["receipt"]["id"]
        again, _ = await call(client, "stripe_credit", args)
        assert again["repeated"]
    assert len(tasks.handles) == 1


@pytest.mark.promise("tools:tasks")
async def test_a_task_is_for_its_customer_and_for_who_knows_tasks(
    workspace: McpWorkspace, url: str, bot: str
) -> None:
    """SEP-2663: access is checked for each request; a client that says nothing gets no handle."""
    customer, args = "cus_demo_kim", {"amount": usd(7_800)}
    async with over_http(url, headers(bot, customer)) as client:
        plain, _ = await call(client, "stripe_credit", args)
        assert plain["status"] == "pending_approval"
        with pytest.raises(MCPError) as refused:
            await ask(client.session, "tasks/get", plain["id"])
        assert refused.value.code == MISSING_CAPABILITY
    async with over_http(url, headers(bot, customer), mode="legacy", extensions=[Tasks()]) as old:
        assert (await call(old, "stripe_credit", args))[0]["id"] == plain["id"]
    async with over_http(url, headers(bot, customer), extensions=[Tasks()]) as client:
        assert (await ask(client.session, "tasks/get", plain["id"]))["status"] == "working"
        for wrong in ("act_0", "x", "approve"):
            with pytest.raises(MCPError) as refused:
                await ask(client.session, "tasks/get", wrong)
            assert refused.value.code == INVALID_PARAMS
    other = headers(bot, "cus_demo_farid")
    reader = headers(workspace.token("actions:propose", name="blind"), customer)
    for sent in (other, reader):
        async with over_http(url, sent, extensions=[Tasks()]) as client:
            for method in ("tasks/get", "tasks/update", "tasks/cancel"):
                with pytest.raises(MCPError) as refused:
                    await ask(client.session, method, plain["id"])
                assert refused.value.code == INVALID_PARAMS
    async with over_http(url, reader, extensions=[Tasks()]) as client:
        # Who could not ask for the result later gets no handle.
        assert (await call(client, "stripe_credit", args))[0]["status"] == "pending_approval"


@pytest.mark.promise("tools:progress")
@pytest.mark.parametrize("mode", ["auto", "legacy"])
@pytest.mark.parametrize("way", ["http", "stdio"])
async def test_a_call_that_waits_tells_of_each_step(
    workspace: McpWorkspace, url: str, bot: str, mode: str, way: str
) -> None:
    """Progress of both eras, then the result."""
    customer = "cus_demo_grace"
    args = {"amount": usd(8_000 + len(f"{way}{mode}"))}
    told: list[str | None] = []
    asked = asyncio.Event()

    async def progress(progress: float, total: float | None, message: str | None) -> None:
        told.append(message)
        asked.set()

    sent = headers(bot, customer)
    client_of = (
        over_http(url, sent, mode=mode) if way == "http" else workspace.stdio(customer, mode=mode)
    )
    async with client_of as client:
        waits, _ = await call(client, "stripe_credit", args)
        assert waits["status"] == "pending_approval"
        looking = asyncio.create_task(
            client.call_tool(
                "get_action", {"id": waits["id"], "wait_s": 50}, progress_callback=progress
            )
        )
        await asked.wait()
        await approve(workspace, waits["id"])
        found = await looking
        assert isinstance(found, CallToolResult)
        assert found.structured_content is not None
        assert found.structured_content["status"] == "succeeded"
    assert told[0] == "A person from our team has to agree first."
    assert told[-1] == "Done."


@pytest.mark.promise("tools:progress")
async def test_words_that_are_being_planned_tell_of_it_in_their_language(
    url: str, bot: str
) -> None:
    """Before the answer: that somebody looks."""
    told: list[str | None] = []

    async def progress(progress: float, total: float | None, message: str | None) -> None:
        told.append(message)

    async with over_http(url, headers(bot, "cus_demo_grace")) as client:
        words = {"message": "Wann kommt meine Bestellung an?"}
        found = await client.call_tool("ask", words, progress_callback=progress)
        assert isinstance(found, CallToolResult)
    assert told == ["Wir sehen nach, was Sie bei uns haben."]


@pytest.mark.promise("tools:resources")
@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_a_resource_shows_how_it_stands(
    workspace: McpWorkspace, url: str, bot: str, mode: str
) -> None:
    """To the customer's host alone; what has ended is listed no more, and can still be read."""
    async with over_http(url, headers(bot, "cus_demo_ines"), mode=mode) as client:
        asked, _ = await call(client, "stripe_credit", {"amount": usd(8_200)})
        listed = [str(one.uri) for one in (await client.list_resources()).resources]
        assert f"sayso://actions/{asked['id']}" in listed
        templates = (await client.list_resource_templates()).resource_templates
        assert {one.uri_template for one in templates} == {
            "sayso://actions/{id}",
            "sayso://requests/{id}",
        }
        (read,) = (await client.read_resource(f"sayso://actions/{asked['id']}")).contents
        shown = orjson.loads(read.text)  # type: ignore[union-attr]
        assert (shown["status"], shown["id"]) == ("pending_approval", asked["id"])
    async with over_http(url, headers(bot, "cus_demo_farid"), mode=mode) as client:
        assert f"sayso://actions/{asked['id']}" not in [
            str(one.uri) for one in (await client.list_resources()).resources
        ]
        for uri in (
            f"sayso://actions/{asked['id']}",
            "sayso://actions/act_0",
            "file:///etc/passwd",
        ):
            with pytest.raises(MCPError) as refused:
                await client.read_resource(uri)
            assert refused.value.code == INVALID_PARAMS
