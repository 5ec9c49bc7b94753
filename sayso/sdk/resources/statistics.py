"""Statistics: what was done by itself and by people, how much money, and how people decide."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

import orjson

from sayso.actions.rollout.agreement import percents
from sayso.errors import Code, RefusedError
from sayso.ids import Tenant, first_at, to_micros
from sayso.money import Money
from sayso.sdk.resources.base import Resource
from sayso.sdk.resources.period_figures import (
    AnswerTimesView,
    CurrencyView,
    DoneView,
    RefusalView,
    answer_times,
    currencies,
    done,
    refusals,
)
from sayso.sdk.views.base import View
from sayso.store.base import Reader, Row, integer, text

if TYPE_CHECKING:
    from sayso.sdk.container import Container

MOST_DAYS = 90
MOST_VOTES = 20_000
MOST_CARDS = 5_000
MOST_ACTIONS = 50_000
"""So many of the newest are looked at one by one."""
BUDGET, ALERT = 20, 40
"""Cards that a person can read in a day with care; and so many that they are surely not read."""
HASTY_S = 3.0
"""Nobody reads a card that fast."""
_DAY_S = 24 * 3600


class DayView(View):
    """What came of one day in UTC: how many actions, and requests that were handed over."""

    day: str
    automatic: int = 0
    asked: int = 0
    refused: int = 0
    handed_over: int = 0


class MoneyView(View):
    """Money that moved by one kind of action. `how`: `automatic` or `asked`."""

    action: str
    how: str
    count: int
    amount: Money


class AnswersView(View):
    """How people answer.

    Attributes:
        count: answers. yes: of them. median_s: from the card to the answer.
        low, high: between which percents the true share of yes lies, with 95 % confidence.
        hasty: answers within three seconds.
        taken_back: of what was agreed to, what was taken back later or told to be wrong.
    """

    count: int
    yes: int
    median_s: float
    hasty: int
    taken_back: int = 0
    low: int = 0
    high: int = 100


class ApproverView(AnswersView):
    """How one person answers.

    Attributes:
        tests, caught: test cards that they answered, and of them, those whose mistake they saw.
    """

    person: str
    tests: int = 0
    caught: int = 0


class RuleView(AnswersView):
    """How people answer what one rule asks. `rule`: ids joined by `+`."""

    rule: str


class LoadView(View):
    """How many cards the busiest role got within 24 hours.

    Attributes:
        people: who hold it and are active. each: cards for each of them.
        rule: which asked most often, as ids joined by `+`. of_rule: so many of the cards.
    """

    role: str
    cards: int
    people: int
    each: float
    rule: str
    of_rule: int


class CanaryFigures(View):
    """How test cards ended: seen, not seen, answered by nobody in time."""

    caught: int = 0
    missed: int = 0
    unanswered: int = 0


class StatisticsView(View):
    """Everything, over the same days; `…before` over as many days before them.

    Attributes:
        times: how long cards waited. done: what was done. refused: by what, the most first.
        currencies: what moved and what was refused, by currency.
        money: by currency, the most first; currencies are never added up.
        median_s, slow_s: within how long half, and nine of ten answers came; None without any.
        load: of the last 24 hours; None without a card.
        canaries: how test cards ended; none of them counts anywhere else here.
        requests: how many there were. cost_micro_usd: what models cost for all of them.
    """

    since: str
    days: tuple[DayView, ...]
    money: tuple[MoneyView, ...]
    approvers: tuple[ApproverView, ...]
    rules: tuple[RuleView, ...] = ()
    median_s: float | None
    slow_s: float | None
    days_before: tuple[DayView, ...] = ()
    times: AnswerTimesView = AnswerTimesView()
    times_before: AnswerTimesView = AnswerTimesView()
    done: DoneView = DoneView()
    done_before: DoneView = DoneView()
    refused: tuple[RefusalView, ...] = ()
    currencies: tuple[CurrencyView, ...] = ()
    load: LoadView | None = None
    canaries: CanaryFigures = CanaryFigures()
    requests: int
    cost_micro_usd: int


class StatisticsResource(Resource):
    """Counts what the ledger holds."""

    async def read(self, *, days: int = 30, tenant: str | None = None) -> StatisticsView:
        """Count the last days, today included.

        Args:
            days: 1 to 90.

        Raises:
            RefusedError: `invalid_input`.
        """
        if not 1 <= days <= MOST_DAYS:
            raise RefusedError(
                Code.INVALID_INPUT,
                f"{days} days cannot be counted",
                next_step=f"choose 1 to {MOST_DAYS}",
            )
        where = self._tenant(tenant)
        now = self._container.clock.now().astimezone(UTC)
        first = datetime(now.year, now.month, now.day, tzinfo=UTC) - timedelta(days=days - 1)

        def work(reader: Reader) -> StatisticsView:
            return _read(reader, self._container, where, first, days)

        return await self._container.store.read(work)


def _read(
    reader: Reader, container: Container, tenant: Tenant, first: datetime, days: int
) -> StatisticsView:
    """Everything since a moment, and of as many days before it what it is compared with."""
    start = first - timedelta(days=days)
    span = {"tenant": tenant, "since": first_at("act", start), "first": first_at("act", first)}
    asked = reader.all("statistics.requests", tenant=tenant, since=first_at("req", start))
    requests = [row for row in asked if integer(row, "day") >= _number(first)]
    answers = {"since": first_at("apr", start), "first": first_at("apr", first)}
    votes, votes_before = _apart(
        reader.all("statistics.votes", tenant=tenant, **answers, limit=MOST_VOTES)
    )
    tests = reader.all("canary.figures", tenant=tenant, since=to_micros(first))
    by_day = reader.all("statistics.days", tenant=tenant, since=span["since"])
    moved = reader.all("statistics.money", **span)
    now, before = _apart(reader.all("statistics.done", **span, limit=MOST_ACTIONS))
    refused = refusals(reader.all("statistics.refused", **span, limit=MOST_ACTIONS))
    times = answer_times(integer(row, "took") / 1e6 for row in votes)
    return StatisticsView(
        since=first.date().isoformat(),
        days=_days(first.date(), days, by_day, asked),
        days_before=_days(start.date(), days, by_day, asked),
        money=tuple(_money(row) for row in moved if not integer(row, "before")),
        approvers=_approvers(votes, tests),
        rules=_rules(votes),
        load=read_load(reader, container, tenant),
        canaries=CanaryFigures(**_ends(tests)),
        median_s=times.median_s,
        slow_s=times.slow_s,
        times=times,
        times_before=answer_times(integer(row, "took") / 1e6 for row in votes_before),
        done=done(now),
        done_before=done(before),
        refused=refused,
        currencies=currencies(moved, refused),
        requests=sum(integer(row, "count") for row in requests),
        cost_micro_usd=sum(integer(row, "cost") for row in requests),
    )


def _apart(rows: Sequence[Row]) -> tuple[list[Row], list[Row]]:
    """Those of the period, and those of the one before."""
    before = [row for row in rows if integer(row, "before")]
    return [row for row in rows if not integer(row, "before")], before


def _number(moment: datetime) -> int:
    """A day as the queries have it."""
    return to_micros(moment) // (_DAY_S * 1_000_000)


def _days(
    first: date, count: int, actions: Sequence[Row], requests: Sequence[Row]
) -> tuple[DayView, ...]:
    found: dict[str, dict[str, int]] = {}
    for row in actions:
        day = _day(row)
        found.setdefault(day, {})[text(row, "how")] = integer(row, "count")
    for row in requests:
        found.setdefault(_day(row), {})["handed_over"] = integer(row, "handed_over")
    names = [(first + timedelta(days=place)).isoformat() for place in range(count)]
    return tuple(DayView(day=name, **found.get(name, {})) for name in names)


def _day(row: Row) -> str:
    return datetime.fromtimestamp(integer(row, "day") * _DAY_S, UTC).date().isoformat()


def _money(row: Row) -> MoneyView:
    return MoneyView(
        action=text(row, "name"),
        how=text(row, "how"),
        count=integer(row, "count"),
        amount=Money(integer(row, "minor"), text(row, "currency")),
    )


def read_load(reader: Reader, container: Container, tenant: Tenant) -> LoadView | None:
    """The role whose people get the most cards, by what asked within 24 hours."""
    since = first_at("apr", container.clock.now() - timedelta(days=1))
    rows = reader.all("statistics.cards", tenant=tenant, since=since, limit=MOST_CARDS)
    rules: dict[str, Counter[str]] = {}
    for row in rows:
        for role in set(cast("list[str]", orjson.loads(text(row, "roles")))):
            rules.setdefault(role, Counter())[_rule(row)] += 1
    people = container.directory.at(reader, tenant).people.values() if rules else ()
    found: list[LoadView] = []
    for role, counted in rules.items():
        holders = sum(one.active and role in one.roles for one in people)
        (rule, most), cards = counted.most_common(1)[0], counted.total()
        each = cards / max(holders, 1)
        found.append(
            LoadView(role=role, cards=cards, people=holders, each=each, rule=rule, of_rule=most)
        )
    return max(found, key=lambda one: (one.each, one.role), default=None)


def _ends(tests: Sequence[Row], person: str | None = None) -> dict[str, int]:
    """How many test cards ended in which way, of one person or of all."""
    found = dict.fromkeys(CanaryFigures.model_fields, 0)
    for row in tests:
        if text(row, "status") in found and person in (None, text(row, "person")):
            found[text(row, "status")] += integer(row, "count")
    return found


def _approvers(votes: Sequence[Row], tests: Sequence[Row]) -> tuple[ApproverView, ...]:
    found: list[ApproverView] = []
    for person, rows in _grouped((text(row, "person"), row) for row in votes).items():
        ends = _ends(tests, person)
        tried = {"tests": ends["caught"] + ends["missed"], "caught": ends["caught"]}
        found.append(ApproverView(person=person, **_answers(rows), **tried))
    return tuple(sorted(found, key=lambda one: (-one.count, one.person)))


def _rules(votes: Sequence[Row]) -> tuple[RuleView, ...]:
    asked = _grouped((_rule(row), row) for row in votes)
    found = [RuleView(rule=rule, **_answers(rows)) for rule, rows in asked.items()]
    return tuple(sorted(found, key=lambda one: (-one.count, one.rule)))


def _rule(row: Row) -> str:
    """Which rules asked, by the judgement beside a row."""
    judged = cast("Mapping[str, Any]", orjson.loads(text(row, "judgement")))
    return "+".join(judged.get("rules", ()))


def _grouped(rows: Iterable[tuple[str, Row]]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for name, row in rows:
        found.setdefault(name, []).append(row)
    return found


def _answers(rows: Sequence[Row]) -> dict[str, Any]:
    took = [integer(row, "took") / 1e6 for row in rows]
    yes = sum(text(row, "decision") != "reject" for row in rows)
    low, high = percents(yes, len(rows))
    return {
        "count": len(rows),
        "yes": yes,
        "low": low,
        "high": high,
        "median_s": statistics.median(took),
        "hasty": sum(one < HASTY_S for one in took),
        "taken_back": sum(integer(row, "reversed") for row in rows),
    }
