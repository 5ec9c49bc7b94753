"""`sayso approvals` and `actions`: what waits, what is shown, and what a decision is bound to."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest
from surfaces.cli.cli_workspace import SUBJECT, CliWorkspace, Line
from surfaces.cli.terminal import Terminal


def test_empty_lists_say_what_to_do(cli: CliWorkspace) -> None:
    """Nothing there yet is said in words, with a command to go on with; JSON stays a list."""
    assert "Nothing waits for a decision." in cli.line("approvals", "list").out
    assert "sayso ask" in cli.line("actions", "list").out
    assert cli.line.done("approvals", "list") == {"items": [], "after": None}


def test_a_state_that_there_is_not_is_refused(cli: CliWorkspace) -> None:
    """An empty list would say that nothing waits."""
    for noun in ("approvals", "actions"):
        ran = cli.line(noun, "list", "--status", "pendign").refused("invalid_input")
        assert "use one of p" in ran.err


def test_a_yes_to_a_card_of_an_older_policy_says_why(cli: CliWorkspace) -> None:
    """The policy was changed meanwhile: it is judged anew, and whoever said yes is told."""
    approval = cli.pending()
    policy = cli.folder / "policies" / "stripe.cedar"
    policy.write_text(policy.read_text("utf-8").replace("50.00", "49.00"), encoding="utf-8")
    cli.line.done("policy", "activate")
    ran = cli.line("approvals", "approve", str(approval["id"]), "--yes").refused("stale_revision")
    assert "error: the policy has changed since this was shown" in ran.err
    assert "revision 1" in ran.out
    assert "revision 2" in cli.line("approvals", "show", str(approval["id"])).out
    assert not cli.sandbox.books().effects


def test_the_list_names_what_waits(cli: CliWorkspace) -> None:
    """Aligned columns without colour when nobody looks at a terminal, and the next step."""
    approval = cli.pending()
    ran = cli.line("approvals", "list")
    head, row, step = ran.out.splitlines()
    assert head.split()[:3] == ["ID", "STATUS", "WHAT"]
    assert row.startswith(f"{approval['id']}  pending  Refund $129.00 of Order 1042")
    assert "support manager" in row
    assert step == f"next: sayso approvals show {approval['id']}"
    assert "\x1b" not in ran.out


def test_the_card_shows_every_field(cli: CliWorkspace) -> None:
    """All typed fields, unverified words, both consequences."""
    approval = cli.pending()
    shown = cli.line("approvals", "show", str(approval["id"])).out
    for label in (
        *("Why you", "Unusual", "· 1", "Customer", "Before", "Yes", "No", "No answer", "Details"),
    ):
        assert any(line.startswith(f"{label} ") for line in shown.splitlines()), label
    assert shown.startswith("$129.00 to Ana Torres\n")
    for value in ("charge Order 1042", "paid $129.00 on 20", "acct_sandbox", "idempotent, 24 h"):
        assert value in shown, value
    assert str(approval["digest"])[:12] in shown
    assert "sayso approvals approve" in shown


def test_yes_does_it_once(cli: CliWorkspace) -> None:
    """The card is shown first, then exactly that happens; a second yes is told who was first."""
    approval = cli.pending()
    ran = cli.line("approvals", "approve", str(approval["id"]), "--yes")
    assert ran.status == 0
    assert ran.out.index("Details") < ran.out.index("status    succeeded")
    again = cli.line("approvals", "approve", str(approval["id"]), "--yes")
    again.refused("already_decided")
    assert "maria" in again.err
    assert [effect.amount for effect in cli.sandbox.books().effects] == [12900]


@pytest.mark.promise("cli:asks")
def test_a_yes_is_asked_for_once_more_before_it_is_done(cli: CliWorkspace) -> None:
    """The card, then the question with the amount; only a yes at a terminal, or `--yes`, acts."""
    approval_id = str(cli.pending()["id"])
    refused = cli.line("approvals", "approve", approval_id).refused("invalid_input", 2)
    assert "next: pass --yes" in refused.err
    variables = {"STRIPE_API_KEY": cli.sandbox.api_key}
    for words, question in (
        (("approve", approval_id), "Approve $129.00? [y/N] "),
        (("edit", approval_id, "--amount", "50"), "Approve $50.00? [y/N] "),
    ):
        terminal = Terminal("approvals", *words, cwd=cli.folder, variables=variables)
        asked = terminal.read_until(lambda seen: "[y/N] " in seen)
        assert "Why you" in asked
        assert question in asked
        terminal.type("")
        assert "error: nothing was decided" in terminal.end()
        assert cli.line.done("approvals", "show", approval_id)["status"] == "pending"
    terminal = Terminal("approvals", "approve", approval_id, cwd=cli.folder, variables=variables)
    terminal.read_until(lambda seen: "[y/N] " in seen)
    terminal.type("y")
    assert "succeeded" in terminal.end()
    assert [effect.amount for effect in cli.sandbox.books().effects] == [12900]


@pytest.mark.promise("approvals:reason")
def test_no_needs_a_reason_and_moves_nothing(cli: CliWorkspace) -> None:
    """Without `--reason-code` it is a usage error; with it, the action is rejected."""
    approval_id = str(cli.pending()["id"])
    cli.line("approvals", "reject", approval_id).refused("invalid_input", 2)
    cli.line("approvals", "reject", approval_id, "--reason-code", "No!").refused("invalid_input")
    words = ("approvals", "reject", approval_id, "--reason-code", "not_covered", "--reason", "old")
    assert cli.line.done(*words)["status"] == "rejected"
    assert not cli.sandbox.books().effects


def test_less_pays_exactly_that(cli: CliWorkspace) -> None:
    """An edit downwards is a yes to the smaller amount."""
    approval_id = str(cli.pending()["id"])
    document = cli.line.done("approvals", "edit", approval_id, "--amount", "50.00", "--yes")
    assert document["status"] == "succeeded"
    assert [effect.amount for effect in cli.sandbox.books().effects] == [5000]


NOT_LESS = [
    ("129.00", "edit_not_allowed"),
    ("200", "edit_not_allowed"),
    ("0", "edit_not_allowed"),
    ("50.005", "invalid_money"),
    ("1.000", "invalid_money"),
    ("1e2", "invalid_money"),
    ("$50", "invalid_money"),
    ("\u0665\u0660", "invalid_money"),
    (str(2**63), "invalid_money"),
]


@pytest.mark.promise("approvals:less")
def test_less_must_be_less(cli: CliWorkspace) -> None:
    """More, the same, nothing, or what is no amount: refused, and it still waits."""
    approval_id = str(cli.pending()["id"])
    for amount, code in NOT_LESS:
        cli.line("approvals", "edit", approval_id, "--amount", amount, "--yes").refused(code)
    assert len(cli.line.done("approvals", "list")["items"]) == 1
    assert not cli.sandbox.books().effects


@pytest.mark.promise("approvals:bound")
def test_a_digest_insists_on_what_was_seen(cli: CliWorkspace) -> None:
    """In the terminal: another digest, or too short a one, decides nothing."""
    approval = cli.pending()
    words = ("approvals", "approve", str(approval["id"]), "--yes", "--digest")
    for digest in ("0" * 12, str(approval["digest"])[:11]):
        cli.line(*words, digest).refused("digest_mismatch")
    assert cli.line(*words, str(approval["digest"])[:12]).status == 0


@pytest.mark.promise("approvals:service")
def test_only_a_person_decides(cli: CliWorkspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """No token, a wrong one, and a service's one each decide nothing."""
    words = ("approvals", "approve", str(cli.pending()["id"]), "--yes")
    monkeypatch.setenv("SAYSO_TOKEN", "csk_nothing")
    cli.line(*words).refused("unauthenticated")
    secret = str(cli.line.done("token", "create", "--service", "bot")["secret"])
    monkeypatch.setenv("SAYSO_TOKEN", secret)
    cli.line(*words).refused("forbidden")
    monkeypatch.delenv("SAYSO_TOKEN")
    (cli.folder / ".sayso" / "person.token").unlink()
    cli.line(*words).refused("unauthenticated")
    assert not cli.sandbox.books().effects


