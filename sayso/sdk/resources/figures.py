"""A few counts of an open workspace, for operators who watch it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sayso.actions.model.status import Status
from sayso.agent.request_row import RequestStatus
from sayso.audit.authority.state import as_stored
from sayso.ids import Tenant, to_micros
from sayso.sdk.container import Container
from sayso.sdk.resources.statistics import read_load
from sayso.store.base import Reader, Row, integer, integer_or_none, text


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Counts of one tenant, all from one snapshot.

    Attributes:
        actions: how many have each status; every status is there, with 0 where there are none.
        pending: approvals that wait for people. oldest_s: so many seconds the first has waited.
        entries: entries of the audit log.
        verifies: whether it does, as far as this process knows.
        left: actions whose outcome only a person can still find out.
        stops: stops in force that hold the tenant.
        cards_each: cards within 24 hours for each person of the busiest role.
        requests: how many have each status.
        tokens, micro_usd: what planning them took of models, and cost.
    """

    actions: Mapping[Status, int]
    pending: int
    oldest_s: float
    entries: int
    verifies: bool
    left: int
    stops: int
    cards_each: float
    requests: Mapping[RequestStatus, int]
    tokens: int
    micro_usd: int

    @property
    def micro_usd_per_resolution(self) -> float:
        """What a request that was answered cost, the others' cost included."""
        answered = self.requests[RequestStatus.ANSWERED]
        return self.micro_usd / answered if answered else 0.0


@as_stored("action")
def _status_of(row: Row) -> Status:
    return Status(text(row, "status"))


@as_stored("request")
def _request_status_of(row: Row) -> RequestStatus:
    return RequestStatus(text(row, "status"))


async def read_figures(container: Container, tenant: Tenant) -> Figures:
    """Count now.

    Raises:
        ConfigError: the database cannot be used.
    """

    now = to_micros(container.clock.now())

    def work(reader: Reader) -> Figures:
        counts = dict.fromkeys(Status, 0)
        for row in reader.all("figures.actions", tenant=tenant):
            counts[_status_of(row)] = integer(row, "count")
        load = read_load(reader, container, tenant)
        pending = reader.one("figures.pending", tenant=tenant)
        since = now if pending is None else integer_or_none(pending, "oldest") or now
        head = reader.one("log.head", tenant=tenant)
        requests = dict.fromkeys(RequestStatus, 0)
        tokens = micro_usd = 0
        for row in reader.all("figures.requests", tenant=tenant):
            requests[_request_status_of(row)] = integer(row, "count")
            tokens += integer(row, "tokens")
            micro_usd += integer(row, "micro_usd")
        return Figures(
            actions=counts,
            pending=0 if pending is None else integer(pending, "count"),
            oldest_s=max(0, now - since) / 1_000_000,
            entries=0 if head is None else integer(head, "size"),
            verifies=tenant not in container.log.refused,
            left=_count(reader, "figures.left", tenant),
            stops=_count(reader, "figures.stops", tenant),
            cards_each=0.0 if load is None else load.each,
            requests=requests,
            tokens=tokens,
            micro_usd=micro_usd,
        )

    return await container.store.read(work)


def _count(reader: Reader, query: str, tenant: Tenant) -> int:
    found = reader.one(query, tenant=tenant)
    return 0 if found is None else integer(found, "count")
