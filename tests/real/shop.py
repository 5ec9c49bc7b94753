"""A Vendure of npm's, on PostgreSQL, with its acquirer's books outside of its database.

What is installed is pinned by `vendure/package.json`, without its install scripts, and kept in
`~/.cache/sayso-tests` (or `SAYSO_REAL_CACHE`) for the next run.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

import orjson
from support.postgres_server import PostgresServer

HERE = Path(__file__).parent
CACHE = Path(os.environ.get("SAYSO_REAL_CACHE") or Path.home() / ".cache" / "sayso-tests")
INSTALL_S, BOOT_S, SEED_S, PAY_S = 500.0, 300.0, 500.0, 120.0


class NoNpmError(Exception):
    """There is no Node.js here, or npm's registry cannot be reached."""


def install() -> Path:
    """The folder of its modules, installed where they are not yet.

    Raises:
        NoNpmError: it cannot be installed here, with why.
    """
    wanted = (HERE / "vendure" / "package.json").read_bytes()
    place = CACHE / "vendure"
    place.mkdir(parents=True, exist_ok=True)
    done = place / "installed"
    with (place / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if done.exists() and done.read_bytes() == wanted:
            return place / "node_modules"
        npm = shutil.which("npm")
        if npm is None or shutil.which("node") is None:
            raise NoNpmError("there is no node and npm on the PATH")
        # What an install that was ended has left, npm takes for whole.
        shutil.rmtree(place / "node_modules", ignore_errors=True)
        (place / "package.json").write_bytes(wanted)
        command = [npm, "install", "--ignore-scripts", "--no-audit", "--no-fund"]
        ran = subprocess.run(
            command, cwd=place, capture_output=True, timeout=INSTALL_S, check=False
        )
        if ran.returncode:
            said = ran.stderr.decode(errors="replace")[-400:]
            raise NoNpmError(f"npm could not install it: {said}")
        done.write_bytes(wanted)
    return place / "node_modules"


def wait_until(so: Callable[[], bool], seconds: float, what: str) -> None:
    """Wait for something that another process does."""
    until = time.monotonic() + seconds
    while not so():
        assert time.monotonic() < until, f"in vain for {seconds} s: {what}"
        Event().wait(0.02)


@dataclass(frozen=True, slots=True)
class Order:
    """An order of $30.00 and shipping that was paid."""

    id: str
    code: str
    customer: str
    payment: str


@dataclass(slots=True, kw_only=True)
class Server:
    """One process of the shop.

    Attributes:
        slow: while this file is there, the acquirer pays and does not answer.
    """

    port: int
    environment: Mapping[str, str]
    folder: Path
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def slow(self) -> Path:
        return self.folder / f"books.jsonl.slow-{self.port}"

    def start(self, *, first: bool = False) -> None:
        """Start it and wait until it answers."""
        environment = {**os.environ, **self.environment, "PORT": str(self.port)}
        if first:
            environment["FIRST"] = "1"
        with (self.folder / f"server-{self.port}.log").open("ab") as log:
            self.process = subprocess.Popen(
                ["node", str(HERE / "vendure" / "server.js")],
                env=environment,
                stdout=log,
                stderr=log,
            )
        wait_until(self.answers, BOOT_S, "the shop starts")

    def answers(self) -> bool:
        """Whether it can be asked."""
        assert self.process is not None
        assert self.process.poll() is None, (self.folder / f"server-{self.port}.log").read_text()
        try:
            with urllib.request.urlopen(f"{self.url}/health", timeout=2):
                return True
        except OSError:
            return False

    def kill(self) -> None:
        """kill -9, as when its machine is gone."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


@dataclass(slots=True, kw_only=True)
class RealShop:
    """The shop: processes that share a database, and what its acquirer has written down."""

    folder: Path
    environment: Mapping[str, str]
    key: str = ""
    orders: list[Order] = field(default_factory=list[Order])
    servers: list[Server] = field(default_factory=list[Server])

    @property
    def books(self) -> Path:
        return self.folder / "books.jsonl"

    def refunds(self, reference: str = "") -> list[tuple[str, int]]:
        """Order and minor units of each refund that the acquirer paid, by our reference."""
        if not self.books.exists():
            return []
        lines = [orjson.loads(line) for line in self.books.read_bytes().splitlines()]
        return [
            (line["order"], line["amount"])
            for line in lines
            if line["kind"] == "refund" and reference in (line.get("reason") or "")
        ]

    def add_server(self, *, first: bool = False) -> Server:
        """Start one more process."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        server = Server(port=port, environment=self.environment, folder=self.folder)
        server.start(first=first)
        self.servers.append(server)
        return server


@contextmanager
def run_shop(postgres: PostgresServer, folder: Path, orders: int) -> Generator[RealShop]:
    """A shop with so many paid orders, while the block runs.

    Raises:
        NoNpmError: see `install`.
    """
    modules = install()
    database = f"vendure_{os.getpid()}"
    postgres.run("postgres", f"create database {database}")
    environment = {
        "NODE_PATH": str(modules),
        "PG_HOST": str(postgres.folder),
        "PG_DB": database,
        "BOOKS": str(folder / "books.jsonl"),
        "VENDURE_DISABLE_TELEMETRY": "1",
    }
    shop = RealShop(folder=folder, environment=environment)
    try:
        first = shop.add_server(first=True)
        seeded = subprocess.run(
            ["node", str(HERE / "vendure" / "seed.js")],
            env={**os.environ, **environment, "PORT": str(first.port), "ORDERS": str(orders)},
            capture_output=True,
            timeout=SEED_S,
            check=False,
        )
        assert seeded.returncode == 0, seeded.stderr.decode(errors="replace")
        made = json.loads(seeded.stdout)
        shop.key = made["key"]
        shop.orders = [Order(**one) for one in made["orders"]]
        yield shop
    finally:
        for server in shop.servers:
            with contextlib.suppress(ProcessLookupError):
                server.kill()
        postgres.run("postgres", f"drop database if exists {database} with (force)")
