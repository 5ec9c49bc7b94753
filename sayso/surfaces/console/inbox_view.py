"""What the inbox says: its tabs, its rows, and what stands in their place."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from sayso.money import Money
from sayso.sdk.resources.policy import PolicyChangeView
from sayso.surfaces.console.inbox_query import MOST_SEARCHED, InboxQuery, nearest
from sayso.surfaces.console.render import plural

PAGE_SIZE = 25
_COLUMNS = {
    "mine": ("In all", "For whom, and what", "Why it came to you", "Unusual", "Time left"),
    "expiring": ("In all", "For whom, and what", "Why it came to you", "Unusual", "Time left"),
    "role": ("In all", "For whom, and what", "Why it came to people", "Unusual", "Time left"),
    "handed-over": (
        "Asked for",
        "Who wrote what",
        "Why a person",
        "Where it stands",
        "Waits since",
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
    """A row: one solution, request or action. `until`: when its time is over, RFC 3339."""

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
    until: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Empty:
    """What stands in the place of rows, since absence is said.

    Attributes:
        meant: the query of what somebody may have looked for. whole: of all there is.
    """

    title: str
    text: str
    others: tuple[Tab, ...] = ()
    meant: str = ""
    whole: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxLook:
    """A part of a tab, such as what nobody has taken: with how many there are."""

    path: str
    name: str
    count: int
    current: bool = False


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
    """What the page says.

    Attributes:
        soft: beside the title. looks: parts of the tab. place: which rows these are, of how many.
        reasons: why what was looked at came to people.
        next: the query of the next page; empty for none. further: of the same among what was not
            looked at; empty where all was.
        signs: changes of the policy that wait for this person as the second one.
    """

    query: InboxQuery
    title: str
    news: str
    hint: str
    tabs: tuple[Tab, ...]
    rows: tuple[InboxRow, ...]
    empty: Empty
    stops: tuple[StopNotice, ...]
    stake: tuple[Money, ...] = ()
    stake_of: int = 0
    further: str = ""
    next: str = ""
    page_size: int = PAGE_SIZE
    searched_at_once: int = MOST_SEARCHED
    soft: str = ""
    looks: tuple[InboxLook, ...] = ()
    place: str = ""
    reasons: tuple[str, ...] = ()
    groups: tuple[InboxGroup, ...] = field(default=())
    signs: tuple[PolicyChangeView, ...] = ()

    @property
    def tab(self) -> str:
        """Which one it is."""
        return self.query.tab

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
        shown = [(row.path, row.what, row.why, row.odd, row.since) for row in self.rows]
        above = self.tabs, self.stops, self.groups, self.signs
        said = repr((self.query, self.title, self.soft, shown, *above))
        return hashlib.sha256(said.encode()).hexdigest()[:16]


def nothing_fits(query: InboxQuery, names: Sequence[str]) -> Empty:
    """What stands there where nothing fits what is looked for, with what to do.

    Args:
        names: of the customers among whom it was looked for.
    """
    meant = nearest(query.words, names) if query.words else ""
    return Empty(
        title=f"Nothing fits “{query.words}”" if query.words else "Nothing fits",
        text=f"Did you mean {meant}?" if meant else "Look for less, or in another tab.",
        meant=query.filtered(words=meant).link if meant else "",
        whole=query.whole.link,
    )


def part_words(looked_at: int, *, whole: bool, seen: int = 0) -> str:
    """That a search has looked at a part of a tab, as the end of its title; empty where at all.

    Names and words are sealed, so that no index can look for them: each is opened and read.

    Args:
        seen: how many before them were looked at.
    """
    if seen:
        return f", of {seen + 1:,} to {seen + looked_at:,}"
    return "" if whole else f", of the first {looked_at:,} that were looked at"


def found_words(number: int) -> str:
    """How many fit, as a title."""
    return plural(number, "fits", "fit") if number else "None fits"
