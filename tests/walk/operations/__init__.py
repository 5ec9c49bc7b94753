"""Every operation, by topic; importing them puts them on the table."""

from walk.operations import (
    asking,
    controls,
    deciding,
    passkeys,
    people,
    privacy,
    provider,
    tenants,
    upkeep,
)
from walk.operations.base import OPERATIONS, Operation

TOPICS = (asking, controls, deciding, passkeys, people, privacy, provider, tenants, upkeep)

__all__ = ["OPERATIONS", "TOPICS", "Operation"]
