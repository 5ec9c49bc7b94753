"""`sayso privacy erase|subject|hold|…`: what is owed to customers, from the command line."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import orjson
import pytest
from surfaces.cli.cli_workspace import CliWorkspace
from surfaces.cli.test_stop import second_person

ANA = "cus_demo_ana"
PRIVACY = """roles = ["support_manager", "finance", "privacy"]

[retention]
roles = ["privacy"]

"""


@pytest.mark.promise("cli:subjects")
def test_a_customer_is_shown_what_is_held_and_then_erased(cli: CliWorkspace) -> None:
    """Invariant 8, from outside: the export has it, then nothing has, and the log verifies."""
    done = cli.refund(reason="says Ana Quispe").json
    assert done["status"] == "succeeded", done
    cli.pending()
    asked = cli.line.done("ask", "Please refund order 1042, it arrived broken", "--subject", ANA)
    shown = cli.line.done("privacy", "subject", ANA, "-o", "ana.json")
    assert shown["counts"]["actions"] == 2 + len(asked["actions"])
    file = cli.folder / "ana.json"
    assert file.stat().st_mode & 0o077 == 0, "for nobody else to read"
    assert "Quispe" in file.read_text(encoding="utf-8")
    cli.line("privacy", "subject", ANA, "-o", "ana.json").refused("invalid_input")
    erased = cli.line.done("privacy", "erase", ANA, "--yes")
    assert erased["status"] == "erased"
    assert erased["scrubbed"] is True
    dump = cli.dump()
    assert ANA not in dump
    assert "Quispe" not in dump
    after = cli.line.done("actions", "show", done["id"])
    assert after["subject"] == erased["subject"]
    assert after["receipt"]["id"] == done["receipt"]["id"]
    assert cli.line("audit", "verify").status == 0
    listed = cli.line("privacy", "erasures").out.splitlines()
    assert listed[1].split()[:4] == [erased["id"], "erased", erased["subject"], "subject_request"]
    cli.line("privacy", "erase", ANA, "--yes").refused("not_found")


def test_nobody_is_erased_without_a_yes_or_a_person(
    cli: CliWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No terminal to ask, a person without the role, no token: nothing is erased."""
    cli.refund()
    cli.line("privacy", "erase", ANA).refused("invalid_input", 2)
    cli.line("privacy", "erase", ANA, "--yes", "--reason", "She asked").refused("reason_required")
    cli.edit_settings('roles = ["support_manager", "finance"]\n\n', PRIVACY)
    cli.line("privacy", "erase", ANA, "--yes").refused("not_an_approver")
    refused = cli.line.done("audit", "query", "kind:subject.refused")["items"]
    assert [one["body"]["data"]["code"] for one in refused] == [
        "not_an_approver",
        "reason_required",
    ]
    (cli.folder / ".sayso" / "person.token").unlink()
    cli.line("privacy", "erase", ANA, "--yes").refused("unauthenticated")
    assert ANA in cli.dump()


def test_a_hold_needs_one_person_and_its_end_two(
    cli: CliWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While it is in force an erasure is refused, with the command that would end it."""
    other = second_person(cli)
    cli.refund()
    assert "Nothing is held." in cli.line("privacy", "holds").out
    hold = cli.line.done("privacy", "hold", ANA, "--reason", "litigation")
    refused = cli.line("privacy", "erase", ANA, "--yes").refused("legal_hold")
    assert f"sayso privacy release {hold['id']}" in refused.err
    assert "next: another person runs" in cli.line("privacy", "release", hold["id"]).out
    cli.line("privacy", "release", hold["id"]).refused("own_request")
    monkeypatch.setenv("SAYSO_TOKEN", other)
    assert cli.line.done("privacy", "release", hold["id"])["status"] == "released"
    assert len(cli.line.done("privacy", "holds", "--ended")["items"]) == 1
    assert cli.line.done("privacy", "erase", ANA, "--yes")["status"] == "erased"


def test_a_sweep_says_what_is_kept(cli: CliWorkspace) -> None:
    """For good unless sayso.toml says otherwise; never less than limits look back."""
    assert "kept for good" in cli.line("privacy", "sweep").out
    cli.edit_settings("[[people]]", '[retention]\nrequests = "90d"\n\n[[people]]')
    cli.refund()
    swept = cli.line.done("privacy", "sweep")
    assert (swept["actions"], swept["requests"], swept["subjects"]) == (0, 0, 0)
    cli.edit_settings('requests = "90d"', 'requests = "30d"')
    refused = cli.line("privacy", "sweep")
    assert refused.status != 0
    assert "below the floor of 31d" in refused.err


def test_doctor_tells_of_customers_who_are_back_from_a_backup(cli: CliWorkspace) -> None:
    """Nobody comes back unnoticed, whether a server runs or not."""
    cli.refund()
    backup = cli.database.read_bytes()
    erased = cli.line.done("privacy", "erase", ANA, "--yes")
    assert cli.line.done("doctor")["facts"]["erased"] == "1 customer, nobody is back"
    cli.database.write_bytes(backup)
    told = cli.line("doctor", "--json")
    assert told.status != 0
    assert [one["code"] for one in orjson.loads(told.out)["problems"]] == ["erased"]
    assert "1 erased customer is back" in told.out
    assert erased["subject"] not in told.err
    assert "erased again: 1" in cli.line("privacy", "sweep").out
    assert cli.line.done("privacy", "sweep")["restored"] == {"erased": 0, "left": []}
    assert cli.line.done("doctor")["facts"]["erased"] == "1 customer, nobody is back"


def test_a_sweep_says_who_is_back_and_stays(cli: CliWorkspace) -> None:
    """Such as while a hold is in the backup; until then the sweep has not succeeded."""
    cli.refund()
    cli.line.done("privacy", "hold", ANA, "--reason", "litigation")
    with closing(sqlite3.connect(cli.database)) as rows:
        (pseudonym,) = rows.execute("select pseudonym from subject where id = ?", (ANA,)).fetchone()
    line = {"tenant": "main", "pseudonym": pseudonym, "at": 1}
    (cli.folder / ".sayso" / "erased.jsonl").write_bytes(orjson.dumps(line) + b"\n")
    swept = cli.line("privacy", "sweep")
    assert swept.status == 1
    assert f"{pseudonym} is back from a backup" in swept.err
