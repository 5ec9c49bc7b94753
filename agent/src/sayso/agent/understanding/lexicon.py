"""All words of one language, put together: its pack, the playbooks' words, the shop's.

A slip of the pen is one letter missing, doubled, swapped or wrong, in a word that is looked for. It
is put right only towards the words of the lists, where it is none of them itself and no real word
that merely looks alike (`lookalikes` of the language pack). A word that was put right never makes a
plan certain.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property, lru_cache
from typing import TypeAlias

from sayso.agent.understanding.pack import LanguagePack
from sayso.agent.understanding.patterns import Matcher, expand
from sayso.agent.understanding.playbook import Playbook, Shop
from sayso.agent.understanding.tokens import fold, tokenise

SHORTEST = 4
"""Shorter words are one slip from too many others; words of four letters only where two letters
changed places."""
_TWO_SLIPS = 8
"""From so many letters on, two slips are put right."""
_LONGEST_ENDING = 4
"""A word may have so many letters more than a stem that it was matched by."""


SHORTEST_NAME = 3
"""A shorter word of a title names nothing by itself."""
_NO_NAMES = frozenset("visa mastercard amex active trialing canceled".split())
TitleWords: TypeAlias = tuple[frozenset[str], frozenset[str]]
"""The names of lists that a title has words of, and its words that no list knows."""


class Speller:
    """Finds the one word that a misspelt one stands for.

    Args:
        matcher: its words and stems are what a word is put right towards.
        knows: whether a word is right as it stands.
    """

    def __init__(self, matcher: Matcher, knows: Callable[[str], bool]) -> None:
        self._knows = knows
        self._by_letter: dict[str, list[tuple[str, bool, int]]] = {}
        for words, is_stem in ((matcher.words, False), (matcher.stems, True)):
            for word in words:
                if len(word) >= SHORTEST:
                    row = self._by_letter.setdefault(word[0], [])
                    row.append((word, is_stem, _letters(word)))

    def correct(self, word: str) -> str | None:
        """The word that is meant; None when it is right, or when nobody can tell.

        Args:
            word: folded.
        """
        if len(word) < SHORTEST or self._knows(word):
            return None
        best: dict[str, int] = {}
        for candidate, is_stem in self._candidates(word):
            slips = _stem_slips(word, candidate) if is_stem else slips_between(word, candidate)
            allowed = 2 if len(candidate) >= _TWO_SLIPS else 1
            if len(candidate) == SHORTEST and not _is_near(word, candidate):
                continue
            if slips is not None and slips <= allowed:
                best[candidate] = min(slips, best.get(candidate, 9))
        if not best:
            return None
        least = min(best.values())
        near = [w for w, slips in best.items() if slips == least]
        found = sorted(near, key=lambda w: (abs(len(w) - len(word)), -len(w), w))
        # `cancel` and `cancelling` are one word here; two different ones are a guess.
        return found[0] if all(w.startswith(found[0][:SHORTEST]) for w in found) else None

    def _candidates(self, word: str) -> Iterator[tuple[str, bool]]:
        """Words that begin alike and share nearly all letters."""
        mask = _letters(word)
        swapped = self._by_letter.get(word[1], ()) if word[1] != word[0] else ()
        rows = [*self._by_letter.get(word[0], ())]
        rows += [row for row in swapped if row[0][1] == word[0]]
        for candidate, is_stem, letters in rows:
            slips = 2 if len(candidate) >= _TWO_SLIPS else 1
            if is_stem:
                if len(candidate) - slips <= len(word) <= len(
                    candidate
                ) + slips + _LONGEST_ENDING and ((letters & ~mask).bit_count() <= slips):
                    yield candidate, True
            elif abs(len(candidate) - len(word)) <= slips and (
                (letters ^ mask).bit_count() <= 2 * slips
            ):
                yield candidate, False


def _is_near(word: str, short: str) -> bool:
    """Whether two letters changed places, or one is there twice: `sotp`, `skipp`."""
    doubled = (word[:at] + word[at + 1 :] for at in range(1, len(word)) if word[at] == word[at - 1])
    return sorted(short) == sorted(word) or short in doubled


def _letters(word: str) -> int:
    """Which letters there are, a bit each."""
    mask = 0
    for letter in word:
        mask |= 1 << (ord(letter) % 32)
    return mask


def _stem_slips(word: str, stem: str) -> int | None:
    """Slips between a stem and the best beginning of the word; None where too much is left."""
    best: int | None = None
    for length in range(len(stem) - 2, len(stem) + 3):
        if not 0 < length <= len(word) or len(word) - length > _LONGEST_ENDING:
            continue
        slips = slips_between(word[:length], stem)
        if best is None or slips < best:
            best = slips
    return best


def slips_between(a: str, b: str) -> int:
    """Letters inserted, left out, replaced or swapped with the next between two words.

    Source: optimal string alignment distance (Damerau 1964, restricted).
    """
    before: list[int] = []
    row = list(range(len(b) + 1))
    for i, letter in enumerate(a, 1):
        before, last, row = row, before, [i, *([0] * len(b))]
        for j, other in enumerate(b, 1):
            row[j] = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != other))
            if i > 1 and j > 1 and letter == b[j - 2] and a[i - 2] == other:
                row[j] = min(row[j], last[j - 2] + 1)
    return row[-1]


_SPELT = frozenset(
    "ask open weak done product plan kind wish polite imperative currency share half monthly "
    "yearly except part both one_of twice newest oldest first second yes spelt "
    "other_wish choice".split()
)
"""Slips are put right towards the single words of these lists: what is asked for, and on what."""


@dataclass(frozen=True, kw_only=True)
class Lexicon:
    """One language as the rules use it.

    Attributes:
        words: the words by which the language is told from others.
        idle: the playbooks whose actions are not connected; another one's words go first.
        plain: words that change nothing in a request.
        slips: misspellings and abbreviations that are put right without a doubt.
    """

    pack: LanguagePack
    playbooks: tuple[Playbook, ...]
    shop: Shop
    idle: frozenset[str] = frozenset()
    words: frozenset[str] = field(init=False)
    plain: frozenset[str] = field(init=False)
    slips: Mapping[str, str] = field(init=False)
    numbers: Mapping[str, int] = field(init=False)
    notes: Mapping[str, int] = field(init=False)
    shares: Mapping[str, tuple[int, int]] = field(init=False)

    def __post_init__(self) -> None:
        pack = self.pack
        lists = pack.lists
        known = {
            fold(w) for name in ("function", "greeting", "polite") for w in getattr(lists, name)
        }
        plain = {word.replace("'", "") for word in known if " " not in word and "*" not in word}
        set_ = object.__setattr__
        set_(self, "words", frozenset(plain))
        set_(self, "plain", frozenset(fold(w.replace("'", "")) for w in lists.plain))
        set_(self, "slips", {fold(a.replace("'", "")): fold(b) for a, b in pack.slips.items()})
        for name in ("numbers", "notes", "shares"):
            set_(self, name, {fold(word): value for word, value in getattr(pack, name).items()})

    @property
    def language(self) -> str:
        """ISO 639-1."""
        return self.pack.language

    @cached_property
    def matcher(self) -> Matcher:
        """Finds every list, word of a playbook and word of the shop."""
        lists = self.pack.lists
        joints = frozenset(fold(word) for word in (*lists.and_, *lists.or_) if " " not in word)
        return Matcher(self._patterns(), joints)

    @cached_property
    def currencies(self) -> Matcher:
        """Finds the names of currencies alone, by which numbers become amounts."""
        wanted = [one for one in self._patterns() if one[0].startswith("currency:")]
        return Matcher(wanted)

    @cached_property
    def titles(self) -> Matcher:
        """Finds what the titles of records say: goods, plans, kinds; a customer may have many."""
        wanted = ("product:", "plan:", "feature:", "kind:")
        return Matcher(
            (name, pattern)
            for name, pattern in self._patterns()
            if name.startswith(wanted) or name in ("monthly", "yearly")
        )

    @cached_property
    def plan_words(self) -> Mapping[str, str]:
        """Words that the names of one plan have and those of no other: `large`, `yearly`."""
        owners: dict[str, set[str]] = {}
        for name, by_language in self.shop.plans.items():
            for pattern in (*by_language.get(self.language, ()), *by_language.get("any", ())):
                for elements in expand(pattern):
                    for word in elements:
                        if word.isalpha():
                            owners.setdefault(word, set()).add(name)
        return {word: next(iter(names)) for word, names in owners.items() if len(names) == 1}

    @cached_property
    def plain_words(self) -> Matcher:
        """What is a word of the language or of an act by itself, and so no name of a thing.

        `box` in `skip the next box` is none: it may be what the shop sells.
        """
        acts = (one for book in self.playbooks for one in book.patterns(self.language))
        alone = ((name, pattern) for name, pattern in acts if " " not in pattern)
        shop = (
            (name, pattern)
            for name, pattern in self.shop.patterns(self.language)
            # Part of a plan's name may be said alone, of what a customer has.
            if not (name.startswith("plan:") and " " in pattern)
        )
        return Matcher([*self.pack.patterns(), *alone, *shop, *self._values()])

    @cached_property
    def read_title(self) -> Callable[[str], TitleWords]:
        """What the title of a record says; the same ones are read anew at each message."""
        return lru_cache(maxsize=4096)(self._read_title)

    def _read_title(self, title: str) -> TitleWords:
        tokens = [token for token in tokenise(title) if token.kind in ("word", "end", "comma")]
        # Words that no list knows name it by themselves: `kettle` needs no shop file.
        own = {
            token.text
            for token in tokens
            if token.kind == "word"
            and len(token.text) >= SHORTEST_NAME
            and not self.plain_words.knows(token.text)
            and token.text not in _NO_NAMES
        }
        return frozenset(tag.name for tag in self.titles.find(tokens)), frozenset(own)

    def _patterns(self) -> Iterator[tuple[str, str]]:
        yield from self.pack.patterns()
        for playbook in self.playbooks:
            yield from playbook.patterns(self.language)
        yield from self.shop.patterns(self.language)
        yield from self._values()

    def _values(self) -> list[tuple[str, str]]:
        return [
            (f"{kind}:", word)
            for kind, words in (
                ("number", self.numbers),
                ("note", self.notes),
                ("share", self.shares),
            )
            for word in words
        ]

    @cached_property
    def speller(self) -> Speller:
        """Puts slips of the pen right."""
        wanted = Matcher(
            (name, pattern)
            for name, pattern in self._patterns()
            if name.partition(":")[0] in _SPELT and " " not in pattern
        )
        return Speller(wanted, self.knows)

    @cached_property
    def _right(self) -> frozenset[str]:
        looking = {fold(word) for word in self.pack.lookalikes.split()}
        return frozenset(looking | set(self.slips) | self.words)

    def knows(self, word: str) -> bool:
        """Whether a word is right as it stands: in some list, or one that merely looks alike."""
        return word in self._right or self.matcher.knows(word)


def _no_day() -> date | None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Knowledge:
    """What a workspace's understanding knows: languages, playbooks, the shop.

    Attributes:
        today: the day it is; without one no day is understood.
    """

    packs: tuple[LanguagePack, ...]
    playbooks: tuple[Playbook, ...]
    shop: Shop
    lexicons: Mapping[str, Lexicon]
    today: Callable[[], date | None] = _no_day

    @classmethod
    def of(
        cls,
        packs: Sequence[LanguagePack],
        playbooks: Sequence[Playbook],
        shop: Shop,
        actions: Collection[str] | None = None,
    ) -> Knowledge:
        """Put together; the first pack is the language of what has no words at all.

        Args:
            actions: what is connected; None counts every action as connected.
        """
        books = tuple(playbooks)
        idle = frozenset(
            book.name
            for book in books
            if not book.steps
            or (actions is not None and all(step.action not in actions for step in book.steps))
        )
        lexicons = {
            pack.language: Lexicon(pack=pack, playbooks=books, shop=shop, idle=idle)
            for pack in packs
        }
        return cls(packs=tuple(packs), playbooks=books, shop=shop, lexicons=lexicons)

    def prepare(self) -> None:
        """Put the words of every language together now, which the first message would do else."""
        for lexicon in self.lexicons.values():
            _ = lexicon.matcher, lexicon.speller, lexicon.titles, lexicon.currencies

    def playbook(self, name: str) -> Playbook:
        """The playbook of that name."""
        return next(book for book in self.playbooks if book.name == name)

    def playbook_for(self, action: str) -> Playbook | None:
        """The first playbook that plans an action."""
        for book in self.playbooks:
            if any(step.action == action for step in book.steps):
                return book
        return None
