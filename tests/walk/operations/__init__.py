"""Every operation, by topic; importing them puts them on the table."""

from walk.operations import (  # noqa: F401
    asking,
    controls,
    deciding,
    people,
    privacy,
    provider,
    tenants,
    upkeep,
)
from walk.operations.base import OPERATIONS, Operation

__all__ = ["OPERATIONS", "Operation"]
