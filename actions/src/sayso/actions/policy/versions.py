"""The versions of the policy, as they are stored: never changed, the highest number in force.

INVARIANT: a version is in force from the commit on that stores it, in every process: each judging
and each claiming transaction reads the number. What is read is believed only where the log has the
entry that activated it, so a row that somebody put into the database decides nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, cast

from sayso.actions.policy.document import PolicyDocument, sha256_of
from sayso.audit.authority.state import read_body
from sayso.audit.entry import Actor, Entry, EntryKind, Json
from sayso.audit.log import AuditLog
from sayso.errors import Code, IntegrityError, RefusedError
from sayso.ids import Tenant
from sayso.store.base import Reader, Transaction, integer, text
from sayso.store.rows import RowReader

Direction = Literal["first", "same", "looser", "tighter"]
"""What a change does to who may do what without whom; what cannot be decided is `looser`."""

EVERY_TENANT = Tenant("*")
"""Whose rows the versions are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A version as it is listed. Times are microseconds since 1970, UTC.

    Attributes:
        number: from 1, without gaps; the highest is in force.
        home: the tenant whose log tells of it.
        sha256: of its content. parent: the version that it took the place of; None for the first.
        activated_by: kind and id, such as `person:dana`; the second of two people where two did.
        asked_by: the first of two, likewise.
        via: the surface. note: why, in the words of who put it in force.
        last_seq: its entry in the log of `home`.
    """

    number: int
    home: Tenant
    sha256: str
    parent: int | None
    direction: Direction
    activated_by: str
    asked_by: str | None
    via: str
    note: str
    activated_at: int
    last_seq: int


read_version = RowReader(Version)
"""The typed form of a stored row."""


def get_version(reader: Reader, number: int) -> tuple[Version, PolicyDocument]:
    """One version with its content, whole.

    Raises:
        RefusedError: `not_found`.
        IntegrityError: `tampered`, when it is not what the log says was activated.
    """
    row = reader.one("policy.by_number", number=number)
    if row is None:
        raise RefusedError(
            Code.NOT_FOUND,
            f"there is no version {number} of the policy",
            next_step="`sayso policy history` lists them",
        )
    version = read_version(row)
    content = text(row, "content")
    if sha256_of(content) != version.sha256:
        raise tampered(f"version {number} of the policy is not what its digest is over")
    _check_entry(reader, version)
    return version, PolicyDocument.read(content)


def insert_version(
    tx: Transaction,
    log: AuditLog,
    *,
    home: Tenant,
    document: PolicyDocument,
    parent: int | None,
    direction: Direction,
    by: Actor,
    asked_by: Actor | None,
    via: str,
    note: str,
    now: int,
    data: dict[str, Json],
) -> Version:
    """Put a document in force, with its entry; part of the caller's transaction.

    Args:
        data: what else the entry says.
    """
    number = 1 if parent is None else parent + 1
    said: dict[str, Json] = {
        "version": number,
        "sha256": document.sha256,
        "parent": parent,
        "direction": direction,
        "asked_by": None if asked_by is None else asked_by.id,
        "via": via,
        **data,
    }
    entry = Entry(kind=EntryKind.POLICY_ACTIVATED, actor=by, data=said)
    seq = log.append(tx, home, entry)
    version = Version(
        number=number,
        home=home,
        sha256=document.sha256,
        parent=parent,
        direction=direction,
        activated_by=f"{by.kind}:{by.id}",
        asked_by=None if asked_by is None else f"{asked_by.kind}:{asked_by.id}",
        via=via,
        note=note,
        activated_at=now,
        last_seq=seq,
    )
    tx.run(
        "policy.insert",
        number=number,
        home=home,
        sha256=version.sha256,
        parent=parent,
        direction=direction,
        activated_by=version.activated_by,
        asked_by=version.asked_by,
        via=via,
        note=note,
        activated_at=now,
        last_seq=seq,
        content=document.content,
    )
    return version


def _check_entry(reader: Reader, version: Version) -> None:
    found = reader.one(
        "log.bodies", tenant=version.home, from_seq=version.last_seq, limit=1
    )  # the first from there on: another one where this one was pruned
    body = {} if found is None else cast("dict[str, object]", read_body(text(found, "body")))
    if body.get("seq") != version.last_seq:
        pruned = reader.one("segment.pruned_to", tenant=version.home)
        if pruned is not None and integer(pruned, "size") > version.last_seq:
            return
        raise tampered(f"version {version.number} of the policy has no entry in the log")
    match body:
        case {
            "kind": EntryKind.POLICY_ACTIVATED.value,
            "data": {"version": version.number, "sha256": version.sha256},
        }:
            return
        case _:
            raise tampered(f"version {version.number} of the policy was not activated by the log")


def tampered(message: str) -> IntegrityError:
    """What to say of a version that is not as the log tells of it."""
    return IntegrityError(
        Code.TAMPERED, message, next_step="run `sayso audit verify`; nothing is judged meanwhile"
    )
