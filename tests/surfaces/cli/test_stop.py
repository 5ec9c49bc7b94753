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
    assert len(place.line.done("stop", "list", "--ended")["stops"]) == 1
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
        (("--customer", "no such"), "invalid_input", 1),
    ],
)
def test_what_stops_nothing_says_so(
    place: Place, words: tuple[str, ...], code: str, status: int
) -> None:
    """A misspelt stop must not look like one."""
    place.line("stop", *words).refused(code, status)
    assert "Nothing is stopped." in place.line("stop", "list").out
