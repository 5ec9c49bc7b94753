"""Standard output, watched: that some of it got lost is known, whoever wrote it and however."""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from sayso.audit.unwritten import drop_output


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
