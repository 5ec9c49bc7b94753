"""`sayso propose` and `ask`: what is done, and every bad input of the bars."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
from surfaces.cli.cli_workspace import SUBJECT, CliWorkspace

REFUND = ("propose", "stripe.refund")


def test_what_the_policy_allows_is_done_at_once(cli: CliWorkspace) -> None:
    """A small refund: decision, rule, receipt; and the provider's books show one effect."""
    ran = cli.refund()
    assert ran.status == 0
    assert (ran.json["status"], ran.json["decision"]["rule"]) == ("succeeded", "refund-small")
    (effect,) = cli.sandbox.books().effects
    assert (effect.id, effect.amount) == (ran.json["receipt"]["id"], 1500)


def test_the_same_key_is_the_same_action(cli: CliWorkspace) -> None:
    """Idempotency: two calls with one key are one refund; another content is a conflict."""
    first, second = cli.refund(key="k1"), cli.refund(key="k1")
    assert first.json["id"] == second.json["id"]
    assert len(cli.sandbox.books().effects) == 1
    cli.refund(minor=1600, key="k1").refused("idempotency_conflict")


def test_a_dry_run_stores_and_does_nothing(still: CliWorkspace) -> None:
    """It shows the decision, and neither the ledger nor the provider has anything of it."""
    ran = still.line(*REFUND, *SUBJECT, "--args", '{"charge": "ch_demo_ana_2"}', "--dry-run")
    assert ran.status == 0
    assert "allow by refund-small" in ran.out


def test_it_reads_well_without_json(cli: CliWorkspace) -> None:
    """One fact a line, and what to do next about what waits."""
    ran = cli.line(*REFUND, *SUBJECT, "--args", '{"charge": "ch_demo_ana_1"}')
    assert ran.status == 0
    assert "status    pending_approval" in ran.out
    assert "decision  ask by refund-small (amount): Above the automatic $50" in ran.out
    assert "next: sayso approvals show apr_" in ran.out


REFUSED = [
    ("cus_nobody", "ch_demo_ana_2", 100, "USD", "unknown_subject"),
    ("cus_demo_ana", "ch_nothing", 100, "USD", "unknown_object"),
    ("cus_demo_ana", "ch_demo_ben_1", 100, "USD", "not_owner"),
    ("cus_demo_ana", "ch_demo_ana_2", 4501, "USD", "amount_too_large"),
    ("cus_demo_ana", "ch_demo_ana_2", 100, "EUR", "currency_mismatch"),
    ("cus_demo_ana", "ch_demo_ana_2", 0, "USD", "invalid_money"),
    ("cus_demo_ana", "ch_demo_ana_2", -100, "USD", "invalid_money"),
    ("cus_demo_ana", "ch_demo_ana_2", 2**63, "USD", "invalid_money"),
    ("cus_demo_ana", "ch_demo_ana_2", 2**64, "USD", "invalid_money"),
    ("cus_demo_ana", "ch_demo_ana_2", 100, "XXX", "invalid_money"),
    ("cus_demo_ella", "ch_demo_ella_1", 100, "EUR", "nothing_refundable"),
]


@pytest.mark.promise("cli:bad-input")
@pytest.mark.parametrize(("subject", "charge", "minor", "currency", "code"), REFUSED)
def test_a_bad_refund_is_refused_with_its_code(
    still: CliWorkspace, subject: str, charge: str, minor: int, currency: str, code: str
) -> None:
    """A clear error, exit status 1, and nothing at the provider."""
    money = f'{{"amount_minor": {minor}, "currency": "{currency}"}}'
    args = f'{{"charge": "{charge}", "amount": {money}}}'
    still.line(*REFUND, "--subject", subject, "--args", args).refused(code)


