"""What a run takes of the machine beside its processors."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile

import pytest


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
