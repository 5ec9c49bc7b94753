"""What asks for nothing to be done: small talk, and questions about their things or in general.

It is looked for only where nothing was found to plan or to ask. A message with a wish in it is a
wish, whatever else it says: an act that is asked for, or wished for under a condition, makes it no
remark, and so does anything that speaks of trouble.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from sayso.agent.answers import read_remarks, read_topics
from sayso.agent.base import Message, Remark, RemarkKind
from sayso.agent.understanding.acts import OTHER, Cue, Mood, find_cues, first_content
from sayso.agent.understanding.patterns import Matcher, Tag
from sayso.agent.understanding.reading import Reading, Sentence, Span
from sayso.agent.understanding.records import Thing, Things

_FRAGMENT = 9
"""A few words without a verb ask for what they name: `tracking number for the lamp`."""
_LONGEST_TALK = 40
_FEWEST = 3
"""Fewer words ask nothing that anybody could know: `And now?`."""
_NAME = 3
_WISHES = frozenset({Mood.ASKED, Mood.HESITANT, Mood.CONDITIONAL, Mood.OTHERS, Mood.DECLINED})
_ASKS = _WISHES | {Mood.QUESTION}
_NO_REMARK = ("threat", "payee", "authority", "machine", "twice")
_COURTESY = ("talk", "praise", "thanks")
_PASSING = ("greeting", "closing", "filler", "polite")


def read_remark(
    messages: Sequence[Message], reading: Reading | None, things: Things, why: str
) -> Remark | None:
    """What the newest message is where nothing is to be done; None where somebody has to look.

    Args:
        messages: the conversation, whose newest turn is the customer's.
        why: why nothing was planned, for the people who get it if nothing can be told.
    """
    before = messages[-2] if len(messages) > 1 else None
    if reading is None or (before is not None and before.question is not None):
        return None  # what was asked waits for an answer, which this is not
    found = _Found(reading)
    if reading.has(*_NO_REMARK) or any(found.counts(cue) for cue in find_cues(reading)):
        return None
    in_dialogue = before is not None and "?" in before.content
    meant, told = _meant(reading, things), found.asked_about()
    kind: RemarkKind | None = None
    if told and not found.has("policy") and not found.wishes() and not _strange(reading, things):
        kind = "status"
    elif found.is_talk(in_dialogue=in_dialogue):
        kind = "talk"
    elif found.is_question(named=bool(meant)):
        kind = "answer"
    language, thanks = reading.lexicon.language, found.has("thanks")
    said_in = _all_courtesy(reading)
    if kind != "status" and said_in is not None and (said_in[1] or not in_dialogue):
        kind, (language, thanks) = "talk", said_in
    if kind is None:
        return None
    return Remark(
        reason=why,
        planner="playbooks",
        kind=kind,
        language=language,
        topics=told,
        meant=meant if kind == "status" else (),
        thanks=thanks,
    )


def asks_how_it_stands(reading: Reading, sentence: Sentence) -> bool:
    """Whether a sentence asks how something of theirs stands, and for nothing to be done."""
    found = _Found(reading)
    acts = any(
        cue.start in sentence.span and cue.act != OTHER and cue.mood in _ASKS
        for cue in find_cues(reading)
    )
    return not acts and found.asks(sentence) and bool(found.asked_about(sentence.span))


def read_aside(reading: Reading, things: Things) -> Remark | None:
    """What is asked beside a wish: how something of theirs stands; None where nothing is.

    Only what names a thing, or is about an order or a subscription: how the wish itself stands is
    told anyway.
    """
    found = _Found(reading)
    asking = [one for one in reading.sentences if asks_how_it_stands(reading, one)]
    if reading.has(*_NO_REMARK) or any(_strange(reading, things, one.span) for one in asking):
        return None
    topics = tuple(dict.fromkeys(t for one in asking for t in found.asked_about(one.span)))
    meant = tuple(dict.fromkeys(h for one in asking for h in _meant(reading, things, one.span)))
    if not topics or not (meant or {"payment", "request"}.isdisjoint(topics)):
        return None
    return Remark(
        reason="a question stands beside the wish",
        planner="playbooks",
        kind="status",
        language=reading.lexicon.language,
        topics=topics,
        meant=meant,
    )


class _Found:
    """The words of remarks in one message."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._tags = _matcher(reading.lexicon.language).find(reading.tokens)

    def has(self, name: str, within: Span | None = None) -> bool:
        """Whether one of these words is there."""
        return any(tag.name == name and (within is None or within.holds(tag)) for tag in self._tags)

    def counts(self, cue: Cue) -> bool:
        """Whether an act is wished for, and is not merely a word of what is asked about."""
        inside = any(
            tag.name.startswith("name:") and tag.start <= cue.start and cue.end <= tag.end
            for tag in self._tags
        )
        return cue.mood in _WISHES and not (cue.act == OTHER and inside)

    def asked_about(self, within: Span | None = None) -> tuple[str, ...]:
        """The topics that are asked about, in a question or in a few words by themselves."""
        topics: dict[str, None] = {}
        for sentence in self._reading.sentences:
            if within is not None and sentence.span != within:
                continue
            asks = self.asks(sentence)
            few = sentence.span.end - sentence.span.start <= _FRAGMENT
            for tag in self._tags:
                form, _, topic = tag.name.partition(":")
                if sentence.span.holds(tag) and (
                    (form == "topic" and asks) or (form == "name" and (asks or few))
                ):
                    topics[topic] = None
        return tuple(topics)

    def is_question(self, *, named: bool) -> bool:
        """Whether all of it asks something in general, and tells of nothing that went wrong.

        Args:
            named: it names something of theirs, so that `can I` asks for it.
        """
        reading = self._reading
        asking = [one for one in reading.sentences if self.asks(one)]
        words = sum(token.kind == "word" for token in reading.tokens)
        if (
            not asking
            or words < _FEWEST
            or self.wishes()
            or reading.has("persons", "taken_back", "polite")
        ):
            return False
        general, named = self.has("policy"), named or self.has("mine")
        if not general and (self.has("trouble") or reading.has("past", "negation")):
            return False
        if named and any(self.has("permission", one.span) for one in asking):
            return False
        if not general and any(not one.question and len(one.clauses) > 1 for one in asking):
            return False  # `When it starts again, they should go there`
        if named and not general and not all(map(self._opens_with_question, asking)):
            return False
        return general or all(
            one in asking or self._is_passing(one.span, also=_COURTESY) for one in reading.sentences
        )

    def is_talk(self, *, in_dialogue: bool) -> bool:
        """Whether it is nothing but a friendly word.

        Args:
            in_dialogue: it answers a question, so that anything but courtesy is an answer.
        """
        reading = self._reading
        if not any(token.kind in ("word", "number", "money") for token in reading.tokens):
            return bool(reading.text.strip()) and not any(char.isalnum() for char in reading.text)
        every = Span(0, len(reading.tokens))
        friendly = self.has("praise") or self.has("thanks")
        if (friendly or not in_dialogue) and self._is_passing(
            every, also=("talk", "praise", "thanks", *(("no",) if friendly else ()))
        ):
            return True
        if in_dialogue or len(reading.tokens) > _LONGEST_TALK or self.has("trouble"):
            return False
        if any(token.kind in ("number", "money", "percent") for token in reading.tokens):
            return False
        if self.wishes() or reading.has("negation", "hesitation", "taken_back", "polite"):
            return False
        return not find_cues(reading) and all(map(self._is_friendly, reading.sentences))

    def _is_friendly(self, sentence: Sentence) -> bool:
        """Whether a sentence praises, begins with thanks, or holds nothing but courtesy."""
        if self.asks(sentence):
            return False
        start = first_content(self._reading, sentence.span)
        thanks = any(
            tag.name == "thanks" and tag.start <= start
            for tag in self._tags
            if tag.start in sentence.span
        )
        also = _COURTESY
        return (
            thanks
            or self._is_signature(sentence.span)
            or self.has("praise", sentence.span)
            or self._is_passing(sentence.span, also=also)
        )

    def _is_signature(self, span: Span) -> bool:
        """A name at the end: `Oscar`, `Maya Lindqvist`."""
        tokens = self._reading.tokens[span.start : span.end]
        words = [token for token in tokens if token.kind == "word"]
        return span.start > 0 and len(tokens) <= _NAME and all(word.capital for word in words)

    def wishes(self) -> bool:
        """Whether a word of wishing stands there that belongs to no friendly phrase or question."""
        reading = self._reading
        kept = [tag for tag in self._tags if tag.name in ("talk", "praise", "thanks", "policy")]
        # `Any chance of an answer today?` wishes for nothing but to hear of it.
        kept += [tag for tag in self._tags if tag.name == "topic:request"]
        kept += reading.found("ask_info")
        return any(
            not any(one.start <= wish.start and wish.end <= one.end for one in kept)
            for wish in (*reading.found("wish", "polite_question"), *self._orders())
        )

    def _orders(self) -> list[Tag]:
        """Imperatives that begin a clause, but not a question: `do you have`."""
        reading = self._reading
        begins = {
            first_content(reading, clause)
            for sentence in reading.sentences
            for clause in sentence.clauses
        }
        return [
            tag
            for tag in reading.found("imperative")
            if tag.start in begins and not reading.begins(tag.start, "question_start")
        ]

    def _is_passing(self, span: Span, *, also: tuple[str, ...]) -> bool:
        """Whether every word of it is one of courtesy."""
        tags = [*self._reading.found(*_PASSING, *also), *(t for t in self._tags if t.name in also)]
        known = {at for tag in tags for at in _said(tag)}
        return all(
            at in known or self._reading.tokens[at].kind not in ("word", "number", "money")
            for at in range(span.start, span.end)
        )

    def asks(self, sentence: Sentence) -> bool:
        """Whether a sentence is a question, by its mark or its words."""
        reading = self._reading
        return (
            sentence.question
            or self._opens_with_question(sentence)
            or reading.has("ask_info", within=sentence.span)
        )

    def _opens_with_question(self, sentence: Sentence) -> bool:
        start = first_content(self._reading, sentence.span)
        opens = self._reading.found("question_word", "question_start", within=sentence.span)
        return any(tag.start == start for tag in opens)


