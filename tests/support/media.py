"""Disks as they are in the field: mounted read-only, or full. Real ones, in a namespace of its own.

`on_tmpfs(script, folder=…)` copies a folder to a new file system, which only this process sees, and
runs a shell script there. Where the kernel does not let this user have one, the test is skipped.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

READ_ONLY = "mount -o remount,ro ."
"""A line of a script: from here on, nothing here can be written."""

FULL = "cat /dev/zero > ballast 2> /dev/null || true"
"""A line of a script: from here on, there is no room."""

_MOUNT = """
set -e
mkdir -p "$1" && mount -t tmpfs -o size="$2" none "$1"
test -z "$3" || cp -a "$3"/. "$1"
cd "$1"
"""


def on_tmpfs(
    script: str, *, at: Path, folder: Path | None = None, size: str = "32m"
) -> subprocess.CompletedProcess[str]:
    """Run a script in a copy of a folder on a file system of its own.

    Args:
        script: for `sh`, with `$PYTHON`; ends at the first line that fails.
        at: where the file system is to be mounted.
        folder: what stands in it.
    """
    if shutil.which("unshare") is None:
        pytest.skip("unshare is not installed")
    namespace = ["unshare", "--user", "--map-root-user", "--mount"]
    asked = subprocess.run([*namespace, "true"], capture_output=True, check=False)
    if asked.returncode:
        pytest.skip("this user may not have a mount namespace")
    arguments = [str(at), size, str(folder or "")]
    return subprocess.run(
        [*namespace, "sh", "-c", f'PYTHON="{sys.executable}"\n{_MOUNT}{script}', "sh", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
