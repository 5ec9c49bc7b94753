"""Where a command's words go: one JSON document, plain text, or more in a terminal."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, TextIO

import orjson

from sayso.surfaces.cli.words import one_line, width_of

if TYPE_CHECKING:
    from rich.console import Console

WIDTH = 100


class Out:
    """The two streams of one command.

    Args:
        as_json: only one document may go to stdout.
    """

    def __init__(
        self, *, as_json: bool, stdout: TextIO | None = None, stderr: TextIO | None = None
    ) -> None:
        self.as_json = as_json
        self._stdout = stdout or sys.stdout
        self._stderr = stderr or sys.stderr
        self._console: Console | None = None

    @property
    def tty(self) -> bool:
        """Whether a person reads stdout as it is written."""
        return not self.as_json and self._stdout.isatty()

    @property
    def console(self) -> Console:
        """Rich's console over stdout; without colour unless a terminal wants it."""
        if self._console is None:
            from rich.console import Console  # 80 ms, so only where something is drawn

            columns = shutil.get_terminal_size((WIDTH, 24)).columns
            self._console = Console(
                file=self._stdout,
                width=min(WIDTH, columns) if self.tty else WIDTH,
                highlight=False,
                markup=False,
                emoji=False,
                no_color=True if "NO_COLOR" in os.environ else None,
            )
        return self._console

    def document(self, value: object) -> None:
        """Print the one JSON document."""
        encoded = orjson.dumps(value, default=_plain_json, option=orjson.OPT_INDENT_2)
        self._stdout.write(encoded.decode() + "\n")
        self._stdout.flush()

    def line(self, text: str = "") -> None:
        """Print a line for a person; nothing in JSON mode."""
        if not self.as_json:
            self._stdout.write(f"{text}\n")
            self._stdout.flush()

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Print a table: drawn in a terminal, else aligned columns with two blanks between."""
        if self.as_json:
            return
        clean = [[one_line(cell) for cell in row] for row in rows]
        if self.tty:
            self._draw(columns, clean)
            return
        heads = [column.upper() for column in columns]
        widths = [max(map(width_of, cells)) for cells in zip(heads, *clean, strict=True)]
        for row in (heads, *clean):
            padded = (
                cell + " " * (wide - width_of(cell)) for cell, wide in zip(row, widths, strict=True)
            )
            self.line("  ".join(padded).rstrip())

    def _draw(self, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        from rich import box  # only in a terminal
        from rich.table import Table
        from rich.text import Text

        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
        for column in columns:
            table.add_column(column, overflow="fold", no_wrap=column == "id")
        for row in rows:
            table.add_row(*(Text(cell, style=style_of(cell)) for cell in row))
        self.console.print(table)

    def pairs(self, values: Iterable[tuple[str, str]]) -> None:
        """Print labelled values, one a line."""
        known = [(label, value) for label, value in values if value]
        wide = max((len(label) for label, _ in known), default=0)
        for label, value in known:
            self.line(f"{label:<{wide}}  {one_line(value, limit=2000)}")

    def note(self, text: str) -> None:
        """Say on stderr what is going on, when a person may be waiting."""
        if self._stderr.isatty():
            self._stderr.write(f"{text}\n")
            self._stderr.flush()

    def warn(self, text: str) -> None:
        """Say something on stderr, always."""
        self._stderr.write(f"{text}\n")
        self._stderr.flush()


def _plain_json(value: object) -> object:
    dump = getattr(value, "model_dump", None)
    if dump is not None:
        return dump(mode="json")
    to_json = getattr(value, "to_json", None)
    if to_json is not None:
        return to_json()
    if isinstance(value, Mapping):
        return dict(value.items())  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    return str(value)


_STYLES = {
    "succeeded": "green",
    "verified": "green",
    "approve": "green",
    "approved": "green",
    "refused": "red",
    "rejected": "red",
    "failed": "red",
    "tampered": "bold red",
    "expired": "red",
    "unknown": "magenta",
    "pending_approval": "yellow",
    "pending": "yellow",
    "waiting": "yellow",
    "handed_over": "cyan",
}


def style_of(word: str) -> str:
    """The colour of a state; none for any other word."""
    return _STYLES.get(word, "")


def local_time(value: str) -> str:
    """An RFC 3339 time in this machine's zone, to the second."""
    moment = datetime.fromisoformat(value)
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S")
