"""One message as the rules see it: tokens, tags, sentences, clauses."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property

from sayso.agent.base import Message
from sayso.agent.understanding.clean import Clean, clean
from sayso.agent.understanding.lexicon import Knowledge, Lexicon, slips_between
from sayso.agent.understanding.patterns import Tag
from sayso.agent.understanding.tokens import DOLLARS, TextToken, fold, normalise, tokenise

_SOFT_WORDS = 3
"""A wish begins a clause of its own behind so many words, since many write without full stops."""


@dataclass(frozen=True, slots=True)
class Span:
    """Tokens from `start` up to `end`, the end not included."""

    start: int
    end: int

    def __contains__(self, at: int) -> bool:
        return self.start <= at < self.end

    def holds(self, tag: Tag) -> bool:
        """Whether a tag lies in it."""
        return self.start <= tag.start and tag.end <= self.end


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence and its clauses; `question` where it ends with a question mark."""

    span: Span
    clauses: tuple[Span, ...]
    question: bool


@dataclass(frozen=True, kw_only=True)
class Reading:
    """One message of a conversation, read in one language."""

    lexicon: Lexicon
    tokens: Sequence[TextToken]
    tags: Mapping[str, tuple[Tag, ...]]
    sentences: tuple[Sentence, ...]
    cut: tuple[str, ...] = ()
    text: str = ""
    titles: Mapping[int, frozenset[str]] = field(default_factory=dict[int, frozenset[str]])
    today: date | None = None

    def found(self, *names: str, within: Span | None = None) -> list[Tag]:
        """The tags of these names, in the order of the text."""
        tags = [tag for name in names for tag in self._inside(name, within)]
        return tags if len(names) == 1 else sorted(tags, key=lambda tag: (tag.start, tag.end))

    def has(self, *names: str, within: Span | None = None) -> bool:
        """Whether one of these is there."""
        return any(next(self._inside(name, within), None) is not None for name in names)

    def _inside(self, name: str, within: Span | None) -> Iterator[Tag]:
        """The tags of one name, which are kept in the order of the text."""
        tags = self.tags.get(name, ())
        if within is None:
            yield from tags
            return
        for at in range(bisect_left(tags, within.start, key=_start), len(tags)):
            if tags[at].start >= within.end:
                return
            if tags[at].end <= within.end:
                yield tags[at]

    def starting(self, prefix: str, within: Span | None = None) -> list[Tag]:
        """The tags whose name begins so, in the order of the text."""
        names = [name for name in self.tags if name.startswith(prefix)]
        return self.found(*names, within=within)

    @cached_property
    def covering(self) -> Sequence[frozenset[str]]:
        """For each token the names of the tags that cover it."""
        return self._names_of(lambda tag: range(tag.start, tag.end))

    @cached_property
    def spelling_out(self) -> Sequence[frozenset[str]]:
        """For each token the names of the tags that say it, and do not merely skip it."""
        return self._names_of(
            lambda tag: (at for at in range(tag.start, tag.end) if at not in tag.skipped)
        )

    def _names_of(self, places: Callable[[Tag], Iterable[int]]) -> list[frozenset[str]]:
        names: list[set[str]] = [set() for _ in self.tokens]
        for name, tags in self.tags.items():
            for tag in tags:
                for at in places(tag):
                    names[at].add(name)
        return [frozenset(one) for one in names]

    @cached_property
    def starts(self) -> Sequence[frozenset[str]]:
        """For each token the names of the tags that begin with it."""
        return self._names_of(lambda tag: (tag.start,))

    def begins(self, at: int, *names: str) -> bool:
        """Whether one of these begins with a token; a name with a colon at its end is a prefix."""
        if not 0 <= at < len(self.tokens):
            return False
        here = self.starts[at]
        return any(
            name in here or (name.endswith(":") and any(one.startswith(name) for one in here))
            for name in names
        )

    def names_within(self, span: Span) -> Iterator[str]:
        """The names of all tags that lie in a span."""
        return (name for name in self.tags if self.has(name, within=span))

    def names_kind(self, kinds: Collection[str], span: Span) -> bool:
        """Whether a word of a title within a span names a record of one of these kinds."""
        return any(
            handle.partition("#")[0] in kinds
            for at, handles in self.titles.items()
            if at in span
            for handle in handles
        )

    def sentence_at(self, at: int) -> Sentence:
        """The sentence of a token."""
        return self.sentences[bisect_right(self.sentences, at, key=_sentence_start) - 1]

    def clause_at(self, at: int) -> Span:
        """The clause of a token."""
        clauses = self.sentence_at(at).clauses
        return clauses[max(0, bisect_right(clauses, at, key=_span_start) - 1)]

    def words(self, span: Span) -> str:
        """The folded words of a span."""
        return " ".join(token.text for token in self.tokens[span.start : span.end])


