"""Personal text, kept beside the log: encrypted per subject, named in entries by digest only."""

from __future__ import annotations

import base64
import hashlib
import hmac

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sayso.audit.entry import PiiRef
from sayso.errors import Code, IntegrityError, RefusedError
from sayso.ids import Entropy, Tenant
from sayso.store.base import Reader, Transaction, blob, text

ALGORITHM = "A256GCM"
_NONCE_BYTES = 12


class Personal:
    """Seals and opens personal text.

    Guarantees: an entry body holds a reference and the SHA-256 of the ciphertext, never the text
    and never the customer's id; when a subject's key is deleted, nobody can read either again, and
    the log still verifies.
    """

    def __init__(self, entropy: Entropy) -> None:
        self._entropy = entropy

    def pseudonym(self, tx: Transaction, tenant: Tenant, subject_id: str, now: int) -> str:
        """The name under which the log knows a subject, such as `sub_…`; makes it if needed.

        Args:
            now: whole microseconds since 1970, for a subject that is new.
        """
        row = tx.one("personal.subject", tenant=tenant, id=subject_id)
        if row is not None:
            return text(row, "pseudonym")
        key = self._entropy(32)
        mac = hmac.digest(key, f"{tenant}\0{subject_id}".encode(), hashlib.sha256)
        pseudonym = "sub_" + base64.b32encode(mac[:15]).decode().lower()
        tx.run(
            "personal.subject_insert",
            tenant=tenant,
            id=subject_id,
            pseudonym=pseudonym,
            key=key,
            created_at=now,
        )
        return pseudonym

    def seal(
        self, tx: Transaction, tenant: Tenant, subject_id: str, ref: str, plain: str
    ) -> PiiRef:
        """Encrypt text under its subject's key; `pseudonym` must have been called before.

        Args:
            ref: the new, unique id of this text.

        Returns:
            What the entry says about it.
        """
        row = tx.one("personal.subject", tenant=tenant, id=subject_id)
        if row is None:
            raise RefusedError(Code.UNKNOWN_SUBJECT, "the subject has no key")
        nonce = self._entropy(_NONCE_BYTES)
        cipher = AESGCM(blob(row, "key"))
        ciphertext = cipher.encrypt(nonce, plain.encode(), _bound_to(tenant, ref))
        tx.run(
            "personal.seal",
            tenant=tenant,
            ref=ref,
            pseudonym=text(row, "pseudonym"),
            nonce=nonce,
            ciphertext=ciphertext,
        )
        return PiiRef(ref=ref, alg=ALGORITHM, c=hashlib.sha256(ciphertext).hexdigest())

    @staticmethod
    def open(reader: Reader, tenant: Tenant, ref: str) -> str | None:
        """The text behind a reference; None when its subject was erased.

        Raises:
            IntegrityError: `tampered`, when the ciphertext is not what was sealed.
        """
        row = reader.one("personal.sealed", tenant=tenant, ref=ref)
        if row is None:
            return None
        try:
            plain = AESGCM(blob(row, "key")).decrypt(
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


def _bound_to(tenant: Tenant, ref: str) -> bytes:
    """The associated data: a ciphertext moved to another row or tenant does not open."""
    return f"{tenant}|{ref}".encode()
