"""How two accounts are known to be one customer's, and what each way is enough for.

SOURCE: NIST SP 800-63A speaks of evidence and its strength; these five are what support work has.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from sayso.json import JsonValue


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


WORDS = {
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
    def from_json(cls, value: JsonValue) -> Reached | None:
        """What `to_json` wrote; None for None.

        Raises:
            ValueError: it is something else.
        """
        match value:
            case None:
                return None
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
