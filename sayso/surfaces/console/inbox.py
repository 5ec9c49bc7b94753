"""The inbox: what waits for this person, for their role, for anybody; and what was decided."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import assert_never

from starlette.responses import Response

from sayso.actions.approvals.repository import ApprovalStatus
from sayso.ids import from_micros, to_micros
from sayso.sdk.chat.work import page_of
from sayso.sdk.resources.inbox_page import InboxCursor, InboxPage
from sayso.sdk.resources.solutions import MOST_COUNTED
from sayso.sdk.resources.work import WorkView
from sayso.sdk.resources.work_wait import WorkCountsView
from sayso.sdk.views.bulk import SolutionGroup, by_rule
from sayso.sdk.views.solution import SolutionView
from sayso.sdk.words.solution_outcome import counting_votes, title_of
from sayso.surfaces.console.edge import read_form
from sayso.surfaces.console.handed_over import (
    MOST_WORK,
    UNSURE,
    all_unsure,
    handed_over,
    money_of,
    more_of,
)
from sayso.surfaces.console.inbox_query import ONLY, ORDERED, ORDERS, InboxQuery, fits
from sayso.surfaces.console.inbox_view import (
    PAGE_SIZE,
    Empty,
    Inbox,
    InboxGroup,
    InboxRow,
    StopNotice,
    Tab,
    found_words,
    nothing_fits,
    part_words,
)
from sayso.surfaces.console.queue import Searched, card_path, last_answer, searched, soon_of
from sayso.surfaces.console.render import Times, plural, sums
from sayso.surfaces.console.saved import VIEWS, keep, saved_by
from sayso.surfaces.console.visit import Visit, stopped_words

MOST_IN_TAB = 100
"""So many of somebody's own are counted; above it the tab says `100+`."""
MOST_REASONS = 20


async def show_inbox(visit: Visit) -> Response:
    """The page."""
    query = InboxQuery.read(visit.request.query_params)
    signs = await visit.sayso.policy.to_confirm(visit.session.token, visit.person.roles)
    inbox = replace(await _inbox(visit, query), signs=tuple(signs))
    page = visit.page(inbox.title, "", live="inbox")
    return visit.show(
        "inbox.html",
        page,
        inbox=inbox,
        views=saved_by(visit, VIEWS),
        said=await last_answer(visit),
        orders=ORDERS,
        only=ONLY,
        ordered=query.tab in ORDERED,
    )


async def keep_view(visit: Visit) -> Response:
    """Keep what is looked for under a name in this browser, or forget it."""
    form = await read_form(visit.request)
    query = InboxQuery.of(form.one("q")).filtered()
    return keep(visit, VIEWS, form.with_one("q", query.link), visit.see(f"?{query.link}"))


async def _inbox(visit: Visit, query: InboxQuery) -> Inbox:
    tests = await visit.sayso.canaries.waiting_for(visit.person)
    counts = await visit.sayso.work.count(visit.person.id)
    unknown = await visit.sayso.work.list(kinds=UNSURE, limit=MOST_WORK)
    tabs = await _tabs(visit, query, tests, counts, unknown)
    stops = tuple(
        StopNotice(
            title=f"Stopped: {stopped_words(stop)}",
            text=f"{stop.engaged_by} stopped it {visit.times.told(stop.engaged_at)}: "
            f"“{stop.reason}”. Yes and no still count; what you agree to waits.",
        )
        for stop in visit.stops
    )
    match query.tab:
        case "handed-over":
            return await handed_over(visit, query, counts, tabs, stops)
        case "unknown":
            return await _unknown(visit, query, unknown, tabs, stops)
        case _:
            pass
    looks = query.searches or query.tab == "expiring"
    found = await searched(visit, query, tests) if looks else None
    if found is not None:
        page = found.page(query)
    elif query.tab == "decided":
        start = InboxCursor.read(query.after) if query.after else None
        with visit.look():  # the other tabs are what people decide on
            page = await visit.sayso.solutions.decided(limit=PAGE_SIZE, after=start)
    else:
        start = InboxCursor.read(query.after) if query.after else None
        role = query.tab == "role"
        waiting = visit.sayso.solutions.waiting_for
        page = await waiting(visit.person, limit=PAGE_SIZE, after=start, answered_too=role)
        page = _among(page, tests, start)
    make = {"role": _role, "decided": _decided, "expiring": _expiring}.get(query.tab, _mine)
    shown = make(visit.times, query, page, tabs, stops)
    return shown if found is None or not query.searches else _as_searched(shown, query, found)


