"""`sayso doctor --live` where what a workspace stands on is broken: each is named, with a step."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from secrets import token_bytes

import pytest
from surfaces.cli.cli_workspace import CliWorkspace

from sayso.audit.signed_note.note import Ed25519Signer
from sayso.connectors.vault import new_key
from sayso.store.migrations import COPYING

pytestmark = pytest.mark.promise("doctor:live")


def _key(cli: CliWorkspace, name: str, text: str) -> None:
    (cli.folder / "keys" / name).write_text(text, encoding="utf-8")


def _write(cli: CliWorkspace, sql: str) -> None:
    with closing(sqlite3.connect(cli.database, isolation_level=None)) as file:
        file.execute(sql)


def other_vault_key(cli: CliWorkspace) -> None:
    """It opens no text of a customer."""
    _key(cli, "vault.key", new_key(token_bytes).reveal())


def other_log_key(cli: CliWorkspace) -> None:
    """It isn't the one that has signed."""
    _key(cli, "log.key", Ed25519Signer.generate("shop").to_text())


def no_log_key(cli: CliWorkspace) -> None:
    """Its file is gone."""
    (cli.folder / "keys" / "log.key").unlink()


def key_at_a_vault_that_is_down(cli: CliWorkspace) -> None:
    """HashiCorp's, of which nothing is said."""
    cli.edit_settings('key = "file:keys/log.key"', 'key = "vault:secret/sayso#log"')


def newer(cli: CliWorkspace) -> None:
    """A newer Sayso has migrated it."""
    _write(cli, "pragma user_version = 99")


def older(cli: CliWorkspace) -> None:
    """Files are to be applied."""
    _write(cli, "pragma user_version = 33")


def half_copied(cli: CliWorkspace) -> None:
    """A copy was begun."""
    _write(cli, f"insert into meta (key, value) values ('{COPYING}', '1')")


def unguarded(cli: CliWorkspace) -> None:
    """Somebody has dropped a trigger."""
    _write(cli, "drop trigger stop_is_never_deleted")


def no_database(cli: CliWorkspace) -> None:
    """Another program's file."""
    cli.database.write_bytes(b"not a database, " * 500)


@pytest.mark.parametrize(
    ("broken", "said", "step"),
    [
        (other_vault_key, "[key_mismatch]", "key"),
        (other_log_key, "another key has signed the log", "put that key back"),
        (no_log_key, "log.key", "write the secret into that file"),
        (key_at_a_vault_that_is_down, "[missing_secret]", "VAULT_ADDR"),
        (newer, "[store_version]", "upgrade Sayso"),
        (older, "[store_version]", "sayso migrate"),
        (half_copied, "[store_half_copied]", "store copy"),
        (unguarded, "[store_version]", "sayso migrate --sql"),
        (no_database, "[not_a_database]", "backup"),
    ],
)
def test_what_is_broken_below_is_named_with_its_remedy(
    cli: CliWorkspace, broken: Callable[[CliWorkspace], None], said: str, step: str
) -> None:
    """In its own line with the next step, and nothing is repaired by looking."""
    cli.pending()
    broken(cli)
    before = cli.database.read_bytes()
    ran = cli.line("doctor", "--live")
    assert ran.status != 0
    told = ran.out + ran.err
    assert said in told, told
    following = told[told.index(said) :].splitlines()[1]
    assert "next: " in following, told
    assert step in following
    assert cli.database.read_bytes() == before
