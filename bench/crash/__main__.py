"""`python -m bench.crash`."""

from __future__ import annotations

import sys

from bench.crash.command import main

if __name__ == "__main__":
    sys.exit(main())
