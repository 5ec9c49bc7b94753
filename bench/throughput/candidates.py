"""Who is measured, on which stores, and how one measurement is made."""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import cast

from bench import disk
from bench.place import with_bytecode
from bench.throughput import full as throughput_full
from bench.throughput.flow import AsyncPeer, Flow, Place, drive_tasks, drive_threads
from bench.throughput.server import Syncs
from sayso.json import JsonValue

SQLITE, POSTGRES = "sqlite", "postgres"
TIMEOUT_S = 120
PEERS = ("langgraph", "dbos", "ctrlrun", "airlock", "holdpoint")
MODULES = {
    "langgraph": ("langgraph", "langgraph.checkpoint.sqlite", "langgraph.checkpoint.postgres"),
    "dbos": ("dbos",),
    "ctrlrun": ("ctrlrun",),
    "airlock": ("airlock",),
    "holdpoint": ("holdpoint",),
}
_ON_SQLITE_ALONE = frozenset({"holdpoint"})


_IN_FILE = ("ctrlrun", "airlock", "holdpoint")


def durable_of(peer: str, store: str) -> tuple[str, ...]:
    """The same peer made to sync its commits, where by itself it does not: SQLite's NORMAL."""
    return (f"{peer}-full",) if store == SQLITE and peer in _IN_FILE else ()


def is_installed(peer: str) -> bool:
    """Whether the peer can be measured here; nothing is imported but parent packages."""
    return all(importlib.util.find_spec(module) is not None for module in MODULES[peer])


def candidates_of(peer: str, store: str) -> tuple[str, ...]:
    """How a peer is measured on a store: LangGraph in threads and in tasks, or not at all."""
    if peer == "langgraph":
        return ("langgraph-threads", "langgraph-tasks")
    return () if store == POSTGRES and peer in _ON_SQLITE_ALONE else (peer,)


def measure_here(name: str, place: Place, actions: int, at_once: int) -> Flow:
    """Measure in this process; each branch imports only what it measures."""
    match name:
        case "disk":
            taken = disk.measure(place.folder, actions)
            return Flow(execute_s=taken.each_s, all_s=taken.all_s, cpu_s=taken.cpu_s)
        case "sayso":
            from bench.throughput import sayso as throughput_sayso

            throughput_sayso.new_workspace(place)
            return _in_tasks(throughput_sayso.open_async_peer, place, actions, at_once)
        case "sayso-again":
            from bench.throughput import sayso as throughput_sayso

            return _in_tasks(throughput_sayso.open_async_peer, place, actions, at_once)
        case "langgraph-tasks":
            from bench.peers import throughput_langgraph

            return _in_tasks(throughput_langgraph.open_async_peer, place, actions, at_once)
        case _:
            module = name.removesuffix("-threads").removesuffix("-full")
            if name.endswith("-full"):
                throughput_full.sync_every_commit()
            peer = importlib.import_module(f"bench.peers.throughput_{module}")
            with peer.open_peer(place) as opened:
                return drive_threads(opened, actions, at_once, place.syncs)


def _in_tasks(
    opening: Callable[[Place], AbstractAsyncContextManager[AsyncPeer]],
    place: Place,
    actions: int,
    at_once: int,
) -> Flow:
    async def run() -> Flow:
        async with opening(place) as peer:
            return await drive_tasks(peer, actions, at_once, place.syncs)

    return asyncio.run(run())


def measure(
    name: str, place: Place, actions: int, at_once: int, syncs: Syncs, *, here: bool = False
) -> Flow | None:
    """Measure in a process of its own; None when it fails or takes too long.

    On SQLite the syncs of that process count, on PostgreSQL those of the server's.

    Args:
        here: in this process instead, for a quick look.
    """
    if here:
        return measure_here(name, place, actions, at_once)
    own = syncs.counter(f"{name}.syncs") if place.store == SQLITE else None
    counter = own or place.syncs
    command = [sys.executable, "-m", "bench.throughput", "--one", name, "--url", place.url]
    command += ["--stores", place.store, "--folder", str(place.folder)]
    command += ["--actions", str(actions), "--at-once", str(at_once)]
    command += ["--syncs", str(counter or "")]
    environment = with_bytecode(place.folder.parent / "bytecode") | syncs.variables(own)
    try:
        done = subprocess.run(
            command, check=True, capture_output=True, timeout=TIMEOUT_S, env=environment
        )
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        said = (error.stderr or b"").decode("utf-8", "replace").strip().splitlines() or ["-"]
        what = f"{name} on {place.store}, {at_once} at once: {type(error).__name__}"
        print(f"{what}: {said[-1][:200]}", file=sys.stderr)
        return None
    return Flow.from_json(cast("dict[str, JsonValue]", json.loads(done.stdout.splitlines()[-1])))
