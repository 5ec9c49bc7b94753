"""Slips of the pen: one letter missing, doubled, swapped or wrong, in a word that we look for.

A word is put right only towards the words of the lists, where it is none of them itself and no
real word that merely looks alike (`lookalikes` of the language pack). A word that was put right
never makes a plan certain.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from sayso.agent.understanding.patterns import Matcher

SHORTEST = 4
"""Shorter words are one slip from too many others; words of four letters only where two letters
changed places."""
_TWO_SLIPS = 8
"""From so many letters on, two slips are put right."""
_LONGEST_ENDING = 4
"""A word may have so many letters more than a stem that it was matched by."""


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
            if len(candidate) == SHORTEST and sorted(candidate) != sorted(word):
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
