"""What is used of a limit by the logs of a workspace, of one tenant or of all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple, cast

from sayso.audit.authority.log_directory import LogDirectory
from sayso.audit.limit_sums import NOTHING, LoggedSum
from sayso.ids import Tenant
from sayso.store.base import Transaction, integer, text


class AskedSum(NamedTuple):
    """Which counter, and from when on.

    Attributes:
        keys: by whom it is counted, as the log of a tenant may name them; none where it never has.
        oldest: the first bucket that counts.
        kept: for how long anything counts, in microseconds.
        across: whether all tenants count together.
    """

    limit: str
    currency: str
    keys: Callable[[Tenant], Iterable[str]]
    oldest: int
    kept: int
    across: bool


class LimitsByLog:
    """Adds up what the entries of logs say is used.

    Args:
        directory: follows the logs, and knows since which version of the policy a limit counts.
    """

    def __init__(self, directory: LogDirectory) -> None:
        self._directory = directory
        self._reads_all = False

    def ahead(self, tx: Transaction) -> None:
        """Say that limits may be looked at next; see `Reader.ahead`."""
        if self._reads_all and tx.recall((self, "logs")) is None:
            tx.ahead("log.tenants")

    def used(
        self, tx: Transaction, tenant: Tenant, home: Tenant, asked: Sequence[AskedSum]
    ) -> list[LoggedSum | None]:
        """What is used of each at this moment; None where nobody knows since when it counts.

        Args:
            tenant: whose action it is.
            home: the tenant whose log tells of the policy; empty for no policy of any log.

        Raises:
            IntegrityError: see `Follower.at`.
        """
        policy = self._directory.policy(tx, home) if home else None
        known = {} if policy is None else policy.limits or {}
        limits = self._directory.follower.limits
        own = limits(tx, tenant)
        found: list[LoggedSum | None] = []
        for one in asked:
            since = 0 if policy is None else known.get(one.limit)
            if since is None:
                found.append(None)
                continue
            used = NOTHING
            for log in self._logs(tx, tenant) if one.across else (tenant,):
                sums = own if log == tenant else limits(tx, log)
                sums.keep(one.limit, one.kept)
                for key in one.keys(log) if sums.counts else ():
                    used = used.plus(sums.used((one.limit, one.currency, key), one.oldest, since))
            found.append(used)
        return found

    def _logs(self, tx: Transaction, tenant: Tenant) -> Iterable[Tenant]:
        """Every log that this unit can see, read once in a commit."""
        self._reads_all = True
        known = tx.recall((self, "logs"))
        if not isinstance(known, tuple):
            known = tuple(self._listed(tx))
            tx.remember((self, "logs"), known)
        return dict.fromkeys((*cast("tuple[Tenant, ...]", known), tenant))

    @staticmethod
    def _listed(tx: Transaction) -> Iterator[Tenant]:
        for row in tx.all("log.tenants"):
            if integer(row, "size"):
                yield Tenant(text(row, "tenant"))
