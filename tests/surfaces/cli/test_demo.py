"""`sayso demo`: the whole line in one command."""

from __future__ import annotations

import io
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from surfaces.cli.cli_workspace import Line

from sayso.sandbox import DEMO
from sayso.surfaces.cli.demo.browser import ask_all
from sayso.surfaces.cli.demo.messages import own_messages
from sayso.surfaces.cli.demo.stage import PERSON, open_stage


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder as the current one: the demo needs nothing and leaves nothing."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _ends(document: dict[str, Any]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for message in document["messages"]:
        found.setdefault(message["end"], []).append(message["subject"].removeprefix("cus_demo_"))
    return found


@pytest.mark.promise("demo:books")
def test_yes_to_everything_is_proven_to_the_cent(line: Line, here: Path) -> None:
    """What the ledger holds is what the provider booked; two people stay two people."""
    document = line.done("demo", "--yes")
    assert document["ok"] is True
    assert document["log"]["verdict"] == "verified"
    ends = _ends(document)
    assert ends["done"] == [*("ana", "ben", "chloe", "lena", "ana", "hugo", "kim", "nia", "ines")]
    assert ends["waiting"] == ["marco"]
    assert ends["answered"] == ["daichi"]
    assert ends["handed over"] == ["ella", "ben", "chloe", "ines", "farid"]
    summary = document["summary"]
    assert {one["currency"]: one["amount_minor"] for one in summary["money_out"]} == {
        "EUR": 1000,
        "GBP": 2500,
        "USD": 21800,
    }
    assert document["books"]["provider"]["money_out"] == summary["money_out"]
    assert (document["books"]["effects"], document["books"]["differences"]) == (10, [])
    assert not list(here.iterdir())


@pytest.mark.promise("agent:nothing-personal")
def test_the_log_of_a_whole_demo_names_no_customer(line: Line, here: Path) -> None:
    """Invariant 8: what it says is there for good; ids of objects and effects are all it keeps."""
    line.done("demo", "--yes", "--keep", str(here / "kept"))
    with closing(sqlite3.connect(here / "kept" / "sayso.db")) as connection:
        bodies = [body for (body,) in connection.execute("select body from log_entry")]
    assert len(bodies) > 80
    words = {"Visa", "Mastercard", "Order", "kitchen scale", "cast-iron"}
    for who in DEMO:
        words |= {who.name, who.email, who.customer_id}
    assert [word for word in sorted(words) if any(word in body for body in bodies)] == []


@pytest.mark.promise("demo:never-hangs")
def test_nobody_at_a_terminal_means_no(line: Line, here: Path) -> None:
    """Without a flag and without a terminal it never hangs: every card gets a no with a reason."""
    ran = line("demo")
    assert ran.status == 0
    assert "no, since nobody is at a terminal" in ran.out
    assert "the log is verified" in ran.out
    assert "the provider's books agree" in ran.out
    assert "\x1b" not in ran.out
    assert "asked   done   declined" in ran.out
    assert ran.err == ""


async def test_what_the_console_shows_waits_for_a_person(here: Path) -> None:
    """`--console`: customers answer what they are asked, and then somebody's yes is needed."""
    async with open_stage(keep=None, work=True) as stage:
        told: list[str] = []
        waiting, done = await ask_all(stage, own_messages(), told.append)
        assert (waiting, told) == (6, [])
        assert done >= 3
        person = (await stage.sayso.people.authority(stage.sayso.tenant)).person(PERSON)
        assert person is not None
        inbox = await stage.sayso.solutions.waiting_for(person)
        assert len(inbox.items) == 6
        ben = next(one for one in inbox.items if len(one.steps) == 3)
        assert ben.lead.headline == "$139.00 to Ben Okafor"
        hugo = next(one for one in inbox.items if "Hugo" in one.lead.headline)
        assert hugo.lead.headline.startswith("Cancel the subscription ($9.00 per month) at once")
        assert hugo.lead.split == (("", "No money moves"),), "the one step is not said twice"


def test_slack_clicks_decide(line: Line, here: Path) -> None:
    """`--slack`: cards posted to a Slack over HTTP, and signed clicks come back."""
    ran = line("demo", "--slack", "--no")
    assert ran.status == 0
    assert "[Yes, $139.00] [No…] [Less…]" in ran.out
    assert "no, by a click in Slack" in ran.out
    assert "in Slack   Rejected by you" in ran.out


def test_messages_come_from_a_file_and_stay_text(line: Line, here: Path) -> None:
    """Markup, control and right-to-left characters are shown as text, or not at all."""
    file = here / "messages.jsonl"
    file.write_text(
        '{"subject": "cus_demo_ana", "text": "Please refund order 0977 [bold red]\\u001b[2J"}\n'
        '\n{"subject": "cus_nobody", "text": "Please refund \\u202e order 1"}\n'
        '{"subject": "cus_demo_ana", "text": " "}\n'
        '{"subject": "cus_demo_ana", "text": "' + "a" * 100_000 + '"}\n',
        encoding="utf-8",
    )
    ran = line("demo", "--messages", str(file), "--keep", str(here / "kept"))
    ran.refused("unknown_subject", 1)
    for number, code in (2, "unknown_subject"), (3, "empty_message"), (4, "message_too_long"):
        assert f"error: message {number} is none that can be acted on [{code}]" in ran.err
    assert "[bold red]" in ran.out
    assert not {"\x1b", "\u202e"} & set(ran.out)
    assert "the message is empty [empty_message]" in ran.out
    assert "[message_too_long]" in ran.out
    assert line("audit", "verify", "-w", str(here / "kept")).status == 0
    again = line("demo", "--messages", str(file), "--keep", str(here / "kept"))
    again.refused("workspace_exists", 2)


@pytest.mark.promise("demo:bad-line")
@pytest.mark.parametrize(
    ("content", "code", "where"),
    [
        ('{"subject": "cus_1", "text": "a"}\n{"subject": \n', "malformed_json", "line 2 of"),
        ('{"subject": "cus_1"}', "malformed_json", "line 1 of"),
        ('{"subject": "cus_1", "text": "a", "text": "b"}', "malformed_json", "line 1 of"),
        ('{"subject": "cus_1", "text": 3}', "malformed_json", "line 1 of"),
        ('{"subject": "cus_1", "text": "a", "tenant": "x"}', "malformed_json", "line 1 of"),
        ("[]", "malformed_json", "line 1 of"),
        ('{"subject": "cus 1", "text": "a"}', "invalid_input", "line 1 of"),
        ("\n\n", "invalid_input", "0 messages"),
    ],
)
def test_a_bad_line_stops_it_before_it_starts(
    line: Line,
    here: Path,
    monkeypatch: pytest.MonkeyPatch,
    content: str,
    code: str,
    where: str,
) -> None:
    """A malformed line in the middle: named with its number, and nothing half done."""
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content.encode())))
    ran = line("demo", "--messages", "-", "--keep", str(here / "kept")).refused(code, 2)
    assert where in ran.err
    assert not list(here.iterdir())


def test_flags_and_files_that_do_not_go(line: Line, here: Path) -> None:
    """Yes and no at once, and a file that is not there."""
    line("demo", "--yes", "--no").refused("invalid_input", 2)
    line("demo", "--messages", "none.jsonl").refused("invalid_input", 2)


def test_its_own_messages_cover_what_can_be_asked() -> None:
    """At least twelve, of customers in the sandbox's seed."""
    messages = own_messages()
    assert len(messages) >= 12
    assert all(message.subject.startswith("cus_demo_") for message in messages)
