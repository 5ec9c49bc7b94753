"""What is wrong with a file of the policy: where, what, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
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
