"""`python -m bench.throughput`."""

from __future__ import annotations

import sys

from bench.throughput.command import main

if __name__ == "__main__":
    sys.exit(main())
