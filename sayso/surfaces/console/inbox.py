"""The inbox: what waits for this person, for their role, for anybody; and what was decided."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from textwrap import shorten
from typing import assert_never

from starlette.responses import Response

from sayso.actions.approvals.repository import ApprovalStatus
from sayso.ids import to_micros
from sayso.money import Money
from sayso.sdk.resources.solutions import MOST_COUNTED, InboxCursor, InboxPage
from sayso.sdk.resources.work import WorkView
from sayso.sdk.views.bulk import SolutionGroup, by_rule
from sayso.sdk.views.solution import SolutionView
from sayso.surfaces.console.render import Times, plural, sums
from sayso.surfaces.console.visit import Visit, stopped_words
from sayso.surfaces.console.work import page_of

PAGE_SIZE = 25
EXPIRING_S = 3600.0
"""What nobody answers for so long yet is a no."""
_TABS = ("mine", "expiring", "role", "handed-over", "unknown", "decided")
_COLUMNS = {
    "mine": ("In all", "For whom, and what", "Why it came to you", "Unusual", "Time left"),
    "expiring": ("In all", "For whom, and what", "Why it came to you", "Unusual", "Time left"),
    "role": ("In all", "For whom, and what", "Why it came to people", "Unusual", "Time left"),
    "handed-over": (
        "Money",
        "Who wrote what (not checked)",
        "Why the agent stopped",
        "Where it stands",
        "Since",
    ),
    "unknown": ("In all", "For whom, and what", "What is known", "What comes next", "Since"),
    "decided": ("In all", "For whom, and what", "Answer", "Where it stands", "When"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tab:
    """A tab with how many there are; empty where nobody has to know."""

    id: str
    name: str
    count: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxRow:
    """A row: one solution, request or action."""

    path: str
    name: str
    account: str = ""
    what: str
    why: str
    odd: str
    left: str
    since: str
    money: tuple[str, ...] = ()
    no_money: str = "no money"
    odd_kind: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Empty:
    """What stands in the place of rows, since absence is said."""

    title: str
    text: str
    others: tuple[Tab, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxGroup:
    """Several of one rule, which can be answered together."""

    rule: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StopNotice:
    """What is stopped, above the list."""

    title: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Inbox:
    """What the page says."""

    tab: str
    title: str
    news: str
    hint: str
    tabs: tuple[Tab, ...]
    rows: tuple[InboxRow, ...]
    empty: Empty
    stops: tuple[StopNotice, ...]
    stake: tuple[Money, ...] = ()
    stake_of: int = 0
    next: str = ""
    page_size: int = PAGE_SIZE
    groups: tuple[InboxGroup, ...] = field(default=())

    @property
    def columns(self) -> tuple[str, ...]:
        """The heads of the columns."""
        return _COLUMNS[self.tab]

    @property
    def is_work(self) -> bool:
        """Whether the rows are what people have to take, and not to answer."""
        return self.tab in {"handed-over", "unknown"}

    @property
    def key(self) -> str:
        """Differs whenever anything that is shown differs, times aside."""
        shown = [(row.path, row.what, row.why, row.odd) for row in self.rows]
        said = repr((self.tab, self.title, shown, self.tabs, self.stops, self.groups))
        return hashlib.sha256(said.encode()).hexdigest()[:16]


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
    if tab not in _TABS:
        tab = "mine"
    inbox = await _inbox(visit, tab, query.get("after", ""))
    page = visit.page(inbox.title, "", live="inbox")
    return visit.show("inbox.html", page, inbox=inbox)


async def _inbox(visit: Visit, tab: str, after: str) -> Inbox:
    solutions = visit.sayso.solutions
    start = InboxCursor.read(after) if after else None
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
    handed_over = await visit.sayso.work.list(kinds=("handed_over", "unanswered"), limit=PAGE_SIZE)
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
        Tab(
            id="handed-over",
            name="Handed over",
            count=_count(len(handed_over), len(handed_over) == PAGE_SIZE),
        ),
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
            words = {view.about: await _words(visit, view) for view in handed_over}
            return _handed_over(visit.times, handed_over, words, tabs, stops)
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
        next=str(page.after) if page.after is not None else "",
        groups=tuple(
            InboxGroup(rule=one.rule, text=f"{len(one.items)} of “{one.why}”, {_money(one)}")
            for one in by_rule(page.items)
        ),
    )


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
        next=str(page.after) if page.after is not None else "",
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
        what=_steps(view),
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


def _steps(view: SolutionView) -> str:
    """What its steps do, as one line of a row."""
    return " · ".join(step.title for step in view.steps)


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
        next=str(page.after) if page.after is not None else "",
    )


def _decided_row(times: Times, view: SolutionView) -> InboxRow:
    said = {vote.person for vote in view.votes}
    done = sum(step.status in {"succeeded", "compensated"} for step in view.steps)
    return InboxRow(
        path=f"solution/{view.id}",
        name=view.customer.name,
        account=_account(view),
        what=_steps(view),
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


async def _words(visit: Visit, view: WorkView) -> str:
    """What the customer wrote first; empty when they were erased."""
    turns = await visit.sayso.solutions.turns(view.about)
    first = next((turn.content for turn in turns if turn.role == "customer"), "")
    return shorten(first, 120, placeholder=" …")


def _handed_over(
    times: Times,
    items: Sequence[WorkView],
    words: Mapping[str, str],
    tabs: tuple[Tab, ...],
    stops: tuple[StopNotice, ...],
) -> Inbox:
    number = len(items)
    return Inbox(
        tab="handed-over",
        title=f"{number} handed over to people" if number else "Nothing was handed over",
        news="What was handed over has changed.",
        hint="Each customer was told that a person answers.",
        tabs=tabs,
        rows=tuple(_work(times, view, words[view.about]) for view in items),
        empty=Empty(title="Nothing", text="The agent has understood every request."),
        stops=stops,
    )


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


_UNSURE = ("unknown", "failed", "unfitting", "elsewhere")
_KINDS = {
    "handed_over": "Handed over",
    "unanswered": "The customer has not answered",
    "unknown": "Nobody knows yet whether it was done",
    "failed": "Did not work",
    "unfitting": "Done, and does not fit what was approved",
    "elsewhere": "Done outside Sayso",
}


def _work(times: Times, view: WorkView, words: str = "") -> InboxRow:
    kind = f"{_KINDS[view.kind]}{': ' + view.what if view.what else ''}"
    return InboxRow(
        path=page_of(view.about),
        name=view.name or view.subject,
        account=view.subject if view.name else "",
        what=f"“{words}”" if words else kind,
        why=view.why[:1].upper() + view.why[1:],
        odd=f"Taken by {view.assignee}" if view.assignee else "Nobody has taken it",
        odd_kind="no" if view.assignee else "some",
        money=_money_of(view),
        no_money="no amount",
        left=times.ago(view.since),
        since=_more_of(view),
    )


def _money_of(view: WorkView) -> tuple[str, ...]:
    """What it is about, or what is drafted for it."""
    steps = () if view.draft is None else view.draft.steps
    drafted = tuple(str(step.amount) for step in steps if step.amount is not None)
    return drafted if view.amount is None else (str(view.amount),)


def _more_of(view: WorkView) -> str:
    said = ["customer not verified"] if view.unknown_writer else []
    if view.draft is not None:
        said.append("a solution is drafted")
    if view.notes:
        said.append(plural(len(view.notes), "note"))
    return ", ".join(said)


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