async def _tabs(
    visit: Visit,
    query: InboxQuery,
    tests: Sequence[SolutionView],
    counts: WorkCountsView,
    unknown: Sequence[WorkView],
) -> tuple[Tab, ...]:
    """The tabs, each with how many there are, whatever is looked for in one of them."""
    places, more = await visit.sayso.solutions.places_for(visit.person, limit=MOST_IN_TAB)
    ends = [from_micros(one.at) for one in places]
    ends += [datetime.fromisoformat(view.expires_at) for view in tests]
    soon = sum(end <= soon_of(visit.times) for end in ends)
    in_role = len(tests) + await visit.sayso.solutions.count_for(visit.person)
    return (
        Tab(id="mine", name="Mine", count=_count(len(ends), more)),
        Tab(id="expiring", name="Ends soon", count=_count(soon, more and soon == len(ends))),
        Tab(id="role", name="My role", count=_count(in_role, in_role >= MOST_COUNTED)),
        Tab(id="handed-over", name="Handed over", count=_count(counts.total, more=False)),
        Tab(
            id="unknown",
            name="Unknown or failed",
            count=_count(len(unknown), len(unknown) == MOST_WORK),
        ),
        Tab(id="decided", name="Decided"),
    )


def _as_searched(shown: Inbox, query: InboxQuery, found: Searched) -> Inbox:
    """The page of a tab as what was looked for leaves it."""
    number = len(found.items)
    many = plural(number, "card fits", "cards fit")
    part = part_words(len(found.all), whole=found.whole, seen=query.seen)
    return replace(
        shown,
        title=f"{many if number else 'No card fits'}{part}",
        hint=ORDERS[query.order] if query.tab in ORDERED else shown.hint,
        empty=nothing_fits(query, [view.customer.name for view in found.all]),
        reasons=found.reasons[:MOST_REASONS],
        groups=(),
        stake_of=0,
        further=query.further(found.rest, len(found.all)),
    )


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


def _count(number: int, more: bool) -> str:
    return "" if number == 0 else f"{number:,}{'+' if more else ''}"


def _mine(
    times: Times,
    query: InboxQuery,
    page: InboxPage,
    tabs: tuple[Tab, ...],
    stops: tuple[StopNotice, ...],
) -> Inbox:
    number, more = len(page.items), page.after is not None
    count = tabs[0].count or str(number)
    title = f"{count} wait for you" if count != "1" else "1 waits for you"
    return Inbox(
        query=query,
        title=title if number else "Nothing waits for you",
        news=title if number else "Nothing waits for you any more.",
        hint="Soonest first. No answer in time counts as no." if number else "",
        tabs=tabs,
        rows=tuple(_row(times, query, view) for view in page.items),
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
        stake_of=number if more or query.first > 1 else 0,
        place=_place(query, page, count),
        next=_next(query, page),
        groups=tuple(
            InboxGroup(rule=one.rule, text=f"{len(one.items)} of {_asked(one)}, {_money(one)}")
            for one in by_rule(page.items)
        ),
    )


def _expiring(
    times: Times,
    query: InboxQuery,
    page: InboxPage,
    tabs: tuple[Tab, ...],
    stops: tuple[StopNotice, ...],
) -> Inbox:
    count = tabs[1].count or "None"
    return replace(
        _mine(times, query, page, tabs, stops),
        title=f"{count} of yours {'ends' if count == '1' else 'end'} within an hour",
        empty=Empty(title="Nothing ends soon", text="What nobody answers in time counts as no."),
        place=_place(query, page, count),
    )


def _place(query: InboxQuery, page: InboxPage, count: str) -> str:
    """Which rows these are, where there are more than a page of them."""
    last = query.first + len(page.items) - 1
    if page.after is None and query.first == 1:
        return ""
    return f"{query.first:,} to {last:,} of {count}"


def _next(query: InboxQuery, page: InboxPage) -> str:
    if page.after is None:
        return ""
    return query.page(str(page.after), query.first + len(page.items))


def _asked(group: SolutionGroup) -> str:
    """What asked about all of them; in words where these are the same for each."""
    return f"“{group.why}”" if group.why else f"one kind, such as “{group.items[0].lead.why}”"


def _money(group: SolutionGroup) -> str:
    return " + ".join(map(str, group.totals)) or "no money"


_OTHERS = {"role": "in your role", "handed-over": "handed over", "unknown": "unknown"}


