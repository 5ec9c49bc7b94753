"""The command `sayso`."""

from __future__ import annotations

import gc
import sys

# Of what modules make while they load nothing can be freed, and looking for it takes a tenth of a
# short command's time. The command line puts it on again.
gc.disable()
try:
    from sayso.surfaces.cli.app import main
except KeyboardInterrupt:  # before there is a command that could say it
    sys.stderr.write("stopped\n")
    raise SystemExit(130) from None

if __name__ == "__main__":
    raise SystemExit(main())
