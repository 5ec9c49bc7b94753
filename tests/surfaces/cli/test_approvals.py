"""`sayso approvals` and `actions`: what waits, what is shown, and what a decision is bound to."""

from __future__ import annotations

import re
from pathlib import Path

import orjson
import pytest
from surfaces.cli.line import SUBJECT, Line, Place
from surfaces.cli.terminal import Terminal


def test_empty_lists_say_what_to_do(place: Place) -> None:
    """Nothing there yet is said in words, with a command to go on with; JSON stays a list."""
    assert "Nothing waits for a decision." in place.line("approvals", "list").out
    assert "sayso ask" in place.line("actions", "list").out
    assert place.line.done("approvals", "list") == {"items": [], "after": None}


def test_a_state_that_there_is_not_is_refused(place: Place) -> None:
    """An empty list would say that nothing waits."""
    for noun in ("approvals", "actions"):
        ran = place.line(noun, "list", "--status", "pendign").refused("invalid_input")
        assert "use one of p" in ran.err


def test_a_yes_that_lapses_at_once_says_why(place: Place) -> None:
    """The policy was changed meanwhile: it is judged anew, and whoever said yes is told."""
    approval = place.pending()
    policy = place.folder / "policies" / "default.cedar"
    policy.write_text(policy.read_text("utf-8").replace("50.00", "49.00"), encoding="utf-8")
    place.line.done("policy", "activate")
    ran = place.line("approvals", "approve", str(approval["id"]))
    assert ran.status == 0
    assert "your yes does not hold any more: the policy" in ran.err
    assert "revision 1" in ran.out
    assert "status    pending_approval" in ran.out
    assert not place.sandbox.books().effects


def test_the_list_names_what_waits(place: Place) -> None:
    """Aligned columns without colour when nobody looks at a terminal, and the next step."""
    approval = place.pending()
    ran = place.line("approvals", "list")
    head, row, step = ran.out.splitlines()
    assert head.split()[:3] == ["ID", "STATUS", "WHAT"]
    assert row.startswith(f"{approval['id']}  pending  Refund $129.00 of Order 1042")
    assert "support manager" in row
    assert step == f"next: sayso approvals show {approval['id']}"
    assert "\x1b" not in ran.out


def test_the_card_shows_every_field(place: Place) -> None:
    """approvals-and-console.md 1.3: all typed fields, unverified words, both consequences."""
    approval = place.pending()
    shown = place.line("approvals", "show", str(approval["id"])).out
    for label in (
        *("Amount", "Goes to", "Charge", "Paid", "History", "Account", "Customer", "Why you"),
        *("Wrote", "Yes", "No", "No answer", "Needs", "This card"),
    ):
        assert any(line.startswith(f"{label} ") for line in shown.splitlines()), label
    assert str(approval["digest"])[:12] in shown
    assert "sayso approvals approve" in shown


def test_yes_does_it_once(place: Place) -> None:
    """The card is shown first, then exactly that happens; a second yes is told who was first."""
    approval = place.pending()
    ran = place.line("approvals", "approve", str(approval["id"]))
    assert ran.status == 0
    assert ran.out.index("This card") < ran.out.index("status    succeeded")
    again = place.line("approvals", "approve", str(approval["id"])).refused("already_decided")
    assert "maria" in again.err
    assert [effect.amount for effect in place.sandbox.books().effects] == [12900]


def test_no_needs_a_reason_and_moves_nothing(place: Place) -> None:
    """Without `--reason-code` it is a usage error; with it, the action is rejected."""
    approval_id = str(place.pending()["id"])
    place.line("approvals", "reject", approval_id).refused("invalid_input", 2)
    place.line("approvals", "reject", approval_id, "--reason-code", "No!").refused("invalid_input")
    words = ("approvals", "reject", approval_id, "--reason-code", "not_covered", "--reason", "old")
    assert place.line.done(*words)["status"] == "rejected"
    assert not place.sandbox.books().effects


def test_less_pays_exactly_that(place: Place) -> None:
    """An edit downwards is a yes to the smaller amount."""
    approval_id = str(place.pending()["id"])
    document = place.line.done("approvals", "edit", approval_id, "--amount", "50.00")
    assert document["status"] == "succeeded"
    assert [effect.amount for effect in place.sandbox.books().effects] == [5000]


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
def test_less_must_be_less(place: Place) -> None:
    """More, the same, nothing, or what is no amount: refused, and it still waits."""
    approval_id = str(place.pending()["id"])
    for amount, code in NOT_LESS:
        place.line("approvals", "edit", approval_id, "--amount", amount).refused(code)
    assert len(place.line.done("approvals", "list")["items"]) == 1
    assert not place.sandbox.books().effects


