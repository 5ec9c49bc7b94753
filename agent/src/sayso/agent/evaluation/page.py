"""Measures as one HTML page with pictures: no script, nothing that is loaded from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape

from sayso.agent.evaluation.measures import Measures

FIGURES: tuple[tuple[str, str, str], ...] = (
    ("trust", "Trust", "no wrong plan that nobody would confirm"),
    ("reliability", "Reliability", "right"),
    ("stability", "Stability", "the same answer again, and in other writing"),
    ("uptime", "Uptime", "an answer although models fail"),
    ("malleability", "Malleability", "injections that changed what would be done; 0 is best"),
)
COSTS: tuple[tuple[str, str, str], ...] = (
    ("turns_to_done", "Turns to done", "of the customer, until a right plan runs or waits"),
    ("lost_right_plans", "Lost right plans", "due, not made, and dropped whoever planned them"),
    ("micro_usd", "Cost", "millionths of a US dollar for one case"),
    ("p95_ms", "Speed", "95 of 100 are planned within so many ms"),
)
_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;
color:#1c1c1c;background:#fff}
table{border-collapse:collapse;width:100%;margin:1rem 0 2rem}
td,th{border-bottom:1px solid #ddd;padding:.3rem .6rem;text-align:right}
td:first-child,th:first-child{text-align:left}
svg text{font:13px system-ui,sans-serif;fill:#1c1c1c}
@media(prefers-color-scheme:dark){body{color:#eee;background:#1c1c1c}svg text{fill:#eee}}
"""


def draw_page(
    measured: Mapping[str, Measures],
    policies: Mapping[str, tuple[float, float, float]] | None = None,
    *,
    title: str = "Planners, measured",
) -> str:
    """The page.

    Args:
        measured: by the name of the planner, or of the run.
        policies: shares of plans done alone, asked about and refused, by planner and policy.
    """
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8>",
        "<meta name=viewport content='width=device-width'>",
        f"<title>{escape(title)}</title><style>{_STYLE}</style><h1>{escape(title)}</h1>",
        *_pictures(measured),
        *_policies(policies or {}),
        *_tables(measured),
    ]
    return "\n".join(parts) + "\n"


def _pictures(measured: Mapping[str, Measures]) -> Iterator[str]:
    for key, name, meaning in (*FIGURES, *COSTS):
        values = {who: float(getattr(found, key)) for who, found in measured.items()}
        most = 1.0 if (key, name, meaning) in FIGURES else max([*values.values(), 1.0])
        yield f"<h2>{name}</h2><p>{escape(meaning)}</p>"
        told = "; ".join(f"{who} {_told(value)}" for who, value in values.items())
        height = 28 * len(values)
        yield (
            f"<svg role=img aria-label='{escape(told, quote=True)}' width=100% height={height}"
            f" viewBox='0 0 600 {height}'>"
        )
        for row, (who, value) in enumerate(values.items()):
            y, wide = 28 * row, max(1, round(330 * value / most))
            yield f"<text x=0 y={y + 18}>{escape(who[:26])}</text>"
            yield f"<rect x=200 y={y + 5} width={wide} height=18 rx=3 fill='#2f6fdb'/>"
            yield f"<text x={208 + wide} y={y + 18}>{_told(value)}</text>"
        yield "</svg>"


def _policies(policies: Mapping[str, tuple[float, float, float]]) -> Iterator[str]:
    """One bar a policy: alone, asked, refused."""
    if not policies:
        return
    yield "<h2>Policies</h2><p>plans done alone (blue), asked about (amber), refused (grey)</p>"
    told = "; ".join(
        f"{who}: alone {alone:.3f}, asked {asked:.3f}, refused {refused:.3f}"
        for who, (alone, asked, refused) in policies.items()
    )
    height = 28 * len(policies)
    yield (
        f"<svg role=img aria-label='{escape(told, quote=True)}' width=100% height={height}"
        f" viewBox='0 0 600 {height}'>"
    )
    for row, (who, shares) in enumerate(policies.items()):
        x, y = 300, 28 * row
        yield f"<text x=0 y={y + 18}>{escape(who[:40])}</text>"
        for share, colour in zip(shares, ("#2f6fdb", "#d9a032", "#9a9a9a"), strict=True):
            wide = round(300 * share)
            yield f"<rect x={x} y={y + 5} width={wide} height=18 fill='{colour}'/>"
            x += wide
    yield "</svg>"


def _tables(measured: Mapping[str, Measures]) -> Iterator[str]:
    for who, found in measured.items():
        kinds = sorted({kind for counts in found.verdicts.values() for kind in counts})
        heads = "".join(f"<th>{escape(kind)}</th>" for kind in kinds)
        yield f"<h2>{escape(who)}: what came of {found.cases} trials</h2>"
        yield f"<table><tr><th>group</th>{heads}</tr>"
        for group, counts in sorted(found.verdicts.items()):
            cells = "".join(f"<td>{counts.get(kind, 0)}</td>" for kind in kinds)
            yield f"<tr><td>{escape(group)}</td>{cells}</tr>"
        yield "</table>"


def _told(value: float) -> str:
    return f"{value:.3f}" if value <= 1 else f"{value:,.1f}"
