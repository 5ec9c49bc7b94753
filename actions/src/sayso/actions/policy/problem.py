"""What is wrong with a file of the policy: where, what, and what to do about it."""

from __future__ import annotations

import difflib
from collections.abc import Collection
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyProblem:
    """One thing that is wrong with a policy text.

    Attributes:
        file: name of the text.
        line: 1-based; of the word in question, else of the rule's first line.
        rule: the rule's `@id`, empty when it has none.
        message: lower-case, no full stop.
        next_step: what to do about it.
    """

    file: str
    line: int
    rule: str
    message: str
    next_step: str

    def __str__(self) -> str:
        rule = f", rule `{self.rule}`" if self.rule else ""
        return f"{self.file} line {self.line}{rule}: {self.message}"


def no_action(name: str, known: Collection[str], otherwise: str) -> tuple[str, str]:
    """What is wrong with the name of an action that this program does not have, and what to do.

    Args:
        known: the names of those it has.
        otherwise: the next step where nothing known is close.
    """
    connector = name.partition(".")[0]
    here = {one.partition(".")[0] for one in known}
    if "." in name and connector not in here and not difflib.get_close_matches(connector, here):
        return (
            f"there is no action `{name[:60]}`: this program has no connector `{connector[:40]}`",
            f"set up `{connector[:40]}` here too, or do this where it is set up",
        )
    near = difflib.get_close_matches(name, known, 1)
    step = f"did you mean `{near[0]}`?" if near else otherwise
    return f"there is no action `{name[:60]}`", step
