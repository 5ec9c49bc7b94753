"""How many instructions a process takes, which no other work on the machine changes.

Valgrind's cachegrind counts a whole process, without its caches, and its callgrind a part of one; a
count differs between builds of Python, so whoever prints one says which build it was.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
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


def instructions_within(arguments: Sequence[str], folder: Path) -> int:
    """The instructions of `python ARGUMENTS` while it is in its block of `counting`.

    Args:
        folder: for what valgrind writes.

    Raises:
        subprocess.CalledProcessError: the process failed.
    """
    counts = folder / f"counts-{os.getpid()}"
    counter = ["valgrind", "--tool=callgrind", "--instr-atstart=no"]
    subprocess.run(
        [*counter, f"--callgrind-out-file={counts}", sys.executable, *arguments],
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=dict(os.environ) | {"PYTHONHASHSEED": "0"},
        timeout=_LIMIT_S,
    )
    lines = counts.read_text(encoding="utf-8").splitlines()
    counts.unlink()
    return sum(int(line.split()[1]) for line in lines if line.startswith("totals: "))


@contextmanager
def counting() -> Generator[None]:
    """In a process of `instructions_within`: what is counted. Another program switches it on."""
    _switch("on")
    yield
    _switch("off")


def _switch(how: str) -> None:
    control = ["callgrind_control", "-i", how, str(os.getpid())]
    subprocess.run(control, check=True, stdout=subprocess.DEVNULL)
