"""docs/reference/cli.md is what the command line says of itself (rule 28)."""

from __future__ import annotations

import pytest
from surfaces.cli.cli_workspace import Line
from surfaces.cli.reference import DOCUMENT, START, every_command, help_of, reference

from sayso.surfaces.cli.app import COMMANDS


@pytest.fixture(autouse=True)
def width(monkeypatch: pytest.MonkeyPatch, line: Line) -> None:
    """The document is 80 columns wide, whatever the terminal that runs the tests."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERMINAL_WIDTH", "80")


@pytest.mark.promise("cli:documented")
def test_the_document_has_every_help_as_it_is() -> None:
    """Each command with its options; running reference.py brings the document up to date."""
    text = DOCUMENT.read_text(encoding="utf-8")
    assert START + text.partition(START)[2] == reference()


@pytest.mark.parametrize("name", COMMANDS)
def test_the_root_help_says_what_the_command_says(name: str) -> None:
    """The line that stands in for a module is the module's own first line."""
    assert COMMANDS[name] in " ".join(help_of(name).split())


@pytest.mark.promise("cli:documented")
def test_every_command_takes_json() -> None:
    """One JSON document of every command."""
    for words in every_command():
        assert "--json" in help_of(*words), words
