"""What was handed over to people: who waits, since when, until when an answer is promised."""

from __future__ import annotations

import re
from textwrap import shorten

from sayso.money import Money
from sayso.sdk.chat.work import page_of
from sayso.sdk.resources.work import WorkView
from sayso.sdk.resources.work_wait import WorkCountsView
from sayso.surfaces.console.inbox_query import MOST_SEARCHED, InboxQuery, fits
from sayso.surfaces.console.inbox_view import (
    PAGE_SIZE,
    Empty,
    Inbox,
    InboxLook,
    InboxRow,
    StopNotice,
    Tab,
    found_words,
    nothing_fits,
    part_words,
)
from sayso.surfaces.console.render import Times, plural
from sayso.surfaces.console.visit import Visit

_LOOKS = ("", "nobody", "mine", "late")
_REQUESTS = ("handed_over", "unanswered")
_ID = re.compile(r"[a-z]+_[0-9a-zA-Z]{1,60}")
_UNSURE = (("unknown",), ("failed",), ("unfitting",), ("elsewhere", "thread"))
"""What is unknown or failed, by what one list of it can go on behind, in the order of all."""
UNSURE = tuple(kind for kinds in _UNSURE for kind in kinds)
MOST_WORK = 200
"""As many as one call lists."""


async def handed_over(
    visit: Visit,
    query: InboxQuery,
    counts: WorkCountsView,
    tabs: tuple[Tab, ...],
    stops: tuple[StopNotice, ...],
) -> Inbox:
    """The tab: all of them, the longest wait first, by pages."""
    look = query.look if query.look in _LOOKS else ""
    empty = _empty(look, counts)
    here, first = _number(look, counts), query.first if query.after else 1
    part = further = ""
    if query.words:
        items, empty, every = await _searched(visit, query, look)
        rest = every[-1].about if len(every) >= MOST_SEARCHED else ""
        whole = not rest and not query.past
        here, part = len(items), part_words(len(every), whole=whole, seen=query.seen)
        further = query.further(rest, len(every))
        first = query.first
        items = items[first - 1 : first - 1 + PAGE_SIZE]
    else:
        items = await _list(visit, look, PAGE_SIZE, query.after)
    last = first + len(items) - 1
    more = len(items) == PAGE_SIZE and last < here
    return Inbox(
        query=query,
        title=f"{found_words(here)}{part}" if query.words else _title(counts),
        news="What was handed over has changed.",
        hint="Longest wait first.",
        soft="" if query.words else _soft(counts),
        tabs=tabs,
        looks=tuple(_look(one, look, query, counts) for one in _LOOKS) if counts.total else (),
        rows=tuple([_row(visit, view, await _words(visit, view)) for view in items]),
        empty=empty,
        stops=stops,
        place=f"{first:,} to {last:,} of {max(here, last):,}. Each customer was told that a person "
        "answers."
        if items
        else "",
        next=query.page(items[-1].about, last + 1) if more else "",
        further=further,
    )


async def _list(visit: Visit, look: str, limit: int, after: str) -> list[WorkView]:
    return await visit.sayso.work.list(
        kinds=_REQUESTS,
        order="wait",
        assignee=visit.person.id if look == "mine" else None,
        nobodys=look == "nobody",
        late=look == "late",
        limit=limit,
        after=after if _ID.fullmatch(after) else None,
    )


async def _searched(
    visit: Visit, query: InboxQuery, look: str
) -> tuple[list[WorkView], Empty, list[WorkView]]:
    """What fits of those that wait longest; what stands there where nothing does; all of them."""
    every: list[WorkView] = []
    while len(every) < MOST_SEARCHED:
        page = await _list(visit, look, MOST_WORK, every[-1].about if every else query.past)
        every += page
        if len(page) < MOST_WORK:
            break
    found = [
        view
        for view in every
        if fits(query.words, f"{await _said(visit, view)}\n{_text(view)}", _amounts(view))
    ]
    return found, nothing_fits(query, [view.name for view in every]), every


