"""That whoever writes has shown in one conversation that an account is theirs, and for how long.

It is said by an entry, `customer.verified`, and by nothing else: no row holds it, so that nobody
who writes the database alone makes it so. It counts in its own conversation, for its own account,
until its time is over.
"""

from __future__ import annotations

from dataclasses import dataclass

from sayso.actions.customers.proof import WORDS as PROOF_WORDS
from sayso.actions.customers.proof import Reached
from sayso.audit.authority.state import read_body
from sayso.audit.customer_codes import BY, UNTIL, VerifiedBy
from sayso.audit.event import Event
from sayso.json import JsonValue
from sayso.store.base import Reader, text

WORDS = {
    VerifiedBy.CODE: "a code that was sent to the address on file",
    VerifiedBy.LINK: "a link that was sent to the address on file",
    VerifiedBy.PERSON: "a colleague's word",
}
"""By what it is known who writes, for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """By what it is known who writes, where the caller did not know it.

    Attributes:
        until: microseconds since 1970; from then on it counts no more.
    """

    by: VerifiedBy
    until: int

    @property
    def moves_money_alone(self) -> bool:
        """Whether money may move on it without a person's yes."""
        return self.by is not VerifiedBy.PERSON

    def to_json(self) -> dict[str, JsonValue]:
        """As it is stored and bound."""
        return {"by": self.by.value, "until": self.until}

    @classmethod
    def from_json(cls, value: JsonValue) -> Verified | None:
        """What `to_json` wrote; None for None.

        Raises:
            ValueError: it is something else.
        """
        match value:
            case None:
                return None
            case {"by": str(by), "until": int(until)}:
                return cls(by=VerifiedBy(by), until=until)
            case _:
                raise ValueError("nothing by which anybody is known")


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountStanding:
    """What is known of an account besides what its provider says.

    Attributes:
        reached: how it is known to be the customer's, where they wrote from another one.
        verified: by what it is known who writes, where the caller did not know it.
    """

    reached: Reached | None = None
    verified: Verified | None = None


def verified_in(
    reader: Reader, tenant: str, request_id: str, account: str, now: int
) -> Verified | None:
    """By what it is known in a conversation that an account is the writer's; None where it isn't.

    Args:
        account: as it is stored. now: microseconds since 1970.
    """
    rows = reader.all("log.verified_in", tenant=tenant, request=request_id)
    if not rows:
        return None
    named = reader.one("personal.subject", tenant=tenant, id=account)
    found: Verified | None = None
    for event in (Event.of(read_body(text(row, "body")), 0) for row in rows):
        until = event.whole(UNTIL)
        if named is None or event.top("subject") != named["pseudonym"] or until is None:
            continue
        one = Verified(by=VerifiedBy(event.text(BY) or ""), until=until)
        if until > now and (found is None or not found.moves_money_alone):
            found = one
    return found


def vouched_in(reader: Reader, tenant: str, request_id: str, person: str) -> bool:
    """Whether a person has said in a conversation who writes; by the log alone."""
    rows = reader.all("log.verified_in", tenant=tenant, request=request_id)
    events = (Event.of(read_body(text(row, "body")), 0) for row in rows)
    return any((one.actor_kind, one.actor) == ("person", person) for one in events)


def weakly_known_by(way: Reached | None, verified: Verified | None) -> str | None:
    """On what an account rests that money may not move on by itself; None where there is no such.

    Args:
        verified: by what it is known who writes, as long as it counts.
    """
    if way is not None and not way.proof.moves_money_alone:
        return PROOF_WORDS[way.proof]
    return WORDS[verified.by] if verified is not None and not verified.moves_money_alone else None
