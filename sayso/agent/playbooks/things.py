"""A thing that a customer tells of, and that is none of what they paid for.

`My blue mug arrived broken. I want a refund`: who has paid for a kettle alone asks for no money for
the kettle. What is told with a name is told of something; a parcel can be of anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_WORD = r"[^\W\d_]+(?:'[^\W\d_]+)?"
_NAME = rf"({_WORD}(?:[ -](?!(?:and|but|or|from|for|not)\b){_WORD}){{0,3}}?)"
_TOLD = re.compile(
    rf"\b(?:my|the|this|that|these|those) {_NAME}"
    r" (?:(?:has|have|had|just|already|also|still|\w+ly) ){0,2}(?:arrived|came|broke|is|was|are|"
    r"were|\w+n't|has|had|have|does|do|did|never|stopped|fell|tore|leaks?|leaked|cracked|smells?|"
    r"smelled|looks?|looked|turned|keeps?|works?|worked|failed|burst|shattered|melted|faded|shrank|"
    r"snapped|bent|died)\b",
    re.IGNORECASE,
)
_BOUGHT = re.compile(
    rf"\b(?:bought|ordered|purchased|received|got) (?:a|an|the|my|this|these|those|some) {_NAME}"
    r"(?=[ ]*(?:$|[^\w\s-]|\b(?:from|for|and|but|that|which|who|on|in|at|with|without|last|this|"
    r"yesterday|today|because|so|it|online|off|of|as|two|three|a|an|the|to|but|however|when|while|"
    r"is|was|are|were|arrived|came|broke)\b))",
    re.IGNORECASE,
)
_OF_ANYTHING = frozenset(
    "order item product parcel package box packet delivery shipment purchase thing one it stuff "
    "good article present gift payment charge money price amount bill invoice transaction cost "
    "courier driver postman mail post carrier packaging packing wrapping wrapper content "
    "quality size colour color fit shape material condition design taste smell "
    "service support website site app shop store company team experience help "
    "day time week month year weather subscription plan membership account rest whole lot "
    "problem issue reason fact truth result situation damage delay question creation update".split()
)
"""What anything that was bought may be called, and what is told of besides."""


def singular(word: str) -> str:
    """The word without a plural's `s`: a set of six is `the mugs`."""
    return word[:-1] if len(word) > 3 and word.endswith("s") and word[-2] != "s" else word


def strange_thing(context: str, titles: Iterable[set[str]]) -> str | None:
    """A thing that is told of by a name that no record has; None when there is none.

    Also None where a record has no name itself, such as `Invoice payment`: it may be that thing.

    Args:
        context: what is told around a request.
        titles: the words that describe each thing which the customer has paid for, singular.
    """
    names = [title - _OF_ANYTHING for title in titles]
    known = set[str]().union(*names)
    if not all(names):
        return None
    for pattern in (_TOLD, _BOUGHT):
        for match in pattern.finditer(context):
            words = [singular(word) for word in re.findall(r"[^\W\d_]+", match[1].lower())]
            if words[-1] not in _OF_ANYTHING and known.isdisjoint(words):
                return match[1].strip()
    return None
