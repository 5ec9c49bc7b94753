"""Credentials as the log knows them: by what somebody showed who they are when they decided."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from sayso.audit.event import Event

CREATED, REVOKED = "token.created", "token.revoked"
KINDS = frozenset({CREATED, REVOKED})

HOST: Final = "host"
"""Whoever runs the workspace itself: they hold its keys, so no token of theirs says more."""
SLACK: Final = "slack"
"""The chat whose accounts entries name in a field of their own."""

DECIDE: Final = "approvals:decide"
STOP: Final = "stop"
ADMIN: Final = "admin"
ENTER: Final = "console:enter"
"""Is exchanged for one session of its holder."""
PERSON: Final = "person"


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """A token that an entry began, and perhaps one ended.

    Attributes:
        id: such as `tok_…`. kind: `service` or `person`. holder: the service or the person.
        keyed: the keyed hash of its secret, hex; empty in logs from before hashes were keyed.
        kid: which root made it, hex.
        scopes: what it opens.
        created_at, expires_at: microseconds since 1970.
        ended_at: when an entry ended it; None while none has.
        seq: the entry that began it.
        session: how its person signed in, where it is a session of the console: `link`, `token` or
            `oidc`; empty for any other token.
    """

    id: str
    kind: str
    holder: str
    keyed: str
    kid: str
    scopes: frozenset[str]
    created_at: int
    expires_at: int
    ended_at: int | None
    seq: int
    session: str = ""

    def is_alive(self, at: int) -> bool:
        """Whether it opens anything at that moment."""
        return self.ended_at is None and at < self.expires_at

    def opens(self, scopes: Iterable[str]) -> bool:
        """Whether it has one of these scopes."""
        return not self.scopes.isdisjoint(scopes)


def credential_of(event: Event) -> Credential | None:
    """The credential that an entry `token.created` begins; None when it describes none."""
    token, holder = event.text("token"), event.text("holder")
    expires_at = event.whole("expires_at")
    if not token or not holder or expires_at is None:
        return None
    return Credential(
        id=token,
        kind=event.text("token_kind") or "",
        holder=holder,
        keyed=event.text("keyed") or "",
        kid=event.text("kid") or "",
        scopes=frozenset(event.texts("scopes")),
        created_at=event.at,
        expires_at=expires_at,
        ended_at=None,
        seq=event.seq,
        session=event.text("session") or "",
    )


def alive_of(credentials: Iterable[Credential], person: str, at: int) -> Iterator[Credential]:
    """The tokens and sessions of a person that an entry has to end for them to open nothing."""
    for one in credentials:
        if (one.kind, one.holder) == (PERSON, person) and one.is_alive(at):
            yield one


def account_in(chat: str, account: str) -> str:
    """How a linked account of a chat is named, as a credential too: `slack:TEAM/USER`.

    INVARIANT: no token's id and no person's has a colon.
    """
    return f"{chat}:{account}"


def ended(credential: Credential, at: int) -> Credential:
    """The same, ended at that moment."""
    return replace(credential, ended_at=at)
