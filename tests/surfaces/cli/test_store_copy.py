"""docs/how-to/move-to-postgresql.md, line by line: there, and back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fences import fences_of
from support.postgres_server import PostgresServer, run_postgres
from surfaces.cli.cli_workspace import CliWorkspace
from surfaces.cli.test_backup import type_in, variables
from tree import ROOT

pytestmark = pytest.mark.promise("deploy:moved")
PAGE = ROOT / "docs" / "how-to" / "move-to-postgresql.md"


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    """One of its own: roles belong to a whole server."""
    with run_postgres(settings={"fsync": "off"}) as running:
        yield running


def test_what_the_page_moves_goes_on_there_and_back(
    cli: CliWorkspace, server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every command of it; the same head, the same waiting card, and the same person's token."""
    assert cli.refund().json["status"] == "succeeded"
    approval = cli.pending()
    head, waiting = cli.line.done("audit", "checkpoint"), cli.line.done("approvals", "list")
    variables(server, monkeypatch)
    make, copy, point, back = (one for one in fences_of(PAGE) if one.language == "sh")
    (settings,) = (one.body for one in fences_of(PAGE) if one.language == "toml")
    type_in(make, cli, monkeypatch)
    type_in(copy, cli, monkeypatch)
    cli.edit_settings('url = "sqlite:///sayso.db"', settings.splitlines()[1])
    type_in(point, cli, monkeypatch)
    assert cli.line.done("audit", "checkpoint") == head
    assert cli.line.done("approvals", "list") == waiting
    decided = cli.line.done("approvals", "approve", str(approval["id"]), "--yes")
    assert decided["status"] == "succeeded"
    head = cli.line.done("audit", "checkpoint")
    type_in(back, cli, monkeypatch)
    cli.edit_settings('url = "env:DATABASE_URL"', 'url = "sqlite:///sayso.db"')
    assert cli.line.done("audit", "checkpoint") == head
    assert cli.line.done("audit", "verify")["verdict"] == "verified"


def test_wrong_uses_say_what_to_do(cli: CliWorkspace) -> None:
    """No database, the very same one, and a password where everybody reads it."""
    cli.line("store", "copy", "--to", "mysql://x").refused("invalid_setting", 2)
    cli.line("store", "copy", "--to", "sqlite:///sayso.db").refused("invalid_setting", 2)
    told = cli.line("store", "copy", "--to", "postgresql://me:secret-word@h/d")
    told.refused("invalid_setting", 2)
    assert "secret-word" not in told.err + told.out
    assert cli.line("store", "copy", "--to", "sqlite:///other.db").status == 0
    cli.line("store", "copy", "--to", "sqlite:///other.db").refused("store_not_empty", 2)
