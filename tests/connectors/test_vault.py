"""The vault: opens what it sealed, at its place, with its key, and nothing else."""

from __future__ import annotations

import base64
import secrets

import pytest

from sayso.connectors.vault import Vault
from sayso.errors import Code, ConfigError, IntegrityError
from sayso.secret import Secret

KEY, OTHER = (Secret(base64.b64encode(bytes([number]) * 32).decode()) for number in (1, 2))
PLAIN = b'{"access":"at-1"}'
# AES-256-GCM of PLAIN, key 32 x 01, nonce 12 x 07, tenant `main`, connection `main/mail`.
GOLDEN = bytes.fromhex(
    "737631"
    "319ce45c95b366a4"
    "070707070707070707070707"
    "f6d18bc76ccbc2d23ba02651d2ed56e8da295d55ea6296adf9c0ea194a10748d79"
)


def vault(key: Secret = KEY, *older: Secret) -> Vault:
    return Vault(key, older, entropy=secrets.token_bytes)


def opened(box: Vault, sealed: bytes, tenant: str = "main", connection: str = "main/mail") -> bytes:
    return box.open(sealed, tenant=tenant, connection=connection)


def sealed_by(box: Vault, tenant: str = "main", connection: str = "main/mail") -> bytes:
    return box.seal(PLAIN, tenant=tenant, connection=connection)


def test_what_was_sealed_opens_at_its_place() -> None:
    """The same bytes, and none of them in clear; a second sealing looks different."""
    sealed = sealed_by(vault())
    assert opened(vault(), sealed) == PLAIN
    assert b"at-1" not in sealed
    assert sealed_by(vault()) != sealed


def test_the_form_on_disk_stays_as_it_is() -> None:
    """Golden: version, kid, nonce and ciphertext of version 1, byte by byte."""
    box = Vault(KEY, entropy=lambda count: b"\x07" * count)
    assert sealed_by(box) == GOLDEN
    assert opened(vault(), GOLDEN) == PLAIN


@pytest.mark.promise("vault:place")
@pytest.mark.parametrize(
    ("tenant", "connection"),
    [
        ("main", "main/other"),
        ("other", "main/mail"),
        ("main|main/mail", ""),
        ("mai", "n/main/mail"),
        ("", "main|main/mail"),
    ],
)
def test_a_row_that_was_swapped_does_not_open(tenant: str, connection: str) -> None:
    """Another row or another tenant, also one whose name is made of both."""
    with pytest.raises(IntegrityError) as caught:
        opened(vault(), sealed_by(vault()), tenant, connection)
    assert caught.value.code is Code.TAMPERED


def test_names_that_run_together_are_kept_apart() -> None:
    """`a|b` + `c` is not `a` + `b|c`."""
    sealed = sealed_by(vault(), "a|b", "c")
    with pytest.raises(IntegrityError):
        opened(vault(), sealed, "a", "b|c")


@pytest.mark.parametrize("place", [0, 2, 11, 22, 23, 30, -1])
def test_a_flipped_bit_does_not_open(place: int) -> None:
    """Version, nonce, ciphertext, tag: whichever was touched."""
    sealed = bytearray(sealed_by(vault()))
    sealed[place] ^= 1
    with pytest.raises(IntegrityError):
        opened(vault(), bytes(sealed))


def test_a_flipped_kid_names_no_key() -> None:
    """Another kid is another key's, and with that key's name on it, it does not open either."""
    sealed = sealed_by(vault())
    flipped = sealed[:3] + bytes([sealed[3] ^ 1]) + sealed[4:]
    with pytest.raises(ConfigError) as caught:
        opened(vault(), flipped)
    assert caught.value.code is Code.KEY_MISMATCH
    renamed = sealed_by(vault(OTHER))[:11] + sealed[11:]
    with pytest.raises(IntegrityError):
        opened(vault(KEY, OTHER), renamed)


@pytest.mark.parametrize("length", [0, 2, 3, 11, 23, 38])
def test_what_was_cut_does_not_open(length: int) -> None:
    """Every prefix is refused as tampered, never with another error."""
    with pytest.raises(IntegrityError):
        opened(vault(), sealed_by(vault())[:length])


@pytest.mark.promise("vault:rotation")
def test_a_new_key_seals_and_an_older_one_still_opens() -> None:
    """Rotation: the old key reads, the new one writes, and the old one alone cannot follow."""
    old, rotated = vault(KEY), vault(OTHER, KEY)
    before = sealed_by(old)
    assert opened(rotated, before) == PLAIN
    assert not rotated.is_current(before)
    after = sealed_by(rotated)
    assert rotated.is_current(after)
    assert not old.can_open(after)
    with pytest.raises(ConfigError) as caught:
        opened(old, after)
    assert caught.value.code is Code.KEY_MISMATCH
    assert "older_keys" in caught.value.next_step


@pytest.mark.parametrize(
    "value",
    [
        "",
        "hunter2hunter2",
        base64.b64encode(b"k" * 31).decode(),
        base64.b64encode(b"k" * 33).decode(),
    ],
)
def test_a_key_that_is_none_is_refused_without_being_shown(value: str) -> None:
    """The message says how to make one, and holds no part of what was there."""
    with pytest.raises(ConfigError) as caught:
        vault(Secret(value))
    assert caught.value.code is Code.INVALID_SETTING
    assert "openssl rand -base64 32" in caught.value.next_step
    assert not value or value not in str(caught.value)
