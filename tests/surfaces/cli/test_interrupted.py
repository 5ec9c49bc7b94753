"""Ctrl-C while a command acts: it says what it leaves, and the rest of Sayso finishes that."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any, cast

import orjson
import pytest
from surfaces.cli.cli_workspace import CliWorkspace

from sayso.sandbox import Fault
from sayso.surfaces.cli.unfinished import until_cancelled

AMOUNT = '{"charge": "ch_demo_ana_2", "amount": {"amount_minor": 100, "currency": "USD"}}'
REFUND = ("propose", "stripe.refund", "--subject", "cus_demo_ana", "--args", AMOUNT)


@pytest.fixture(autouse=True)
def heeded() -> Iterator[None]:
    """A process that is started in the background ignores Ctrl-C, and so would its children."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def interrupted(cli: CliWorkspace, *words: str, path: str = "/v1/refunds") -> tuple[str, str]:
    """Press Ctrl-C once the provider has the call; what the command printed."""
    method = "POST" if path == "/v1/refunds" else "GET"
    cli.sandbox.add_faults(Fault(kind="hold_after", method=method, path=path))
    process = cli.process(*words)
    assert cli.sandbox.wait_until_held()
    process.send_signal(signal.SIGINT)
    out, errors = process.communicate(timeout=60)
    cli.sandbox.release()
    assert process.returncode == 130, (out, errors)
    assert "Traceback" not in errors
    return out, errors


@pytest.mark.promise("cli:interrupted")
def test_ctrl_c_after_the_call_says_that_it_left(cli: CliWorkspace) -> None:
    """The money moved, so whoever pressed it is told which action it was, and who goes on."""
    out, errors = interrupted(cli, *REFUND)
    (stored,) = cli.line.done("actions", "list")["items"]
    assert f"not done yet: {stored['id']}: its call has left" in errors
    step = "next: `python -m sayso serve` or `python -m sayso worker` finds out what became of it"
    assert step in errors
    assert errors.endswith("stopped\n")
    assert out == ""
    assert len(cli.sandbox.books().effects) == 1


@pytest.mark.promise("cli:interrupted")
def test_the_same_stands_in_the_document(cli: CliWorkspace) -> None:
    """For a script: the id, and what is left by code."""
    out, _ = interrupted(cli, *REFUND, "--json")
    (left,) = cast("dict[str, Any]", orjson.loads(out))["left"]
    assert (left["code"], left["action"]) == ("sent", orjson.loads(out)["id"])


@pytest.mark.promise("cli:interrupted")
def test_a_yes_and_a_request_say_it_too(cli: CliWorkspace) -> None:
    """Whatever command had the call made."""
    card = cli.pending()
    _, errors = interrupted(cli, "approvals", "approve", card["id"], "--yes")
    assert f"not done yet: {card['action_id']}: its call has left" in errors
    _, errors = interrupted(
        cli, "ask", "Please refund order 1042", "--subject", "cus_demo_ana", path="/v1/*"
    )
    assert "req_" in errors


def test_what_waits_for_the_lost_call_is_not_sent_to_a_person(cli: CliWorkspace) -> None:
    """Only an unknown outcome can be resolved; what is being called is looked up by a server."""
    interrupted(cli, *REFUND)
    (first,) = cli.line.done("actions", "list")["items"]
    assert first["status"] == "executing"
    second = cli.line(*REFUND)
    assert "next: start `sayso serve`" in second.out
    assert "actions settle" not in second.out
    (held,) = [line for line in second.out.splitlines() if line.startswith("held")]
    assert held.count(first["id"]) == 1
    cli.line("actions", "settle", first["id"], "--outcome", "failed", "--evidence", "seen").refused(
        "wrong_state"
    )


def test_before_anything_is_stored_it_says_that_nothing_is(cli: CliWorkspace) -> None:
    """Read at the provider only: nothing was begun that somebody would have to look for."""
    _, errors = interrupted(cli, *REFUND, path="/v1/*")
    assert errors == "nothing was stored, and nothing was sent\nstopped\n"
    assert cli.line.done("actions", "list")["items"] == []


@pytest.mark.promise("cli:interrupted")
async def test_long_work_that_never_waits_ends_with_ctrl_c() -> None:
    """`audit verify` of a workspace went on to its end, since nothing could be cancelled in it."""
    heard: list[int] = []

    async def work() -> None:
        report = until_cancelled(lambda done, total: heard.append(done))
        report(1, 3)
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        report(2, 3)

    with pytest.raises(asyncio.CancelledError):
        await asyncio.create_task(work())
    assert heard == [1]


_EARLY = """
import sys

class CtrlC:
    def find_spec(self, name, path=None, target=None):
        if name == "typer":
            raise KeyboardInterrupt

sys.meta_path.insert(0, CtrlC())
from sayso.__main__ import main
"""


@pytest.mark.promise("cli:interrupted")
def test_ctrl_c_while_sayso_is_still_loaded_shows_no_traceback() -> None:
    """The first half second is spent on imports, and whoever mistyped presses it at once."""
    done = subprocess.run(
        [sys.executable, "-c", _EARLY], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "stopped\n")