def test_what_does_not_exist_is_not_found(cli: CliWorkspace) -> None:
    """Ids of nothing, of another kind, or of strange characters."""
    for word in ("apr_nothing", "act_nothing", "\x1b[31m", "'; drop table approval; --"):
        assert "\x1b" not in cli.line("approvals", "show", word).refused("not_found").err
        cli.line("actions", "show", word).refused("not_found")
    cli.line("approvals", "approve", "apr_nothing", "--yes").refused("not_found")


def test_an_action_shows_its_whole_life(cli: CliWorkspace) -> None:
    """`actions show`: the receipt, and one line for each entry of the log."""
    action_id = str(cli.refund().json["id"])
    ran = cli.line("actions", "show", action_id)
    assert ran.status == 0
    kinds = ("action.approved", "action.intent", "action.succeeded")
    places = [ran.out.index(kind) for kind in kinds]
    assert places == sorted(places)
    timeline = cli.line.done("actions", "show", action_id)["timeline"]
    assert [entry["kind"] for entry in timeline] == list(kinds)
    assert all(entry["at"].endswith("Z") for entry in timeline)


def test_actions_are_listed_by_state_customer_and_page(cli: CliWorkspace) -> None:
    """Newest first; the next page begins after the last id of this one."""
    first, second = cli.refund(minor=100).json["id"], cli.refund(minor=200).json["id"]
    page = cli.line.done("actions", "list", "--limit", "1")
    assert [one["id"] for one in page["items"]] == [second]
    after = str(page["after"])
    rest = cli.line.done("actions", "list", "--limit", "1", "--after", after)
    assert [one["id"] for one in rest["items"]] == [first]
    assert cli.line.done("actions", "list", "--status", "failed")["items"] == []
    assert "No action fits." in cli.line("actions", "list", "-s", "cus_demo_ben").out
    cli.line("actions", "list", "--status", "gone").refused("invalid_input")
    cli.line("actions", "list", "--limit", "0").refused("invalid_input")
    for noun in ("actions", "approvals"):
        refused = cli.line(noun, "list", "--after", "act_nope").refused("invalid_input")
        assert "the id of the last row" in refused.err


