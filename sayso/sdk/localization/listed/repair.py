"""What is repaired or accepted."""

from __future__ import annotations

REPAIR = (
    "Repair",
    "is written again",
    "is put back",
    "is taken away",
    "Your yes is in the log. Nothing is changed until another person has said it, too.",
    "Done, by two people; the log says so.",
    "no entry",
    "entry {number}",
    "Nothing was accepted",
    "A reason stands in the log for good, so that whoever verifies it knows why.",
)
