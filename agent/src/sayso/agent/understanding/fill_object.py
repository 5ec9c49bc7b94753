"""Which object an act is on: what the words say, checked against what the customer has."""

from __future__ import annotations

from collections.abc import Sequence

from sayso.agent.understanding.base import HandOverError, UnclearError
from sayso.agent.understanding.drafts import ActDraft
from sayso.agent.understanding.lexicon import Knowledge
from sayso.agent.understanding.objects import FoundObject
from sayso.agent.understanding.playbook import ObjectSlot, OptionSlot, Playbook
from sayso.agent.understanding.reading import Reading, Span
from sayso.agent.understanding.records import Thing, Things, duplicates, is_usable, words_of
from sayso.agent.understanding.state import ConversationState
from sayso.agent.understanding.strangers import strange_addition, strange_noun, stranger_beside


def fill_object(
    draft: ActDraft, book: Playbook, state: ConversationState, things: Things
) -> list[Thing]:
    """The objects that an act is on; empty for an act on none."""
    if book.object_slot is None:
        return []
    name, slot = book.object_slot
    usable = things.usable(slot)
    found = _said_about(draft, slot, state)
    if draft.cues and len(state.readings) == 1 and not found.strong:
        _check_names(draft, name, slot, usable, state.readings[-1], found)
        _check_another(draft, slot, state, things, found)
    for cue in draft.cues if len(state.readings) == 1 else ():
        reading = state.readings[-1]
        named = strange_noun(reading, cue) if found.strong else None
        if noun := named or strange_addition(reading, cue):
            raise _which(draft, name, found.handles, usable, f"`{noun}` is none of theirs")
    _check_open(draft, name, slot, state, things, found)
    if found is draft.around and len(found.handles) > 1 and not found.by_order:
        found = _one_of_several(draft, found, things, state)
    if found.why:
        raise _which(draft, name, found.candidates, usable, found.why)
    if found.handles:
        chosen = [things.by(handle) for handle in found.handles]
        if not all(is_usable(thing, slot) for thing in chosen):
            raise HandOverError("what is meant is in a state in which that cannot be done")
    elif book.on_account:
        return _by_plain_word(draft, slot, state, things)
    elif not usable:
        raise HandOverError(f"the customer has no {slot.kind} for which that can be done")
    elif len(usable) > 1:
        chosen = _of_many(draft, name, slot, usable, things)
    else:
        chosen = usable
    _check_twins(draft, name, slot, chosen, found, usable)
    _check_interval(draft, name, chosen, state, book)
    return chosen


def by_plain_word(
    draft: ActDraft, state: ConversationState, knowledge: Knowledge, things: Things
) -> ActDraft:
    """Of acts with one word the one on what a plain noun names: `cancel my box`."""
    found: list[ActDraft] = []
    for one in (draft, *draft.rivals):
        slot = knowledge.playbook(one.act).object_slot
        if slot is not None and _by_plain_word(one, slot[1], state, things):
            found.append(one)
    return found[0] if len(found) == 1 else draft


def _by_plain_word(
    draft: ActDraft, slot: ObjectSlot, state: ConversationState, things: Things
) -> list[Thing]:
    """The only thing whose title has the plain noun that stands there: `my boxes`."""
    reading = state.readings[-1]
    nouns = {
        word
        for cue in draft.cues
        if cue.end <= len(reading.tokens)  # they may stand in an earlier turn
        for tag in reading.found(
            "thing", within=Span(reading.sentence_at(cue.start).span.start, cue.clause.end)
        )
        for word in _forms_of(reading.words(Span(tag.start, tag.end)))
    }
    usable = things.usable(slot)
    found = [one for one in usable if nouns & _title_words(one)]
    return found if len(found) == 1 else []


def _forms_of(word: str) -> tuple[str, ...]:
    return (word, word.removesuffix("s"), word.removesuffix("es"))


def _title_words(thing: Thing) -> frozenset[str]:
    return words_of(thing.record.label or thing.record.title)


def _of_many(
    draft: ActDraft, name: str, slot: ObjectSlot, usable: list[Thing], things: Things
) -> list[Thing]:
    """The one of several that the words do not name: by its price, or one of two equal ones."""
    priced = _priced(draft, usable)
    if len(priced) == 1:
        return [things.by(priced[0])]
    group = duplicates(usable, slot.duplicates_within_h)
    if group and len(group[0]) == len(usable):
        return group[0][:1]
    handles = [thing.handle for thing in usable]
    raise UnclearError(draft.act, name, handles, "several could be meant", open_=True)


def _priced(draft: ActDraft, things: Sequence[Thing]) -> list[str]:
    """Those that cost exactly the one amount that is asked for, or that names them."""
    tokens = draft.amount.tokens or draft.prices
    return [
        thing.handle
        for thing in things
        for price in {thing.money("amount"), thing.money("left")}
        if price is not None and [token.as_money(price.currency) for token in tokens] == [price]
    ]


def _one_of_several(
    draft: ActDraft, found: FoundObject, things: Things, state: ConversationState
) -> FoundObject:
    """Of several things in a story the one whose price is asked for, or all where that is said."""
    priced = _priced(draft, [things.by(handle) for handle in found.handles])
    if len(priced) == 1:
        return FoundObject(handles=tuple(priced), strong=True)
    together = state.reading is not None and state.reading.has("both", "whole", "twice")
    if together:
        return found
    return FoundObject(candidates=found.handles, why="several things are spoken of")


