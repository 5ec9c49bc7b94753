"""What goes wrong between a connector and its provider, on purpose and for real.

A provider that answers after it did it, one that answers with a page of HTML, a connection that is
cut in the middle of a request. docs/how-to/test-a-connector-under-faults.md shows how.
"""

from sayso.sandbox.faults import Aim
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
    "waiting_faults",
]
