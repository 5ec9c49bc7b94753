"""One judge of configured addresses: https, or http on this machine, and nowhere private."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import SplitResult, urlsplit

from ssrfguard import Policy, SSRFGuardError

from sayso.errors import Code, ConfigError

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
"""Hosts of this machine, as `urlsplit` gives them."""

_SHOWN_CHARACTERS = 60
# SOURCE: WHATWG URL, "ends in a number": what resolvers take for an address in another notation.
_NUMBER = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)\.?", re.IGNORECASE)
_FOUR = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}")


def checked_url(
    url: str,
    *,
    name: str,
    private: Sequence[str] = (),
    path: bool = True,
    query: bool = False,
    plain: bool = False,
) -> str:
    """The address as it is used, judged after parsing and never by how it begins.

    Args:
        url: as it stands in the setting.
        name: what the setting is called, for the message.
        private: networks, such as `10.1.0.0/16`, that may be reached although they are private.
        path: whether it may have a path.
        query: whether it may have a query.
        plain: whether http is taken elsewhere too, where what comes back proves itself.

    Returns:
        the address without a trailing slash.

    Raises:
        ConfigError: `invalid_setting` for anything but https, or http on this machine; for a user,
            a fragment, an encoded or shortened host, and a private, link-local or otherwise
            special address. A name is judged again by `guarded_transport` when it is connected to.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise _unsafe(url, name, "it cannot be read") from error
    wrong = _wrong_part(parts, path=path, query=query)
    if wrong is not None:
        raise _unsafe(url, name, wrong)
    if parts.hostname not in LOOPBACK:
        if parts.scheme != "https" and not plain:
            raise _unsafe(url, name, "it is not https")
        try:
            policy = Policy(
                allowed_schemes=frozenset({parts.scheme}),
                allowed_ports=frozenset({port or (443 if parts.scheme == "https" else 80)}),
                allowed_networks=tuple(private),  # type: ignore[arg-type]  # read from text
            )
            policy.check_url(url)
        except (SSRFGuardError, ValueError) as error:
            raise _unsafe(url, name, "it is private, or no plain host") from error
    return url.rstrip("/")


def _wrong_part(parts: SplitResult, *, path: bool, query: bool) -> str | None:
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return "it is no http address"
    if parts.username is not None or parts.password is not None or "@" in parts.netloc:
        return "it holds a user"
    if parts.fragment or (parts.query and not query):
        return "it holds a query or a fragment"
    if parts.path.strip("/") and not path:
        return "it holds a path"
    if _NUMBER.fullmatch(parts.hostname) and not _FOUR.fullmatch(parts.hostname):
        return "its host is a number"
    return None


def _unsafe(url: str, name: str, why: str) -> ConfigError:
    # INVARIANT: what holds a user may hold a password, so it is not repeated.
    shown = "" if "@" in url else f" `{url[:_SHOWN_CHARACTERS]}`"
    return ConfigError(
        Code.INVALID_SETTING,
        f"`{name}` is no safe address{shown}: {why}",
        next_step="use https and a public host, or http on this machine",
    )
