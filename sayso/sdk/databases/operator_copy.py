"""Brings each database what the operator's log says: the policy, and stops of every tenant.

Each action is judged and claimed in the one transaction of its tenant's database, which therefore
has to hold what it is judged by. The copy is the log itself, byte for byte, with its signed heads:
whoever can write the database can leave it behind, and can make none of its own.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Self

from sayso.audit.log import AuditLog
from sayso.audit.tree.merkle import Frontier, leaf_hash
from sayso.errors import Code, ConfigError, IntegrityError, SaysoError, logged
from sayso.ids import Tenant
from sayso.sdk.databases.names import database_names
from sayso.sdk.wiring.database import open_store
from sayso.sdk.workspace import Workspace
from sayso.store.base import Reader, Row, Store, Transaction, blob, integer, text
from sayso.verdicts import Cause

logger = logging.getLogger("sayso.databases")
_AT_ONCE = 2000
"""So many entries go in one unit: a fraction of a second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Copy:
    """What a database has.

    Attributes:
        entries: how many. tree: of those that its head signs. version: of the policy, the newest.
    """

    entries: int
    tree: Frontier
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ahead:
    """What a copy lacks.

    Attributes:
        start: how many entries it has.
        head: the newest head; None while more entries are to come than fit into one unit.
    """

    start: int
    entries: Sequence[Row]
    head: Row | None
    keys: Sequence[Row]
    versions: Sequence[Row]
    stops: Sequence[Row]


class OperatorCopies:
    """The copies of the operator's log in the other databases.

    Args:
        workspace: in its `home`. store: its open database. log: signs nothing where that is older
            than a copy of its log: tenants that have left it since would act in both.
    """

    def __init__(self, workspace: Workspace, store: Store, log: AuditLog, operator: Tenant) -> None:
        self._workspace = workspace
        self._store = store
        self._log = log
        self._operator = operator
        self._known: dict[str, int] = {}
        """The size of the log that each database has, as this process has seen last."""

    @classmethod
    def of(cls, workspace: Workspace, store: Store, log: AuditLog, operator: Tenant) -> Self | None:
        """Those of a workspace; None where there is no other database."""
        several = bool(workspace.settings.store.databases)
        return cls(workspace, store, log, operator) if several else None

    async def spread(self) -> dict[str, SaysoError]:
        """Bring every database what it lacks; returns why, for each that could not be reached."""
        missed: dict[str, SaysoError] = {}
        for name in database_names(self._workspace)[1:]:
            try:
                await self.bring_to(name)
            except SaysoError as error:
                logger.warning("`%s` lacks what the operator's log says: %s", name, logged(error))
                missed[name] = error
        return missed

    async def bring_to(self, name: str) -> None:
        """Bring one database what it lacks.

        Raises:
            SaysoError: as `bring`.
        """
        size = await self._store.read(partial(_size, tenant=self._operator), brief=True)
        if self._known.get(name) == size:
            return
        other = open_store(self._workspace.in_database(name))
        try:
            await bring(self._store, other, self._operator)
        except IntegrityError as error:
            self._log.halt(Cause.TAMPERED, error, f"copy in {name}")
            raise
        finally:
            await other.close()
        self._log.go_on(Cause.TAMPERED, f"copy in {name}")
        self._known[name] = size

    async def keep(self, every_s: float = 1.0) -> None:
        """Bring them what is new, again and again, until cancelled."""
        while True:
            try:
                await self.spread()
            except SaysoError as error:  # the home is away, and the next look may find it
                logger.warning("the operator's log cannot be read: %s", logged(error))
            await asyncio.sleep(every_s)


async def bring(home: Store, other: Store, operator: Tenant) -> None:
    """Bring one database what it lacks of the operator's log.

    Raises:
        ConfigError: `store_version`, where the database has no copy yet.
        IntegrityError: `tampered`, where its copy is ahead, or of another log: the home was put
            back.
        SaysoError: as `Store`.
    """
    while True:
        copy = await other.read(partial(_copy_of, tenant=operator))
        ahead = await home.read(partial(_ahead, tenant=operator, copy=copy))
        if ahead is None:
            return
        taken = await other.write(partial(_take, tenant=operator, ahead=ahead))
        if taken and ahead.head is not None:
            return


