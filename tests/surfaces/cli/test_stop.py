"""`sayso stop` and `sayso resume`: a brake that anybody can pull, and two people let go."""

from __future__ import annotations

import pytest
from surfaces.cli.cli_workspace import CliWorkspace


def second_person(cli: CliWorkspace) -> str:
    """A token of another approver."""
    cli.edit_settings("[[people]]", '[[people]]\nid = "noor"\nroles = ["finance"]\n\n[[people]]')
    return str(cli.line.done("token", "create", "--person", "noor")["secret"])


@pytest.mark.promise("stop:two-people")
def test_one_person_stops_and_two_resume(
    cli: CliWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped at once; what was proposed meanwhile says so, and is done after the second word."""
    other = second_person(cli)
    stopped = cli.line.done("stop", "--all", "--reason", "INC-7")
    assert stopped["engaged_by"].startswith("person:")
    held = cli.refund().json
    assert held["held"]["by"] == stopped["id"]
    shown = cli.line("actions", "show", held["id"]).out
    assert f"stopped (all): INC-7 ({stopped['id']})" in shown
    assert f"all ({stopped['id']})" in cli.line("doctor").out
    assert cli.line("stop", "list").out.splitlines()[1].split()[:4] == [
        stopped["id"],
        "in_force",
        "all",
        "1",
    ]
    asked = cli.line("resume", stopped["id"])
    assert "next: another person runs" in asked.out
    cli.line("resume", stopped["id"]).refused("own_request")
    monkeypatch.setenv("SAYSO_TOKEN", other)
    assert cli.line.done("resume", stopped["id"])["status"] == "released"
    assert "Nothing is stopped." in cli.line("stop", "list").out
    assert len(cli.line.done("stop", "list", "--ended")["items"]) == 1
    assert cli.line.done("doctor")["facts"]["stopped"] == "nothing"


@pytest.mark.parametrize("token", ["", "csk_nonsense"])
def test_the_brake_needs_no_token(
    cli: CliWorkspace, monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    """Whoever stands at the machine may stop; letting go on always takes people."""
    if token:
        monkeypatch.setenv("SAYSO_TOKEN", token)
    else:
        (cli.folder / ".sayso" / "person.token").unlink()
    stopped = cli.line.done("stop", "--connector", "stripe")
    assert stopped["engaged_by"] == "service:cli"
    cli.line("resume", stopped["id"]).refused("unauthenticated")


def test_a_brake_needs_no_secret_of_a_provider(
    cli: CliWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is broken at the connectors must not keep anybody from stopping them."""
    monkeypatch.delenv("STRIPE_API_KEY")
    assert cli.line.done("stop", "--all")["status"] == "in_force"


@pytest.mark.parametrize(
    ("words", "code", "status"),
    [
        ((), "invalid_input", 2),
        (("--all", "--tenant"), "invalid_input", 2),
        (("--connector", "strpe"), "not_found", 1),
        (("--action", "strpe.refund"), "not_found", 1),
        (("--action", "stripe.refnd"), "not_found", 1),
        (("--action", "refund"), "not_found", 1),
        (("--action", "stripe"), "not_found", 1),
        (("--connector", "stripe.refund"), "not_found", 1),
        (("--customer", "no such"), "invalid_input", 1),
    ],
)
def test_what_stops_nothing_says_so(
    cli: CliWorkspace, words: tuple[str, ...], code: str, status: int
) -> None:
    """A misspelt stop must not look like one."""
    cli.line("stop", *words).refused(code, status)
    assert "Nothing is stopped." in cli.line("stop", "list").out


def test_a_stop_of_a_customer_whom_nobody_knows_is_taken_loudly(cli: CliWorkspace) -> None:
    """It may be a misspelt id, and it may be somebody who comes later."""
    told = cli.line("stop", "--customer", "cus_nobody")
    assert told.status == 0
    assert "LOOK AGAIN: no customer `cus_nobody` is known here yet" in told.err
    assert "in doubt" in told.out
    (listed,) = cli.line.done("stop", "list")["items"]
    assert "no customer" in listed["doubt"]


@pytest.mark.parametrize(
    ("name", "step"),
    [
        ("stripe.refnd", "did you mean `stripe.refund`?"),
        ("refund", "did you mean `stripe.refund`?"),
        ("stripe", "use stripe.cancel_subscription, stripe.credit"),
        ("x\u202e", "use email.send, email.send_apology, stripe.cancel_subscription"),
    ],
)
def test_the_next_step_names_actions_that_can_be_stopped(
    cli: CliWorkspace, monkeypatch: pytest.MonkeyPatch, name: str, step: str
) -> None:
    """Whoever follows the hint stops something; it needs no provider's secret to be known."""
    monkeypatch.delenv("STRIPE_API_KEY")
    refused = cli.line("stop", "--action", name).refused("not_found")
    assert f"next: {step}" in refused.err
    assert "\u202e" not in refused.err


@pytest.mark.promise("stop:never-blocked")
@pytest.mark.parametrize(
    "code", ["raise RuntimeError('down')", "raise SystemExit(9)", "import time; time.sleep(9999)"]
)
def test_what_cannot_be_loaded_can_still_be_stopped(cli: CliWorkspace, code: str) -> None:
    """A stop in an emergency is taken as it is where the names are not known, and says so."""
    cli.edit_settings("[workspace]", 'actions = ["actions/*.py"]\n\n[workspace]')
    (cli.folder / "actions" / "loyalty.py").write_text(code, encoding="utf-8")
    for words in (("--action", "loyalty.grant"), ("--connector", "loyalty")):
        taken = cli.line("stop", *words)
        assert taken.status == 0
        assert "in_force" in taken.out
        assert f"there is the {words[0].strip('-')} `{words[1]}`: `actions/loyalty.py`" in taken.err
    sure = cli.line("stop", "--action", "stripe.refund")
    assert (sure.status, sure.err) == (0, "")
    cli.line("stop", "--action", "stripe.refnd").refused("not_found")


@pytest.mark.promise("stop:never-blocked")
def test_a_connector_that_cannot_be_made_can_still_be_stopped(cli: CliWorkspace) -> None:
    """A connector with a wrong setting may have any action; those of the others are known."""
    cli.edit_settings('api_key = "env:STRIPE_API_KEY"', "timeout_s = -1")
    taken = cli.line("stop", "--action", "stripe.refnd", "--json")
    assert taken.json["status"] == "in_force"
    assert "not checked whether there is the action `stripe.refnd`" in taken.err
    cli.line("stop", "--action", "email.sned").refused("not_found")
    assert cli.line("stop", "--connector", "stripe").err == ""


def test_what_the_ledger_names_can_be_stopped_without_its_connector(cli: CliWorkspace) -> None:
    """Workers may have a newer workspace than the machine at which somebody stops."""
    cli.refund()
    file = cli.folder / "sayso.toml"
    kept = file.read_text(encoding="utf-8")
    head, _, tail = kept.partition("[connectors.stripe]")
    file.write_text(head + "[" + tail.partition("\n[")[2], encoding="utf-8")
    assert cli.line.done("stop", "--action", "stripe.refund")["status"] == "in_force"
    assert cli.line.done("stop", "--connector", "stripe")["status"] == "in_force"
    cli.line("stop", "--action", "stripe.credit").refused("not_found")
