"""What is wrong with a file of the policy: where, what, and what to do about it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal

from sayso.toml import TomlMistakeError, did_you_mean, line_of_row, read_table


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


class WrongError(Exception):
    """What is wrong with a row of a file, and what to write instead.

    Attributes:
        row: its id; empty where it is the whole file. word: where in the row, if it is a word.
        line: of what is no TOML.
    """

    def __init__(
        self, message: str, next_step: str, row: str = "", word: str = "", line: int | None = None
    ) -> None:
        super().__init__(message)
        self.message, self.next_step, self.row, self.word = message, next_step, row, word
        self.line = line

    def problem(self, file: str, text: str) -> PolicyProblem:
        """The same with the place where it stands."""
        return PolicyProblem(
            file=file,
            line=self.line or line_of_row(text, self.row, self.word),
            rule=self.row,
            message=self.message,
            next_step=self.next_step,
        )


def read_rows(text: str) -> dict[str, object]:
    """What a file of rows holds; its numbers are `Decimal`.

    Raises:
        WrongError: it is no TOML.
    """
    try:
        return read_table(text, parse_float=Decimal)
    except TomlMistakeError as wrong:
        raise WrongError(wrong.problem, wrong.next_step, line=wrong.line) from wrong


def no_action(name: str, known: Collection[str], otherwise: str) -> tuple[str, str]:
    """What is wrong with the name of an action that this program does not have, and what to do.

    Args:
        known: the names of those it has.
        otherwise: the next step where nothing known is close.
    """
    connector = name.partition(".")[0]
    here = {one.partition(".")[0] for one in known}
    if "." in name and connector not in here and not did_you_mean(connector, here):
        return (
            f"there is no action `{name[:60]}`: this program has no connector `{connector[:40]}`",
            f"set up `{connector[:40]}` here too, or do this where it is set up",
        )
    return f"there is no action `{name[:60]}`", did_you_mean(name, known) or otherwise
