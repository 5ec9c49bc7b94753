"""Figures in words and as a table: what a page, a file and an e-mail say alike."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from sayso.text import table_cell

if TYPE_CHECKING:
    from sayso.sdk.resources.period_figures import RefusalView
    from sayso.sdk.resources.rollout import DialView
    from sayso.sdk.resources.statistics import DayView, StatisticsView

FEW = 20
"""Of fewer no share is told, only how many of how many."""
COLUMNS = ("figure", "of", "unit", "value", "before")
_Row = tuple[str, str, str, object, object]


def share_words(hits: int, of: int, otherwise: str) -> str:
    """`68 % of 1,204`, or of few `3 of 7`; the other words where there is none."""
    if not of:
        return otherwise
    return f"{hits:,} of {of:,}" if of < FEW else f"{100 * hits / of:.0f} % of {of:,}"


def unnamed_words(one: RefusalView) -> str:
    """That a limit refuses what it does not name, as a sentence; empty where it does not."""
    if not one.unnamed:
        return ""
    names = " and ".join(one.unnamed_currencies)
    return f"{one.say}: refused {one.unnamed:,}, since it does not name {names}."


def csv_of(view: StatisticsView, dials: Sequence[DialView]) -> str:
    """All figures, one a line: which, of what, in which unit, now and in the period before.

    Amounts are decimal numbers in the currency that is the unit.
    """
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for row in _rows(view, dials):
        writer.writerow([table_cell(cell) for cell in row])
    return out.getvalue()


def _rows(view: StatisticsView, dials: Sequence[DialView]) -> Iterator[_Row]:
    times, earlier = view.times, view.times_before
    yield "answers", "", "count", times.count, earlier.count
    yield "answer_median", "", "s", times.median_s, earlier.median_s
    yield "answer_nine_of_ten", "", "s", times.slow_s, earlier.slow_s
    done, before = view.done, view.done_before
    yield "done", "", "count", done.count, before.count
    yield "wrong", "", "count", done.wrong, before.wrong
    yield "automatic_median", "", "s", done.automatic_s, before.automatic_s
    yield "asked_median", "", "s", done.asked_s, before.asked_s
    for kind in ("automatic", "asked", "refused", "handed_over"):
        yield kind, "", "count", _sum(view.days, kind), _sum(view.days_before, kind)
    for day, other in zip(view.days, view.days_before, strict=False):
        for kind in ("automatic", "asked", "refused", "handed_over"):
            yield f"{kind}_by_day", day.day, "count", getattr(day, kind), getattr(other, kind)
    for one in view.currencies:
        yield "moved_automatic", "", one.currency, one.automatic.decimal, None
        yield "moved_agreed", "", one.currency, one.agreed.decimal, None
        moved = one.automatic.decimal + one.agreed.decimal
        yield "moved", "", one.currency, moved, one.before.decimal
        yield "refused_amount", "", one.currency, one.refused.decimal, None
    for refusal in view.refused:
        of = refusal.say or refusal.rule
        yield "refused_by", of, "count", refusal.count, refusal.before
        yield "refused_unnamed_currency", of, "count", refusal.unnamed, None
    for dial in dials:
        found = dial.agreement
        yield "agreement_same", dial.say, "count", found.same, None
        yield "agreement_counted", dial.say, "count", found.counted, None
        yield "agreement_low", dial.say, "%", found.low, None
        yield "agreement_high", dial.say, "%", found.high, None
        yield "ready", dial.say, "yes/no", "yes" if dial.ready else "no", None
    for rule in view.rules:
        yield "yes_to_rule", rule.rule, "count", rule.yes, None
        yield "answers_to_rule", rule.rule, "count", rule.count, None


def _sum(days: Sequence[DayView], kind: str) -> int:
    return sum(getattr(day, kind) for day in days)
