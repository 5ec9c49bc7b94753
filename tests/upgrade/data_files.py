"""Workspaces of other builds, kept as compressed files in `data`."""

from __future__ import annotations

import lzma
from pathlib import Path

DATA = Path(__file__).with_name("data")


def unpacked(name: str) -> bytes:
    """What a file of `data` holds."""
    return lzma.decompress((DATA / f"{name}.xz").read_bytes())
