"""An entry of the log: what happened, and the pieces of its sentence."""

from __future__ import annotations

from sayso.audit.queries.sentence import TITLES

ENTRY = tuple(TITLES.values())
ENTRY_PARTS = (
    "version {number}, if it comes in force",
    "version {number}",
    "in place of {number}",
    "the first one",
    "nobody may more or less by it",
    "looser",
    "tighter",
    "refused: {code}",
    "limit {id} added",
    "limit {id} changed",
    "limit {id} taken away",
    "as {list}",
    "without a role",
    "signs in as {name}",
    "with {names}",
    "by {name}",
    "session of {name}",
    "service {name}",
    "system {name}",
    "agent {name}",
    "may {names}",
    "until {day}",
    "of {name}",
    "from {money}",
    "everything",
    "everything {name}",
    "connector {name}",
    "action {name}",
    "customer {name}",
    "for {names}",
    "candidate {name}",
    "yes",
    "yes to less",
    "no",
    "took the yes back",
    "full",
    "nearly full",
    "{number} found",
    "entries {number1} to {number2}",
    "{number} rows",
    "because {words}",
    "older than {day}",
    "asked for by {name}",
)
"""So short that a text of anybody could be one: looked for in entries alone."""
