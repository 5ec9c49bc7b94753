"""What a run takes of the machine beside its processors: bytecode, and memory for its files."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest

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
