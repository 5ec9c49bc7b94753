"""What `sayso doctor CHANNEL` finds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class DoctorFinding:
    """One thing that was looked at. `next_step` is empty where it is fine."""

    what: str
    said: str
    next_step: str = ""

    @property
    def ok(self) -> bool:
        """Whether nothing has to be done."""
        return not self.next_step
