"""What the files of a workspace say of who may do what, and the entries that tell a log of it.

It counts from the entry on that tells it: see `LogDirectory`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from sayso.audit.authority.credentials import HOST, alive_of
from sayso.audit.authority.passkeys import CUSTOMER_DAY, PasskeyRule, Tier, is_looser, tier_to_json
from sayso.audit.authority.people import FILE, KnownPerson
from sayso.audit.authority.state import Authority
from sayso.audit.entry import Actor, ActorKind, Entry, EntryKind, Json, canonical_bytes

RULES = 1
"""The version of the rules that logs adopt; see sayso.audit.rules.registry."""
WORKSPACE = Actor(kind=ActorKind.SYSTEM, id="workspace")
"""Who acts where the workspace's files say something new."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stated:
    """What sayso.toml says of a person.

    Attributes:
        id, roles, slack, active, oidc, accounts: as `KnownPerson` has them.
    """

    id: str
    roles: tuple[str, ...]
    slack: str | None
    active: bool
    oidc: str | None = None
    accounts: frozenset[str] = frozenset()

    @property
    def sha256(self) -> str:
        """By which it is told whether the file says something else now."""
        said: Json = {
            "id": self.id,
            "roles": list[Json](sorted(self.roles)),
            "slack": self.slack,
            "active": self.active,
            **({} if self.oidc is None else {"oidc": self.oidc}),
            **({"accounts": list[Json](sorted(self.accounts))} if self.accounts else {}),
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


def files_of(people: Sequence[Stated], read_at: int, passkey_from: Tier | None = None) -> Files:
    """What the files of a workspace say, by person."""
    by_id = {one.id: one for one in people}
    return Files(people=by_id, read_at=read_at, passkey_from=passkey_from or {})


def untold(
    files: Files, state: Authority, is_newer: Callable[[KnownPerson | PasskeyRule], bool]
) -> Iterator[Entry]:
    """The entries that are missing in a log for it to say all that the files say.

    Args:
        is_newer: whether somebody who read the files later has said what is said there.
    """
    if state.adopted is None:
        yield _entry(EntryKind.RULES_ADOPTED, {"rules": RULES})
    for stated in files.people.values():
        known = state.people.get(stated.id)
        if known is None or not (known.statement and is_newer(known)):
            said = list(_of_person(known, stated))
            if said and known is not None and stated.active and not known.active:
                # INVARIANT: who comes back shows something new; see `People.add`.
                yield from _ended(state, stated.id, files.read_at)
            yield from said
    for known in state.people.values():
        gone = known.statement and known.id not in files.people
        if gone and known.active and not is_newer(known):
            yield _deactivated(known.id, "")
    rule = state.passkey_rule
    amounts = passkey_from(files, rule)
    is_told = amounts == rule.amounts and bool(rule.sums or not amounts)
    if not is_told and not (rule.at and is_newer(rule)):
        data: dict[str, Json] = {"amounts": tier_to_json(amounts), "sums": CUSTOMER_DAY}
        yield _entry(EntryKind.PASSKEY_REQUIRED, data)


def passkey_from(files: Files, rule: PasskeyRule) -> Tier:
    """The amounts that count: once a passkey is known, the files alone only lower them."""
    wanted = files.passkey_from
    if rule.root is None or not is_looser(rule, wanted_rule(files)):
        return wanted
    # A currency that is named no more needs one from its first unit on, which is no loosening.
    least = {name: min(minor, rule.start(name)) for name, minor in wanted.items()}
    return {name: minor for name, minor in least.items() if minor} or rule.amounts


def wanted_rule(files: Files) -> PasskeyRule:
    """What the files say, as a rule."""
    return PasskeyRule(amounts=files.passkey_from, sums=CUSTOMER_DAY)


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
    if stated.oidc is not None:
        data["oidc"] = stated.oidc
    if stated.accounts:
        data["accounts"] = list[Json](sorted(stated.accounts))
    yield _entry(EntryKind.PERSON_ADDED if known is None else EntryKind.PERSON_CHANGED, data)


def _entry(kind: EntryKind, data: dict[str, Json]) -> Entry:
    return Entry(kind=kind, actor=WORKSPACE, data={**data, "credential": HOST})


def _ended(state: Authority, person: str, at: int) -> Iterator[Entry]:
    for token in alive_of(state.credentials.values(), person, at):
        yield _entry(EntryKind.TOKEN_REVOKED, {"token": token.id})


def _deactivated(person: str, statement: str) -> Entry:
    data: dict[str, Json] = {"person": person, "source": FILE, "statement": statement}
    return _entry(EntryKind.PERSON_DEACTIVATED, data)