def test_looking_needs_no_secret_of_a_provider(
    cli: CliWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An auditor's machine does not have the Stripe key, and can look all the same."""
    approval_id = str(cli.pending()["id"])
    monkeypatch.delenv("STRIPE_API_KEY")
    for words in (
        ("approvals", "list"),
        ("approvals", "show", approval_id),
        ("actions", "list"),
        ("audit", "tail"),
        ("audit", "verify"),
        ("token", "list"),
    ):
        assert cli.line(*words).status == 0, words
    cli.line("approvals", "approve", approval_id, "--yes").refused("missing_secret", 2)


def test_problems_are_documents_in_json(line: Line, tmp_path: Path) -> None:
    """A refused decision with `--json` is a problem on stdout and two lines on stderr."""
    ran = line("approvals", "list", "-w", str(tmp_path), "--json").refused("no_workspace", 2)
    assert ran.json["code"] == "no_workspace"


def test_only_an_unknown_outcome_is_settled_by_a_person(cli: CliWorkspace) -> None:
    """`actions settle` needs evidence and a receipt, and leaves what is known alone."""
    done = cli.refund().json
    words = ("actions", "settle", str(done["id"]), "--outcome")
    cli.line(*words, "succeeded", "--evidence", "seen").refused("reason_required")
    cli.line(*words, "maybe", "--evidence", "seen").refused("invalid_input")
    cli.line(*words, "failed", "--evidence", "seen").refused("wrong_state")


@pytest.mark.promise("refusals:turned-away")
def test_a_token_that_opens_nothing_stands_in_the_log(
    cli: CliWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Invariant 7: a command that is refused for its token is recorded as a call over HTTP is."""
    approval = cli.pending()
    monkeypatch.setenv("SAYSO_TOKEN", "csk_live_nobody")
    shown = ("--digest", approval["digest"])
    ran = cli.line("approvals", "approve", approval["id"], *shown, "--yes")
    ran.refused("unauthenticated")
    assert cli.refund("ch_demo_ana_2").json["code"] == "unauthenticated"
    monkeypatch.delenv("SAYSO_TOKEN")
    entries = cli.line.done("audit", "query", "kind:calls.turned_away")["items"]
    told = [entry["body"]["data"] for entry in entries]
    assert [(one["via"], one["counts"]) for one in told] == [("cli", {"unauthenticated": 1})] * 2


def test_a_no_without_a_code_is_told_what_a_code_is(cli: CliWorkspace) -> None:
    """A next step that can be taken at once: what is missing, in the words of its help."""
    approval = cli.pending()
    ran = cli.line("approvals", "reject", str(approval["id"])).refused("invalid_input", 2)
    assert "missing option `--reason-code`" in ran.err
    assert "such as not_covered" in ran.err
    assert "sayso approvals reject --help" in ran.err


def test_a_card_shows_all_of_what_a_yes_is_bound_to(cli: CliWorkspace) -> None:
    """An e-mail is approved word for word, so its last sentence is shown as its first is."""
    body = f"Dear Ana, {'we are sorry. ' * 300}We will pay you $5,000 more."
    args = orjson.dumps({"title": "Sorry", "body": body}).decode()
    proposed = cli.line.done("propose", "email.send", *SUBJECT, "--args", args)
    approval_id = proposed["approval"]["id"]
    assert f"{body}” to " in cli.line("approvals", "show", approval_id).out
    terminal = Terminal("approvals", "show", approval_id, cwd=cli.folder)
    lines = [line.strip("│ ") for line in terminal.end().splitlines()]
    assert "pay you $5,000 more." in " ".join(lines)
    assert max(line.count("we are") for line in lines) >= 4, "it has the whole width"
    assert body in cli.line("approvals", "approve", approval_id, "--yes").out


@pytest.mark.parametrize(
    "words",
    [
        ("approve", "--yes"),
        ("reject", "--reason-code", "not_covered"),
        ("edit", "--amount", "5", "--yes"),
    ],
)
def test_an_empty_digest_insists_on_no_card_that_there_is(
    cli: CliWorkspace, words: tuple[str, ...]
) -> None:
    """`--digest "$SEEN"` with nothing in the variable decides nothing, as over HTTP."""
    approval_id = str(cli.pending()["id"])
    ran = cli.line("approvals", *words, approval_id, "--digest", "")
    ran.refused("digest_mismatch")
    assert cli.line.done("approvals", "show", approval_id)["status"] == "pending"
    assert not cli.sandbox.books().effects


@pytest.mark.parametrize("columns", [24, 40, 60])
def test_a_narrow_terminal_shows_every_value_of_a_card(cli: CliWorkspace, columns: int) -> None:
    """In a window beside another one, no amount and no account is left out of the card."""
    approval_id = str(cli.pending()["id"])
    plain = cli.line("approvals", "show", approval_id).out
    terminal = Terminal("approvals", "show", approval_id, cwd=cli.folder, columns=columns)
    lines = [line.strip("│ ") for line in terminal.end().splitlines()]
    assert any("$129.00" in line for line in lines)
    shown = "".join("".join(lines).split())
    for value in ("$129.00 on 20", "apr_", "none in 90 days", "acct_sandbox"):
        assert value in plain
        assert value.replace(" ", "") in shown, value


def test_a_card_that_is_decided_asks_for_nothing(cli: CliWorkspace) -> None:
    """In a terminal the frame says that it waits only while it does."""
    approval_id = str(cli.pending()["id"])
    show = ("approvals", "show", approval_id)
    asks = "needs a person's yes or no"
    assert asks in Terminal(*show, cwd=cli.folder).end()
    cli.line.done("approvals", "reject", approval_id, "--reason-code", "not_covered")
    shown = Terminal(*show, cwd=cli.folder).end()
    assert asks not in shown
    assert "this is rejected ─" in shown


def test_a_note_is_for_colleagues_and_decides_nothing(cli: CliWorkspace) -> None:
    """It stands on the card afterwards, as one line, whatever is in it."""
    approval = cli.pending()
    ran = cli.line("approvals", "note", str(approval["id"]), "call her\nfirst")
    assert ran.status == 0
    assert "maria: call her" in ran.out
    shown = cli.line("approvals", "show", str(approval["id"])).out
    assert any(line.startswith("Noted ") for line in shown.splitlines())
    assert "pending" in cli.line("approvals", "list").out
    cli.line("approvals", "note", str(approval["id"]), " ").refused("invalid_input")
