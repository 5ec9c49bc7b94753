"""A small text classifier in plain Python: TF-IDF features and softmax regression.

It is trained from the playbooks' sentences when they are loaded. It never decides alone: a playbook
is taken only where its rules and this classifier name the same one.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from zlib import crc32

EPOCHS = 10
RATE = 3.0
SURE = 0.9
"""An example that is already this sure is passed over; it would hardly move the weights."""

_WORD = re.compile(r"[a-z']+|[0-9]+")

Vector = Mapping[str, float]


def features(text: str) -> Counter[str]:
    """Words, word pairs and letter triples of a text; every number is the same word `0`."""
    words = ["0" if word[0].isdigit() else word for word in _WORD.findall(text.lower())]
    found = Counter(words)
    found.update(f"{left} {right}" for left, right in zip(["^", *words], words, strict=False))
    for word in words:
        if len(word) > 4:
            found.update(f"*{word[at : at + 4]}" for at in range(len(word) - 3))
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Classifier:
    """Knows which of a few labels a sentence belongs to.

    Attributes:
        labels: in a fixed order.
        idf: weight of each known feature; unknown features count for nothing.
        weights: per feature, one weight per label.
    """

    labels: tuple[str, ...]
    idf: Mapping[str, float]
    weights: Mapping[str, Sequence[float]]

    def probabilities(self, text: str) -> dict[str, float]:
        """The probability of each label; they sum to 1."""
        vector = _vector(features(text), self.idf)
        scores = _softmax(_scores(vector, self.weights, len(self.labels)))
        return dict(zip(self.labels, scores, strict=True))


def train(examples: Iterable[tuple[str, str]]) -> Classifier:
    """Learn from pairs of sentence and label; the same examples give the same classifier.

    Args:
        examples: at least one; their order does not matter.
    """
    # The order is shuffled by a checksum: reproducible, and no label comes in one block.
    ordered = sorted(set(examples), key=lambda pair: (crc32(pair[0].encode()), pair))
    counted = [(features(text), label) for text, label in ordered]
    seen_in = Counter(feature for found, _ in counted for feature in found)
    idf = {name: 1 + math.log(len(counted) / count) for name, count in seen_in.items()}
    labels = tuple(sorted({label for _, label in counted}))
    place = {label: index for index, label in enumerate(labels)}
    rows = [(_vector(found, idf), place[label]) for found, label in counted]
    weights: dict[str, list[float]] = {name: [0.0] * len(labels) for name in idf}
    for epoch in range(EPOCHS):
        rate = RATE / (1 + epoch / 3)
        for vector, right in rows:
            chances = _softmax(_scores(vector, weights, len(labels)))
            if chances[right] < SURE:
                _learn(weights, vector, chances, right, rate)
    return Classifier(labels=labels, idf=idf, weights=weights)


def _learn(
    weights: Mapping[str, list[float]],
    vector: Vector,
    chances: Sequence[float],
    right: int,
    rate: float,
) -> None:
    steps = [rate * ((index == right) - chance) for index, chance in enumerate(chances)]
    for name, value in vector.items():
        row = weights[name]
        for index, step in enumerate(steps):
            row[index] += step * value


def _vector(found: Mapping[str, int], idf: Mapping[str, float]) -> Vector:
    known = {name: (1 + math.log(n)) * idf[name] for name, n in found.items() if name in idf}
    length = math.sqrt(sum(value * value for value in known.values())) or 1.0
    return {name: value / length for name, value in known.items()}


def _scores(vector: Vector, weights: Mapping[str, Sequence[float]], size: int) -> list[float]:
    totals = [0.0] * size
    for name, value in vector.items():
        row = weights[name]
        for index in range(size):
            totals[index] += row[index] * value
    return totals


def _softmax(scores: Sequence[float]) -> list[float]:
    top = max(scores)
    raised = [math.exp(score - top) for score in scores]
    whole = sum(raised)
    return [value / whole for value in raised]
