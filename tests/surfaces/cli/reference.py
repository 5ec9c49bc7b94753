"""Writes the reference part of docs/reference/cli.md: `python tests/surfaces/cli/reference.py`."""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Iterator
from pathlib import Path

import typer.main
from typer.core import TyperGroup as Group

from sayso.surfaces.cli.app import COMMANDS, build_app, main

DOCUMENT = Path(__file__).parents[3] / "docs" / "reference" / "cli.md"
START = "## Reference\n"


def _groups() -> Iterator[tuple[str, Group]]:
    """The commands that have further words."""
    root = typer.main.get_command(build_app(frozenset(COMMANDS)))
    assert isinstance(root, Group)
    for name, found in root.commands.items():
        if isinstance(found, Group):
            yield name, found


_FOUND = dict(_groups())
GROUPS = {
    name: tuple(verb for verb, one in group.commands.items() if not isinstance(one, Group))
    for name, group in _FOUND.items()
}
NESTED = {
    name: nested
    for name, group in _FOUND.items()
    if (
        nested := tuple(
            f"{verb} {way}"
            for verb, one in group.commands.items()
            if isinstance(one, Group)
            for way in one.commands
        )
    )
}
"""Verbs of a further word, by group."""

ALONE = frozenset(name for name, group in _FOUND.items() if group.invoke_without_command)
"""Groups that do something without a further word, too."""


def help_of(*words: str) -> str:
    """What `sayso WORDS --help` prints, without blanks at the ends of lines."""
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown):
        assert main([*words, "--help"]) == 0
    return "\n".join(line.rstrip() for line in shown.getvalue().strip().splitlines())


def reference() -> str:
    """Every command with its help, in the order of the root help."""
    sections = (
        f"### sayso {' '.join(words)}\n\n```text\n{help_of(*words)}\n```\n"
        for words in every_command()
    )
    return "\n".join([START, *sections])


def every_command() -> list[tuple[str, ...]]:
    """The words of each command that does something."""
    found: list[tuple[str, ...]] = []
    for name in COMMANDS:
        if name in ALONE or name not in GROUPS:
            found.append((name,))
        found += [(name, verb) for verb in GROUPS.get(name, ())]
        found += [(name, *verb.split()) for verb in NESTED.get(name, ())]
    return found


def rewrite() -> None:
    """Put the present reference into the document."""
    head = DOCUMENT.read_text(encoding="utf-8").partition(START)[0]
    DOCUMENT.write_text(head + reference(), encoding="utf-8")


if __name__ == "__main__":
    rewrite()
    sys.stdout.write(f"{DOCUMENT.name} is up to date\n")
