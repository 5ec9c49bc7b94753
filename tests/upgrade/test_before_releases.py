"""Databases of builds from before the first release: refused with what to do, and not changed.

`data/unreleased-COMMIT` were written by the code of those commits, by its own commands: requests,
an approval, refunds at the sandbox. Up to the schema their files look like an upgrade away.
"""

from __future__ import annotations

from collections.abc import Generator

import pytest
from support.postgres import fresh_database
from support.postgres_server import PostgresServer
from surfaces.cli.cli_workspace import CliWorkspace
from upgrade.data_files import unpacked

from sayso.store.postgres.connection import connect_plainly

COMMANDS = (
    ("migrate",),
    ("migrate", "--plan"),
    ("migrate", "--only-pre"),
    ("serve", "--port", "0"),
    ("worker",),
    ("approvals", "list"),
    ("audit", "verify"),
    ("privacy", "rewrap"),
)


@pytest.mark.promise("upgrade:older-build")
@pytest.mark.parametrize("commit", ["78c588d", "84da2464"])
def test_a_file_of_an_unreleased_build_is_refused_and_not_changed(
    cli: CliWorkspace, commit: str
) -> None:
    """`older_build` from every command that opens it: it was upgraded, then called tampered."""
    before = unpacked(f"unreleased-{commit}.db")
    cli.database.write_bytes(before)
    for words in COMMANDS:
        ran = cli.line(*words).refused("older_build", 2)
        assert "init" in ran.err
    assert "older_build" in cli.line("check").err
    ran = cli.line("doctor").refused("older_build", 2)
    assert "of a build from before the first release" in ran.out
    assert cli.database.read_bytes() == before
    assert not [*cli.folder.glob("sayso.db-*")]


@pytest.fixture
def unreleased(postgres_server: PostgresServer) -> Generator[str]:
    """A PostgreSQL database as an unreleased build has left it."""
    with fresh_database(postgres_server, template="template0") as url:
        with connect_plainly(url) as owner:
            owner.execute(unpacked("unreleased-78c588d.sql"))
        yield url


@pytest.mark.promise("upgrade:older-build")
def test_a_server_of_an_unreleased_build_is_refused_and_not_changed(
    cli: CliWorkspace, unreleased: str
) -> None:
    """The same on PostgreSQL."""
    cli.edit_settings("sqlite:///sayso.db", unreleased)
    before = _tables(unreleased)
    for words in COMMANDS:
        cli.line(*words).refused("older_build", 2)
    cli.line("doctor").refused("older_build", 2)
    assert _tables(unreleased) == before


def _tables(url: str) -> dict[str, object]:
    """What every table holds, by name."""
    with connect_plainly(url) as owner:
        names = owner.execute("select tablename from pg_tables where schemaname = 'sayso'")
        found: dict[str, object] = {}
        for (name,) in names.fetchall():
            words = f"select string_agg(t::text, ';' order by t::text) from sayso.{name} t"
            found[str(name)] = owner.execute(words.encode()).fetchone()
    return found
