"""What the root command passes on to every other."""

from __future__ import annotations

from dataclasses import dataclass

import typer

from sayso.surfaces.cli.outside import Outside


@dataclass(frozen=True, slots=True, kw_only=True)
class Root:
    """What stands before the command's name, and the neighbours from `sayso/__main__.py`."""

    outside: Outside
    debug: bool


def outside_of(context: typer.Context) -> Outside:
    """The neighbours that `sayso/__main__.py` gave."""
    root = context.obj
    assert isinstance(root, Root), "the root command runs first"
    return root.outside