def _check_names(
    draft: ActDraft,
    name: str,
    slot: ObjectSlot,
    usable: list[Thing],
    reading: Reading,
    found: FoundObject,
) -> None:
    """A name that is none of theirs, or a noun of another kind of thing."""
    for cue in draft.cues:
        kinds = {
            tag.name
            for tag in reading.starting("kind:", within=cue.clause)
            # `Skip the next delivery` is said of a subscription.
            if not (cue.start <= tag.start and tag.end <= cue.end)
        }
        own = [f"kind:{kind}" for kind in slot.kinds]
        if kinds and kinds.isdisjoint(own) and not found.handles:
            raise HandOverError("it speaks of another kind of thing")
        for tag in reading.found(*own, within=cue.clause):
            if stranger := stranger_beside(reading, tag, cue.clause):
                raise _which(draft, name, (), usable, f"`{stranger}` is none of theirs")
        if not kinds and (noun := strange_noun(reading, cue)):
            raise HandOverError(f"`{noun}` is nothing that is known of")


def _check_another(
    draft: ActDraft,
    slot: ObjectSlot,
    state: ConversationState,
    things: Things,
    found: FoundObject,
) -> None:
    """What is named where it is asked for is theirs, and of no kind that can be meant."""
    reading = state.readings[-1]
    fitting = {thing.handle for thing in things.of_kind(slot)}
    for cue in draft.cues:
        shared = any(o.clause == cue.clause and o.act != cue.act for o in state.cues)
        for at in range(cue.start if shared else cue.clause.start, cue.clause.end):
            token = reading.tokens[at]
            named = reading.titles.get(at, frozenset[str]())
            if token.kind == "number":
                said = token.text.lower()
                named = frozenset(t.handle for t in things.all if said in t.references)
            if named and named.isdisjoint(fitting) and not found.handles:
                why = "it speaks of something of theirs for which that cannot be done"
                raise HandOverError(why)


def _check_open(
    draft: ActDraft,
    name: str,
    slot: ObjectSlot,
    state: ConversationState,
    things: Things,
    found: FoundObject,
) -> None:
    """`Cancel it`: nothing in the whole conversation tells what."""
    if found.strong and found.handles:
        return
    if not draft.cues or any(cue.form != "open" for cue in draft.cues):
        return
    named = any(
        reading.has(*(f"kind:{kind}" for kind in slot.kinds), "monthly", "yearly")
        or reading.starting("plan:")
        for reading in (*state.readings, *state.agents)
    )
    # Words about the time say it as well: `at the end of the period` is said of a subscription.
    prefix = f"choice:{draft.act}."
    named = (
        named
        or any(reading.starting(prefix) for reading in state.agents)
        or any(tag.end - tag.start > 1 for r in state.readings for tag in r.starting(prefix))
    )
    named = named or bool(_by_plain_word(draft, slot, state, things))
    others = [thing for thing in things.all if thing.kind not in slot.kinds]
    if not named and others:
        handles = [thing.handle for thing in (*things.usable(slot), *others)]
        raise UnclearError(draft.act, name, handles, "nothing tells what")


def _said_about(draft: ActDraft, slot: ObjectSlot, state: ConversationState) -> FoundObject:
    """What is said about the object: by the request, around it, or before it."""
    topics = (state.topic[kind] for kind in slot.kinds if kind in state.topic)
    for found in (draft.object, draft.around, *topics):
        if found.handles or found.why:
            return found
    return FoundObject()


def _check_twins(
    draft: ActDraft,
    name: str,
    slot: ObjectSlot,
    chosen: list[Thing],
    found: FoundObject,
    usable: list[Thing],
) -> None:
    """One of two equal payments, and nothing says whether one or both is meant."""
    if not slot.duplicates_within_h or found.by_order:
        return
    for group in duplicates(usable, slot.duplicates_within_h):
        if {thing.handle for thing in chosen} & {thing.handle for thing in group}:
            why = "there are two equal payments"
            raise UnclearError(draft.act, name, ("one", "both"), why, open_=True)


def _check_interval(
    draft: ActDraft, name: str, chosen: list[Thing], state: ConversationState, book: Playbook
) -> None:
    """`monthly` of a yearly plan names another one, but where that is what is wanted."""
    reading = state.reading
    assert reading is not None
    if any(True for _ in book.slots_of(OptionSlot)):
        return
    for span in draft.spans if len(state.readings) == 1 else ():
        said = {tag.name for tag in reading.found("monthly", "yearly", within=span)}
        for thing in chosen:
            if thing.interval is not None and said and said != {thing.interval}:
                why = "its interval is another one than what is named"
                raise UnclearError(draft.act, name, (thing.handle,), why)


def _which(
    draft: ActDraft, name: str, candidates: Sequence[str], usable: Sequence[Thing], why: str
) -> Exception:
    handles = list(candidates) or [thing.handle for thing in usable]
    if not handles:
        return HandOverError(why)
    return UnclearError(draft.act, name, handles, why)