async def all_unsure(visit: Visit, past: str) -> tuple[list[WorkView], str]:
    """So much of what is unknown or failed as one search looks at; where the rest of it begins.

    Args:
        past: where what was looked at before has ended; empty for the beginning.
    """
    kind, _, after = past.partition(".")
    at = [kinds[0] for kinds in _UNSURE]
    goes_on = kind in at and after.isprintable()
    begin, last = (at.index(kind), after or None) if goes_on else (0, None)
    found: list[WorkView] = []
    for kinds in _UNSURE[begin:]:
        more = True
        while more:
            size = min(MOST_WORK, MOST_SEARCHED - len(found))
            if not size:
                return found, f"{kinds[0]}.{last or ''}"
            page = await visit.sayso.work.list(kinds=kinds, limit=size, after=last)
            found += page
            more, last = len(page) == size, page[-1].about if page else None
        last = None
    return found, ""


def _text(view: WorkView) -> str:
    return "\n".join((view.name, view.subject, view.about, view.why, view.assignee or ""))


def _amounts(view: WorkView) -> tuple[Money, ...]:
    steps = () if view.draft is None else view.draft.steps
    drafted = tuple(step.amount for step in steps if step.amount is not None)
    return drafted if view.amount is None else (view.amount,)


def _title(counts: WorkCountsView) -> str:
    if not counts.waiting:
        return "Nobody waits for a person"
    wait = "waits" if counts.waiting == 1 else "wait"
    return f"{plural(counts.waiting, 'customer')} {wait} for a person"


def _soft(counts: WorkCountsView) -> str:
    said: list[str] = []
    if counts.answer_within_s is not None and counts.waiting:
        promise = _promise(counts.answer_within_s)
        said.append(f"{counts.late or 'none'} longer than the {promise} you promise")
    if counts.unanswered:
        said.append(f"{counts.unanswered} more did not answer our question for a day")
    return "; ".join(said)


def _promise(seconds: int) -> str:
    minutes = seconds // 60
    return plural(minutes, "minute") if minutes % 60 else plural(minutes // 60, "hour")


def _number(look: str, counts: WorkCountsView) -> int:
    numbers = {"nobody": counts.nobodys, "mine": counts.taken, "late": counts.late}
    return numbers.get(look, counts.total)


def _look(one: str, current: str, query: InboxQuery, counts: WorkCountsView) -> InboxLook:
    names = {"": "All", "nobody": "Nobody has it", "mine": "Mine", "late": "Late"}
    return InboxLook(
        path=f"?{query.filtered(look=one).link}",
        name=names[one],
        count=_number(one, counts),
        current=one == current,
    )


def _empty(look: str, counts: WorkCountsView) -> Empty:
    if look and counts.total:
        return Empty(title="Nothing here now", text=f"{counts.total:,} in All.")
    return Empty(title="Nothing", text="The agent has understood every request.")


async def _said(visit: Visit, view: WorkView) -> str:
    """What the customer wrote first; empty when they were erased."""
    turns = await visit.sayso.solutions.turns(view.about)
    return next((turn.content for turn in turns if turn.role == "customer"), "")


async def _words(visit: Visit, view: WorkView) -> str:
    return shorten(await _said(visit, view), 120, placeholder=" …")


def _row(visit: Visit, view: WorkView, words: str) -> InboxRow:
    return InboxRow(
        path=page_of(view.about),
        name=view.name or view.subject,
        account=view.subject if view.name else "",
        what=f"“{words}”" if words else "Nothing is left of their words",
        why=view.why[:1].upper() + view.why[1:],
        odd=standing(visit.times, view, visit.person.id),
        odd_kind="some" if view.late else "no",
        money=money_of(view),
        no_money="no amount",
        left=visit.times.timed(view.since),
        since=", ".join(filter(None, (visit.times.ago(view.since), more_of(view)))),
    )


def standing(times: Times, view: WorkView, person: str) -> str:
    """Who has it, and how long they still may take, or how late it is."""
    has = "You have it" if view.assignee == person else f"{view.assignee} has it"
    who = has if view.assignee else "Nobody has it"
    if view.answer_by is None or view.ended:
        return who
    if any(note.answered for note in view.notes):
        return f"{who}: answered"
    if view.late:
        return f"{who}: {times.late(view.answer_by)} late"
    return f"{who}: answer by {times.timed(view.answer_by)}"


def money_of(view: WorkView) -> tuple[str, ...]:
    """What it is about, or what is drafted for it."""
    return tuple(map(str, _amounts(view)))


def more_of(view: WorkView) -> str:
    """What else is known of it, in a few words."""
    said = ["customer not verified"] if view.unknown_writer else []
    if view.draft is not None:
        said.append("a solution is drafted")
    if view.notes:
        said.append(plural(len(view.notes), "note"))
    return ", ".join(said)
