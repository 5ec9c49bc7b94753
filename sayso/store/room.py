"""Whether a database has room for what comes next, before somebody is told that it has none."""

from __future__ import annotations

from typing import Final, Protocol, runtime_checkable

from sayso.store.base import Store

ROOM_BYTES: Final = 1024 * 1024
"""So much has to fit beside a database; the entries of some dozens of actions do."""


@runtime_checkable
class Roomed(Protocol):
    """A store that can tell whether it has room."""

    async def check_room(self) -> None:
        """Take some room and give it back at once; changes nothing that is stored.

        Raises:
            ConfigError: `store_full`, `store_read_only`, `store_unavailable`.
        """
        ...


async def check_room(store: Store) -> None:
    """The same for any store; one that cannot tell passes.

    Raises:
        ConfigError: `store_full`, `store_read_only`, `store_unavailable`.
    """
    if isinstance(store, Roomed):
        await store.check_room()
