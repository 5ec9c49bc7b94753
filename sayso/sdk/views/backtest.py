"""A backtest as CSV and as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from csv import writer
from html import escape
from io import StringIO

from sayso.sdk.resources.backtesting import BacktestView

OUTCOMES = (
    ("automatic", "automatic"),
    ("asked", "asked"),
    ("by hand", "by_hand"),
    ("refused", "refused"),
    ("cannot say", "cannot_say"),
)
_COLOURS = ("#1d4fc4", "#90a8dc", "#7a6bb0", "#d98a20", "#a8adb5")
_WIDTH, _LEFT = 720, 90


def as_csv(found: BacktestView) -> str:
    """The figures by outcome, limit and dial; what is newly refused, and newly automatic."""
    rows: list[Sequence[object]] = [["outcome", "in force", "files"]]
    rows += [[name, getattr(found.was, key), getattr(found.now, key)] for name, key in OUTCOMES]
    rows += [[f"{one.rule}: {one.say}", one.was, one.now] for one in found.held]
    rows += [[f"newly refused: {one.say}", "", one.count] for one in found.newly_refused]
    rows += [
        [f"newly automatic: {name}", "", count]
        for name, count in (
            ("people had said yes", found.newly_yes),
            ("less", found.newly_less),
            ("no", found.newly_no),
            ("nobody had decided", found.newly_undecided),
        )
    ]
    text = StringIO()
    writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def as_svg(found: BacktestView) -> str:
    """Two bars: as it is in force, and as the files say."""
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="150" '
            'font-family="sans-serif" font-size="13">'
        ),
        f"<title>{found.total:,} played again</title>",
    ]
    for row, (label, counts) in enumerate((("in force", found.was), ("files", found.now))):
        top = 20 + row * 45
        parts.append(f'<text x="0" y="{top + 19}">{label}</text>')
        left = float(_LEFT)
        for (name, key), colour in zip(OUTCOMES, _COLOURS, strict=True):
            count = getattr(counts, key)
            width = (_WIDTH - _LEFT) * count / max(1, found.total)
            if not count:
                continue
            parts.append(
                f'<rect x="{left:.1f}" y="{top}" width="{width:.1f}" height="28" fill="{colour}">'
                f"<title>{escape(name)} {count:,}</title></rect>"
            )
            left += width
    for place, ((name, key), colour) in enumerate(zip(OUTCOMES, _COLOURS, strict=True)):
        left = _LEFT + place * 130
        count = getattr(found.now, key)
        parts.append(f'<rect x="{left}" y="120" width="12" height="12" fill="{colour}"/>')
        parts.append(f'<text x="{left + 18}" y="131">{escape(name)} {count:,}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"
