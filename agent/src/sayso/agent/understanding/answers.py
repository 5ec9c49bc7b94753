"""What an answer adds to what is open: a pick, a correction, a yes, a no, or a new wish."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sayso.agent.understanding.amounts import StatedAmount, find_amounts
from sayso.agent.understanding.corrected import adds, corrects, tells
from sayso.agent.understanding.drafts import ActDraft, fill
from sayso.agent.understanding.objects import FoundObject
from sayso.agent.understanding.playbook import ObjectSlot, Playbook, WordsSlot
from sayso.agent.understanding.reading import Reading
from sayso.agent.understanding.records import Thing, Things, duplicates
from sayso.agent.understanding.remark import asks_how_it_stands
from sayso.agent.understanding.state import ConversationState, Pending
from sayso.agent.understanding.tokens import TextToken

_DENIED = 2
"""A negation reaches a number so many words ahead: `not the 1042`."""


def pick(state: ConversationState, pending: Pending, value: str, things: Things) -> None:
    """A choice that the customer picked: what it is an answer to stands in the question."""
    assert pending.own is not None, "only of a question of our own can a choice be picked"
    for index, draft in enumerate(state.open):
        book = _book(state, draft.act)
        if book.steps[0].action != pending.own.about:
            continue
        state.open[index] = _with_choice(draft, book, pending.own.slot, value, things)
        state.moved = True
        return


def _with_choice(
    draft: ActDraft, book: Playbook, slot: str, value: str, things: Things
) -> ActDraft:
    if book.object_slot is not None and book.object_slot[0] == slot:
        if value in ("one", "both"):
            return replace(draft, object=_twins(draft, book.object_slot[1], things, value))
        handles = tuple(t.handle for t in things.all if value in t.names_of_record)
        if len(handles) > 1:  # what was one thing when it was asked is several by now
            return replace(draft, object=FoundObject(candidates=handles, why="names several"))
        return replace(draft, object=FoundObject(handles=handles, strong=True))
    if book.money_slot is not None and book.money_slot[0] == slot:
        return replace(
            draft, amount=StatedAmount(tokens=(TextToken("number", value, 0, 0, digits=value),))
        )
    if any(name == slot for name, _ in book.number_slots()) and value.isdigit():
        return replace(draft, numbers={**draft.numbers, slot: (int(value),)})
    return replace(draft, choices={**draft.choices, slot: (value,)})


def _twins(draft: ActDraft, slot: ObjectSlot, things: Things, value: str) -> FoundObject:
    """One of two equal payments, or both."""
    groups = duplicates(things.usable(slot), slot.duplicates_within_h)
    if not groups:
        return draft.object
    chosen = groups[0] if value == "both" else groups[0][:1]
    return FoundObject(handles=tuple(t.handle for t in chosen), strong=True, by_order=True)


def _book(state: ConversationState, act: str) -> Playbook:
    assert state.reading is not None, "a customer's turn is read"
    return _book_of(state.reading, act)


def _book_of(reading: Reading, act: str) -> Playbook:
    return next(book for book in reading.lexicon.playbooks if book.name == act)


def answer(state: ConversationState, reading: Reading, own: list[ActDraft], things: Things) -> None:
    """What an answer does to what is open: it fills, corrects, accepts, declines or adds."""
    pending = state.pending or Pending()
    start = _first_word(reading)
    says_yes = reading.has("yes")
    says_no = not says_yes and _says_no(reading, start)
    if reading.has("taken_back", "keep", "hesitation") and not own and not corrects(reading):
        state.open, state.declined = [], True
        return
    chosen = _chosen_act(reading, pending, own)
    targets = _targets(state, pending, own, chosen, says_yes=says_yes)
    on_its_own = state.pending is None and tells(reading) and not corrects(reading)
    if not (own or chosen or says_yes) and (on_its_own or _only_asks(reading)):
        targets = []  # `When does my tent get here?` is no answer to what is to be sent back
    filled = [_filled(draft, reading, pending, things) for draft in targets]
    added = any(new != old for new, old in zip(filled, targets, strict=True))
    if own or chosen or added or (says_yes and targets):
        state.open = _merged(filled, own, pending, reading, things)
        state.moved = True
        state.agreed = says_yes and not own
    elif pending.open_question and not says_no and not _asks(reading):
        state.moved = True
    elif says_no:
        state.open, state.declined = [], True


def _only_asks(reading: Reading) -> bool:
    """Whether what it names is named where it asks how that stands."""
    asking = [
        one.span
        for one in reading.sentences
        # `When the year is over` is one.
        if one.question and asks_how_it_stands(reading, one)
    ]
    names = [at for at in reading.titles if not any(at in one for one in asking)]
    names += [at for at, t in enumerate(reading.tokens) if t.digits]
    return bool(asking) and not names


def _says_no(reading: Reading, start: int) -> bool:
    """A `no` by itself: `no time to cook` declines nothing."""
    for tag in reading.found("no"):
        alone = tag.end >= len(reading.tokens) or reading.tokens[tag.end].kind != "word"
        if tag.start == start and (alone or tag.end - tag.start > 1 or len(reading.tokens) <= 2):
            return True
    return False


def _asks(reading: Reading) -> bool:
    """Whether the customer asks something back."""
    return any(sentence.question for sentence in reading.sentences)


def _first_word(reading: Reading) -> int:
    return next((at for at, t in enumerate(reading.tokens) if t.kind not in ("comma", "end")), 0)


def _ordinal(reading: Reading, count: int) -> int | None:
    """Which of several in a row is meant."""
    for place, name in enumerate(("first", "second", "third")):
        if reading.has(name) and place < count:
            return place
    return count - 1 if count and reading.has("last") else None


def _chosen_act(reading: Reading, pending: Pending, own: list[ActDraft]) -> ActDraft | None:
    """The offer that an answer picks of several."""
    if len(pending.acts) < 2 or pending.together:
        return None
    for draft in own:
        for offer in pending.acts:
            if offer.act == draft.act:
                return offer
    place = _ordinal(reading, len(pending.acts))
    if place is not None:
        return pending.acts[place]
    return _by_amount(reading, pending.acts)


def _by_amount(reading: Reading, offers: Sequence[ActDraft]) -> ActDraft | None:
    """The only offer of an amount or a share that an answer names: `the 10 %`."""
    spans = [sentence.span for sentence in reading.sentences]
    said = find_amounts(reading, spans, frozenset(), answer=True, money=True)
    values = {token.digits.removesuffix(".00") for token in said.tokens} | set(said.shares)
    found = [
        offer
        for offer in offers
        if values
        & (
            {token.digits.removesuffix(".00") for token in offer.amount.tokens}
            | set(offer.amount.shares)
        )
    ]
    return found[0] if len(found) == 1 else None


def _targets(
    state: ConversationState,
    pending: Pending,
    own: list[ActDraft],
    chosen: ActDraft | None,
    *,
    says_yes: bool,
) -> list[ActDraft]:
    """What an answer is about: the picked offer, the accepted one, or what is open."""
    if chosen is not None:
        return [chosen]
    if own and not says_yes:
        return []
    if pending.together and says_yes:
        rest = [d for d in state.open if d.act not in {offer.act for offer in pending.acts}]
        return [*pending.acts, *rest]
    if len(pending.acts) == 1 and (says_yes or not state.open):
        offer = pending.acts[0]
        before = next((d for d in state.open if d.act == offer.act), None)
        rest = [d for d in state.open if d.act != offer.act] if before is not None else []
        return [offer if before is None else over(offer, before), *rest]
    if not state.open and not pending.acts:
        # `Now or at the end?` asks about an act by the words of its choice alone.
        asked = (slot.partition(".")[0] for slot, values in pending.choices.items() if values[1:])
        return [ActDraft(act=act) for act in dict.fromkeys(asked)]
    return list(state.open)


def _filled(draft: ActDraft, reading: Reading, pending: Pending, things: Things) -> ActDraft:
    """A draft with what the answer says about its slots."""
    book = _book_of(reading, draft.act)
    spans = tuple(sentence.span for sentence in reading.sentences)
    money = bool(pending.amounts) or any(offer.amount.tokens for offer in pending.acts)
    said = fill(
        ActDraft(act=draft.act, spans=spans), reading, book, things, answer=True, money=money
    )
    said = replace(said, object=_without_denied(said.object, reading, things))
    said = replace(said, amount=_own_amount(said, draft, reading, asked=pending != Pending()))
    if book.object_slot is not None:
        kinds = book.object_slot[1].kinds
        offered = [h for h in pending.objects if things.by(h).kind in kinds]
        place = _ordinal(reading, len(offered))
        twins = _twins(draft, book.object_slot[1], things, "both").handles
        if not said.object.strong and (pending.twins or set(draft.object.handles) & set(twins)):
            value = "both" if reading.has("both") else "one"
            if value == "both" or reading.has("one_of", "first", "second", "twice", "number:"):
                chosen = _twins(draft, book.object_slot[1], things, value)
                said = replace(said, object=chosen, amount=replace(said.amount, part=False))
        if place is not None and len(offered) > 1 and not said.object.strong:
            said = replace(said, object=FoundObject(handles=(offered[place],), strong=True))
        elif (
            len(offered) == 1
            and reading.has("yes", "same")
            and not (said.object.handles or draft.object.handles)
        ):
            said = replace(said, object=FoundObject(handles=(offered[0],), strong=True))
        elif (offered or pending.open_question) and not (money or draft.object.handles):
            usable = things.usable(book.object_slot[1])
            priced = _by_price(said, [things.by(h) for h in offered] or usable)
            if priced is not None and not (said.object.handles or said.object.why):
                found = FoundObject(handles=(priced.handle,), strong=True)
                said = replace(said, object=found, amount=StatedAmount())
    said = replace(said, words=said.words or _own_words(draft, reading, pending, book))
    for name, _ in book.choice_slots():
        values = pending.choices.get(f"{book.name}.{name}", ())
        place = _ordinal(reading, len(values))
        if len(values) > 1 and name not in said.choices:
            # A bare `ok` to `now or at the end?` chooses neither.
            picked = tuple(values) if place is None else (values[place],)
            said = replace(said, choices={**said.choices, name: picked})
    if book.money_slot is not None and len(pending.amounts) > 1 and said.amount.silent:
        place = _ordinal(reading, len(pending.amounts))
        if place is not None:
            said = replace(said, amount=StatedAmount(tokens=(pending.amounts[place],)))
    return over(said, draft)


def _own_amount(said: ActDraft, draft: ActDraft, reading: Reading, *, asked: bool) -> StatedAmount:
    """What a message says of how much that goes on from another: a guess is asked for.

    `And order 0811, too` has no part of the amount that was named for another one, and `only 2`
    may be pieces as well as money.

    Args:
        asked: whether it answers a question.
    """
    amount, other = said.amount, set(said.object.handles) - set(draft.object.handles)
    if asked:
        return amount
    if amount.silent and other and not draft.amount.silent and adds(reading):
        return amount if amount.whole else replace(amount, part=True)
    bare = any(one.kind == "number" and one.digits.isdigit() for one in amount.tokens)
    if bare and corrects(reading):
        return StatedAmount(part=True)
    return amount


def _without_denied(found: FoundObject, reading: Reading, things: Things) -> FoundObject:
    """Of `not 1042 but 1043` what is not denied."""
    denied = {
        token.text.lower()
        for tag in reading.found("negation")
        for token in reading.tokens[tag.end : tag.end + _DENIED]
        if token.kind == "number"
    }
    kept = tuple(h for h in found.handles if denied.isdisjoint(things.by(h).references))
    if len(kept) == len(found.handles):
        return found
    return replace(found, handles=kept) if kept else found


_FEW_WORDS = 4
"""So many words beside grammar are the value that was asked for, and no new message."""


def _own_words(
    draft: ActDraft, reading: Reading, pending: Pending, book: Playbook
) -> tuple[str, ...]:
    """A short answer to the question for a value in the customer's own words: `44`."""
    slots = [name for name, _ in book.slots_of(WordsSlot)]
    asked = pending.own.slot in slots if pending.own is not None else pending.open_question
    if not (slots and asked) or draft.words or reading.has("yes", "no", "hesitation", "negation"):
        return ()
    content = [
        token.text
        for token in reading.tokens
        if token.kind in ("number", "noise")
        or (token.kind == "word" and token.text not in reading.lexicon.words)
    ]
    return (" ".join(content),) if 0 < len(content) <= _FEW_WORDS else ()