@pytest.mark.parametrize(
    ("words", "code", "status"),
    [
        ((*SUBJECT, "--args", '{"charge":'), "malformed_json", 2),
        ((*SUBJECT, "--args", "[1]"), "malformed_json", 2),
        ((*SUBJECT, "--args", '{"charge": "ch_demo_ana_2", "customer": "x"}'), "invalid_input", 1),
        ((*SUBJECT, "--args", '{"charge": "\\ud800"}'), "malformed_json", 2),
        ((*SUBJECT, "--args", '{"charge": "ch_a", "charge": "ch_b"}'), "malformed_json", 2),
        (
            (*SUBJECT, "--args", '{"amount": {"currency": "a", "currency": "b"}}'),
            "malformed_json",
            2,
        ),
        (("--subject", "cus demo", "--args", "{}"), "invalid_input", 1),
        (("--subject", "cus\x1b[2J", "--args", "{}"), "invalid_input", 1),
        ((*SUBJECT, "--assurance", "sure"), "invalid_input", 1),
    ],
)
def test_arguments_that_are_none_are_refused(
    still: CliWorkspace, words: tuple[str, ...], code: str, status: int
) -> None:
    """What the command line itself cannot read is usage; what the action refuses is a refusal."""
    ran = still.line(*REFUND, *words).refused(code, status)
    assert "\x1b" not in ran.err


def test_an_unknown_action_names_the_nearest(still: CliWorkspace) -> None:
    """A misspelt action is answered with the one that is meant."""
    ran = still.line("propose", "stripe.refnd", *SUBJECT).refused("unknown_action")
    assert "`stripe.refund`" in ran.err


def test_a_refusal_is_an_action_in_json(still: CliWorkspace) -> None:
    """It is recorded, so stdout holds the action with its error, and the status is 1."""
    ran = still.refund("ch_demo_ben_1")
    assert ran.status == 1
    assert (ran.json["status"], ran.json["error"]["code"]) == ("refused", "not_owner")


