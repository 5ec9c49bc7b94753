"""`python -m bench.log_crash`."""

from __future__ import annotations

import sys

from bench.log_crash.command import main

if __name__ == "__main__":
    sys.exit(main())
