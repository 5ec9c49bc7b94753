"""What walks find that is known and not mended yet: such a walk ends early, and is counted.

Empty whenever nothing is known to be wrong. Who mends something takes its line out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from walk.driver import Found

KNOWN: Mapping[str, tuple[str, str]] = {
    "a judgement before a version": ("accused", "judged by version|policy"),
    "a cap below what is used": ("counter", "a window holds more than it may"),
    "replies": ("untrue", "^the reply to"),
}
"""By name: the kind of finding, and a pattern of what it says."""


def known_as(found: Found) -> str:
    """The name of what it is; empty where nobody knows it."""
    for name, (kind, pattern) in KNOWN.items():
        if kind == found.kind and re.search(pattern, found.what):
            return name
    return ""
