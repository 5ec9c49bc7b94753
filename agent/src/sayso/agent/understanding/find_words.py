"""What is wanted in place of something, in the customer's own words: `the steel ones`, `size 44`.

A closed list first; then what stands behind `for` and the like, as it is written. What says only
that it is to be another one says nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sayso.agent.understanding.patterns import Tag
from sayso.agent.understanding.playbook import Playbook
from sayso.agent.understanding.reading import Reading, Span

_LONGEST = 5
_NEAR = 2
_ENDS = frozenset(
    "polite closing greeting conjunction and or persons mine subject reason filler date "
    "polite_question wish replaced question_word later condition negation".split()
)
"""Nothing of what is wanted goes on behind these."""


def find_words(
    reading: Reading, spans: Sequence[Span], book: Playbook, name: str, titles: frozenset[str]
) -> Iterator[str]:
    """The values that the words within some spans say for a slot of words.

    Args:
        titles: words of what it is now: beside something else they are not wanted.
    """
    slot = f"{book.name}.{name}"
    tags = [tag for span in spans for tag in reading.found(f"said:{slot}", within=span)]
    tags = [
        tag
        for tag in tags
        if not any(o is not tag and o.start <= tag.start and tag.end <= o.end for o in tags)
    ]
    left = [tag for tag in tags if not _is_of_now(reading, tag, titles)]
    if left:
        yield from (reading.words(_without_instead(reading, tag)) for tag in left)
        return
    beside = [s.span for s in reading.sentences if reading.has("wish", within=s.span)]
    more = [tag for span in beside for tag in reading.found(f"said:{slot}", within=span)]
    if more and not tags:
        yield from (reading.words(_without_instead(reading, tag)) for tag in more[:1])
        return
    opened = list(dict.fromkeys(_behind(reading, spans, slot, book.name, titles)))
    if opened:
        yield from opened
    elif any(reading.has(f"same_as:{slot}", within=span) for span in spans):
        yield "new"


def _without_instead(reading: Reading, tag: Tag) -> Span:
    """Its words up to the `instead` by which it was found."""
    marks = [one.start for one in reading.found("instead", within=Span(tag.start, tag.end))]
    end = min((at for at in marks if at > tag.start), default=tag.end)
    if end == tag.end and reading.tokens[end - 1].kind == "number" and _goes_on(reading, end):
        end += 1  # `43 wide`
    return Span(tag.start, end)


def _goes_on(reading: Reading, at: int) -> bool:
    """Whether a word follows that no list knows and that names none of theirs."""
    token = reading.tokens[at] if at in reading.clause_at(max(at - 1, 0)) else None
    return (
        token is not None
        and token.kind == "word"
        and at not in reading.titles
        and not reading.lexicon.knows(token.text)
    )


def _is_of_now(reading: Reading, tag: Tag, titles: frozenset[str]) -> bool:
    """Whether it says what it is now: `brown` of the brown boots, `instead of brown`."""
    words = [token.text for token in reading.tokens[tag.start : tag.end]]
    return titles.issuperset(words) or any(
        0 <= tag.start - one.end < _NEAR and one.end in reading.clause_at(tag.start)
        for one in reading.found("replaced")
    )


def _behind(
    reading: Reading, spans: Sequence[Span], slot: str, act: str, titles: frozenset[str]
) -> Iterator[str]:
    for span in spans:
        asked = [tag.start for tag in reading.found(f"ask:{act}", within=span)]
        for tag in reading.found(f"before:{slot}", within=span):
            if not any(at < tag.end for at in asked):
                continue
            phrase = _phrase(reading, tag.end, span.end)
            said = [token.text for token in reading.tokens[phrase.start : phrase.end]]
            # `For another one` says no more than the act itself, and `for the boots` what it is.
            if _tells(reading, phrase, slot, act) and not titles.issuperset(said):
                yield " ".join(said)


def _phrase(reading: Reading, start: int, end: int) -> Span:
    """The words of a name: behind its article, up to whatever is no part of it."""
    articles = {tag.start: tag.end for tag in reading.found("determiner")}
    start = articles.get(start, start)
    at = start
    while at < min(end, start + _LONGEST):
        token = reading.tokens[at]
        if token.kind in ("comma", "end") or token.form or token.kind == "money":
            break
        if any(name in _ENDS for name in reading.starts[at]):
            break
        if at > start and token.text in reading.lexicon.words:
            break
        at += 1
    return Span(start, at)


def _tells(reading: Reading, phrase: Span, slot: str, act: str) -> bool:
    """Whether a word of it is neither grammar nor a word of the act itself."""
    idle = (f"ask:{act}", f"vague:{slot}", "thing", "unit", "account", "cause", "instead")
    return any(
        token.kind in ("number", "noise")
        or (
            token.kind == "word"
            and token.text not in reading.lexicon.words
            and not any(name in idle for name in reading.spelling_out[at])
        )
        for at, token in enumerate(reading.tokens[phrase.start : phrase.end], phrase.start)
    )
