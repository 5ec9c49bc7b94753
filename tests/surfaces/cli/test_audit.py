"""`sayso audit` and `token`: asking, proving, exporting, and who may do what."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from surfaces.cli.cli_workspace import CliWorkspace

from sayso.audit.verifier.flags import PATHS, QUICK, TEXTS
from sayso.audit.verify import main


def test_the_log_is_asked_by_qualifiers(cli: CliWorkspace) -> None:
    """Newest first; the question itself becomes an entry; a misspelt qualifier is named."""
    cli.refund()
    cli.refund("ch_demo_ben_1")
    found = cli.line.done("audit", "query", "kind:action.refused")["items"]
    assert [entry["kind"] for entry in found] == ["action.refused"]
    assert "audit.queried" in cli.line("audit", "tail", "-n", "1").out
    why = "No entry fits: nothing in the log fits `rule:nothing`."
    assert why in cli.line("audit", "query", "rule:nothing").out
    assert "did you mean" in cli.line("audit", "query", "kund:x").refused("invalid_input").err


def test_a_row_says_how_much_for_whom_by_which_rule_and_on_whose_yes(cli: CliWorkspace) -> None:
    """An auditor reads money, and had to open each entry to see any."""
    cli.line.done("approvals", "approve", str(cli.pending()["id"]), "--yes")
    table = cli.line("audit", "query", "approver:maria kind:action.succeeded").out
    head, row = table.splitlines()[:2]
    for column in ("AMOUNT", "CUSTOMER", "STATUS", "RULE", "YES OF", "ACTION"):
        assert column in head
    for value in ("$129.00", "sub_", "succeeded", "refund-manager", "maria", "stripe.refund"):
        assert value in row


def test_both_verifiers_take_the_same_flags(
    cli: CliWorkspace, capsys: pytest.CaptureFixture[str]
) -> None:
    """The one that stands alone says no more and no less of a flag than `sayso audit verify`."""
    with pytest.raises(SystemExit):
        main(["--help"])
    alone = " ".join(capsys.readouterr().out.split())
    shown = " ".join(cli.line("audit", "verify", "--help").out.split())
    for flag in (*TEXTS, *PATHS, QUICK):
        about = f"{flag.name} {flag.metavar}".strip()
        assert about in alone
        assert about in shown
        assert flag.help in alone
        assert flag.help in shown
    assert cli.line.done("audit", "verify", "--tenant", "main")["verdict"] == "verified"


def test_the_tail_of_the_log_is_paged(cli: CliWorkspace) -> None:
    """Each page names the command for the next one, the last one none, and all together are all."""
    cli.refund()
    every = cli.line.done("audit", "tail", "-n", "1000")
    assert every["before"] is None
    numbers = [entry["seq"] for entry in every["items"]]
    seen: list[int] = []
    before: int | None = None
    while before is not None or not seen:
        at = [] if before is None else ["--before", str(before)]
        page = cli.line.done("audit", "tail", "-n", "2", *at)
        seen += [entry["seq"] for entry in page["items"]]
        before = page["before"]
    assert seen == numbers
    shown = cli.line("audit", "tail", "-n", "2").out
    assert f"more: sayso audit tail -n 2 --before {numbers[1]}" in shown
    assert "more:" not in cli.line("audit", "tail", "-n", "2", "--before", "2").out
    assert "no entry before 0" in cli.line("audit", "tail", "--before", "0").out


@pytest.mark.promise("cli:exit-status")
def test_a_true_log_verifies(cli: CliWorkspace) -> None:
    """Exit status 0, what it covers, and what it does not."""
    cli.refund()
    ran = cli.line("audit", "verify")
    assert ran.status == 0
    assert ran.out.startswith("verified: ")
    assert "no outside checkpoint" in ran.out
    assert cli.line.done("audit", "verify")["verdict"] == "verified"


@pytest.mark.tampers("an entry is changed, to be found")
@pytest.mark.promise("cli:exit-status")
def test_a_changed_log_is_tampered_with(cli: CliWorkspace) -> None:
    """Exit status 1, and the first bad entry, for a byte that somebody changed past the guards."""
    cli.refund()
    with closing(sqlite3.connect(cli.database, isolation_level=None)) as connection:
        for (name,) in connection.execute(
            "select name from sqlite_master where type = 'trigger'"
        ).fetchall():
            connection.execute(f"drop trigger {name}")
        connection.execute(
            "update log_entry set body = replace(body, 'refund-small', 'refund-large') "
            "where body like '%action.approved%'"
        )
    ran = cli.line("audit", "verify")
    assert ran.status == 1
    assert ran.out.startswith("tampered: ")
    assert cli.line("audit", "verify", "--json").json["verdict"] == "tampered"


@pytest.mark.promise("cli:exit-status")
@pytest.mark.parametrize(
    "words",
    [
        ("nothing-there",),
        (".", "--vkey", "no key"),
        ("--checkpoint", "no-file"),
        ("policies",),
    ],
)
def test_what_cannot_be_judged_is_neither(cli: CliWorkspace, words: tuple[str, ...]) -> None:
    """Exit status 2 and never 1: no verdict is not a verdict."""
    cli.refund()
    assert cli.line("audit", "verify", *words).status == 2


@pytest.mark.promise("audit:verifier-alone")
def test_an_export_verifies_elsewhere(cli: CliWorkspace, tmp_path: Path) -> None:
    """A folder, a public key and an earlier checkpoint: no server and no workspace needed."""
    cli.refund()
    note = cli.line("audit", "checkpoint").out
    (tmp_path / "head.txt").write_text(note)
    folder = tmp_path / "bundle"
    document = cli.line.done("audit", "export", str(folder))
    key = str(document["vkey"])
    words = ("audit", "verify", str(folder), "--vkey", key)
    ran = cli.line(*words, "--checkpoint", str(tmp_path / "head.txt"))
    assert ran.status == 0
    assert "agrees with the outside checkpoint" in ran.out
    cli.line("audit", "export", str(folder)).refused("invalid_input")
    other = key[:-4] + ("AAAA" if key[-4:] != "AAAA" else "BBBB")
    assert cli.line("audit", "verify", str(folder), "--vkey", other).status == 2
    (folder / "stranger").touch()
    assert "note: the file `stranger` is no part of a bundle" in cli.line(*words).out


def test_an_empty_log_is_nothing_to_verify(still: CliWorkspace, tmp_path: Path) -> None:
    """A filtered export without a match is refused, and leaves no folder that looks like proof."""
    words = ("audit", "export", str(tmp_path / "none"), "--query", "rule:nothing")
    still.line(*words).refused("nothing_to_verify")


def test_a_token_is_made_shown_once_and_revoked(cli: CliWorkspace) -> None:
    """The secret is alone on stdout, so that a script can keep it; the list never has it."""
    ran = cli.line("token", "create", "--service", "bot", "--days", "7")
    assert ran.status == 0
    secret = ran.out.strip()
    assert secret.startswith("csk_")
    assert secret not in cli.line("token", "list").out
    (first, token) = cli.line.done("token", "list")["items"]
    assert (first["holder"], token["holder"]) == ("maria", "bot")
    assert token["scopes"] == ["actions:propose", "actions:read"]
    assert cli.line("token", "revoke", str(token["id"])).status == 0
    cli.line("token", "revoke", str(token["id"])).refused("not_found")
    assert "revoked" in cli.line("token", "list").out


@pytest.mark.parametrize(
    ("words", "code", "status"),
    [
        ((), "invalid_input", 2),
        (("--service", "bot", "--person", "maria"), "invalid_input", 2),
        (("--person", "nobody"), "not_found", 1),
        (("--service", "bot", "--scope", "approvals:decide"), "invalid_input", 1),
        (("--service", "bot", "--scope", "all"), "invalid_input", 1),
        (("--service", "bot", "--days", "91"), "invalid_input", 1),
        (("--service", "bot", "--days", "0"), "invalid_input", 1),
    ],
)
def test_a_token_that_must_not_be_is_refused(
    still: CliWorkspace, words: tuple[str, ...], code: str, status: int
) -> None:
    """A service never decides, nobody unknown decides, and no token lives for ever."""
    still.line("token", "create", *words).refused(code, status)
    assert len(still.line.done("token", "list")["items"]) == 1


@pytest.mark.parametrize("form", ["jsonl", "parquet", "ocsf", "cloudevents"])
def test_each_format_is_written_and_verifies(cli: CliWorkspace, form: str) -> None:
    """The line that it prints is the line that verifies it."""
    cli.refund()
    path = cli.folder / f"out.{form}"
    key = cli.line.done("audit", "export", str(path), "--format", form)["vkey"]
    ran = cli.line("audit", "verify", str(path), "--vkey", key)
    assert ran.status == 0, ran.out
    assert "by " + key in ran.out
    cli.line("audit", "export", str(path), "--format", "xml").refused("invalid_input")
    nowhere = str(cli.folder / "nowhere" / "out")
    ran = cli.line("audit", "export", nowhere, "--format", form).refused("invalid_setting", 2)
    assert f"`{nowhere}` cannot be written: no such file or directory" in ran.err


def test_the_evidence_of_an_action_is_one_page(cli: CliWorkspace) -> None:
    """Written once, verified by its path, never over another file."""
    action = cli.refund().json["id"]
    path = cli.folder / "pack.html"
    found = cli.line.done("audit", "evidence", action, "-o", str(path))
    assert path.read_text().startswith("<!doctype html>")
    assert cli.line("audit", "verify", str(path), "--vkey", found["vkey"]).status == 0
    path.write_text(path.read_text().replace("succeeded", "refused"))
    assert cli.line("audit", "verify", str(path), "--vkey", found["vkey"]).status == 1
    cli.line("audit", "evidence", action, "-o", str(path)).refused("invalid_input")
    cli.line("audit", "evidence", "act_0", "-o", str(path) + "2").refused("not_found")
    cli.line("audit", "evidence", action, "-o", "no/pack").refused("invalid_setting", 2)


@pytest.mark.promise("audit:receipt")
def test_a_receipt_is_a_page_or_the_bare_proof_by_its_name(cli: CliWorkspace) -> None:
    """Both verify with the key that is printed, and neither is written over another file."""
    action = cli.refund().json["id"]
    for name, begins in (("r.html", "<!doctype html>"), ("r.tlog-proof", "c2sp.org/tlog-proof@v1")):
        path = cli.folder / name
        found = cli.line.done("audit", "receipt", action, "-o", str(path))
        assert path.read_text().startswith(begins)
        assert cli.line("audit", "verify", str(path), "--vkey", found["vkey"]).status == 0
        assert cli.line("audit", "verify", str(path)).status == 2
        cli.line("audit", "receipt", action, "-o", str(path)).refused("invalid_input")


def test_words_and_phrases_are_looked_for(cli: CliWorkspace) -> None:
    """One argument is a whole query; several are held together each."""
    cli.refund()
    found = cli.line.done("audit", "query", "kind:action.succeeded", "verified customer")
    assert found["items"] == []
    found = cli.line.done("audit", "query", "--verified", "kind:action.succeeded engine")
    assert [entry["kind"] for entry in found["items"]] == ["action.succeeded"]
    assert found["items"][0]["proof"].startswith("c2sp.org/tlog-proof@v1\nindex ")
