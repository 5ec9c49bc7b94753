"""Erasing a subject's personal text: their key is destroyed, then what was sealed with it.

An erasure is a row and two entries. `subject.erasing` is committed together with the destruction
of the key, so from then on nobody reads what was sealed; `subject.erased` when nothing is left in
clear either. Between the two the row keeps the customer's id, by which whoever resumes finds the
rest; with the second entry it goes as well.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from sayso.audit.authority.directory import Directory
from sayso.audit.authority.state import check_credential, read_body
from sayso.audit.entry import Actor, ActorKind, Entry, EntryKind, Json
from sayso.audit.event import texts_of
from sayso.audit.holds import check_free
from sayso.audit.log import AuditLog
from sayso.audit.personal import Personal
from sayso.errors import Code, RefusedError
from sayso.ids import Clock, IdSource, Tenant, to_micros
from sayso.store.base import (
    Reader,
    Transaction,
    integer,
    text,
)
from sayso.store.rows import RowReader

RETENTION = Actor(kind=ActorKind.SYSTEM, id="retention")
"""Who acts when settings, or a restored backup, make it necessary."""
_REASON = re.compile(r"[a-z][a-z0-9_]{0,39}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureRow:
    """An erasure as it is stored. Times are microseconds since 1970, UTC.

    Attributes:
        subject_id: the customer's id while it is under way; None once it is done.
        asked_by: kind and id, such as `person:maria`.
        begun_seq, done_seq: of its two entries.
    """

    tenant: Tenant
    id: str
    pseudonym: str
    subject_id: str | None
    reason: str
    asked_by: str
    begun_seq: int
    begun_at: int
    done_seq: int | None
    done_at: int | None


erasure_of_row = RowReader(ErasureRow)
"""The typed form of a stored row."""


def read_erasure(reader: Reader, tenant: Tenant, erasure_id: str) -> ErasureRow:
    """Read one erasure.

    Raises:
        RefusedError: `not_found`.
    """
    row = reader.one("erasure.by_id", tenant=tenant, id=erasure_id)
    if row is None:
        raise RefusedError(Code.NOT_FOUND, f"there is no erasure `{erasure_id[:40]}`")
    return erasure_of_row(row)


def check_reason(reason: str) -> str:
    """A reason that may stand in the log for good: a code, never a sentence.

    Raises:
        RefusedError: `reason_required`.
    """
    if not _REASON.fullmatch(reason):
        raise RefusedError(
            Code.REASON_REQUIRED,
            "a reason code is needed, which stands in the log for good",
            next_step="give small letters and `_`, such as subject_request",
        )
    return reason


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureOrder:
    """Who is to be erased.

    Attributes:
        subject_id: the customer's id. reason: a code. by: who asked.
        credential: by what they showed who they are: `tok_…`, `slack:TEAM/USER` or `host`.
        key: idempotency key; the same key is the same erasure.
    """

    tenant: Tenant
    subject_id: str
    reason: str
    by: Actor
    via: str
    credential: str
    key: str

    def of_account(self, subject_id: str, pseudonym: str) -> ErasureOrder:
        """The same order about another account of the customer, under a key that follows."""
        return replace(self, subject_id=subject_id, key=f"{self.key}\0{pseudonym}")

    @property
    def key_sha256(self) -> str:
        """What is stored of the key, which may name the customer."""
        parts = "\0".join((self.tenant, self.key))
        return hashlib.sha256(b"sayso/erasure-key/v1\0" + parts.encode()).hexdigest()


class Erasures:
    """The steps of an erasure on this floor, each a part of the caller's transaction."""

    def __init__(
        self,
        *,
        log: AuditLog,
        directory: Directory,
        personal: Personal,
        clock: Clock,
        ids: IdSource,
    ) -> None:
        self._log = log
        self._directory = directory
        self._personal = personal
        self._clock = clock
        self._ids = ids

    @staticmethod
    def known(reader: Reader, order: ErasureOrder) -> ErasureRow | None:
        """The erasure that this order has begun, or another one of the same subject under way.

        Raises:
            RefusedError: `idempotency_conflict`, when the key was used for another erasure, or
                something is held under the customer's id although it was done.
        """
        row = reader.one("erasure.by_key", tenant=order.tenant, key_sha256=order.key_sha256)
        if row is not None:
            return _same(reader, erasure_of_row(row), order)
        row = reader.one("erasure.of_subject", tenant=order.tenant, subject_id=order.subject_id)
        return None if row is None else erasure_of_row(row)

    @staticmethod
    def holds_something(reader: Reader, tenant: Tenant, subject_id: str) -> bool:
        """Whether the database knows anything under this customer's id.

        A pseudonym in a row that was blanked is nobody's id: whoever took it for one would destroy
        no key, and could never erase whose it is.
        """
        named = {"tenant": tenant, "subject_id": subject_id}
        if reader.one("personal.subject", tenant=tenant, id=subject_id) is not None:
            return True
        if reader.one("erasure.blanked", **named) is not None:
            return False
        return reader.one("erasure.anything_of", **named) is not None

    def check_free(self, tx: Transaction, order: ErasureOrder) -> str:
        """The subject's pseudonym, when no hold is in force, and who orders it still may.

        Raises:
            RefusedError: `legal_hold`, `unauthenticated`.
        """
        now = to_micros(self._clock.now())
        authority = self._directory.at(tx, order.tenant)
        if order.by.kind is ActorKind.PERSON:
            check_credential(authority, order.credential, order.by.id, now)
        pseudonym = self._personal.pseudonym(tx, order.tenant, order.subject_id, now)
        check_free(tx, self._directory, order.tenant, pseudonym)
        return pseudonym

    def begin(
        self, tx: Transaction, order: ErasureOrder, ended: list[str], beside: Sequence[str] = ()
    ) -> ErasureRow:
        """Write the first entry and destroy the key.

        Args:
            ended: ids of the open actions and requests that were ended for it.
            beside: ids of the erasures of the customer's other accounts, begun with it.
        """
        pseudonym = self.check_free(tx, order)
        erasure_id = self._ids.new("ers")
        data: dict[str, Json] = {
            "erasure": erasure_id,
            "reason": order.reason,
            "via": order.via,
            "credential": order.credential,
        }
        if ended:
            data["ended"] = list[Json](ended[:100])
            data["ended_count"] = len(ended)
        if beside:
            data["with"] = list[Json](beside)
        entry = Entry(kind=EntryKind.SUBJECT_ERASING, actor=order.by, subject=pseudonym, data=data)
        seq = self._log.append(tx, order.tenant, entry)
        tx.run(
            "erasure.begin",
            tenant=order.tenant,
            id=erasure_id,
            pseudonym=pseudonym,
            subject_id=order.subject_id,
            reason=order.reason,
            asked_by=f"{order.by.kind}:{order.by.id}",
            key_sha256=order.key_sha256,
            begun_seq=seq,
            begun_at=to_micros(self._clock.now()),
        )
        self._personal.destroy_key(tx, order.tenant, order.subject_id)
        return read_erasure(tx, order.tenant, erasure_id)

    @staticmethod
    def beside(reader: Reader, row: ErasureRow) -> list[ErasureRow]:
        """The erasures that were begun with one; none where its entry is pruned."""
        found = reader.one("log.bodies", tenant=row.tenant, from_seq=row.begun_seq, limit=1)
        if found is None or integer(found, "seq") != row.begun_seq:
            return []
        named = texts_of(read_body(text(found, "body")).get("data", {}).get("with"))
        return [read_erasure(reader, row.tenant, one) for one in named]

    @staticmethod
    def delete_texts(tx: Transaction, row: ErasureRow, limit: int) -> int:
        """Delete up to `limit` ciphertexts of the subject; returns how many."""
        return tx.run(
            "erasure.delete_texts", tenant=row.tenant, pseudonym=row.pseudonym, limit=limit
        )

    def finish(self, tx: Transaction, row: ErasureRow) -> ErasureRow:
        """Write the second entry and forget the customer's id; done twice, it is done once."""
        present = read_erasure(tx, row.tenant, row.id)
        if present.done_seq is not None:
            return present
        actor, _, holder = row.asked_by.partition(":")
        entry = Entry(
            kind=EntryKind.SUBJECT_ERASED,
            actor=Actor(kind=ActorKind(actor), id=holder),
            subject=row.pseudonym,
            data={"erasure": row.id, "reason": row.reason, "begun": row.begun_seq},
        )
        seq = self._log.append(tx, row.tenant, entry)
        tx.run(
            "erasure.finish",
            tenant=row.tenant,
            id=row.id,
            done_seq=seq,
            done_at=to_micros(self._clock.now()),
        )
        return read_erasure(tx, row.tenant, row.id)


def _same(reader: Reader, row: ErasureRow, order: ErasureOrder) -> ErasureRow:
    # INVARIANT: nobody is told `erased` of a customer of whom something is held. Once it is done
    # the row does not say whose it was, so that is asked of the customer who is named now.
    other = (
        Erasures.holds_something(reader, order.tenant, order.subject_id)
        if row.subject_id is None
        else row.subject_id != order.subject_id
    )
    if other or row.reason != order.reason:
        raise RefusedError(
            Code.IDEMPOTENCY_CONFLICT,
            "this idempotency key was used for another erasure",
            next_step="use a new key for a new erasure",
        )
    return row
