"""A few counts of an open workspace, for operators who watch it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sayso.actions.model.status import Status
from sayso.ids import Tenant
from sayso.sdk.container import Container
from sayso.store.base import Reader, integer, text


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Counts of one tenant, all from one snapshot.

    Attributes:
        actions: how many have each status; every status is there, with 0 where there are none.
        pending: approvals that wait for people.
        entries: entries of the audit log.
        left: actions whose outcome only a person can still find out.
        stops: stops in force that hold the tenant.
    """

    actions: Mapping[Status, int]
    pending: int
    entries: int
    left: int
    stops: int


async def read_figures(container: Container, tenant: Tenant) -> Figures:
    """Count now.

    Raises:
        ConfigError: the database cannot be used.
    """

    def work(reader: Reader) -> Figures:
        counts = dict.fromkeys(Status, 0)
        for row in reader.all("figures.actions", tenant=tenant):
            counts[Status(text(row, "status"))] = integer(row, "count")
        pending = reader.one("figures.pending", tenant=tenant)
        head = reader.one("log.head", tenant=tenant)
        return Figures(
            actions=counts,
            pending=0 if pending is None else integer(pending, "count"),
            entries=0 if head is None else integer(head, "size"),
            left=_count(reader, "figures.left", tenant),
            stops=_count(reader, "figures.stops", tenant),
        )

    return await container.store.read(work)


def _count(reader: Reader, query: str, tenant: Tenant) -> int:
    found = reader.one(query, tenant=tenant)
    return 0 if found is None else integer(found, "count")
