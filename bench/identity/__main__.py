"""`python -m bench.identity`."""

from __future__ import annotations

import sys

from bench.identity.command import main

if __name__ == "__main__":
    sys.exit(main())
