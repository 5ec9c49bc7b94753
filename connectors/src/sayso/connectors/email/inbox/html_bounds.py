"""As much of a mail's HTML as can be parsed in little time and memory.

A parser as HTML5 wants it takes the square of how deep tags nest, and opens each `<b>` that was not
closed anew in every later paragraph: a megabyte of `<div>` took minutes, and 35 kB of `<b>` half a
gigabyte.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

MOST_HTML = 2_000_000
"""Characters of HTML that are read; no person has written more."""
_DEEPEST = 2_000
_REOPENED = re.compile(
    r"<(/?)(a|b|big|code|em|font|i|nobr|s|small|strike|strong|tt|u)(?=[\s/>])", re.IGNORECASE
)
"""The tags that a parser opens anew, unless it does not know them."""
RENAMED = "x-"
"""What stands before their names then."""
_COMMENT = re.compile(
    # In a style sheet it is none.
    r"(<style\b.*?(?:</style|\Z))|<!--(?:-?>|.*?(?:--!?>|\Z))|<[!?][^>]*>?|</[^a-zA-Z][^>]*>?",
    re.DOTALL | re.IGNORECASE,
)
_TAG = re.compile(r"<(/?)([a-zA-Z][^\s/>]*)")
_REGULAR = re.compile(
    r"""(?:\s+[^\s"'<>=/]+(?:\s*=\s*(?:"[^"<>]*"|'[^'<>]*'|[^\s"'<>=`]+))?)*+\s*/?>"""
)
_SHALLOW = frozenset(
    "area base br col embed hr img input link meta source track wbr p li dd dt td th tr tbody thead"
    " tfoot option body html head".split()
)
"""Tags that nest in none of their own kind unless another tag is opened between them."""
_SCOPES = frozenset(
    "applet button caption marquee math noembed noframes noscript object plaintext script select"
    " style svg table template textarea title iframe xmp".split()
)
"""Tags within which nothing closes what was opened before them."""


@dataclass(slots=True)
class _Nesting:
    """How deep tags nest, rather too much than too little.

    Attributes:
        depth: of all that is open. is_certain: whether what looks like an end is one.
    """

    depth: int = 0
    is_certain: bool = True
    _scopes: list[tuple[str, dict[str, int]]] = field(
        default_factory=lambda: [("", dict[str, int]())]
    )

    def open(self, name: str) -> None:
        """A tag begins."""
        is_foreign = self._scopes[-1][0] in ("svg", "math")
        if name in _SHALLOW and not is_foreign:
            return
        self.depth += 1
        if name in _SCOPES:
            self._scopes.append((name, {}))
        else:
            opened = self._scopes[-1][1]
            opened[name] = opened.get(name, 0) + 1

    def close(self, name: str) -> None:
        """A tag ends, where that is certain."""
        scope, opened = self._scopes[-1]
        if not self.is_certain:
            return
        if name == scope:
            self._scopes.pop()
            self.depth -= 1 + sum(opened.values())
        elif opened.get(name):
            opened[name] -= 1
            self.depth -= 1


def bounded(source: str) -> tuple[str, bool]:
    """As much of it as may be parsed, without comments, and whether that is all of it."""
    kept = source[:MOST_HTML]
    kept = _COMMENT.sub(lambda found: found[1] or " ", kept)
    kept = _REOPENED.sub(rf"<\1{RENAMED}\2", kept)
    nesting = _Nesting()
    for found in _TAG.finditer(kept):
        regular = _REGULAR.match(kept, found.end())
        # INVARIANT: nothing ends in `<x a="></x>">`, or too little would be counted.
        nesting.is_certain = nesting.is_certain and regular is not None
        if found[1]:
            nesting.close(found[2].lower())
        else:
            nesting.open(found[2].lower())
        if nesting.depth > _DEEPEST:
            return kept[: found.start()], False
    return kept, len(source) <= MOST_HTML
