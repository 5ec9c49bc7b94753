"""Figures: what a lead acts on first, then charts, each titled by what it finds, with its table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.responses import Response

from sayso.errors import RefusedError, RetryableError
from sayso.sdk.resources.report_mail import address_of
from sayso.sdk.resources.rollout import DialView
from sayso.sdk.resources.statistics import (
    ALERT,
    BUDGET,
    AnswersView,
    StatisticsView,
)
from sayso.sdk.words.figures import csv_of, share_words
from sayso.surfaces.console.charts import Chart, FigureTable
from sayso.surfaces.console.figure_charts import (
    actions,
    agreement,
    automatic_of,
    refused,
    share,
    span,
    waits,
)
from sayso.surfaces.console.render import plural
from sayso.surfaces.console.visit import Visit

PERIODS = (7, 30, 90)
TARGET = 90
"""Percent of the test cards whose mistake people should see."""
_MOST_RULES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Headline:
    """One of the figures on top, with what it was before."""

    label: str
    value: str
    before: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """A finding to act on. `path`: where, below the root."""

    title: str
    text: str
    path: str = ""
    link: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonFigures:
    """How one person decides, or how people answer what one rule asks, in words.

    Attributes:
        caught: of the test cards; empty of a rule.
    """

    name: str
    count: int
    agreement: str
    median: str
    hasty: int
    taken_back: int
    caught: str = ""


async def show_figures(visit: Visit) -> Response:
    """The page."""
    days, view, dials = await _read(visit)
    return visit.show(
        "figures.html",
        visit.page("Figures", "figures"),
        view=view,
        days=days,
        periods=PERIODS,
        headlines=headlines(view),
        advice=advice(view, dials),
        charts=charts(view, dials),
        money=money(view),
        moved=actions_moved(view),
        people=people(view),
        rules=rules(view),
        speed=speed(view),
        cost=cost(view),
        load=load(view),
        tests=tests(view),
        mails=address_of(visit.sayso, visit.person.id) or "",
    )


async def show_csv(visit: Visit) -> Response:
    """The same as a table for other programs."""
    days, view, dials = await _read(visit)
    named = f'attachment; filename="figures-{view.since}-{days}-days.csv"'
    headers = {"Cache-Control": "no-store", "Content-Disposition": named}
    return Response(csv_of(view, dials), media_type="text/csv; charset=utf-8", headers=headers)


async def send(visit: Visit) -> Response:
    """Send the report to whoever asks for it, to the address that sayso.toml has of them."""
    try:
        sent = await visit.sayso.send_report(visit.person.id)
    except (RefusedError, RetryableError) as error:
        return visit.note("It was not sent", error.message, error.next_step, status=422)
    return visit.note("It is sent", f"“{sent.title}” goes to {sent.recipient}.", kind="ok")


async def _read(visit: Visit) -> tuple[int, StatisticsView, list[DialView]]:
    said = visit.request.query_params.get("days", "30")
    days = int(said) if said in map(str, PERIODS) else 30
    view = await visit.sayso.statistics.read(days=days)
    return days, view, await visit.sayso.rollout.list()


def headlines(view: StatisticsView) -> tuple[Headline, ...]:
    """What is read first."""
    done, before = view.done, view.done_before
    return (
        Headline(
            label="Half of the cards are answered within",
            value=_span_or(view.times.median_s, "no card yet"),
            before=_span_or(view.times_before.median_s, "none"),
        ),
        Headline(
            label="Done or under way without a person",
            value=share_words(*automatic_of(view.days), "nothing yet"),
            before=share_words(*automatic_of(view.days_before), "nothing"),
        ),
        Headline(
            label="By itself from asking to done, half within",
            value=_span_or(done.automatic_s, "nothing yet"),
            before=f"{_span_or(before.automatic_s, 'nothing')}; "
            f"with a person now {_span_or(done.asked_s, 'nothing yet')}",
        ),
        Headline(
            label="Taken back or found wrong later",
            value=f"{done.wrong:,} of {done.count:,}" if done.count else "nothing done yet",
            before=f"{before.wrong:,} of {before.count:,}" if before.count else "nothing",
        ),
    )


def advice(view: StatisticsView, dials: Sequence[DialView]) -> tuple[Advice, ...]:
    """What to act on; that people need not be asked only where the roll-out's measure says so."""
    found: list[Advice] = []
    for one in view.refused:
        if one.unnamed:
            names = ", ".join(one.unnamed_currencies)
            found.append(
                Advice(
                    title=f"One limit refused {plural(one.unnamed, 'action')}, all in {names}.",
                    text=f"“{one.say}” does not name {names}, so it refuses whatever is in it.",
                    path="policy#limits",
                    link="Look at the limit",
                )
            )
    busy = view.load is not None and view.load.each > BUDGET
    ready = [dial for dial in dials if dial.ready]
    found += [
        Advice(
            title=f"“{dial.say}” is ready to be widened.",
            text=f"People did the same in {dial.agreement.words}.",
            path="policy#roll-out",
            link="Look at it",
        )
        for dial in ready
    ]
    if busy and view.load is not None:
        asked = next((one for one in view.rules if one.rule == view.load.rule), None)
        said = "" if asked is None else f"To what it asked, people said yes in {yes_words(asked)}. "
        none = "" if ready else "By the roll-out, no segment is ready to be asked less about."
        found.append(Advice(title=load(view), text=f"{said}{none}".strip()))
    return tuple(found)


def charts(view: StatisticsView, dials: Sequence[DialView]) -> tuple[Chart, ...]:
    """Those there is something to draw of."""
    found = (share(view), actions(view), waits(view), agreement(dials), refused(view.refused))
    return tuple(one for one in found if one is not None)


def money(view: StatisticsView) -> FigureTable:
    """What moved, by currency; never added up."""
    return FigureTable(
        head=("Currency", "Automatic", "A person agreed", "Refused", "Moved, before"),
        rows=tuple(
            (one.currency, *map(str, (one.automatic, one.agreed, one.refused, one.before)))
            for one in view.currencies
        ),
    )


def actions_moved(view: StatisticsView) -> FigureTable:
    """What moved, by currency and kind of action."""
    return FigureTable(
        head=("Action", "Amount", "How often"),
        rows=tuple(
            (
                f"{one.action} · {'automatic' if one.how == 'automatic' else 'agreed'}",
                str(one.amount),
                plural(one.count, "time"),
            )
            for one in view.money
        ),
    )


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
    return tuple(_answers(one.rule or "without a name", one) for one in view.rules[:_MOST_RULES])


def _answers(name: str, one: AnswersView, *, caught: str = "") -> PersonFigures:
    return PersonFigures(
        name=name,
        count=one.count,
        agreement=yes_words(one),
        median=span(one.median_s),
        hasty=one.hasty,
        taken_back=one.taken_back,
        caught=caught,
    )


def yes_words(one: AnswersView) -> str:
    """How often they said yes, and where the true share lies; of few, only how many."""
    said = share_words(one.yes, one.count, "no answer")
    return f"{said} ({one.low} to {one.high})" if "%" in said else said


def speed(view: StatisticsView) -> str:
    """How long cards wait, as a title."""
    if view.median_s is None or view.slow_s is None:
        return "Nobody has answered a card yet"
    return f"Half of the answers come within {span(view.median_s)}, 9 of 10 within " + span(
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
        return f"{said} Up to {BUDGET} a day can be read with care."
    much = "Nobody reads so many" if found.each > ALERT else f"Only {BUDGET} can be read with care"
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


def _span_or(seconds: float | None, otherwise: str) -> str:
    return otherwise if seconds is None else span(seconds)
