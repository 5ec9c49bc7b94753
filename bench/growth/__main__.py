"""`python -m bench.growth`."""

from __future__ import annotations

import sys

from bench.growth.command import main

if __name__ == "__main__":
    sys.exit(main())
