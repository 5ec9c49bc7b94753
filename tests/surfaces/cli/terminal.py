"""A command in a terminal of a given width, as a person sees it."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from support.commands import start_command
from surfaces.cli.cli_workspace import clean_environment

LONG_S = 60.0
_STYLE = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


class Terminal:
    """A process whose three streams are a terminal.

    Args:
        words: of the command, without `sayso`.
        columns: how wide it is.
        program: what Python runs; the command when it is empty.

    Attributes:
        seen: what was written so far, without styles. drawn: the same with them.
    """

    def __init__(
        self,
        *words: str,
        cwd: Path,
        columns: int = 80,
        variables: Mapping[str, str] | None = None,
        program: Sequence[str] = (),
    ) -> None:
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
        environment = {
            name: value
            for name, value in clean_environment().items()
            if name not in {"COLUMNS", "LINES", "TERMINAL_WIDTH", "NO_COLOR"}
        }
        environment |= {"TERM": "xterm-256color", **(variables or {})}
        self.process = start_command(
            *words,
            program=program or ("-m", "sayso"),
            cwd=cwd,
            env=environment,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        self.seen = self.drawn = ""

    def read_until(self, fits: Callable[[str], bool]) -> str:
        """What was written so far, without styles, once it fits or the process has ended."""
        while not fits(self.seen):
            assert select.select([self._ours], [], [], LONG_S)[0], f"silent after {self.seen!r}"
            try:
                more = os.read(self._ours, 65_536)
            except OSError:  # Linux: the other end is closed
                break
            if not more:
                break
            text = more.decode(errors="replace").replace("\r\n", "\n")
            self.drawn += text
            self.seen += _STYLE.sub("", text)
        return self.seen

    def type(self, line: str) -> None:
        """Type a line."""
        os.write(self._ours, f"{line}\n".encode())

    def end(self, told: signal.Signals | None = None) -> str:
        """All that was written when it has ended; a signal may end it."""
        if told is not None:
            self.process.send_signal(told)
        shown = self.read_until(lambda seen: False)
        self.process.wait(LONG_S)
        os.close(self._ours)
        return shown

    def hang_up(self, *, told: bool = True) -> None:
        """Close the terminal, as a window is closed; whoever has it as theirs is told so."""
        os.close(self._ours)
        if told:
            self.process.send_signal(signal.SIGHUP)
        self.process.wait(LONG_S)
