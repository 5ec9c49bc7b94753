"""When a plan needs no yes of the customer: almost never, and only by a closed list of words.

INVARIANT: every rule here takes certainty away. A word that no list explains, a slip that was put
right, anything that was cut, a share, a time that was not said: the plan is restated.
"""

from __future__ import annotations

from collections.abc import Iterator

from sayso.agent.understanding.acts import Cue
from sayso.agent.understanding.drafts import ActDraft
from sayso.agent.understanding.patterns import Tag
from sayso.agent.understanding.playbook import Playbook
from sayso.agent.understanding.reading import Reading, Sentence, Span
from sayso.agent.understanding.state import ConversationState

_ASKING = frozenset("polite wish polite_question".split())
_ASKING_KINDS = ("ask", "open", "weak", "product", "plan", "feature", "kind")
_DOUBT = tuple(
    "negation negation_after condition later hesitation past persons authority taken_back "
    "keep date other_wish changes extras payee threat machine except twice both one_of other "
    "before_last newest oldest dearest cheapest monthly yearly half part some_of general ask_info "
    "question_word instead no reported idiom".split()
)
"""None of these may stand anywhere in the message."""
_BESIDE = frozenset("greeting closing reason polite".split())
_ACTS = ("ask", "open", "weak", "done", "no")
_SIGNATURE_WORDS = 3
_ENDS = (".", "!", "\n", "...")


def is_certain(state: ConversationState, book: Playbook, steps: int, names: frozenset[str]) -> bool:
    """Whether the words leave nothing open: one act, one step, every word known.

    Args:
        book: the playbook of the only act.
        steps: how many steps the plan has.
        names: everything that the title of the chosen object says.
    """
    reading = state.reading
    if reading is None or len(state.readings) != 1 or state.agents or steps != 1:
        return False
    odd = any(t.corrected or (t.kind == "end" and t.text not in _ENDS) for t in reading.tokens)
    if len(state.open) != 1 or reading.cut or odd:
        return False
    draft = state.open[0]
    acts = set(_acts_beside(reading, draft))
    said = {name for name in reading.tags if _kind_of(name)[0] in ("product", "plan", "feature")}
    if reading.has(*_DOUBT) or acts - {book.name} or said - names:
        return False
    return _named(draft, book) and _amount_is_plain(draft) and _all_explained(reading, draft, book)


def _acts_beside(reading: Reading, draft: ActDraft) -> Iterator[str]:
    """Acts that something in the message is a word for, but for a word of this one itself."""
    own = {at for cue in draft.cues for at in range(cue.start, cue.end)}
    for name, tags in reading.tags.items():
        form, act = _kind_of(name)
        if form in _ACTS and not all(_is_own(one, own, form) for one in tags):
            yield act


def _is_own(tag: Tag, own: set[int], form: str) -> bool:
    """Whether it is the word for the act itself, or says that another one is not meant by it."""
    places = range(tag.start, tag.end)
    return own.issuperset(places) or (form == "no" and not own.isdisjoint(places))


def _named(draft: ActDraft, book: Playbook) -> bool:
    """The object by a number or a name in the sentence itself, each choice in so many words."""
    said = all(name in draft.choices for name, _ in book.choice_slots())
    found = draft.object
    if book.object_slot is None:
        return said
    return (
        said and found.strong and not found.by_order and not found.why and len(found.handles) == 1
    )


def _amount_is_plain(draft: ActDraft) -> bool:
    amount = draft.amount
    plain = all(token.kind == "money" and not token.word for token in amount.tokens)
    return (
        plain
        and len(amount.tokens) <= 1
        and not (amount.shares or amount.part or amount.except_ or amount.odd)
    )


def _all_explained(reading: Reading, draft: ActDraft, book: Playbook) -> bool:
    cue = draft.cues[0]
    asking = reading.sentence_at(cue.start)
    if asking.question or any(one.start not in asking.span for one in draft.cues):
        return False
    if not all(_asks(reading, at, book) for at in _tokens(reading, asking.span)):
        return False
    closed = False
    for sentence in reading.sentences:
        if sentence == asking:
            continue
        if _beside(reading, sentence):
            closed = closed or reading.has("closing", within=sentence.span)
        elif not (closed and _is_signature(reading, sentence, cue)):
            return False
    return True


def _tokens(reading: Reading, span: Span) -> range:
    return range(span.start, span.end)


def _asks(reading: Reading, at: int, book: Playbook) -> bool:
    """Whether a token of the asking sentence is one of the closed list."""
    token = reading.tokens[at]
    if token.kind in ("comma", "number", "money"):
        return not token.word
    if token.kind != "word":
        return False
    if at in reading.titles or token.text in reading.lexicon.plain:
        return True
    names = _ASKING if book.object_slot is not None else _ASKING | {"account"}
    choices = f"choice:{book.name}."
    return any(
        name in names or _kind_of(name)[0] in _ASKING_KINDS or name.startswith(choices)
        for name in reading.spelling_out[at]
    )


def _kind_of(name: str) -> tuple[str, str]:
    """The two parts of a tag's name such as `ask:refund`; nothing for a plain list."""
    kind, colon, rest = name.partition(":")
    return (kind, rest) if colon else ("", "")


def _beside(reading: Reading, sentence: Sentence) -> bool:
    """A greeting, a closing with a name behind it, or a reason of a closed list."""
    closings = reading.found("closing", within=sentence.span)
    last = max((tag.end for tag in closings), default=sentence.span.end)
    named = [at for at in range(last, sentence.span.end) if reading.tokens[at].kind == "word"]
    covered = {
        at
        for tag in reading.found(*_BESIDE, within=sentence.span)
        for at in range(tag.start, tag.end)
    }
    if len(named) <= _SIGNATURE_WORDS:
        covered.update(named)
    return all(
        at in covered or reading.tokens[at].kind == "comma"
        for at in range(sentence.span.start, sentence.span.end)
    )


def _is_signature(reading: Reading, sentence: Sentence, cue: Cue) -> bool:
    """A name behind a closing."""
    span = sentence.span
    return (
        span.start > cue.end
        and span.end - span.start <= _SIGNATURE_WORDS
        and all(reading.tokens[at].kind == "word" for at in range(span.start, span.end))
    )