def _start(tag: Tag) -> int:
    return tag.start


def _span_start(span: Span) -> int:
    return span.start


def _sentence_start(sentence: Sentence) -> int:
    return sentence.span.start


def detect(text_tokens: Iterable[TextToken], knowledge: Knowledge, fallback: str | None) -> str:
    """The language whose words are there most often; the fallback where none is."""
    words = [token.text for token in text_tokens if token.kind == "word"]
    scores = {
        language: sum(word in lexicon.words for word in words)
        for language, lexicon in knowledge.lexicons.items()
    }
    best = max(scores.values(), default=0)
    leaders = [language for language, score in scores.items() if score == best]
    if fallback is not None and best - scores[fallback] < 2:
        return fallback
    if best and len(leaders) == 1:
        return leaders[0]
    known = {
        language: sum(knowledge.lexicons[language].matcher.knows(word) for word in words)
        for language in leaders
    }
    return max(known, key=lambda language: known[language])


_ENOUGH_CHARS = 1_000
"""So much of a message tells its language; and no bare yes is longer."""


def language_of(messages: Sequence[Message], knowledge: Knowledge) -> str:
    """The language of a conversation's newest customer message."""
    language: str | None = None
    for message in messages:
        if message.role == "customer":
            tokens = tokenise(clean(message.content[:_ENOUGH_CHARS]).text)
            language = detect(tokens, knowledge, language)
    return language or next(iter(knowledge.lexicons))


def read(
    message: str,
    knowledge: Knowledge,
    *,
    fallback: str | None = None,
    titles: Mapping[str, frozenset[str]] | None = None,
    whole: bool = False,
) -> Reading:
    """Read one message.

    Args:
        fallback: the language of the conversation so far.
        titles: words of the records' titles and the handles that have them.
        whole: cut and correct nothing; for texts that are checked rather than obeyed.
    """
    cleaned = Clean(normalise(message)) if whole else clean(message)
    tokens = tokenise(cleaned.text)
    lexicon = knowledge.lexicons[detect(tokens, knowledge, fallback)]
    if not whole:
        tokens = [_spelled(token, lexicon, titles or {}) for token in tokens]
    tokens = _with_amounts(tokens, lexicon)
    tags = lexicon.matcher.find(tokens)
    cut = cleaned.cut
    if not whole and any(tag.name == "machine" for tag in tags):
        tokens = _without_sentences(tokens, [tag for tag in tags if tag.name == "machine"])
        tags = lexicon.matcher.find(tokens)
        cut = (*cut, "an instruction to a machine")
    tags = _masked(tags)
    by_name: dict[str, list[Tag]] = {}
    for tag in tags:
        by_name.setdefault(tag.name, []).append(tag)
    sentences = tuple(_sentences(tokens, tags))
    named = {
        at: (titles or {})[token.text]
        for at, token in enumerate(tokens)
        if token.kind == "word" and token.text in (titles or {})
    }
    return Reading(
        lexicon=lexicon,
        tokens=tokens,
        tags={name: tuple(found) for name, found in by_name.items()},
        sentences=sentences,
        cut=cut,
        text=cleaned.text,
        titles=named,
        today=knowledge.today(),
    )


def _without_sentences(tokens: list[TextToken], tags: Sequence[Tag]) -> list[TextToken]:
    """The tokens without the sentences in which one of the tags stands."""
    kept: list[TextToken] = []
    start = 0
    for at in range(len(tokens) + 1):
        if at == len(tokens) or tokens[at].kind == "end":
            if not any(start <= tag.start <= at for tag in tags):
                kept += tokens[start : at + 1]
            start = at + 1
    return kept


def _spelled(token: TextToken, lexicon: Lexicon, titles: Mapping[str, frozenset[str]]) -> TextToken:
    if token.kind != "word":
        return token
    if token.text in titles:
        return token
    slip = lexicon.slips.get(token.text)
    if slip is not None:
        return replace(token, text=slip, corrected=slip != token.text)
    right = lexicon.speller.correct(token.text) or _title_meant(token.text, lexicon, titles)
    return token if right is None else replace(token, text=right, corrected=True)


_SHORTEST_TITLE = 5
"""A shorter word of a title is one slip from too many others."""


def _title_meant(word: str, lexicon: Lexicon, titles: Mapping[str, frozenset[str]]) -> str | None:
    """The only word of a title that an unknown word is one slip from: `hamock`."""
    if len(word) < _SHORTEST_TITLE - 1 or lexicon.knows(word):
        return None
    near = [
        title
        for title in titles
        if len(title) >= _SHORTEST_TITLE
        and title[0] == word[0]
        and abs(len(title) - len(word)) <= 1
        and slips_between(word, title) <= 1
    ]
    things = {titles[title] for title in near}
    return min(near, key=len) if len(things) == 1 else None


