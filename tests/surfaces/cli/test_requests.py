"""`sayso requests`: what customers asked, and what a person has to answer."""

from __future__ import annotations

import pytest
from surfaces.cli.cli_workspace import SUBJECT, CliWorkspace


@pytest.mark.promise("cli:requests")
def test_what_was_handed_over_is_found_and_shown(cli: CliWorkspace) -> None:
    """Whoever has to answer the customer sees which requests wait for that, and why."""
    handed = cli.line("ask", "Where is my parcel?", *SUBJECT, "--json").json
    answered = cli.line.done("ask", "Please refund order 1042", *SUBJECT)
    assert handed["status"] == "handed_over"
    both = [one["id"] for one in cli.line.done("requests", "list")["items"]]
    assert both == [answered["id"], handed["id"]]
    shown = cli.line("requests", "list", "--status", "handed_over").out.splitlines()
    assert [line.split()[0] for line in shown] == ["ID", handed["id"]]
    one = cli.line("requests", "show", handed["id"])
    assert one.status == 0
    assert f"[{handed['error']['code']}]" in one.out
    assert "next: a person has to answer the customer" in one.out
    plan = cli.line("requests", "show", answered["id"]).out
    assert answered["actions"][0]["id"] in plan
    assert cli.line.done("requests", "show", handed["id"])["error"] == handed["error"]


@pytest.mark.promise("cli:requests")
def test_a_long_list_goes_on_under_its_status(cli: CliWorkspace) -> None:
    """The same pages as every other list."""
    for text in ("Where is my parcel?", "And now?"):
        cli.line("ask", text, *SUBJECT)
    cut = cli.line("requests", "list", "--status", "handed_over", "-n", "1").out.splitlines()
    first = cut[1].split()[0]
    assert cut[-1] == f"more: sayso requests list --status handed_over -n 1 --after {first}"


@pytest.mark.promise("agent:withdrawn")
def test_a_request_is_taken_back(cli: CliWorkspace) -> None:
    """In the customer's place: what waits is closed, and the reply is shown."""
    asked = cli.line("ask", "Please refund order 1042", *SUBJECT, "--json").json
    shown = cli.line.done("requests", "withdraw", asked["id"], "no, I will keep it")
    assert shown["status"] == "withdrawn"
    again = cli.line("requests", "withdraw", asked["id"])
    assert "as you asked" in again.out
    cli.line("requests", "withdraw", "req_none").refused("not_found")


def test_bad_words_are_refused(cli: CliWorkspace) -> None:
    """A state that there is not, a request that there is not, and none at all yet."""
    cli.line("requests", "list", "--status", "open").refused("invalid_input")
    cli.line("requests", "show", "req_none").refused("not_found")
    empty = cli.line("requests", "list")
    assert empty.out.startswith("Nothing was asked in words yet.")