def _role(
    times: Times,
    query: InboxQuery,
    page: InboxPage,
    tabs: tuple[Tab, ...],
    stops: tuple[StopNotice, ...],
) -> Inbox:
    count = tabs[2].count or str(len(page.items))
    return Inbox(
        query=query,
        title=f"{count} in your role" if page.items else "Nothing in your role",
        news="What waits for your role has changed.",
        hint="Also what you have answered, and what others may answer.",
        tabs=tabs,
        rows=tuple(_row(times, query, view) for view in page.items),
        empty=Empty(title="Nothing waits", text="New ones show here by themselves."),
        stops=stops,
        place=_place(query, page, count),
        next=_next(query, page),
    )


def _row(times: Times, query: InboxQuery, view: SolutionView) -> InboxRow:
    lead = view.lead
    more = len(lead.unusual) - 1
    odd = lead.unusual[0] if lead.unusual else "Nothing unusual"
    agreed = f" {view.agreed[0]} said yes" if view.agreed else ""
    return InboxRow(
        path=card_path(view.id, query),
        name=view.customer.name,
        account=_account(view),
        what=steps_line(view),
        why=f"{lead.why}.{agreed}" if agreed else lead.why,
        odd=f"{odd} (+{more})" if more > 0 else odd,
        odd_kind="some" if lead.unusual else "no",
        money=tuple(map(str, view.totals)),
        left=times.left(view.expires_at),
        until=view.expires_at,
        since=f"asked {times.timed(view.created_at)}{_has(view)}",
    )


def _has(view: SolutionView) -> str:
    """Who was given it, after the time."""
    return f", {view.assignee} has it" if view.assignee else ""


def _account(view: SolutionView) -> str:
    """The account's id below a name; nothing where it is what they are called by."""
    return "" if view.customer.name == view.customer.id else view.customer.id


def steps_line(view: SolutionView) -> str:
    """What its steps do, as one line of a row."""
    return " · ".join(map(title_of, view.steps))


def _decided(
    times: Times,
    query: InboxQuery,
    page: InboxPage,
    tabs: tuple[Tab, ...],
    stops: tuple[StopNotice, ...],
) -> Inbox:
    return Inbox(
        query=query,
        title="Decided",
        news="Something was decided.",
        hint="Newest first.",
        tabs=tabs,
        rows=tuple(_decided_row(times, query, view) for view in page.items),
        empty=Empty(title="Nothing was decided yet", text="What people answer shows here."),
        stops=stops,
        next=_next(query, page),
    )


def _decided_row(times: Times, query: InboxQuery, view: SolutionView) -> InboxRow:
    said = {vote.person for vote in counting_votes(view)}
    done = sum(step.status in {"succeeded", "compensated"} for step in view.steps)
    return InboxRow(
        path=card_path(view.id, query),
        name=view.customer.name,
        account=_account(view),
        what=steps_line(view),
        why=f"{answer_words(view)}{' by ' + ', '.join(sorted(said)) if said else ''}",
        odd=f"{done} of {plural(len(view.steps), 'step')} done",
        money=tuple(map(str, view.totals)),
        left=times.timed(view.updated_at),
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


async def _unknown(
    visit: Visit,
    query: InboxQuery,
    items: Sequence[WorkView],
    tabs: tuple[Tab, ...],
    stops: tuple[StopNotice, ...],
) -> Inbox:
    number = len(items)
    title = f"{number} whose end is unknown, or that failed" if number else "Every end is known"
    if any(view.kind == "elsewhere" for view in items):
        title = f"{number} unknown, failed, or done outside Sayso"
    empty = Empty(title="Nothing", text="No call has lost its answer, and no money is stuck.")
    rows = [_work(visit.times, view) for view in items]
    further = ""
    if query.words:
        items, rest_from = await all_unsure(visit, query.past)
        rows = [
            row
            for row, view in ((_work(visit.times, view), view) for view in items)
            if fits(query.words, "\n".join((*row.money, row.name, row.what, row.why, view.about)))
        ]
        whole = not rest_from and not query.past
        looked_at = part_words(len(items), whole=whole, seen=query.seen)
        title = f"{found_words(len(rows))}{looked_at}"
        empty = nothing_fits(query, [view.name for view in items])
        further = query.further(rest_from, len(items))
    rest = rows[query.first - 1 :]
    last = query.first - 1 + min(len(rest), PAGE_SIZE)
    return Inbox(
        query=query,
        title=title,
        news="What is unknown or failed has changed.",
        hint="What is unknown is looked up, never called again blindly.",
        tabs=tabs,
        rows=tuple(rest[:PAGE_SIZE]),
        empty=empty,
        stops=stops,
        place=f"{query.first:,} to {last:,} of {len(rows):,}" if len(rows) > PAGE_SIZE else "",
        next=query.page("", last + 1) if len(rest) > PAGE_SIZE else "",
        further=further,
    )


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
