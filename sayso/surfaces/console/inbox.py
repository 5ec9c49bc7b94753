"""The inbox: what waits for this person, for their role, for anybody; and what was decided."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import assert_never
from urllib.parse import quote

from starlette.responses import Response

from sayso.actions.approvals.repository import ApprovalStatus
from sayso.ids import to_micros
from sayso.sdk.resources.solutions import MOST_COUNTED, InboxCursor, InboxPage
from sayso.sdk.resources.work import WorkView
from sayso.sdk.views.bulk import SolutionGroup, by_rule
from sayso.sdk.views.solution import SolutionView
from sayso.sdk.words.solution_outcome import title_of
from sayso.surfaces.console.handed_over import handed_over, money_of, more_of
from sayso.surfaces.console.inbox_view import (
    PAGE_SIZE,
    TABS,
    Empty,
    Inbox,
    InboxGroup,
    InboxRow,
    StopNotice,
    Tab,
)
from sayso.surfaces.console.render import Times, plural, sums
from sayso.surfaces.console.visit import Visit, stopped_words
from sayso.surfaces.console.work import page_of

EXPIRING_S = 3600.0
"""What nobody answers for so long yet is a no."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A link below the answer."""

    path: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbour:
    """Where this one stands in the inbox, and which one comes next."""

    place: str = ""
    next: Link | None = field(default=None)


async def show_inbox(visit: Visit) -> Response:
    """The page."""
    query = visit.request.query_params
    tab = query.get("tab", "mine")
    if tab not in TABS:
        tab = "mine"
    inbox = await _inbox(visit, tab, query.get("after", ""))
    page = visit.page(inbox.title, "", live="inbox")
    return visit.show("inbox.html", page, inbox=inbox)


async def _inbox(visit: Visit, tab: str, after: str) -> Inbox:
    solutions = visit.sayso.solutions
    start = InboxCursor.read(after) if after and tab != "handed-over" else None
    tests = await visit.sayso.canaries.waiting_for(visit.person)
    mine: InboxPage | None = None
    if tab in {"mine", "expiring"}:
        mine = await solutions.waiting_for(visit.person, limit=PAGE_SIZE, after=start)
        mine = _among(mine, tests, start)
        ends = [datetime.fromisoformat(view.expires_at) for view in mine.items]
        more = mine.after is not None
    else:
        ends, more = await solutions.ends_for(visit.person, limit=PAGE_SIZE)
        ends += [datetime.fromisoformat(view.expires_at) for view in tests]
    soon = sum(end <= _soon(visit.times) for end in ends)
    in_role = len(tests) + await solutions.count_for(visit.person)
    counts = await visit.sayso.work.count(visit.person.id)
    unknown = await visit.sayso.work.list(kinds=_UNSURE, limit=PAGE_SIZE)
    tabs = (
        Tab(id="mine", name="Mine", count=_count(len(ends), more)),
        Tab(
            id="expiring",
            name="Ends soon",
            # Without one while another page is looked at.
            count="" if after else _count(soon, more and soon == len(ends)),
        ),
        Tab(id="role", name="My role", count=_count(in_role, in_role >= MOST_COUNTED)),
        Tab(id="handed-over", name="Handed over", count=_count(counts.total, more=False)),
        Tab(
            id="unknown",
            name="Unknown or failed",
            count=_count(len(unknown), len(unknown) == PAGE_SIZE),
        ),
        Tab(id="decided", name="Decided"),
    )
    stops = tuple(
        StopNotice(
            title=f"Stopped: {stopped_words(stop)}",
            text=f"{stop.engaged_by} stopped it {visit.times.at(stop.engaged_at)}: "
            f"“{stop.reason}”. Yes and no still count; what you agree to waits.",
        )
        for stop in visit.stops
    )
    if mine is not None and tab == "expiring":
        mine = _expiring(visit.times, mine)
        number = len(mine.items)
        title = f"{number or 'None'} of yours {'ends' if number == 1 else 'end'} within an hour"
        empty = Empty(title="Nothing ends soon", text="What nobody answers in time counts as no.")
        shown = _mine(visit.times, mine, tabs, stops)
        return replace(shown, tab=tab, title=title, empty=empty)
    if mine is not None:
        return _mine(visit.times, mine, tabs, stops)
    match tab:
        case "role":
            page = await solutions.waiting_for(
                visit.person,
                limit=PAGE_SIZE,
                after=start,
                answered_too=True,
            )
            return _role(visit.times, _among(page, tests, start), tabs, stops)
        case "handed-over":
            return await handed_over(visit, counts, tabs, stops)
        case "unknown":
            return _unknown(visit.times, unknown, tabs, stops)
        case _:
            page = await solutions.decided(limit=PAGE_SIZE, after=start)
            return _decided(visit.times, page, tabs, stops)


