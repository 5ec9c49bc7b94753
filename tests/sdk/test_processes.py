"""Live processes: each says what it has, and whoever activates a policy hears who lacks something.

A reload of a worker and of an MCP server, as `serve` does it, is looked at from here, too.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from actions.policy.test_versions import token_of
from actions.steps import decide, say, shown
from sdk.test_absent_connectors import order_tea, two
from support.tea_house import TeaHouse
from support.workspace import ENVIRONMENT, make_workspace

from sayso.audit.entry import Actor, ActorKind
from sayso.dispatch.fleet.worker import Sweep
from sayso.errors import Code, RetryableError
from sayso.sdk.background.presence import Presence
from sayso.sdk.background.reload import Reloads
from sayso.sdk.background.worker import work_on
from sayso.sdk.client import Sayso
from sayso.sdk.resources.processes import STALE_S
from sayso.sdk.resources.tokens import Scope
from sayso.sdk.setup.scaffold_tables import template
from sayso.sdk.tools.toolbox import Toolbox
from sayso.sdk.workspace import Workspace
from sayso.serving import listen
from sayso.store.base import Transaction
from sayso.surfaces.mcp import serve_http

pytestmark = pytest.mark.promise("processes:live")
SOON_S = 60.0


async def until(holds: Callable[[], Any]) -> None:
    """Wait until something is so, by asking."""
    async with asyncio.timeout(SOON_S):
        while not await holds():
            await asyncio.sleep(0)


@pytest.mark.usefixtures("store_url")
async def test_a_process_is_listed_until_it_ends_and_is_stale_once_it_says_nothing(
    tmp_path: Path,
) -> None:
    """By its beats alone: what was killed is told after three of them, and forgotten in a day."""
    async with two(tmp_path, TeaHouse()) as (whole, stale):
        assert await whole.sayso.processes.list() == []
        presence = Presence("worker")
        async with presence.of(stale.sayso):
            (one,) = await whole.sayso.processes.list()
            assert (one.kind, one.is_stale, "tea.serve" in one.actions) == ("worker", False, False)
            assert "shop.refund" in one.actions
            whole.clock.advance(seconds=STALE_S + 1)
            (one,) = await whole.sayso.processes.list()
            assert one.is_stale
            await presence.beat(stale.sayso)
            (one,) = await whole.sayso.processes.list()
            assert not one.is_stale
            async with Presence("serve").of(whole.sayso):
                assert len(await stale.sayso.processes.list()) == 2
            whole.clock.advance(minutes=60 * 25)
            async with Presence("serve").of(whole.sayso):
                (one,) = await whole.sayso.processes.list()
                assert one.kind == "serve"
        assert await whole.sayso.processes.list() == []


@pytest.mark.usefixtures("store_url")
async def test_activating_says_which_live_process_lacks_an_action(tmp_path: Path) -> None:
    """A warning with the names and the place, and no refusal; what is stale is not asked."""
    async with two(tmp_path, TeaHouse()) as (whole, stale):
        token = await token_of(whole.sayso, "maria")
        presence = Presence("serve")
        async with presence.of(stale.sayso), Presence("worker").of(whole.sayso):
            draft = tmp_path / "policy.cedar"
            draft.write_text(draft.read_text().replace("up to 50 runs", "up to 50 run"))
            done = await whole.sayso.policy.activate(token=token)
            assert done.version is not None
            (lack,) = done.lacking
            assert (lack.process.kind, lack.actions) == ("serve", ("tea.serve",))
            assert "lacks tea.serve" in lack.message
            whole.clock.advance(seconds=STALE_S + 1)
            assert await whole.sayso.policy.lacking() == ()


@pytest.mark.usefixtures("store_url")
async def test_a_reload_that_fails_leaves_what_was_shown(tmp_path: Path) -> None:
    """The row tells of the workspace that serves, whatever was opened beside it in vain."""
    async with two(tmp_path, TeaHouse()) as (whole, stale):
        presence = Presence("serve")
        async with presence.of(stale.sayso):
            async with presence.of(whole.sayso):
                (one,) = await whole.sayso.processes.list()
                assert "tea.serve" in one.actions
            (one,) = await whole.sayso.processes.list()
            assert "tea.serve" not in one.actions
        assert await whole.sayso.processes.list() == []


async def test_a_row_that_cannot_be_written_stops_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The process goes on, and says so once, and not with each beat."""

    class Full:
        async def write(self, work: Callable[[Transaction], object], *, about: str) -> object:
            raise RetryableError(Code.STORE_FULL, "no room")

    async with two(tmp_path, TeaHouse()) as (whole, _):
        container = whole.sayso.container
        store = container.store
        presence = Presence("serve")
        object.__setattr__(container, "store", Full())
        try:
            async with presence.of(whole.sayso):
                await presence.beat(whole.sayso)
        finally:
            object.__setattr__(container, "store", store)
        assert caplog.text.count("cannot say that it lives") == 1


@pytest.mark.usefixtures("store_url")
async def test_a_worker_takes_up_nothing_of_an_action_that_it_lacks(tmp_path: Path) -> None:
    """It put the row off for the others with each look, who had to wait for ever longer."""
    async with two(tmp_path, TeaHouse()) as (whole, stale):
        asked = await order_tea(whole)
        await decide(whole, say(await shown(whole, asked)), wait=False)

        def sweep(opened: Sayso) -> Sweep:
            container = opened.container
            return Sweep(container.store, container.clock, container.connectors.knows)

        for _ in range(4):
            assert await sweep(stale.sayso).take(1) == []
        (item,) = await sweep(whole.sayso).take(1)
        assert item.id == asked.id


