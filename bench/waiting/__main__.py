"""`python -m bench.waiting`."""

from __future__ import annotations

import sys

from bench.waiting.command import main

if __name__ == "__main__":
    sys.exit(main())
