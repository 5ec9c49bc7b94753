"""`sayso doctor` on PostgreSQL: how the server is set up, and what only people can settle."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest
from support.postgres import fresh_database, shared_server
from support.postgres_server import PostgresServer
from surfaces.cli.cli_workspace import CliWorkspace

from sayso.dispatch.fleet.schema import migrate_fleet
from sayso.store.postgres.connection import connect_plainly
from sayso.store.postgres.schema import expected_guards


@pytest.fixture(scope="module")
def postgres_server(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Generator[PostgresServer]:
    """One server for the whole run, whatever the number of test processes."""
    base = tmp_path_factory.getbasetemp()
    with shared_server(base.parent if hasattr(request.config, "workerinput") else base) as server:
        yield server


@pytest.fixture
def on_server(
    cli: CliWorkspace, postgres_server: PostgresServer
) -> Generator[tuple[CliWorkspace, str]]:
    """A workspace on a fresh, migrated database."""
    with fresh_database(postgres_server) as url:
        cli.edit_settings("sqlite:///sayso.db", url)
        yield cli, url


def run_sql(url: str, statement: str) -> None:
    """As somebody who may do nearly everything."""
    with connect_plainly(url) as admin:
        admin.execute(statement.encode())


def test_it_shows_how_the_server_is_set_up(on_server: tuple[CliWorkspace, str]) -> None:
    """Durability, guards and tenants, and the stops in force, as on SQLite."""
    cli, _ = on_server
    stopped = cli.line.done("stop", "--all")
    facts = cli.line.done("doctor")["facts"]
    assert facts["database"].startswith("PostgreSQL ")
    assert facts["commits"].startswith("synchronous")
    assert (facts["guards"], facts["tenants"]) == ("all there", "kept apart")
    assert facts["stopped"] == f"all ({stopped['id']})"
    assert facts["unknown"] == "none"
    assert len(expected_guards()) > 20


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("drop trigger log_entry_is_never_changed on sayso.log_entry", "log_entry_is_never_chang"),
        (
            "alter table sayso.action disable trigger action_is_never_deleted",
            "action_is_never_deleted",
        ),
        ("alter table sayso.approval no force row level security", "approval"),
        ("grant delete on sayso.log_entry to sayso_app", "sayso_app"),
        ("drop trigger log_entry_is_only_pruned on sayso.log_entry", "log_entry_is_only_pruned"),
        ("delete from sayso.migration where number > 36", ""),  # a `pre` file, and what follows
    ],
)
def test_it_misses_what_guards_the_rows(
    on_server: tuple[CliWorkspace, str], statement: str, said: str
) -> None:
    """A trigger that somebody dropped or switched off, a table open to all, an older schema."""
    cli, url = on_server
    run_sql(url, statement)
    ran = cli.line("doctor")
    ran.refused("store_version", 2)
    assert said in ran.err


def test_it_tells_whether_the_fleet_has_its_engine(on_server: tuple[CliWorkspace, str]) -> None:
    """Without the engine's tables everything goes on by the sweep, and doctor says so."""
    cli, url = on_server
    settings: Path = cli.folder / "sayso.toml"
    settings.write_text(f'{settings.read_text()}\n[dispatch]\nengine = "fleet"\n')
    assert "sweep" in cli.line("doctor").refused("engine_unavailable", 2).out
    migrate_fleet(url)
    assert cli.line.done("doctor")["facts"]["engine"].startswith("dbos 3.")


def test_an_empty_or_absent_server_is_named(on_server: tuple[CliWorkspace, str]) -> None:
    """What to do next, instead of a traceback."""
    cli, url = on_server
    run_sql(url, "drop schema sayso cascade")
    cli.line("doctor").refused("store_version", 2)
    cli.edit_settings(url, "postgresql://127.0.0.1:1/none")
    cli.line("doctor").refused("store_unavailable", 2)
