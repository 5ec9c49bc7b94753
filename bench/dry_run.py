"""What a dry run takes of the processor, in process and over HTTP: counted by `bench.instructions`.

A refund that a person would be asked about is proposed over and over with `dry_run`, against the
sandbox of Stripe over real HTTP. The sandbox and, over HTTP, the caller are processes of their own,
so that what is counted is Sayso with Stripe's SDK, and the server around it.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import json
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from bench.counted import counting, instructions_within
from bench.place import make_workspace, working_folder
from bench.report import Row, show_progress
from sayso.actions.model.ledger import SYSTEM
from sayso.sandbox import API_KEY, Sandbox
from sayso.sdk.client import Sayso
from sayso.sdk.resources.tokens import Scope
from sayso.sdk.workspace import write_secret_file
from sayso.surfaces.http.server import serve

FIRST = 10
"""Calls that are not counted, since the first of a process load modules and fill caches."""
WAYS = ("in process", "over HTTP")
RATIO_BAR = 1.35
_ACTION, _ARGS, _WHO = "stripe.refund", {"charge": "ch_demo_ana_1"}, "cus_demo_ana"


def count(folder: Path, calls: int) -> dict[str, float]:
    """Millions of instructions of a dry run, by the way in."""
    found: dict[str, float] = {}
    with Sandbox.start(seed="demo") as sandbox:
        for way in WAYS:
            show_progress(f"{calls} dry runs {way} by valgrind")
            given = ["-m", "bench.dry_run", way, sandbox.url, str(calls)]
            found[way] = instructions_within(given, folder) / calls / 1e6
    return found


def rows_of(found: dict[str, float]) -> list[Row]:
    """The figures as the report has them; the last one has a bar."""
    alone, served = (found[way] for way in WAYS)
    case = f"instructions of a dry run over HTTP, at most {RATIO_BAR:g} times those in process"
    return [
        Row(case="instructions of a dry run in process", value=alone, unit="M"),
        Row(case=case, value=served, unit="M", ratio_to={"in process": served / alone}),
    ]


def is_met(found: dict[str, float]) -> bool:
    """Whether HTTP adds no more than it may."""
    alone, served = (found[way] for way in WAYS)
    return served <= RATIO_BAR * alone


async def _in_process(sayso: Sayso, calls: int) -> None:
    async def propose(times: int) -> None:
        for _ in range(times):
            view = await sayso.propose(_ACTION, _ARGS, subject=_WHO, dry_run=True)
            assert view.status == "pending_approval", view

    await propose(FIRST)
    with counting():
        await propose(calls)


async def _over_http(sayso: Sayso, calls: int) -> None:
    opened = sayso.container
    scopes = frozenset({Scope.PROPOSE})
    _, secret = await opened.tokens.create(
        opened.tenant, "service", "bench", scopes, days=1, by=SYSTEM
    )
    url: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    served = asyncio.create_task(serve(sayso, port=0, ready=url.set_result))
    command = ["-m", "bench.dry_run", "caller", await url, str(calls)]
    caller = await asyncio.create_subprocess_exec(
        sys.executable, *command, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert caller.stdin is not None
    assert caller.stdout is not None
    caller.stdin.write(f"{secret}\n".encode())
    await caller.stdout.readline()
    with counting():
        caller.stdin.write(b"go on\n")
        await caller.stdout.readline()
    caller.stdin.close()
    await caller.wait()
    served.cancel()
    await asyncio.wait([served])
    assert caller.returncode == 0, "a call was not answered with 200"


_DO: dict[str, Callable[[Sayso, int], Awaitable[None]]] = {
    "in process": _in_process,
    "over HTTP": _over_http,
}


async def _act(folder: Path, way: str, url: str, calls: int) -> None:
    write_secret_file(folder / "stripe.key", API_KEY)
    stripe = {"api_key": "file:stripe.key", "base_url": url}
    workspace = make_workspace(folder, connectors={"stripe": stripe})
    # Nothing else is due here, so that no other work is counted.
    async with Sayso(workspace, mode="decide") as sayso:
        await sayso.warm()
        await _DO[way](sayso, calls)


def _call(url: str, calls: int) -> None:
    """The caller: the same call over and over on one connection, with the token of its input.

    Says when the first calls are over, waits for a line, and says when all are.
    """
    connection = http.client.HTTPConnection(url.removeprefix("http://"))
    subject = {"id": _WHO, "assurance": "verified"}
    body = json.dumps({"action": _ACTION, "args": _ARGS, "subject": subject})
    bearer = f"Bearer {sys.stdin.readline().strip()}"
    headers = {"Authorization": bearer, "Content-Type": "application/json"}
    for number in (FIRST, calls):
        for _ in range(number):
            connection.request("POST", "/v1/actions?dry_run=true", body, headers)
            answer = connection.getresponse()
            read = answer.read()
            assert answer.status == 200, read
        sys.stdout.write("done\n")
        sys.stdout.flush()
        sys.stdin.readline()


def main() -> None:
    """One process of the bench."""
    parser = argparse.ArgumentParser(prog="python -m bench.dry_run", description=__doc__)
    parser.add_argument("way", choices=[*WAYS, "caller"])
    parser.add_argument("url", help="of the sandbox; for the caller, of the server")
    parser.add_argument("calls", type=int)
    asked = parser.parse_args()
    if asked.way == "caller":
        _call(asked.url, asked.calls)
        return
    with working_folder() as folder:
        asyncio.run(_act(folder / "workspace", asked.way, asked.url, asked.calls))


if __name__ == "__main__":
    main()
