"""Words that leave for a customer: plain text, nothing hidden, links to allowed hosts only.

A link is how a tricked model would carry data away, so whatever a mail or chat program turns into
one is found and judged.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from sayso.errors import Code, RefusedError
from sayso.text import JOINERS, is_hidden, pictures

# What such programs turn into something to click: schemes, `www.`, hosts with a path, addresses,
# and bare hosts under the top-level domains that people know.
_LINK = re.compile(
    r"""(?xi)
    (?: \b[a-z][a-z0-9+.-]*:// (?P<authority>[^\s/?#<>"')\]]*)
      | \b(?P<scheme>mailto|tel|javascript|data):
      | @(?P<mailhost>(?:[\w-]+\.)+[\w-]{2,})
      | (?<![\w@.-])(?P<host>(?:[\w-]+\.)+[a-z]{2,})(?=/)
      | (?<![\w@.-])(?P<bare>(?:www\.(?:[\w-]+\.)*[\w-]+|(?:[\w-]+\.)+(?:com|net|org|io|co|info
          |biz|app|dev|ai|shop|xyz|ru|cn|de|uk|eu|us|me|link|click|top|site|online|live|store)))
        (?![\w-])
    )"""
)


def check_text(field: str, text: str, *, allowed: str) -> None:
    """Refuse line breaks and hidden characters, but for those that are allowed.

    Raises:
        RefusedError: `invalid_input`.
    """
    for char in pictures(text):
        if char in allowed or char in JOINERS:
            continue
        if is_hidden(char) or char in "\n\t":
            kind = "a line break" if char in "\r\n\u2028\u2029" else "a hidden character"
            raise RefusedError(
                Code.INVALID_INPUT,
                f"`{field}` has {kind} (U+{ord(char):04X})",
                next_step="write plain text" + ("" if allowed else " on one line"),
            )


def count_links(field: str, text: str, hosts: Collection[str]) -> int:
    """How many links there are.

    Args:
        hosts: where they may lead, lower-case; a host does not stand for its subdomains.

    Raises:
        RefusedError: `invalid_input`, when one leads to a host that is not allowed.
    """
    links = 0
    for found in _LINK.finditer(text):
        links += 1
        authority = found["authority"]
        web = found[0].lower().startswith(("https://", "http://"))
        named = authority if authority is not None else found["mailhost"]
        host = (named or found["host"] or found["bare"] or "").lower().rstrip(".,;:!")
        if host not in hosts or (authority is not None and not web):
            raise RefusedError(
                Code.INVALID_INPUT,
                f"`{field}` has a link to `{(host or found[0])[:40]}`, which is not allowed",
                next_step="leave it out, or add the host to the connector's `links`",
            )
    return links
