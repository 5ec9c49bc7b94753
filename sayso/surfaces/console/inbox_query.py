"""What an address asks of the inbox: tab, words, filters, order and page; all of it a link."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal, InvalidOperation
from difflib import get_close_matches
from urllib.parse import parse_qsl, urlencode

from sayso.ids import to_micros
from sayso.money import Money
from sayso.sdk.resources.assignment import named_in
from sayso.sdk.views.solution import SolutionView
from sayso.sdk.words.solution_outcome import title_of

TABS = ("mine", "expiring", "role", "handed-over", "unknown", "decided")
ORDERS = {
    "": "Soonest first",
    "oldest": "Longest wait first",
    "newest": "Newest first",
    "largest": "Largest amount first",
}
"""In which order a tab of solutions can be read. Amounts count by their number of units."""
ONLY = {
    "": "All",
    "unusual": "Something unusual",
    "agreed": "Somebody said yes",
    "asked": "Customer was asked",
    "noted": "With a note",
    "given": "Given to me",
    "named": "Names me in a note",
}
"""Which of them."""
ORDERED = ("mine", "expiring", "role")
"""The tabs whose order can be chosen."""
MOST_WORDS = 200
MOST_SEARCHED = 400
"""So many of a tab are looked at at once for what somebody looks for; a link looks at the next."""
_FAR = 10**17 - 1
_NUMBER = re.compile(r"[^\w.,<>-]*(\d[\d.,'\u2019]*)")
_LETTERS = str.maketrans({"ł": "l", "ø": "o", "đ": "d", "\u0131": "i", "æ": "ae", "œ": "oe"})
"""Letters that Unicode does not take apart."""
_LOOK = re.compile(r"[a-z-]{0,20}")


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxQuery:
    """What is looked at.

    Attributes:
        words: every one of them has to fit. why: a reason, as its card says it.
        past: where what is looked at begins, behind `seen` that were looked at before.
        after: where the page begins. first: the place of its first row.
    """

    tab: str = "mine"
    words: str = ""
    why: str = ""
    only: str = ""
    order: str = ""
    look: str = ""
    past: str = ""
    seen: int = 0
    after: str = ""
    first: int = 1

    @classmethod
    def read(cls, said: Mapping[str, str]) -> InboxQuery:
        """What an address says; what it says wrongly is as if it said nothing."""
        tab, only, order = said.get("tab", ""), said.get("only", ""), said.get("order", "")
        look, past = said.get("look", ""), said.get("past", "")[:100]
        return cls(
            tab=tab if tab in TABS else "mine",
            words=" ".join(said.get("q", "")[:MOST_WORDS].split()),
            why=said.get("why", "")[:MOST_WORDS],
            only=only if only in ONLY else "",
            order=order if order in ORDERS else "",
            look=look if _LOOK.fullmatch(look) else "",
            past=past,
            seen=_place(said.get("seen", "")) if past else 0,
            after=said.get("after", "")[:100],
            first=max(1, _place(said.get("from", ""))),
        )

    @classmethod
    def of(cls, link: str) -> InboxQuery:
        """The same of a query as text, such as a card's link back to its list carries."""
        return cls.read(dict(parse_qsl(link[:1000])))

    @property
    def link(self) -> str:
        """The query of the first page; empty for the inbox as one opens it."""
        said = {
            "tab": "" if self.tab == "mine" else self.tab,
            "q": self.words,
            "why": self.why,
            "only": self.only,
            "order": self.order,
            "look": self.look,
            "past": self.past,
            "seen": str(self.seen) if self.past else "",
        }
        return urlencode({name: value for name, value in said.items() if value})

    def further(self, past: str, looked_at: int) -> str:
        """The query of the same behind what was looked at; empty where there is no more."""
        if not past:
            return ""
        return replace(self, after="", first=1, past=past, seen=self.seen + looked_at).link

    def page(self, after: str, first: int) -> str:
        """The query of a later page."""
        last = urlencode({"after": after, "from": first} if after else {"from": first})
        return f"{self.link}&{last}" if self.link else last

    @property
    def shared(self) -> dict[str, str]:
        """What a form that looks for something else in the same tab has to carry on."""
        said = {"tab": "" if self.tab == "mine" else self.tab, "look": self.look}
        return {name: value for name, value in said.items() if value}

    @property
    def whole(self) -> InboxQuery:
        """The same tab without anything looked for."""
        return InboxQuery(tab=self.tab)

    @property
    def looks_for(self) -> bool:
        """Whether it is less than the whole tab, or in another order."""
        return self.searches or bool(self.look)

    @property
    def searches(self) -> bool:
        """Whether each has to be looked at to know whether it is here, and where."""
        return bool(self.words or self.why or self.only or self.order)

    def fits(self, view: SolutionView, me: str) -> bool:
        """Whether a solution is what is looked for by a person."""
        match self.only:
            case "unusual" if not view.lead.unusual:
                return False
            case "agreed" if not view.agreed:
                return False
            case "asked" if view.question is None:
                return False
            case "noted" if not view.notes:
                return False
            case "given" if view.assignee != me:
                return False
            case "named" if me.casefold() not in named_in(view.notes):
                return False
            case _:
                pass
        if self.why and self.why not in view.lead.reasons:
            return False
        return not self.words or fits(self.words, text_of(view), view.totals)

    def place(self, view: SolutionView) -> tuple[int, str]:
        """Where a solution stands in this order: less is earlier."""
        created = to_micros(datetime.fromisoformat(view.created_at))
        match self.order:
            case "oldest":
                return created, view.id
            case "newest":
                return _FAR - created, view.id
            case "largest":
                units = max((money.decimal for money in view.totals), default=Decimal())
                return _FAR - int(min(units * 1000, Decimal(_FAR))), view.id
            case _:
                return to_micros(datetime.fromisoformat(view.expires_at)), view.id

    def filtered(self, **values: str) -> InboxQuery:
        """The first page of the same with something else looked for."""
        return replace(self, after="", first=1, past="", seen=0, **values)


