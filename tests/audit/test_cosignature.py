"""Cosignatures: ours open, those of the public witness network open, and nothing else does."""

from __future__ import annotations

import pytest
from audit.small_log import SmallLog

from sayso.audit.signed_note.cosignature import (
    CosignatureVerifier,
    Ed25519Cosigner,
    MlDsaCosigner,
    read_cosigner,
    time_of,
)
from sayso.audit.signed_note.note import Checkpoint, Verifier, open_note, parse_note
from sayso.errors import ConfigError, IntegrityError

# Source: a checkpoint of the Static CT log Arche 2025h1 (staging) as witnesses of the public
# network cosigned it in May 2026.
REAL = """\
arche2025h1.staging.ct.transparency.dev
1432088532
U7WM79jrzyhGZ5/GUBTpM7NzwdyfFx61t3RovgcC4Ro=

— arche2025h1.staging.ct.transparency.dev zTM8sQAAAZ5W0WdjBAMARjBEAiBjW5IQf9pvsYLfQFX6hoGREPMHbdQ3\
urbllzalApkptQIgIpwtEroeW2BXaHAI4kJXFbon5Ch9MNL5zRNZ55lvGt0=
— arche2025h1.staging.ct.transparency.dev ui8GwCF1+kWqZrxGdhj4aX3gcw7XUlXQQabg/27lefwhUkzbC3NygNI7\
5MdhL1bfTW9g8Ei59RA23oHP7Ry1k3ZFWwQ=
— transparency.dev/DEV:witness-little-garden 2AQqhwAAAABqEiEgzgFIqqhbUoDwjMWE6UP8nd8/KYTzwZ2rhIgcq\
oXHAwVkjZr4AscylP3v7sEodkRAErumC2q44vdgJY096st5BQ==
— witness1.smartit.nu/witness1 pIyCDwAAAABqEiEghIp82KWebrw7/oHQwlTAm3g2RKS4+eebl8eO0WH+/iEcxZ75W3u\
5hNI7TOQtmJbqmNWVuE0tgh0XwzdZsDsUAQ==
— remora.n621.de 2net5wAAAABqEiEgPlfF3V06o0Y+fHM+J5J9s27wgxxcOVSpZ/2g/KSiXCg9DEZI+aVCIobWX9sXTynk5X\
eU/zZ0WBxtqB0DrAWfBw==
— witness.stagemole.eu Z/euoAAAAABqEiEgw0i+7g2ENfDAWHmtRzCfKTHSDwYDJA2NmKeGi9Y8FtEyOUvVr+AJmIY/2TU\
FucgKi7lI7cUiOvKFYe/TmN9DAg==
"""
REAL_LOG = (
    "arche2025h1.staging.ct.transparency.dev+ba2f06c0+AU0vHmlGCS/PdN8b2OaGmKprLI8HKM+dJ472xgFYh15f"
)
REAL_WITNESS = "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2"


def test_a_checkpoint_of_the_public_network_opens_with_its_log_and_its_witness() -> None:
    """Not ours at all: log, witness and signatures are of others (tlog-cosignature)."""
    log, witness = Verifier.parse(REAL_LOG), CosignatureVerifier.parse(REAL_WITNESS)
    opened = open_note(REAL, [log, witness])
    assert opened.verified_by == (log, witness)
    assert Checkpoint.parse(opened.text).size == 1_432_088_532
    (line,) = [line for line in parse_note(REAL)[1] if line.name == "remora.n621.de"]
    assert time_of(line.signature) == 1_779_573_024
    assert not witness.accepts(opened.text.encode() + b"x\n", line.signature)


COSIGNERS: list[Ed25519Cosigner | MlDsaCosigner] = [
    Ed25519Cosigner.generate("witness.example/w1"),
    MlDsaCosigner.generate("witness.example/w1"),
]


@pytest.mark.parametrize("cosigner", COSIGNERS, ids=["ed25519", "ml-dsa-44"])
def test_nothing_of_a_cosigned_checkpoint_can_change(
    cosigner: Ed25519Cosigner | MlDsaCosigner,
) -> None:
    """Origin, size, root, time and signature: each bit of them counts."""
    text = parse_note(SmallLog(8).note())[0]
    line = cosigner.cosign(text, 1_764_072_000)
    key = CosignatureVerifier.parse(cosigner.vkey)
    message = text.encode()
    assert key.accepts(message, line.signature)
    for at in range(len(message)):
        flipped = bytearray(message)
        flipped[at] ^= 1
        assert not key.accepts(bytes(flipped), line.signature)
    for at in (*range(12), len(line.signature) - 1):
        wrong = bytearray(line.signature)
        wrong[at] ^= 1
        assert not key.accepts(message, bytes(wrong))
    for short in (b"", line.signature[:8], line.signature[:-1], line.signature + b"\0"):
        assert not key.accepts(message, short)


@pytest.mark.parametrize("cosigner", COSIGNERS, ids=["ed25519", "ml-dsa-44"])
def test_a_time_beyond_2_to_the_63_is_none(cosigner: Ed25519Cosigner | MlDsaCosigner) -> None:
    """SOURCE: tlog-cosignature: it must not exceed 2^63 - 1."""
    text = parse_note(SmallLog(8).note())[0]
    key = CosignatureVerifier.parse(cosigner.vkey)
    for at_s, fits in ((2**63 - 1, True), (2**63, False)):
        assert key.accepts(text.encode(), cosigner.cosign(text, at_s).signature) is fits


def test_the_two_kinds_of_a_name_are_two_keys() -> None:
    """The type byte is part of the key's id."""
    seeds = {CosignatureVerifier.parse(one.vkey).key_id for one in COSIGNERS}
    assert len(seeds) == 2
    line = COSIGNERS[0].cosign(parse_note(SmallLog(8).note())[0], 0)
    other = CosignatureVerifier.parse(COSIGNERS[1].vkey)
    assert not other.accepts(parse_note(SmallLog(8).note())[0].encode(), line.signature)


@pytest.mark.parametrize("cosigner", COSIGNERS, ids=["ed25519", "ml-dsa-44"])
def test_a_key_comes_back_from_its_text(cosigner: Ed25519Cosigner | MlDsaCosigner) -> None:
    """And the text is nowhere but where it is asked for."""
    text = cosigner.to_text()
    assert read_cosigner(text + "\n").vkey == cosigner.vkey
    assert text.split("+", 4)[4] not in repr(cosigner)
    for wrong in (text[:-1], text[8:], text.replace("w1", "w2"), "", text + "\n\n", " " + text):
        with pytest.raises(ConfigError) as caught:
            read_cosigner(wrong)
        assert text[-20:] not in str(caught.value)


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\nb", "x" * 256])
def test_a_name_must_fit_into_a_note(name: str) -> None:
    """No blanks, no plus sign, and at most 255 bytes."""
    for kind in (Ed25519Cosigner, MlDsaCosigner):
        with pytest.raises(ConfigError):
            kind.generate(name)


def test_what_is_no_key_of_a_witness_is_refused() -> None:
    """A log's own key (0x01) is none: it signs without a time."""
    good = COSIGNERS[0].vkey
    log = SmallLog(4).signer.vkey
    for wrong in ("", log, good[:-4], good.replace("w1", "w2"), good + "=", f"x{good}"):
        with pytest.raises(IntegrityError):
            CosignatureVerifier.parse(wrong)
