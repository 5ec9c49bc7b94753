"""What is pushed to a browser, and what it says by itself."""

from __future__ import annotations

PUSH = (
    "{money} waits for your yes or no",
    "Something waits for your yes or no",
    "{who} gave you this",
    "{who} names you in a note",
    "{who} gave you this, and names you in a note",
    "{who} stopped it: nothing of it starts until two people let it go on",
    "A customer waits for a person",
    "A customer has not answered a question",
    "It is not known whether it was done",
    "It failed at the provider",
    "It was done, and does not fit what was approved",
    "It was done outside Sayso",
    "You are offline; nothing was decided.",
    "Load this page again once you are connected.",
    "What waits for a yes or no",
)
