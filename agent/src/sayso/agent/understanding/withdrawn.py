"""Whether a message takes back what was asked for in its thread, by its words alone."""

from __future__ import annotations

from collections.abc import Sequence

from sayso.agent.base import Message
from sayso.agent.understanding.acts import Mood, find_cues
from sayso.agent.understanding.clean import clean
from sayso.agent.understanding.lexicon import Knowledge
from sayso.agent.understanding.reading import Reading, detect, language_of, read
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
    more = any(tag.start not in said for tag in reading.found(*_MORE))
    # `stop my subscription` is a wish of its own, and `stop that` is none.
    names = bool(reading.starting("kind:"))
    asked = [cue.start for cue in find_cues(reading) if cue.mood is Mood.ASKED]
    asks = any(names or start not in said for start in asked)
    if more or asks or any(sentence.question for sentence in reading.sentences):
        return False
    tags = [*reading.found(*_KNOWN), *reading.starting("product:"), *reading.starting("kind:")]
    known = said | {at for tag in tags for at in range(tag.start, tag.end)}
    unknown = [
        token
        for at, token in enumerate(reading.tokens)
        if at not in known and token.kind not in ("comma", "end", "noise")
    ]
    return len(unknown) <= MOST_UNKNOWN and all(token.kind == "word" for token in unknown)