def _size(reader: Reader, tenant: Tenant) -> int:
    head = reader.one("log.head", tenant=tenant)
    return 0 if head is None else integer(head, "size")


def _copy_of(reader: Reader, tenant: Tenant) -> _Copy:
    """What a database has of the operator's log.

    Raises:
        ConfigError: `store_version`.
    """
    head = reader.one("log.head", tenant=tenant)
    if head is None or not integer(head, "size"):
        raise ConfigError(
            Code.STORE_VERSION,
            "the database has no copy of the operator's log yet",
            next_step="run `sayso migrate`, which makes it",
        )
    row = reader.one("tenant.entries", tenant=tenant)
    assert row is not None, "of an aggregate"
    return _Copy(
        entries=integer(row, "size"),
        tree=Frontier.from_bytes(integer(head, "size"), blob(head, "frontier")),
        version=_newest_version(reader),
    )


def _newest_version(reader: Reader) -> int:
    row = reader.one("tenant.newest_version", tenant="*")
    return 0 if row is None else integer(row, "number")


def _ahead(reader: Reader, tenant: Tenant, copy: _Copy) -> _Ahead | None:
    entries, signed = copy.entries, copy.tree.size
    head = reader.one("log.head", tenant=tenant)
    size = 0 if head is None else integer(head, "size")
    if size < signed:
        # INVARIANT: the copy was read first, so of two that only grow it cannot be the longer one.
        raise _put_back(f"it has {size} of {signed} entries")
    assert head is not None, "a copy has entries"
    if _grown(reader, tenant, copy.tree, size) != blob(head, "frontier"):
        raise _put_back(f"it has gone on with other entries than the {signed} that were copied")
    if size == signed:
        return None
    rows = reader.all("log.bodies", tenant=tenant, from_seq=entries, limit=_AT_ONCE)
    whole = entries + len(rows) >= size
    return _Ahead(
        start=entries,
        entries=rows,
        head=head if whole else None,
        keys=reader.all("log.keys", tenant=tenant),
        versions=reader.all("tenant.versions_after", home=tenant, after=copy.version),
        stops=reader.all("tenant.stops_of_all", home=tenant),
    )


def _grown(reader: Reader, tenant: Tenant, copied: Frontier, size: int) -> bytes:
    """The tree that a copy becomes with all that the home has behind it.

    Raises:
        ConfigError: `store_version`, where some of that was pruned.
    """
    tree = copied.copy()
    while tree.size < size:
        rows = reader.all("log.bodies", tenant=tenant, from_seq=tree.size, limit=_AT_ONCE)
        if not rows or integer(rows[0], "seq") != tree.size:
            raise ConfigError(
                Code.STORE_VERSION,
                "the operator's log was pruned behind the copy that the database has",
                next_step="run `sayso migrate`, which makes the copy anew",
            )
        tree.extend(leaf_hash(text(row, "body").encode()) for row in rows)
    return tree.to_bytes()


def _put_back(how: str) -> IntegrityError:
    return IntegrityError(
        Code.TAMPERED,
        f"`home` is older than a copy of its log: {how}, so tenants that have left it since would"
        " act twice",
        next_step="put back the newest backup of `home`, or all databases as of one moment",
    )


def _take(tx: Transaction, tenant: Tenant, ahead: _Ahead) -> bool:
    """Put it behind the copy; False where another process was quicker."""
    row = tx.one("tenant.entries", tenant=tenant)
    if row is None or integer(row, "size") != ahead.start:
        return False
    for row in ahead.entries:
        tx.run("log.append", tenant=tenant, seq=row["seq"], body=row["body"])
    if ahead.head is None:
        return True
    has = {text(row, "vkey") for row in tx.all("log.keys", tenant=tenant)}
    for row in ahead.keys:
        if text(row, "vkey") not in has:
            tx.run("log.key_insert", tenant=tenant, vkey=row["vkey"], from_size=row["from_size"])
    head = ahead.head
    tx.run(
        "log.head_sign",
        tenant=tenant,
        note=head["note"],
        size=head["size"],
        frontier=head["frontier"],
    )
    for row in ahead.versions:
        tx.run("policy.insert", **dict(row))
    for row in ahead.stops:
        tx.run("tenant.stop_taken", **dict(row))
    return True
