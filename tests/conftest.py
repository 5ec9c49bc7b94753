"""What holds for every test: the same cases each time in CI, and no clock that fails a property."""

from __future__ import annotations

import os

from hypothesis import settings

# A deadline would make a busy machine a failure; `faulthandler_timeout` ends what really hangs.
settings.register_profile("here", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "here")
