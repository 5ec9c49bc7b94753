"""`sayso approvals plan`: one card for the steps of a plan, and a plan that undoes what it did."""

from __future__ import annotations

import pytest
from surfaces.cli.cli_workspace import SUBJECT, CliWorkspace

GOODWILL = """
version = 2
name = "goodwill"
summary = "the customer leaves with a refund and a credit, or with nothing of it"
on_failure = "undo"
[slots.charge]
type = "object"
kind = "charge"
needs = "left"

[slots.amount]
type = "money"
required = true

[slots.subscription]
type = "object"
kind = "subscription"

[[steps]]
action = "stripe.cancel_subscription"
args = { subscription = "{subscription}", when = "period_end" }

[[steps]]
action = "stripe.refund"
args = { charge = "{charge}" }

[[steps]]
action = "stripe.credit"
args = { amount = "{amount}" }
after = [2]

[words.en]
ask = ["take _ goodwill package"]
"""
WORDS = "I would like to take the goodwill package of $40 for order 1042"


@pytest.fixture
def plan(cli: CliWorkspace) -> str:
    """A request of three steps that belong together, so that all of them wait."""
    (cli.folder / "playbooks").mkdir(exist_ok=True)
    (cli.folder / "playbooks" / "goodwill.toml").write_text(GOODWILL, encoding="utf-8")
    request = cli.line("ask", WORDS, *SUBJECT, "--json").json
    asked = request["question"]
    assert [step["action"] for step in asked["plan"]["steps"]] == [
        "stripe.cancel_subscription",
        "stripe.refund",
        "stripe.credit",
    ]
    answer = ("requests", "answer", request["id"], "yes please", "--json")
    request = cli.line(*answer).json
    assert [step["status"] for step in request["actions"]] == [
        "pending_approval",
        "pending_approval",
        "pending_approval",
    ], request
    return str(request["id"])


def test_the_plan_is_one_card(cli: CliWorkspace, plan: str) -> None:
    """Each step with its state, what a failure does, and the cards of those that wait."""
    shown = cli.line("approvals", "plan", plan).out
    assert "on failure: when one fails, none of the others is begun, and what was done" in shown
    assert shown.count("Details") == 1
    assert all(f"· {place} s{place} " in shown for place in (1, 2, 3))
    assert "--no s1 --yes all" in shown


def test_yes_to_all_is_one_decision(cli: CliWorkspace, plan: str) -> None:
    """All steps are approved in one commit, and each is carried out after what it waits for."""
    request = cli.line.done("approvals", "plan", plan, "--yes", "all")
    assert [step["status"] for step in request["actions"]] == ["succeeded"] * 3
    kinds = [effect.kind for effect in cli.sandbox.books().effects]
    assert sorted(kinds) == ["balance_credit", "cancel_at_period_end", "refund"]
    assert kinds.index("refund") < kinds.index("balance_credit")


@pytest.mark.promise("plans:undo")
def test_a_no_to_a_part_takes_the_cancellation_back_at_stripe(cli: CliWorkspace, plan: str) -> None:
    """All or nothing: the subscription goes on at Stripe, and the reply says so."""
    first = cli.line.done("approvals", "plan", plan, "--yes", "s1")
    assert first["actions"][0]["status"] == "succeeded"
    ran = cli.line("approvals", "plan", plan, "--no", "s2", "--json")
    steps = {step["step"]: step["status"] for step in ran.json["actions"]}
    assert steps == {
        "s1": "compensated",
        "s2": "rejected",
        "s3": "refused",
        "s1-undo": "succeeded",
    }
    effects = cli.sandbox.books().effects
    assert [effect.kind for effect in effects] == ["cancel_at_period_end", "keep"]
    assert "was made and then taken back" in ran.json["reply"]
    assert cli.line("audit", "verify").status == 0


def seen(cli: CliWorkspace, plan: str, *steps: str) -> list[str]:
    """The first digits of the cards of these steps, as `--digest` takes them."""
    shown = cli.line.done("approvals", "plan", plan)["actions"]
    digests = {step["step"]: step["approval"]["digest"][:12] for step in shown if step["approval"]}
    return [word for step in steps for word in ("--digest", digests[step])]


@pytest.mark.promise("plans:together")
@pytest.mark.promise("approvals:bound")
def test_digests_insist_on_the_cards_of_a_plan_that_were_seen(cli: CliWorkspace, plan: str) -> None:
    """As for one action: a card of none of them, too few digits, none for one that is decided."""
    decide = ("approvals", "plan", plan, "--yes")
    cli.line.done("approvals", "plan", plan, "--yes", "s1")
    one, two = seen(cli, plan, "s2"), seen(cli, plan, "s3")
    for wrong in (one, ["--digest", ""], [*one, two[0], two[1][:11]], [*one, "--digest", "0" * 12]):
        cli.line(*decide, "all", *wrong).refused("digest_mismatch")
    cli.line(*decide, "s2", *two).refused("digest_mismatch")
    cli.line("approvals", "plan", plan, *one).refused("invalid_input", 2)
    request = cli.line.done(*decide, "all", *two, *one)
    assert [step["status"] for step in request["actions"]] == ["succeeded"] * 3


@pytest.mark.promise("plans:together")
@pytest.mark.promise("approvals:bound")
def test_a_step_that_was_decided_since_it_was_seen_stops_the_whole_plan(
    cli: CliWorkspace, plan: str
) -> None:
    """Somebody has allowed less of it meanwhile: what waits is not the plan that was seen."""
    cli.line.done("approvals", "plan", plan, "--yes", "s1")
    cards = seen(cli, plan, "s2", "s3")
    shown = cli.line.done("approvals", "plan", plan)["actions"]
    assert shown[1]["amount"]["amount_minor"] > 500
    cli.line.done("approvals", "edit", shown[1]["approval"]["id"], "--amount", "5", "--yes")
    cli.line("approvals", "plan", plan, "--yes", "all", *cards).refused("digest_mismatch")
    assert cli.line.done("actions", "show", shown[2]["id"])["status"] == "pending_approval"
    cli.line.done("approvals", "plan", plan, "--yes", "all", *seen(cli, plan, "s3"))
    assert cli.line.done("actions", "show", shown[2]["id"])["status"] == "succeeded"


def test_bad_steps_are_refused_before_anything_is_decided(cli: CliWorkspace, plan: str) -> None:
    """An unknown step, one that is named twice, one that does not wait."""
    decide = ("approvals", "plan", plan)
    cli.line.done(*decide, "--yes", "s1")
    cli.line(*decide, "--yes", "s9").refused("invalid_input", 2)
    cli.line(*decide, "--yes", "s1").refused("invalid_input", 2)
    cli.line(*decide, "--yes", "s2", "--no", "s2").refused("invalid_input", 2)
    cli.line("approvals", "plan", "req_nobody").refused("not_found")
    assert cli.line.done("actions", "list", "--status", "pending_approval")["items"]
