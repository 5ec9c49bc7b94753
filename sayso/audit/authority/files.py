"""What the files of a workspace say of who may do what, and the entries that tell a log of it.

It counts from the entry on that tells it: see `LogDirectory`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sayso.audit.authority.credentials import HOST
from sayso.audit.authority.people import FILE, KnownPerson
from sayso.audit.authority.state import Authority
from sayso.audit.entry import Actor, ActorKind, Entry, EntryKind, Json, canonical_bytes

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


def files_of(people: Sequence[Stated], read_at: int) -> Files:
    """What the files of a workspace say, by person."""
    return Files(people={one.id: one for one in people}, read_at=read_at)


def untold(
    files: Files, state: Authority, is_newer: Callable[[KnownPerson], bool]
) -> Iterator[Entry]:
    """The entries that are missing in a log for it to say all that the files say.

    Args:
        is_newer: whether somebody who read the files later has said what is said of a person.
    """
    if state.adopted is None:
        yield _entry(EntryKind.RULES_ADOPTED, {"rules": RULES})
    for stated in files.people.values():
        known = state.people.get(stated.id)
        if known is None or not (known.statement and is_newer(known)):
            yield from _of_person(known, stated)
    for known in state.people.values():
        gone = known.statement and known.id not in files.people
        if gone and known.active and not is_newer(known):
            yield _deactivated(known.id, "")


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