def _among(page: InboxPage, tests: Sequence[SolutionView], start: InboxCursor | None) -> InboxPage:
    """A page with the test cards that stand among its solutions, by when they end."""
    begin = 0 if start is None else start.at
    end = page.after.at if page.after is not None else None
    here = [
        view
        for view in tests
        if begin < (at := to_micros(datetime.fromisoformat(view.expires_at)))
        and (end is None or at <= end)
    ]
    items = sorted([*page.items, *here], key=lambda view: (view.expires_at, view.id))
    return InboxPage(items=tuple(items), after=page.after)


def _soon(times: Times) -> datetime:
    return times.now + timedelta(seconds=EXPIRING_S)


def _expiring(times: Times, mine: InboxPage) -> InboxPage:
    """Those of a page, the soonest first, whose time is over within an hour."""
    until = _soon(times)
    soon = [view for view in mine.items if datetime.fromisoformat(view.expires_at) <= until]
    more = mine.after if len(soon) == len(mine.items) else None
    return InboxPage(items=tuple(soon), after=more)


def _count(number: int, more: bool) -> str:
    return "" if number == 0 else f"{number:,}{'+' if more else ''}"


def _mine(
    times: Times, page: InboxPage, tabs: tuple[Tab, ...], stops: tuple[StopNotice, ...]
) -> Inbox:
    number, more = len(page.items), page.after is not None
    title = f"{number}{'+' if more else ''} wait for you" if number != 1 else "1 waits for you"
    return Inbox(
        tab="mine",
        title=title if number else "Nothing waits for you",
        news=title if number else "Nothing waits for you any more.",
        hint="Soonest first. No answer in time counts as no." if number else "",
        tabs=tabs,
        rows=tuple(_row(times, view) for view in page.items),
        empty=Empty(
            title="All answered",
            text="New ones show here by themselves.",
            others=tuple(
                Tab(id=tab.id, name=tab.name, count=f"{tab.count} {_OTHERS[tab.id]}")
                for tab in tabs
                if tab.count and tab.id in _OTHERS
            ),
        ),
        stops=stops,
        stake=tuple(sums([money for view in page.items for money in view.totals])),
        stake_of=number if more else 0,
        next=_next("mine", page),
        groups=tuple(
            InboxGroup(rule=one.rule, text=f"{len(one.items)} of {_asked(one)}, {_money(one)}")
            for one in by_rule(page.items)
        ),
    )


def _next(tab: str, page: InboxPage) -> str:
    return "" if page.after is None else f"tab={tab}&after={quote(str(page.after), safe='')}"


def _asked(group: SolutionGroup) -> str:
    """What asked about all of them; in words where these are the same for each."""
    return f"“{group.why}”" if group.why else f"one kind, each with its own reason ({group.rule})"


def _money(group: SolutionGroup) -> str:
    return " + ".join(map(str, group.totals)) or "no money"


_OTHERS = {"role": "in your role", "handed-over": "handed over", "unknown": "unknown"}


def _role(
    times: Times, page: InboxPage, tabs: tuple[Tab, ...], stops: tuple[StopNotice, ...]
) -> Inbox:
    number, more = len(page.items), page.after is not None
    return Inbox(
        tab="role",
        title=f"{number}{'+' if more else ''} in your role" if number else "Nothing in your role",
        news="What waits for your role has changed.",
        hint="Also what you have answered, and what others may answer.",
        tabs=tabs,
        rows=tuple(_row(times, view) for view in page.items),
        empty=Empty(title="Nothing waits", text="New ones show here by themselves."),
        stops=stops,
        next=_next("role", page),
    )


def _row(times: Times, view: SolutionView) -> InboxRow:
    lead = view.lead
    more = len(lead.unusual) - 1
    odd = lead.unusual[0] if lead.unusual else "Nothing unusual"
    agreed = f" {view.agreed[0]} said yes" if view.agreed else ""
    return InboxRow(
        path=f"solution/{view.id}",
        name=view.customer.name,
        account=_account(view),
        what=steps_line(view),
        why=f"{lead.why}.{agreed}" if agreed else lead.why,
        odd=f"{odd} (+{more})" if more > 0 else odd,
        odd_kind="some" if lead.unusual else "no",
        money=tuple(map(str, view.totals)),
        left=times.left(view.expires_at),
        since=f"asked {times.clock(view.created_at)}",
    )


