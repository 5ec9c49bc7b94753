"""Hidden text is shown or dropped in every place by one judge, and never reaches a prompt."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from agent.shop import APOLOGY, HANDLES
from pydantic import Field

from sayso import Args
from sayso.actions.model.status import Status
from sayso.agent.models import _line  # pyright: ignore[reportPrivateUsage]
from sayso.agent.phrases import phrases_of
from sayso.agent.prompts import load_prompt
from sayso.agent.prompts.answer import AnswerForm
from sayso.agent.reply import StepOutcome, thing_of
from sayso.agent.understanding.clean import clean
from sayso.audit.evidence.page import shown as in_evidence
from sayso.connectors.outgoing_text import check_text
from sayso.errors import RefusedError
from sayso.surfaces.cli.words import many_lines, one_line
from sayso.surfaces.console.render import shown as in_console
from sayso.surfaces.slack.wording import fit
from sayso.text import hidden, is_hidden, pieces, plain, show_hidden, without_hidden

pytestmark = pytest.mark.promise("text:hidden")

HIDDEN = {
    "variation selector": "\ufe01",
    "variation selector supplement": "\U000e0101",
    "mongolian selector": "\u180b",
    "hangul filler": "\u3164",
    "half-width hangul filler": "\uffa0",
    "hangul choseong filler": "\u115f",
    "blank braille": "\u2800",
    "TAG character": "\U000e0041",
    "language tag": "\U000e0001",
    "right-to-left override": "\u202e",
    "zero width space": "\u200b",
    "combining grapheme joiner": "\u034f",
    "khmer vowel": "\u17b4",
    "soft hyphen": "\u00ad",
    "escape": "\x1b",
}


@pytest.fixture(params=HIDDEN.values(), ids=list(HIDDEN))
def char(request: pytest.FixtureRequest) -> str:
    """One that is not seen."""
    return str(request.param)


def test_the_one_judge_knows_it(char: str) -> None:
    """And finds it in a text; line breaks and tabs are seen."""
    assert is_hidden(char)
    assert hidden(f"refund{char} it")
    assert not hidden("one\n\ttwo, \u00e9t\u00e9, \u6771\u4eac, \u2764\ufe0f")


def test_a_records_label_loses_it(char: str) -> None:
    """What a provider has ends on cards by way of `plain`."""
    assert plain(f"mug{char} blue") == "mug blue"


def test_a_card_in_slack_shows_it_by_number(char: str) -> None:
    """In headers, fields and quotes."""
    chip = f"[U+{ord(char):04X}]"
    assert show_hidden(f"a{char}b") == f"a{chip}b"
    assert fit(f"a{char}b", 200) == f"a{chip}b"
    assert show_hidden(f"a{char}b", lines=True) == f"a{chip}b"


def test_the_console_shows_it_by_number(char: str) -> None:
    """As a piece of its own, which the template marks."""
    found = [(piece.kind, piece.text) for piece in in_console(f"a{char}b")]
    assert found == [("text", "a"), ("hidden", f"U+{ord(char):04X}"), ("text", "b")]
    assert [piece.kind for piece in pieces(char)] == ["hidden"]


def test_the_evidence_page_shows_it_by_number(char: str) -> None:
    """An auditor sees what the card said and what it hid."""
    assert in_evidence(f"a{char}b") == f"a\u27e8U+{ord(char):04X}\u27e9b"


def test_a_terminal_drops_it(char: str) -> None:
    """Nothing that it obeys, and nothing that hides."""
    assert one_line(f"a{char}b") == "ab"
    assert many_lines(f"a{char}b\nc") == "ab\nc"


def test_a_mail_with_it_is_refused(char: str) -> None:
    """Its words are written by a model, perhaps; pictures are words that people use."""
    for allowed in ("", "\n\t"):
        with pytest.raises(RefusedError):
            check_text("body", f"a{char}b", allowed=allowed)
    check_text("body", "Sorry \u2764\ufe0f \U0001f469\u200d\U0001f527", allowed="")


def test_a_prompt_never_holds_it(char: str) -> None:
    """In a turn, a title, a fact or a name, at any depth; not as an escape either."""
    line = _line({"content": f"a{char}b", "facts": {"note": f"c{char}d"}, "names": [f"e{char}f"]})
    assert line == _line({"content": "ab", "facts": {"note": "cd"}, "names": ["ef"]})
    assert without_hidden(f"a{char}b\n\tc") == "ab\n\tc"


def test_what_is_said_of_an_action_holds_none_in_a_prompt(char: str) -> None:
    """A reviewer of a manifest would not see it in a summary or the description of an argument."""

    class Noted(Args):
        note: str = Field("", description=f"a{char}b", max_length=9)

    action = replace(APOLOGY, summary=f"c{char}d", args=Noted)
    schema = json.dumps(AnswerForm((action,), HANDLES).schema(), ensure_ascii=False)
    values = {"actions": f"- {action.summary}", "objects": "", "conversation": ""}
    assert '"ab"' in schema
    assert "- cd" in load_prompt().fill(values)


def test_the_reply_to_the_customer_does_not_hold_it(char: str) -> None:
    """A label comes from a provider and may hold anything."""
    outcome = StepOutcome(action="shop.refund", status=Status.SUCCEEDED, label=f"mug{char}blue")
    assert not hidden(thing_of(outcome, phrases_of("en")))


@pytest.mark.parametrize("char", sorted(set(HIDDEN.values()) - {"\x1b", "\ufe01"}))
def test_what_a_customer_hides_is_read_by_no_playbook(char: str) -> None:
    """What is cut makes a message uncertain, so that a person looks."""
    assert clean(f"re{char}fund").cut == ("hidden characters",)
    assert not hidden(clean(f"re{char}fund").text)
