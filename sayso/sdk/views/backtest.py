"""A backtest as CSV and as a picture."""

from __future__ import annotations

from html import escape

from sayso.sdk.resources.backtesting import BacktestView

OUTCOMES = (
    ("automatic", "automatic"),
    ("asked", "asked"),
    ("refused", "refused"),
    ("cannot say", "cannot_say"),
)
_COLOURS = ("#1d4fc4", "#90a8dc", "#d98a20", "#a8adb5")
_WIDTH, _LEFT = 720, 90


def as_csv(found: BacktestView) -> str:
    """The figures by outcome, and below what people had said of the newly automatic."""
    lines = ["outcome,in force,files"]
    for name, key in OUTCOMES:
        lines.append(f"{name},{getattr(found.was, key)},{getattr(found.now, key)}")
    lines += [
        f"newly automatic: {name},,{count}"
        for name, count in (
            ("people had said yes", found.newly_yes),
            ("less", found.newly_less),
            ("no", found.newly_no),
            ("nobody had decided", found.newly_undecided),
        )
    ]
    return "\n".join(lines) + "\n"


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
        left = _LEFT + place * 150
        count = getattr(found.now, key)
        parts.append(f'<rect x="{left}" y="120" width="12" height="12" fill="{colour}"/>')
        parts.append(f'<text x="{left + 18}" y="131">{escape(name)} {count:,}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"
