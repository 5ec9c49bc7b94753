"""People as the log knows them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sayso.audit.authority.credentials import SLACK, account_in
from sayso.audit.event import Event

ADDED, CHANGED, DEACTIVATED = "person.added", "person.changed", "person.deactivated"
KINDS = frozenset({ADDED, CHANGED, DEACTIVATED})
FILE = "sayso.toml"
"""The source of what a file of the workspace says of people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownPerson:
    """Somebody whom entries have made known.

    Attributes:
        id: stable; stands in the log.
        roles: what they may decide now.
        slack: `TEAM/USER` of their Slack account; None when none is linked.
        oidc: `ISSUER SUBJECT` of their company's sign-in; None when none is linked.
        accounts: their accounts in other chats than Slack, each as `account_in` names it, such as
            `teams:TENANT/USER`; at most one in a chat.
        active: false once they were deactivated, until an entry says otherwise.
        source: what said so last: `sayso.toml`, or the surface that somebody used.
        statement: SHA-256 of what sayso.toml said of them when it was read last; empty when it
            never named them, or does not any more.
        stated_at: when the entry was written that says what sayso.toml said last.
        seq: the entry that said so last.
    """

    id: str
    roles: frozenset[str]
    slack: str | None
    active: bool
    source: str
    statement: str
    stated_at: int
    seq: int
    oidc: str | None = None
    accounts: frozenset[str] = frozenset()

    def account(self, chat: str) -> str | None:
        """Their account in a chat; None when none is linked."""
        if chat == SLACK:
            return self.slack
        begin = account_in(chat, "")
        found = (one.removeprefix(begin) for one in self.accounts if one.startswith(begin))
        return next(found, None)

    def speaks_by(self, named: str) -> bool:
        """Whether this is their account: a chat, a colon, and the account in it."""
        chat, _, account = named.partition(":")
        return bool(account) and self.account(chat) == account


def person_of(event: Event, known: KnownPerson | None) -> KnownPerson | None:
    """The person after an entry of one of `KINDS`; None when it names nobody."""
    person_id = event.text("person")
    if not person_id:
        return None
    if event.kind == DEACTIVATED:
        if known is None:
            return None
        statement = event.text("statement")
        return replace(
            known,
            active=False,
            source=event.text("source") or "",
            statement=known.statement if statement is None else statement,
            stated_at=known.stated_at if statement is None else event.at,
            seq=event.seq,
        )
    stated_at = 0 if known is None else known.stated_at
    statement = event.text("statement")
    if statement is None:
        statement = "" if known is None else known.statement
    return KnownPerson(
        id=person_id,
        roles=frozenset(event.texts("roles")),
        slack=event.text("slack"),
        oidc=event.text("oidc"),
        accounts=frozenset(event.texts("accounts")),
        active=True,
        source=event.text("source") or "",
        statement=statement,
        stated_at=stated_at if event.text("statement") is None else event.at,
        seq=event.seq,
    )
