"""A real witness on a port of this machine, for tests of whatever publishes to one."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from sayso.audit.signed_note.cosignature import CosignatureVerifier, Ed25519Cosigner
from sayso.audit.signed_note.witness_policy import WitnessPolicy
from sayso.audit.witness.records import open_records
from sayso.audit.witness.witness import Witness
from sayso.ids import Clock
from sayso.surfaces.witness import serve_witness
from sayso.testing.clock import FakeClock


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningWitness:
    """A witness that answers.

    Attributes:
        url: its submission prefix.
        key: its public key.
        witness: the rules behind it.
    """

    url: str
    key: CosignatureVerifier
    witness: Witness


@asynccontextmanager
async def running_witness(
    folder: Path,
    *log_vkeys: str,
    cosigner: Ed25519Cosigner | None = None,
    clock: Clock | None = None,
    port: int = 0,
) -> AsyncGenerator[RunningWitness]:
    """Run a witness in this event loop.

    Args:
        folder: its memory; the same folder again is the same witness later.
        log_vkeys: the keys of the logs that it knows.
        cosigner: its key; a new one when None.
        port: 0 takes any free one.
    """
    own = cosigner or Ed25519Cosigner.generate("witness.example/w1")
    logs = WitnessPolicy.parse("".join(f"log {vkey}\n" for vkey in log_vkeys) + "quorum none\n")
    listener = socket.create_server(("127.0.0.1", port))
    with open_records(folder) as records:
        witness = Witness([own], logs, records, clock or FakeClock())
        answering = asyncio.Queue[str]()
        task = asyncio.create_task(serve_witness(witness, listener, answering.put_nowait))
        try:
            url = await answering.get()
            yield RunningWitness(url=url, key=CosignatureVerifier.parse(own.vkey), witness=witness)
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
