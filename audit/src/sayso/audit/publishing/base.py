"""The contract of a place: takes a checkpoint, and never one that contradicts an earlier one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from sayso.audit.signed_note.note import Checkpoint

Prove = Callable[[int], Awaitable[Sequence[bytes]]]
"""Gives the consistency proof from an older size, at least 1, to the checkpoint's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointSubmission:
    """A checkpoint on its way to a place.

    Attributes:
        checkpoint: what it says.
        note: the same, signed by the log.
        old_size: what this place took last, as far as we know; 0 for nothing.
        prove: makes proofs from other sizes, for a place that remembers another one.
    """

    checkpoint: Checkpoint
    note: str
    old_size: int
    prove: Prove


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishReceipt:
    """What a place gives for a checkpoint.

    Attributes:
        note: as the place keeps it, with cosignatures.
        token: a time stamp over the exact bytes of the note (RFC 3161, DER); None from a place
            that gives none.
    """

    note: str
    token: bytes | None = None


class PublishTarget(Protocol):
    """Where checkpoints are kept outside of the database."""

    @property
    def name(self) -> str:
        """What the settings call it."""
        ...

    async def publish(self, submission: CheckpointSubmission) -> PublishReceipt:
        """Hand over a checkpoint; returns what the place gives for it.

        Handing over the same one twice is no fault.

        Raises:
            RetryableError: `publish_target_unavailable`; it may or may not have been kept.
            IntegrityError: `tampered`, when the place knows something that contradicts it.
            ConfigError: `invalid_setting`, when the place does not take this log at all.
        """
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...
