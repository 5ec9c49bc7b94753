"""The seat beside a help desk."""

from __future__ import annotations

SEAT = (
    "Open the seat",
    "Ticket {id}",
    "No ticket",
    "Waits for a {line}",
    "Waits for a {line1} and {line2}",
    "{left}. No answer counts as no.",
    "The customer withdrew it {when}",
    "Nobody can say yes to it any more.",
    "Waits for a person",
    "Waits for the customer's answer",
    "Done {when}",
    "Nothing was done, {when}",
    "Under way",
    "a colleague has answered",
    "a colleague has taken the thread",
    "the thread was closed",
    "Sayso had answered too often within an hour",
    "nothing of this ticket has come in",
    "look at it again",
    "name it in [desk] of sayso.toml",
)
