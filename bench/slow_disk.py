"""A disk whose commits take a set time, for every candidate alike: `sync_shim.c`, preloaded."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

SOURCE = Path(__file__).with_name("sync_shim.c")


@dataclass(frozen=True, slots=True, kw_only=True)
class SlowDisk:
    """The shim, built into a folder.

    Attributes:
        library: the shared object to preload.
        sync_ms: how long each sync takes, in milliseconds.
    """

    library: Path
    sync_ms: float

    def variables(self, counted: Path) -> dict[str, str]:
        """What a measured process needs in its environment; `counted` gets its number of syncs."""
        return {
            "LD_PRELOAD": str(self.library),
            "SAYSO_SYNC_US": str(int(self.sync_ms * 1000)),
            "SAYSO_SYNC_COUNT": str(counted),
        }


def build(folder: Path, sync_ms: float) -> SlowDisk:
    """Compile the shim.

    Raises:
        SystemExit: there is no C compiler, or it fails.
    """
    compiler = shutil.which("cc")
    if compiler is None:
        raise SystemExit(
            "--sync-ms needs a C compiler (`cc`); without it, measure the disk as it is"
        )
    library = folder / "sync_shim.so"
    subprocess.run(
        [compiler, "-O2", "-shared", "-fPIC", "-o", str(library), str(SOURCE)], check=True
    )
    return SlowDisk(library=library, sync_ms=sync_ms)
