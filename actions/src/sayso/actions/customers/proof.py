"""How an account is known to be theirs who write, and what each way is enough for.

Either links lead to it from the account that they write from, or it was shown in this very
conversation. The latter is said by an entry, `customer.verified`, and by nothing else: no row holds
it, so that nobody who writes the database alone makes it so. It counts in its own conversation, for
its own account, until its time is over.

SOURCE: NIST SP 800-63A speaks of evidence and its strength; these five are what support work has.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from sayso.audit.authority.state import read_body
from sayso.audit.customer_codes import BY, UNTIL, VerifiedBy
from sayso.audit.event import Event
from sayso.json import JsonValue
from sayso.store.base import Reader, text


class Proof(StrEnum):
    """What says that two account ids are one customer's, weakest first.

    Each allows to read records and to plan, and to move money once a person has said yes. `CODE`
    and what is stronger allow it without a person too, as far as the policy does.
    """

    EMAIL = "email"
    """Both bear the same address, the writing side has verified it, and exactly one account on the
    other side has it."""
    PERSON = "person"
    """A colleague vouched, with a reason."""
    CODE = "code"
    """Whoever writes sent back a code that went to the address on file at the other account."""
    RECORD = "record"
    """One provider's record names the other's id, where only the shop can write."""
    SIGNED = "signed"
    """The shop's signed assertion names both."""

    @property
    def strength(self) -> int:
        """More is stronger."""
        return tuple(Proof).index(self)

    @property
    def moves_money_alone(self) -> bool:
        """Whether money may move on it without a person's yes."""
        return self.strength >= Proof.CODE.strength


PROOF_WORDS = {
    Proof.EMAIL: "an equal e-mail address alone",
    Proof.PERSON: "a colleague's word alone",
    Proof.CODE: "a code that was sent to the address on file there",
    Proof.RECORD: "a provider's record that names the other account",
    Proof.SIGNED: "your own signed assertion",
}
"""By what an account is known to be the customer's, for people."""


def weakest(proofs: tuple[Proof, ...]) -> Proof | None:
    """What an action rests on that goes over several links; None where it goes over none."""
    return min(proofs, key=lambda proof: proof.strength, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """How an account is known to be the customer's who wrote from another one.

    Attributes:
        links: ids of the links, from the account that they wrote from to this one. Which one that
            is, the links say: nothing that names it is kept with them.
        proof: the weakest of theirs.
        address_changed_days: since when the address on file at the account is another; None where
            the provider does not tell it.
        written_as: the account that they wrote from, while it is at hand; never kept.
        name: how the provider of the account calls them, likewise.
    """

    links: tuple[str, ...]
    proof: Proof
    address_changed_days: int | None = None
    written_as: str = field(default="", compare=False, repr=False)
    name: str = field(default="", compare=False, repr=False)

    def to_json(self) -> dict[str, JsonValue]:
        """As it is stored and bound."""
        return {
            "links": list(self.links),
            "proof": self.proof.value,
            "address_changed_days": self.address_changed_days,
        }

    @classmethod
    def from_json(cls, value: JsonValue) -> Reached:
        """What `to_json` wrote.

        Raises:
            ValueError: it is something else.
        """
        match value:
            case {
                "links": list(links),
                "proof": str(proof),
                "address_changed_days": None | int() as days,
            }:
                named = tuple(str(link) for link in links)
                return cls(links=named, proof=Proof(proof), address_changed_days=days)
            case _:
                raise ValueError("no way to an account")


def rests_on(way: Reached | None) -> str:
    """The weakest proof that an action rests on, as policies read it; `own` for no link at all."""
    return "own" if way is None else way.proof.value


VERIFIED_WORDS = {
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
    def from_json(cls, value: JsonValue) -> Verified:
        """What `to_json` wrote.

        Raises:
            ValueError: it is something else.
        """
        match value:
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
    return (
        VERIFIED_WORDS[verified.by]
        if verified is not None and not verified.moves_money_alone
        else None
    )
