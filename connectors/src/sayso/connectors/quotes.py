"""What of a mail's text the writer wrote now, and what they only quote, in seven languages.

INVARIANT: nothing that a customer wrote is lost: a rule that would leave nothing, or that would cut
a customer's own lines such as `From: Leeds`, cuts nothing.
"""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources

from pydantic import BaseModel, ConfigDict, Field

_SIGNATURE = re.compile(r"^-- ?$")
_FRAME = "-_*"
_RULE = re.compile(r"^[_-]{8,}$")
_DATED = re.compile(r"\d{1,2}[:h.]\d{2}|\b\d{4}\b|\d{1,2}[./-]\d{1,2}[./-]\d{2,4}|@")
_WRAPPED_LINES = 4
_MOST_LINES = 20_000
_HEADS = 8
"""So many lines from its From line on the head of a quoted mail has at most."""


class _Language(BaseModel):
    """One table of quotes.toml."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    intro: tuple[str, ...]
    senders: tuple[str, ...] = Field(alias="from")
    date: tuple[str, ...]
    to: tuple[str, ...]
    subject: tuple[str, ...]
    marks: tuple[str, ...]
    device: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Rules:
    """The same, compiled: of all languages, but for the heads, whose lines belong together."""

    intro: re.Pattern[str]
    device: re.Pattern[str]
    marks: frozenset[str]
    heads: tuple[dict[str, re.Pattern[str]], ...]


@functools.cache
def _rules() -> _Rules:
    source = resources.files("sayso.connectors").joinpath("quotes.toml").read_text(encoding="utf-8")
    tables = {
        name: _Language.model_validate(table) for name, table in tomllib.loads(source).items()
    }
    return _Rules(
        intro=_any([line for one in tables.values() for line in one.intro]),
        device=_any([line for one in tables.values() for line in one.device]),
        marks=frozenset(mark for one in tables.values() for mark in one.marks),
        heads=tuple(
            {
                "from": _label(one.senders),
                "date": _label(one.date),
                "to": _label(one.to),
                "subject": _label(one.subject),
            }
            for one in tables.values()
        ),
    )


def _any(lines: Sequence[str]) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{line})" for line in lines), re.IGNORECASE)


def _label(words: Sequence[str]) -> re.Pattern[str]:
    named = "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))
    return re.compile(rf"^\s*\*?(?:{named})\*?\s?:\*?\s*(\S.*)$", re.IGNORECASE)


def own_words(*parts: str) -> str:
    """The text without quotes, the signature and what a telephone adds; whole where in doubt.

    Args:
        parts: of one mail, in their order. A signature ends its part; a quoted mail that goes on to
            the end ends all of them.
    """
    kept: list[str] = []
    for part in parts:
        words, is_ended = _cut(part)
        kept.append(words)
        if is_ended:
            break
    # Nothing left: what looked like a quote is all that they wrote.
    return _joined(kept) or _joined(parts)


def _joined(parts: Sequence[str]) -> str:
    return "\n\n".join(filter(None, (part.strip() for part in parts)))


def _cut(text: str) -> tuple[str, bool]:
    """What is left of one part, and whether a quoted mail begins in it that goes on to the end."""
    lines = text.replace("\r\n", "\n").split("\n")
    if len(lines) > _MOST_LINES:
        return text, False
    end = _head_of_quote(lines)
    kept = _without_signature(_without_quoted_lines(lines[:end]))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(kept)), end < len(lines)


def _head_of_quote(lines: Sequence[str]) -> int:
    """Where a quoted mail begins that goes on to the end; the number of lines where none does."""
    for at, line in enumerate(lines):
        if line.lstrip().startswith(">"):
            continue
        if _is_mark(line) and _has_head(lines, at + 1):
            return at
        if _is_head(lines, at):
            # A line of dashes above it belongs to it.
            above = at - 1
            while above >= 0 and not lines[above].strip():
                above -= 1
            return above if above >= 0 and _RULE.match(lines[above].strip()) else at
    return len(lines)


def _is_mark(line: str) -> bool:
    bare = line.strip().lstrip("> \t")
    # No pattern: the ends of a frame and what may stand in it are the same on a line of dashes.
    if len(bare) >= 2 and all(char in _FRAME for char in bare[:2] + bare[-2:]):
        words = bare.strip(_FRAME)
    elif bare.endswith(":"):
        words = bare.removesuffix(":")
    else:
        return False
    return words.strip().lower() in _rules().marks


def _has_head(lines: Sequence[str], at: int) -> bool:
    """Whether a mail's head stands within the next lines, in any language, whole or not."""
    labels = [pattern for one in _rules().heads for pattern in one.values()]
    near = [line.lstrip("> ") for line in lines[at : at + 5]]
    return any(label.match(line) for line in near for label in labels)


def _is_head(lines: Sequence[str], at: int) -> bool:
    """Whether the head of a quoted mail begins here, as Outlook writes it: four lines of one kind.

    Fewer, or a sender that is no mail's (`From: Leeds`), may be the customer's own words.
    """
    for labels in _rules().heads:
        first = labels["from"].match(lines[at])
        if first is None:
            continue
        near = [line for line in lines[at + 1 : at + _HEADS] if line.strip()]
        found = {
            name: match[1]
            for name, label in labels.items()
            if name != "from"
            for line in near
            if (match := label.match(line))
        }
        if "subject" not in found or "date" not in found or not _DATED.search(found["date"]):
            continue
        if "@" in first[1] or "to" in found:
            return True
    return False


def _without_quoted_lines(lines: Sequence[str]) -> list[str]:
    """The lines but for those with `>`, and the line that heads each block of them."""
    kept: list[str] = []
    at = 0
    while at < len(lines):
        taken = _intro_lines(lines, at)
        if taken and _is_quote_ahead(lines, at + taken):
            at += taken
            continue
        if not lines[at].lstrip().startswith(">"):
            kept.append(lines[at])
        at += 1
    return kept


def _intro_lines(lines: Sequence[str], at: int) -> int:
    """How many lines from here on say who wrote what follows; 0 for none."""
    joined = ""
    for count, line in enumerate(lines[at : at + _WRAPPED_LINES], 1):
        if not line.strip() or line.lstrip().startswith(">"):
            return 0
        joined = f"{joined} {line.strip()}".strip()
        if joined.endswith(":") and _rules().intro.fullmatch(joined):
            return count if _DATED.search(joined) else 0
    return 0


def _is_quote_ahead(lines: Sequence[str], at: int) -> bool:
    """Whether the next line that is not empty is quoted, or there is none, as in cut HTML."""
    rest = (line for line in lines[at:] if line.strip())
    following = next(rest, None)
    return following is None or following.lstrip().startswith(">")


def _without_signature(lines: Sequence[str]) -> list[str]:
    kept = list(lines)
    for at, line in enumerate(kept):
        if _SIGNATURE.match(line) and any(one.strip() for one in kept[:at]):
            kept = kept[:at]
            break
    while kept and (not kept[-1].strip() or _rules().device.fullmatch(kept[-1].strip())):
        kept.pop()
    return kept
