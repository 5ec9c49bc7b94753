"""Whether a message puts right what was asked before it in its thread, or asks for more beside it.

By its words alone, so that it is known when the message is stored. A wrong answer costs a card that
is made anew: what was asked before is read again with the message, and nothing of it is lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from sayso.agent.answers import read_corrections
from sayso.agent.base import Message
from sayso.agent.incoming import Bearing
from sayso.agent.understanding.acts import Cue, Mood, explained, find_cues, first_content
from sayso.agent.understanding.clean import clean
from sayso.agent.understanding.lexicon import Knowledge
from sayso.agent.understanding.patterns import Matcher, Tag
from sayso.agent.understanding.reading import Reading, Span, detect, language_of, read
from sayso.agent.understanding.tokens import tokenise

MOST_CHARS = 300
"""What is longer tells more than that."""
FEW_CHARS = 80
_MORE = ("condition", "payee", "threat", "persons", "machine", "authority")
"""What makes it something else, that people have to see."""
_LISTS = ("meant", "only", "instead", "also", "excuse")
_SHARES = ("half", "whole", "enough", "part")
_GRAMMAR = frozenset(
    "no negation instead and or determiner subject conjunction polite_question same".split()
)


def bearing_of(messages: Sequence[Message], knowledge: Knowledge) -> Bearing | None:
    """How the newest message bears on what was asked before it; None where it stands by itself.

    What asks for something of its own in full adds without this; only what cannot be read alone
    (`and order 0811, too`) is told as such.
    """
    newest = messages[-1]
    if newest.role != "customer" or newest.choice is not None or len(newest.content) > MOST_CHARS:
        return None
    likely = language_of(messages, knowledge)
    tokens = tokenise(clean(newest.content).text)
    short = len(newest.content) <= FEW_CHARS
    # NOTE: few words are not enough to tell a language by; the first that knows them counts.
    others = [detect(tokens, knowledge, one) for one in knowledge.lexicons if short]
    for language in dict.fromkeys((likely, *others)):
        found = _bearing(read(newest.content, knowledge, fallback=language))
        if found is not None:
            return found
    return None


def corrects(reading: Reading) -> bool:
    """Whether a message says that what was asked before is meant otherwise."""
    return _bearing(reading) == "corrects"


def adds(reading: Reading) -> bool:
    """Whether a message asks for the same of something more."""
    return _bearing(reading) == "adds"


def puts_right(reading: Reading, tag: Tag) -> bool:
    """Whether words are those of a correction: `on second thought, end it now`."""
    said = [one for one in _tags(reading) if one.name == "meant"]
    return any(one.start <= tag.start and tag.end <= one.end for one in said)


def tells(reading: Reading) -> bool:
    """Whether something is told of what it names: `the courier lost 0977`."""
    return _tells(reading, _tags(reading))


def excuses(reading: Reading) -> list[Tag]:
    """The words by which a correction opens, which ask for no apology."""
    start = first_content(reading, Span(0, len(reading.tokens)))
    return [tag for tag in _tags(reading) if tag.name == "excuse" and tag.start <= start]


def _bearing(reading: Reading) -> Bearing | None:
    if reading.cut or reading.has(*_MORE):
        return None
    tags = _tags(reading)
    names = {tag.name for tag in tags}
    excused = {at for tag in excuses(reading) for at in range(tag.start, tag.end)}
    cues = [cue for cue in find_cues(reading) if cue.start not in excused]
    asks = any(cue.mood is Mood.ASKED for cue in cues)
    if _replaces(reading, tags, cues):
        return "corrects"
    named = _names_something(reading) or ("meant" in names and bool(reading.starting("choice:")))
    if any(sentence.question for sentence in reading.sentences) or not named:
        return None
    if "meant" in names and not (asks and "also" in names):
        return None if _tells(reading, tags, around=("meant",)) else "corrects"
    if "also" in names:
        return None if asks or _tells(reading, tags) else "adds"
    if _tells(reading, tags):
        return None
    if reading.has("instead") or _opens_with_no(reading):
        return "corrects"
    return "corrects" if not asks and (excused or "only" in names) else None


def _replaces(reading: Reading, tags: Sequence[Tag], cues: Sequence[Cue]) -> bool:
    """Whether something else is wished for in its place: `then just pause it instead`."""
    places = [tag for tag in tags if tag.name == "instead"]
    return any(
        cue.mood is Mood.ASKED and tag.start in cue.clause
        for cue in cues
        for tag in places
        if not reading.has("past", "obtained", within=reading.clause_at(tag.start))
    )


def _tells(reading: Reading, tags: Sequence[Tag], around: Sequence[str] = ()) -> bool:
    """Whether a clause that names something has words of its own: `only 0977 arrived`.

    What is told of a thing asks for nothing: each word beside what is named has to be a phrase's,
    or one of a plain request.

    Args:
        around: of the clauses with these phrases alone, and only what has happened there.
    """
    phrases = {at for tag in tags for at in range(tag.start, tag.end)}
    told = {
        at
        for tag in reading.found("past", "obtained")
        for at in range(tag.start, tag.end)
        if at not in phrases
    }
    for clause in (one for sentence in reading.sentences for one in sentence.clauses):
        inside = range(clause.start, clause.end)
        if around:
            concerns = any(tag.name in around and tag.start in clause for tag in tags)
            beside = told
        else:
            concerns = any(_is_named(reading, at) for at in inside)
            beside = told.union(at for at in inside if not _belongs(reading, at, phrases))
        if concerns and not beside.isdisjoint(inside):
            return True
    return False


def _belongs(reading: Reading, at: int, phrases: set[int]) -> bool:
    return at in phrases or explained(reading, at) or not _GRAMMAR.isdisjoint(reading.covering[at])


def _names_something(reading: Reading) -> bool:
    """Whether a number, an amount or a share stands there, that can be what is meant."""
    return any(_is_named(reading, at) for at in range(len(reading.tokens)))


def _is_named(reading: Reading, at: int) -> bool:
    token = reading.tokens[at]
    if token.kind == "percent" or (token.kind in ("number", "money") and token.digits):
        return True
    return any(n in _SHARES or n.startswith("share:") for n in reading.covering[at])


def _opens_with_no(reading: Reading) -> bool:
    """A `no` by itself at the beginning: `No, only $20`, and no `No. 1042`."""
    tokens = reading.tokens
    start = first_content(reading, Span(0, len(tokens)))
    for tag in reading.found("no"):
        if tag.start == start and tag.end < len(tokens):
            behind = tokens[tag.end]
            return behind.kind == "comma" or (behind.kind == "end" and behind.text != ".")
    return False


def _tags(reading: Reading) -> list[Tag]:
    return _matcher(reading.lexicon.language).find(reading.tokens)


@lru_cache(maxsize=16)
def _matcher(language: str) -> Matcher:
    lists = read_corrections()
    named = {name: getattr(lists, name) for name in _LISTS}
    return Matcher(
        (name, pattern) for name, words in named.items() for pattern in words.get(language, ())
    )
