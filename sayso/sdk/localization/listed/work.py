"""Work for people: requests, what is unknown, and what they compose."""

from __future__ import annotations

WORK = (
    "Did {money} move, or not?",
    "Did {money} go to the {card} that paid, or not?",
    "Did {money} go to {payee}, or not?",
    "After {seconds} s.",
    "a person has to answer the customer",
    "Request of {customer}",
    "received",
    "needs customer",
    "acting",
    "answered",
    "Was it done, or not?",
    "{money} did move",
    "It was done",
    "Nothing moved",
    "It was not done",
    "Called.",
    "Called again.",
    "Everything was checked before.",
    "Looked up 1 time since then, without finding out.",
    "Looked up {number} times since then, without finding out.",
    "The provider has taken it on, and not done it yet.",
    "No answer came that says what was done.",
    "It is known already",
    "Asked: “{words}”",
    "They answered: “{words}”",
    "{line}, not done: {why}",
    "{line}, drafted and not done",
    "{action}: {line}",
)

COMPOSING = (
    "Not known yet",
    "Cannot be done",
    "Runs by itself",
    "Needs a {line}",
    "Needs an {line}",
    "Needs two people",
    "Needs {number} people",
    "Starts at once.",
    "What a provider calls somebody stands in no address, so that no proxy logs it.",
    "Link a {chat} account",
    "The {chat} account is yours",
    "From now on what it says in {chat} counts as your word, and the log says so.",
)