@pytest.mark.usefixtures("store_url")
async def test_a_worker_ends_by_the_clock_what_waits_for_people(tmp_path: Path) -> None:
    """For that nobody asks a provider; with the last connector gone it would stand for ever."""
    async with two(tmp_path, TeaHouse()) as (whole, stale):
        asked = await order_tea(whole)
        stale.clock.advance(minutes=24 * 60)
        container = stale.sayso.container
        sweep = Sweep(container.store, container.clock, container.connectors.knows)
        assert [item.id for item in await sweep.take(1)] == [asked.id]


# ---- reloads -------------------------------------------------------------------------------------


def add_action(folder: Path) -> None:
    """Set a connector up in a folder, as a team does."""
    actions = folder / "actions"
    actions.mkdir(exist_ok=True)
    (actions / "points.py").write_text(template("action.py"))
    settings = folder / "sayso.toml"
    settings.write_text('actions = ["actions/*.py"]\n' + settings.read_text())


@asynccontextmanager
async def opened(folder: Path) -> AsyncGenerator[tuple[Sayso, Reloads, list[str]]]:
    """A workspace of files, with what reloads it."""
    make_workspace(folder)
    loaded = Workspace.load(folder, ENVIRONMENT)
    said: list[str] = []
    async with Sayso(loaded, mode="decide") as sayso:
        yield sayso, Reloads(loaded, folder, said.append, look_s=0.05), said


async def has(watcher: Sayso, name: str) -> bool:
    """Whether the one live process says that it has an action."""
    return any(name in one.actions for one in await watcher.processes.list())


@pytest.mark.promise("serve:reload")
async def test_a_worker_takes_up_a_connector_and_goes_on_where_it_cannot(tmp_path: Path) -> None:
    """Noticed by itself; files that are broken change nothing, and are said."""
    folder = tmp_path / "ws"
    async with (
        opened(folder) as (sayso, reloads, said),
        Sayso(Workspace.load(folder, ENVIRONMENT), mode="decide") as watcher,
    ):
        stop, begun = asyncio.Event(), list[str]()
        presence = Presence("worker", beat_s=0.05)
        async with asyncio.timeout(SOON_S), asyncio.TaskGroup() as tasks:
            tasks.create_task(
                work_on(sayso, stop, beside=presence.of, reloads=reloads, ready=begun.append)
            )
            await until(lambda: has(watcher, "stripe.refund"))
            (before,) = await watcher.processes.list()
            settings = (folder / "sayso.toml").read_text()
            (folder / "sayso.toml").write_text("this is no TOML")

            async def told() -> bool:
                return (await watcher.processes.list())[0].not_reloaded == "invalid_setting"

            await until(told)
            assert "not reloaded" in said[-1]
            (folder / "sayso.toml").write_text(settings)
            add_action(folder)
            await until(lambda: has(watcher, "points.grant"))
            (after,) = await watcher.processes.list()
            assert (after.id, after.started_at) == (before.id, before.started_at)
            assert after.connectors_sha256 != before.connectors_sha256
            stop.set()
        assert begun == ["embedded"]
        assert await watcher.processes.list() == []


@pytest.mark.promise("serve:reload")
async def test_an_mcp_server_takes_up_a_connector(tmp_path: Path) -> None:
    """The next list of tools has it, over the same address."""
    folder = tmp_path / "ws"
    async with opened(folder) as (sayso, reloads, _):
        _, secret = await sayso.tokens.create(
            sayso.tenant,
            "service",
            "bot",
            frozenset({Scope.PROPOSE}),
            days=1,
            by=Actor(kind=ActorKind.SYSTEM, id="test"),
        )
        urls: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        with listen("127.0.0.1", 0) as listener:
            serving = asyncio.create_task(
                serve_http(
                    sayso,
                    listener,
                    urls.set_result,
                    beside=Presence("mcp").of,
                    reloads=reloads,
                )
            )
            url = await urls
            headers = {
                "Authorization": f"Bearer {secret}",
                "Sayso-Subject": "cus_1",
                "Sayso-Assurance": "verified",
                "Accept": "application/json, text/event-stream",
            }
            ask: dict[str, object] = {
                "jsonrpc": "2.0",
                "id": 1,
                "method": "tools/list",
                "params": {},
            }
            async with httpx.AsyncClient(base_url=url, timeout=SOON_S) as http:

                async def listed() -> bool:
                    answer = await http.post("/mcp", json=ask, headers=headers)
                    assert answer.status_code == 200, answer.text
                    return "points_grant" in answer.text

                try:
                    assert not await listed()
                    add_action(folder)
                    await until(listed)
                finally:
                    serving.cancel()
                    await asyncio.wait([serving], timeout=SOON_S)


async def test_tools_become_those_of_another_workspace_once_their_calls_ended(
    tmp_path: Path,
) -> None:
    """For a client over stdio: what is under way is answered by who took it in."""
    async with two(tmp_path, TeaHouse()) as (whole, stale):
        toolbox = Toolbox(stale.sayso)
        assert toolbox.tool("tea_serve") is None
        await toolbox.become(Toolbox(whole.sayso), grace_s=SOON_S)
        assert toolbox.tool("tea_serve") is not None
        assert toolbox.sayso is whole.sayso
