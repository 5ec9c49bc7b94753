"""What one message asks for: an act, and what is said about its slots."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from sayso.agent.understanding.acts import OTHER, Cue, Mood, find_cues
from sayso.agent.understanding.amounts import StatedAmount, find_amounts
from sayso.agent.understanding.find_more import FORMS, more_of
from sayso.agent.understanding.objects import FoundObject, find_objects
from sayso.agent.understanding.patterns import Tag
from sayso.agent.understanding.playbook import DateSlot, ObjectSlot, OptionSlot, Playbook, WordsSlot
from sayso.agent.understanding.reading import Reading, Span
from sayso.agent.understanding.records import Things
from sayso.agent.understanding.tokens import TextToken

_NAMES = ("product:", "plan:")
_DENIES = 4
"""A negation denies a choice that stands so many words behind it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActDraft:
    """One act with what the words say about it, nothing filled in.

    Attributes:
        act: a playbook's name.
        spans: its scope in the message.
        object: what is said about the object within the scope.
        around: what is said about it elsewhere in the message.
        amount: how much.
        choices: values of choice slots; several where the words name several.
        numbers: values of number slots.
        texts: tokens of text slots.
        dates: days, in ISO form, that the message names; `option`s likewise, by their names.
        items, quantities: names of parts of the object, and how many; `some` where only that it is
            a part is said.
        words: of a closed list, such as a size.
        prices: amounts that may name the object, of an act that has no amount itself.
        rivals: other acts that the same words ask for, where nothing says which.
    """

    act: str
    cues: tuple[Cue, ...] = ()
    spans: tuple[Span, ...] = ()
    object: FoundObject = field(default_factory=FoundObject)
    around: FoundObject = field(default_factory=FoundObject)
    amount: StatedAmount = field(default_factory=StatedAmount)
    choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    numbers: Mapping[str, tuple[int, ...]] = field(default_factory=dict[str, tuple[int, ...]])
    texts: Mapping[str, tuple[TextToken, ...]] = field(
        default_factory=dict[str, "tuple[TextToken, ...]"]
    )
    dates: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    items: tuple[str, ...] = ()
    quantities: tuple[int, ...] = ()
    some: bool = False
    words: tuple[str, ...] = ()
    prices: tuple[TextToken, ...] = ()
    rivals: tuple[ActDraft, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Asks:
    """Everything that one message asks for, and what speaks against acting on it."""

    drafts: tuple[ActDraft, ...] = ()
    cues: tuple[Cue, ...] = ()
    reasons: tuple[str, ...] = ()


def read_asks(reading: Reading, things: Things, *, moods: Sequence[Mood] = (Mood.ASKED,)) -> Asks:
    """What a message asks for.

    Args:
        moods: of the acts that count; an answer to a question may merely mention one.
    """
    void = reading.lexicon.idle | _void(reading, things)
    cues = _without_covered(find_cues(reading), reading, moods, void)
    asked = [cue for cue in cues if cue.mood in moods]
    drafts: list[ActDraft] = []
    for act in dict.fromkeys(cue.act for cue in asked if cue.act != OTHER):
        mine = [cue for cue in asked if cue.act == act]
        drafts.append(_draft(reading, mine, cues, things))
    kept = _without_unfilled(drafts, reading)
    gone = {one.act for one in drafts} - {one.act for one in kept}
    cues = [cue for cue in cues if cue.act not in gone or cue.form != "weak"]
    drafts = _told_apart(kept, void, _idle_for(reading, things))
    return Asks(drafts=tuple(drafts), cues=tuple(cues))


def _without_unfilled(drafts: list[ActDraft], reading: Reading) -> list[ActDraft]:
    """Of acts whose words overlap, those of which more is said: `move me to Basic` is no move."""
    lacking = [one for one in drafts if not _says_enough(one, reading)]
    full = [one for one in drafts if one not in lacking]
    return [one for one in drafts if one not in lacking or _is_asked(one, full)]


def _is_asked(draft: ActDraft, full: Sequence[ActDraft]) -> bool:
    """Whether a word of its own asks for it, which none of the others has."""
    weak = all(cue.form == "weak" for cue in draft.cues)
    return not weak and not any(
        mine.start < other.end and other.start < mine.end
        for mine in draft.cues
        for rival in full
        for other in rival.cues
    )


def _says_enough(draft: ActDraft, reading: Reading) -> bool:
    """Whether something is said of each slot that an act of its kind cannot do without."""
    book = next(b for b in reading.lexicon.playbooks if b.name == draft.act)
    needs = [bool(draft.options) for _ in book.slots_of(OptionSlot)]
    needs += [bool(draft.dates) for _, slot in book.slots_of(DateSlot) if slot.exact]
    needs += [name in draft.texts for name, _ in book.text_slots()]
    needs += [bool(draft.words) for _, slot in book.slots_of(WordsSlot) if slot.required]
    return all(needs)


def _void(reading: Reading, things: Things) -> frozenset[str]:
    """The acts that are on records of which the customer has none at all."""
    have = {(thing.kind, thing.record.connector) for thing in things.all}
    return frozenset(
        book.name
        for book in reading.lexicon.playbooks
        if book.object_slot is not None
        and not book.on_account
        and not any(book.object_slot[1].takes(*one) for one in have)
    )


def _idle_for(reading: Reading, things: Things) -> frozenset[str]:
    """The acts that are on records of which none is in a state in which it can be done."""
    return frozenset(
        book.name
        for book in reading.lexicon.playbooks
        if book.object_slot is not None
        and not book.on_account
        and not things.usable(book.object_slot[1])
    )


def _without_covered(
    cues: list[Cue], reading: Reading, moods: Sequence[Mood], void: frozenset[str]
) -> list[Cue]:
    """`Return it and get me refunded`, where nothing here returns goods: the refund means both."""
    asked = {cue.act for cue in cues if cue.mood in moods}
    covered = {
        book.name
        for book in reading.lexicon.playbooks
        if book.name in void and not (asked - void).isdisjoint(book.covered_by)
    }
    yielding = {
        book.name
        for book in reading.lexicon.playbooks
        if not (asked - void).isdisjoint(book.yields_to)
    }
    kept = [cue for cue in cues if cue.act not in covered]
    return [cue for cue in kept if cue.form != "weak" or not _says_nothing(cue, reading, yielding)]


def _says_nothing(cue: Cue, reading: Reading, yielding: set[str]) -> bool:
    """Whether a weak word only tells why: `I don't need Plus`, beside the plan that is wanted."""
    book = next(b for b in reading.lexicon.playbooks if b.name == cue.act)
    optional = any(True for _ in book.slots_of(OptionSlot))
    return cue.act in yielding or (optional and cue.mood is Mood.DECLINED)


def _told_apart(
    drafts: list[ActDraft], void: frozenset[str], idle: frozenset[str]
) -> list[ActDraft]:
    """One word for several acts, such as `cancel`: the act on what is named, or all to choose from.

    The others stay with the first one as its rivals, until an answer says which is meant.

    Args:
        void: acts that can be on nothing of theirs: another one of the same word is meant.
        idle: acts that can be done to nothing of theirs now: the same, where nothing is named.
    """
    kept: list[ActDraft] = []
    for draft in sorted(drafts, key=lambda one: (one.act in void, one.act in idle)):
        shared = any(_places(draft) & _places(one) for one in kept)
        if shared and (draft.act in void or (draft.act in idle and not _is_named(draft))):
            continue
        places = {(cue.start, cue.end) for cue in draft.cues}
        at = next((i for i, one in enumerate(kept) if places & _places(one)), None)
        if at is None:
            kept.append(draft)
        elif not _is_named(kept[at]) and _is_named(draft):
            kept[at] = draft
        elif not _is_named(kept[at]):
            kept[at] = replace(kept[at], rivals=(*kept[at].rivals, draft))
    return kept


def _places(draft: ActDraft) -> set[tuple[int, int]]:
    return {(cue.start, cue.end) for cue in draft.cues}


def _is_named(draft: ActDraft) -> bool:
    found = draft.object if draft.object.handles or draft.object.why else draft.around
    return bool(found.handles) and not found.by_order


def _draft(reading: Reading, mine: list[Cue], cues: list[Cue], things: Things) -> ActDraft:
    book = next(b for b in reading.lexicon.playbooks if b.name == mine[0].act)
    spans = tuple(dict.fromkeys(_scope(reading, cue, cues) for cue in mine))
    return fill(ActDraft(act=book.name, cues=tuple(mine), spans=spans), reading, book, things, cues)


def fill(
    draft: ActDraft,
    reading: Reading,
    book: Playbook,
    things: Things,
    cues: Sequence[Cue] = (),
    *,
    answer: bool = False,
    money: bool = False,
) -> ActDraft:
    """A draft with what its spans say about the slots.

    Args:
        answer: the text answers a question.
        money: the question was about an amount, so that a number that is none of theirs is one.
    """
    found = around = FoundObject()
    if book.object_slot is not None:
        slot = book.object_slot[1]
        clauses = _clauses(draft)
        found = find_objects(
            reading,
            draft.spans,
            slot,
            things,
            money=money,
            clauses=clauses or draft.spans,
            options=any(True for _ in book.slots_of(OptionSlot)),
        )
        if any(reading.has("other", within=span) for span in clauses):
            found = _other_one(reading, clauses, found, slot, things)
        if not found.handles and not found.why:
            rest = _rest(reading, draft, cues)
            around = find_objects(reading, rest, slot, things)
    references = frozenset(ref for thing in things.all for ref in thing.references)
    choices: dict[str, tuple[str, ...]] = {}
    for name, choice in book.choice_slots():
        prefix = f"choice:{book.name}.{name}."
        spans = draft.spans if choice.default is None else _choosing(reading, draft)
        choices[name] = _chosen(reading, spans, prefix, tuple(choice.choices))
        if not choices[name]:
            added = _added(reading, draft, cues, prefix)
            choices[name] = _chosen(reading, added, prefix, tuple(choice.choices))
    for name, slot in book.more_object_slots:
        choices[name] = find_objects(reading, draft.spans, slot, things).handles
    amount = StatedAmount()
    if book.money_slot is not None:
        amount = _amount(draft, reading, book, references, answer=answer, money=money)
        if found.strong and (found.by_order or _only_told(reading, draft, references)):
            # `One of the two payments` names a payment, not a part of one; and `one of them is
            # bent` beside `refund the knives` tells why.
            amount = replace(amount, part=False)
        elif len(found.handles) > 1 and len(amount.tokens) == len(found.handles):
            amount = replace(amount, each=_each(reading, draft, found, amount, things))
        elif amount.silent and (
            _has_other_money(reading, found, things)
            or (not amount.whole and (found.single or _leaves_out(reading, draft, references)))
        ):
            amount = replace(amount, part=True)
    prices: tuple[TextToken, ...] = ()
    if book.money_slot is None and not found.handles:
        prices = tuple(t for t in reading.tokens if _may_be_price(t))
    return replace(
        draft,
        object=found,
        prices=prices,
        around=around,
        amount=amount,
        choices={name: values for name, values in choices.items() if values},
        numbers={
            name: values
            for name, _ in book.number_slots()
            if (values := _counted(reading, draft, f"count:{book.name}.{name}", answer=answer))
        },
        texts={
            name: said
            for name, slot in book.text_slots()
            if (said := tuple(t for t in reading.tokens if t.form in FORMS[slot.form]))
        },
        **more_of(reading, draft.spans, book, things, found),
    )


def _has_other_money(reading: Reading, found: FoundObject, things: Things) -> bool:
    """Whether an amount stands beside several that is the price of none: `$5 for each`."""
    if len(found.handles) < 2:
        return False
    prices = [p for h in found.handles if (p := things.by(h).money("amount")) is not None]
    return any(
        token.kind == "money" and all(token.as_money(p.currency) != p for p in prices)
        for token in reading.tokens
    )


def _may_be_price(token: TextToken) -> bool:
    """Whether it is money, or a bare number with cents: `that 14.99`."""
    return bool(token.digits) and (
        token.kind == "money" or (token.kind == "number" and "." in token.digits)
    )


def _counted(reading: Reading, draft: ActDraft, tag: str, *, answer: bool) -> tuple[int, ...]:
    """The whole numbers in front of a unit; in an answer, any whole number."""
    units = {one.start for one in reading.found(tag)}
    return tuple(
        int(token.digits)
        for span in draft.spans
        for at in range(span.start, span.end)
        if (token := reading.tokens[at]).kind == "number"
        and token.digits.isdigit()
        and (at + 1 in units or (answer and not units))
    )


def _other_one(
    reading: Reading, clauses: Sequence[Span], found: FoundObject, slot: ObjectSlot, things: Things
) -> FoundObject:
    """`The mug is fine, refund the other one`: what is left of what is not named."""
    spans = [c for s in reading.sentences for c in s.clauses if c not in clauses]
    named = set(find_objects(reading, spans, slot, things).handles) | set(found.handles)
    rest = [thing.handle for thing in things.usable(slot) if thing.handle not in named]
    return FoundObject(handles=tuple(rest), strong=True) if named and len(rest) == 1 else found


def _clauses(draft: ActDraft) -> list[Span]:
    """The clauses in which the act is asked for: an amount there is meant before any other."""
    clauses = (
        Span(max(cue.clause.start, span.start), min(cue.clause.end, span.end))
        for cue in draft.cues
        for span in draft.spans
        if cue.start in span
    )
    return list(dict.fromkeys(clauses))


def _choosing(reading: Reading, draft: ActDraft) -> Sequence[Span]:
    """Its clauses without those that tell something: `it is too dear for me now, end it`."""
    asking = _clauses(draft)
    inside = [
        Span(max(clause.start, span.start), min(clause.end, span.end))
        for span in draft.spans
        for clause in reading.sentence_at(span.start).clauses
        if clause.start < span.end and span.start < clause.end
    ]
    if not asking or len(inside) == 1:
        return draft.spans
    told = [
        one
        for one in inside
        if one not in asking
        and reading.has("subject", "past", "mine", within=one)
        and not reading.has("wish", "negation", "condition_ok", within=one)
    ]
    kept = [one for one in inside if one not in told]
    return _joined(kept) if told else draft.spans


def _joined(spans: Sequence[Span]) -> list[Span]:
    """Neighbours as one, but for the comma between them."""
    joined: list[Span] = []
    for span in spans:
        if joined and span.start <= joined[-1].end + 1:
            joined[-1] = Span(joined[-1].start, span.end)
        else:
            joined.append(span)
    return joined


def _each(
    reading: Reading, draft: ActDraft, found: FoundObject, amount: StatedAmount, things: Things
) -> tuple[TextToken, ...]:
    """The amount of each object by its number, where they take turns: `$5 for 1042, $3 for 0977`.

    None at all where they do not, so that nobody guesses.
    """
    order: list[str] = []
    for span in draft.spans:
        for token in reading.tokens[span.start : span.end]:
            named = [h for h in found.handles if token.text.lower() in things.by(h).references]
            order += ["$"] if any(token is one for one in amount.tokens) else named[:1]
    handles = [one for one in order if one != "$"]
    turns = "".join("$" if one == "$" else "#" for one in order)
    if turns not in ("$#" * len(handles), "#$" * len(handles)):
        return ()
    money = sorted(amount.tokens, key=lambda token: token.start)
    said = dict(zip(handles, money, strict=True))
    return tuple(said[handle] for handle in found.handles) if len(said) == len(money) else ()


def _leaves_out(reading: Reading, draft: ActDraft, references: frozenset[str]) -> bool:
    """Whether something that is none of their things is to be left out: `except for the wear`."""
    for span in draft.spans:
        for tag in reading.found("except", within=span):
            rest = range(tag.end, min(tag.end + _DENIES, span.end))
            if rest and not any(
                at in reading.titles
                or reading.tokens[at].text.lower() in references
                or reading.begins(at, "product:", "plan:", "kind:")
                for at in rest
            ):
                return True
    return False


def _only_told(reading: Reading, draft: ActDraft, references: frozenset[str]) -> bool:
    """Whether a part is spoken of only where something is told, and the object is named here."""
    asking = _clauses(draft)
    inside = [c for s in reading.sentences for c in s.clauses if c.start in s.span]
    parts = [c for c in inside if find_amounts(reading, [c], references).part]
    named = any(
        reading.starting(name, within=clause) for clause in asking for name in _NAMES
    ) or any(at in reading.titles for clause in asking for at in range(clause.start, clause.end))
    return (
        named
        and bool(parts)
        and not any(clause in asking for clause in parts)
        and all(reading.has("past", "question_start", within=clause) for clause in parts)
    )


def _behind(draft: ActDraft) -> list[Span]:
    behind: dict[int, Span] = {}
    for cue in draft.cues:
        for span in draft.spans:
            if cue.start in span:
                behind.setdefault(span.end, Span(cue.start, span.end))
    return list(behind.values())


def _amount(
    draft: ActDraft,
    reading: Reading,
    book: Playbook,
    references: frozenset[str],
    *,
    answer: bool,
    money: bool,
) -> StatedAmount:
    """How much, as near to the act as it is said; see `fill` for `answer` and `money`."""
    assert book.money_slot is not None, "only of an act that has an amount"
    places = [(cue.start, cue.end) for cue in draft.cues]
    wider: Sequence[Sequence[Span]] = (_behind(draft), draft.spans)
    if book.money_slot[1].of is None:
        wider = (_untold(reading, draft),)
    # `Refund 1042. $20 is enough.`
    enough = [s.span for s in reading.sentences if reading.has("enough", within=s.span)]
    amount = StatedAmount()
    for spans in (_clauses(draft), *wider, *([enough] if enough else [])):
        amount = find_amounts(reading, spans, references, places, answer=answer, money=money)
        if not amount.silent or amount.whole:
            break
    return amount


def _untold(reading: Reading, draft: ActDraft) -> list[Span]:
    """Its clauses without those that tell something: `give me some credit, I paid $129`."""
    inside = [c for span in draft.spans for c in reading.sentence_at(span.start).clauses]
    return [c for c in inside if c in _clauses(draft) or not reading.has("subject", within=c)]


def _chosen(
    reading: Reading, spans: Sequence[Span], prefix: str, values: tuple[str, ...]
) -> tuple[str, ...]:
    """The values of a choice whose words are there; a longer one hides what it covers."""
    tags = [
        (v, tag) for v in values for span in spans for tag in reading.found(prefix + v, within=span)
    ]
    denied = {at for tag in reading.found("negation") for at in _denied(reading, tag)}
    tags = [(value, tag) for value, tag in tags if tag.start not in denied or len(values) < 2]
    kept = [
        value
        for value, tag in tags
        if not any(
            other is not tag
            and o != value
            and other.start <= tag.start
            and tag.end <= other.end
            and (other.end - other.start) > (tag.end - tag.start)
            for o, other in tags
        )
    ]
    return tuple(dict.fromkeys(kept))


def _denied(reading: Reading, negation: Tag) -> Iterator[int]:
    """The words that a negation reaches: `it does not need to be today, the end is fine`."""
    for at in range(negation.end, min(negation.end + _DENIES, len(reading.tokens))):
        if reading.tokens[at].kind in ("comma", "end"):
            return
        yield at


def _scope(reading: Reading, cue: Cue, cues: list[Cue]) -> Span:
    """The part of the sentence that belongs to an act: up to the next act's clause."""
    sentence = reading.sentence_at(cue.start)
    start, end = sentence.span.start, sentence.span.end
    for other in cues:
        if other.act == cue.act and other.mood in (cue.mood, Mood.QUESTION, Mood.MENTIONED):
            continue
        if other.start not in sentence.span:
            continue
        if other.clause == cue.clause:
            if other.start > cue.start:
                end = min(end, other.start)
            elif other.end <= cue.start:
                start = max(start, other.end)
        elif other.start > cue.start:
            end = min(end, other.clause.start)
        else:
            start = max(start, other.clause.end)
    return Span(start, max(end, cue.end))


def _added(reading: Reading, draft: ActDraft, cues: Sequence[Cue], prefix: str) -> list[Span]:
    """Sentences that only add to the request: `Today, please.`"""
    found: list[Span] = []
    for sentence in reading.sentences:
        start = sentence.span.start
        opening = any(
            tag.start <= start + 1 for tag in reading.starting(prefix, within=sentence.span)
        )
        told = reading.has("subject", "past", within=sentence.clauses[0])
        acts = any(cue.start in sentence.span for cue in cues)
        if opening and not told and not acts:
            found.append(sentence.span)
    return found


def _rest(reading: Reading, draft: ActDraft, cues: Sequence[Cue]) -> list[Span]:
    """The sentences and clauses around a draft that belong to no other act."""
    taken = [cue.clause for cue in cues if cue.act != draft.act and cue.mood is Mood.ASKED]
    return [
        clause
        for sentence in reading.sentences
        for clause in sentence.clauses
        if clause not in taken
        and not any(span.start <= clause.start and clause.end <= span.end for span in draft.spans)
    ]
