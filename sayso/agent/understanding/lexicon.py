"""All words of one language, put together: its pack, the playbooks' words, the shop's."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from sayso.agent.understanding.pack import LanguagePack
from sayso.agent.understanding.patterns import Matcher
from sayso.agent.understanding.playbook import Playbook, Shop
from sayso.agent.understanding.spelling import Speller
from sayso.agent.understanding.tokens import fold

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
        known = {fold(word) for word in self.pack.lookalikes.split()} | set(self.slips) | self.words
        return Speller(wanted, lambda word: word in known or self.matcher.knows(word))


@dataclass(frozen=True, slots=True, kw_only=True)
class Knowledge:
    """What a workspace's understanding knows: languages, playbooks, the shop."""

    packs: tuple[LanguagePack, ...]
    playbooks: tuple[Playbook, ...]
    shop: Shop
    lexicons: Mapping[str, Lexicon]

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
            if actions is not None and any(step.action not in actions for step in book.steps)
        )
        lexicons = {
            pack.language: Lexicon(pack=pack, playbooks=books, shop=shop, idle=idle)
            for pack in packs
        }
        return cls(packs=tuple(packs), playbooks=books, shop=shop, lexicons=lexicons)

    def prepare(self) -> None:
        """Put the words of every language together now, which the first message would do else."""
        for lexicon in self.lexicons.values():
            _ = lexicon.matcher, lexicon.speller

    def playbook(self, name: str) -> Playbook:
        """The playbook of that name."""
        return next(book for book in self.playbooks if book.name == name)

    def playbook_for(self, action: str) -> Playbook | None:
        """The first playbook that plans an action."""
        for book in self.playbooks:
            if any(step.action == action for step in book.steps):
                return book
        return None
