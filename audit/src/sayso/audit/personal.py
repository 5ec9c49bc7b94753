"""Personal text, kept beside the log: encrypted per subject, named in entries by digest only.

Each subject has a key of their own, which stands in the database wrapped by a key that does not:
so whoever takes the database, or a backup of it, opens nothing, and erasing a subject is deleting
their wrapped key.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sayso.audit.authority.keyring import PREFIX, Keyring, place_of, pseudonym_of
from sayso.audit.entry import PiiRef
from sayso.errors import Code, IntegrityError, RefusedError
from sayso.ids import Entropy, Tenant
from sayso.store.base import Reader, Row, Transaction, blob, integer, text

ALGORITHM = "A256GCM"
_NONCE_BYTES = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class _Subject:
    pseudonym: str
    key: bytes


class Personal:
    """Seals and opens personal text.

    Args:
        keyring: wraps the subjects' keys.

    Guarantees: an entry body holds a reference and the SHA-256 of the ciphertext, never the text
    and never the customer's id; when a subject's key is deleted, nobody can read either again, and
    the log still verifies.
    """

    def __init__(self, entropy: Entropy, keyring: Keyring) -> None:
        self._entropy = entropy
        self._keyring = keyring

    @staticmethod
    def ahead(tx: Transaction, tenant: Tenant, subject_id: str) -> None:
        """Say that the subject will be asked for next; see `Reader.ahead`."""
        if tx.recall((_Subject, tenant, subject_id)) is None:
            tx.ahead("personal.subject", tenant=tenant, id=subject_id)

    def pseudonym(self, tx: Transaction, tenant: Tenant, subject_id: str, now: int) -> str:
        """The name under which the log knows a subject, such as `sub_…`; makes it if needed.

        Args:
            now: whole microseconds since 1970, for a subject that is new.

        Raises:
            RefusedError: `subject_in_use`, while the subject is being erased.
        """
        known = self._subject(tx, tenant, subject_id)
        if known is not None:
            return known.pseudonym
        if subject_id.startswith(PREFIX) and tx.one(
            "erasure.blanked", tenant=tenant, subject_id=subject_id
        ):
            return subject_id  # it stands in a row for somebody who was erased
        key = self._entropy(32)
        pseudonym = pseudonym_of(key, tenant, subject_id)
        place = place_of(tenant, subject_id, pseudonym, now)
        tx.run(
            "personal.subject_insert",
            tenant=tenant,
            id=subject_id,
            pseudonym=pseudonym,
            key=self._keyring.wrap(key, place, self._entropy),
            created_at=now,
        )
        tx.remember((_Subject, tenant, subject_id), _Subject(pseudonym=pseudonym, key=key))
        return pseudonym

    def known_as(self, tx: Transaction, tenant: Tenant, subject_id: str) -> str | None:
        """The name under which the log knows a subject; None where it knows nobody of that id.

        Raises:
            RefusedError: `subject_in_use`, while the subject is being erased.
        """
        known = self._subject(tx, tenant, subject_id)
        return None if known is None else known.pseudonym

    @staticmethod
    def check_id(reader: Reader, tenant: Tenant, subject_id: str) -> None:
        """Refuse a pseudonym in place of a customer's id, under which nobody is found later.

        Raises:
            RefusedError: `invalid_input`.
        """
        if not subject_id.startswith(PREFIX):
            return
        live = reader.one("erasure.subject_named", tenant=tenant, pseudonym=subject_id)
        if live or reader.one("erasure.blanked", tenant=tenant, subject_id=subject_id):
            raise RefusedError(
                Code.INVALID_INPUT,
                f"`{subject_id}` is the log's name of a customer, and not their id",
                next_step="give the id by which the provider knows them",
            )

    def seal(
        self, tx: Transaction, tenant: Tenant, subject_id: str, ref: str, plain: str
    ) -> PiiRef:
        """Encrypt text under its subject's key; `pseudonym` must have been called before.

        Args:
            ref: the new, unique id of this text.

        Returns:
            What the entry says about it.
        """
        subject = self._subject(tx, tenant, subject_id)
        if subject is None:
            raise RefusedError(Code.UNKNOWN_SUBJECT, "the subject has no key")
        nonce = self._entropy(_NONCE_BYTES)
        cipher = AESGCM(subject.key)
        ciphertext = cipher.encrypt(nonce, plain.encode(), _bound_to(tenant, ref))
        tx.run(
            "personal.seal",
            tenant=tenant,
            ref=ref,
            pseudonym=subject.pseudonym,
            nonce=nonce,
            ciphertext=ciphertext,
        )
        return PiiRef(ref=ref, alg=ALGORITHM, c=hashlib.sha256(ciphertext).hexdigest())

    def check_subject(self, tenant: Tenant, row: Row) -> None:
        """Refuse a subject's row that says another name, time or key than was stored.

        Args:
            row: with `id`, `pseudonym`, `key` and `created_at`.

        Raises:
            IntegrityError: `tampered`.
            ConfigError: `key_mismatch`.
        """
        open_key(self._keyring, tenant, row)

    def _subject(self, tx: Transaction, tenant: Tenant, subject_id: str) -> _Subject | None:
        """The subject as it is stored; read once per commit.

        NOTE: never kept longer, since a subject that another process erases must not live on here,
        and whoever erases one must have it forgotten: `tx.remember((_Subject, tenant, id), None)`.
        """
        known = tx.recall((_Subject, tenant, subject_id))
        if isinstance(known, _Subject):
            return known
        row = tx.one("personal.subject", tenant=tenant, id=subject_id)
        if row is None:
            return None
        if row["key"] is None:
            raise RefusedError(
                Code.SUBJECT_IN_USE,
                "this customer is being erased",
                next_step="wait until `sayso privacy erasures` says that it is done",
            )
        return self._opened(tx, tenant, subject_id, row)

    def take_in(self, tx: Transaction, tenant: Tenant, subject_id: str, beside: Row | None) -> None:
        """Know a subject by what was read beside something else, so that nobody reads it again.

        Args:
            beside: with `pseudonym`, `key` and `created_at`; each null where there is no such
                subject, who may be being erased. None, and nothing is known.

        Raises:
            IntegrityError: `tampered`, when the row is not what was stored.
            ConfigError: `key_mismatch`.
        """
        if (
            beside is None
            or beside["key"] is None
            or tx.recall((_Subject, tenant, subject_id)) is not None
        ):
            return
        self._opened(tx, tenant, subject_id, {**beside, "id": subject_id})

    def _opened(self, tx: Transaction, tenant: Tenant, subject_id: str, row: Row) -> _Subject:
        key = open_key(self._keyring, tenant, row)
        found = _Subject(pseudonym=text(row, "pseudonym"), key=key)
        tx.remember((_Subject, tenant, subject_id), found)
        return found

    @staticmethod
    def destroy_key(tx: Transaction, tenant: Tenant, subject_id: str) -> None:
        """Delete a subject's key: from this commit on nobody opens what was sealed with it."""
        tx.run("erasure.destroy_key", tenant=tenant, id=subject_id)
        tx.remember((_Subject, tenant, subject_id), None)

    def open(self, reader: Reader, tenant: Tenant, ref: str) -> str | None:
        """The text behind a reference; None when its subject was erased.

        Raises:
            IntegrityError: `tampered`, when the ciphertext is not what was sealed.
        """
        row = reader.one("personal.sealed", tenant=tenant, ref=ref)
        if row is None:
            return None
        key = open_key(self._keyring, tenant, row)
        try:
            plain = AESGCM(key).decrypt(
                blob(row, "nonce"), blob(row, "ciphertext"), _bound_to(tenant, ref)
            )
        except (InvalidTag, ValueError) as error:  # ValueError: no key, or no nonce, has that size
            raise IntegrityError(
                Code.TAMPERED,
                "personal text does not open with its key",
                next_step="run `sayso audit verify`",
                detail=repr(error),
            ) from error
        return plain.decode()


def open_key(keyring: Keyring, tenant: str, row: Row) -> bytes:
    """A subject's key, of a row with `id`, `pseudonym`, `key` and `created_at`.

    Raises:
        IntegrityError: `tampered`, when the row is not what was stored.
        ConfigError: `key_mismatch`.
    """
    place = place_of(tenant, text(row, "id"), text(row, "pseudonym"), integer(row, "created_at"))
    return keyring.unwrap(blob(row, "key"), place)


def _bound_to(tenant: Tenant, ref: str) -> bytes:
    """The associated data: a ciphertext moved to another row or tenant does not open."""
    return f"{tenant}|{ref}".encode()
