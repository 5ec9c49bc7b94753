"""What entries say of a customer who shows that an account is theirs: a code that was sent, and
that it came back. Neither holds the code, nor the address that it went to.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sayso.audit.customer_links import WRITTEN_AS
from sayso.audit.entry import Actor, Entry, EntryKind, Json

UNTIL, BY, TO = "until", "by", "to"
VERIFIED_BY = "verified_by"
"""In the entry of an action that was judged: by what it was known who writes."""
VERIFY = "verify"
"""The slot of a question that asks the customer for a code."""
CODE_MICROS = 600 * 1_000_000
"""So long a code counts: ten minutes."""
LONGEST_MICROS = 24 * 3600 * 1_000_000
"""What is shown once holds no longer than a day, whatever a setting says."""
ASKED, WRONG = "asked", "wrong"
"""What such a question comes of: a code is asked for, or what came was not it."""
GIVEN, AGAIN, GIVEN_UP = "given", "again", "given_up"
"""What its answer was: the code, a wish for another one, or nothing that goes on without people."""


class VerifiedBy(StrEnum):
    """By what it is known who writes, where the caller did not know it."""

    CODE = "code"
    """They sent back the code that went to the address on file."""
    LINK = "link"
    """They pressed the button behind the link that went there."""
    PERSON = "person"
    """A colleague vouched, with a reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldCode:
    """A code as entries tell it.

    Attributes:
        request: the conversation that it is for. account: the pseudonym of whose it is to show.
        written_as: the pseudonym of the account that wrote.
        to: `email` or `phone`: where it went.
    """

    request: str
    account: str
    written_as: str
    to: str

    def sent(self, actor: Actor, until: int) -> Entry:
        """The entry with which a code counts; `until` in microseconds since 1970."""
        data: dict[str, Json] = {TO: self.to, UNTIL: until}
        return self._entry(EntryKind.CUSTOMER_CODE_SENT, actor, data)

    def verified(self, actor: Actor, by: VerifiedBy, until: int) -> Entry:
        """The entry with which the account is known to be the writer's."""
        data: dict[str, Json] = {TO: self.to, BY: by.value, UNTIL: until}
        return self._entry(EntryKind.CUSTOMER_VERIFIED, actor, data)

    def _entry(self, kind: EntryKind, actor: Actor, data: dict[str, Json]) -> Entry:
        return Entry(
            kind=kind,
            actor=actor,
            request=self.request,
            subject=self.account,
            data={**data, WRITTEN_AS: self.written_as},
        )
