"""The charts of the figures: each made of what the ledger holds, and titled by what it finds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from sayso.actions.rollout.agreement import BAR
from sayso.sdk.resources.period_figures import RefusalView
from sayso.sdk.resources.rollout import DialView
from sayso.sdk.resources.statistics import DayView, StatisticsView
from sayso.sdk.words.figures import share_words
from sayso.surfaces.console.charts import (
    BOTTOM,
    HEIGHT,
    Chart,
    Dot,
    FigureTable,
    Label,
    Line,
    Rect,
    below,
    middles,
    nice,
    percent_line,
    points,
    scale,
    stacked,
)
from sayso.surfaces.console.render import length, plural

_MOST_REFUSALS = 8
_BUCKET_DAYS = {7: 1, 30: 3, 90: 7}
_KINDS = ("automatic", "asked", "refused", "handed_over")
_NAMES = ("automatic", "asked", "refused or declined", "handed over")
_SPANS = (
    "under 3 s",
    "to 1 min",
    "1 to 5",
    "5 to 15",
    "15 to 60",
    "1 to 4 h",
    "4 to 24 h",
    "later",
)
"""By what `ANSWERED_WITHIN_S` ends them."""
_BAR = round(100 * BAR)
"""Percent that the lower end of a segment has to reach to be ready."""


def automatic_of(days: Iterable[DayView]) -> tuple[int, int]:
    """How many were automatic, of how many that were done or are under way."""
    found = list(days)
    automatic = sum(day.automatic for day in found)
    return automatic, automatic + sum(day.asked for day in found)


@dataclass(frozen=True, slots=True)
class _Bucket:
    """Some days that are drawn as one."""

    name: str
    days: tuple[DayView, ...]

    def of(self, kind: str) -> int:
        return sum(getattr(day, kind) for day in self.days)

    @property
    def share(self) -> float | None:
        automatic, all_of = automatic_of(self.days)
        return automatic / all_of if all_of else None


def _buckets(days: Sequence[DayView]) -> list[_Bucket]:
    """The days in spans that end with the last one."""
    size = _BUCKET_DAYS.get(len(days), max(1, len(days) // 12))
    starts = range(len(days) % size - size if len(days) % size else 0, len(days), size)
    parts = [tuple(days[max(0, start) : start + size]) for start in starts]
    return [_Bucket(_short(part[0].day), part) for part in parts]


def share(view: StatisticsView) -> Chart:
    """Which share went by itself, now and before."""
    now, before = _buckets(view.days), _buckets(view.days_before)
    said = [f"{one.name} · {share_words(*automatic_of(one.days), 'nothing')}" for one in now]
    earlier = [f"{one.name} · {share_words(*automatic_of(one.days), 'nothing')}" for one in before]
    lines, dots = percent_line([one.share for one in now], "l1", said)
    lines_before, dots_before = percent_line([one.share for one in before], "lp", earlier)
    base, labels = scale("100 %", "50 %")
    automatic, of = automatic_of(view.days)
    title = f"{share_words(automatic, of, '')} went by themselves" if of else "Nothing yet"
    return Chart(
        id="share-table",
        title=f"{title}, of what was done or is under way",
        text=f"Since {view.since}, beside the {len(view.days)} days before. Days are in UTC.",
        key=(("k1", "now"), ("kp", "before")),
        lines=(*base, *lines_before, *lines),
        dots=(*dots_before, *dots),
        labels=(*labels, *below([one.name for one in now], points(len(now)))),
        table=FigureTable(
            head=("From", "By itself", "Before that"),
            rows=tuple(
                (one.name, *(words.partition(" · ")[2] for words in (line, line_before)))
                for one, line, line_before in zip(
                    reversed(now), reversed(said), reversed(earlier), strict=False
                )
            ),
        ),
    )


def actions(view: StatisticsView) -> Chart:
    """What came of actions, over time."""
    buckets = _buckets(view.days)
    parts = [[bucket.of(kind) for kind in _KINDS] for bucket in buckets]
    said = [
        [f"{bucket.name} · {value:,} {name}" for value, name in zip(column, _NAMES, strict=True)]
        for bucket, column in zip(buckets, parts, strict=True)
    ]
    top = nice(max((sum(column) for column in parts), default=0))
    lines, labels = scale(f"{top:,}", f"{top // 2:,}")
    whole = [sum(bucket.of(kind) for bucket in buckets) for kind in _KINDS]
    before = [sum(getattr(day, kind) for day in view.days_before) for kind in _KINDS]
    return Chart(
        id="actions-table",
        title=f"{plural(sum(whole[:3]), 'action')}, and {plural(whole[3], 'request')} handed over",
        text="“Asked” waited for people. Before: "
        + ", ".join(f"{count:,} {name}" for count, name in zip(before, _NAMES, strict=True))
        + ".",
        key=tuple((f"k{place}", name) for place, name in enumerate(_NAMES, 1)),
        rects=stacked(parts, [f"f{place}" for place in range(1, 5)], said),
        lines=lines,
        labels=(*labels, *below([one.name for one in buckets], middles(len(buckets)))),
        table=FigureTable(
            head=("Day", "Automatic", "Asked", "Refused", "Handed over"),
            rows=tuple(
                (day.day, *(f"{getattr(day, kind):,}" for kind in _KINDS))
                for day in reversed(view.days)
            ),
        ),
    )


def waits(view: StatisticsView) -> Chart | None:
    """How long cards waited for an answer, now and before."""
    now, before = view.times, view.times_before
    if not now.count + before.count:
        return None
    most = max(*now.spans, *before.spans)
    step = 100 / len(_SPANS)
    rects: list[Rect] = []
    labels: list[Label] = []
    for place, name in enumerate(_SPANS):
        for kind, count, x, width in (
            ("pv", before.spans[place], 0.1, 0.3),
            ("f3" if not place else "f2", now.spans[place], 0.42, 0.44),
        ):
            height = round(HEIGHT * 0.85 * count / most, 1)
            when = "before" if kind == "pv" else "now"
            rects.append(
                Rect(
                    kind=kind,
                    x=round((place + x) * step, 2),
                    y=round(BOTTOM - height, 1),
                    width=round(width * step, 2),
                    height=height,
                    said=f"{name} · {when} · {plural(count, 'answer')}",
                )
            )
        at = round((place + 0.64) * step, 2)
        top = BOTTOM - HEIGHT * 0.85 * now.spans[place] / most
        if now.spans[place]:
            labels.append(
                Label(
                    text=f"{now.spans[place]:,}",
                    x=at,
                    y=round(top - 6, 1),
                    kind="b",
                    anchor="middle",
                )
            )
        labels.append(
            Label(
                text=name,
                x=at,
                y=BOTTOM + 18,
                kind="ax far" if place % 2 else "ax",
                anchor="middle",
            )
        )
    return Chart(
        id="waits-table",
        title=f"Nine of ten cards are answered within {span(now.slow_s)}"
        if now.slow_s is not None
        else "No card was answered yet",
        text=f"{plural(now.count, 'answer')} by how long the card waited; outlined: the "
        f"{before.count:,} of the period before. Under 3 s nobody reads a card.",
        rects=tuple(one for one in rects if one.height),
        lines=(Line(kind="base", x1=0, y1=BOTTOM, x2=100, y2=BOTTOM),),
        labels=tuple(labels),
        table=FigureTable(
            head=("Waited", "Now", "Before"),
            rows=tuple(
                (name, f"{now.spans[place]:,}", f"{before.spans[place]:,}")
                for place, name in enumerate(_SPANS)
            ),
        ),
    )


def agreement(dials: Sequence[DialView]) -> Chart | None:
    """How often people did the same as proposed, by segment, with where the true share lies."""
    known = [dial for dial in dials if dial.agreement.counted]
    if not known:
        return None
    ready = sum(dial.ready for dial in known)
    least = min(60, *(10 * (dial.agreement.low // 10) for dial in known))

    def at(percent: float) -> float:
        return round(78 * (percent - least) / (100 - least), 2)

    end = 40 * len(known) + 8.0
    lines = [Line(kind="thr", x1=at(_BAR), y1=14, x2=at(_BAR), y2=end)]
    labels = [Label(text=f"{_BAR} %", x=at(_BAR), y=9, anchor="middle")]
    dots: list[Dot] = []
    for place, dial in enumerate(known):
        y, found = place * 40 + 40.0, dial.agreement
        percent = 100 * found.same / found.counted
        said = f"{dial.say} · {found.words}"
        labels.append(Label(text=dial.say, x=0, y=y - 14, kind="name"))
        lines.append(Line(kind="si", x1=at(found.low), y1=y, x2=at(found.high), y2=y, said=said))
        dots.append(Dot(x=at(percent), y=y, said=said))
        labels.append(
            Label(text=share_words(found.same, found.counted, ""), x=82, y=y + 4, kind="b")
        )
    return Chart(
        id="agreement-table",
        title=f"{ready} of {plural(len(known), 'segment')} "
        f"{'is' if ready == 1 else 'are'} ready to be widened",
        text="How often people did exactly what was proposed. The line is where the true share "
        f"lies, with 95 % confidence. Ready: the whole line is beyond {_BAR} %, and it has been so "
        "for long enough.",
        height=end + 20,
        lines=tuple(lines),
        dots=tuple(dots),
        labels=(
            *labels,
            Label(text=f"{least} %", x=0, y=end + 16),
            Label(text="100 %", x=78, y=end + 16, anchor="end"),
        ),
        table=FigureTable(
            head=("Segment", "The same", "True share", "Ready"),
            rows=tuple(
                (
                    dial.say,
                    f"{dial.agreement.same:,} of {dial.agreement.counted:,}",
                    f"{dial.agreement.low} to {dial.agreement.high} %",
                    "yes" if dial.ready else "no: " + "; ".join(dial.agreement.missing),
                )
                for dial in known
            ),
        ),
    )


def refused(found: Sequence[RefusalView]) -> Chart | None:
    """What refused how many, and how many before."""
    shown = found[:_MOST_REFUSALS]
    if not shown:
        return None
    most = max(max(one.count, one.before) for one in shown) or 1
    rects: list[Rect] = []
    labels: list[Label] = []
    for place, one in enumerate(shown):
        y, name = place * 48.0, refusal_name(one)
        said = f"{name} · {one.count:,}, before {one.before:,}"
        for kind, count, top in (("f3", one.count, 18), ("pv", one.before, 31)):
            width = round(66 * count / most, 2)
            rects.append(Rect(kind=kind, x=0, y=y + top, width=width, height=10, said=said))
        labels.append(Label(text=name, x=0, y=y + 12, kind="name"))
        at = round(66 * max(one.count, one.before) / most + 2, 2)
        labels.append(Label(text=f"{one.count:,}", x=at, y=y + 28, kind="b"))
    return Chart(
        id="refused-table",
        title=f"{plural(sum(one.count for one in found), 'action was', 'actions were')} refused",
        text=f"By which limit or rule; outlined: in the period before, "
        f"{sum(one.before for one in found):,}.",
        height=48.0 * len(shown),
        rects=tuple(one for one in rects if one.width),
        labels=tuple(labels),
        table=FigureTable(
            head=("What refused it", "Times", "Before", "Not named", "Amounts"),
            rows=tuple(
                (
                    refusal_name(one),
                    f"{one.count:,}",
                    f"{one.before:,}",
                    ", ".join(one.unnamed_currencies) or "none",
                    ", ".join(map(str, one.amounts)) or "none",
                )
                for one in found
            ),
        ),
    )


def refusal_name(one: RefusalView) -> str:
    """What refused, in its own words where it has some."""
    words = one.say or one.rule.replace("_", " ") or "no rule allows it"
    words = words if len(words) <= 90 else f"{words[:89]}…"
    return words[:1].upper() + words[1:]


def _short(day: str) -> str:
    """`22 Nov`."""
    at = date.fromisoformat(day)
    return f"{at.day} {at:%b}"


def span(seconds: float) -> str:
    """So long: seconds up to a minute and a half, then as `length`."""
    return f"{seconds:.0f} s" if seconds < 90 else length(seconds)
