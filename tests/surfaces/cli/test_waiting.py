"""A server that starts while its database is away waits for it, and says so."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Generator
from pathlib import Path
from typing import IO

import pytest
from support.postgres_server import PostgresServer, run_postgres
from surfaces.cli.cli_workspace import Line, start

KEY = {"STRIPE_API_KEY": "sk_test_none"}


@pytest.fixture(scope="module")
def own_server() -> Generator[PostgresServer]:
    """One that these tests may stop."""
    with run_postgres(settings={"fsync": "off"}) as server:
        yield server


@pytest.fixture
def workspace(
    tmp_path: Path, own_server: PostgresServer, capsys: pytest.CaptureFixture[str]
) -> Path:
    """A workspace whose database is on that server, which is running."""
    line = Line(capsys)
    folder = tmp_path / "shop"
    assert line("init", str(folder)).status == 0
    file = folder / "sayso.toml"
    text = file.read_text(encoding="utf-8")
    assert 'url = "sqlite:///sayso.db"' in text
    url = own_server.url()
    file.write_text(text.replace('url = "sqlite:///sayso.db"', f'url = "{url}"'), encoding="utf-8")
    ran = line("migrate", "--workspace", str(folder))
    assert ran.status == 0, ran.err
    return folder


def first_line(stream: IO[str] | None) -> str:
    """The next line that the process says."""
    assert stream is not None
    return stream.readline()


@pytest.mark.promise("cli:waits")
@pytest.mark.parametrize("words", [("serve", "--port", "0"), ("worker",)], ids=["serve", "worker"])
def test_it_waits_for_a_database_that_restarts(
    workspace: Path, own_server: PostgresServer, words: tuple[str, ...]
) -> None:
    """It ended with status 3, so that a machine that boots had to start it twice."""
    own_server.stop()
    process = start(*words, cwd=workspace, **KEY)
    try:
        said = first_line(process.stderr)
        assert said.startswith("waiting: the database server cannot be reached; check `store.url`")
        own_server.start()
        assert first_line(process.stderr) == "the database is there again\n"
        assert first_line(process.stdout).startswith(("Serving http", "Working, 32 at once"))
    finally:
        if own_server_is_down(own_server):
            own_server.start()
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert process.returncode == 0


def own_server_is_down(server: PostgresServer) -> bool:
    """Whether a test left it stopped."""
    try:
        server.run("postgres", "select 1")
    except Exception:  # noqa: BLE001  (whatever it is, nobody answers)
        return True
    return False


def test_waiting_ends_with_ctrl_c(workspace: Path, own_server: PostgresServer) -> None:
    """Whoever started it by mistake is not left with it."""
    own_server.stop()
    try:
        process = start("serve", "--port", "0", cwd=workspace, **KEY)
        assert first_line(process.stderr).startswith("waiting: ")
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
        assert (process.returncode, errors) == (130, "stopped\n")
    finally:
        own_server.start()


def test_what_waiting_does_not_help_against_is_said_at_once(
    workspace: Path, own_server: PostgresServer
) -> None:
    """A database that there is not is a mistake in the settings."""
    file = workspace / "sayso.toml"
    text = file.read_text(encoding="utf-8")
    url = own_server.url()
    file.write_text(text.replace(url, own_server.url("nothing")), encoding="utf-8")
    process: subprocess.Popen[str] = start("serve", "--port", "0", cwd=workspace, **KEY)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "error: the database cannot be used [store_unavailable]" in errors
    assert "waiting" not in errors
