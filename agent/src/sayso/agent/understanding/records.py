"""What the customer has, as the words can name it: titles, plans, features, states."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import lru_cache

from sayso.actions.model.snapshot import Record
from sayso.agent.understanding.lexicon import SHORTEST_NAME, Knowledge, Lexicon
from sayso.agent.understanding.playbook import ObjectSlot
from sayso.agent.understanding.tokens import fold, tokenise
from sayso.money import Money

_SHORTEST_PLURAL = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What hangs on a thing, such as a line of an order.

    Attributes:
        title: its name. words: of the name, folded. left: how many of it.
    """

    handle: str
    kind: str
    title: str
    words: frozenset[str]
    left: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing:
    """One record and the names that its title gives it."""

    handle: str
    record: Record
    names: frozenset[str]
    references: frozenset[str]
    parts: tuple[Part, ...] = ()

    @property
    def names_of_record(self) -> tuple[str, str, str]:
        """Its handle, the provider's id, and its full name."""
        return self.handle, self.record.id, self.record.full_name

    @property
    def kind(self) -> str:
        """Its kind, such as `charge`."""
        return self.record.kind

    def money(self, fact: str) -> Money | None:
        """A fact that is money."""
        value = self.record.left if fact == "left" else self.record.facts.get(fact)
        return value if isinstance(value, Money) else None

    def features(self, group: str) -> set[str]:
        """The features of one group that its title names."""
        prefix = f"feature:{group}."
        return {name for name in self.names if name.startswith(prefix)}

    @property
    def plans(self) -> set[str]:
        """The names of plans in its title."""
        return {name for name in self.names if name.startswith("plan:")}

    @property
    def interval(self) -> str | None:
        """`monthly` or `yearly`, as the fact or the title says."""
        found = self.record.facts.get("interval")
        if isinstance(found, str):
            return {"month": "monthly", "year": "yearly"}.get(found.split()[-1])
        both = self.names & {"monthly", "yearly"}
        return next(iter(both)) if len(both) == 1 else None

    @property
    def created(self) -> str:
        """RFC 3339, or nothing."""
        value = self.record.facts.get("created")
        return value if isinstance(value, str) else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Things:
    """Everything the customer has, newest first.

    Attributes:
        words: those of the titles that no list knows, and what has them.
        singular: forms of such words that say one of what a title has several of: `bottle`.
    """

    all: tuple[Thing, ...]
    words: Mapping[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])
    singular: frozenset[str] = frozenset()
    _found: dict[int, tuple[ObjectSlot, tuple[Thing, ...]]] = field(
        default_factory=dict[int, tuple[ObjectSlot, tuple[Thing, ...]]], compare=False, repr=False
    )

    @classmethod
    def of(
        cls, records: Mapping[str, Record], knowledge: Knowledge, parts: Mapping[str, Record] = {}
    ) -> Things:
        """Read the titles once.

        Args:
            parts: what hangs on the records, by handle.
        """
        by_part = {id(record): handle for handle, record in parts.items()}
        lexicon = knowledge.lexicons.get(knowledge.shop.titles) or knowledge.lexicons["en"]
        things: list[Thing] = []
        words: dict[str, set[str]] = {}
        said: set[str] = set()
        for handle, record in records.items():
            thing, title = _thing(handle, record, lexicon)
            lines = (_part(by_part[id(one)], one) for one in record.parts if id(one) in by_part)
            things.append(replace(thing, parts=tuple(lines)))
            said |= title
            for word in (*title, *(f"{one}s" for one in title), *map(_singular, title)):
                words.setdefault(word, set()).add(handle)
        return cls(
            all=tuple(things),
            words={w: frozenset(h) for w, h in words.items()},
            singular=frozenset(one for word in said if (one := _singular(word)) not in said),
        )

    def by(self, handle: str) -> Thing:
        """The thing behind a handle."""
        return next(thing for thing in self.all if thing.handle == handle)

    def of_kind(self, slot: ObjectSlot) -> list[Thing]:
        """Everything of the slot's kind, whatever its state."""
        slot_, found = self._found.get(id(slot), (None, ()))
        if slot_ is not slot:
            found = tuple(one for one in self.all if slot.takes(one.kind, one.record.connector))
            self._found[id(slot)] = (slot, found)
        return list(found)

    def usable(self, slot: ObjectSlot) -> list[Thing]:
        """Those in a state in which they can be meant."""
        return [thing for thing in self.of_kind(slot) if is_usable(thing, slot)]


def is_usable(thing: Thing, slot: ObjectSlot) -> bool:
    """Whether it is in one of the slot's states and has something left of what the slot needs."""
    return any(
        one.kind == thing.kind
        and one.connector in ("", thing.record.connector or one.connector)
        and _fits(thing, one)
        for one in slot.every
    )


def _fits(thing: Thing, slot: ObjectSlot) -> bool:
    if slot.status and thing.record.facts.get("status") not in slot.status:
        return False
    if slot.needs is None:
        return True
    money = thing.money(slot.needs)
    return money is not None and money.amount_minor > 0


def duplicates(things: list[Thing], within_h: int) -> list[list[Thing]]:
    """Groups of equal, untouched things that lie close together, each the newest first."""
    groups: dict[tuple[str, Money, frozenset[str]], list[Thing]] = {}
    for thing in things:
        left = thing.money("left")
        if left is not None and left == thing.money("amount"):
            groups.setdefault((thing.kind, left, thing.names), []).append(thing)
    return [
        group
        for group in groups.values()
        if len(group) > 1 and _close(group[0].created, group[-1].created, within_h)
    ]


def _close(newest: str, oldest: str, hours: int) -> bool:
    try:
        between = datetime.fromisoformat(newest) - datetime.fromisoformat(oldest)
    except ValueError:
        return False
    return abs(between) <= timedelta(hours=hours)


@lru_cache(maxsize=4096)
def _as_said(reference: str) -> str:
    """A reference as the tokens of a message say it; records are read anew at each message."""
    return " ".join(token.text.lower() for token in tokenise(reference))


@lru_cache(maxsize=4096)
def words_of(title: str) -> frozenset[str]:
    """The folded words of a title, whatever the lists know of them."""
    return frozenset(token.text for token in tokenise(title))


def _part(handle: str, record: Record) -> Part:
    title = record.facts.get("title")
    name = title if isinstance(title, str) else record.title
    counts = [record.facts.get(fact) for fact in ("left", "count", "quantity")]
    left = next((one for one in counts if isinstance(one, int) and not isinstance(one, bool)), 1)
    tokens = (token.text for token in tokenise(name) if token.kind == "word")
    words = {form for one in tokens for form in (one, f"{one}s", one.removesuffix("s"))}
    return Part(
        handle=handle,
        kind=record.kind,
        title=name,
        words=frozenset(one for one in words if len(one) >= SHORTEST_NAME),
        left=left,
    )


def _thing(handle: str, record: Record, lexicon: Lexicon) -> tuple[Thing, set[str]]:
    names, own = lexicon.read_title(record.title)
    state = fold(str(record.facts.get("status", "")))
    known_by = (*record.references, record.id)
    references = frozenset(_as_said(reference) for reference in known_by)
    thing = Thing(handle=handle, record=record, names=names, references=references)
    return thing, {word for word in own if word != state}


def _singular(word: str) -> str:
    """The word without the ending of a plural."""
    return word.removesuffix("s") if len(word) > _SHORTEST_PLURAL and word[-2:] != "ss" else word
