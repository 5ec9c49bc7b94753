"""Kills whoever sends webhooks, and whoever receives them: `python -m bench.webhooks --kills N`.

Two processes share a database, have refunds made, and call one receiver with every change; at
random moments one of them is killed by SIGKILL and replaced, and the receiver goes down and comes
back. In the end every event of the log is looked for among what the receiver has taken.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import random
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from support.postgres_server import run_postgres
from support.receiver import Receiver
from support.shop import Shop

from bench.crash.lane import StoreKind, Stores
from bench.overhead.sayso import POLICY
from bench.place import with_bytecode, working_folder
from bench.report import Report, Row, print_report, show_progress
from sayso.audit.signed_note.note import Ed25519Signer
from sayso.connectors.vault import new_key
from sayso.errors import OutcomeUnknownError, RetryableError
from sayso.money import Money
from sayso.sdk.client import Sayso
from sayso.sdk.views.rows import EventView
from sayso.sdk.webhooks.sender import DeliveryPace, WebhookSender
from sayso.sdk.workspace import Workspace, write_secret_file
from sayso.settings import parse_settings

FAST = DeliveryPace(timeout_s=1.0, lease_s=4.0, item_pauses_s=(0.1, 0.3, 1.0), longest_pause_s=1.0)
"""As in earnest, but for waiting."""
FAST_SERVER = {"fsync": "off"}
"""Processes are killed here, and not the power: what the kernel has, it keeps."""
WORKERS = 2
LONGEST_S = 1.5
DOWN = 0.3
"""How often the receiver is down for a while before somebody is killed."""
CALLERS = 2
_READY_S, _END_S = 60.0, 120.0


def open_workspace(folder: Path, store_url: str) -> Workspace:
    """The workspace of a worker."""
    values: dict[str, object] = {
        "workspace": {"name": "bench"},
        "store": {"url": store_url},
        "policy": {"files": ["shop.cedar"], "follow": "files"},
        "people": [{"id": "maria", "roles": ["support_manager"]}],
        "webhooks": {"local": True},
    }
    settings = parse_settings(values, "sayso.toml")
    return Workspace(folder=folder.absolute(), settings=settings, environment={})


def prepare(folder: Path, store_url: str) -> Workspace:
    """The same, made anew."""
    (folder / "shop.cedar").write_text(POLICY, encoding="utf-8")
    key = Ed25519Signer.generate("bench").to_text()
    write_secret_file(folder / "keys" / "log.key", key)
    write_secret_file(folder / "keys" / "vault.key", new_key(secrets.token_bytes).reveal())
    return open_workspace(folder, store_url)


async def work(folder: Path, store_url: str, name: str) -> None:
    """A worker: has refunds made, and sends; until it is killed."""
    logging.getLogger("sayso").setLevel(logging.CRITICAL)
    shop, numbers = Shop(), count()
    workspace = open_workspace(folder, store_url)
    async with Sayso(workspace, mode="decide", connectors=[shop]) as sayso:

        async def call() -> None:
            while True:
                order = f"{name}-{next(numbers)}"
                shop.books.add(order, f"cus_{order}", Money(2_000, "USD"))
                try:
                    await sayso.propose("shop.refund", {"order": order}, subject=f"cus_{order}")
                except (RetryableError, OutcomeUnknownError):
                    continue
                await asyncio.sleep(0.05)

        print("ready", flush=True)
        async with asyncio.TaskGroup() as group:
            group.create_task(WebhookSender(sayso.container, workspace, FAST).run())
            for _ in range(CALLERS):
                group.create_task(call())


class Crew:
    """The workers."""

    def __init__(self, folder: Path, store_url: str) -> None:
        self._folder, self._store_url = folder, store_url
        self._started = 0
        self._living = [self._start() for _ in range(WORKERS)]

    def kill(self, slot: int) -> None:
        """Kill one, and have another one in its place."""
        self._end(self._living[slot])
        self._living[slot] = self._start()

    def end(self) -> None:
        """Kill all."""
        for process in self._living:
            self._end(process)

    def _start(self) -> subprocess.Popen[str]:
        self._started += 1
        words = ["--worker", str(self._folder), self._store_url, f"w{self._started}"]
        process = subprocess.Popen(
            [sys.executable, "-m", "bench.webhooks", *words],
            stdout=subprocess.PIPE,
            text=True,
            env=with_bytecode(self._folder / "bytecode"),
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n", "a worker does not begin"
        return process

    def _end(self, process: subprocess.Popen[str]) -> None:
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=_READY_S)


async def finish(workspace: Workspace) -> list[EventView]:
    """Send what is left, and give all that should have arrived."""
    async with Sayso(workspace, mode="decide", connectors=[Shop()]) as sayso:
        sender = asyncio.create_task(WebhookSender(sayso.container, workspace, FAST).run())
        async with asyncio.timeout(_END_S):
            while not await _is_told(sayso):
                await asyncio.sleep(0.1)
        sender.cancel()
        events: list[EventView] = []
        after = -1
        while True:
            page, reached = await sayso.events.since(after)
            if reached == after:
                return events
            events += page
            after = reached


async def _is_told(sayso: Sayso) -> bool:
    (endpoint,) = await sayso.webhooks.list()
    if endpoint.waiting:
        return False
    rows = await sayso.container.store.read(
        lambda reader: reader.all("webhook.of_tenant", tenant=sayso.tenant)
    )
    behind = await sayso.events.newest() - int(rows[0]["read_to"] or 0)
    return behind <= 0


def campaign(folder: Path, store_url: str, kills: int, seed: int) -> list[Row]:
    """Kill so many times, then judge."""
    workspace = prepare(folder, store_url)
    with Receiver() as receiver:

        async def add() -> None:
            async with Sayso(workspace, mode="decide", connectors=[Shop()]) as sayso:
                made = await sayso.webhooks.add(receiver.url)
                receiver.secrets.append(made.secret or "")

        asyncio.run(add())
        crew = Crew(folder, store_url)
        down = 0
        try:
            for number in range(kills):
                show_progress(f"{number} of {kills} kills, {len(receiver.taken)} taken")
                chance = random.Random(f"{seed}/{number}")
                is_down = chance.random() < DOWN
                if is_down:
                    receiver.stop()
                    down += 1
                time.sleep(chance.random() ** 2 * LONGEST_S)
                crew.kill(number % WORKERS)
                if is_down:
                    receiver.start()
        finally:
            crew.end()
        events = asyncio.run(finish(workspace))
    return [
        Row(case="senders killed", value=kills, unit="kills"),
        Row(case="receiver down", value=down, unit="times"),
        *judge(events, receiver),
    ]


def judge(events: Sequence[EventView], receiver: Receiver) -> list[Row]:
    """What of the log the receiver has not, has in another order, or has twice."""
    taken = {got.data["seq"] for got in receiver.taken}
    lost = [event for event in events if event.seq not in taken]
    disordered = [seqs for seqs in receiver.firsts().values() if seqs != sorted(seqs)]
    doubles = sum(times - 1 for times in receiver.counts().values())
    return [
        Row(case="events", value=len(events), unit="events"),
        Row(case="lost", value=len(lost), unit="events"),
        Row(case="disordered", value=len(disordered), unit="items"),
        Row(case="not verified", value=len(receiver.strange), unit="messages"),
        Row(case="told twice", value=doubles, unit="messages"),
    ]


@contextmanager
def store_of(kind: StoreKind, folder: Path) -> Generator[str]:
    """The URL of a new database."""
    with contextlib.ExitStack() as ends:
        server = (
            ends.enter_context(run_postgres(settings=FAST_SERVER)) if kind != "sqlite" else None
        )
        yield Stores(server).make(folder, kind, "webhooks")[0]


MUST_BE_0 = ("lost", "disordered", "not verified")


def main(argv: list[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m bench.webhooks", description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--store", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--worker", nargs=3, help=argparse.SUPPRESS)
    chosen = parser.parse_args(argv)
    if chosen.worker:
        folder, store_url, name = chosen.worker
        asyncio.run(work(Path(folder), store_url, name))
        return 0
    with working_folder() as folder, store_of(chosen.store, folder) as store_url:
        rows = campaign(folder, store_url, chosen.kills, chosen.seed)
    ok = all(row.value == 0 for row in rows if row.case in MUST_BE_0)
    return print_report(Report(name="webhooks", rows=rows, ok=ok), as_json=chosen.json)


if __name__ == "__main__":
    raise SystemExit(main())
