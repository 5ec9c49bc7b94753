"""Who may do what, as every process of a workspace goes by it: what the log says, once it is told.

What the workspace's files say of people counts from the entry on that tells it. So
whoever writes first after a change tells it, in the very transaction in which it counts for the
first time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

from sayso.audit.authority.credentials import HOST
from sayso.audit.authority.follower import Follower
from sayso.audit.authority.passkeys import Tier, is_looser, tier_to_json
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
        passkey_from: from which amount on a yes needs a passkey, in minor units by currency.
    """

    people: Mapping[str, Stated]
    read_at: int
    passkey_from: Tier = field(default_factory=dict[str, int])


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
        self._told: dict[Tenant, Authority] = {}

    def read_again(self, files: Files) -> None:
        """Go by what the files say now."""
        self._files = files
        self._told = {}

    def at(self, reader: Reader, tenant: Tenant) -> Authority:
        """What is in force; in a transaction, what the files say is told first.

        Raises:
            IntegrityError: see `Follower.at`.
        """
        state = self.follower.at(reader, tenant)
        if not reader.writes or self._told.get(tenant) is state:
            return state
        untold = list(self._untold(state))
        for entry in untold:
            self._log.append(cast("Transaction", reader), tenant, entry)
        if untold:
            return self.follower.at(reader, tenant)
        self._told[tenant] = state
        return state

    async def see(self, store: Store, tenant: Tenant) -> None:
        """See `Follower.see`."""
        await self.follower.see(store, tenant)

    def is_told(self, state: Authority) -> bool:
        """Whether the log says all that the files say."""
        return next(self._untold(state), None) is None

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

    def _untold(self, state: Authority) -> Iterator[Entry]:
        if state.adopted is None:
            yield _entry(EntryKind.RULES_ADOPTED, {"rules": RULES})
        for stated in self._files.people.values():
            yield from self._of_person(state.people.get(stated.id), stated)
        for known in state.people.values():
            gone = known.statement and known.id not in self._files.people
            if gone and known.active and known.stated_at <= self._files.read_at:
                yield _deactivated(known.id, "")
        amounts = self._passkey_from(state)
        if amounts != state.passkey_rule.amounts:
            yield _entry(EntryKind.PASSKEY_REQUIRED, {"amounts": tier_to_json(amounts)})

    def _passkey_from(self, state: Authority) -> Tier:
        """The amounts that count: once a passkey is known, the file alone only lowers them."""
        rule, wanted = state.passkey_rule, self._files.passkey_from
        if rule.at > self._files.read_at:
            return rule.amounts
        if rule.root is None or not is_looser(rule.amounts, wanted):
            return wanted
        least = {name: min(minor, rule.amounts.get(name, minor)) for name, minor in wanted.items()}
        return {**rule.amounts, **least}

    def looser_passkeys(self, state: Authority) -> Tier | None:
        """What the file says of passkeys where it takes somebody with a passkey to sign it."""
        wanted = self._files.passkey_from
        return wanted if is_looser(self._passkey_from(state), wanted) else None

    def _of_person(self, known: KnownPerson | None, stated: Stated) -> Iterator[Entry]:
        # NOTE: by what the file said before, and not by what is so: a person who was deactivated by
        # a command stays so, whatever the file goes on saying.
        if known is not None and known.statement == stated.sha256:
            return
        if known is not None and known.statement and known.stated_at > self._files.read_at:
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


def files_of(people: Sequence[Stated], read_at: int, passkey_from: Tier | None = None) -> Files:
    """What the files of a workspace say, by person."""
    by_id = {one.id: one for one in people}
    return Files(people=by_id, read_at=read_at, passkey_from=passkey_from or {})