def _place(said: str) -> int:
    return int(said) if said.isascii() and said.isdecimal() and len(said) <= 6 else 0


def text_of(view: SolutionView) -> str:
    """What of a solution is searched: whose it is, what it does, and what was written."""
    facts = (value for _, value in view.lead.facts)
    steps = (text for step in view.steps for text in (title_of(step), step.payee, step.consequence))
    ids = (view.id, view.request_id or "", *(step.action_id for step in view.steps))
    said = (view.customer.name, view.customer.id, view.lead.quote, *view.lead.reasons)
    return "\n".join((*said, *facts, *steps, *ids))


def fits(words: str, text: str, amounts: Sequence[Money] = ()) -> bool:
    """Whether each of the words is in a text, whatever its case and accents, or is an amount.

    A number fits an amount as a whole (`129`, `$129.00`, `1.129,00`) or the beginning of a number
    in the text; `>500` and `<500` fit by amount alone.
    """
    plain = _plain(text)
    return all(_fits(word, plain, amounts) for word in _plain(words).split())


def _fits(word: str, text: str, amounts: Sequence[Money]) -> bool:
    if word[0] in "<>" and (limit := _number(word[1:])) is not None:
        return any(
            money.decimal > limit if word[0] == ">" else money.decimal < limit for money in amounts
        )
    number = _number(word)
    if number is None:
        return word in text
    if any(money.decimal == number for money in amounts):
        return True
    return re.search(rf"(?<!\d){re.escape(word)}", text) is not None


def _number(word: str) -> Decimal | None:
    """An amount as people write it; None for what is none."""
    found = _NUMBER.fullmatch(word)
    if found is None:
        return None
    digits = re.sub(r"['\u2019]", "", found[1])
    cents = re.search(r"[.,]\d{1,2}$", digits)
    whole = digits[: cents.start()] if cents else digits
    try:
        return Decimal(re.sub(r"[.,]", "", whole) + (f".{cents[0][1:]}" if cents else ""))
    except InvalidOperation:
        return None


def _plain(text: str) -> str:
    """The text as one looks for it: without case and accents."""
    apart = unicodedata.normalize("NFKD", text.casefold())
    return "".join(char for char in apart if not unicodedata.combining(char)).translate(_LETTERS)


def nearest(words: str, names: Sequence[str]) -> str:
    """The name that somebody may have meant; empty for none."""
    parts = {_plain(part): part for name in names for part in (name, *name.split())}
    found = get_close_matches(_plain(words), parts, n=1, cutoff=0.7)
    return parts[found[0]] if found else ""
