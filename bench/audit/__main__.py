"""`python -m bench.audit`."""

from __future__ import annotations

import sys

from bench.audit.command import main

if __name__ == "__main__":
    sys.exit(main())
