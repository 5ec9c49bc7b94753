"""Charts that the server draws as SVG: each with a title, what it shows, hints, and its table.

No script and no style of their own, so that the Content-Security-Policy needs no exception, and
colours are the style sheet's, light or dark. Widths are percent, so that a chart fits any page.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

HEIGHT = 160.0
"""Pixels of what is drawn. Above it is `TOP`, below it are the labels."""
TOP = 20.0
BOTTOM = TOP + HEIGHT
_LEFT = 9.0
"""Percent of the width left of the first point of a line, for the scale."""
_MOST_LABELS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Rect:
    """A part of a column or a bar; `x` and `width` in percent, `y` and `height` in pixels.

    Attributes:
        said: shown when one points at it.
    """

    kind: str
    x: float
    y: float
    width: float
    height: float
    said: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A straight line; `x` in percent, `y` in pixels."""

    kind: str
    x1: float
    y1: float
    x2: float
    y2: float
    said: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dot:
    """A point of a line; `x` in percent, `y` in pixels."""

    x: float
    y: float
    said: str
    kind: str = "dot"


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """A text; `x` in percent, `y` in pixels. `kind`: its class; `anchor`: which part is at `x`."""

    text: str
    x: float
    y: float
    kind: str = "ax"
    anchor: str = "start"


@dataclass(frozen=True, slots=True, kw_only=True)
class FigureTable:
    """The same as a chart, in words and figures. The first column names its row."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A chart with all that belongs to it.

    Attributes:
        id: for links to its table. title: what it finds. text: what is drawn, and how to read it.
        key: class and name of each kind of mark.
    """

    id: str
    title: str
    text: str
    table: FigureTable
    height: float = BOTTOM + 24
    key: tuple[tuple[str, str], ...] = ()
    rects: tuple[Rect, ...] = ()
    lines: tuple[Line, ...] = ()
    dots: tuple[Dot, ...] = ()
    labels: tuple[Label, ...] = field(default=())


def nice(most: float) -> int:
    """The top of the scale: the next of 2, 4, 10, 20, 40, 100 …"""
    tops = (factor * 10**power for power in range(12) for factor in (2, 4, 10))
    return next((top for top in tops if top >= most), int(most))


def scale(top: str, middle: str) -> tuple[tuple[Line, ...], tuple[Label, ...]]:
    """The base line, and a line at the top and in the middle, each with its label."""
    lines = [Line(kind="base", x1=0, y1=BOTTOM, x2=100, y2=BOTTOM)]
    labels: list[Label] = []
    for text, y in ((top, TOP), (middle, TOP + HEIGHT / 2)):
        lines.append(Line(kind="g", x1=0, y1=y, x2=100, y2=y))
        labels.append(Label(text=text, x=0, y=y - 4))
    return tuple(lines), tuple(labels)


def below(names: Sequence[str], places: Sequence[float]) -> tuple[Label, ...]:
    """Names below what they name, as many as there is room for; every other not on a phone."""
    every = -(-len(names) // _MOST_LABELS)
    shown = [place for place in range(len(names)) if place % every == every // 2]
    return tuple(
        Label(
            text=names[place],
            x=round(places[place], 2),
            y=BOTTOM + 18,
            kind="ax far" if number % 2 else "ax",
            anchor="middle",
        )
        for number, place in enumerate(shown)
    )


def stacked(
    parts: Sequence[Sequence[int]], kinds: Sequence[str], said: Sequence[Sequence[str]]
) -> tuple[Rect, ...]:
    """Columns, each of parts on top of one another, from the scale of the highest."""
    top = nice(max((sum(column) for column in parts), default=0))
    step = 100.0 / max(1, len(parts))
    rects: list[Rect] = []
    for place, column in enumerate(parts):
        y = BOTTOM
        for kind, value, words in zip(kinds, column, said[place], strict=True):
            height = HEIGHT * value / top
            y -= height
            if value:
                rects.append(
                    Rect(
                        kind=f"{kind} halo",
                        x=round(place * step + step * 0.1, 2),
                        y=round(y, 1),
                        width=round(step * 0.8, 2),
                        height=round(height, 1),
                        said=words,
                    )
                )
    return tuple(rects)


def middles(count: int) -> list[float]:
    """Where the middles of so many columns are."""
    step = 100.0 / max(1, count)
    return [place * step + step / 2 for place in range(count)]


def points(count: int) -> list[float]:
    """Where so many points of a line are, beside the scale."""
    step = (92.0 - _LEFT) / max(1, count - 1)
    return [_LEFT + place * step for place in range(count)]


def percent_line(
    shares: Sequence[float | None], kind: str, said: Sequence[str]
) -> tuple[tuple[Line, ...], tuple[Dot, ...]]:
    """A line through shares of 0 to 1; where there is none it is broken."""
    places = points(len(shares))
    at = [None if one is None else round(BOTTOM - HEIGHT * one, 1) for one in shares]
    lines = tuple(
        Line(kind=kind, x1=round(places[n], 2), y1=y1, x2=round(places[n + 1], 2), y2=y2)
        for n, (y1, y2) in enumerate(pairwise(at))
        if y1 is not None and y2 is not None
    )
    dots = tuple(
        Dot(x=round(places[n], 2), y=y, said=said[n], kind=f"dot {kind}")
        for n, y in enumerate(at)
        if y is not None
    )
    return lines, dots
