"""Whether a mail comes from whom it says, as the mail server that we trust has judged it.

INVARIANT: only the topmost Authentication-Results header counts, of those that bear the name of our
own server: whoever writes can put any further ones below it.
SOURCE: RFC 8601 §2.2 (grammar), §5 (which header counts); RFC 7489 §3.1 (alignment).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

MICROSOFT = "protection.outlook.com"
"""As `trust`: Exchange Online writes no server's name into its header, which begins with `spf=`."""
_LONGEST = 8_000
_METHOD = re.compile(r"([A-Za-z0-9-]+)(?:/\d+)?\s*=\s*([A-Za-z0-9]+)")
_PROPERTY = re.compile(
    # A word begins once, or a long one takes the square of its length; what is quoted is no name.
    r'"[^"]*"|(?<![\w-])([A-Za-z0-9_-]+\.[A-Za-z0-9_-]+)\s*=\s*(?:"([^"]*)"|([^\s";]+))'
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthenticationCheck:
    """One check and how it ended.

    Attributes:
        name, result: lower-case, such as `dmarc` and `pass`.
        properties: what was checked, such as `{"header.from": "example.com"}`.
    """

    name: str
    result: str
    properties: dict[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthenticationResults:
    """One header.

    Attributes:
        server: who judged (the authserv-id), lower-case; empty for Microsoft's.
        methods: in their order.
    """

    server: str
    methods: tuple[AuthenticationCheck, ...]


def read_results(value: str) -> AuthenticationResults | None:
    """A header's value; None for one that cannot be read whole, which proves nothing."""
    parts = _parts(" ".join(value.split())) if len(value) <= _LONGEST else None
    if parts is None:
        return None
    first, *rest = parts
    if not first.strip():
        return None
    # A name may be followed by the version of the syntax; `spf=pass` is no name.
    words = first.split()
    if _METHOD.match(first.strip()):
        server, rest = "", [first, *rest]
    elif len(words) <= 2 and (len(words) == 1 or words[1].isdigit()):
        server = words[0].strip('"').lower()
    else:
        return None
    methods: list[AuthenticationCheck] = []
    for part in (one.strip() for one in rest):
        if part == "" or part.lower() == "none":
            continue
        found = _METHOD.match(part)
        if found is None:
            return None
        methods.append(
            AuthenticationCheck(
                name=found[1].lower(),
                result=found[2].lower(),
                properties=_properties(part[found.end() :]),
            )
        )
    return AuthenticationResults(server=server, methods=tuple(methods))


def is_authentic(headers: Sequence[str], trust: str, domain: str) -> bool:
    """Whether our server has seen that a mail comes from its From's domain.

    Args:
        headers: the values of all Authentication-Results, topmost first.
        trust: the authserv-id of our server; empty for none, by which nothing is proven.
        domain: of the From address.

    Returns:
        true only where the topmost header of that server says `dmarc=pass` for this very domain.
    """
    found = topmost(headers, trust)
    if found is None or not domain:
        return False
    judged = [one for one in found.methods if one.name == "dmarc"]
    # Two verdicts in one header contradict each other, or somebody has joined them.
    if len(judged) != 1 or judged[0].result != "pass":
        return False
    wanted = _domain(domain)
    return bool(wanted) and _domain(judged[0].properties.get("header.from", "")) == wanted


def topmost(headers: Sequence[str], trust: str) -> AuthenticationResults | None:
    """The newest results of the server of that name; None where it wrote none."""
    wanted = trust.strip().lower()
    for value in headers if wanted else ():
        found = read_results(value)
        if found is not None and found.server == ("" if wanted == MICROSOFT else wanted):
            return found
        # INVARIANT: one of ours that cannot be read hides those below it, which may be forged. With
        # Microsoft's nobody can say whose it is, since no server's name is in any of theirs.
        if found is None and (wanted == MICROSOFT or wanted in value.lower()):
            return None
    return None


def _domain(text: str) -> str:
    """A domain as it is compared: its ASCII form, lower-case, without a last dot."""
    bare = text.rpartition("@")[2].strip().rstrip(".").lower()
    try:
        return bare.encode("idna").decode() if not bare.isascii() else bare
    except UnicodeError:
        return ""


def _properties(text: str) -> dict[str, str]:
    """What was checked; a property that is told twice, and differently, has no value."""
    told: dict[str, str] = {}
    for one in _PROPERTY.finditer(text):
        if one[1] is not None:
            name, value = one[1].lower(), one[2] or one[3] or ""
            told[name] = value if told.get(name, value) == value else ""
    return told


def _parts(text: str) -> list[str] | None:
    """The parts between semicolons, without `(comments)`, which may be nested.

    INVARIANT: quotes, comments and semicolons are told apart in one pass, or two readings of one
    header differ; and none is read that has an escape, which no server needs and a writer's address
    brings in.

    Returns:
        None where a quote or a comment does not end, or there is a backslash.
    """
    parts, depth, quoted = [list[str]()], 0, False
    for char in text:
        if char == "\\":
            return None
        if char == '"' and not depth:
            quoted = not quoted
        if quoted:
            parts[-1].append(char)
        elif char == "(":
            depth += 1
        elif char == ")":
            depth -= 1
            if depth < 0:
                return None
            parts[-1].append(" ")
        elif depth:
            continue
        elif char == ";":
            parts.append([])
        else:
            parts[-1].append(char)
    return None if depth or quoted else ["".join(one) for one in parts]
