"""Numbers as paths: `1234067` is `x001/x234/067`. Source: c2sp.org/tlog-tiles."""

from __future__ import annotations

import re

_INDEX = re.compile(r"(?:x[0-9]{3}/)*[0-9]{3}")


def index_path(index: int) -> str:
    """The path of an index, in groups of three digits; all but the last begin with `x`."""
    groups = [f"{index % 1000:03d}"]
    while index := index // 1000:
        groups.append(f"x{index % 1000:03d}")
    return "/".join(reversed(groups))


def read_index(path: str) -> int | None:
    """The index of a path that `index_path` writes; None for every other."""
    if not _INDEX.fullmatch(path):
        return None
    index = int(path.replace("x", "").replace("/", ""))
    return index if index_path(index) == path else None
