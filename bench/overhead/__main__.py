"""`python -m bench.overhead`."""

from __future__ import annotations

import sys

from bench.overhead.command import main

if __name__ == "__main__":
    sys.exit(main())
