"""Asking once more before something is done that cannot be taken back."""

from __future__ import annotations

import sys

from sayso.surfaces.cli.output import Out
from sayso.surfaces.cli.problem import usage


def check_somebody_is_there(out: Out, whether: str) -> None:
    """Refuse to ask where nobody can answer.

    Args:
        whether: what would be asked, such as `whether to erase`.

    Raises:
        ConfigError: `invalid_input`; scripts pass `--yes`.
    """
    if not (out.tty and sys.stdin.isatty()):
        raise usage(f"nobody is there to be asked {whether}", "pass --yes")


def confirm(question: str, nothing: str) -> None:
    """Ask; everything but a yes ends the command.

    Args:
        nothing: what was not done then, such as `nothing was erased`.

    Raises:
        ConfigError: `invalid_input`.
    """
    try:
        answer = input(question)
    except EOFError:
        answer = ""
    if answer.strip().lower() not in {"y", "yes"}:
        raise usage(nothing, "answer y, or pass --yes")
