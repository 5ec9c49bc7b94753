"""localstripe, installed into a place of its own: it is GPL, so nothing of ours depends on it."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

_VERSION = "1.15.10"
_CACHE = Path(os.environ.get("SAYSO_REAL_CACHE") or Path.home() / ".cache" / "sayso-tests")
_TIMEOUT_S = 180


def localstripe() -> str | None:
    """Its program: what `SAYSO_LOCALSTRIPE` names, or of a virtual environment that is made once.

    None where it cannot be installed.
    """
    named = os.environ.get("SAYSO_LOCALSTRIPE") or shutil.which("localstripe")
    if named is not None:
        return named
    place = _CACHE / f"localstripe-{_VERSION}"
    program = place / "bin" / "localstripe"
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with (place.parent / "localstripe.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not program.exists():
                _install(place)
    except (OSError, subprocess.SubprocessError):
        return None
    return str(program)


def _install(place: Path) -> None:
    wanted, uv = f"localstripe=={_VERSION}", shutil.which("uv")
    if uv is not None:
        python = str(place / "bin" / "python")
        steps = [[uv, "venv", "-q", str(place)], [uv, "pip", "install", "-q", "--python", python]]
    else:
        steps = [
            [sys.executable, "-m", "venv", str(place)],
            [str(place / "bin" / "pip"), "install"],
        ]
    for step in (steps[0], [*steps[1], wanted]):
        subprocess.run(step, check=True, capture_output=True, timeout=_TIMEOUT_S)
