"""Citations: the pages that a guarantee rests on, which have to be the provider's own.

Whether a page says what the manifest reads in it is for who reviews it, and for a trial.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from sayso.connectors.manifest.schema import Manifest, seconds_of

MOST_KEPT_S = 45 * 86_400
"""So long a key is believed to be kept at most. Source: PayPal keeps a payment's for 45 days, the
longest of all that were read."""
_SECOND_LEVEL = frozenset("ac co com edu gov net org".split())
"""Below a country's domain, names of these are nobody's own."""
Place = tuple[str | int, ...]
Found = tuple[Place, str, str]


def check_citations(manifest: Manifest) -> Iterator[Found]:
    """What is wrong with the pages of a manifest, and with times that no page can say."""
    pages: list[tuple[Place, str | None]] = [
        (("errors", number, "nothing_done"), rule.nothing_done)
        for number, rule in enumerate(manifest.errors)
    ]
    for verb, action in manifest.actions.items():
        key, look_up = action.call.key, action.look_up
        if key is not None:
            at: Place = ("actions", verb, "call", "key")
            pages.append(((*at, "source"), key.source))
            if key.keeps is not None and seconds_of(key.keeps) > MOST_KEPT_S:
                problem = f"no provider is believed to keep a key for {key.keeps}"
                yield (*at, "keeps"), problem, "give what its page says, 45d at most"
        if look_up is not None:
            at = ("actions", verb, "look_up")
            pages.append(((*at, "source"), look_up.source))
            if look_up.record == "with" and not look_up.source:
                problem = "no page says that the provider holds the money itself"
                step = 'give its page as `source`, or leave `record` out: it is `"after"` then'
                yield (*at, "record"), problem, step
    for where, page in pages:
        wrong = None if page is None else foreign_page(manifest, page)
        if wrong is not None:
            step = "give the provider's own page; its other domains are `docs` of [connection]"
            yield where, wrong, step


def foreign_page(manifest: Manifest, page: str) -> str | None:
    """Why a page is not one of the provider's, in words; None when it is."""
    parts = urlsplit(page)
    host = (parts.hostname or "").lower()
    if parts.scheme != "https" or "." not in host:
        return "it is no address of a page"
    connection = manifest.connection
    base = (connection.base or "").removeprefix("https://").partition("/")[0]
    if connection.mcp is not None:
        base = str(urlsplit(connection.mcp.url).hostname or "")
    own = {domain_of(one) for one in (base, *connection.hosts, *connection.docs)}
    if domain_of(host) in own:
        return None
    return f"`{host}` is none of the provider's domains ({', '.join(sorted(own))})"


def domain_of(host: str) -> str:
    """The domain that somebody registered, as far as a name shows it: `example.com`."""
    plain = re.sub(r"\{[^{}]*\}", "x", host).partition(":")[0].lower().rstrip(".")
    labels = plain.split(".")
    is_country = len(labels) > 2 and len(labels[-1]) == 2 and labels[-2] in _SECOND_LEVEL
    return ".".join(labels[-3 if is_country else -2 :])
