"""Open actions that nobody can go on with, because no connector of the workspace has them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import partial

from sayso.ids import Tenant, rfc3339
from sayso.settings import FILE_NAME
from sayso.store.base import Reader, Store, integer, text


@dataclass(frozen=True, slots=True, kw_only=True)
class Orphans:
    """Open actions of one name in one tenant.

    Attributes:
        oldest: the id of the oldest one; `since` is when it was asked for.
    """

    tenant: Tenant
    name: str
    count: int
    oldest: str
    since: str

    @property
    def message(self) -> str:
        """What is wrong, in words."""
        actions = "an open action needs" if self.count == 1 else f"{self.count} open actions need"
        return (
            f"{actions} `{self.name}`, which no connector of {FILE_NAME} or its Python files has;"
            f" the oldest is {self.oldest} of {self.tenant}, since {self.since[:10]}"
        )

    @property
    def next_step(self) -> str:
        """What an operator does about it."""
        return next_step(self.name)


def next_step(name: str) -> str:
    """What an operator does where no connector has an action."""
    connector = name.partition(".")[0]
    return (
        f"bring back [connectors.{connector}] in {FILE_NAME}, or the file under `actions` that had"
        " it, and restart the workers, which then go on; where a program passes the connector"
        " itself, all is well"
    )


async def find_orphans(store: Store, known: Collection[str]) -> list[Orphans]:
    """The open actions of every tenant that are not known.

    Args:
        known: the names of all actions, as `read_action_types` finds them.
    """
    return await store.read(partial(_find, known=known))


def _find(reader: Reader, known: Collection[str]) -> list[Orphans]:
    found: list[Orphans] = []
    for log in reader.all("log.tenants"):
        tenant = Tenant(text(log, "tenant"))
        found += [
            Orphans(
                tenant=tenant,
                name=text(row, "name"),
                count=integer(row, "count"),
                oldest=text(row, "oldest"),
                since=rfc3339(integer(row, "since")),
            )
            for row in reader.all("action.open_names", tenant=tenant)
            if text(row, "name") not in known
        ]
    return found
