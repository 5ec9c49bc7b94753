"""A change of the policy played over what was judged: before it is signed, or to go back."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from starlette.responses import Response

from sayso.errors import RefusedError
from sayso.sdk.client import Sayso
from sayso.sdk.resources.backtesting import BacktestView, OutcomeCounts
from sayso.sdk.views.backtest import OUTCOMES
from sayso.surfaces.console.charts import Rect
from sayso.surfaces.console.figures import PERIODS
from sayso.surfaces.console.visit import Visit

PATIENCE_S = 2.0
"""So long a page waits for what is played; then it says how far it is, and asks again."""
AT_ONCE = 2
KEPT = 8
_HEIGHT, _ROOM = 28, 56
_FILLS = {"automatic": "f1", "asked": "f2", "by_hand": "f4", "refused": "f3", "cannot_say": "f5"}


@dataclass(kw_only=True)
class Playing:
    """One backtest: how many are played so far, and what came of it."""

    count: int = 0
    task: asyncio.Task[BacktestView] | None = None

    def tell(self, count: int) -> None:
        """Note how far it is."""
        self.count = count

    @property
    def is_under_way(self) -> bool:
        """Whether it has begun and not ended."""
        return self.task is not None and not self.task.done()


@dataclass(frozen=True, slots=True, kw_only=True)
class Backtests:
    """Those that this process plays or has played, by what they are of; two at once."""

    known: OrderedDict[tuple[int | str, int, int], Playing] = field(
        default_factory=OrderedDict[tuple[int | str, int, int], Playing]
    )

    async def play(
        self,
        sayso: Sayso,
        of: int | str,
        days: int,
        in_force: int,
        *,
        given: Mapping[str, str] | None = None,
    ) -> Playing:
        """Begin or go on, and wait a moment for its end.

        Args:
            in_force: the number of the version that it is set beside.
            given: a draft in place of what `of` names, which is then a name for it alone.
        """
        key = of, days, in_force
        playing = self.known.setdefault(key, Playing())
        self.known.move_to_end(key)
        while len(self.known) > KEPT and not next(iter(self.known.values())).is_under_way:
            self.known.popitem(last=False)
        others = sum(one.is_under_way for one in self.known.values() if one is not playing)
        if playing.task is None and others < AT_ONCE:
            since = sayso.now() - timedelta(days=days)
            playing.task = asyncio.create_task(
                sayso.analysis.backtest(
                    since=since,
                    of=of if given is None else None,
                    given=given,
                    progress=playing.tell,
                )
            )
        if playing.task is not None:
            done, _ = await asyncio.wait({playing.task}, timeout=PATIENCE_S)
            if done:
                self.known.pop(key, None)  # what is judged meanwhile counts the next time
        return playing


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """A bar of outcomes: its name, its parts, and the largest of them in words."""

    name: str
    top: int
    rects: tuple[Rect, ...]
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SaidBar:
    """What people had said of the newly automatic; `width` in percent."""

    name: str
    count: int
    width: float
    kind: str
    top: int


async def show_backtest(visit: Visit) -> Response:
    """The page; `?of=` names a version or a change that waits, `?days=` how far back."""
    asked = visit.request.query_params
    days = int(asked.get("days", "30")) if asked.get("days", "30") in map(str, PERIODS) else 30
    named = asked.get("of", "")
    of: int | str = int(named) if named.isascii() and named.isdecimal() else named
    if isinstance(of, int) and len(named) > 6:
        of = named
    state = await visit.sayso.policy.in_force()
    in_force = 0 if state is None else state.version.version
    tests: Backtests = visit.request.app.state.backtests
    try:
        what = await _what(visit, of)
        playing = await tests.play(visit.sayso, of, days, in_force)
        done = playing.task is not None and not playing.is_under_way
        view = playing.task.result() if playing.task is not None and done else None
    except RefusedError as error:
        return visit.refused(error)
    return visit.show(
        "backtest.html",
        visit.page("Played again", "policy"),
        view=view,
        what=what,
        of=named,
        days=days,
        periods=PERIODS,
        count=playing.count,
        in_force=in_force,
        title="" if view is None else headline(view),
        stacks=() if view is None else stacks(view),
        bars=() if view is None else said_bars(view),
        rows=() if view is None else rows_of(view),
    )


async def _what(visit: Visit, of: int | str) -> str:
    """What is played, in words."""
    if isinstance(of, int):
        return f"version {(await visit.sayso.policy.version(of)).version.version} again"
    change = await visit.sayso.policy.change(of)
    return f"the change that {change.asked_by} asked for"


def headline(view: BacktestView) -> str:
    """What it finds."""
    if not view.newly and not view.no_longer and not view.refused_more:
        return "Nothing would be done at once or refused that was not, and the other way round"
    no = f"{view.refused_more:,} would be refused that are not" if view.refused_more else ""
    more = f"{view.newly:,} more would need nobody" if view.newly else ""
    less = f"{view.no_longer:,} would need somebody who needed nobody" if view.no_longer else ""
    return "; ".join(one for one in (no, more, less) if one)


def stacks(view: BacktestView) -> tuple[Stack, ...]:
    """Two bars of all that was judged: as it is in force, and with the change."""
    pairs = (("As it is in force", view.was), ("With this", view.now))
    return tuple(
        Stack(
            name=name,
            top=place * _ROOM,
            rects=_rects(counts, view.total, place * _ROOM + 16),
            said=", ".join(
                f"{getattr(counts, key):,} {word}"
                for word, key in OUTCOMES
                if key != "by_hand" or getattr(counts, key)
            ),
        )
        for place, (name, counts) in enumerate(pairs)
    )


def _rects(counts: OutcomeCounts, total: int, top: int) -> tuple[Rect, ...]:
    found: list[Rect] = []
    left = 0.0
    for _, key in OUTCOMES:
        width = 100 * getattr(counts, key) / max(1, total)
        if width:
            found.append(
                Rect(
                    kind=_FILLS[key],
                    x=round(left, 2),
                    y=top,
                    width=round(width, 2),
                    height=_HEIGHT,
                )
            )
        left += width
    return tuple(found)


def said_bars(view: BacktestView) -> tuple[SaidBar, ...]:
    """What people had said of the newly automatic; nothing where there are none."""
    said = (
        ("People said yes, unchanged", view.newly_yes, "f1"),
        ("People gave less", view.newly_less, "f3"),
        ("People said no", view.newly_no, "f3"),
        ("Nobody had decided", view.newly_undecided, "f4"),
    )
    most = max(count for _, count, _ in said)
    if not most:
        return ()
    return tuple(
        SaidBar(
            name=name, count=count, width=round(80 * count / most, 2), kind=kind, top=place * 44
        )
        for place, (name, count, kind) in enumerate(said)
    )


def rows_of(view: BacktestView) -> tuple[tuple[str, int, int], ...]:
    """The table: how it ends, in force and with the change; by hand where it is so."""
    rows = ((name, getattr(view.was, key), getattr(view.now, key)) for name, key in OUTCOMES)
    return tuple(row for row in rows if any(row[1:]) or row[0] != "by hand")
