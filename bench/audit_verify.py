"""Verifies one log in a process of its own, so that its memory is its own: prints one JSON line.

Of a PostgreSQL database it is the time of the verifier; the server's own is beside it.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

from sayso.audit.verifier.checks import Trust
from sayso.audit.verifier.verification import Verification
from sayso.audit.verify import verify

_FLOOR_HASHES = 200_000
_BODY = b"\x00" + b"x" * 500
"""As long as the bench's bodies are on average."""


def floor_us() -> float:
    """CPU microseconds of one SHA-256 over a body, which nothing that verifies can do without."""
    start = time.process_time()
    for _ in range(_FLOOR_HASHES):
        sha256(_BODY).digest()
    return (time.process_time() - start) / _FLOOR_HASHES * 1e6


def peak_memory_kb() -> int:
    """The most memory that this program has held so far.

    From the system's own table: what `getrusage` says includes what the parent had at the fork.
    """
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1])
    return 0


def verifier_of(target: str, *, deep: bool) -> Callable[[], Verification]:
    """How to verify a file, or a database by its URL."""
    if not target.startswith("postgresql:"):
        return lambda: verify(Path(target), deep=deep)
    from sayso.sdk.audit.verifying import verify_postgres  # needs an extra

    return lambda: verify_postgres(target, trust=Trust(), deep=deep)


def main() -> int:
    """`python -m bench.audit_verify PATH_OR_URL [--quick]`."""
    work = verifier_of(sys.argv[1], deep="--quick" not in sys.argv)
    before = floor_us()
    idle_kb = peak_memory_kb()
    cpu, begin = time.process_time(), time.perf_counter()
    found = work()
    wall_s, cpu_s = time.perf_counter() - begin, time.process_time() - cpu
    peak_kb = peak_memory_kb()
    floor = (before + floor_us()) / 2
    taken = {
        "verdict": found.verdict.value,
        "entries": found.entries,
        "state_rows": sum(log.state_rows for log in found.logs),
        "rebuilt_rows": sum(log.rebuilt_rows for log in found.logs),
        "wall_s": wall_s,
        "cpu_s": cpu_s,
        "floor_us": floor,
        "grown_mb": (peak_kb - idle_kb) / 1024,
    }
    print(json.dumps(taken))
    return 0


if __name__ == "__main__":
    sys.exit(main())
