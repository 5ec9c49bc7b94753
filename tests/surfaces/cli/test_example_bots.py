"""examples/bot_*.py: each converses, has a refund done, waits for a person, and tells the truth."""

from __future__ import annotations

import asyncio
import queue
import runpy
import subprocess
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest
from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from support.commands import start_command
from surfaces.cli.cli_workspace import CliWorkspace, clean_environment
from surfaces.cli.test_servers import running
from tree import ROOT

from sayso import Sayso
from sayso.testing.models import ScriptedModel

ANA = "cus_demo_ana"
WISH, YES = (
    "My mugs came broken. I think my money back for order 1042 would be fair?",
    "Yes, please",
)
ASKED, WAITS, DONE = "Is that right?", "Nothing has been done yet", "We have refunded you $129.00"
Say = Callable[[str], None]
Hear = Callable[[], str]
_LONGEST_S = 120.0
BOTS = sorted(path.name for path in (ROOT / "examples").glob("bot_*.py"))


@contextmanager
def bot(name: str, *words: str, **variables: str) -> Generator[tuple[Say, Hear]]:
    """The example as a process: what is typed, and what it prints."""
    process = start_command(
        *words,
        program=[str(ROOT / "examples" / name)],
        cwd=Path.cwd(),
        env=clean_environment() | variables,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    typed, printed = process.stdin, process.stdout

    def say(text: str) -> None:
        typed.write(f"{text}\n")
        typed.flush()

    def hear() -> str:
        found = printed.readline()
        assert found, process.communicate(timeout=60)[1]
        return found

    # A bot that waits for another answer than the one that came would wait for ever.
    late = threading.Timer(_LONGEST_S, process.kill)
    late.start()
    try:
        yield say, hear
        _, errors = process.communicate(timeout=60)  # the input ends, and so does the bot
        assert process.returncode == 0, errors
    finally:
        late.cancel()
        process.kill()
        process.wait()


def approve(cli: CliWorkspace) -> None:
    """The approver that `init` made says yes."""
    (asked,) = cli.line.done("approvals", "list")["items"]
    assert cli.line("approvals", "approve", str(asked["id"]), "--yes").status == 0


def talk(cli: CliWorkspace, say: Say, hear: Hear) -> None:
    """A whole conversation, and what the provider's books hold after each part of it."""
    say(WISH)
    assert ASKED in until(hear, ASKED)
    assert cli.sandbox.books().effects == ()
    say(YES)
    assert WAITS in until(hear, WAITS)
    assert cli.sandbox.books().effects == ()
    approve(cli)
    assert DONE in until(hear, DONE)
    assert [one.amount for one in cli.sandbox.books().effects] == [12_900]


def until(hear: Hear, wanted: str) -> str:
    """The first line of at most ten with these words; a reply may have several."""
    heard = ""
    for _ in range(10):
        heard += hear()
        if wanted in heard:
            return heard
    raise AssertionError(heard)


@pytest.mark.parametrize("name", BOTS)
def test_a_bot_is_short(name: str) -> None:
    """It is there to be read."""
    assert len((ROOT / "examples" / name).read_text(encoding="utf-8").splitlines()) < 60


def test_every_bot_is_run_here() -> None:
    """Whoever adds one adds its conversation."""
    assert BOTS == ["bot_http.py", "bot_langgraph.py", "bot_mcp.py", "bot_python.py"]


@pytest.mark.promise("bots:truth")
@pytest.mark.parametrize("name", ["bot_python.py", "bot_mcp.py"])
def test_a_bot_in_the_workspace_converses(cli: CliWorkspace, name: str) -> None:
    """In Python, and as an MCP client over stdio."""
    key = cli.sandbox.api_key
    with bot(name, str(cli.folder), ANA, STRIPE_API_KEY=key) as (say, hear):
        talk(cli, say, hear)


@pytest.mark.promise("bots:truth")
def test_a_bot_over_http_converses(cli: CliWorkspace) -> None:
    """A server, a token, and a client that knows nothing of Python's SDK."""
    token = str(cli.line.done("token", "create", "--service", "bot")["secret"])
    with (
        running(cli.process("serve", "--port", "0", "--json")) as ready,
        bot("bot_http.py", str(ready["url"]), ANA, SAYSO_TOKEN=token) as (say, hear),
    ):
        talk(cli, say, hear)


class Typed:
    """Standard input that waits for what is said."""

    def __init__(self) -> None:
        self._lines: queue.Queue[str] = queue.Queue()

    def say(self, text: str) -> None:
        """Type a line."""
        self._lines.put(f"{text}\n")

    def readline(self) -> str:
        """The next line."""
        return self._lines.get(timeout=60)


def content(messages: list[BaseMessage]) -> dict[str, Any]:
    """What the last tool told."""
    (last,) = [one for one in messages[-1:] if isinstance(one, ToolMessage)]
    found: dict[str, Any] = orjson.loads(str(last.content))
    return found


@pytest.mark.promise("bots:truth")
async def test_a_graph_converses(cli: CliWorkspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a scripted model in place of a provider's: it hands words over, and repeats answers."""
    monkeypatch.setenv("STRIPE_API_KEY", cli.sandbox.api_key)
    example = runpy.run_path(str(ROOT / "examples" / "bot_langgraph.py"))
    typed, heard = Typed(), queue.Queue[str]()
    monkeypatch.setattr(sys, "stdin", typed)
    request: dict[str, Any] = {}

    def question(messages: list[BaseMessage]) -> str:
        request.update(content(messages))
        return str(request["question"]["text"])

    def answer(_: list[BaseMessage]) -> AIMessage:
        args = {"id": request["id"], "question": 1, "message": YES}
        return AIMessage("", tool_calls=[{"name": "answer", "args": args, "id": "2"}])

    def truth(messages: list[BaseMessage]) -> str:
        return str(content(messages)["tell_customer"])

    def show(text: object, **_: object) -> None:
        heard.put(str(text))

    asked = AIMessage("", tool_calls=[{"name": "ask", "args": {"message": WISH}, "id": "1"}])
    model = ScriptedModel(replies=[asked, question, answer, truth])
    monkeypatch.setitem(example["converse"].__globals__, "print", show)
    async with Sayso.open(str(cli.folder)) as sayso:
        talking = asyncio.create_task(example["converse"](sayso, ANA, model))
        await asyncio.to_thread(talk, cli, typed.say, lambda: heard.get(timeout=60))
        typed.say("")
        await talking
