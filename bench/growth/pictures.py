"""The figures as pictures for the docs, drawn by the console's module of charts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from itertools import pairwise
from pathlib import Path

from bench.growth.places import Counts
from sayso.surfaces.console.charts import (
    BOTTOM,
    HEIGHT,
    Chart,
    Dot,
    FigureTable,
    Label,
    Line,
    below,
    points,
    scale,
)

WIDTH = 640
_COLOURS = ("#2a6fdb", "#c2410c", "#15803d", "#7c3aed", "#0e7490", "#a16207")
_STYLE = (
    "text{font:12px sans-serif;fill:#57606a}"
    ".base{stroke:#57606a}.g{stroke:#57606a;stroke-opacity:.25}"
    + "".join(
        f".s{n}{{stroke:{colour};stroke-width:2}}.dot.s{n},.key.s{n}{{fill:{colour};stroke:none}}"
        for n, colour in enumerate(_COLOURS)
    )
)


def chart_of(what: str, sizes: Sequence[int], found: Mapping[int, Counts]) -> Chart:
    """How many times what it takes with the fewest, on a scale of powers of ten."""
    names = list(found[sizes[0]])
    times = {
        name: [_times(found, sizes[0], size, name) for size in sizes if name in found[size]]
        for name in names
    }
    powers = max(1, math.ceil(math.log10(max(max(one) for one in times.values()))))
    places = points(len(sizes))
    lines, labels = scale(f"{10**powers:,} times", f"{10 ** (powers / 2):,.1f} times")
    dots: list[Dot] = []
    for number, name in enumerate(names):
        at = [_height(one, powers) for one in times[name]]
        lines += tuple(
            Line(kind=f"s{number}", x1=places[n], y1=one, x2=places[n + 1], y2=other)
            for n, (one, other) in enumerate(pairwise(at))
        )
        dots += [
            Dot(x=places[n], y=y, said=f"{name}: {times[name][n]:.2f} times", kind=f"dot s{number}")
            for n, y in enumerate(at)
        ]
    return Chart(
        id=what,
        title=f"What it takes with more {what}",
        text="Calls and steps, to those with the fewest.",
        table=FigureTable(head=(), rows=()),
        key=tuple((f"s{number}", name) for number, name in enumerate(names)),
        lines=lines,
        dots=tuple(dots),
        labels=(*labels, *below([f"{size:,}" for size in sizes], places)),
    )


def _times(found: Mapping[int, Counts], first: int, size: int, name: str) -> float:
    return max(0.1, sum(found[size][name]) / sum(found[first][name]))


def _height(times: float, powers: int) -> float:
    return round(BOTTOM - HEIGHT * max(0.0, math.log10(times)) / powers, 1)


def svg_of(chart: Chart) -> str:
    """The chart as a file of its own, with its key and its style."""
    height = BOTTOM + 34 + 18 * len(chart.key)
    size = f'width="{WIDTH}" height="{height:g}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">',
        f"<title>{escape(chart.title)}</title><style>{_STYLE}</style>",
    ]
    parts += [
        f'<line class="{one.kind}" x1="{one.x1:g}%" y1="{one.y1:g}" x2="{one.x2:g}%"'
        f' y2="{one.y2:g}"/>'
        for one in chart.lines
    ]
    parts += [
        f'<circle class="{one.kind}" cx="{one.x:g}%" cy="{one.y:g}" r="4">'
        f"<title>{escape(one.said)}</title></circle>"
        for one in chart.dots
    ]
    parts += [_text(one) for one in chart.labels]
    for number, (kind, name) in enumerate(chart.key):
        y = BOTTOM + 40 + 18 * number
        parts.append(f'<circle class="key {kind}" cx="1.5%" cy="{y - 4:g}" r="4"/>')
        parts.append(_text(Label(text=name, x=3.5, y=y)))
    return "\n".join([*parts, "</svg>", ""])


def _text(label: Label) -> str:
    return (
        f'<text x="{label.x:g}%" y="{label.y:g}" text-anchor="{label.anchor}">'
        f"{escape(label.text)}</text>"
    )


def draw(folder: Path, what: str, sizes: Sequence[int], found: Mapping[int, Counts]) -> None:
    """Write the picture of one axis."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"growth-{what}.svg").write_text(svg_of(chart_of(what, sizes, found)), "utf-8")
