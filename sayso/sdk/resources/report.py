"""`sayso.report`: what was done at once, what people were asked, and what turned out wrong.

Honest denominators: whatever was asked for counts, handed over included, once and in its most
manual class; what is open is told apart; a share of few is told as so many of so many; money is
never added up over currencies; what is young cannot be called right yet.
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

import orjson

from sayso.actions.model.status import Status
from sayso.errors import Code
from sayso.ids import from_micros, to_micros
from sayso.money import Money
from sayso.sdk.resources.base import Resource
from sayso.sdk.resources.rollout import RolloutResource
from sayso.sdk.views.base import View
from sayso.store.base import Reader, Row, integer, integer_or_none, text, text_or_none

PAGE = 1_000
OLD = timedelta(days=60)
"""Disputes come late, so what is younger cannot be called right yet."""
QUICK_MICROS = 3_000_000
"""Nobody reads a card that fast."""
_CLASSES = ("automatic", "asked", "refused", "handed_over")
_OPEN_REQUESTS = frozenset({"received", "needs_customer"})


class WeekView(View):
    """What was asked for in a week, each once and in its most manual class.

    Attributes:
        first: its Monday, in UTC. running: it is not over.
        open: nothing has come of it yet; in none of the four.
    """

    first: str
    running: bool
    automatic: int = 0
    asked: int = 0
    refused: int = 0
    handed_over: int = 0
    open: int = 0

    @property
    def closed(self) -> int:
        """The four together."""
        return self.automatic + self.asked + self.refused + self.handed_over


class CardsView(View):
    """What people decided.

    Attributes:
        yes: unchanged. less: lowered. expired: nobody decided in time, in no share.
        median_s, nine_of_ten_s: from the card to the last word; None without any.
        quick: decided in under three seconds.
    """

    yes: int = 0
    less: int = 0
    no: int = 0
    expired: int = 0
    waiting: int = 0
    median_s: float | None = None
    nine_of_ten_s: float | None = None
    quick: int = 0


class MovedView(View):
    """Money that one action has moved, in one currency.

    Attributes:
        at_once_minor, agreed_minor: with nobody's yes, and with somebody's.
    """

    action: str
    currency: str
    at_once_minor: int = 0
    at_once: int = 0
    agreed_minor: int = 0
    agreed: int = 0


class ReportView(View):
    """The figures since a day.

    Attributes:
        done_median_s, done_nine_of_ten_s: from asking to the provider's yes, of what went by
            itself. asked_median_s, asked_nine_of_ten_s: of the rest, people's time in it.
        wrong, done: in all; wrong_of_old, done_old: of those at least 60 days old.
        minutes_saved: None until somebody says how long it takes by hand.
        assumption: by which it was worked out.
        ready: dials that are ready to widen; not_ready: with what is measured, and not enough.
    """

    since: str
    until: str
    weeks: tuple[WeekView, ...]
    cards: CardsView
    moved: tuple[MovedView, ...]
    done_median_s: float | None = None
    done_nine_of_ten_s: float | None = None
    asked_median_s: float | None = None
    asked_nine_of_ten_s: float | None = None
    wrong: int
    done: int
    wrong_of_old: int
    done_old: int
    model_cost_usd: float
    minutes_saved: float | None = None
    assumption: str
    ready: tuple[str, ...]
    not_ready: tuple[str, ...]


class SentReport(View):
    """A report that was sent. `recipient`: the address; `title`: the e-mail's subject."""

    recipient: str
    title: str


@dataclass(slots=True)
class _Tally:
    """What is counted on the way.

    Attributes:
        classes: of each asking: when, and how manual it was.
        took: seconds from asking to the provider's yes, of what people were asked about (True),
            whose wait is in it, and of what went by itself.
    """

    classes: dict[str, tuple[int, set[str]]] = field(
        default_factory=dict[str, tuple[int, set[str]]]
    )
    moved: dict[tuple[str, str], list[int]] = field(
        default_factory=lambda: defaultdict[tuple[str, str], list[int]](lambda: [0, 0, 0, 0])
    )
    took: dict[bool, list[float]] = field(default_factory=lambda: {True: [], False: []})
    wrong: int = 0
    done: int = 0
    wrong_of_old: int = 0
    done_old: int = 0
    cost: int = 0


