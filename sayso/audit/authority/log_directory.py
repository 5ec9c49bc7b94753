"""Who may do what, as every process of a workspace goes by it: what the log says, once it is told.

What the workspace's files say of people counts from the entry on that tells it. So
whoever writes first after a change tells it, in the very transaction in which it counts for the
first time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from sayso.audit.authority.credentials import HOST
from sayso.audit.authority.follower import Follower
from sayso.audit.authority.people import FILE, KnownPerson
from sayso.audit.authority.state import Authority, OpenStop, PolicyInForce
from sayso.audit.entry import Actor, ActorKind, Entry, EntryKind, Json, canonical_bytes
from sayso.audit.log import AuditLog
from sayso.ids import Tenant
from sayso.store.base import Reader, Store, Transaction

RULES = 1
"""The version of the rules that logs adopt; see sayso/audit/rules/book.py."""
WORKSPACE = Actor(kind=ActorKind.SYSTEM, id="workspace")
"""Who acts where the workspace's files say something new."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stated:
    """What sayso.toml says of a person.

    Attributes:
        id, roles, slack, active: as `KnownPerson` has them.
    """

    id: str
    roles: tuple[str, ...]
    slack: str | None
    active: bool

    @property
    def sha256(self) -> str:
        """By which it is told whether the file says something else now."""
        said: Json = {
            "id": self.id,
            "roles": list[Json](sorted(self.roles)),
            "slack": self.slack,
            "active": self.active,
        }
        return hashlib.sha256(canonical_bytes(said)).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """What a workspace's files say of who may do what, and when they were read.

    Attributes:
        people: by id.
        read_at: microseconds since 1970; whoever has read them later is not contradicted.
    """

    people: Mapping[str, Stated]
    read_at: int


class LogDirectory:
    """A `Directory` over the logs of a database.

    Args:
        operator: the tenant whose log has the stops of every tenant.
    """

    def __init__(self, follower: Follower, log: AuditLog, operator: Tenant, files: Files) -> None:
        self.follower = follower
        self._log = log
        self._operator = operator
        self._files = files
        self._followed: dict[Tenant, tuple[int, int]] = {}
        self._told: dict[Tenant, Authority] = {}

    async def begin(self, store: Store, tenant: Tenant, now: Callable[[], int]) -> None:
        """Follow a log, once the files are read, and have it say what they say.

        Args:
            now: microseconds since 1970.

        Raises:
            IntegrityError: see `Follower.at`.
        """
        state = await self.follower.catch_up(store, tenant)
        self._followed[tenant] = (self.follower.size(tenant), now())
        if next(self._untold(tenant, state), None) is not None:
            await store.write(lambda tx: self.at(tx, tenant))

    def at(self, reader: Reader, tenant: Tenant) -> Authority:
        """What is in force; in a transaction, what the files say is told first.

        Raises:
            IntegrityError: see `Follower.at`.
        """
        state = self.follower.at(reader, tenant)
        if not reader.writes or self._told.get(tenant) is state:
            return state
        untold = list(self._untold(tenant, state))
        for entry in untold:
            self._log.append(cast("Transaction", reader), tenant, entry)
        if untold:
            return self.follower.at(reader, tenant)
        self._told[tenant] = state
        return state

    async def see(self, store: Store, tenant: Tenant) -> None:
        """See `Follower.see`."""
        await self.follower.see(store, tenant)

    def statement_of(self, person: str) -> str:
        """By which it is told whether the file says something else of somebody from now on."""
        stated = self._files.people.get(person)
        return "" if stated is None else stated.sha256

    def policy(self, reader: Reader, home: Tenant) -> PolicyInForce | None:
        """See `Directory`; of what `home` and the operator's own log tell, the newer one."""
        own = self.follower.at(reader, self._operator).policy
        if home == self._operator:
            return own
        # A workspace that was called otherwise before, or that shares a database.
        other = self.follower.at(reader, home).policy
        return max((own, other), key=lambda one: 0 if one is None else one.number)

    def stop_on(
        self, reader: Reader, tenant: Tenant, name: str, subject: str | None
    ) -> OpenStop | None:
        """See `Directory`."""
        own = self.at(reader, tenant).stop_on(name, subject)
        if own is not None or tenant == self._operator:
            return own
        others = self.follower.at(reader, self._operator).stops.values()
        return next((stop for stop in others if stop.scope == "all"), None)

    def _untold(self, tenant: Tenant, state: Authority) -> Iterator[Entry]:
        if state.adopted is None:
            yield _entry(EntryKind.RULES_ADOPTED, {"rules": RULES})
        for stated in self._files.people.values():
            known = state.people.get(stated.id)
            if known is None or not (known.statement and self._is_newer(tenant, known)):
                yield from _of_person(known, stated)
        for known in state.people.values():
            gone = known.statement and known.id not in self._files.people
            if gone and known.active and not self._is_newer(tenant, known):
                yield _deactivated(known.id, "")

    def _is_newer(self, tenant: Tenant, known: KnownPerson) -> bool:
        """Whether somebody who read the files later has said what is said of a person."""
        read_at = self._files.read_at
        if tenant not in self._followed:
            return known.stated_at > read_at
        # NOTE: the log's order tells it, whatever the clocks say; only what was said while this
        # process began is told by its time. A clock that was put back must not keep a person who
        # has left in power.
        size, at = self._followed[tenant]
        return known.seq >= size or read_at < known.stated_at <= at


def _of_person(known: KnownPerson | None, stated: Stated) -> Iterator[Entry]:
    # NOTE: by what the file said before, and not by what is so: a person who was deactivated by
    # a command stays so, whatever the file goes on saying.
    if known is not None and known.statement == stated.sha256:
        return
    if not stated.active:
        if known is not None and known.active:
            yield _deactivated(known.id, stated.sha256)
        return
    data: dict[str, Json] = {
        "person": stated.id,
        "roles": list[Json](sorted(stated.roles)),
        "source": FILE,
        "statement": stated.sha256,
    }
    if stated.slack is not None:
        data["slack"] = stated.slack
    yield _entry(EntryKind.PERSON_ADDED if known is None else EntryKind.PERSON_CHANGED, data)


def _entry(kind: EntryKind, data: dict[str, Json]) -> Entry:
    return Entry(kind=kind, actor=WORKSPACE, data={**data, "credential": HOST})


def _deactivated(person: str, statement: str) -> Entry:
    data: dict[str, Json] = {"person": person, "source": FILE, "statement": statement}
    return _entry(EntryKind.PERSON_DEACTIVATED, data)


def files_of(people: Sequence[Stated], read_at: int) -> Files:
    """What the files of a workspace say, by person."""
    return Files(people={one.id: one for one in people}, read_at=read_at)
