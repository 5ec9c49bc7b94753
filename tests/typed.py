"""Command lines as `sayso` reads them, for tests that run nothing of what is typed."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import typer.main

from sayso.surfaces.cli.app import COMMANDS, build_app


@cache
def command(name: str) -> Any:
    """The command line with this command's module loaded."""
    return typer.main.get_command(build_app(frozenset({name})))


def parse(words: Sequence[str]) -> None:
    """Read a command line to its last option, and run nothing.

    Raises:
        BaseException: no such command, option or value.
    """
    assert words[0] in COMMANDS, words
    part, left = command(words[0]), list(words)
    context = part.make_context("sayso", left)
    while hasattr(part, "resolve_command"):
        left = [*getattr(context, "_protected_args"), *context.args]  # noqa: B009
        if not left:
            return
        name, part, left = part.resolve_command(context, left)
        context = part.make_context(name, left, parent=context)