def _account(view: SolutionView) -> str:
    """The account's id below a name; nothing where it is what they are called by."""
    return "" if view.customer.name == view.customer.id else view.customer.id


def steps_line(view: SolutionView) -> str:
    """What its steps do, as one line of a row."""
    return " · ".join(map(title_of, view.steps))


def _decided(
    times: Times, page: InboxPage, tabs: tuple[Tab, ...], stops: tuple[StopNotice, ...]
) -> Inbox:
    return Inbox(
        tab="decided",
        title="Decided",
        news="Something was decided.",
        hint="Newest first.",
        tabs=tabs,
        rows=tuple(_decided_row(times, view) for view in page.items),
        empty=Empty(title="Nothing was decided yet", text="What people answer shows here."),
        stops=stops,
        next=_next("decided", page),
    )


def _decided_row(times: Times, view: SolutionView) -> InboxRow:
    said = {vote.person for vote in view.votes}
    done = sum(step.status in {"succeeded", "compensated"} for step in view.steps)
    return InboxRow(
        path=f"solution/{view.id}",
        name=view.customer.name,
        account=_account(view),
        what=steps_line(view),
        why=f"{answer_words(view)}{' by ' + ', '.join(sorted(said)) if said else ''}",
        odd=f"{done} of {plural(len(view.steps), 'step')} done",
        money=tuple(map(str, view.totals)),
        left=times.clock(view.updated_at),
        since="",
    )


def answer_words(view: SolutionView) -> str:
    """What came of a solution that nobody waits for any more."""
    status = ApprovalStatus(view.status)
    match status:
        case ApprovalStatus.PENDING:
            return "Waits"
        case ApprovalStatus.APPROVED:
            return "Yes"
        case ApprovalStatus.REJECTED:
            return "No"
        case ApprovalStatus.EXPIRED:
            return "No answer, which counts as no"
        case ApprovalStatus.WITHDRAWN:
            return "Withdrawn by the customer"
        case ApprovalStatus.SUPERSEDED:
            return "Withdrawn"
        case _:
            assert_never(status)


def _unknown(
    times: Times, items: Sequence[WorkView], tabs: tuple[Tab, ...], stops: tuple[StopNotice, ...]
) -> Inbox:
    number = len(items)
    title = f"{number} whose end is unknown, or that failed" if number else "Every end is known"
    if any(view.kind == "elsewhere" for view in items):
        title = f"{number} unknown, failed, or done outside Sayso"
    return Inbox(
        tab="unknown",
        title=title,
        news="What is unknown or failed has changed.",
        hint="What is unknown is looked up, never called again blindly.",
        tabs=tabs,
        rows=tuple(_work(times, view) for view in items),
        empty=Empty(title="Nothing", text="No call has lost its answer, and no money is stuck."),
        stops=stops,
    )


_UNSURE = ("unknown", "failed", "unfitting", "elsewhere", "thread")
_KINDS = {
    "unknown": "Nobody knows yet whether it was done",
    "failed": "Did not work",
    "unfitting": "Done, and does not fit what was approved",
    "elsewhere": "Done outside Sayso",
    "thread": "Left to you at a desk",
}


def _work(times: Times, view: WorkView) -> InboxRow:
    return InboxRow(
        path=page_of(view.about),
        name=view.name or view.subject,
        account=view.subject if view.name else "",
        what=f"{_KINDS[view.kind]}{': ' + view.what if view.what else ''}",
        why=view.why[:1].upper() + view.why[1:],
        odd=f"Taken by {view.assignee}" if view.assignee else "Nobody has taken it",
        odd_kind="no" if view.assignee else "some",
        money=money_of(view),
        no_money="no amount",
        left=times.ago(view.since),
        since=more_of(view),
    )


async def near_of(visit: Visit, view: SolutionView) -> Neighbour:
    """The next one that waits for the same person, the soonest first."""
    waiting = await visit.sayso.solutions.waiting_for(visit.person, limit=25)
    waiting = _among(waiting, await visit.sayso.canaries.waiting_for(visit.person), None)
    ids = [one.id for one in waiting.items]
    place = (
        f"{ids.index(view.id) + 1} of {len(ids)}{'+' if waiting.after else ''}"
        if (view.id in ids)
        else ""
    )
    start = ids.index(view.id) + 1 if view.id in ids else 0
    for one in [*waiting.items[start:], *waiting.items[:start]]:
        if one.id != view.id:
            money = ", ".join(map(str, one.totals)) or "no money"
            text = f"{one.customer.name}, {money}"
            return Neighbour(place=place, next=Link(path=one.id, text=text))
    return Neighbour(place=place)
