"""`python -m bench.writers`."""

from __future__ import annotations

import sys

from bench.writers.command import main

if __name__ == "__main__":
    sys.exit(main())
