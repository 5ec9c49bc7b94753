"""Why people say no: one list for every surface on which they choose it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

NO_REASONS: Mapping[str, str] = MappingProxyType(
    {
        "not_covered": "Not covered by our terms",
        "wrong_amount": "Wrong amount",
        "wrong_customer_or_order": "Wrong customer or order",
        "duplicate": "Done already, or asked twice",
        "evidence_missing": "Evidence is missing",
        "suspected_fraud": "Looks like fraud",
        "other": "Another reason",
    }
)
"""Code and words; the code stands in the log and reaches the planner."""
