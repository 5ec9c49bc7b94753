"""The sweep: takes due rows that nobody has come for, each for one worker at a time."""

from __future__ import annotations

from dataclasses import dataclass

from sayso.dispatch.base import Item
from sayso.ids import Clock, Tenant, to_micros
from sayso.store.base import Reader, Store, Transaction, integer, text

FIRST_BACK_OFF_S = 2
SAME_BACK_OFFS = 2
"""How many pauses more are as short as the first one. Where workers die one after the other, each
with what it took over, a pause that grows at once would be most of the time until it is settled."""
LONGEST_BACK_OFF_S = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class _Left:
    item: Item
    nudges: int
    nudge_at: int


class Sweep:
    """Looks for rows that are due and were handed to nobody, or to somebody who did not come."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def take(self, room: int) -> list[Item]:
        """At most so many items, those of the highest rank first.

        Guarantees: no other worker's sweep takes them for the next two seconds, nor the next two
        times, and for twice as long with each time after that for which a row stays due for the
        same moment. A look that finds nothing writes nothing.
        """
        now = to_micros(self._clock.now())
        left = await self._store.read(lambda reader: _look(reader, now, room))
        if not left:
            return []
        return await self._store.write(lambda tx: _take(tx, left[:room], now))


def _look(reader: Reader, now: int, room: int) -> list[_Left]:
    return [
        _Left(
            item=Item(
                noun=text(row, "noun"), tenant=Tenant(text(row, "tenant")), id=text(row, "id")
            ),
            nudges=integer(row, "nudges"),
            nudge_at=integer(row, "nudge_at"),
        )
        for row in reader.all("dispatch.left", now=now, limit=room)
    ]


def _take(tx: Transaction, left: list[_Left], now: int) -> list[Item]:
    # NOTE: no `for update skip locked`: writers take turns (docs/decisions/0010), so this
    # compare-and-set waits for nobody's row.
    taken: list[Item] = []
    for one in left:
        done = tx.run(
            f"dispatch.nudge_{one.item.noun}",
            tenant=one.item.tenant,
            id=one.item.id,
            was=one.nudge_at,
            now=now,
            until=now + _back_off_micros(one.nudges),
        )
        if done == 1:
            taken.append(one.item)
    return taken


def _back_off_micros(nudges: int) -> int:
    doubled = min(max(0, nudges - SAME_BACK_OFFS), 10)
    seconds: int = min(FIRST_BACK_OFF_S * 2**doubled, LONGEST_BACK_OFF_S)
    return seconds * 1_000_000
