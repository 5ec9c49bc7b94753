"""`sayso stop` and `sayso resume`: a brake that anybody can pull, and two people let go."""

from __future__ import annotations

import pytest
from surfaces.cli.line import Place


def second_person(place: Place) -> str:
    """A token of another approver."""
    place.edit_settings("[[people]]", '[[people]]\nid = "noor"\nroles = ["finance"]\n\n[[people]]')
    return str(place.line.done("token", "create", "--person", "noor")["secret"])


@pytest.mark.promise("stop:two-people")
def test_one_person_stops_and_two_resume(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopped at once; what was proposed meanwhile says so, and is done after the second word."""
    other = second_person(place)
    stopped = place.line.done("stop", "--all", "--reason", "INC-7")
    assert stopped["engaged_by"].startswith("person:")
    held = place.refund().json
    assert held["held"]["by"] == stopped["id"]
    shown = place.line("actions", "show", held["id"]).out
    assert f"stopped (all): INC-7 ({stopped['id']})" in shown
    assert f"all ({stopped['id']})" in place.line("doctor").out
    assert place.line("stop", "list").out.splitlines()[1].split()[:4] == [
        stopped["id"],
        "in_force",
        "all",
        "1",
    ]
    asked = place.line("resume", stopped["id"])
    assert "next: another person runs" in asked.out
    place.line("resume", stopped["id"]).refused("own_request")
    monkeypatch.setenv("SAYSO_TOKEN", other)
    assert place.line.done("resume", stopped["id"])["status"] == "released"
    assert "Nothing is stopped." in place.line("stop", "list").out
    assert len(place.line.done("stop", "list", "--ended")["items"]) == 1
    assert place.line.done("doctor")["facts"]["stopped"] == "nothing"


@pytest.mark.parametrize("token", ["", "csk_nonsense"])
def test_the_brake_needs_no_token(
    place: Place, monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    """Whoever stands at the machine may stop; letting go on always takes people."""
    if token:
        monkeypatch.setenv("SAYSO_TOKEN", token)
    else:
        (place.folder / ".sayso" / "person.token").unlink()
    stopped = place.line.done("stop", "--connector", "stripe")
    assert stopped["engaged_by"] == "service:cli"
    place.line("resume", stopped["id"]).refused("unauthenticated")


def test_a_brake_needs_no_secret_of_a_provider(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is broken at the connectors must not keep anybody from stopping them."""
    monkeypatch.delenv("STRIPE_API_KEY")
    assert place.line.done("stop", "--all")["status"] == "in_force"


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
    place: Place, words: tuple[str, ...], code: str, status: int
) -> None:
    """A misspelt stop must not look like one."""
    place.line("stop", *words).refused(code, status)
    assert "Nothing is stopped." in place.line("stop", "list").out


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
    place: Place, monkeypatch: pytest.MonkeyPatch, name: str, step: str
) -> None:
    """Whoever follows the hint stops something; it needs no provider's secret to be known."""
    monkeypatch.delenv("STRIPE_API_KEY")
    refused = place.line("stop", "--action", name).refused("not_found")
    assert f"next: {step}" in refused.err
    assert "\u202e" not in refused.err


@pytest.mark.promise("stop:never-blocked")
@pytest.mark.parametrize(
    "code", ["raise RuntimeError('down')", "raise SystemExit(9)", "import time; time.sleep(9999)"]
)
def test_what_cannot_be_loaded_can_still_be_stopped(place: Place, code: str) -> None:
    """A stop in an emergency is taken as it is where the names are not known, and says so."""
    place.edit_settings("[workspace]", 'actions = ["actions/*.py"]\n\n[workspace]')
    (place.folder / "actions" / "loyalty.py").write_text(code, encoding="utf-8")
    for words in (("--action", "loyalty.grant"), ("--connector", "loyalty")):
        taken = place.line("stop", *words)
        assert taken.status == 0
        assert "in_force" in taken.out
        assert f"there is the {words[0].strip('-')} `{words[1]}`: `actions/loyalty.py`" in taken.err
    sure = place.line("stop", "--action", "stripe.refund")
    assert (sure.status, sure.err) == (0, "")
    place.line("stop", "--action", "stripe.refnd").refused("not_found")


@pytest.mark.promise("stop:never-blocked")
def test_a_connector_that_cannot_be_made_can_still_be_stopped(place: Place) -> None:
    """A connector with a wrong setting may have any action; those of the others are known."""
    place.edit_settings('api_key = "env:STRIPE_API_KEY"', "timeout_s = -1")
    taken = place.line("stop", "--action", "stripe.refnd", "--json")
    assert taken.json["status"] == "in_force"
    assert "not checked whether there is the action `stripe.refnd`" in taken.err
    place.line("stop", "--action", "email.sned").refused("not_found")
    assert place.line("stop", "--connector", "stripe").err == ""


def test_what_the_ledger_names_can_be_stopped_without_its_connector(place: Place) -> None:
    """Workers may have a newer workspace than the machine at which somebody stops."""
    place.refund()
    file = place.folder / "sayso.toml"
    kept = file.read_text(encoding="utf-8")
    head, _, tail = kept.partition("[connectors.stripe]")
    file.write_text(head + "[" + tail.partition("\n[")[2], encoding="utf-8")
    assert place.line.done("stop", "--action", "stripe.refund")["status"] == "in_force"
    assert place.line.done("stop", "--connector", "stripe")["status"] == "in_force"
    place.line("stop", "--action", "stripe.credit").refused("not_found")
