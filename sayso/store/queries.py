"""Named SQL, read once from the files in `store/sql/queries`."""

from __future__ import annotations

import functools
import re
from importlib import resources

_NAME = re.compile(r"^-- name: ([a-z][a-z0-9_]*)$", re.MULTILINE)


@functools.cache
def named_queries() -> dict[str, str]:
    """Every query by `file.name`, such as `action.by_id`; parameters are written `:name`."""
    found: dict[str, str] = {}
    folder = resources.files("sayso.store") / "sql" / "queries"
    for file in sorted(folder.iterdir(), key=lambda item: item.name):
        if not file.name.endswith(".sql"):
            continue
        noun = file.name.removesuffix(".sql")
        parts = _NAME.split(file.read_text(encoding="utf-8"))
        for name, sql in zip(parts[1::2], parts[2::2], strict=True):
            key = f"{noun}.{name}"
            assert key not in found, f"two queries are called {key}"
            found[key] = sql.strip().rstrip(";")
    return found
