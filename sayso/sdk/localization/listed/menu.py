"""The menu, times, and pages that only say something."""

from __future__ import annotations

SCRIPT_WORDS = (
    "{length} left",
    "no time left",
    "This page has changed.",
    "You are signed in again. What you typed is back, and nothing was sent.",
    "The server did not answer. Nothing is known to have happened; load this page again.",
    "The server does not answer. Your click is kept and is sent again.",
    "Sent.",
    "Your passkey was not used, and nothing was done.",
    "Try once more when you are ready.",
    "This browser keeps no passkeys here.",
    "The server does not answer, so nothing is judged now.",
    "The server does not answer. Try it once more.",
)
"""What the script says by itself."""

TIMES = (
    "less than a minute",
    "{clock}",
    "tomorrow {clock}",
    "yesterday {clock}",
    "{day} {clock}",
    "today at {clock}",
    "tomorrow at {clock}",
    "yesterday at {clock}",
    "{day} at {clock}",
)
"""How a time is put; `Times` of the console fills them."""

MENU = (
    "Inbox",
    "Compose",
    "Customers",
    "Audit",
    "Figures",
    "Policy",
    "People",
    "Stop",
    "everything",
    "everything of every tenant",
    "a customer",
    "You",
    "Sign in",
    "support manager",
    "support lead",
    "finance",
    "legal",
    "auditor",
)

NOTES = (
    "A test card",
    "The mistake: {line}.",
    "What it showed is gone.",
    "Nothing was done, and the customer has heard nothing.",
    "You said no: you caught it.",
    "You wanted to ask first: you caught it.",
    "You put it right: you caught it.",
    "This was a test card.",
    "This was a test card, and you said yes.",
    "This was a test card, and you wanted less of the wrong thing.",
    "Nobody answered it in time.",
    "It was taken back.",
    "Somebody has answered it.",
    "You are not signed in any more, so nothing was done.",
    "Nothing was done: {line}.",
    "Sign in: you come back to where you were, with what you typed.",
    "A link opens the console on its own machine only.",
    "Open it there, or put TLS in front and set `url` in [console].",
    "Not signed in: that is no link of ours.",
    "Not signed in: {line}.",
    "There is no such page",
    "Go back, or begin at the inbox.",
    "There is no such thing",
    "That did not work",
    "That cannot be done now",
    "Nothing was changed.",
    "Try it again in a moment.",
    "Nothing was changed",
    "Choose the last day.",
    "Choose what to do.",
    "Nothing was kept",
    "What is kept has a name and words.",
    "a one-time link",
    "your token",
    "your company's sign-in",
)
"""Of pages that only say something, and of the sign-in."""
