"""What a planner may read: what the verified customer has, and nothing of anybody else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from sayso.actions.action import Subject
from sayso.actions.snapshot import Record


class Records(Protocol):
    """Lists a subject's objects over all connectors."""

    async def list_records(self, subject: Subject) -> Sequence[Record]:
        """The subject's objects, newest first.

        Raises:
            RefusedError: `unknown_subject`.
            RetryableError: a provider cannot be read now.
        """
        ...
