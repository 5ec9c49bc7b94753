"""Which tests a change can break: those of its floor and of all floors above it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from pathlib import PurePosixPath

from tree import ROOT

FLOORS = (
    "base",
    "audit",
    "actions",
    "connectors",
    "agent",
    "testing",
    "dispatch",
    "sdk",
    "surfaces",
)
"""From the ground up, as `[tool.importlinter]` has them; each imports those before it alone."""
_OF_TESTS = {"store": "base", "network": "base", "vectors": "audit"}
"""Folders of tests that are called otherwise than their floor."""
TOP = len(FLOORS)
"""The floor of tests that walk through the whole product."""


def changed_since(revision: str) -> list[str]:
    """The files that differ from a revision, also those that git does not know yet."""
    ways = (["diff", "--name-only", revision, "--"], ["ls-files", "-o", "--exclude-standard"])
    found: list[str] = []
    for way in ways:
        done = subprocess.run(
            ["git", *way], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
        )
        found += done.stdout.splitlines()
    return found


def touched(changed: Iterable[str]) -> tuple[int, frozenset[str]]:
    """What files can break.

    Returns:
        the lowest floor, and the folders of tests that changed themselves.
    """
    lowest, folders = TOP + 1, set[str]()
    for name in changed:
        first, *rest = PurePosixPath(name).parts
        if first == "tests" and len(rest) > 1 and rest[0] not in ("support", "promises"):
            folders.add(rest[0])
        elif first in FLOORS:
            lowest = min(lowest, FLOORS.index(first))
        elif first == "sayso":
            lowest = min(lowest, FLOORS.index(rest[0]) if rest and rest[0] in FLOORS else TOP)
        elif first in ("docs", "examples", "bench", "deploy", ".github") or name.endswith(".md"):
            lowest = min(lowest, TOP)
        else:  # what builds, what all tests share: anything
            lowest = 0
    return lowest, frozenset(folders)


def is_touched(path: str, lowest: int, folders: frozenset[str]) -> bool:
    """Whether a file of tests, such as `tests/audit/test_log.py`, can fail by that."""
    inside = PurePosixPath(path).parts[1:]
    if len(inside) == 1:
        return True  # about the whole tree, and quick
    floor = _OF_TESTS.get(inside[0], inside[0])
    height = FLOORS.index(floor) if floor in FLOORS else TOP
    return height >= lowest or inside[0] in folders
