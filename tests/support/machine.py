"""What a run takes of the machine beside its processors: bytecode, and memory for its files."""

from __future__ import annotations

import os
import py_compile
import shutil
import sys
import tempfile
from collections.abc import Container, Iterable
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

import pytest
from _pytest.assertion import rewrite
from _pytest.assertion.rewrite import assertstate_key
from tree import ROOT, TESTS

import sayso

MEMORY = Path("/dev/shm")
ROOM = 2 * 1024**3
"""Bytes; three test processes took half a GiB of it at most."""


def keep_bytecode(config: pytest.Config) -> None:
    """Where bytecode is forbidden, keep it until the run ends, in a folder of its own.

    Images often forbid it, and each of the hundreds of processes that tests start would compile all
    that it imports. The test processes inherit what is set here.
    """
    if not sys.dont_write_bytecode:
        return
    folder = tempfile.mkdtemp(prefix="sayso-bytecode-")
    config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ["PYTHONPYCACHEPREFIX"] = folder
    sys.dont_write_bytecode = False
    sys.pycache_prefix = folder


def compile_ahead(config: pytest.Config) -> None:
    """Compile our modules and tests once, before several test processes run all of them.

    They read the tests in one order, so that each would compile everything at the same time.
    """
    whole = config.args_source is not pytest.Config.ArgsSource.ARGS
    if not (whole and getattr(config.option, "numprocesses", None)) or sys.dont_write_bytecode:
        return
    folders = (TESTS, ROOT / "bench", *map(Path, sayso.__path__))
    files = [file for folder in folders for file in sorted(folder.rglob("*.py"))]
    tests = [file for file in files if file.name.startswith("test_") and TESTS in file.parents]
    if not tests or _rewritten(tests[-1]).exists():
        return
    shares = os.cpu_count() or 1
    children = [
        os.fork() or _compile(config, files[number::shares], frozenset(tests))
        for number in range(shares)
    ]
    for child in children:
        os.waitpid(child, 0)


def _compile(config: pytest.Config, files: Iterable[Path], tests: Container[Path]) -> NoReturn:
    """Be a child that does its share; what cannot be compiled is told by whoever imports it."""
    try:
        for file in files:
            with suppress(Exception):
                if file in tests:
                    rewritten = _rewritten(file)
                    rewrite.try_makedirs(rewritten.parent)
                    digest, code = rewrite._rewrite_test(file, config)
                    state = config.stash[assertstate_key]
                    rewrite._write_pyc(state, code, digest, rewritten)
                else:
                    py_compile.compile(str(file), quiet=2)
    finally:
        os._exit(0)


def _rewritten(test: Path) -> Path:
    """Where pytest keeps a test's bytecode, in which a failed assertion tells its values."""
    return rewrite.get_cache_dir(test) / f"{test.stem}{rewrite.PYC_TAIL}"


def keep_files_in_memory() -> None:
    """Let temporary files be made in memory, where there is room; whoever sets TMPDIR decides.

    The tests end processes, not the power: what the kernel holds survives. On a disk they would
    wait for some ten thousand syncs and for the files of some hundred databases.
    """
    if os.environ.get("TMPDIR") or not _has_room(MEMORY):
        return
    os.environ["TMPDIR"] = str(MEMORY)
    tempfile.tempdir = None  # or what it found before stays


def _has_room(folder: Path) -> bool:
    try:
        there = os.statvfs(folder)
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return False
    memory = dict(line.split(":", 1) for line in lines)
    available = int(memory["MemAvailable"].split()[0]) * 1024
    # Some tests run what they have built.
    runs = not there.f_flag & os.ST_NOEXEC
    room = min(available, there.f_bavail * there.f_frsize)
    return runs and room >= ROOM and os.access(folder, os.W_OK | os.X_OK)