def _with_amounts(tokens: list[TextToken], lexicon: Lexicon) -> list[TextToken]:
    """Number words become numbers, and numbers beside the name of a currency become money."""
    merged: list[TextToken] = []
    at = 0
    while at < len(tokens):
        value, end = _number_words(tokens, at, lexicon)
        if value is None:
            merged.append(tokens[at])
            at += 1
            continue
        first, last = tokens[at], tokens[end - 1]
        number = TextToken("number", str(value), first.start, last.end, digits=str(value))
        number.word = first.text if end == at + 1 else ""
        merged.append(number)
        at = end
    return _with_currencies(merged, lexicon)


def _number_words(tokens: list[TextToken], at: int, lexicon: Lexicon) -> tuple[int | None, int]:
    """The number that the words from there on spell, and where it ends."""
    total = current = 0
    end = at
    while end < len(tokens) and tokens[end].kind == "word":
        value = lexicon.numbers.get(tokens[end].text)
        if value is None:
            joins = end > at and tokens[end].text in _joints(lexicon)
            after = tokens[end + 1].text if end + 1 < len(tokens) else ""
            if joins and after in lexicon.numbers:
                end += 1
                continue
            break
        if value in (100, 1000):
            current = max(current, 1) * value
        else:
            current += value
        if value == 1000:
            total, current = total + current, 0
        end += 1
    if end == at:
        return None, at
    value = total + current
    # `one` and `a` are articles and pronouns more often than numbers.
    if value == 1 and end == at + 1:
        return None, at
    return value, end


def _joints(lexicon: Lexicon) -> frozenset[str]:
    return frozenset(word for word in lexicon.pack.lists.and_ if " " not in word)


_SHORTEST_NUMBER = 4
"""So many digits without a currency may number an order."""
_PERCENT = frozenset(
    "percent pct prozent procent pourcent per_cent pour_cent por_ciento por_cien per_cento "
    "por_cento".split()
)


def _percent_words(tokens: Sequence[TextToken], at: int) -> int:
    """How many words from there on say `percent`: none, one or two."""
    words = [token.word or token.text for token in tokens[at : at + 2]]
    return next((n for n in (1, 2) if "_".join(words[:n]) in _PERCENT), 0)


def _with_currencies(tokens: list[TextToken], lexicon: Lexicon) -> list[TextToken]:
    names = lexicon.currencies.find(tokens)
    codes: dict[int, tuple[int, frozenset[str]]] = {}
    for tag in names:
        code = tag.name.partition(":")[2]
        end, before = codes.get(tag.start, (tag.end, frozenset[str]()))
        codes[tag.start] = (max(end, tag.end), before | (DOLLARS if code == "USD" else {code}))
    merged: list[TextToken] = []
    at = 0
    while at < len(tokens):
        token = tokens[at]
        end, currencies = codes.get(at + 1, (at + 1, frozenset[str]()))
        if token.kind == "number" and currencies and not token.hash:
            merged.append(
                replace(token, kind="money", currencies=currencies, end=tokens[end - 1].end)
            )
            at = end
            continue
        if token.kind == "number" and (more := _percent_words(tokens, at + 1)):
            merged.append(replace(token, kind="percent", end=tokens[at + more].end))
            at += 1 + more
            continue
        note = lexicon.notes.get(token.text) if token.kind == "word" else None
        if note is not None:
            token = replace(token, kind="money", digits=str(note), text=str(note))
        merged.append(token)
        at += 1
    joints = {fold(word) for word in (*lexicon.pack.lists.or_, *lexicon.pack.lists.and_)}
    for first, joint, second in zip(merged, merged[1:], merged[2:], strict=False):
        # `50 or 60 euros`: the first one is money as well.
        bare = first.kind == "number" and not first.hash and len(first.text) < _SHORTEST_NUMBER
        if bare and joint.text in joints and second.currencies:
            first.kind, first.currencies = "money", second.currencies
    return merged


_LONG = ("ask:", "choice:")
_INNER = frozenset({"condition", "negation", "hesitation", "no"})
"""`Do not want it to renew` is a word for an act: what is denied within it is part of it."""
_MASKS = {
    "idiom": None,
    "condition_ok": ("condition",),
    "polite_question": (
        "negation",
        "question_start",
        "question_word",
        "condition",
        "hesitation",
        "general",
    ),
}


