"""The port of every dispatcher: what the floors above may ask of it, whoever does the work."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from sayso.ids import Tenant
from sayso.telemetry import about

Handler = Callable[[Tenant, str], Awaitable[bool]]
"""Takes one item as far as it goes now; says whether others may have become due by it."""

Begin = Callable[[], Coroutine[Any, Any, bool]]
"""Begins the run of one item; says the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """Something that can be due: `noun` is the table that it is a row of."""

    noun: str
    tenant: Tenant
    id: str


def about_item(item: Item) -> AbstractContextManager[None]:
    """Have what is said and spanned while the block runs name an item."""
    return about(tenant=item.tenant, **{f"{item.noun}_id": item.id})


class Dispatcher(Protocol):
    """Sees to it that what is due is run, here or in other processes.

    Guarantees: none is needed. Handlers may be called at least once, at any time, by anybody: the
    row says what is due, and a claim is fenced.
    """

    @property
    def runs_here(self) -> bool:
        """Whether this process runs what is due, and may so claim what it proposes."""
        ...

    def wake(self) -> None:
        """Something became due just now."""
        ...

    async def run(self) -> None:
        """Serve until cancelled."""
        ...

    async def stop(self) -> None:
        """End what was begun here, before what it works with is closed."""
        ...

    async def run_now(
        self, noun: str, tenant: Tenant, item_id: str, begin: Begin | None = None
    ) -> None:
        """Have one run now, and wait until it has got as far as it goes; errors go to the log.

        Args:
            begin: what to run in place of the handler where it `runs_here`, for a caller that has
                read the item already.
        """
        ...

    async def adopt(
        self, noun: str, tenant: Tenant, item_id: str, work: Coroutine[Any, Any, bool]
    ) -> None:
        """Run work on one item that its caller has claimed, where `runs_here`."""
        ...

    def problem_with(self, noun: str, tenant: Tenant, item_id: str) -> Exception | None:
        """What ended the newest run of one item here; None when it ended well, or elsewhere.

        It is due still, and is run again after a pause, by whoever dispatches then.
        """
        ...

    async def drain(self) -> None:
        """Return once nothing is due now and nothing runs; for commands that end."""
        ...
