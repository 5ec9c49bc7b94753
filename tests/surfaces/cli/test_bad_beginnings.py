"""What an operator gets wrong before anything begins: one line, what to do, and nothing changed."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from contextlib import closing

import pytest
from surfaces.cli.cli_workspace import CliWorkspace

from sayso.serving import listen
from sayso.store.migrations import COPYING

pytestmark = pytest.mark.promise("cli:check")
PASTED = "sk_live_51Hx0aPastedByMistake"


def misspelt(cli: CliWorkspace) -> None:
    """A key that there is not."""
    cli.edit_settings("[store]\nurl =", "[store]\nurll =")


def pasted(cli: CliWorkspace) -> None:
    """A secret itself, and no reference to one."""
    cli.edit_settings("env:STRIPE_API_KEY", PASTED)


def newer(cli: CliWorkspace) -> None:
    """The database of a newer Sayso."""
    _write(cli, "pragma user_version = 99")


def half_copied(cli: CliWorkspace) -> None:
    """A database into which a copy was begun."""
    _write(cli, f"insert into meta (key, value) values ('{COPYING}', '1')")


def _write(cli: CliWorkspace, sql: str) -> None:
    with closing(sqlite3.connect(cli.database, isolation_level=None)) as file:
        file.execute(sql)


@pytest.mark.parametrize(
    ("change", "code", "said", "step"),
    [
        (misspelt, "invalid_setting", "there is no key `urll`", "did you mean `url`?"),
        (pasted, "missing_secret", "`api_key` is written as a value", "env:NAME"),
        (newer, "store_version", "the database has version 99", "upgrade Sayso"),
        (half_copied, "store_half_copied", "a copy into this database was begun", "store copy"),
    ],
)
def test_a_server_does_not_begin_and_says_in_one_line_what_to_do(
    cli: CliWorkspace, change: Callable[[CliWorkspace], None], code: str, said: str, step: str
) -> None:
    """`serve`, and `check` beside it, name the same."""
    change(cli)
    before = cli.database.read_bytes()
    ran = cli.line("serve", "--port", "0").refused(code, 2)
    error, following = ran.err.splitlines()
    assert said in error
    assert step in following
    checked = cli.line("check")
    assert checked.status != 0
    assert said in checked.err
    assert PASTED not in ran.err + checked.err + checked.out
    assert cli.database.read_bytes() == before


def test_a_server_at_a_port_that_somebody_has_says_so(cli: CliWorkspace) -> None:
    """With the setting that changes it."""
    with listen("127.0.0.1", 0) as taken:
        taken.listen()
        port = str(taken.getsockname()[1])
        ran = cli.line("serve", "--port", port).refused("port_in_use", 2)
    error, following = ran.err.splitlines()
    assert port in error
    assert "port" in following


def test_check_tells_every_mistake_in_full(cli: CliWorkspace) -> None:
    """In the settings, and in a policy: with its line and what to do, never `1 more`."""
    policy = cli.folder / "policies" / "more.cedar"
    rules = 'permit (principal, action == Action::"stripe.refnd", resource);'
    text = "\n".join(f'@id("{name}") @explain("x") {rules}' for name in ("one", "two", "three"))
    policy.write_text(text, encoding="utf-8")
    told = cli.line("check").err
    assert re.findall(r"more.cedar line (\d), rule `\w+`: there is no action", told) == [*"123"]
    policy.unlink()
    cli.edit_settings("[store]\nurl =", "[storre]\nx = 1\n[store]\nbusy = 1\nurll =")
    told += cli.line("check").err
    for said in ("`store.urll`", "`store.busy`", "`storre`"):
        assert re.search(rf"{said} in sayso.toml, line \d+: there is no key `\w+`", told), told
    assert "did you mean `url`?" in told
    assert "did you mean `store`?" in told
    assert " more)" not in told
    assert "Extra inputs" not in told
