"""Whether a message takes back what was asked for in its thread, by its words alone."""

from __future__ import annotations

from collections.abc import Sequence

from sayso.agent.base import Message
from sayso.agent.understanding.acts import Mood, find_cues
from sayso.agent.understanding.clean import clean
from sayso.agent.understanding.lexicon import Knowledge
from sayso.agent.understanding.reading import Reading, Sentence, Span, detect, language_of, read
from sayso.agent.understanding.tokens import tokenise

MOST_CHARS = 300
"""What is longer says more than that."""
FEW_CHARS = 80
_KNOWN = (
    *("withdraw", "keep", "taken_back", "yes", "no", "negation", "negation_after", "halt"),
    *("polite", "closing", "greeting", "filler", "thing", "determiner", "subject", "conjunction"),
    *("and", "cause", "idiom", "adjective", "wish"),
)
_MORE = ("condition", "hesitation", "payee", "threat", "persons", "later", "machine", "changes")
"""What makes it something else than a plain taking back, or makes it uncertain."""
MOST_UNKNOWN = 2
"""So many words that nobody knows may stand beside, such as the name of what is kept."""
MOST_TOLD = 8
"""So many may say why, in sentences of their own."""


def takes_back(messages: Sequence[Message], knowledge: Knowledge) -> bool:
    """Whether the newest message clearly takes back what was asked for, and says nothing else.

    What is uncertain is none: a question, a wish beside it, an amount, a condition, or more words
    than a taking back has. It is read like every other message then, and shown to people.
    """
    newest = messages[-1]
    if newest.role != "customer" or newest.choice is not None or len(newest.content) > MOST_CHARS:
        return False
    likely = language_of(messages, knowledge)
    # NOTE: few words are not enough to tell a language by; whichever knows all of them counts.
    tokens = tokenise(clean(newest.content).text)
    short = len(newest.content) <= FEW_CHARS
    others = [detect(tokens, knowledge, one) for one in knowledge.lexicons if short]
    languages = dict.fromkeys((likely, *others))
    return any(_only_takes_back(read(newest.content, knowledge, fallback=one)) for one in languages)


def _only_takes_back(reading: Reading) -> bool:
    said = {at for tag in reading.found("withdraw") for at in range(tag.start, tag.end)}
    if reading.cut or not said:
        return False
    # `stop my subscription` is a wish of its own, and `stop that` is none.
    names = bool(reading.starting("kind:"))
    asked = [cue.start for cue in find_cues(reading) if cue.mood is Mood.ASKED]
    asks = any(names or start not in said for start in asked)
    if asks or any(sentence.question for sentence in reading.sentences):
        return False
    saying = [one for one in reading.sentences if any(at in one.span for at in said)]
    beside = [one for one in reading.sentences if one not in saying]
    unknown = [at for one in saying for at in _unknown(reading, one.span, said)]
    told = [at for one in beside for at in _unknown(reading, one.span, said)]
    if any(reading.tokens[at].kind != "word" for at in (*unknown, *told)):
        return False
    if _says_more(reading, said, saying, _MORE):
        return False
    if not unknown and len(told) <= MOST_TOLD:
        # `My son wants it after all. Don't cancel`: whoever is spoken of there only says why.
        return not _says_more(reading, said, beside, [one for one in _MORE if one != "persons"])
    few = len(unknown) + len(told) <= MOST_UNKNOWN
    return few and not _says_more(reading, said, beside, _MORE)


def _says_more(
    reading: Reading, said: set[int], sentences: Sequence[Sentence], names: Sequence[str]
) -> bool:
    """Whether something else is said, or that it is so only perhaps."""
    every = [tag for one in sentences for tag in reading.found(*names, within=one.span)]
    return any(tag.start not in said for tag in every)


def _unknown(reading: Reading, span: Span, said: set[int]) -> list[int]:
    """The words of a sentence that nobody knows."""
    tags = [*reading.found(*_KNOWN), *reading.starting("product:"), *reading.starting("kind:")]
    known = said | {at for tag in tags for at in range(tag.start, tag.end)}
    return [
        at
        for at in range(span.start, span.end)
        if at not in known and reading.tokens[at].kind not in ("comma", "end", "noise")
    ]