class ReportResource(Resource):
    """`sayso.report`."""

    async def make(
        self,
        *,
        weeks: int = 12,
        minutes_by_hand: float | None = None,
        minutes_per_card: float = 1.0,
        tenant: str | None = None,
        rollout: RolloutResource,
    ) -> ReportView:
        """The figures of the last weeks, the running one included.

        Args:
            minutes_by_hand: how long one takes a person; without it nothing is said to be saved.
        """
        where = self._tenant(tenant)
        now = self._container.clock.now()
        today = now.date()
        monday = today - timedelta(days=today.weekday())
        first = monday - timedelta(weeks=weeks - 1)
        since = to_micros(datetime(first.year, first.month, first.day, tzinfo=UTC))

        def work(reader: Reader) -> tuple[_Tally, CardsView]:
            tally = _Tally()
            for row in _pages(reader, "report.requests", where, since):
                _count_request(tally, row)
            for row in _pages(reader, "report.actions", where, since):
                _count_action(tally, row, to_micros(now))
            cards = list(_pages(reader, "report.cards", where, since))
            return tally, _cards(cards, edited_actions(reader, where))

        tally, cards = await self._container.store.read(work)
        dials = await rollout.list(tenant=tenant)
        median, nine = _spread(tally.took[False])
        asked_median, asked_nine = _spread(tally.took[True])
        found = _weeks(tally, first, weeks, today)
        automatic = sum(week.automatic for week in found)
        decided = cards.yes + cards.less + cards.no
        saved = None
        if minutes_by_hand is not None:
            saved = automatic * minutes_by_hand - decided * minutes_per_card
        return ReportView(
            since=first.isoformat(),
            until=today.isoformat(),
            weeks=tuple(found),
            cards=cards,
            moved=tuple(_moved(tally)),
            done_median_s=median,
            done_nine_of_ten_s=nine,
            asked_median_s=asked_median,
            asked_nine_of_ten_s=asked_nine,
            wrong=tally.wrong,
            done=tally.done,
            wrong_of_old=tally.wrong_of_old,
            done_old=tally.done_old,
            model_cost_usd=tally.cost / 1e6,
            minutes_saved=saved,
            assumption=""
            if saved is None
            else f"{minutes_by_hand:g} minutes by hand, {minutes_per_card:g} for a card",
            ready=tuple(f"{dial.say}: {dial.agreement.words}" for dial in dials if dial.ready),
            not_ready=tuple(
                f"{dial.say}: {dial.agreement.words}"
                for dial in dials
                if not dial.ready and dial.agreement.counted
            ),
        )


def _pages(reader: Reader, name: str, tenant: str, since: int) -> Iterator[Row]:
    after = ""
    while True:
        rows = reader.all(name, tenant=tenant, since=since, after=after, limit=PAGE)
        yield from rows
        if len(rows) < PAGE:
            return
        after = text(rows[-1], "id")


def _count_request(tally: _Tally, row: Row) -> None:
    status = text(row, "status")
    kinds = {"handed_over"} if status == "handed_over" else set[str]()
    if status == "withdrawn":
        kinds.add("refused")
    if status in _OPEN_REQUESTS:
        kinds.add("open")
    tally.classes[text(row, "id")] = integer(row, "created_at"), kinds
    tally.cost += integer_or_none(row, "cost_micro_usd") or 0


def _count_action(tally: _Tally, row: Row, now: int) -> None:
    asking = text_or_none(row, "request_id") or text(row, "id")
    created = integer(row, "created_at")
    status = text(row, "status")
    stored = text_or_none(row, "judgement")
    judgement: Mapping[str, object] = orjson.loads(stored) if stored else {}
    _, kinds = tally.classes.setdefault(asking, (created, set()))
    kinds.add(_class_of(status, judgement, text_or_none(row, "error")))
    if status not in (Status.SUCCEEDED, Status.COMPENSATED):
        return
    updated = integer(row, "updated_at")
    tally.took[judgement.get("outcome") == "ask"].append((updated - created) / 1e6)
    wrong = text_or_none(row, "how") is not None
    tally.done += 1
    tally.wrong += wrong
    if now - updated >= OLD // timedelta(microseconds=1):
        tally.done_old += 1
        tally.wrong_of_old += wrong
    minor, currency = integer_or_none(row, "amount_minor"), text_or_none(row, "currency")
    if minor and currency:
        place = 2 if judgement.get("outcome") == "ask" else 0
        sums = tally.moved[text(row, "name"), currency]
        sums[place] += minor
        sums[place + 1] += 1


def _class_of(status: str, judgement: Mapping[str, object], error: str | None) -> str:
    if error and orjson.loads(error).get("code") == Code.NOT_ROLLED_OUT:
        return "handed_over"
    if status in (Status.PLANNED, Status.STALE):
        return "open"
    if judgement.get("outcome") == "ask":
        return "asked"
    return "refused" if status == Status.REFUSED else "automatic"


def _weeks(tally: _Tally, first: date, count: int, today: date) -> list[WeekView]:
    counts: dict[date, dict[str, int]] = {
        first + timedelta(weeks=number): dict.fromkeys((*_CLASSES, "open"), 0)
        for number in range(count)
    }
    for created, kinds in tally.classes.values():
        day = from_micros(created).date()
        week = counts.get(day - timedelta(days=day.weekday()))
        if week is not None:
            most = next((name for name in reversed(_CLASSES) if name in kinds), "open")
            week[most] += 1
    return [
        WeekView(first=monday.isoformat(), running=today - monday < timedelta(days=7), **week)
        for monday, week in counts.items()
    ]


