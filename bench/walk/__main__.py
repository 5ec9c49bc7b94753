"""`python -m bench.walk`."""

from __future__ import annotations

import sys

from bench.walk.command import main

if __name__ == "__main__":
    sys.exit(main())
