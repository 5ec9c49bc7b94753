"""The transport of every outgoing request: it connects to the address that it has judged.

A name is looked up once for each connection, every answer is judged, and the socket is opened to
one of the judged addresses. So a name that moves in between (DNS rebinding) is of no use, and TLS
still verifies the certificate against the name.
"""

from __future__ import annotations

import ipaddress
import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

from ssrfguard import Policy

from sayso.network.address import LOOPBACK

if TYPE_CHECKING:
    import ssl

    import httpx
    from ssrfguard import Resolver

_KEPT_S = 4.0
"""So long an idle connection is kept. Many servers close theirs after five seconds, and what is
sent at that moment may have arrived or not."""
_HTTP_LIBRARIES = ("httpx", "httpcore", "httpx2", "httpcore2")
_THIS_MACHINE = (ipaddress.ip_network("127.0.0.1/32"), ipaddress.ip_network("::1/128"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """Where a client may connect to.

    Attributes:
        hosts: exactly these; none means any public one.
        ports: exactly these.
        private: networks that may be reached although they are private, such as `10.1.0.0/16`.
        loopback: whether this machine may be reached, by http too: for sandboxes.
    """

    hosts: frozenset[str] = frozenset()
    ports: frozenset[int] = frozenset({443})
    private: tuple[str, ...] = field(default=())
    loopback: bool = False

    @classmethod
    def this_machine(cls, ports: Iterable[int]) -> Destination:
        """A sandbox on this machine."""
        return cls(hosts=LOOPBACK, ports=frozenset(ports), loopback=True)

    def policy(self) -> Policy:
        """The same for `ssrfguard`.

        Raises:
            ValueError: for a network that is none, or that would let a wrapped address through.
        """
        networks = tuple(ipaddress.ip_network(one) for one in self.private)
        # NOTE: its list of hosts takes an address as it stands in a URL, so `::1` has no brackets.
        return Policy(
            allowed_schemes=frozenset({"http", "https"} if self.loopback else {"https"}),
            allowed_ports=self.ports,
            allowed_hosts=self.hosts,
            allowed_networks=networks + (_THIS_MACHINE if self.loopback else ()),
            max_redirects=0,
        )


def quieten(*libraries: str) -> None:
    """Keep HTTP libraries, and others by name, from logging what they send below WARNING.

    INVARIANT: addresses hold customers' ids and bodies hold more, also where the program around us
    logs everything.
    """
    for name in (*_HTTP_LIBRARIES, *libraries):
        log = logging.getLogger(name)
        if log.level < logging.WARNING:
            log.setLevel(logging.WARNING)


@cache
def _usual_authorities() -> ssl.SSLContext:
    """Those that httpx takes by itself; read once, since that takes 10 ms."""
    import httpx

    return httpx.create_ssl_context(trust_env=False)


def guarded_transport(
    destination: Destination,
    *,
    verify: ssl.SSLContext | None = None,
    resolver: Resolver | None = None,
    connections: int = 20,
) -> httpx.AsyncBaseTransport:
    """A transport for `httpx.AsyncClient`; give that one `trust_env=False` too.

    Args:
        destination: where it may connect to.
        verify: other authorities than the usual ones, for tests.
        resolver: looks names up in place of the machine's own, for tests.
        connections: how many are open at once at most.

    Raises:
        ssrfguard.SSRFGuardError: by a request to anywhere else; nothing was sent then.
    """
    import httpx  # 140 ms, which only a process that connects pays for
    from ssrfguard.httpx import AsyncSafeTransport

    return AsyncSafeTransport(
        policy=destination.policy(),
        resolver=resolver,
        verify=verify if verify is not None else _usual_authorities(),
        trust_env=False,
        limits=httpx.Limits(
            max_connections=connections,
            max_keepalive_connections=connections,
            keepalive_expiry=_KEPT_S,
        ),
    )
