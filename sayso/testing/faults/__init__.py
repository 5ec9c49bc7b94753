"""What goes wrong in the world, on purpose and for real: for connector authors and our own tests.

A provider that answers after it did it, a process killed at a named boundary, a clock that jumps,
a full disk, a connection lost in each statement. docs/faults.md shows how.

`Points` and `FaultProxy` stand here; `crash`, `sqlite`, `postgres`, `stores`, `sweep` and `judge`
are modules of their own, since they load what they break.
"""

from support.faults.points import Points

from sayso.sandbox.aim import Aim
from sayso.testing.faults.http_fault import (
    LIES,
    QUICK_FAULTS,
    HttpFault,
    HttpFaultKind,
    waiting_faults,
)
from sayso.testing.faults.http_proxy import FaultProxy, PassedRequest

__all__ = [
    "LIES",
    "QUICK_FAULTS",
    "Aim",
    "FaultProxy",
    "HttpFault",
    "HttpFaultKind",
    "PassedRequest",
    "Points",
    "waiting_faults",
]
