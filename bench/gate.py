"""What attackers cost others over HTTP: `python -m bench.gate [--rounds N] [--seconds S] [--json]`.

A real `sayso serve` in a process of its own. A caller with a token reads actions every 20 ms:
alone, beside 600 connections whose headers never end, and beside four clients that send tokens
nobody made, as fast as they are answered. Each round measures all three, so that the machine's
other work weighs on each alike; the ratio is the median of the rounds' ratios. The program's log
and the audit log are weighed before and after.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import secrets
import selectors
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Generator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from bench.place import with_bytecode, working_folder
from bench.report import Report, Row, median, print_report, show_progress

HALF_OPEN = 600
FLOODERS = 4
EVERY_S = 0.02
RATIO_BAR = 3.0
GROWTH_BAR_BYTES = 1_000_000
_WAIT_S = 60.0


@dataclass
class Heard:
    """What the caller met: seconds of each answer, and how many weren't 200."""

    seconds: list[float] = field(default_factory=list[float])
    refused: int = 0

    @property
    def p99(self) -> float:
        """The 99th percentile, in seconds."""
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A running server."""

    host: str
    port: int
    token: str
    folder: Path
    log: Path

    def log_bytes(self) -> int:
        """How long the program's log is."""
        return self.log.stat().st_size

    def audit_bytes(self) -> int:
        """How long the entries of the audit log are together."""
        with closing(sqlite3.connect(self.folder / "sayso.db")) as rows:
            (found,) = rows.execute("select sum(length(body)) from log_entry").fetchone()
        return int(found or 0)


def _sayso(folder: Path, *words: str) -> bytes:
    command = [sys.executable, "-m", "sayso", *words]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=120).stdout


@contextmanager
def serving(folder: Path) -> Generator[Served]:
    """`sayso serve` in a new workspace."""
    place = folder / "gate"
    _sayso(folder, "init", "gate", "--json")
    made = _sayso(place, "token", "create", "--service", "bot", "--scope", "actions:read", "--json")
    log = folder / "serve.log"
    env = with_bytecode(folder / "bytecode") | {"STRIPE_API_KEY": f"sk_test_{secrets.token_hex(8)}"}
    command = [sys.executable, "-m", "sayso", "serve", "--port", "0", "--json"]
    with (
        log.open("wb") as written,
        subprocess.Popen(
            command, cwd=place, env=env, stdout=subprocess.PIPE, stderr=written, text=True
        ) as server,
    ):
        try:
            assert server.stdout is not None
            url = orjson.loads("".join(iter(server.stdout.readline, "}\n")) + "}")["url"]
            host, port = url.removeprefix("http://").rsplit(":", 1)
            token = orjson.loads(made)["secret"]
            yield Served(host=host, port=int(port), token=token, folder=place, log=log)
        finally:
            server.send_signal(signal.SIGINT)
            server.wait(_WAIT_S)


def call(served: Served, seconds: float, heard: Heard) -> None:
    """Read actions at a steady pace, and `/healthz` now and then."""
    line = http.client.HTTPConnection(served.host, served.port, timeout=_WAIT_S)
    until, number = time.monotonic() + seconds, 0
    with closing(line):
        while time.monotonic() < until:
            path = "/healthz" if number % 20 == 19 else "/v1/actions?limit=1"
            began = time.perf_counter()
            line.request("GET", path, headers={"Authorization": f"Bearer {served.token}"})
            answer = line.getresponse()
            answer.read()
            took = time.perf_counter() - began
            heard.seconds.append(took)
            heard.refused += answer.status != http.client.OK
            number += 1
            time.sleep(max(0.0, EVERY_S - took))


@contextmanager
def half_open(served: Served) -> Generator[None]:
    """So many connections at every moment, each with headers that never end."""
    ended = threading.Event()

    def hold() -> None:
        watched = selectors.DefaultSelector()
        with contextlib.suppress(OSError):
            for _ in range(HALF_OPEN):
                _open_half(served, watched)
            while not ended.is_set():
                for key, _ in watched.select(0.1):
                    # Closed by the server, as is right; the attacker comes back at once.
                    watched.unregister(key.fileobj)
                    one = key.fileobj
                    assert isinstance(one, socket.socket)
                    one.close()
                    _open_half(served, watched)
        for key in list(watched.get_map().values()):
            one = key.fileobj
            assert isinstance(one, socket.socket)
            one.close()

    attacker = threading.Thread(target=hold, name="half open")
    attacker.start()
    time.sleep(0.5)
    try:
        yield
    finally:
        ended.set()
        attacker.join(_WAIT_S)


