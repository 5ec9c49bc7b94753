"""The command `sayso`."""

from __future__ import annotations

import sys

try:
    from sayso.surfaces.cli.garbage import no_garbage_sought

    with no_garbage_sought():
        from sayso.surfaces.cli.app import main
except KeyboardInterrupt:  # before there is a command that could say it
    sys.stderr.write("stopped\n")
    raise SystemExit(130) from None

if __name__ == "__main__":
    raise SystemExit(main())
