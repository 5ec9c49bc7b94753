"""The fenced blocks of the pages: what a reader copies, each judged by tests/test_fences.py.

A block that nothing can judge has its reason in the line before it: `<!-- not run: WHY -->`.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tree import ROOT

_FENCE = re.compile(r"^(?P<indent> *)(?P<ticks>`{3,})(?P<language>\S*)\s*$")
_REASON = re.compile(r"^ *<!-- not run: (?P<why>.+) -->$")
_ASSIGNED = re.compile(r"^[A-Z_]+=")
_BREAKS = {"&&", "||", "|", ";", "&", "(", ")"}
_REDIRECTS = {">", "<", ">>", ">&"}


@dataclass(frozen=True, slots=True)
class Fence:
    """One block.

    Attributes:
        page: from the root. line: of its first fence, from 1. reason: why nothing runs it.
    """

    page: str
    line: int
    language: str
    body: str
    reason: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def pages() -> list[Path]:
    """Every page for readers."""
    return [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]


def fences_of(page: Path) -> list[Fence]:
    """The blocks of a page, in order.

    Raises:
        ValueError: one is not closed.
    """
    found: list[Fence] = []
    name = page.relative_to(ROOT).as_posix()
    lines = page.read_text(encoding="utf-8").splitlines()
    numbered = iter(enumerate(lines, 1))
    for number, line in numbered:
        begin = _FENCE.match(line)
        if begin is None:
            continue
        body: list[str] = []
        for _, inner in numbered:
            end = _FENCE.match(inner)
            if end is not None and end["ticks"] == begin["ticks"] and not end["language"]:
                break
            body.append(inner.removeprefix(begin["indent"]))
        else:
            raise ValueError(f"{name}:{number} is not closed")
        above = next((one for one in reversed(lines[: number - 1]) if one.strip()), "")
        why = _REASON.match(above)
        text = "".join(f"{one}\n" for one in body)
        found.append(Fence(name, number, begin["language"], text, why["why"] if why else ""))
    return found


def script_of(fence: Fence) -> str:
    """What is typed: all of a block of `sh`, the lines behind `$ ` of a `console`."""
    if fence.language == "sh":
        return fence.body
    typed = [line[2:] for line in fence.body.splitlines() if line.startswith("$ ")]
    return "".join(f"{line}\n" for line in typed)


def commands_of(script: str) -> Iterator[list[str]]:
    """The words of each command, without variables set before it, `#` and what is redirected."""
    kept = ""
    for line in script.replace("\\\n", " ").splitlines():
        kept += f"{line}\n"
        try:
            lexer = shlex.shlex(kept, posix=True, punctuation_chars=True)
            lexer.whitespace_split = True
            read = [*lexer, ";"]
        except ValueError:
            continue  # a quotation that goes on in the next line
        kept, words = "", list[str]()
        for before, word in zip(["", *read], read, strict=False):
            if before in _REDIRECTS or word in _REDIRECTS:
                continue
            if word not in _BREAKS:
                words.append(word)
                continue
            while words and _ASSIGNED.match(words[0]):
                words = words[1:]
            if words:
                yield words
            words = []
    if kept:
        raise ValueError(f"a quotation is not closed: {kept}")