def _open_half(served: Served, watched: selectors.BaseSelector) -> None:
    one = socket.create_connection((served.host, served.port), timeout=_WAIT_S)
    one.sendall(b"GET /v1/actions HTTP/1.1\r\nHost: x\r\nX-Slow: ")
    watched.register(one, selectors.EVENT_READ)


@contextmanager
def flooded(served: Served) -> Generator[None]:
    """Four clients in a process of their own, each with a new token for each call."""
    command = [sys.executable, "-m", "bench.gate", "--flood", served.host, str(served.port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as attacker:
        assert attacker.stdout is not None
        assert attacker.stdout.readline() == "ready\n"
        time.sleep(0.5)  # until all four have used up what a stranger may do at once
        try:
            yield
        finally:
            attacker.kill()


def flood(host: str, port: int) -> None:
    """Be the four clients, until killed."""

    def guess() -> None:
        line = http.client.HTTPConnection(host, port, timeout=_WAIT_S)
        while True:
            guessed = f"Bearer csk_live_{secrets.token_hex(20)}"
            try:
                line.request("GET", "/v1/actions?limit=1", headers={"Authorization": guessed})
                line.getresponse().read()
            except (OSError, http.client.HTTPException):
                line.close()

    for _ in range(FLOODERS):
        threading.Thread(target=guess, daemon=True).start()
    print("ready", flush=True)
    threading.Event().wait()


def measure(served: Served, rounds: int, seconds: float) -> list[Row]:
    """All three cases so often."""
    heard: dict[str, list[Heard]] = {"alone": [], "half-open": [], "bad tokens": []}
    attacks = {"half-open": half_open, "bad tokens": flooded}
    call(served, 1.0, Heard())
    log, audit = served.log_bytes(), served.audit_bytes()
    for number in range(rounds):
        for case, found in heard.items():
            show_progress(f"round {number + 1} of {rounds}: {case}")
            found.append(Heard())
            with ExitStack() as stack:
                if case in attacks:
                    stack.enter_context(attacks[case](served))
                call(served, seconds, found[-1])
    alone = median([one.p99 for one in heard["alone"]])
    rows = [Row(case="p99 alone", value=alone * 1000, unit="ms")]
    for case in attacks:
        pairs = zip(heard[case], heard["alone"], strict=True)
        ratio = median([under.p99 / free.p99 for under, free in pairs])
        p99 = median([one.p99 for one in heard[case]])
        rows.append(
            Row(case=f"p99 beside {case}", value=p99 * 1000, unit="ms", ratio_to={"alone": ratio})
        )
    refused = sum(one.refused for found in heard.values() for one in found)
    return [
        *rows,
        Row(case="calls of the token not answered with 200", value=refused, unit="calls"),
        Row(case="the program's log grew", value=served.log_bytes() - log, unit="bytes"),
        Row(case="the audit log grew", value=served.audit_bytes() - audit, unit="bytes"),
    ]


def is_met(rows: Sequence[Row]) -> bool:
    """Whether every bar is met."""
    ratios = [row.ratio_to["alone"] for row in rows if row.ratio_to is not None]
    values = {row.case: row.value for row in rows}
    grew = values["the program's log grew"] + values["the audit log grew"]
    answered = values["calls of the token not answered with 200"] == 0
    return max(ratios) < RATIO_BAR and grew < GROWTH_BAR_BYTES and answered


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it; 1 where a bar is not met."""
    parser = argparse.ArgumentParser(prog="python -m bench.gate", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=8.0, help="of each case of a round")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--flood", nargs=2, metavar=("HOST", "PORT"), help=argparse.SUPPRESS)
    asked = parser.parse_args(arguments)
    if asked.flood:
        flood(asked.flood[0], int(asked.flood[1]))
    with working_folder() as folder, serving(folder) as served:
        rows = measure(served, max(1, asked.rounds), asked.seconds)
    report = Report(name="gate", rows=rows, ok=is_met(rows))
    print_report(report, as_json=asked.json)
    return 0 if report.ok else 1


if __name__ == "__main__":
    sys.exit(main())
