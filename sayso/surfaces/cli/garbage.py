"""While a program starts nothing can be freed, and looking for it takes a sixth of a start."""

from __future__ import annotations

import contextlib
import gc
import sys
from collections.abc import Generator


@contextlib.contextmanager
def no_garbage_sought() -> Generator[None]:
    """Look for no cycles of objects while the block runs, nor later among what it has left."""
    sought, known = gc.isenabled(), len(sys.modules)
    gc.disable()
    try:
        yield
    finally:
        if len(sys.modules) > known:
            gc.freeze()  # what was loaded stays
        if sought:
            gc.enable()
