"""What a workspace as `sayso init` writes it makes of features that meet; its log verifies."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing

import httpx
import pytest
from surfaces.cli.cli_workspace import SUBJECT, CliWorkspace
from surfaces.cli.test_limits import LIMITS
from surfaces.cli.test_stop import second_person

from sayso.sdk.client import Sayso

pytestmark = pytest.mark.promise("audit:one-meaning")
CARDS = """
[[limit]]
id    = "waiting"
say   = "At most 20 question waits"
of    = "customer"
cards = 20

"""


def check_sound(cli: CliWorkspace) -> None:
    """The log and its database verify, and `doctor` finds nothing wrong with them."""
    verified = cli.line("audit", "verify")
    assert verified.status == 0, verified.out + verified.err
    assert "[tampered]" not in cli.line("doctor").out


def test_less_than_was_asked_for_holds_no_card(cli: CliWorkspace) -> None:
    """After "yes to less" no question waits any more, so nothing is held of the limits of cards."""
    for charge, minor in (("ch_demo_ana_1", 12900), ("ch_demo_ben_1", 7000)):
        subject = "cus_demo_ben" if "ben" in charge else "cus_demo_ana"
        args = f'{{"charge": "{charge}", "amount": {{"amount_minor": {minor}, "currency": "USD"}}}}'
        ran = cli.line("propose", "stripe.refund", "--subject", subject, "--args", args, "--json")
        approval = ran.json["approval"]
        cli.line.done("approvals", "edit", approval["id"], "--amount", "60", "--yes")
        check_sound(cli)
        used = cli.line("limits").out
        assert "0 of 20" in used
        assert "0 of 1,000" in used


def test_an_answer_to_a_persons_question_leaves_the_log_sound(cli: CliWorkspace) -> None:
    """A request is acted on again as soon as the customer has answered what a person asked."""
    asked = cli.line.done("ask", "Please refund order 1042", *SUBJECT)
    [approval] = cli.line.done("approvals", "list")["items"]
    cli.line.done("approvals", "ask", approval["id"], "Which mug came broken?")
    check_sound(cli)
    cli.line.done("requests", "answer", asked["id"], "The blue one.")
    check_sound(cli)
    [approval] = cli.line.done("approvals", "list")["items"]
    cli.line.done("approvals", "approve", approval["id"], "--yes")
    check_sound(cli)


def test_a_card_that_is_held_for_what_has_ended_is_found(cli: CliWorkspace) -> None:
    """`doctor` says which action still holds a question that nobody is asked any more."""
    approval = cli.pending()
    cli.line.done("approvals", "approve", approval["id"], "--yes")
    with closing(sqlite3.connect(cli.database)) as rows, rows:
        rows.execute("update limit_use set state = 'held' where limit_id = 'cards-customer'")
        rows.execute("update limit_counter set count = 1 where limit_id = 'cards-customer'")
    said = " ".join(cli.line("doctor").out.split())
    assert f"cards-customer: what {approval['action_id']} uses is held, and the action is" in said


def test_what_the_provider_refuses_after_a_new_policy_leaves_the_log_sound(
    cli: CliWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped, a limit tightened, refunded by hand, and resumed: the refusal tells no judgement."""
    other = second_person(cli)
    (cli.folder / "policies" / "limits.toml").write_text(LIMITS)
    cli.line.done("policy", "activate")
    approval = cli.pending()
    stop = cli.line.done("stop", "--all", "--reason", "INC-7")
    assert cli.line("approvals", "approve", approval["id"], "--yes").status == 0
    cli.line.done("limits", "set", "day", "--sum", "USD=600", "--note", "INC-7")
    refunded = httpx.post(
        f"{cli.sandbox.url}/v1/refunds",
        data={"charge": "ch_demo_ana_1"},
        auth=(cli.sandbox.api_key, ""),
        timeout=60,
    )
    assert refunded.status_code == 200
    cli.line.done("resume", stop["id"])
    with monkeypatch.context() as by_another:
        by_another.setenv("SAYSO_TOKEN", other)
        cli.line.done("resume", stop["id"])

    async def work() -> None:
        async with Sayso.open(cli.folder) as sayso:
            await sayso.container.dispatcher.drain()

    asyncio.run(work())
    assert cli.line.done("actions", "show", approval["action_id"])["status"] == "refused"
    check_sound(cli)


def test_a_limit_that_is_set_below_what_is_used_accuses_nobody(cli: CliWorkspace) -> None:
    """What was used before is nobody's fault, and people read the number that counts."""
    file = cli.folder / "policies" / "limits.toml"
    file.write_text(LIMITS.replace("[[limit]]", CARDS + "[[limit]]", 1))
    cli.line.done("policy", "activate")
    cli.refund("ch_demo_ana_2", 1500)
    cli.pending()
    cli.line.done("limits", "set", "waiting", "--cards", "1")
    assert "At most 1 question waits" in file.read_text()
    refused = cli.refund("ch_demo_ana_1", 12800).json
    assert refused["status"] == "refused"
    assert "At most 1 question waits: 1 of 1 wait already" in str(refused)
    cli.line.done("limits", "set", "day", "--sum", "USD=10")
    check_sound(cli)
