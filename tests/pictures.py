"""The picture in the README: `python tests/pictures.py` plays the demo in a terminal and draws it.

Two of its messages, a person's yes at the keyboard, in the colours of the terminal. What it shows
is what the program printed; only how long it takes and where it listens differ from run to run.
"""

from __future__ import annotations

import io
import re
import tempfile
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text
from surfaces.cli.terminal import Terminal

ROOT = Path(__file__).parents[1]
PICTURE = ROOT / "docs" / "pictures" / "demo.svg"
MESSAGES = ROOT / "sayso" / "surfaces" / "cli" / "demo" / "messages.jsonl"
SHOWN = ("order 1047", "order 1042 to me")
COLUMNS = 100
THEME = TerminalTheme(
    (250, 250, 248),
    (38, 42, 48),
    [
        (38, 42, 48),
        (176, 42, 48),
        (30, 122, 60),
        (158, 104, 0),
        (38, 86, 178),
        (130, 60, 150),
        (0, 118, 128),
        (120, 124, 130),
    ],
)


def draw() -> str:
    """The demo as an SVG that loads nothing from elsewhere."""
    lines = MESSAGES.read_text("utf-8").splitlines()
    wanted = [line for line in lines if any(words in line for words in SHOWN)]
    with tempfile.TemporaryDirectory() as folder:
        messages = Path(folder) / "messages.jsonl"
        messages.write_text("\n".join(wanted) + "\n", encoding="utf-8")
        command = ("demo", "--messages", str(messages))
        terminal = Terminal(*command, cwd=Path(folder), columns=COLUMNS)
        terminal.read_until(lambda seen: seen.endswith("less? "))
        terminal.type("yes")
        terminal.read_until(lambda seen: seen.count("less? ") == 2 and seen.endswith("less? "))
        terminal.type("no")
        terminal.end()
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), color_system="truecolor")
    console.print(Text.from_ansi(terminal.drawn.strip("\n")))
    drawn = console.export_svg(title="uv run sayso demo", theme=THEME)
    return re.sub(r"@font-face \{.*?\}\s*", "", drawn, flags=re.DOTALL)


def main() -> None:
    """Draw it."""
    PICTURE.parent.mkdir(exist_ok=True)
    PICTURE.write_text(draw(), encoding="utf-8")


if __name__ == "__main__":
    main()
