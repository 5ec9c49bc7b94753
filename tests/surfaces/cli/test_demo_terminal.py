"""`sayso demo` with a person at its terminal: what they type, and how they leave."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from surfaces.cli.terminal import Terminal

ASKED = "? "


def demo(folder: Path) -> Terminal:
    """A demo that has asked its first question."""
    terminal = Terminal("demo", cwd=folder, variables={"TMPDIR": str(folder)})
    asked = terminal.read_until(lambda seen: seen.endswith(ASKED))
    assert asked.endswith("yes / [no] / less? "), asked
    return terminal


def answered(terminal: Terminal, line: str) -> str:
    """What follows an answer, to the next question."""
    before = len(terminal.seen) + len(line) + 1
    terminal.type(line)
    fits = terminal.read_until(lambda seen: len(seen) > before and seen.endswith(ASKED))
    return fits[before:]


@pytest.mark.promise("demo:answers")
def test_what_is_no_answer_is_told_why(tmp_path: Path) -> None:
    """A wrong word, an amount that is too large, negative or none; Enter alone is no, as shown."""
    terminal = demo(tmp_path)
    assert "not taken: `foo` is no answer: say yes, no or less" in answered(terminal, "foo")
    for amount, why in (
        ("5000", "is not less than"),
        ("-1", "not above zero"),
        ("lots", "is not an amount in"),
    ):
        assert "how much" in answered(terminal, "l")
        told = answered(terminal, amount)
        assert why in told
        assert told.endswith("yes / [no] / less? ")
    assert "answer     no" in answered(terminal, "")
    terminal.end(signal.SIGINT)


@pytest.mark.promise("demo:leaves-nothing")
@pytest.mark.parametrize("told", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_no_key_stays_behind_whoever_ends_it(tmp_path: Path, told: signal.Signals) -> None:
    """Its workspace holds a signing key and a token: Ctrl-C, SIGTERM, a closed terminal."""
    terminal = demo(tmp_path)
    assert [*tmp_path.iterdir()] != []
    if told is signal.SIGHUP:
        terminal.hang_up()
    else:
        shown = terminal.end(told)
        assert shown.endswith("stopped\n")
    assert [*tmp_path.iterdir()] == []
    assert terminal.process.returncode == 128 + told


def test_a_terminal_that_is_gone_is_noticed_by_its_silence(tmp_path: Path) -> None:
    """Where no signal says so, or only later: it ends as if one had, and leaves nothing."""
    terminal = demo(tmp_path)
    terminal.hang_up(told=False)
    assert [*tmp_path.iterdir()] == []
    assert terminal.process.returncode == 128 + signal.SIGHUP
