"""Runs tests of a copy of the tree, in a process of its own: `python runner.py FOLDER FILE...`.

Without pytest, whose start takes longer than the tests: each function is given a folder.
"""

from __future__ import annotations

import asyncio
import importlib.util
import inspect
import sys
from pathlib import Path


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
    for argument in sys.argv[2:]:
        run(Path(argument), Path(sys.argv[1]))
