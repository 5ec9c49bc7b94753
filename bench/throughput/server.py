"""The PostgreSQL of a run, whose syncs are counted, and its physical limits by pgbench."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from support.postgres_server import PostgresServer, find_postgres

from bench.slow_disk import SOURCE

PROGRAMS = ("initdb", "pg_ctl", "psql", "postgres")
SETTINGS: Mapping[str, str] = {"shared_buffers": "128MB", "max_wal_size": "4GB"}
INSERT = "insert into bench_row (body) values (repeat('x', 200));\n"
_TPS = re.compile(r"^tps = ([0-9.]+)", re.MULTILINE)
_ALL_MAY_WRITE = 0o666
_ALL_MAY_RUN = 0o755


@dataclass(frozen=True, slots=True, kw_only=True)
class Syncs:
    """The shim, built: counts syncs from outside, and with `sync_ms` replaces them by sleeps.

    Attributes:
        library: what to preload; None where there is no C compiler, and nothing is counted.
        folder: where counters are made; everybody may read it, since the server is another user.
    """

    library: Path | None
    folder: Path
    sync_ms: float | None

    def counter(self, name: str) -> Path | None:
        """A new counter at 0; None where nothing is counted."""
        if self.library is None:
            return None
        file = self.folder / name
        file.write_bytes(bytes(8))
        file.chmod(_ALL_MAY_WRITE)
        return file

    def variables(self, counter: Path | None) -> dict[str, str]:
        """What a process whose syncs count needs in its environment."""
        if self.library is None or counter is None:
            return {}
        set_speed = {}
        if self.sync_ms is not None:
            set_speed = {"SAYSO_SYNC_US": str(int(self.sync_ms * 1000))}
        return {"LD_PRELOAD": str(self.library), "SAYSO_SYNC_SHARED": str(counter), **set_speed}


@contextmanager
def build_syncs(sync_ms: float | None) -> Generator[Syncs]:
    """Compile the shim into a folder of its own.

    Raises:
        SystemExit: `sync_ms` is asked for and there is no C compiler.
    """
    compiler = shutil.which("cc")
    if compiler is None and sync_ms is not None:
        raise SystemExit("--sync-ms needs a C compiler (`cc`)")
    with tempfile.TemporaryDirectory(prefix="sayso-syncs-") as name:
        folder = Path(name)
        folder.chmod(_ALL_MAY_RUN)
        library = None
        if compiler is not None:
            library = folder / "sync_shim.so"
            command = [compiler, "-O2", "-shared", "-fPIC", "-o", str(library), str(SOURCE)]
            subprocess.run(command, check=True)
        yield Syncs(library=library, folder=folder, sync_ms=sync_ms)


class Server:
    """A running server. Made by `run_server`."""

    def __init__(self, postgres: PostgresServer, binaries: Path, counter: Path | None) -> None:
        self._postgres = postgres
        self._binaries = binaries
        self.counter = counter
        self._databases = 0

    @property
    def folder(self) -> Path:
        """Where its data are."""
        return self._postgres.folder

    def new_database(self) -> str:
        """The URL of a new, empty database."""
        self._databases += 1
        name = f"bench_{self._databases}"
        self._postgres.run("postgres", f"create database {name}")
        return self._postgres.url(name)

    def run(self, url: str, sql: str) -> str:
        """Run SQL in one of its databases; returns its output."""
        return self._postgres.run(_name_of(url), sql)

    def drop_database(self, url: str) -> None:
        """Throw it away, so that the next candidate finds the server as the first one did."""
        self._postgres.run("postgres", f"drop database {_name_of(url)} with (force)")

    def processes(self) -> list[int]:
        """The server's processes now: the postmaster and its children."""
        file = self.folder / "data" / "postmaster.pid"
        first = int(file.read_text(encoding="utf-8").split()[0])
        found = [first]
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                text = stat.read_text(encoding="utf-8", errors="replace")
            except OSError:
                continue  # it has ended
            if int(text.rpartition(")")[2].split()[1]) == first:
                found.append(int(stat.parent.name))
        return found

    def insert_rate(self, clients: int, seconds: int) -> float:
        """One row per transaction, by pgbench with a custom script; transactions in a second."""
        url = self.new_database()
        self.run(url, "create table bench_row (id bigserial primary key, body text not null)")
        with tempfile.NamedTemporaryFile("w", suffix=".sql", encoding="utf-8") as script:
            script.write(INSERT)
            script.flush()
            found = self._pgbench(url, clients, seconds, "-f", script.name)
        self.drop_database(url)
        return found

    def simple_update_rate(self, clients: int, seconds: int) -> float:
        """`pgbench -N` at scale 10; transactions in a second."""
        url = self.new_database()
        self._run_pgbench(url, "-i", "-q", "-s", "10")
        found = self._pgbench(url, clients, seconds, "-N")
        self.drop_database(url)
        return found

    def _pgbench(self, url: str, clients: int, seconds: int, *more: str) -> float:
        jobs = min(clients, os.cpu_count() or 1)
        arguments = ("-n", "-M", "prepared", "-c", str(clients), "-j", str(jobs))
        said = self._run_pgbench(url, *arguments, "-T", str(seconds), *more)
        found = _TPS.search(said)
        assert found is not None, said
        return float(found[1])

    def _run_pgbench(self, url: str, *arguments: str) -> str:
        where = ("-h", str(self.folder), "-U", "postgres")
        done = subprocess.run(
            [str(self._binaries / "pgbench"), *where, *arguments, _name_of(url)],
            check=True,
            capture_output=True,
            text=True,
            env={"PATH": os.defpath, "LC_ALL": "C"},
        )
        return done.stdout


@contextmanager
def run_server(syncs: Syncs) -> Generator[Server]:
    """Run a new server with fsync on, all of whose processes count their syncs.

    Raises:
        ConfigError: `missing_extra`, when no PostgreSQL is found.
    """
    binaries = find_postgres()
    counter = syncs.counter("server.syncs")
    with tempfile.TemporaryDirectory(prefix="sayso-pgbin-") as wrapped:
        folder = Path(tempfile.mkdtemp(prefix="sayso-pg-"))
        try:
            wrapper = _wrap(binaries, Path(wrapped), syncs.variables(counter))
            postgres = PostgresServer(folder, wrapper, SETTINGS)
            postgres.create()
            postgres.start()
            try:
                yield Server(postgres, binaries, counter)
            finally:
                postgres.remove()
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _wrap(binaries: Path, folder: Path, variables: Mapping[str, str]) -> Path:
    """Programs that start the real ones; `pg_ctl` gives the server the variables."""
    folder.chmod(_ALL_MAY_RUN)
    for name in PROGRAMS:
        setting = "".join(f"{key}='{value}' " for key, value in variables.items())
        before = setting if name == "pg_ctl" else ""
        script = folder / name
        script.write_text(f'#!/bin/sh\n{before}exec "{binaries / name}" "$@"\n', encoding="utf-8")
        script.chmod(_ALL_MAY_RUN)
    return folder


def _name_of(url: str) -> str:
    """The database of a URL of `PostgresServer.url`."""
    return url.partition("?")[0].rpartition("/")[2]