def _all_courtesy(reading: Reading) -> tuple[str, bool] | None:
    """The language in which every word is one of courtesy, and whether one of them is of thanks.

    `Hallo, vielen Dank` has too few words to tell its language by.
    """
    words = {at for at, token in enumerate(reading.tokens) if token.kind == "word"}
    if not 0 < len(words) <= _FRAGMENT or any(token.digits for token in reading.tokens):
        return None
    first = reading.lexicon.language
    for language in (first, *(one for one in read_remarks().thanks if one != first)):
        tags = [t for t in _matcher(language).find(reading.tokens) if t.name in _COURTESY]
        if words <= {at for tag in tags for at in _said(tag)}:
            return language, any(tag.name == "thanks" for tag in tags)
    return None


def _said(tag: Tag) -> set[int]:
    return set(range(tag.start, tag.end)) - tag.skipped


@lru_cache(maxsize=16)
def _matcher(language: str) -> Matcher:
    remarks = read_remarks()
    lists = {
        "thanks": remarks.thanks,
        "talk": remarks.talk,
        "praise": remarks.praise,
        "trouble": remarks.trouble,
        "policy": remarks.policy,
        "permission": remarks.permission,
        "mine": remarks.mine,
        **{f"topic:{name}": topic.asks for name, topic in read_topics().items()},
        **{f"name:{name}": topic.names for name, topic in read_topics().items()},
    }
    return Matcher(
        (name, pattern) for name, words in lists.items() for pattern in words.get(language, ())
    )