def edited_actions(reader: Reader, tenant: str) -> frozenset[str]:
    """The actions that people lowered."""
    rows = reader.all("report.edited", tenant=tenant)
    return frozenset(text(row, "action_id") for row in rows)


def _cards(rows: Sequence[Row], edited: frozenset[str]) -> CardsView:
    found: dict[str, int] = dict.fromkeys(("yes", "less", "no", "expired", "waiting"), 0)
    waits: list[float] = []
    quick = 0
    for row in rows:
        decided = integer_or_none(row, "decided_at")
        status = text(row, "status")
        if status == "withdrawn":  # nobody decided, nor waited in vain
            continue
        if status == "expired":
            found["expired"] += 1
            continue
        if status == "pending" or decided is None:
            found["waiting"] += status == "pending"
            continue
        no, less = integer(row, "rejected"), text(row, "action_id") in edited
        found["no" if no else "less" if less else "yes"] += 1
        wait = decided - integer(row, "created_at")
        waits.append(wait / 1e6)
        quick += wait < QUICK_MICROS
    median, nine = _spread(waits)
    return CardsView(**found, median_s=median, nine_of_ten_s=nine, quick=quick)


def _spread(values: Sequence[float]) -> tuple[float | None, float | None]:
    """The median, and what 9 of 10 stay within."""
    if not values:
        return None, None
    ordered = sorted(values)
    return statistics.median(ordered), ordered[min(len(ordered) - 1, len(ordered) * 9 // 10)]


def _moved(tally: _Tally) -> Iterator[MovedView]:
    for (action, currency), sums in sorted(tally.moved.items()):
        yield MovedView(
            action=action,
            currency=currency,
            at_once_minor=sums[0],
            at_once=sums[1],
            agreed_minor=sums[2],
            agreed=sums[3],
        )


# ---- in words ----------------------------------------------------------------------------------


def subject_of(found: ReportView) -> str:
    """One line, for an e-mail."""
    week = found.weeks[-1]
    number = date.fromisoformat(week.first).isocalendar().week
    share = f"{100 * week.automatic / week.closed:.0f} %" if week.closed >= 30 else ""
    needed = (
        f"{share} needed nobody" if share else f"{week.automatic} of {week.closed} needed nobody"
    )
    wrong = "nothing wrong" if not found.wrong else f"{found.wrong} wrong"
    decide = f" · {len(found.ready)} to decide" if found.ready else ""
    return f"Week {number}: {needed} · {wrong}{decide}"


def lines_of(found: ReportView) -> list[str]:
    """The figures in sentences."""
    week, cards = found.weeks[-1], found.cards
    classes = (
        f"{week.automatic} were done at once, {week.asked} asked about, {week.refused} refused,"
        f" {week.handed_over} handed over; {week.open} are open"
    )
    lines = [f"{week.closed} asked for this week so far: {classes}."]
    lines += [
        f"{one.action}: {Money(one.at_once_minor, one.currency)} at once ({one.at_once}),"
        f" {Money(one.agreed_minor, one.currency)} by your yes ({one.agreed})."
        for one in found.moved
    ]
    lines.append(
        f"Wrong: {found.wrong_of_old} of {found.done_old} that are older than 60 days;"
        f" {found.wrong} of {found.done} in all, of which the younger cannot be said yet."
    )
    decided = cards.yes + cards.less + cards.no
    if decided:
        lines.append(
            f"People said yes, unchanged, to {cards.yes} of {decided}, less to {cards.less},"
            f" no to {cards.no}; {cards.expired} expired, {cards.waiting} wait."
        )
        lines.append(
            f"Half were answered within {_time(cards.median_s)}, 9 of 10 within"
            f" {_time(cards.nine_of_ten_s)}; {cards.quick} in under 3 seconds."
        )
    if found.done_median_s is not None:
        lines.append(
            f"From asking to the provider's yes, by itself: half within"
            f" {_time(found.done_median_s)}, 9 of 10 within {_time(found.done_nine_of_ten_s)}."
        )
    if found.asked_median_s is not None:
        lines.append(
            f"The same with people's answers: half within {_time(found.asked_median_s)},"
            f" 9 of 10 within {_time(found.asked_nine_of_ten_s)}."
        )
    if found.minutes_saved is not None:
        lines.append(f"Minutes saved: {found.minutes_saved:,.0f} ({found.assumption}).")
    lines += [f"Ready to widen: {one}." for one in found.ready]
    lines += [f"Not ready: {one}." for one in found.not_ready]
    return lines


def _time(seconds: float | None) -> str:
    if seconds is None:
        return "not known"
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 120 else f"{minutes / 60:.1f} h"
