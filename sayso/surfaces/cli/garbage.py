"""While a program starts nothing can be freed, and looking for it takes a sixth of a start."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Generator


@contextlib.contextmanager
def no_garbage_sought() -> Generator[None]:
    """Look for no cycles of objects while the block runs."""
    sought = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if sought:
            gc.enable()
