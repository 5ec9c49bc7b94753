"""Text and tables as HTML: everything is escaped, and nothing can hide or turn the text around."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable, Sequence
from html import escape
from typing import cast

from sayso.json import JsonValue

_KEPT = {"\n", "\u200c", "\u200d"}
"""Line feeds, and the joiners that scripts and pictures need."""


def shown(text: object) -> str:
    """A text as it can stand in a page: escaped, and with invisible characters made visible.

    Customers' words may hold marks that turn the direction of a line around or hide a part of it.
    """
    return escape("".join(map(_visible, str(text))), quote=True)


def _visible(char: str) -> str:
    if char in _KEPT or unicodedata.category(char)[0] not in {"C", "Z"} or char == " ":
        return char
    if unicodedata.category(char) == "Zs":
        return " "
    return f"\u27e8U+{ord(char):04X}\u27e9"


def fields(pairs: Iterable[tuple[str, str]]) -> str:
    """Labels and values, already HTML; empty values are left out."""
    rows = [f"<dt>{label}</dt><dd>{value}</dd>" for label, value in pairs if value]
    return f"<dl>{''.join(rows)}</dl>" if rows else ""


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of cells that are already HTML."""
    top = "".join(f"<th>{cell}</th>" for cell in head)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>\n" for row in rows)
    return f"<table><thead><tr>{top}</tr></thead><tbody>\n{body}</tbody></table>"


def code(text: object) -> str:
    """A short technical text."""
    return f"<code>{shown(text)}</code>"


def quote(text: str) -> str:
    """Somebody's own words."""
    return f"<blockquote>{shown(text)}</blockquote>"


def conversation(text: str) -> str:
    """The turns of a conversation, each under who spoke; empty when the text is none."""
    try:
        turns = cast("JsonValue", json.loads(text))
    except (ValueError, RecursionError):
        return ""
    drawn: list[str] = []
    for turn in turns if isinstance(turns, list) else [turns]:
        match turn:
            case [str(who), str(said)]:
                drawn.append(f"<p class='note'>{shown(who)}</p>{quote(said)}")
            case _:
                return ""
    return "".join(drawn)
