"""What this process knows of what is used of limits, as far as it has followed each log."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sayso.audit.limit_sums import (
    LimitSums,
    LoggedSum,
    Name,
    Recall,
    ToldUse,
    UnsignedSums,
    providers_in,
)
from sayso.audit.log import AuditLog
from sayso.ids import Tenant
from sayso.store.base import Reader, Transaction, integer, text

_NOTHING = LimitSums()
_NOBODY = UnsignedSums()


class KnownLimits:
    """The sums of each log, as far as a `Follower` has proven it.

    INVARIANT: changed under the follower's lock alone; who reads them holds the writing lock of the
    tenant, so that nobody else can have brought its log further meanwhile.
    """

    def __init__(self, log: AuditLog) -> None:
        self._log = log
        self._sums: dict[Tenant, LimitSums] = {}

    def of(self, tenant: Tenant) -> LimitSums:
        """What a log has told so far; not to be changed."""
        return self._sums.get(tenant, _NOTHING)

    def count(
        self,
        reader: Reader,
        tenant: Tenant,
        size: int,
        told: Sequence[ToldUse],
        begun: LimitSums | None,
    ) -> None:
        """Take in what is proven now.

        Args:
            size: how far. told: what may have changed.
            begun: what was read apart from what is known here; None where that went on from it.
        """
        sums = self._sums.get(tenant)
        if sums is None or (begun is not None and sums.size < begun.size):
            sums = self._sums[tenant] = begun or LimitSums()
        recall = recall_by(reader, tenant)
        for one in told:
            if one.seq >= sums.size:
                sums.take(one, recall)
        sums.size = max(sums.size, size)
        run = self._log.own_run(tenant)
        if run is not None and run.told:
            for one in told:
                run.told.pop(one.seq, None)

    def at(self, tx: Transaction, tenant: Tenant) -> LimitsNow:
        """The same with what this commit has told so far."""
        sums, told = self._sums.get(tenant), self._log.told(tx, tenant)
        known = tx.recall((self, tenant))
        ahead = known if isinstance(known, UnsignedSums) else _NOBODY
        if ahead.taken != len(told):
            ahead = ahead.further(sums or _NOTHING, told, recall_by(tx, tenant))
            tx.remember((self, tenant), ahead)
        return LimitsNow(sums=sums or LimitSums(), ahead=ahead)


@dataclass(frozen=True, slots=True)
class LimitsNow:
    """What is used by a log in the middle of a commit."""

    sums: LimitSums
    ahead: UnsignedSums

    def keep(self, limit: str, micros: int) -> None:
        """Note for how long a limit counts, so that what is older can be forgotten."""
        if self.sums.kept.get(limit) != micros:
            self.sums.kept[limit] = micros

    @property
    def counts(self) -> bool:
        """Whether anything was ever reserved."""
        return self.sums.counts or bool(self.ahead.deltas)

    def providers(self) -> set[str]:
        """Every provider's account for whose customers anything was counted."""
        known = self.sums.providers
        return known | set(providers_in(delta.name for delta in self.ahead.deltas))

    def used(self, name: Name, oldest: int, since: int) -> LoggedSum:
        """What is used of a counter, from a bucket and a version of the policy on."""
        used = self.sums.used(name, oldest, since)
        return used.plus(self.ahead.used(name, oldest, since)) if self.ahead.deltas else used


def recall_by(reader: Reader, tenant: Tenant) -> Recall:
    """Reads what a log says of an action before one of its entries."""

    def read(action: str, until: int) -> Iterator[tuple[int, bytes]]:
        for row in reader.all("log.of_action", tenant=tenant, action=action):
            if integer(row, "seq") < until:
                yield integer(row, "seq"), text(row, "body").encode()

    return read
