"""A program: serves the workspace in this folder, fills the disk, and prints what a probe is told.

For `tests/surfaces/http/test_full_disk.py`, in a file system of its own.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import httpx
import orjson

BALLAST = Path("ballast")


def fill() -> None:
    """Leave no room."""
    with suppress(OSError), BALLAST.open("wb", buffering=0) as file:
        while file.write(bytes(65536)):
            pass


def main() -> None:
    """Print status and code of `/readyz` before, while and after there is no room."""
    command = [sys.executable, "-m", "sayso", "serve", "--port", "0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        url = orjson.loads("".join(iter(server.stdout.readline, "}\n")) + "}")["url"]
        for step in ("before", "while", "after"):
            if step == "while":
                fill()
            elif step == "after":
                BALLAST.unlink()
            answer = httpx.get(f"{url}/readyz", trust_env=False, timeout=60)
            code = answer.json().get("code", "ok")
            sys.stdout.write(f"{answer.status_code} {code}\n")
        server.send_signal(signal.SIGINT)


main()