def _masked(tags: list[Tag]) -> list[Tag]:
    """Without what an idiom or a longer pattern covers. Tags come in the order of the text."""
    masks = [
        tag
        for tag in tags
        if tag.name in _MASKS
        or tag.name.startswith("no:")
        or (tag.name.startswith(_LONG) and tag.end - tag.start > 1)
    ]
    beside: dict[int, list[Tag]] = {}
    for mask in masks:
        for at in range(mask.start, mask.end):
            beside.setdefault(at, []).append(mask)
    return [tag for tag in tags if not _is_covered(tag, beside)]


def _is_covered(tag: Tag, masks: Mapping[int, list[Tag]]) -> bool:
    near = (mask for at in range(tag.start, tag.end) for mask in masks.get(at, ()))
    return any(_covers(mask, tag) for mask in near)


def _covers(mask: Tag, tag: Tag) -> bool:
    if mask.name.startswith("no:"):
        name = mask.name[3:]
        overlap = mask.start < tag.end and tag.start < mask.end
        return overlap and tag.name in tuple(
            f"{form}:{name}" for form in ("ask", "open", "weak", "done")
        )
    if mask is tag or not (mask.start <= tag.start and tag.end <= mask.end):
        return False
    if mask.name.startswith(_LONG):
        # `Send me nothing until May` is a break; `pay nothing back` only skips the word.
        said = tag.name == "nothing" and mask.skipped.isdisjoint(range(tag.start, tag.end))
        return said or tag.name in _INNER
    names = _MASKS[mask.name]
    if names is not None:
        return tag.name in names
    return tag.end - tag.start < mask.end - mask.start


def _sentences(tokens: Sequence[TextToken], tags: Sequence[Tag]) -> Iterator[Sentence]:
    joints = set(_joints_of(tokens, tags))
    denied = {at for tag in tags if tag.name == "negation" for at in (tag.end, tag.end + 1)}
    wishes = {tag.start for tag in tags if tag.name in ("wish", "polite_question")} - denied
    asides = _asides(tags)
    start = 0
    for at, token in enumerate(tokens):
        if token.kind == "end":
            cut = (
                next((one for one in asides if start < one < at), None) if token.question else None
            )
            if cut is not None:
                yield _sentence(tokens, Span(start, cut), joints, wishes, question=False)
                start = cut + 1
            if at > start:
                yield _sentence(tokens, Span(start, at), joints, wishes, question=token.question)
            start = at + 1
    if start < len(tokens):
        yield _sentence(tokens, Span(start, len(tokens)), joints, wishes, question=False)


def _asides(tags: Sequence[Tag]) -> list[int]:
    """The joints behind which a question of its own stands: `yes please, and where is 1043?`"""
    asks = {tag.start for tag in tags if tag.name == "question_word"}
    says = [tag.end for tag in tags if tag.name in ("yes", "polite") or tag.name[:4] == "ask:"]
    first = min(says, default=None)
    if first is None or not asks:
        return []
    return [
        tag.start
        for tag in tags
        if tag.name == "and" and tag.end in asks and first <= tag.start and min(asks) >= tag.end
    ]


def _joins_values(tokens: Sequence[TextToken], tag: Tag) -> bool:
    """Whether an `and` stands between two numbers or amounts: `1041 and 0988`."""
    if tag.name != "and" or not 0 < tag.start < len(tokens) - 1:
        return False
    sides = (tokens[tag.start - 1], tokens[tag.start + 1])
    return all(side.kind in ("number", "money", "percent") for side in sides)


def _joints_of(tokens: Sequence[TextToken], tags: Sequence[Tag]) -> Iterator[int]:
    """Where a clause begins: at a joint that is no part of a longer phrase, nor a name."""
    inside: set[int] = set()
    for tag in tags:
        if tag.name.startswith("plan:"):
            inside.update(range(tag.start, tag.end))
        elif tag.name not in ("conjunction", "and"):
            inside.update(range(tag.start + 1, tag.end))
    for tag in tags:
        joins = tag.name in ("conjunction", "and") and not _joins_values(tokens, tag)
        if joins and tag.start not in inside:
            yield tag.start


def _sentence(
    tokens: Sequence[TextToken], span: Span, joints: set[int], wishes: set[int], *, question: bool
) -> Sentence:
    clauses: list[Span] = []
    start = span.start
    for at in range(span.start, span.end):
        cut = tokens[at].kind == "comma" or at in joints
        if cut or (at in wishes and at - start >= _SOFT_WORDS):
            if at > start:
                clauses.append(Span(start, at))
            start = at + 1 if tokens[at].kind == "comma" else at
    if span.end > start:
        clauses.append(Span(start, span.end))
    return Sentence(span, tuple(clauses) or (span,), question)
