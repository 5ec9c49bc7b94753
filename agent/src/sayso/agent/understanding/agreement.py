"""Whether an answer to a restated plan is a yes: a bare one, or one that asks something besides."""

from __future__ import annotations

import re

from sayso.agent.understanding.lexicon import Knowledge
from sayso.agent.understanding.reading import Reading, Sentence, read
from sayso.agent.understanding.remark import asks_how_it_stands

_ENOUGH_CHARS = 300
_SIGNS = re.compile("[\U0001f44d\U0001f44c\u2705\u2714\U0001f197\U0001f64f\U0001f919]")
_MODIFIERS = re.compile("[\U0001f3fb-\U0001f3ff\ufe0f\u200d\\s!.]")
_YES = ("yes", "assent", "polite", "closing", "greeting", "filler")
_BESIDE = ("same", "subject", "determiner", "thing", "wish", "mine")
"""Say nothing new beside a yes: `yes, I would like that`."""
_AGAINST = (
    "no negation negation_after taken_back hesitation condition except part half instead "
    "changes extras payee other_wish threat machine persons both one_of or halt nothing enough "
    "newest oldest first second third last other date"
).split()
_NEW = ("ask:", "open:", "weak:", "choice:", "share:", "number:", "note:", "product:", "plan:")
"""Words for an act or for one of its slots: what they ask for is read anew."""

_NAMES = ("number:", "product:", "plan:")
"""Name what is asked about."""


def agrees(text: str, language: str, knowledge: Knowledge) -> bool:
    """Whether a message says yes to what was asked, and to nothing else.

    A question beside the yes changes nothing of it: `yes please. How long does it take?`

    Args:
        language: of the thread. A yes in English is one everywhere.
    """
    if len(text) > _ENOUGH_CHARS:
        return False
    if _SIGNS.search(text) and not _MODIFIERS.sub("", _SIGNS.sub("", text)):
        return True
    text = _SIGNS.sub(" ", text)
    # One letter is a yes in its own language alone: `y` is `and` in Spanish.
    languages = (language, "en") if len(text.strip()) > 1 else (language,)
    return any(_agrees(read(text, knowledge, fallback=one), one) for one in languages)


def _agrees(reading: Reading, language: str) -> bool:
    if reading.cut or not reading.has("yes", "assent") or reading.lexicon.language != language:
        return False
    said = False
    for sentence in reading.sentences:
        if sentence.question and said:
            if not _is_aside(reading, sentence):
                return False
        elif not _is_yes(reading, sentence):
            return False
        said = said or reading.has("yes", "assent", within=sentence.span)
    return said


def _is_yes(reading: Reading, sentence: Sentence) -> bool:
    """Words of agreement and politeness, and nothing new."""
    if sentence.question or reading.has("no", "negation", "negation_after", within=sentence.span):
        return False
    known = {
        at for tag in reading.found(*_YES, within=sentence.span) for at in range(tag.start, tag.end)
    }
    if reading.has("yes", "assent", within=sentence.span):
        known |= {
            at
            for tag in reading.found(*_BESIDE, within=sentence.span)
            for at in range(tag.start, tag.end)
        }
        known |= {
            at for at in range(sentence.span.start, sentence.span.end) if _says_nothing(reading, at)
        }
    return all(
        at in known or reading.tokens[at].kind in ("comma", "end")
        for at in range(sentence.span.start, sentence.span.end)
    )


def _says_nothing(reading: Reading, at: int) -> bool:
    """Whether a word changes nothing in a request, and is none for an act or a slot."""
    return reading.tokens[at].text in reading.lexicon.plain and not any(
        name.startswith(_NEW) for name in reading.covering[at]
    )


def _is_aside(reading: Reading, sentence: Sentence) -> bool:
    """A question that asks for nothing to be done: `when will I see it?`, `where is 1043?`"""
    span = sentence.span
    told = asks_how_it_stands(reading, sentence)
    new = [one for one in _NEW if not (told and one in _NAMES)]
    if reading.has(*_AGAINST, within=span) or any(
        reading.starting(one, within=span) for one in new
    ):
        return False
    kinds = ("word", "comma", "end", "number") if told else ("word", "comma", "end")
    return all(reading.tokens[at].kind in kinds for at in range(span.start, span.end))


def declines(text: str, language: str, knowledge: Knowledge) -> bool:
    """Whether a message is a bare no: it says neither that all is to stay nor what is wanted."""
    if len(text) > _ENOUGH_CHARS:
        return False
    reading = read(text, knowledge, fallback=language)
    known = {
        at
        for tag in reading.found("no", "polite", "closing", "filler")
        for at in range(tag.start, tag.end)
    }
    return reading.has("no") and all(
        at in known or token.kind in ("comma", "end") for at, token in enumerate(reading.tokens)
    )
