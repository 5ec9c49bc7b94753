"""Writes the reference part of docs/reference/cli.md: `python tests/surfaces/cli/reference.py`."""

from __future__ import annotations

import contextlib
import io
import sys
from pathlib import Path

from sayso.surfaces.cli.app import COMMANDS, main

DOCUMENT = Path(__file__).parents[3] / "docs" / "reference" / "cli.md"
START = "## Reference\n"
GROUPS = {
    "connector": ("list", "check", "review", "test", "try", "record", "new"),
    "approvals": ("list", "show", "approve", "reject", "edit", "ask", "note", "plan"),
    "actions": ("list", "show", "settle", "types"),
    "requests": ("list", "show", "answer"),
    "prompts": ("show", "try", "promote", "rollback"),
    "eval": ("run", "collect"),
    "audit": (
        *("tail", "query", "export", "evidence", "checkpoint"),
        *("verify", "repair", "accept", "publish", "seal", "prune", "tiles", "timestamps"),
        *("keys", "make-key", "rotate-key"),
    ),
    "privacy": ("erase", "erasures", "subject", "hold", "release", "holds", "sweep", "rewrap"),
    "policy": (
        *("show", "diff", "activate", "confirm", "withdraw", "rollback", "history"),
        *("test", "prove", "suggest", "explain", "backtest"),
    ),
    "limits": ("list", "set", "drop"),
    "rollout": ("list", "set", "compare", "wrong"),
    "work": ("list", "show", "take", "note", "propose", "end"),
    "stop": ("list",),
    "people": ("list", "add", "role", "slack", "away", "deactivate"),
    "webhooks": (*("add", "list", "test", "rotate", "disable", "enable", "replay", "remove"),),
    "token": ("create", "list", "revoke"),
}

NESTED = {"connector": tuple(f"draft {way}" for way in ("openapi", "graphql", "mcp", "docs"))}
"""Verbs of a further word, by group."""

ALONE = frozenset({"limits", "stop"})
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
