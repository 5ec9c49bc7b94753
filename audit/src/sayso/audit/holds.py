"""Legal holds: while one is in force, nothing of the subject is erased or swept.

One person places a hold at once; two people end it, as with a stop.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import partial

from sayso.audit.authority.directory import Directory
from sayso.audit.authority.state import changed_outside, check_credential
from sayso.audit.entry import Actor, ActorKind, Entry, EntryKind, Json
from sayso.audit.log import AuditLog
from sayso.audit.personal import Personal
from sayso.audit.release import Word, word_about
from sayso.errors import Code, RefusedError
from sayso.ids import Clock, IdSource, Tenant, to_micros
from sayso.store.base import (
    Reader,
    Transaction,
    text,
)
from sayso.store.rows import RowReader


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldRow:
    """A hold as it is stored. Times are microseconds since 1970, UTC.

    Attributes:
        pseudonym: whose text it keeps. reason: a code.
        placed_by, asked_by, released_by: ids of people; the last two are distinct.
        asked_key, released_key: by which calls they said so, as `HoldCall.key_sha256` has it.
    """

    tenant: Tenant
    id: str
    pseudonym: str
    reason: str
    placed_by: str
    placed_at: int
    asked_by: str | None
    asked_at: int | None
    asked_key: str | None
    released_by: str | None
    released_at: int | None
    released_key: str | None
    last_seq: int

    @property
    def in_force(self) -> bool:
        """Whether it keeps anything now."""
        return self.released_at is None


hold_of_row = RowReader(HoldRow, asked_key="asked_key_sha256", released_key="released_key_sha256")
"""The typed form of a stored row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldCall:
    """Who says something about a hold, and by which call.

    Attributes:
        person: the id. via: which way in, for the log.
        credential: by what they showed who they are: `tok_…`, `slack:TEAM/USER` or `host`.
        key: idempotency key; the same key with the same content is one call.
    """

    tenant: Tenant
    person: str
    via: str
    credential: str
    key: str

    @property
    def key_sha256(self) -> str:
        """What is stored of the key, which may name the customer."""
        parts = "\0".join((self.tenant, self.key))
        return hashlib.sha256(b"sayso/hold-key/v1\0" + parts.encode()).hexdigest()


def read_hold(reader: Reader, tenant: Tenant, hold_id: str) -> HoldRow:
    """Read one hold.

    Raises:
        RefusedError: `not_found`.
    """
    row = reader.one("hold.by_id", tenant=tenant, id=hold_id)
    if row is None:
        raise RefusedError(
            Code.NOT_FOUND,
            f"there is no hold `{hold_id[:40]}`",
            next_step="`sayso privacy holds` shows those in force",
        )
    return hold_of_row(row)


def check_free(reader: Reader, directory: Directory, tenant: Tenant, pseudonym: str) -> None:
    """Refuse what a hold forbids.

    Raises:
        RefusedError: `legal_hold`, naming the hold.
        IntegrityError: `tampered`, when the log has a hold in force and the rows have not.
    """
    held = directory.at(reader, tenant).hold_on(pseudonym)
    row = reader.one("hold.in_force", tenant=tenant, pseudonym=pseudonym)
    if row is None:
        if held is not None:
            raise changed_outside(f"the hold {held.id}, which is in force by the log,")
        return
    found = hold_of_row(row)
    raise RefusedError(
        Code.LEGAL_HOLD,
        f"the legal hold {found.id} ({found.reason}) keeps what there is of this customer",
        next_step=f"have two people release it: `sayso privacy release {found.id}`",
    )


