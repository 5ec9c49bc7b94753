"""What holds for every test: the same cases each time in CI, and no clock that fails a property."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from hypothesis import settings

# NOTE: `bench` is not in the wheel, and its tests import it. At the end of the path, so that
# `sayso` stays the installed one.
sys.path.append(str(Path(__file__).resolve().parent.parent))

# A deadline would make a busy machine a failure; `faulthandler_timeout` ends what really hangs.
settings.register_profile("here", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "here")
