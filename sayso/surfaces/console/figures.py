"""Figures: charts that the server draws, each titled by what it finds and beside its table."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from starlette.responses import Response

from sayso.money import Money
from sayso.sdk.resources.statistics import (
    ALERT,
    BUDGET,
    AnswersView,
    DayView,
    RuleView,
    StatisticsView,
)
from sayso.surfaces.console.render import length, plural
from sayso.surfaces.console.visit import Visit

PERIODS = (7, 30, 90)
TARGET = 90
"""Percent of the test cards whose mistake people should see."""
_MOST_RULES = 8
_MANY, _NEARLY_ALL = 100, 0.97
_EASY = "nearly always yes: see `sayso policy suggest`"
_HEIGHT = 160.0
"""Pixels of the columns."""
_TOP = 20.0
_KINDS = ("automatic", "asked", "refused", "handed_over")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rect:
    """A part of a column or a bar; `x` and `width` in percent, `y` and `height` in pixels."""

    kind: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """A text below the columns or at a line; `x` in percent."""

    text: str
    x: float
    y: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Columns by day, each of four parts on top of one another."""

    title: str
    rects: tuple[Rect, ...]
    labels: tuple[Label, ...]
    lines: tuple[Label, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """What one kind of action moved, as a bar of its currency's chart."""

    name: str
    amount: Money
    count: str
    width: float
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MoneyChart:
    """One currency; currencies are never added up."""

    title: str
    bars: tuple[Bar, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonFigures:
    """How one person decides, or how people answer what one rule asks, in words.

    Attributes:
        caught: of the test cards; empty of a rule. hint: what to think of.
    """

    name: str
    count: int
    agreement: str
    median: str
    hasty: int
    taken_back: int
    caught: str = ""
    hint: str = ""


async def show_figures(visit: Visit) -> Response:
    """The page."""
    said = visit.request.query_params.get("days", "30")
    days = int(said) if said in map(str, PERIODS) else 30
    view = await visit.sayso.statistics.read(days=days)
    page = visit.page("Figures", "figures")
    return visit.show(
        "figures.html",
        page,
        view=view,
        days=days,
        periods=PERIODS,
        columns=columns(view),
        money=money(view),
        people=people(view),
        speed=speed(view),
        cost=cost(view),
        load=load(view),
        busy=view.load is not None and view.load.each > BUDGET,
        tests=tests(view),
        rules=rules(view),
    )


def columns(view: StatisticsView) -> Columns:
    """Actions by day."""
    total = {kind: sum(_of(day, kind) for day in view.days) for kind in _KINDS}
    done = total["automatic"] + total["asked"]
    share = f"{100 * total['automatic'] // done} % went by themselves" if done else "Nothing yet"
    most = max((_all(day) for day in view.days), default=0)
    top = _nice(most)
    step = 100.0 / len(view.days)
    rects: list[Rect] = []
    for place, day in enumerate(view.days):
        y = _TOP + _HEIGHT
        for kind, name in enumerate(_KINDS, 1):
            height = _HEIGHT * _of(day, name) / top
            if not height:
                continue
            y -= height
            rects.append(
                Rect(
                    kind=f"f{kind}",
                    x=round(place * step + step * 0.1, 2),
                    y=round(y, 1),
                    width=round(step * 0.8, 2),
                    height=round(height, 1),
                )
            )
    every = max(1, len(view.days) // 5)
    labels = tuple(
        Label(text=_short(day.day), x=round(place * step + step / 2, 2))
        for place, day in enumerate(view.days)
        if place % every == every // 2
    )
    lines = tuple(
        Label(text=f"{top * part // 2:,}", x=0, y=round(_TOP + _HEIGHT - _HEIGHT * part / 2, 1))
        for part in (1, 2)
    )
    return Columns(
        title=f"{share}, of {plural(done, 'action')} that were done or are under way",
        rects=tuple(rects),
        labels=labels,
        lines=lines,
    )


def _short(day: str) -> str:
    """`22 Nov`."""
    at = date.fromisoformat(day)
    return f"{at.day} {at:%b}"


def _of(day: DayView, kind: str) -> int:
    count: int = getattr(day, kind)
    return count


def _all(day: DayView) -> int:
    return sum(_of(day, kind) for kind in _KINDS)


def _nice(most: int) -> int:
    """The top of the scale: the next of 2, 4, 10, 20, 40, 100 …"""
    tops = (factor * 10**power for power in range(12) for factor in (2, 4, 10))
    return next((top for top in tops if top >= most), most)


def money(view: StatisticsView) -> tuple[MoneyChart, ...]:
    """What moved, one chart for each currency."""
    currencies = dict.fromkeys(one.amount.currency for one in view.money)
    charts: list[MoneyChart] = []
    for currency in currencies:
        mine = [one for one in view.money if one.amount.currency == currency]
        whole = Money(sum(one.amount.amount_minor for one in mine), currency)
        most = max(one.amount.amount_minor for one in mine) or 1
        charts.append(
            MoneyChart(
                title=f"{whole} moved",
                bars=tuple(
                    Bar(
                        name=f"{one.action}, {'automatic' if one.how == 'automatic' else 'agreed'}",
                        amount=one.amount,
                        count=plural(one.count, "time"),
                        width=round(66 * one.amount.amount_minor / most, 2),
                        kind="f1" if one.how == "automatic" else "f2",
                    )
                    for one in mine
                ),
            )
        )
    return tuple(charts)


def people(view: StatisticsView) -> tuple[PersonFigures, ...]:
    """How people decide."""
    return tuple(
        _answers(
            one.person, one, caught=f"{one.caught} of {one.tests}" if one.tests else "none yet"
        )
        for one in view.approvers
    )


def rules(view: StatisticsView) -> tuple[PersonFigures, ...]:
    """How people answer what each rule asks; those that ask most, first."""
    return tuple(
        _answers(one.rule or "without a name", one, hint=_EASY if _is_easy(one) else "")
        for one in view.rules[:_MOST_RULES]
    )


def _is_easy(one: RuleView) -> bool:
    """Whether people say yes so often that they need not be asked: 97 % of 100."""
    return one.count >= _MANY and one.yes >= _NEARLY_ALL * one.count and not one.taken_back


def _answers(name: str, one: AnswersView, *, caught: str = "", hint: str = "") -> PersonFigures:
    return PersonFigures(
        name=name,
        count=one.count,
        agreement=f"{100 * one.yes / one.count:.0f} % of {one.count:,}",
        median=_span(one.median_s),
        hasty=one.hasty,
        taken_back=one.taken_back,
        caught=caught,
        hint=hint,
    )


def speed(view: StatisticsView) -> str:
    """How long cards wait, as a title."""
    if view.median_s is None or view.slow_s is None:
        return "Nobody has answered a card yet"
    return f"Half of the answers come within {_span(view.median_s)}, 9 of 10 within " + _span(
        view.slow_s
    )


def load(view: StatisticsView) -> str:
    """How many cards people got, and which rule makes the most of them, as a sentence."""
    found = view.load
    if found is None:
        return "Nobody got a card in 24 hours."
    role = found.role.replace("_", " ")
    each = f"{found.each:.0f}" if found.each >= 1 or not found.each else "fewer than 1"
    said = f"In 24 hours, {each} cards for each {role}, of whom there are {found.people}."
    if found.each <= BUDGET:
        return f"{said} {BUDGET} a day can be read with care."
    much = "Nobody reads so many" if found.each > ALERT else f"{BUDGET} can be read with care"
    share = 100 * found.of_rule // found.cards
    return f"{said} {much}: {share} % come from the rule {found.rule or 'without a name'}."


def tests(view: StatisticsView) -> str:
    """How test cards ended, as a sentence; empty where there were none."""
    found = view.canaries
    answered = found.caught + found.missed
    if not answered + found.unanswered:
        return ""
    rate = f"{100 * found.caught // answered} % of {answered} seen" if answered else "none answered"
    late = f", {found.unanswered} answered by nobody in time" if found.unanswered else ""
    return f"Test cards: {rate}{late}. Aim for {TARGET} %."


def cost(view: StatisticsView) -> str:
    """What models cost, as a sentence."""
    if not view.requests:
        return "Nobody has written yet."
    if not view.cost_micro_usd:
        return f"{plural(view.requests, 'request')}; models cost nothing."
    each = view.cost_micro_usd / view.requests / 1e6
    whole = view.cost_micro_usd / 1e6
    return (
        f"{plural(view.requests, 'request')}; models cost ${whole:,.2f} in all, "
        f"${each:,.4f} for each."
    )


def _span(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else length(seconds)
