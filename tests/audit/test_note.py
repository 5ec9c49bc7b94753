"""Signed notes: those that everybody else writes and reads, and not one byte more."""

from __future__ import annotations

import base64

import pytest
from audit.small_log import SmallLog, signer_of
from hypothesis import given
from hypothesis import strategies as st

from sayso.audit.signed_note.note import (
    MAX_NOTE_BYTES,
    Checkpoint,
    Ed25519Signer,
    Verifier,
    open_checkpoint,
    open_note,
    parse_note,
    sign_checkpoint,
    sign_note,
)
from sayso.errors import Code, ConfigError, IntegrityError

# SOURCE: golang.org/x/mod/sumdb/note, the package's documentation.
GO_VKEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_SKEY = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
GO_TEXT = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
)
GO_NOTE = (
    GO_TEXT
    + "\n— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqf"
    "qdngotpRZb6KE6RyyBwJnAM=\n"
)

LOG = SmallLog(4)
KEY = Verifier.parse(LOG.signer.vkey)
NOTE = LOG.note()
TEXT, _, TAIL = NOTE.rpartition("\n\n")
LINE = TAIL


def test_the_note_of_another_implementation_is_written_and_read() -> None:
    """Key, signature and note of Go's x/mod/sumdb/note, byte for byte."""
    signer = Ed25519Signer.from_text(GO_SKEY)
    assert (signer.name, signer.vkey, signer.to_text()) == ("PeterNeumann", GO_VKEY, GO_SKEY)
    assert sign_note(GO_TEXT, [signer]) == GO_NOTE
    opened = open_note(GO_NOTE, [Verifier.parse(GO_VKEY)])
    assert opened.text == GO_TEXT
    assert [key.vkey for key in opened.verified_by] == [GO_VKEY]


def test_a_checkpoint_comes_back_as_it_was() -> None:
    """Signing and opening are inverse; bytes and text are read alike."""
    checkpoint = Checkpoint(origin="acme/main", size=0, root=bytes(32))
    note = sign_checkpoint(checkpoint, LOG.signer)
    assert note.startswith(f"acme/main\n0\n{'A' * 43}=\n\n— acme/main ")
    assert open_checkpoint(note, [KEY]) == checkpoint
    assert open_checkpoint(note.encode(), [KEY]) == checkpoint


def _code(note: str | bytes, *keys: Verifier) -> Code:
    with pytest.raises(IntegrityError) as refusal:
        open_checkpoint(note, keys or [KEY])
    return refusal.value.code


def _signed(text: str) -> str:
    return sign_note(text, [LOG.signer])


def _bent_base64(line: str) -> str:
    """The same signature, with an unused low bit of the base64 set."""
    head, _, encoded = line.rstrip("\n").rpartition(" ")
    decoded = base64.b64decode(encoded)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    at = len(encoded.rstrip("=")) - 1
    other = alphabet[alphabet.index(encoded[at]) | 1]
    bent = encoded[:at] + other + encoded[at + 1 :]
    assert base64.b64decode(bent) == decoded
    assert bent != encoded
    return f"{head} {bent}\n"


