"""A command that ends before its action is done says who goes on, and what has to happen first."""

from __future__ import annotations

from typing import Any

import pytest
from surfaces.cli.cli_workspace import CliWorkspace

from sayso.sdk.views.rows import ActionView, HeldView
from sayso.surfaces.cli.unfinished import left_of

WORDS = ("Please refund order 1042", "--subject", "cus_demo_ana")
WHO = "`sayso serve` or `sayso worker`"


def only_left(document: dict[str, Any]) -> dict[str, Any]:
    """The one thing that is left."""
    (left,) = document["left"]
    assert left["next_step"]
    assert WHO in left["next_step"]
    return dict(left)


@pytest.mark.promise("cli:left")
def test_a_yes_under_a_stop_says_what_it_waits_for(cli: CliWorkspace) -> None:
    """Decided, exit status 0, and the stop with the command that ends it."""
    card = cli.pending()
    stop = cli.line.done("stop", "--all", "--reason", "INC-7")["id"]
    ran = cli.line("approvals", "approve", card["id"], "--yes")
    assert ran.status == 0
    assert f"not done yet: {card['action_id']}: stopped (all): INC-7" in ran.out
    (step,) = [line for line in ran.out.splitlines() if line.startswith("next: ")]
    assert f"sayso resume {stop}" in step
    assert WHO in step
    assert not cli.sandbox.books().effects


@pytest.mark.promise("cli:left")
def test_the_same_stands_in_the_document(cli: CliWorkspace) -> None:
    """For a script: what is left, by code; empty when it is done."""
    card = cli.pending()
    cli.line.done("stop", "--all")
    left = only_left(cli.line.done("approvals", "approve", card["id"], "--yes"))
    assert (left["action"], left["code"]) == (card["action_id"], "stopped")


@pytest.mark.promise("cli:left")
def test_a_proposal_under_a_stop_says_it_too(cli: CliWorkspace) -> None:
    """Allowed by the policy, and held all the same."""
    cli.line.done("stop", "--all")
    assert only_left(cli.refund().json)["code"] == "stopped"


def test_what_is_done_refused_or_only_judged_leaves_nothing(cli: CliWorkspace) -> None:
    """Nor does what waits for a person, which is said elsewhere."""
    assert cli.refund(minor=100).json["left"] == []
    assert cli.refund(minor=9_999_999).json["left"] == []
    assert cli.refund("ch_demo_ana_1", 12900).json["left"] == []
    amount = '{"charge": "ch_demo_ana_2", "amount": {"amount_minor": 100, "currency": "USD"}}'
    words = ("propose", "stripe.refund", "--subject", "cus_demo_ana", "--args", amount)
    assert cli.line.done(*words, "--dry-run")["left"] == []
    assert "not done yet" not in cli.line(*words, "--dry-run").out


@pytest.mark.promise("cli:left")
def test_what_waits_for_a_rate_says_so(cli: CliWorkspace) -> None:
    """It is nobody's stop: a process that goes on does it in its turn."""
    cli.edit_settings("[connectors.stripe]", '[connectors.stripe]\nrate = "1/h"')
    assert cli.refund(minor=100).json["status"] == "succeeded"
    waits = cli.refund(minor=200).json
    assert waits["status"] == "approved"
    assert only_left(waits)["code"] == "waiting"


@pytest.mark.promise("cli:left")
def test_a_request_and_a_plan_say_it_for_their_steps(cli: CliWorkspace) -> None:
    """Whatever command began or decided it."""
    asked = cli.line.done("ask", *WORDS)
    assert asked["left"] == []
    cli.line.done("stop", "--connector", "stripe")
    decided = cli.line("approvals", "plan", asked["id"], "--yes", "all")
    assert decided.status == 0
    assert "not done yet: " in decided.out
    again = cli.line.done("approvals", "plan", asked["id"])
    assert again["left"] == [], "who only looks leaves nothing"


def test_what_another_action_holds_names_that_one(cli: CliWorkspace) -> None:
    """Whoever reads it can settle the other one."""
    document = cli.refund(minor=100).json
    del document["left"]
    other = HeldView(
        by="act_other", code="object_locked", reason="in other words", status="unknown"
    )
    action = ActionView.model_validate(document)
    held = action.model_copy(update={"status": "approved", "held": other})
    (left,) = left_of(held)
    assert left.code == "object_locked"
    assert "sayso actions settle act_other" in left.next_step
    called = HeldView(
        by="act_other", code="object_locked", reason="it is unknown", status="executing"
    )
    (left,) = left_of(action.model_copy(update={"status": "approved", "held": called}))
    assert "resolve" not in left.next_step, "nobody can settle what is being called"
    assert left.next_step.startswith(f"start {WHO}")
    (left,) = left_of(action.model_copy(update={"status": "approved", "after": ("s1",)}))
    assert (left.code, "s1" in left.reason) == ("waiting", True)


def test_what_a_released_stop_held_is_left_to_others(
    cli: CliWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`sayso resume` carries nothing out itself."""
    cli.edit_settings("[[people]]", '[[people]]\nid = "noor"\nroles = ["finance"]\n\n[[people]]')
    other = str(cli.line.done("token", "create", "--person", "noor")["secret"])
    stop = cli.line.done("stop", "--all")["id"]
    cli.line.done("resume", stop)
    monkeypatch.setenv("SAYSO_TOKEN", other)
    assert f"goes on with {WHO}" in cli.line("resume", stop).out
