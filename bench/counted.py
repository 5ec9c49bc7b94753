"""How many instructions a process takes, which no other work on the machine changes.

Valgrind's cachegrind counts them, without its caches; a count differs between builds of Python, so
whoever prints one says which build it was.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.place import with_bytecode

_LIMIT_S = 1_200


def build_of_python() -> str:
    """Which build of Python this is, such as `CPython 3.11.7, GCC 14.2.0`."""
    return (
        f"{platform.python_implementation()} {platform.python_version()}, "
        f"{platform.python_compiler()}"
    )


def can_count() -> bool:
    """Whether valgrind is there."""
    return shutil.which("valgrind") is not None


def instructions_of(
    arguments: Sequence[str], folder: Path, *, environment: Mapping[str, str] | None = None
) -> int:
    """The instructions of `python ARGUMENTS`, after a run that is not counted.

    Args:
        folder: for what valgrind writes, and for bytecode where it is kept nowhere else.
        environment: beside what keeps bytecode and fixes the seed of hashes.

    Raises:
        subprocess.CalledProcessError: the process failed.
    """
    env = with_bytecode(folder / "bytecode") | {"PYTHONHASHSEED": "0"} | dict(environment or {})
    counts = folder / f"counts-{os.getpid()}"
    command = [sys.executable, *arguments]
    counted = [
        "valgrind",
        "--tool=cachegrind",
        "--cache-sim=no",
        f"--cachegrind-out-file={counts}",
    ]
    for before in ([], counted):
        subprocess.run(
            [*before, *command],
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=env,
            timeout=_LIMIT_S,
        )
    last = counts.read_text(encoding="utf-8").rstrip().rpartition("\n")[2]
    counts.unlink()
    assert last.startswith("summary: "), last
    return int(last.removeprefix("summary: "))
