"""How two accounts are known to be one customer's, and what each way is enough for.

SOURCE: NIST SP 800-63A speaks of evidence and its strength; these five are what support work has.
"""

from __future__ import annotations

from enum import StrEnum


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


def weakest(proofs: tuple[Proof, ...]) -> Proof | None:
    """What an action rests on that goes over several links; None where it goes over none."""
    return min(proofs, key=lambda proof: proof.strength, default=None)