class Holds:
    """Places and releases holds, as part of the caller's transaction.

    Args:
        directory: who may do what now.
        roles: a person with one of these has a say in a release.
    """

    def __init__(
        self,
        *,
        log: AuditLog,
        personal: Personal,
        clock: Clock,
        ids: IdSource,
        directory: Directory,
        roles: frozenset[str],
    ) -> None:
        self._log = log
        self._personal = personal
        self._clock = clock
        self._ids = ids
        self._directory = directory
        self._roles = roles

    def place(self, tx: Transaction, call: HoldCall, subject_id: str, reason: str) -> HoldRow:
        """Keep everything of a subject from now on, also of one who is not known yet.

        Raises:
            RefusedError: `idempotency_conflict`, when the key has placed another hold;
                `invalid_input` for a pseudonym.
        """
        known = tx.one("hold.by_key", tenant=call.tenant, key_sha256=call.key_sha256)
        if known is not None:
            return _same(tx, hold_of_row(known), subject_id, reason)
        self._check(tx, call)
        self._personal.check_id(tx, call.tenant, subject_id)
        now = to_micros(self._clock.now())
        pseudonym = self._personal.pseudonym(tx, call.tenant, subject_id, now)
        hold_id = self._ids.new("hld")
        data: dict[str, Json] = {"hold": hold_id, "reason": reason, "via": call.via}
        tx.run(
            "hold.insert",
            tenant=call.tenant,
            id=hold_id,
            pseudonym=pseudonym,
            reason=reason,
            placed_by=call.person,
            placed_at=now,
            key_sha256=call.key_sha256,
            last_seq=self._append(tx, call, EntryKind.SUBJECT_HELD, pseudonym, data),
        )
        return read_hold(tx, call.tenant, hold_id)

    def release(self, tx: Transaction, call: HoldCall, hold_id: str) -> HoldRow:
        """Ask for the end of a hold, or confirm it as another person than who asked.

        The same call made again changes nothing, and is answered with the hold as it is now.

        Raises:
            RefusedError: `not_found`, `already_decided`, `own_request` for the same person's
                second word.
        """
        row = read_hold(tx, call.tenant, hold_id)
        word = word_about(
            row,
            person=call.person,
            key=call.key_sha256,
            noun="hold",
            confirm=f"ask another person to run `sayso privacy release {row.id}`",
            has_say=partial(self._has_say, tx, call.tenant),
        )
        if word is not Word.REPEATS:
            self._check(tx, call, row)
        match word:
            case Word.REPEATS:
                return row
            case Word.ASKS:
                return self._step(tx, row, call, EntryKind.SUBJECT_RELEASE_ASKED, "hold.ask")
            case Word.CONFIRMS:
                return self._step(tx, row, call, EntryKind.SUBJECT_RELEASED, "hold.release")

    def _has_say(self, tx: Transaction, tenant: Tenant, person_id: str) -> bool:
        person = self._directory.at(tx, tenant).person(person_id)
        return person is not None and bool(person.roles & self._roles)

    def _check(self, tx: Transaction, call: HoldCall, row: HoldRow | None = None) -> None:
        """Refuse a word by a credential that has ended, or about a row that the log has not."""
        authority = self._directory.at(tx, call.tenant)
        check_credential(authority, call.credential, call.person, to_micros(self._clock.now()))
        # INVARIANT: who has asked stands in the log, or one person could end what needs two.
        known = None if row is None else authority.holds.get(row.id)
        if row is not None and (known is None or known.asked_by != row.asked_by):
            raise changed_outside(f"the hold {row.id}")

    def _step(
        self, tx: Transaction, row: HoldRow, call: HoldCall, kind: EntryKind, query: str
    ) -> HoldRow:
        data: dict[str, Json] = {"hold": row.id, "via": call.via}
        seq = self._append(tx, call, kind, row.pseudonym, data)
        done = tx.run(
            query,
            tenant=row.tenant,
            id=row.id,
            by=call.person,
            at=to_micros(self._clock.now()),
            key_sha256=call.key_sha256,
            last_seq=seq,
            was_seq=row.last_seq,
        )
        assert done == 1, "read in this very transaction"
        return read_hold(tx, row.tenant, row.id)

    def _append(
        self,
        tx: Transaction,
        call: HoldCall,
        kind: EntryKind,
        pseudonym: str,
        data: dict[str, Json],
    ) -> int:
        actor = Actor(kind=ActorKind.PERSON, id=call.person)
        said = {**data, "credential": call.credential}
        entry = Entry(kind=kind, actor=actor, subject=pseudonym, data=said)
        return self._log.append(tx, call.tenant, entry)


def _same(reader: Reader, row: HoldRow, subject_id: str, reason: str) -> HoldRow:
    subject = reader.one("personal.subject", tenant=row.tenant, id=subject_id)
    pseudonym = None if subject is None else text(subject, "pseudonym")
    if (row.pseudonym, row.reason) != (pseudonym, reason):
        raise RefusedError(
            Code.IDEMPOTENCY_CONFLICT,
            "this idempotency key was used for another hold",
            next_step="use a new key for a new hold",
        )
    return row