def _by_price(said: ActDraft, offered: Sequence[Thing]) -> Thing | None:
    """What is named by its price: `the $129 one`."""
    if len(said.amount.tokens) != 1 or said.amount.shares:
        return None
    token = said.amount.tokens[0]
    found = [
        thing
        for thing in offered
        if (price := thing.money("amount") or thing.money("price")) is not None
        and token.as_money(price.currency) == price
    ]
    return found[0] if len(found) == 1 else None


def over(new: ActDraft, old: ActDraft) -> ActDraft:
    """The old draft with whatever the new one says."""
    object_ = new.object if new.object.handles or new.object.why else old.object
    around = old.around if not (new.around.handles or new.around.why) else new.around
    amount = old.amount if new.amount.silent and not new.amount.whole else new.amount
    return replace(
        old,
        object=object_,
        around=around,
        amount=amount,
        choices={**old.choices, **new.choices},
        numbers={**old.numbers, **new.numbers},
        texts={**old.texts, **new.texts},
        dates=new.dates or old.dates,
        options=new.options or old.options,
        items=new.items or old.items,
        words=new.words or old.words,
        quantities=new.quantities or old.quantities,
        some=new.some or (old.some and not (new.quantities or new.items)),
        cues=old.cues or new.cues,
        spans=old.spans or new.spans,
    )


def _merged(
    filled: list[ActDraft], own: list[ActDraft], pending: Pending, reading: Reading, things: Things
) -> list[ActDraft]:
    """What is open after an answer that asks for something itself."""
    merged = {draft.act: draft for draft in filled}
    for draft in own:
        before = merged.get(draft.act)
        offer = next((one for one in pending.acts if one.act == draft.act), None)
        base = before or offer
        if base is None and len(pending.acts) == 1 and draft.amount.silent and reading.has("same"):
            # `I'd rather have that as a refund`: what was offered, in another kind.
            draft = replace(draft, amount=pending.acts[0].amount)
        slot = _book_of(reading, draft.act).object_slot
        if base is None and slot is not None and reading.has("same"):
            # `I'd like that refunded`: the only thing that was spoken of just before.
            offered = [h for h in pending.objects if things.by(h).kind in slot[1].kinds]
            if len(offered) == 1 and not (draft.object.handles or draft.object.why):
                draft = replace(draft, object=FoundObject(handles=(offered[0],), strong=True))
        merged[draft.act] = draft if base is None else over(draft, base)
    return list(merged.values())
