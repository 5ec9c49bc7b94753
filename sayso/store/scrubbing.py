"""Letting go of what was deleted: databases keep it in free pages and in their journals."""

from __future__ import annotations

from typing import Protocol, runtime_checkable


@runtime_checkable
class Scrubbed(Protocol):
    """A store that can clear its own files of what was deleted."""

    async def scrub(self, *, rewrite: bool = False) -> bool:
        """Clear the journal; with `rewrite`, write the whole file anew.

        Returns:
            Whether it is done; False while somebody else reads an older state.
        """
        ...