def test_without_the_key_nothing_is_proposed(
    still: CliWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Acting needs the provider's secret; looking does not."""
    monkeypatch.delenv("STRIPE_API_KEY")
    assert "STRIPE_API_KEY" in still.line(*REFUND, *SUBJECT).refused("missing_secret", 2).err
    assert still.line("approvals", "list").status == 0


@pytest.mark.promise("cli:bad-input")
def test_a_locked_database_is_said_and_can_be_tried_again(still: CliWorkspace) -> None:
    """Another program holds the write lock: exit status 3, and nothing happened at Stripe."""
    with closing(sqlite3.connect(still.database, isolation_level=None)) as other:
        other.execute("begin immediate")
        args = '{"charge": "ch_demo_ana_2"}'
        still.line(*REFUND, *SUBJECT, "--args", args).refused("store_busy", 3)
        assert still.line("actions", "list").status == 0  # readers are never kept waiting


@pytest.mark.promise("cli:bad-input")
def test_a_read_only_database_is_said(cli: CliWorkspace) -> None:
    """A file that SQLite may not write (as its header says, which binds even root)."""
    with closing(sqlite3.connect(cli.database)) as connection:
        connection.execute("pragma wal_checkpoint(truncate)")
    content = bytearray(cli.database.read_bytes())
    content[18] = 3  # SOURCE: SQLite file format: a write version above 2 is read-only
    cli.database.write_bytes(content)
    args = '{"charge": "ch_demo_ana_2"}'
    cli.line(*REFUND, *SUBJECT, "--args", args).refused("store_read_only", 2)
    assert not cli.sandbox.books().effects


@pytest.mark.promise("cli:shared")
def test_two_processes_share_one_database(cli: CliWorkspace) -> None:
    """Two real processes with one key, at once: one action, one effect, and a log that verifies."""
    words = (*REFUND, *SUBJECT, "--args", '{"charge": "ch_demo_ana_2"}', "--key", "same", "--json")
    both = [cli.process(*words) for _ in range(2)]
    told = [process.communicate(timeout=60) for process in both]
    assert [process.returncode for process in both] == [0, 0], told
    assert len(cli.line.done("actions", "list")["items"]) == 1
    assert len(cli.sandbox.books().effects) == 1
    assert cli.line("audit", "verify").status == 0


def test_words_become_a_refund_and_a_true_reply(cli: CliWorkspace) -> None:
    """`ask`: planned by a playbook, done, and the reply holds the receipt."""
    document = cli.line.done("ask", "Please refund order 0977", *SUBJECT)
    (action,) = document["actions"]
    assert action["status"] == "succeeded"
    assert action["receipt"]["id"] in document["reply"]


@pytest.mark.promise("cli:bad-input")
@pytest.mark.parametrize(
    ("text", "subject", "code"),
    [
        ("", "cus_demo_ana", "empty_message"),
        (" \n\t ", "cus_demo_ana", "empty_message"),
        ("a" * 100_000, "cus_demo_ana", "message_too_long"),
        ("Please refund order 0977", "cus_nobody", "unknown_subject"),
        ("أريد استرداد المبلغ \u202e😀👩\u200d🚀", "cus_demo_ana", "not_understood"),
        ("\udcff\udcfe", "cus_demo_ana", "invalid_input"),
    ],
)
def test_words_that_cannot_be_acted_on_are_said(
    still: CliWorkspace, text: str, subject: str, code: str
) -> None:
    """Empty, 100 kB, emoji, right-to-left and broken text, an unknown customer."""
    still.line("ask", text, "--subject", subject).refused(code)
    assert "cus_nobody" not in str(still.line.done("audit", "query", "kind:request.handed_over"))


@pytest.mark.promise("cli:bad-input")
def test_words_that_cannot_be_planned_now_are_said(cli: CliWorkspace) -> None:
    """The provider cannot be reached: why, who goes on with what is stored, and no status of 0."""
    cli.edit_settings(cli.sandbox.url, "http://127.0.0.1:9")
    ran = cli.line("ask", "Please refund order 0977", *SUBJECT).refused("provider_unavailable", 3)
    assert "`sayso serve` or `sayso worker` goes on with it" in ran.err
    ran = cli.line("ask", "Please refund order 0977", *SUBJECT, "--json")
    assert (ran.status, ran.json["status"]) == (3, "received")


@pytest.mark.promise("cli:bad-input")
def test_a_planner_that_cannot_be_made_stores_nothing(cli: CliWorkspace) -> None:
    """A misspelt model is said before the words are taken, by `check`, `ask`, `serve`, `worker`."""
    cli.edit_settings("# [planner]", '[planner]\nmodel = "opnai:gpt-5"\n#')
    cli.line("ask", "Please refund order 0977", *SUBJECT).refused("invalid_setting", 2)
    assert "[planner]: the model `opnai:gpt-5`" in cli.line("check").err
    cli.line("serve", "--port", "0").refused("invalid_setting", 2)
    cli.line("worker").refused("invalid_setting", 2)
    cli.edit_settings('model = "opnai:gpt-5"', "")
    assert cli.line.done("audit", "query", "kind:request.asked")["items"] == []


@pytest.mark.promise("cli:bad-input")
def test_a_yes_that_cannot_be_carried_out_now_says_so(cli: CliWorkspace) -> None:
    """The vote stands, nothing was sent, and the status is not 0."""
    approval = str(cli.pending()["id"])
    cli.edit_settings(cli.sandbox.url, "http://127.0.0.1:9")
    ran = cli.line("approvals", "approve", approval, "--yes").refused("provider_unavailable", 3)
    assert "status    approved" in ran.out
    assert not cli.sandbox.books().effects


def test_a_token_says_who_asks(cli: CliWorkspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """With SAYSO_TOKEN the holder asks, so that they cannot approve it; a wrong one is refused."""
    token = (cli.folder / ".sayso" / "person.token").read_text().strip()
    monkeypatch.setenv("SAYSO_TOKEN", token)
    approval = cli.pending()
    cli.line("approvals", "approve", str(approval["id"]), "--yes").refused("own_request")
    monkeypatch.setenv("SAYSO_TOKEN", token + "x")
    cli.line(*REFUND, *SUBJECT).refused("unauthenticated")