# ---- which of their things ---------------------------------------------------------------------


def _meant(reading: Reading, things: Things, within: Span | None = None) -> tuple[str, ...]:
    """The handles of what is named, by number before by name, with the same thing elsewhere."""
    numbers: set[str] = set()
    span = within or Span(0, len(reading.tokens))
    for token in reading.tokens[span.start : span.end]:
        said = token.text.lower()
        if token.kind in ("number", "word", "noise") and any(c.isdigit() for c in said):
            numbers |= {one.handle for one in things.all if said in one.references}
    if numbers:
        return _with_twins(numbers, things)
    names = [found for at, found in reading.titles.items() if at in span]
    names += [
        frozenset(one.handle for one in things.all if tag.name in one.names)
        for tag in (*reading.starting("product:", span), *reading.starting("plan:", span))
    ]
    every = set[str]().union(*names)
    shared = {handle for handle in every if all(handle in one for one in names if one)}
    return _with_twins(shared or every, things)


def _strange(reading: Reading, things: Things, within: Span | None = None) -> bool:
    """Whether a number, an amount or an address stands there that is none of theirs."""
    known = {ref for one in things.all for ref in one.references}
    span = within or Span(0, len(reading.tokens))
    return any(
        token.kind in ("money", "percent")
        or (token.kind == "number" and token.text.lower() not in known)
        for token in reading.tokens[span.start : span.end]
    )


def _with_twins(handles: set[str], things: Things) -> tuple[str, ...]:
    """And the records of other providers that share a number with them."""
    shared = {ref for one in things.all if one.handle in handles for ref in _numbers(one)}
    return tuple(
        one.handle for one in things.all if one.handle in handles or shared & set(_numbers(one))
    )


def _numbers(thing: Thing) -> list[str]:
    return [ref for ref in thing.references if any(char.isdigit() for char in ref)]
