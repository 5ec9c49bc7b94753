"""`sayso serve` in a process of its own, watched from outside."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from bench.place import with_bytecode
from bench.throughput.flow import Place
from bench.throughput.sayso import PERSON

ROOT = Path(__file__).parents[2]
READY_WITHIN_S = 120.0
CALM_WITHIN_S, CALM_LOOK_S, CALM_PERCENT = 600.0, 5.0, 8.0
"""A server that judges what it has not read yet takes a quarter of a core."""
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
TOML = """
actions = ["actions/*.py"]

[workspace]
name = "bench"

[store]
url = "{url}"

[policy]
files = ["policy/*.cedar"]

[[people]]
id = "{person}"
roles = ["support_manager"]
"""


def write_settings(place: Place, *, fleet: bool = False, more: str = "") -> None:
    """The files that a served workspace has, beside those that `new_workspace` wrote.

    Args:
        more: tables of sayso.toml behind its own.
    """
    text = TOML.format(url=place.url or "sqlite:///sayso.db", person=PERSON) + more
    if fleet:
        text += '\n[dispatch]\nengine = "fleet"\n'
    (place.folder / "sayso.toml").write_text(text, encoding="utf-8")
    (place.folder / "actions").mkdir(exist_ok=True)
    text = "from bench.waiting.shop import CONNECTORS\n\n__all__ = ['CONNECTORS']\n"
    (place.folder / "actions" / "shop.py").write_text(text, encoding="utf-8")


class Served:
    """A running server. Made by `serve`.

    Attributes:
        port: where it listens. ready_s: from starting the process until `/readyz` said 200.
    """

    def __init__(self, process: subprocess.Popen[bytes], port: int, ready_s: float) -> None:
        self._process = process
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self.port = port
        self.ready_s = ready_s

    def close(self) -> None:
        """Let go of the connection."""
        self._connection.close()

    @property
    def pid(self) -> int:
        """Of its process."""
        return self._process.pid

    @property
    def resident_mb(self) -> float:
        """Its resident memory now."""
        pages = Path(f"/proc/{self._process.pid}/statm").read_text(encoding="ascii").split()[1]
        return int(pages) * _PAGE_BYTES / 1e6

    @property
    def descriptors(self) -> int:
        """How many files and sockets it has open now."""
        return sum(1 for _ in Path(f"/proc/{self._process.pid}/fd").iterdir())

    @property
    def cpu_s(self) -> float:
        """Processor seconds of the process so far."""
        return cpu_of(self._process.pid)

    def idle_share(self, seconds: float) -> float:
        """Per cent of a core while nobody asks for anything."""
        before, begin = self.cpu_s, time.perf_counter()
        time.sleep(seconds)
        return (self.cpu_s - before) / (time.perf_counter() - begin) * 100

    def until_calm(self) -> float:
        """Wait until it has read what nobody has judged yet; the processor seconds that took."""
        begun, ends = self.cpu_s, time.monotonic() + CALM_WITHIN_S
        while self.idle_share(CALM_LOOK_S) > CALM_PERCENT:
            if time.monotonic() > ends:
                raise RuntimeError(f"the server is not calm after {CALM_WITHIN_S:g} s")
        return self.cpu_s - begun

    def ask(
        self, method: str, path: str, token: str, body: dict[str, Any] | None = None, key: str = ""
    ) -> tuple[float, dict[str, Any]]:
        """Seconds of one call on a kept connection, and its document.

        Raises:
            AssertionError: it was not answered with 2xx.
        """
        headers = {"Authorization": f"Bearer {token}"}
        if body is not None:
            headers |= {"Content-Type": "application/json", "Idempotency-Key": key}
        sent = None if body is None else json.dumps(body)
        begin = time.perf_counter()
        self._connection.request(method, path, sent, headers)
        answer = self._connection.getresponse()
        content = answer.read()
        took_s = time.perf_counter() - begin
        assert 200 <= answer.status < 300, (answer.status, content[:500])
        return took_s, cast("dict[str, Any]", json.loads(content))


def cpu_of(pid: int) -> float:
    """Processor seconds of a process, all threads."""
    stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    fields = stat.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S


@contextmanager
def serve(place: Place, more: str = "") -> Generator[Served]:
    """Start a server on the workspace and wait until it is ready; end it afterwards.

    Args:
        more: tables of sayso.toml.
    """
    write_settings(place, more=more)
    port = _free_port()
    environment = with_bytecode(place.folder.parent / "bytecode") | {"PYTHONPATH": str(ROOT)}
    errors = place.folder / "serve.log"
    with errors.open("wb") as log:
        begin = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-m", "sayso", "serve", "--port", str(port)],
            cwd=place.folder,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=log,
        )
    try:
        while not _is_ready(port):
            took_s = time.perf_counter() - begin
            if process.poll() is not None or took_s > READY_WITHIN_S:
                raise RuntimeError(f"the server did not start: {errors.read_text()[-1000:]}")
            time.sleep(0.01)
        served = Served(process, port, time.perf_counter() - begin)
        with contextlib.closing(served):
            yield served
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def run_worker(place: Place) -> Generator[int]:
    """Start a worker of a fleet on the workspace; its process id, once it works."""
    write_settings(place, fleet=True)
    environment = with_bytecode(place.folder.parent / "bytecode") | {"PYTHONPATH": str(ROOT)}
    with (place.folder / "worker.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "sayso", "worker", "--json"],
            cwd=place.folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=log,
        )
    assert process.stdout is not None
    try:
        said = b"".join(iter(process.stdout.readline, b"}\n"))
        assert b"dbos" in said, (said, (place.folder / "worker.log").read_text()[-1000:])
        yield process.pid
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def _is_ready(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        answer.read()
        return answer.status == 200
    except OSError:
        return False
    finally:
        connection.close()


def _free_port() -> int:
    with contextlib.closing(socket.socket()) as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
