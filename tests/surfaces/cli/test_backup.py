"""docs/how-to/back-up-and-restore.md, line by line, on both stores: what comes back is the same."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from fences import Fence, commands_of, fences_of, script_of
from support.postgres_server import PostgresServer, find_postgres, run_postgres
from surfaces.cli.cli_workspace import CliWorkspace
from tree import ROOT

pytestmark = pytest.mark.promise("deploy:backup")
PAGE = ROOT / "docs" / "how-to" / "back-up-and-restore.md"
DEPLOY = PAGE.with_name("deploy.md")


def blocks(store: str) -> list[Fence]:
    """What is typed for a store, in order; what only the other one needs is left out."""
    other = "pg_" if store == "sqlite" else "sayso.db"
    found = [one for one in fences_of(PAGE) if one.language == "sh"]
    assert len(found) == 8
    return [one for one in found if other not in one.body or one.body.startswith("tar ")]


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    """One of its own: roles belong to a whole server."""
    with run_postgres(settings={"fsync": "off"}) as running:
        yield running


@pytest.fixture(params=["sqlite", "postgres"])
def store(
    request: pytest.FixtureRequest,
    cli: CliWorkspace,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> str:
    """The store of a workspace with something done, something waiting, and a policy in force."""
    name = str(request.param)
    for variable, folder in (("BACKUP", "backup"), ("DRILL", "drill")):
        monkeypatch.setenv(variable, str(tmp_path / folder))
    (tmp_path / "backup").mkdir()
    if name == "sqlite":
        if shutil.which("sqlite3") is None:
            pytest.skip("sqlite3 is not installed")
    else:
        move(cli, request.getfixturevalue("server"), monkeypatch)
    assert cli.refund().json["status"] == "succeeded"
    cli.pending()
    return name


def move(cli: CliWorkspace, server: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a workspace begin anew on PostgreSQL, by what docs/how-to/deploy.md has one type."""
    variables(server, monkeypatch)
    cli.edit_settings('url = "sqlite:///sayso.db"', 'url = "env:DATABASE_URL"')
    (begin,) = (one for one in fences_of(DEPLOY) if one.body.startswith("createdb "))
    type_in(begin, cli, monkeypatch)


def variables(server: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set what the pages about PostgreSQL name."""
    for name, value in {
        "PATH": f"{server.binaries}:{os.environ['PATH']}",
        "PGHOST": str(server.folder),
        "PGUSER": "postgres",
        "REPOSITORY": str(ROOT),
        "DRILL_URL": server.url("sayso_drill", user="sayso_server"),
        "MIGRATE_URL": server.url("sayso", user="sayso_migrate"),
        "SERVER_URL": server.url("sayso", user="sayso_server"),
        "MIGRATE_PASSWORD": "one",
        "SERVER_PASSWORD": "two",
    }.items():
        monkeypatch.setenv(name, value)


def type_in(fence: Fence, cli: CliWorkspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run each command of a block, ours in this process."""
    for words in commands_of(script_of(fence)):
        name, *rest = (os.path.expandvars(word) for word in words)
        if name == "export":
            monkeypatch.setenv(*rest[0].split("=", 1))
        elif name == "sayso":
            ran = cli.line(*rest)
            assert ran.status == 0, ran.out + ran.err
            if rest[:2] == ["token", "create"]:  # `>`, which is not among the words
                (cli.folder / ".sayso" / "person.token").write_text(ran.out)
        else:
            run(name, *rest)


def run(*words: str) -> None:
    """Run a program of others to its end."""
    ran = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_what_the_page_backs_up_comes_back_whole(
    store: str, cli: CliWorkspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every command of it; the drill verifies, has the same head, and still has what waits."""
    before = cli.line.done("audit", "checkpoint")
    waiting = cli.line.done("approvals", "list")
    for fence in blocks(store)[:-1]:
        type_in(fence, cli, monkeypatch)
    drill = ("--workspace", str(tmp_path / "drill"))
    assert cli.line.done("audit", "checkpoint", *drill) == before
    assert cli.line.done("approvals", "list", *drill) == waiting
    archive = subprocess.run(
        ["tar", "-tzf", str(tmp_path / "backup" / "workspace.tar.gz")],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout
    assert "./sayso.toml" in archive
    assert "./policies/" in archive
    for apart in ("log.key", "vault.key", "person.token", "sayso.db"):
        assert apart not in archive
    (last,) = commands_of(script_of(blocks(store)[-1]))
    run(*map(os.path.expandvars, last))
    assert not (tmp_path / "drill").exists()


def test_row_security_holds_a_dump_of_the_owner_back(tmp_path: Path, postgres_url: str) -> None:
    """It would lack rows, so it fails, as the page says."""
    words = [str(find_postgres() / "pg_dump"), "-Fc", "-n", "sayso", "--role", "sayso_owner"]
    words += ["-f", str(tmp_path / "lacking.dump"), postgres_url]
    ran = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode != 0
    said = "query would be affected by row-level security policy"
    assert said in ran.stderr
    assert said in PAGE.read_text(encoding="utf-8")
