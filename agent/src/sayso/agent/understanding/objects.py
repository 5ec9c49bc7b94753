"""Which of the customer's objects the words mean, and when nobody can tell."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from sayso.agent.understanding.patterns import Tag
from sayso.agent.understanding.playbook import ObjectSlot
from sayso.agent.understanding.reading import Reading, Span
from sayso.agent.understanding.records import Thing, Things, duplicates, is_usable

_IS_JOINT = re.compile(r"(kind|product|plan|feature|ask|open|weak):|(and|filler|polite|wish|both)$")
_MOST_PIECES = 5
"""A reference is read as at most so many tokens: `ORD-1042-B` are three."""


@dataclass(frozen=True, slots=True)
class Mention:
    """A name in the text and what it can mean.

    Attributes:
        at: the token where it stands.
        handles: what it can mean; empty for a name of nothing that the customer has.
        how: `number`, `name`, or `kind` for what it is called where nothing else is said.
        excluded: named to be left out.
    """

    at: int
    handles: frozenset[str]
    how: str
    excluded: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundObject:
    """What the words say about the object.

    Attributes:
        handles: what is meant; empty when nothing is said.
        candidates: what could be meant, where that is not clear.
        why: what is wrong or unclear; empty when nothing is.
        strong: named by a number or its name, not by its place in a list.
        single: named by a form for one, where its title has several: `the blue bottle`.
    """

    handles: tuple[str, ...] = ()
    candidates: tuple[str, ...] = ()
    why: str = ""
    strong: bool = False
    by_order: bool = False
    single: bool = False


def find_objects(
    reading: Reading,
    spans: Sequence[Span],
    slot: ObjectSlot,
    things: Things,
    *,
    money: bool = False,
    clauses: Sequence[Span] = (),
    options: bool = False,
) -> FoundObject:
    """What the words within some spans say about an object.

    Args:
        spans: the scope of an act, or what is around it.
        money: a number that is none of theirs is an amount.
        clauses: where the act is asked for; what is told elsewhere may name anything.
        options: a plan that is none of theirs is one to change to.
    """
    mentions = [m for span in spans for m in _mentions(reading, span, slot, things)]
    usual = [thing.handle for thing in things.usable(slot)]
    excluded = {handle for m in mentions if m.excluded for handle in m.handles}
    named = [m for m in mentions if not m.excluded]
    if options:
        named = [m for m in named if m.handles or not reading.begins(m.at, "plan:")]
    strange = [m for m in named if not m.handles and _counts(reading, m, clauses, money=money)]
    known = [m for m in named if m.handles]
    known = [m for m in known if m.how != "kind"] or known
    inside = [m for m in known if any(m.at in one for one in clauses)]
    if inside:
        # `Not 1042, refund 0977`: what is denied beside the request is not meant.
        known = [m for m in known if m in inside or not _denied(reading, m)]
        if beside := [m for m in known if m not in inside and _has_own_words(reading, m, things)]:
            # `1043 is fine, cancel 1042`: what is said of the other one may be anything.
            could = dict.fromkeys(handle for m in known for handle in sorted(m.handles))
            if any(m.handles.isdisjoint(one.handles) for m in beside for one in inside):
                return FoundObject(candidates=tuple(could), why="tells of another one beside it")
    if strange and not known:
        return FoundObject(
            candidates=tuple(usual),
            why=f"names something that is none of theirs ({strange[0].how})",
        )
    if strange:
        every = frozenset[str]().union(*(m.handles for m in known))
        return FoundObject(
            candidates=tuple(usual) or tuple(every),
            why="names something of theirs, and something that is not",
        )
    if known and any(reading.has("before_last", within=span) for span in spans):
        could = dict.fromkeys(handle for m in known for handle in sorted(m.handles))
        return FoundObject(candidates=tuple(could), why="names one by its place before another")
    if known and _either(reading, known):
        handles = dict.fromkeys(handle for m in known for handle in sorted(m.handles))
        return FoundObject(candidates=tuple(handles), why="names one thing or another")
    if known:
        both, one = (
            any(reading.has(name, within=span) for span in spans) for name in ("both", "one_of")
        )
        twice = any(_is_twice(reading, span) for span in spans)
        found = _agreed(known, excluded, slot, things, twice=twice)
        found = replace(found, single=_is_single(reading, known, things))
        return _twins(found, slot, things, both=both and not one) if both or one else found
    if excluded:
        rest = tuple(handle for handle in usual if handle not in excluded)
        return FoundObject(handles=rest, strong=True) if rest else FoundObject()
    return _by_order(reading, spans, slot, things)


def _is_twice(reading: Reading, span: Span) -> bool:
    """Whether it speaks of paying twice, and not of a double bed by its name."""
    return any(tag.start not in reading.titles for tag in reading.found("twice", within=span))


def _is_single(reading: Reading, known: Sequence[Mention], things: Things) -> bool:
    """Whether a name in the singular says it, and none in the plural: `the towel order` is none."""
    names = [mention.at for mention in known if mention.how == "name"]
    words = {reading.tokens[at].text for at in names}
    plural = any(f"{one}s" in words for one in things.singular)
    single = [
        at
        for at in names
        if reading.tokens[at].text in things.singular
        and not reading.begins(at + 1, "thing", "kind:", "number:")
        and (at + 1 >= len(reading.tokens) or reading.tokens[at + 1].kind != "number")
    ]
    return bool(single) and not plural and len(names) == len(known)


def _denied(reading: Reading, mention: Mention) -> bool:
    clause = reading.clause_at(mention.at)
    return reading.has("negation", within=clause) and not reading.has("wish", within=clause)


def _has_own_words(reading: Reading, mention: Mention, things: Things) -> bool:
    """Whether its clause says something of its own: `1043 should stay`, and not `and 1043 too`."""
    clause = reading.clause_at(mention.at)
    names = {
        piece
        for handle in mention.handles
        for reference in things.by(handle).references
        for piece in reference.split()
    }
    return any(
        token.kind == "word"
        and at not in reading.titles
        and token.text.lower() not in names
        and token.text not in reading.lexicon.plain
        and not any(_IS_JOINT.match(name) for name in reading.covering[at])
        for at, token in enumerate(reading.tokens[clause.start : clause.end], clause.start)
    )


def _either(reading: Reading, known: Sequence[Mention]) -> bool:
    """Whether `or` stands between names of different things: `1042 or 0977`."""
    ordered = sorted(known, key=lambda mention: mention.at)
    return any(
        not one.handles & other.handles
        and other.at - one.at <= _MOST_PIECES
        and reading.has("or", within=Span(one.at, other.at))
        for one, other in pairwise(ordered)
    )


def _counts(reading: Reading, mention: Mention, clauses: Sequence[Span], *, money: bool) -> bool:
    """Whether a name of nothing that they have matters: not in a clause that tells a story."""
    if mention.how == "number":
        return not money
    clause = reading.clause_at(mention.at)
    asks = any(mention.at in one for one in clauses)
    return asks or not reading.has("subject", "past", "question_start", within=clause)


def _agreed(
    known: list[Mention], excluded: set[str], slot: ObjectSlot, things: Things, *, twice: bool
) -> FoundObject:
    """What several names mean together: names joined by `and` add up, others narrow down."""
    if (
        twice
        and slot.duplicates_within_h
        and not duplicates(things.usable(slot), slot.duplicates_within_h)
    ):
        return FoundObject(why="speaks of paying twice, and no two payments are alike")
    numbers = [m for m in known if m.how == "number"]
    names = [m for m in known if m.how != "number"]
    handles = _together(numbers) if numbers else _together(names)
    if numbers and names:
        for mention in names:
            if not mention.handles & handles:
                both = tuple(handle for m in known for handle in m.handles)
                return FoundObject(
                    candidates=tuple(dict.fromkeys(both)),
                    why="the number and the name are of two different objects",
                )
        narrow = handles & _together(names)
        if not numbers_many(numbers) and narrow:
            handles = narrow
    handles = handles - excluded
    ordered = [t.handle for t in things.of_kind(slot) if t.handle in handles]
    ordered.sort(key=lambda handle: min((m.at for m in known if handle in m.handles), default=0))
    if not ordered:
        return FoundObject()
    groups = _groups(numbers or names)
    if len(ordered) > groups:
        usable = [handle for handle in ordered if is_usable(things.by(handle), slot)]
        if len(usable) == groups:
            return FoundObject(handles=tuple(usable), strong=True)
        twins = duplicates([things.by(h) for h in usable], slot.duplicates_within_h)
        if twins and len(twins[0]) == len(usable):
            return FoundObject(handles=(twins[0][0].handle,), strong=True, by_order=twice)
        return FoundObject(
            candidates=tuple(usable or ordered), why="several objects have that name"
        )
    return FoundObject(handles=tuple(ordered), strong=True)


def _twins(found: FoundObject, slot: ObjectSlot, things: Things, *, both: bool) -> FoundObject:
    """`Both payments for 1047`, or one of them: all of the equal ones, or the first."""
    for group in duplicates(things.usable(slot), slot.duplicates_within_h):
        handles = tuple(thing.handle for thing in group)
        if found.handles and set(found.handles) <= set(handles):
            return replace(found, handles=handles if both else handles[:1], by_order=True)
    return found


def numbers_many(numbers: list[Mention]) -> bool:
    """Whether several different objects are named by numbers."""
    return len({m.handles for m in numbers}) > 1


def _together(mentions: Iterable[Mention]) -> frozenset[str]:
    """The union of what different names mean; names of one thing narrow it down."""
    groups: list[frozenset[str]] = []
    for mention in mentions:
        for index, group in enumerate(groups):
            if group & mention.handles:
                groups[index] = group & mention.handles
                break
        else:
            groups.append(mention.handles)
    return frozenset[str]().union(*groups)


def _groups(mentions: Iterable[Mention]) -> int:
    groups: list[frozenset[str]] = []
    for mention in mentions:
        for index, group in enumerate(groups):
            if group & mention.handles:
                groups[index] = group & mention.handles
                break
        else:
            groups.append(mention.handles)
    return len(groups)


def _mentions(reading: Reading, span: Span, slot: ObjectSlot, things: Things) -> Iterable[Mention]:
    except_ = reading.found("except", within=span)
    of_kind = things.of_kind(slot)
    handles_of_kind = {thing.handle for thing in of_kind}
    known_by = frozenset[str]().union(*(thing.references for thing in of_kind))
    openings = {reference.partition(" ")[0] for reference in known_by}
    until = span.start
    for at in range(span.start, span.end):
        token = reading.tokens[at]
        left_out = _left_out(reading, except_, at)
        if at < until:
            continue  # a piece of a reference
        opens = token.text.lower() in openings
        if opens and (end := _reference(reading, at, span.end, known_by)) > at:
            until, said = end, " ".join(t.text.lower() for t in reading.tokens[at:end])
            handles = frozenset(t.handle for t in of_kind if said in t.references)
            yield Mention(at, handles, "number", left_out)
        elif token.kind == "number":
            said = token.text.lower()
            knows = [t for t in things.all if said in t.references]
            # An order and its payment share a number, which names either where it is asked for.
            if not knows or any(t in of_kind for t in knows):
                yield from _number(at, token.text, token.hash, of_kind, left_out=left_out)
        elif token.kind == "word" and at in reading.titles:
            handles = reading.titles[at] & handles_of_kind
            if handles:
                yield Mention(at, frozenset(handles), "name", left_out)
    products = _named(reading, span, of_kind)
    for tag, handles in products:
        left_out = _left_out(reading, except_, tag.start)
        if handles or not _of_another_kind(tag, things, slot):
            how = "kind" if tag.name.startswith("kind:") else "name"
            yield Mention(tag.start, handles, how, left_out)


def _reference(reading: Reading, at: int, end: int, known_by: frozenset[str]) -> int:
    """Where a reference ends that begins here and is more than a number: `o1`, `ORD-1042-B`."""
    said = ""
    for index in range(at, min(end, at + _MOST_PIECES)):
        said = f"{said} {reading.tokens[index].text.lower()}".lstrip()
        if not said.isdigit() and said in known_by:
            return index + 1
    return at


def _left_out(reading: Reading, except_: list[Tag], at: int) -> bool:
    """Whether a name stands behind `all but`, and no amount between: `all but $20 of 1042`."""
    for tag in except_:
        if tag.end <= at <= tag.end + 4 and not any(
            token.kind in ("money", "percent") for token in reading.tokens[tag.end : at]
        ):
            return True
    return False


def _number(
    at: int, text: str, hash_: bool, of_kind: list[Thing], *, left_out: bool
) -> Iterable[Mention]:
    low = text.lower()
    handles = frozenset(t.handle for t in of_kind if low in t.references)
    if handles:
        yield Mention(at, handles, "number", left_out)
        return
    plain = text.replace(",", "").replace(".", "")
    paid = any(
        (amount := thing.money(fact)) is not None
        and plain in (str(amount.amount_minor), str(amount.amount_minor // 100))
        for thing in of_kind
        for fact in ("amount", "left")
    )
    if hash_ or (plain.isdigit() and len(plain) >= 4 and not paid and text == plain):
        yield Mention(at, frozenset(), "number", left_out)


def _named(reading: Reading, span: Span, of_kind: list[Thing]) -> list[tuple[Tag, frozenset[str]]]:
    """Names of products and plans, narrowed by what stands beside them: `the red mug`."""
    found: list[tuple[Tag, frozenset[str]]] = []
    own = {f"kind:{thing.kind}" for thing in of_kind}
    kinds = [
        tag
        for tag in reading.starting("kind:", within=span)
        if own.isdisjoint(reading.covering[tag.start])
        and any(tag.name in thing.names for thing in of_kind)
    ]
    for tag in [
        *reading.starting("product:", within=span),
        *reading.starting("plan:", within=span),
        *kinds,
    ]:
        handles = {thing.handle for thing in of_kind if tag.name in thing.names}
        for feature in _beside(reading, tag):
            group = feature.name.partition(":")[2].partition(".")[0]
            handles = {
                h
                for h in handles
                if not (has := next(t for t in of_kind if t.handle == h).features(group))
                or feature.name in has
            }
        found.append((tag, frozenset(handles)))
    named = {tag.start for tag, handles in found if handles}
    return [(tag, handles) for tag, handles in found if handles or tag.start not in named]


def _beside(reading: Reading, tag: Tag) -> list[Tag]:
    """Features within two words before a name, or just behind it."""
    near = Span(max(0, tag.start - 2), min(len(reading.tokens), tag.end + 2))
    return reading.starting("feature:", within=near)


def _of_another_kind(tag: Tag, things: Things, slot: ObjectSlot) -> bool:
    """Whether a name that fits nothing of the kind is a name of something else they have."""
    return any(tag.name in thing.names for thing in things.all if thing.kind not in slot.kinds)


def _by_order(
    reading: Reading, spans: Sequence[Span], slot: ObjectSlot, things: Things
) -> FoundObject:
    """By its place among the others: the newest, the dearest, both, the one before."""
    usual = things.usable(slot)

    def said(*names: str) -> bool:
        return any(reading.has(*names, within=span) for span in spans)

    groups = duplicates(usual, slot.duplicates_within_h)
    only = bool(groups) and len(groups[0]) == len(usual)
    if slot.duplicates_within_h and (said("twice") or (only and said("one_of"))):
        if len(groups) == 1:
            twins = groups[0] if said("both") and not said("one_of") else groups[0][:1]
            return FoundObject(handles=tuple(t.handle for t in twins), strong=True, by_order=True)
        return FoundObject(why="speaks of paying twice, and no two payments are alike")
    if said("before_last"):
        return FoundObject(
            candidates=tuple(t.handle for t in usual), why="names one by its place before another"
        )
    dated = sorted(usual, key=lambda thing: thing.created, reverse=True)
    prices = [(money.amount_minor, t) for t in usual if (money := t.money("amount")) is not None]
    priced = [thing for _, thing in sorted(prices, key=lambda pair: pair[0])]
    for name, chosen in (
        ("newest", dated[:1]),
        ("oldest", dated[-1:]),
        ("dearest", priced[-1:]),
        ("cheapest", priced[:1]),
    ):
        if said(name) and chosen:
            return FoundObject(handles=(chosen[0].handle,), by_order=True)
    if said("both") and not said("one_of") and len(usual) == 2:
        return FoundObject(handles=tuple(t.handle for t in usual), strong=True, by_order=True)
    return FoundObject()
