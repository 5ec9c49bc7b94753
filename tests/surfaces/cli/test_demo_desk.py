"""`sayso demo --desk`: customers write e-mails, and read their answers in their mailboxes."""

from __future__ import annotations

import os
from importlib import resources
from pathlib import Path

import pytest
from surfaces.cli.cli_workspace import Line

from sayso.errors import ConfigError
from sayso.sandbox.mailboxes import run_mailboxes


@pytest.mark.real
@pytest.mark.promise("demo:desk")
def test_the_demo_by_mail_is_proven_to_the_cent(
    line: Line, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everybody has an answer, and books and log agree. Three of the sixteen take it all along."""
    monkeypatch.chdir(tmp_path)
    try:
        with run_mailboxes():
            pass
    except ConfigError as error:
        if os.environ.get("CI"):
            pytest.fail(f"CI has to run this: {error}")
        pytest.skip(f"Dovecot cannot be started here: {error}")
    own = resources.files("sayso.surfaces.cli.demo").joinpath("messages.jsonl").read_text()
    lines = own.splitlines()
    Path("three.jsonl").write_text("\n".join((lines[0], lines[11], lines[13])))
    document = line.done("demo", "--desk", "--yes", "--messages", "three.jsonl")
    assert document["ok"] is True
    assert (document["log"]["verdict"], document["books"]["differences"]) == ("verified", [])
    mails = document["mails"]
    assert len(mails) == 3
    assert all(one["told"] for one in mails)
    ana = next(one for one in mails if one["to"] == "ana@example.com")
    assert "we have refunded you $45.00" in ana["told"][-1].lower()


def test_without_a_mail_server_the_demo_says_what_to_install(
    line: Line, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The package's name stands in the next step."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)
    refused = line("demo", "--desk", "--yes").refused("missing_extra", 2)
    assert "next: install Dovecot: apt-get install dovecot-imapd" in refused.err


def test_a_customer_without_a_mailbox_is_refused(line: Line, tmp_path: Path) -> None:
    """Other people's messages have no address here."""
    (tmp_path / "one.jsonl").write_text('{"subject": "cus_nobody", "text": "hello"}')
    words = ("demo", "--desk", "--yes", "--messages", str(tmp_path / "one.jsonl"))
    line(*words).refused("invalid_input", 2)
