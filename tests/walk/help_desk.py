"""The desk of a walk: its books stand in this process, by the folder of the workspace."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from support.fake_desk import DeskBooks, FakeDesk
from walk.clocks import now_in_walk

DESK_ACTION = '''"""The desk at which customers write, in this process."""

from walk.help_desk import desk_of

CONNECTORS = [desk_of(__file__)]
'''


@dataclass(slots=True, kw_only=True)
class DeskState:
    """What outlives a workspace that is closed and opened again.

    Attributes:
        chats: the customers of the threads of the walk's own desk, `chat`.
    """

    books: DeskBooks = field(default_factory=DeskBooks)
    desk: FakeDesk | None = None
    chats: dict[str, str] = field(default_factory=dict[str, str])


DESKS: dict[Path, DeskState] = {}
"""By the folder of the workspace."""


def desk_of(actions_file: str) -> FakeDesk:
    """The connector of a workspace, whose customers are Stripe's."""
    state = DESKS.setdefault(Path(actions_file).resolve().parent.parent, DeskState())
    faults = [] if state.desk is None else state.desk.faults
    state.desk = FakeDesk(now_in_walk, state.books)
    state.desk.faults = faults
    state.desk.customers_of = "stripe"
    return state.desk
