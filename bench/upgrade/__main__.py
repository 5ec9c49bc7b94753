"""`python -m bench.upgrade`."""

from __future__ import annotations

import sys

from bench.upgrade.command import main

if __name__ == "__main__":
    sys.exit(main())
