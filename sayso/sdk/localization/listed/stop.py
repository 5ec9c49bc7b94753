"""Stops."""

from __future__ import annotations

STOPS = (
    "Everything of this workspace",
    "Everything of every tenant in this database",
    "One connector",
    "One kind of action",
    "One customer",
    "Nothing was stopped",
    "A stop says why, so that whoever finds it knows what to do.",
    "write a reason",
    "It was not said which one.",
    "write its name or its id; to stop at once whatever it is, choose everything",
)
