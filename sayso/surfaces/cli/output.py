"""Where a command's words go: one JSON document, plain text, or more in a terminal."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import re
import shutil
import sys
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, TextIO, cast

import orjson

from sayso.audit.io_errors import drop_output
from sayso.surfaces.cli.invocation import runnable
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

            self._console = Console(
                # Elsewhere than in a terminal, the blanks that fill a line up are of no use.
                file=self._stdout if self.tty else cast("TextIO", _Trimmed(self._stdout)),
                width=min(WIDTH, self.columns),
                highlight=False,
                markup=False,
                emoji=False,
                no_color=True if "NO_COLOR" in os.environ else None,
            )
        return self._console

    @property
    def columns(self) -> int:
        """How many cells a line of the terminal has."""
        return shutil.get_terminal_size((WIDTH, 24)).columns if self.tty else WIDTH

    def document(self, value: object) -> None:
        """Print the one JSON document."""
        encoded = orjson.dumps(value, default=_plain_json, option=orjson.OPT_INDENT_2)
        self._stdout.write(encoded.decode() + "\n")
        self._stdout.flush()

    def line(self, text: str = "", *, here: Path | None = None) -> None:
        """Print a line for a person, its commands as they have to be typed; nothing in JSON mode.

        Args:
            here: see `runnable`.
        """
        self._write(runnable(text, here))

    def _write(self, text: str) -> None:
        if not self.as_json:
            self._stdout.write(f"{text}\n")
            self._stdout.flush()

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Print a table: drawn in a terminal, else aligned columns with two blanks between.

        In a terminal that is too narrow for it, each row is a block of labelled lines: an id or a
        state that is broken in two cannot be read, or copied.
        """
        if self.as_json:
            return
        clean = [[one_line(cell) for cell in row] for row in rows]
        if self.tty:
            self._draw(columns, clean)
            return
        heads = [column.upper() for column in columns]
        widths = _widths(heads, clean)
        for row in (heads, *clean):
            padded = (
                cell + " " * (wide - width_of(cell)) for cell, wide in zip(row, widths, strict=True)
            )
            self._write("  ".join(padded).rstrip())

    def _draw(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        from rich import box  # only in a terminal
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        least = _widths(columns, [[_unbroken(cell) for cell in row] for row in rows])
        least = [
            min(wide, max(least_wide, _LEAST_WORDS)) if column in _WORDS else wide
            for column, wide, least_wide in zip(columns, _widths(columns, rows), least, strict=True)
        ]
        if sum(least) + _GAP * (len(least) - 1) > self.columns:
            self._draw_blocks(columns, rows)
            return
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
        for column, wide in zip(columns, least, strict=True):
            if column in _WORDS:
                table.add_column(column, min_width=wide, overflow="fold")
            else:
                table.add_column(column, no_wrap=True)
        for row in rows:
            table.add_row(*(Text(cell, style=style_of(cell)) for cell in row))
        screen = Console(
            file=self._stdout, width=self.columns, no_color=self.console.no_color, highlight=False
        )
        screen.print(table)

    def _draw_blocks(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        from rich.table import Table  # only in a terminal
        from rich.text import Text

        for row in rows:
            block = Table.grid(padding=(0, 2))
            block.add_column(style="dim", no_wrap=True)
            block.add_column(overflow="fold")
            for column, cell in zip(columns, row, strict=True):
                if cell:
                    block.add_row(column, Text(cell, style=style_of(cell)))
            self.console.print(block)
            self.line()

    def pairs(self, values: Iterable[tuple[str, str]], limit: int | None = 2000) -> None:
        """Print labelled values, one a line; of each so many characters, or all with None."""
        known = [(label, value) for label, value in values if value]
        wide = max((len(label) for label, _ in known), default=0)
        for label, value in known:
            self._write(f"{label:<{wide}}  {one_line(value, limit=limit)}")

    def note(self, text: str) -> None:
        """Say on stderr what is going on, when a person may be waiting."""
        if self.is_watched:
            self.warn(text)

    @property
    def is_watched(self) -> bool:
        """Whether somebody may be looking at stderr."""
        return self._stderr.isatty()

    def warn(self, text: str) -> None:
        """Say something on stderr, as far as it takes anything."""
        with contextlib.suppress(OSError):
            self._stderr.write(f"{runnable(text)}\n")
            self._stderr.flush()


_GAP = 3
"""Cells between two columns of a drawn table."""
_LEAST_WORDS = 24
_WORDS = frozenset({"reason", "what"})
"""Columns of sentences, which may go over several lines; every other cell stays whole."""


def _unbroken(cell: str) -> str:
    """The longest word of a cell."""
    return max(cell.split(), key=width_of, default="")


def _widths(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[int]:
    """The widest cell of each column."""
    return [max(map(width_of, cells)) for cells in zip(heads, *rows, strict=True)]


class _Trimmed:
    """A stream without blanks at the ends of lines."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._held = ""

    @property
    def encoding(self) -> str:
        """As of the stream, for whoever chooses characters by it."""
        return self._stream.encoding

    def write(self, text: str, /) -> int:
        """Write, but for the blanks that nothing has followed yet."""
        whole = self._held + text
        kept = whole.rstrip(" ")
        self._held = whole[len(kept) :]
        self._stream.write(re.sub(r" +(?=\n)", "", kept))
        return len(text)

    def flush(self) -> None:
        """Flush the stream."""
        self._stream.flush()

    def isatty(self) -> bool:
        """Nobody watches: this stands where there is no terminal."""
        return False


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
    "withdrawn": "red",
    "unknown": "magenta",
    "accepted": "magenta",
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


class Output:
    """What became of the output.

    Attributes:
        lost: why some of it could not be written; None where all of it was.
        is_terminal: whether it began as one.
    """

    lost: OSError | None = None
    is_terminal: bool = False

    @property
    def is_hung_up(self) -> bool:
        """Whether its terminal was closed; Linux tells of that as of a broken disk."""
        return self.is_terminal and self.lost is not None and self.lost.errno == errno.EIO


class _Watched(io.TextIOWrapper):
    """A text stream that notes what it could not write.

    NOTE: not the raw stream below: a signal that comes just after its write would be raised inside
    of it, and what was written already be held back and written once more.
    """

    output: Output

    def write(self, text: str, /) -> int:
        with self._noting():
            return super().write(text)

    def flush(self) -> None:
        with self._noting():
            super().flush()

    @contextmanager
    def _noting(self) -> Generator[None]:
        try:
            yield
        except OSError as error:
            self.output.lost = error
            raise


@contextmanager
def watched_stdout() -> Generator[Output]:
    """What is printed in the block is watched, and what is still held at its end goes out.

    An old terminal shows `?` for what it has not; what is closed (`>&-`) leads nowhere.
    """
    for name in ("stdout", "stderr"):
        stream: object = getattr(sys, name)
        if stream is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    given, output = sys.stdout, Output()
    output.is_terminal = given.isatty()
    watched, descriptor = given, _descriptor_of(given)
    if descriptor is not None and isinstance(given, io.TextIOWrapper):
        watched = _Watched(
            io.BufferedWriter(io.FileIO(descriptor, "wb", closefd=False)),
            encoding=given.encoding,
            errors="replace",
            line_buffering=given.line_buffering,
            write_through=given.write_through,
        )
        watched.output = output
    sys.stdout = watched
    try:
        yield output
    finally:
        sys.stdout = given
        if output.lost is not None:
            drop_output(watched)


def _descriptor_of(stream: TextIO) -> int | None:
    """None for what is no file, such as a test's."""
    try:
        return stream.fileno()
    except OSError:
        return None
