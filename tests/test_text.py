"""What hides in foreign text is judged once, and every surface goes by it."""

from __future__ import annotations

import pytest

from sayso.agent.prompts import load_prompt
from sayso.audit.evidence.page import shown
from sayso.connectors.outgoing_text import check_text
from sayso.errors import RefusedError
from sayso.surfaces.cli.words import one_line
from sayso.surfaces.slack.wording import show_hidden
from sayso.text import pieces, plain

HIDDEN = {
    "right-to-left override": "\u202e",
    "zero width space": "\u200b",
    "TAG letter": "\U000e0041",
    "variation selector": "\ufe01",
    "variation selector supplement": "\U000e0101",
    "Hangul filler": "\u3164",
    "half-width Hangul filler": "\uffa0",
    "blank braille": "\u2800",
    "grapheme joiner": "\u034f",
    "line separator": "\u2028",
}


@pytest.mark.parametrize("char", HIDDEN.values(), ids=HIDDEN.keys())
@pytest.mark.promise("surfaces:hidden-text")
def test_what_hides_is_dropped_or_named_everywhere(char: str) -> None:
    """Cards and prompts drop it, Slack and evidence name it, an e-mail with it is refused."""
    text = f"pay{char}me"
    named = f"U+{ord(char):04X}"
    assert char not in plain(text)
    assert char not in one_line(text)
    assert char not in show_hidden(text)
    assert named in show_hidden(text)
    assert char not in shown(text)
    assert named in shown(text)
    assert [piece.text for piece in pieces(text) if piece.kind == "hidden"] == [named]
    values = {"actions": "a", "objects": "o", "conversation": text}
    assert char not in load_prompt().fill(values)
    with pytest.raises(RefusedError):
        check_text("text", text, allowed="\n")


def test_what_people_write_stays() -> None:
    """Accents, other scripts, emoji that are put together, and line breaks where they belong."""
    text = "Grüße, 你好, مرحبا 👩\u200d👧"
    assert one_line(text) == text
    assert shown(text) == text
    assert plain("Grüße, 你好") == "Grüße, 你好"
    check_text("text", f"{text}\n❤\ufe0f", allowed="\n")
