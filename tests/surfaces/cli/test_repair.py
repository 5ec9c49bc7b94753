"""`sayso audit repair` and `check`, `doctor` beside it: what is wrong, and the way out."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from secrets import token_bytes

import pytest
from surfaces.cli.cli_workspace import CliWorkspace
from surfaces.cli.test_stop import second_person

from sayso.connectors.vault import new_key


def tamper(cli: CliWorkspace, statement: str) -> None:
    """What somebody does who can write the file; its guards are as before afterwards."""
    with closing(sqlite3.connect(cli.database)) as rows, rows:
        guards = rows.execute("select name, sql from sqlite_master where type = 'trigger'")
        made = guards.fetchall()
        for name, _ in made:
            rows.execute(f"drop trigger {name}")
        assert rows.execute(statement).rowcount == 1
        for _, sql in made:
            rows.execute(sql)


@pytest.mark.tampers("a row is changed, to be repaired")
@pytest.mark.promise("audit:repair")
def test_two_people_have_a_row_written_again(
    cli: CliWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command shows what would be written, and another person's same command writes it."""
    other = second_person(cli)
    action = cli.refund().json["id"]
    assert "no rule is broken" in cli.line("audit", "repair").out
    tamper(cli, f"update action set amount_minor = 1 where id = '{action}'")
    found = cli.line("audit", "verify")
    assert found.status == 1
    assert "sayso audit repair" in found.out
    shown = cli.line("audit", "repair").out
    assert "amount_minor: 1 becomes 1500" in shown
    repair = cli.line.done("audit", "repair")["id"]
    assert "next: another person runs" in cli.line("audit", "repair", repair).out
    cli.line("audit", "repair", repair).refused("own_request")
    monkeypatch.setenv("SAYSO_TOKEN", other)
    cli.line("audit", "repair", "rep_other").refused("stale_revision")
    assert cli.line.done("audit", "repair", repair)["status"] == "done"
    assert cli.line("audit", "verify").status == 0


@pytest.mark.promise("audit:verdicts")
def test_a_wrong_vault_key_is_told_by_check_doctor_and_verify(cli: CliWorkspace) -> None:
    """With the same code and the same next step, and nothing else is said."""
    cli.refund()
    vault = cli.folder / "keys" / "vault.key"
    right = vault.read_text()
    vault.write_text(new_key(token_bytes).reveal())
    for words in (("check",), ("doctor",)):
        told = cli.line(*words)
        assert told.status == 2, told.out
        assert "[key_mismatch]" in told.err
        assert "older_keys" in told.err
    found = cli.line("audit", "verify")
    assert (found.status, found.out.partition(":")[0]) == (2, "wrong key")
    assert "older_keys" in found.out
    vault.write_text(right)
    for command in ("check", "doctor", "audit verify"):
        assert cli.line(*command.split()).status == 0
