"""What the crash campaign asks of a peer: one refund behind a person's yes, and a restart."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

AMOUNT = 2000
PERSON = "maria"

Kill = Literal["before_call", "after_call", "key_forgotten", "after_outcome"]
KILLS: tuple[Kill, ...] = ("before_call", "after_call", "key_forgotten", "after_outcome")
"""When the first process dies: before the bank hears of it; after the bank has done it and before
the peer hears of it; the same, and the restart comes so late that the bank has forgotten the key;
after the peer has returned."""

Word = Literal["done", "not done", "open"]
"""What the peer's state comes to: it says that the refund was made, that it was not, or that it
does not know and a person has to look."""


class BankDoor(Protocol):
    """The bank, from inside a peer's process; it kills the process at the planned moment."""

    def refund(self, order: str, reference: str, key: str = "") -> str:
        """Pay back `AMOUNT`; with a key it is done once. The refund's id."""
        ...

    def has(self, reference: str) -> bool:
        """Whether the bank has a refund with that reference."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """One run's own place.

    Attributes:
        folder: new, and the same before and after the restart.
        order: the order to pay back; also the name of the run.
        mode: a key of the peer's `modes`.
        store_url: of a PostgreSQL database, for a mode that needs one.
    """

    folder: Path
    order: str
    mode: str
    store_url: str


class Peer(Protocol):
    """One peer.

    Attributes:
        distribution: its name on PyPI.
        modes: by name, what it is told to do, in a sentence.
    """

    distribution: str
    modes: dict[str, str]

    def first(self, spot: Spot, bank: BankDoor) -> None:
        """Ask, let a person say yes, and run it; the process is killed on the way."""
        ...

    def again(self, spot: Spot, bank: BankDoor) -> tuple[Word, str]:
        """In a new process, what the peer's documentation says to do; what its state then says."""
        ...
