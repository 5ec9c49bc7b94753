"""A key that never leaves its service: securesystemslib signs, and each signature is checked."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from audit.small_log import plain_entry
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sayso.audit.log import AuditLog
from sayso.audit.signed_note.note import (
    Checkpoint,
    Ed25519Signer,
    Verifier,
    encode64,
    open_checkpoint,
    sign_checkpoint,
)
from sayso.audit.signing.kms import KmsSigner, open_kms_signer
from sayso.audit.tree.merkle import EMPTY_ROOT
from sayso.audit.verifier.checks import Trust
from sayso.audit.verify import verify
from sayso.errors import Code, ConfigError, IntegrityError
from sayso.ids import Tenant
from sayso.store.sqlite.store import SqliteStore
from sayso.testing.clock import FakeClock

KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
PUBLIC = encode64(KEY.public_key().public_bytes_raw())


@pytest.fixture
def service() -> Iterator[dict[str, Ed25519PrivateKey]]:
    """A service of the tests' own, registered as `test:NAME`; its keys by name."""
    signer = pytest.importorskip("securesystemslib.signer")
    keys = {"log": KEY}

    class Remote(signer.Signer):  # type: ignore[misc,name-defined]
        """Signs with a key of the service, if it still has it."""

        def __init__(self, name: str, public_key: object) -> None:
            self._name, self._public = name, public_key

        @property
        def public_key(self) -> object:
            return self._public

        @classmethod
        def from_priv_key_uri(
            cls, priv_key_uri: str, public_key: object, secrets_handler: object = None
        ) -> Remote:
            return cls(priv_key_uri.partition(":")[2], public_key)

        def sign(self, payload: bytes) -> object:
            found = keys[self._name].sign(payload)
            return signer.Signature("sayso", found.hex())

    schemes = signer.SIGNER_FOR_URI_SCHEME
    schemes["test"] = Remote
    yield keys
    del schemes["test"]


async def test_a_log_is_signed_by_a_service(
    tmp_path: Path, service: dict[str, Ed25519PrivateKey]
) -> None:
    """The same heads as with the key at hand, under each tenant's own name."""
    signer = open_kms_signer("acme", "test:log", PUBLIC, "signing.public_key")
    assert signer.vkey == Ed25519Signer("acme", KEY).vkey
    log = AuditLog("acme", signer, FakeClock())
    path = tmp_path / "sayso.db"
    store = SqliteStore(path, create=True)
    for tenant in ("one", "two"):
        await store.write(partial(log.append, tenant=Tenant(tenant), entry=plain_entry()))
    pins = [Ed25519Signer(f"acme/{tenant}", KEY).vkey for tenant in ("one", "two")]
    assert verify(path, trust=Trust.parse(pins), deep=True).verdict == "verified"
    del service["log"]
    with pytest.raises(ConfigError) as caught:
        await store.write(lambda tx: log.append(tx, Tenant("one"), plain_entry()))
    assert caught.value.code is Code.MISSING_SECRET
    await store.close()
    assert verify(path).entries == 2  # what is not signed is not committed


def test_a_signature_of_another_key_is_found_out(service: dict[str, Ed25519PrivateKey]) -> None:
    """Before anything is committed with it."""
    signer = open_kms_signer("acme", "test:log", PUBLIC, "signing.public_key")
    assert open_checkpoint_of(signer).size == 0
    service["log"] = Ed25519PrivateKey.generate()
    with pytest.raises(IntegrityError) as caught:
        signer.sign(b"message")
    assert caught.value.code is Code.BAD_SIGNATURE


def open_checkpoint_of(signer: KmsSigner) -> Checkpoint:
    """A head that it signed, opened."""
    note = sign_checkpoint(Checkpoint(origin="acme", size=0, root=EMPTY_ROOT), signer)
    return open_checkpoint(note, [Verifier.parse(signer.vkey)])


@pytest.mark.parametrize("public", [None, "", "AAAA", PUBLIC[:-1], PUBLIC + "="])
def test_without_its_public_key_no_key_is_used(
    service: dict[str, Ed25519PrivateKey], public: str | None
) -> None:
    """It names the setting."""
    with pytest.raises(ConfigError, match=r"signing\.public_key"):
        open_kms_signer("acme", "test:log", public, "signing.public_key")


def test_an_address_that_nobody_knows_is_refused(
    service: dict[str, Ed25519PrivateKey],
) -> None:
    """With the address, so that it can be corrected."""
    with pytest.raises(ConfigError) as caught:
        open_kms_signer("acme", "nobody:log", PUBLIC, "signing.public_key")
    assert caught.value.code is Code.MISSING_SECRET