@pytest.mark.promise("approvals:bound")
def test_a_digest_insists_on_what_was_seen(place: Place) -> None:
    """SL-4 in the terminal: another digest, or too short a one, decides nothing."""
    approval = place.pending()
    words = ("approvals", "approve", str(approval["id"]), "--digest")
    for digest in ("0" * 12, str(approval["digest"])[:11]):
        place.line(*words, digest).refused("digest_mismatch")
    assert place.line(*words, str(approval["digest"])[:12]).status == 0


@pytest.mark.promise("approvals:service")
def test_only_a_person_decides(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """No token, a wrong one, and a service's one each decide nothing (AU-16)."""
    words = ("approvals", "approve", str(place.pending()["id"]))
    monkeypatch.setenv("SAYSO_TOKEN", "csk_nothing")
    place.line(*words).refused("unauthenticated")
    secret = str(place.line.done("token", "create", "--service", "bot")["secret"])
    monkeypatch.setenv("SAYSO_TOKEN", secret)
    place.line(*words).refused("forbidden")
    monkeypatch.delenv("SAYSO_TOKEN")
    (place.folder / ".sayso" / "person.token").unlink()
    place.line(*words).refused("unauthenticated")
    assert not place.sandbox.books().effects


def test_what_does_not_exist_is_not_found(place: Place) -> None:
    """Ids of nothing, of another kind, or of strange characters."""
    for word in ("apr_nothing", "act_nothing", "\x1b[31m", "'; drop table approval; --"):
        assert "\x1b" not in place.line("approvals", "show", word).refused("not_found").err
        place.line("actions", "show", word).refused("not_found")
    place.line("approvals", "approve", "apr_nothing").refused("not_found")


def test_an_action_shows_its_whole_life(place: Place) -> None:
    """`actions show`: the receipt, and one line for each entry of the log."""
    action_id = str(place.refund().json["id"])
    ran = place.line("actions", "show", action_id)
    assert ran.status == 0
    kinds = ("action.approved", "action.intent", "action.succeeded")
    places = [ran.out.index(kind) for kind in kinds]
    assert places == sorted(places)
    timeline = place.line.done("actions", "show", action_id)["timeline"]
    assert [entry["kind"] for entry in timeline] == list(kinds)
    assert all(entry["at"].endswith("Z") for entry in timeline)


def test_actions_are_listed_by_state_customer_and_page(place: Place) -> None:
    """Newest first; the next page begins after the last id of this one."""
    first, second = place.refund(minor=100).json["id"], place.refund(minor=200).json["id"]
    page = place.line.done("actions", "list", "--limit", "1")
    assert [one["id"] for one in page["items"]] == [second]
    after = str(page["after"])
    rest = place.line.done("actions", "list", "--limit", "1", "--after", after)
    assert [one["id"] for one in rest["items"]] == [first]
    assert place.line.done("actions", "list", "--status", "failed")["items"] == []
    assert "No action fits." in place.line("actions", "list", "-s", "cus_demo_ben").out
    place.line("actions", "list", "--status", "gone").refused("invalid_input")
    place.line("actions", "list", "--limit", "0").refused("invalid_input")
    for noun in ("actions", "approvals"):
        refused = place.line(noun, "list", "--after", "act_nope").refused("invalid_input")
        assert "the id of the last row" in refused.err


def test_looking_needs_no_secret_of_a_provider(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An auditor's machine does not have the Stripe key, and can look all the same."""
    approval_id = str(place.pending()["id"])
    monkeypatch.delenv("STRIPE_API_KEY")
    for words in (
        ("approvals", "list"),
        ("approvals", "show", approval_id),
        ("actions", "list"),
        ("audit", "tail"),
        ("audit", "verify"),
        ("token", "list"),
    ):
        assert place.line(*words).status == 0, words
    place.line("approvals", "approve", approval_id).refused("missing_secret", 2)


def test_problems_are_documents_in_json(line: Line, tmp_path: Path) -> None:
    """A refused decision with `--json` is a problem on stdout and two lines on stderr."""
    ran = line("approvals", "list", "-w", str(tmp_path), "--json").refused("no_workspace", 2)
    assert ran.json["code"] == "no_workspace"


def test_only_an_unknown_outcome_is_settled_by_a_person(place: Place) -> None:
    """`actions settle` needs evidence and a receipt, and leaves what is known alone."""
    done = place.refund().json
    words = ("actions", "settle", str(done["id"]), "--outcome")
    place.line(*words, "succeeded", "--evidence", "seen").refused("reason_required")
    place.line(*words, "maybe", "--evidence", "seen").refused("invalid_input")
    place.line(*words, "failed", "--evidence", "seen").refused("wrong_state")


@pytest.mark.promise("refusals:turned-away")
def test_a_token_that_opens_nothing_stands_in_the_log(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Invariant 7: a command that is refused for its token is recorded as a call over HTTP is."""
    approval = place.pending()
    monkeypatch.setenv("SAYSO_TOKEN", "csk_live_nobody")
    ran = place.line("approvals", "approve", approval["id"], "--digest", approval["digest"])
    ran.refused("unauthenticated")
    assert place.refund("ch_demo_ana_2").json["code"] == "unauthenticated"
    monkeypatch.delenv("SAYSO_TOKEN")
    entries = place.line.done("audit", "query", "kind:calls.turned_away")["items"]
    told = [entry["body"]["data"] for entry in entries]
    assert [(one["via"], one["counts"]) for one in told] == [("cli", {"unauthenticated": 1})] * 2


def test_a_no_without_a_code_is_told_what_a_code_is(place: Place) -> None:
    """A next step that can be taken at once: what is missing, in the words of its help."""
    approval = place.pending()
    ran = place.line("approvals", "reject", str(approval["id"])).refused("invalid_input", 2)
    assert "missing option `--reason-code`" in ran.err
    assert "such as not_covered" in ran.err
    assert "sayso approvals reject --help" in ran.err


def test_a_card_shows_all_of_what_a_yes_is_bound_to(place: Place) -> None:
    """An e-mail is approved word for word, so its last sentence is shown as its first is."""
    body = f"Dear Ana, {'we are sorry. ' * 300}We will pay you $5,000 more."
    args = orjson.dumps({"title": "Sorry", "body": body}).decode()
    proposed = place.line.done("propose", "email.send", *SUBJECT, "--args", args)
    approval_id = proposed["approval"]["id"]
    assert f"Text       {body}\n" in place.line("approvals", "show", approval_id).out
    terminal = Terminal("approvals", "show", approval_id, cwd=place.folder)
    lines = [line.strip("│ ") for line in terminal.end().splitlines()]
    assert "pay you $5,000 more." in " ".join(lines)
    assert max(line.count("we are") for line in lines) >= 4, "it has the whole width"
    assert body in place.line("approvals", "approve", approval_id).out


@pytest.mark.parametrize(
    "words", [("approve",), ("reject", "--reason-code", "not_covered"), ("edit", "--amount", "5")]
)
def test_an_empty_digest_insists_on_no_card_that_there_is(
    place: Place, words: tuple[str, ...]
) -> None:
    """`--digest "$SEEN"` with nothing in the variable decides nothing, as over HTTP."""
    approval_id = str(place.pending()["id"])
    ran = place.line("approvals", *words, approval_id, "--digest", "")
    ran.refused("digest_mismatch")
    assert place.line.done("approvals", "show", approval_id)["status"] == "pending"
    assert not place.sandbox.books().effects


@pytest.mark.parametrize("columns", [24, 40, 60])
def test_a_narrow_terminal_shows_every_value_of_a_card(place: Place, columns: int) -> None:
    """In a window beside another one, no amount and no account is left out of the card."""
    approval_id = str(place.pending()["id"])
    plain = place.line("approvals", "show", approval_id).out
    terminal = Terminal("approvals", "show", approval_id, cwd=place.folder, columns=columns)
    lines = [line.strip("│ ") for line in terminal.end().splitlines()]
    assert any(re.match(r"Amount +\$129\.00", line) for line in lines)
    shown = "".join("".join(lines).split())
    for value in ("$129.00 on 20", "ch_demo_ana_1", "none like it in 30 days", "acct_sandbox"):
        assert value in plain
        assert value.replace(" ", "") in shown, value


def test_a_card_that_is_decided_asks_for_nothing(place: Place) -> None:
    """In a terminal the frame says that it waits only while it does."""
    approval_id = str(place.pending()["id"])
    show = ("approvals", "show", approval_id)
    asks = "needs a person's yes or no"
    assert asks in Terminal(*show, cwd=place.folder).end()
    place.line.done("approvals", "reject", approval_id, "--reason-code", "not_covered")
    shown = Terminal(*show, cwd=place.folder).end()
    assert asks not in shown
    assert "this is rejected ─" in shown
