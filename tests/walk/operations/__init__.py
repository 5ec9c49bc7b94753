"""Every operation, by topic; importing them puts them on the table."""

from walk.operations import (
    asking,
    auditing,
    canaries,
    channels,
    codes,
    composing,
    controls,
    deciding,
    desks,
    drafts,
    in_browser,
    links,
    mending,
    passkeys,
    people,
    plans,
    privacy,
    processes,
    provider,
    tenants,
    upkeep,
    webhooks,
)
from walk.operations.base import OPERATIONS, Operation

TOPICS = (
    asking,
    auditing,
    canaries,
    channels,
    codes,
    composing,
    controls,
    deciding,
    desks,
    drafts,
    in_browser,
    links,
    mending,
    passkeys,
    people,
    plans,
    privacy,
    processes,
    provider,
    tenants,
    upkeep,
    webhooks,
)

__all__ = ["OPERATIONS", "TOPICS", "Operation"]
