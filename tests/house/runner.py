"""Runs tests over a changed tree, in its own process: `python runner.py CHANGED FOLDER FILE...`.

CHANGED holds the changed files alone, at their places; all others are the tree's own, and compiled
already. Without pytest, whose start takes longer than the tests: each function is given a folder.
"""

from __future__ import annotations

import asyncio
import importlib.util
import inspect
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType


class Changed(MetaPathFinder):
    """Finds the changed modules before all others."""

    def __init__(self, root: Path) -> None:
        self._files = {_module(file.relative_to(root)): file for file in root.rglob("*.py")}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The changed module of that name, if there is one."""
        file = self._files.get(fullname)
        if file is None:
            return None
        inside = [str(file.parent)] if file.name == "__init__.py" else None
        return importlib.util.spec_from_file_location(
            fullname, file, submodule_search_locations=inside
        )


def _module(file: Path) -> str:
    """`sayso.audit.log` for `audit/src/sayso/audit/log.py`; nothing that is imported for a test."""
    parts = file.with_suffix("").parts
    if parts[0] == "tests":
        return ""
    parts = parts[parts.index("sayso") :]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def run(file: Path, folder: Path) -> None:
    """Run every test of a file.

    Raises:
        Exception: whatever the first that fails raises.
    """
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    tests = {name: test for name, test in vars(module).items() if name.startswith("test_")}
    assert tests, f"{file.name} has no test"
    for name, test in tests.items():
        place = folder / name
        place.mkdir()
        done = test(place)
        if inspect.iscoroutine(done):
            asyncio.run(done)
        sys.stdout.write(f"{file.name}: {name}\n")


if __name__ == "__main__":
    changed = Path(sys.argv[1])
    sys.meta_path.insert(0, Changed(changed))
    for argument in sys.argv[3:]:
        run(changed / argument, Path(sys.argv[2]))
