"""Counters held against the log: what is deleted or lowered lets nothing pass once more."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, cast

import orjson

from sayso.actions.limits.definition import Of
from sayso.actions.limits.limit_check import LimitCheck
from sayso.actions.limits.usage import Used, sum_of
from sayso.audit.authority.keyring import Keyring
from sayso.audit.authority.log_directory import LogDirectory
from sayso.audit.limit_sums import NOTHING, LoggedSum
from sayso.audit.personal import Personal
from sayso.errors import Code, IntegrityError
from sayso.ids import Tenant
from sayso.money import Money
from sayso.store.base import Transaction, integer, text

if TYPE_CHECKING:
    from sayso.actions.limits.reservations import Circumstances

_MICROSECOND = timedelta(microseconds=1)


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


class CountersByLog:
    """Refuses a counter that holds less than the logs of a workspace say is used of it.

    Args:
        directory: follows the logs, and knows since which version of the policy a limit counts.
        personal: knows under which name a log has a customer.
        keyring: names an instrument in entries, so that they tell nobody which it is.
    """

    def __init__(self, directory: LogDirectory, personal: Personal, keyring: Keyring) -> None:
        self._directory = directory
        self._personal = personal
        self._keyring = keyring
        self._reads_all = False

    def ahead(self, tx: Transaction) -> None:
        """Say that limits may be looked at next; see `Reader.ahead`."""
        if self._reads_all and tx.recall((self, "logs")) is None:
            tx.ahead("log.tenants")

    def check(
        self,
        tx: Transaction,
        about: Circumstances,
        looks: Sequence[LimitCheck],
        stored: Sequence[Sequence[Used]],
    ) -> None:
        """Hold what the rows of counters say against the log, each account's by itself.

        Args:
            stored: for each look, what its counters hold by the rows, in the order of its places.

        Raises:
            IntegrityError: `tampered`, before anything is judged by it.
        """
        assert about.home is not None, "only of limits that are in force"
        counted = [
            one for look, rows in zip(looks, stored, strict=True) for one in _by_account(look, rows)
        ]
        asked = [self._asked(tx, about, look, whose) for look, whose, _ in counted]
        said = self._used(tx, about.row.tenant, about.home, asked)
        for (look, _, rows), log in zip(counted, said, strict=True):
            if log is not None and (rows.count < log.number or rows.minor < log.minor):
                raise _lowered(look, rows, log.number, log.minor)

    def providers(self, tx: Transaction, tenant: Tenant) -> set[str]:
        """Every provider's account for whose customers the log has counted anything."""
        return self._directory.follower.limits(tx, tenant).providers()

    def _asked(
        self, tx: Transaction, about: Circumstances, look: LimitCheck, whose: str | None
    ) -> AskedSum:
        window = look.limit.window
        return AskedSum(
            limit=look.limit.id,
            currency=look.place.currency,
            keys=partial(self._keys, tx, about, look, whose),
            oldest=look.oldest,
            kept=0 if window is None else 2 * (window.longest() // _MICROSECOND),
            across=look.limit.across,
        )

    def counter(self, about: Circumstances, look: LimitCheck) -> str:
        """What the entry of a use says of an instrument: a MAC, another one in each period."""
        assert look.limit.of is Of.INSTRUMENT, "others are named by what the log says anyway"
        return self._keyring.seal_row(_bytes(about, look, _period(look, look.bucket)))

    def _keys(
        self,
        tx: Transaction,
        about: Circumstances,
        look: LimitCheck,
        whose: str | None,
        tenant: Tenant,
    ) -> Iterator[str]:
        if whose is not None:
            for provider in self.providers(tx, tenant):
                yield f"{provider}|{whose}"
            return
        match look.limit.of:
            case Of.CUSTOMER:
                known = self._personal.known_as(tx, tenant, about.row.subject.id)
                if known is not None:
                    yield f"{provider_of(about)}|{known}"
            case Of.INSTRUMENT:
                first, last = _period(look, look.oldest), _period(look, look.bucket)
                for period in range(first, last + 1):
                    yield from self._keyring.row_seals(_bytes(about, look, period))
            case _:
                yield look.place.key

    def _used(
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


def provider_of(about: Circumstances) -> str:
    """Which account of which provider acts."""
    return f"{about.row.name.partition('.')[0]}|{about.resolved.account.partition(' (')[0]}"


def _by_account(
    look: LimitCheck, rows: Sequence[Used]
) -> Iterator[tuple[LimitCheck, str | None, Used]]:
    """What is used by each account, with the log's name of every one but the action's own."""
    yield look, None, rows[0]
    at = 1
    for other in look.beside:
        end = at + len(other.places)
        yield look, other.pseudonym, sum_of(rows[at:end])
        at = end


def _period(look: LimitCheck, bucket: int) -> int:
    """Which stretch of time a bucket is in, as long as the window: two of them touch a window."""
    window = look.limit.window
    if window is None:
        return 0
    return bucket // ((window.rolling or timedelta(days=1)) // _MICROSECOND)


def _bytes(about: Circumstances, look: LimitCheck, period: int) -> bytes:
    # NOTE: the period keeps what an instrument was used for apart, in all that is older.
    instrument = f"{provider_of(about)}|{about.resolved.payee}"
    return orjson.dumps(["limit", look.place.owner, look.limit.id, instrument, period])


def _lowered(look: LimitCheck, used: Used, number: int, minor: int) -> IntegrityError:
    if look.cap_minor is None:
        rows, log = str(used.count), str(number)
    else:
        rows = str(Money(used.minor, look.currency))
        log = str(Money(minor, look.currency))
    return IntegrityError(
        Code.TAMPERED,
        f"the counter of the limit `{look.limit.id}` is not what its entries say: its rows count"
        f" {rows}, and the log {log}",
        next_step="run `sayso doctor`, and restore `limit_counter` and `limit_use` from a backup;"
        " or give the limit another id, under which it counts anew from what was done",
    )
