"""The queue: what waits for somebody as their address asks for it, and what comes after a card."""

from __future__ import annotations

import re
from bisect import bisect
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeAlias
from urllib.parse import quote, urlencode

from sayso.actions.approvals.repository import ApprovalStatus, DecisionChoice
from sayso.actions.model.status import Status
from sayso.errors import RefusedError
from sayso.sdk.resources.inbox_page import InboxCursor, InboxPage
from sayso.sdk.views.solution import SolutionView
from sayso.sdk.words.solution_outcome import counting_votes
from sayso.surfaces.console.inbox_query import MOST_SEARCHED, ORDERED, InboxQuery
from sayso.surfaces.console.inbox_view import PAGE_SIZE
from sayso.surfaces.console.render import Times, plural
from sayso.surfaces.console.visit import Visit

EXPIRING_S = 3600.0
"""What nobody answers for so long yet is a no."""
_MOST_PLACES = 100
_CARD = re.compile(r"apr_[0-9a-zA-Z]{1,60}")
_DONE = frozenset({Status.SUCCEEDED, Status.COMPENSATED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A link to another page."""

    path: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbour:
    """Where this one stands in the queue, and which ones stand beside it."""

    place: str = ""
    inbox: str = ""
    next: Link | None = field(default=None)
    before: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Searched:
    """What of a tab fits what is looked for, in the order that is asked for.

    Attributes:
        all: all that was looked at. whole: nothing of the tab is left that was not.
        rest: where what is left begins; empty for none.
    """

    items: tuple[SolutionView, ...]
    all: tuple[SolutionView, ...]
    whole: bool
    rest: str = ""

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why these came to people, each once, the most frequent first."""
        counts: dict[str, int] = {}
        for view in self.all:
            for reason in view.lead.reasons:
                counts[reason] = counts.get(reason, 0) + 1
        return tuple(sorted(counts, key=lambda reason: (-counts[reason], reason)))

    def page(self, query: InboxQuery) -> InboxPage:
        """One page of it."""
        start = InboxCursor.read(query.after)
        rest = [view for view in self.items if query.place(view) > (start.at, start.id)]
        last = query.place(rest[PAGE_SIZE - 1]) if len(rest) > PAGE_SIZE else None
        after = None if last is None else InboxCursor(at=last[0], id=last[1])
        return InboxPage(items=tuple(rest[:PAGE_SIZE]), after=after)


async def searched(visit: Visit, query: InboxQuery, tests: Sequence[SolutionView]) -> Searched:
    """What of a tab fits.

    Args:
        tests: the test cards that stand among what waits.
    """
    found: list[SolutionView] = [] if query.tab == "decided" or query.past else list(tests)
    place = InboxCursor.read(query.past) if query.past else None
    while len(found) < MOST_SEARCHED:
        page = await _read(visit, query.tab, place)
        found += page.items
        place = page.after
        if query.tab == "expiring" and page.items and not _ends_soon(visit, page.items[-1]):
            place = None
        if place is None:
            break
    if query.tab == "expiring":
        found = [view for view in found if _ends_soon(visit, view)]
    fitting = [view for view in found if query.fits(view, visit.person.id)]
    if query.tab in ORDERED:
        fitting.sort(key=query.place)
    return Searched(
        items=tuple(fitting),
        all=tuple(found),
        whole=place is None and not query.past,
        rest="" if place is None else str(place),
    )


def soon_of(times: Times) -> datetime:
    """What ends by then ends soon."""
    return times.now + timedelta(seconds=EXPIRING_S)


def _ends_soon(visit: Visit, view: SolutionView) -> bool:
    return datetime.fromisoformat(view.expires_at) <= soon_of(visit.times)


async def _read(visit: Visit, tab: str, after: InboxCursor | None) -> InboxPage:
    solutions = visit.sayso.solutions
    if tab == "decided":
        return await solutions.decided(limit=100, after=after)
    role = tab == "role"
    return await solutions.waiting_for(visit.person, limit=100, after=after, answered_too=role)


def came_from(visit: Visit) -> InboxQuery:
    """From which list somebody has come to a card."""
    return InboxQuery.of(visit.request.query_params.get("in", ""))


def card_path(card_id: str, query: InboxQuery, said: str = "") -> str:
    """A card's address that knows the list it was opened from.

    Args:
        said: the card that was answered just before.
    """
    parts = {"in": query.link, "said": said}
    more = urlencode({name: value for name, value in parts.items() if value})
    return f"solution/{quote(card_id, safe='')}{'?' + more if more else ''}"


def inbox_path(query: InboxQuery, said: str = "") -> str:
    """The list's address."""
    more = "&".join(filter(None, (query.link, urlencode({"said": said}) if said else "")))
    return f"?{more}" if more else ""


async def near_of(visit: Visit, view: SolutionView) -> Neighbour:
    """What stands before and after a card in the list that it was opened from.

    After the last one comes the first one that still waits.
    """
    query = came_from(visit)
    tests = await visit.sayso.canaries.waiting_for(visit.person)
    if query.searches and query.tab in ORDERED:
        found = await searched(visit, query, tests)
        places = [(*query.place(one), "") for one in found.items]
        more = not found.whole
        here = query.place(view)
    else:
        query = query.whole if query.tab not in ORDERED else query
        places, more, here = await _places(visit, view, tests)
    at = next((n for n, one in enumerate(places) if _is_it(one, view)), None)
    after = bisect(places, (*here, "~")) if at is None else at + 1
    waits = [one for one in (*places[after:], *places[:after]) if not _is_it(one, view)]
    before = after - (1 if at is None else 2)
    return Neighbour(
        place=f"{after:,} of {len(places):,}{'+' if more else ''}" if at is not None else "",
        inbox=inbox_path(query),
        next=await _link(visit, waits[0][1], query) if waits else None,
        before=card_path(places[before][1], query) if before >= 0 else "",
    )


_Place: TypeAlias = tuple[int, str, str]
"""When one ends, its id, and one of its actions."""


async def _places(
    visit: Visit, view: SolutionView, tests: Sequence[SolutionView]
) -> tuple[list[_Place], bool, tuple[int, str]]:
    """Where each stands that waits for this person, the soonest first; and where the card would."""
    soonest = InboxQuery()
    here = soonest.place(view)
    solutions = visit.sayso.solutions
    found, more = await solutions.places_for(visit.person, limit=_MOST_PLACES)
    if more and (found[-1].at, found[-1].id) < here:
        # So far behind nobody counts: only what comes next is looked for.
        start = InboxCursor(at=here[0], id=here[1])
        rest, _ = await solutions.places_for(visit.person, limit=2, after=start)
        steps = {step.action_id for step in view.steps}
        found = [one for one in rest if one.action_id not in steps] or found[:1]
        tests = ()
    places = [(one.at, one.id, one.action_id) for one in found]
    places += [(*soonest.place(one), "") for one in tests]
    return sorted(places), more, here


def _is_it(place: _Place, view: SolutionView) -> bool:
    return place[1] == view.id or place[2] in {step.action_id for step in view.steps}


async def _link(visit: Visit, card_id: str, query: InboxQuery) -> Link:
    test = await visit.sayso.canaries.find(card_id)
    one = None if test is None else test.solution
    if one is None:
        one = await visit.sayso.solutions.get(card_id)
    money = ", ".join(map(str, one.totals)) or "no money"
    return Link(path=card_path(one.id, query), text=f"{one.customer.name}, {money}")


@dataclass(frozen=True, slots=True, kw_only=True)
class LastAnswer:
    """What somebody answered just before they came here."""

    path: str
    headline: str
    text: str
    kind: str


async def last_answer(visit: Visit) -> LastAnswer | None:
    """What the address says was answered just before; None where it is not theirs."""
    said = visit.request.query_params.get("said", "")
    if not _CARD.fullmatch(said):
        return None
    try:
        view = await visit.sayso.solutions.get(said)
    except RefusedError:
        return None
    mine = [vote for vote in counting_votes(view) if vote.person == visit.person.id]
    if not mine:
        return None
    yes = mine[-1].decision == DecisionChoice.APPROVE
    done = sum(Status(step.status) in _DONE for step in view.steps)
    steps = plural(len(view.steps), "step")
    text = f"{done} of {steps} done." if yes else "Nothing of it moves."
    if view.status == ApprovalStatus.PENDING:
        text = "It waits for somebody else."
    elif view.starts_at is not None:
        text = f"It starts {visit.times.told(view.starts_at)}; until then you can take it back."
    return LastAnswer(
        path=card_path(view.id, came_from(visit)),
        headline=f"You said {'yes' if yes else 'no'}: {view.lead.headline}",
        text=text,
        kind="ok" if yes and done == len(view.steps) else "past",
    )
