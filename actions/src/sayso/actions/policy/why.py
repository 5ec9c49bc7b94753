"""What is said of why an action came to people: what would have to be different, and who agrees.

The reasons themselves are found in `sayso.actions.policy.reasons`.
"""

from __future__ import annotations

from collections.abc import Sequence

from sayso.actions.policy.base import Reason

UNCHANGEABLE = "Nothing that can change"
"""In place of what would have to be different, where a person is asked whatever is."""


def flip_of(reasons: Sequence[Reason]) -> str:
    """What would have to be different for nobody to be asked, as one sentence."""
    alone = [one for one in reasons if not one.more]
    if not alone:
        return ""
    if any(not one.to for one in alone):
        return f"{UNCHANGEABLE}."
    *first, last = dict.fromkeys(one.to for one in alone)
    said = f"{', '.join(first)}, and {last}" if first else last
    return f"{said[:1].upper()}{said[1:]}."


def needed_sentence(roles: Sequence[str]) -> str:
    """Who has to agree, as a sentence."""
    names = [role.replace("_", " ") for role in roles]
    if not names:
        return "It needs nobody."
    if len(names) == 1:
        return f"It needs one {names[0]}."
    if len(set(names)) == 1:
        return f"It needs {count_word(len(names))} people: each a {names[0]}."
    return f"It needs {count_word(len(names))} people: {' and '.join(names)}."


def count_word(people: int) -> str:
    """A number of people in words."""
    return {2: "two", 3: "three", 4: "four", 5: "five"}.get(people, str(people))