ROOT = TEXT.split("\n")[2]
MALFORMED: dict[str, str | bytes] = {
    "empty": "",
    "only the text": TEXT + "\n",
    "no signature": TEXT + "\n\n",
    "CRLF": NOTE.replace("\n", "\r\n"),
    "CR in the text": _signed("acme/main\r\n4\n" + ROOT + "\n"),
    "no line feed at the end": NOTE[:-1],
    "one more line feed": NOTE + "\n",
    "a blank before the signature": NOTE.replace("— ", " — "),
    "a hyphen for the dash": NOTE.replace("—", "-"),
    "two blanks": NOTE.replace("— acme/main ", "— acme/main  "),
    "the same signature twice": NOTE + LINE,
    "base64 with an unused bit": f"{TEXT}\n\n{_bent_base64(LINE)}",
    "base64 without padding": NOTE.replace("=\n", "\n"),
    "base64 with a blank": NOTE[:-10] + " " + NOTE[-10:],
    "URL base64": NOTE[:-10] + "_" + NOTE[-9:],
    "an empty signature": f"{TEXT}\n\n— acme/main AAAA\n",
    "not UTF-8": NOTE.encode().replace(b"acme", b"acm\xff"),
    "a BOM": "\ufeff" + NOTE,
    "NUL": _signed("acme\x00/main\n4\n" + ROOT + "\n"),
    "too long": NOTE + LINE * (MAX_NOTE_BYTES // len(LINE) + 1),
    "a leading zero": _signed(f"acme/main\n04\n{ROOT}\n"),
    "a plus sign": _signed(f"acme/main\n+4\n{ROOT}\n"),
    "a negative size": _signed(f"acme/main\n-4\n{ROOT}\n"),
    "a fraction": _signed(f"acme/main\n4.0\n{ROOT}\n"),
    "digits of another script": _signed(f"acme/main\n٤\n{ROOT}\n"),
    "a huge size": _signed(f"acme/main\n{'9' * 40}\n{ROOT}\n"),
    "an extension line": _signed(f"acme/main\n4\n{ROOT}\nmore\n"),
    "a missing line": _signed("acme/main\n4\n"),
    "an empty origin": _signed(f"\n4\n{ROOT}\n"),
    "a blank in the origin": _signed(f"acme main\n4\n{ROOT}\n"),
    "a short root": _signed(f"acme/main\n4\n{base64.b64encode(bytes(31)).decode()}\n"),
    "a root without padding": _signed(f"acme/main\n4\n{ROOT.rstrip('=')}\n"),
    "a root with an unused bit": _signed(f"acme/main\n4\n{'A' * 42}B=\n"),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_what_no_writer_writes_is_refused(name: str) -> None:
    """Also when it would mean the same: one meaning has one form."""
    assert _code(MALFORMED[name]) in {Code.TAMPERED, Code.BAD_SIGNATURE}


@pytest.mark.promise("audit:bits")
def test_no_flipped_bit_of_a_note_is_accepted() -> None:
    """Exhaustive over the note's bytes."""
    encoded = NOTE.encode()
    for at, byte in enumerate(encoded):
        for bit in range(8):
            _code(encoded[:at] + bytes([byte ^ 1 << bit]) + encoded[at + 1 :])


def test_another_key_does_not_open_it() -> None:
    """No known key, another key under the same name, another name with the same key."""
    other = signer_of(LOG.origin, seed=2)
    assert _code(NOTE, Verifier.parse(other.vkey)) is Code.KEY_MISMATCH
    assert _code(NOTE, Verifier.parse(signer_of("acme/other").vkey)) is Code.KEY_MISMATCH
    with pytest.raises(IntegrityError):
        open_note(NOTE, [])


def test_a_signature_under_the_name_and_id_of_a_known_key_must_be_its_own() -> None:
    """An unknown key that claims the same id is a bad signature, not an unknown one."""
    checkpoint = open_checkpoint(NOTE, [KEY])
    other = sign_checkpoint(checkpoint, signer_of(LOG.origin, seed=2))
    raw = base64.b64decode(other.rstrip("\n").rpartition(" ")[2])
    forged = base64.b64encode(KEY.key_id + raw[4:]).decode()
    assert _code(f"{TEXT}\n\n— {LOG.origin} {forged}\n") is Code.BAD_SIGNATURE


def test_signatures_of_strangers_are_passed_over_and_bad_ones_are_not() -> None:
    """A witness may add its line; a known key's wrong line spoils the note."""
    checkpoint = open_checkpoint(NOTE, [KEY])
    witness = signer_of("witness.example", seed=3)
    both = sign_checkpoint(checkpoint, LOG.signer, witness)
    assert open_checkpoint(both, [KEY]) == checkpoint
    trusted = [KEY, Verifier.parse(witness.vkey)]
    assert len(open_note(both, trusted).verified_by) == 2
    assert len(parse_note(both)[1]) == 2
    lines = both.split("\n")
    lines[-2] = lines[-2][:-4] + ("AAA=" if not lines[-2].endswith("AAA=") else "BBB=")
    assert _code("\n".join(lines), *trusted) in {Code.BAD_SIGNATURE, Code.TAMPERED}


@pytest.mark.parametrize(
    "vkey",
    [
        "",
        "name",
        "a+b",
        GO_VKEY + "\n",
        GO_VKEY.replace("c74f20a3", "c74f20a4"),
        GO_VKEY.replace("c74f20a3", "C74F20A3"),
        GO_VKEY.replace("Peter", "Paul"),
        GO_VKEY[:-4],
        GO_VKEY.replace("ARpc", "AhpC"),
        GO_SKEY,
        "+c74f20a3+" + GO_VKEY.rpartition("+")[2],
    ],
)
def test_what_is_no_vkey_is_refused(vkey: str) -> None:
    """A key that was cut off or mistyped never silently becomes another."""
    with pytest.raises(IntegrityError) as refusal:
        Verifier.parse(vkey)
    assert refusal.value.code is Code.KEY_MISMATCH


@pytest.mark.parametrize(
    "skey", ["", GO_VKEY, GO_SKEY[:-4], GO_SKEY + "\n\n", GO_SKEY.replace("c74f20a3", "00000000")]
)
def test_what_is_no_signing_key_is_refused_without_showing_it(skey: str) -> None:
    """The message says what to do, and holds no part of the secret."""
    with pytest.raises(ConfigError) as refusal:
        Ed25519Signer.from_text(skey)
    assert "AYEKFALV" not in str(refusal.value) + refusal.value.detail
    assert refusal.value.__cause__ is None


def test_a_key_survives_its_file_and_does_not_show_itself() -> None:
    """to_text and from_text are inverse; repr holds the public half only."""
    signer = Ed25519Signer.generate("acme/main")
    text = signer.to_text()
    assert Ed25519Signer.from_text(text + "\n").vkey == signer.vkey
    assert text.split("+", 4)[4] not in repr(signer)
    with pytest.raises(ConfigError):
        Ed25519Signer.generate("with a blank")


@given(
    st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "ignore"))
)
def test_no_bytes_crash_the_parser(note: bytes) -> None:
    """Whatever comes, it is refused in the one way."""
    _code(note)
