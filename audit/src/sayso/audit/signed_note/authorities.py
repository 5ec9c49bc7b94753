"""Time-stamp authorities by their pinned certificates: reads and judges RFC 3161 tokens.

The tokens are read by rfc3161-client (the extra `tsa`), which checks the signature, the chain of
certificates at the time of the token, and that the certificate is for time stamps.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256, sha384, sha512
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, Self

from cryptography import x509
from cryptography.x509.oid import NameOID

from sayso.audit.safe_open import open_regular
from sayso.audit.signed_note.timestamps import MAX_TOKEN_BYTES, Stamp
from sayso.errors import Code, ConfigError, IntegrityError

if TYPE_CHECKING:
    from rfc3161_client import Accuracy, TimeStampResponse

MAX_PEM_BYTES = 1024 * 1024
_GRANTED = bytes.fromhex("3003020100")
_DIGESTS = {
    "2.16.840.1.101.3.4.2.1": sha256,
    "2.16.840.1.101.3.4.2.2": sha384,
    "2.16.840.1.101.3.4.2.3": sha512,
}
_UNREADABLE = (
    *(ValueError, TypeError, OverflowError, LookupError),
    *(x509.InvalidVersion, x509.DuplicateExtension, x509.UnsupportedGeneralNameType),
)
"""What reading somebody else's bytes raises."""
_LEAST_EXACT_S = 86_400
_EPOCH, _END = (datetime(year, 1, 1, tzinfo=UTC) for year in (1970, 9999))


class TimeAuthorities:
    """The authorities that these certificates lead to.

    Args:
        certificates: those that are trusted, among them a root. Whoever a root lets make time
            stamps is believed.

    Raises:
        ConfigError: `missing_extra`, when rfc3161-client is not installed.
    """

    def __init__(self, certificates: Sequence[x509.Certificate]) -> None:
        try:
            import rfc3161_client  # an extra
        except ImportError as error:
            raise ConfigError(
                Code.MISSING_EXTRA,
                "time stamps need an optional part",
                next_step="install it beside this program: pip install rfc3161-client",
                detail=str(error),
            ) from error
        self._client = rfc3161_client
        self._certificates = tuple(certificates)

    @classmethod
    def parse(cls, pem: bytes, where: str = "the file of certificates") -> Self:
        """From certificates in PEM.

        Raises:
            ConfigError: `invalid_setting`, `missing_extra`.
        """
        try:
            found = x509.load_pem_x509_certificates(pem)
        except ValueError as error:
            _refuse(where, "holds no certificate in PEM", str(error))
        if not any(one.issuer == one.subject for one in found):
            _refuse(where, "holds no root, which ends the chain of certificates")
        return cls(list(dict.fromkeys(found)))

    @classmethod
    def read(cls, *paths: Path) -> Self:
        """From files in PEM.

        Raises:
            ConfigError: `invalid_setting`, `missing_extra`.
        """
        pem = bytearray()
        for path in paths:
            try:
                with open_regular(path) as file:
                    pem += file.read(MAX_PEM_BYTES + 1) + b"\n"
            except OSError as error:
                _refuse(f"`{path}`", f"cannot be read: {(error.strerror or '').lower()}")
            if len(pem) > MAX_PEM_BYTES:
                _refuse(f"`{path}`", "is over 1 MiB")
        return cls.parse(bytes(pem), ", ".join(f"`{path}`" for path in paths))

    def read_token(self, token: bytes, message: bytes) -> Stamp:
        """What a token says about a message; see `Authorities`."""
        response, signer = self._opened(token)
        info, imprint = response.tst_info, response.tst_info.message_imprint
        digest = _DIGESTS.get(imprint.hash_algorithm.dotted_string)
        if digest is None:
            _distrust("it is over a digest that does not count")
        if not _EPOCH <= info.gen_time < _END:
            _distrust("its time cannot be")
        # NOTE: rfc3161-client gives whole seconds, and drops what the time has beyond them.
        before = info.gen_time - _EPOCH + _accuracy(response) + timedelta(seconds=1)
        return Stamp(
            before_s=-(-before // timedelta(seconds=1)),
            authority=_name_of(signer),
            fits=imprint.message == digest(message).digest(),
            nonce=info.nonce,
            policy=info.policy.dotted_string,
        )

    def _opened(self, token: bytes) -> tuple[TimeStampResponse, x509.Certificate]:
        """The token, whose signature and chain of certificates hold, and who signed it."""
        if len(token) > MAX_TOKEN_BYTES:
            _distrust("it is too long")
        try:
            response = self._client.decode_timestamp_response(_response(token))
            verifier = self._client.VerifierBuilder(roots=list(self._certificates)).build()
            # What it is over is compared by the caller of this, who tells the two cases apart.
            verifier.verify(response, response.tst_info.message_imprint.message)
            return response, _signer(response)
        except self._client.VerificationError as error:
            _distrust("no pinned certificate vouches for it", str(error))
        except _UNREADABLE as error:
            _distrust("it cannot be read", repr(error))


def _signer(response: TimeStampResponse) -> x509.Certificate:
    """The certificate that signed it.

    INVARIANT: exactly one that the token carries can be meant. No signature covers what is carried,
    and with two of one name each reader might take another one, of which one is forged.
    """
    signers = list(response.signed_data.signer_infos)
    if len(signers) != 1:
        _distrust("it is not signed once")
    meant = (signers[0].issuer, signers[0].serial_number)
    carried = map(x509.load_der_x509_certificate, response.signed_data.certificates)
    found = [one for one in carried if (one.issuer, one.serial_number) == meant]
    if len(found) != 1:
        _distrust("it does not carry the one certificate that signed it")
    return found[0]


def _name_of(certificate: x509.Certificate) -> str:
    """Its common name, or all of its name."""
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if names else certificate.subject.rfc4514_string()


def _accuracy(response: TimeStampResponse) -> timedelta:
    """How far the token's time may be from the true one; nothing where it does not say."""
    # Another type than the package declares: a token may say all of it, a part, or nothing.
    said: Accuracy | None = response.tst_info.accuracy
    if said is None:  # pyright: ignore[reportUnnecessaryComparison]
        return timedelta()
    parts: tuple[int | None, ...] = (said.seconds, said.millis, said.micros)
    seconds, millis, micros = (part or 0 for part in parts)
    # NOTE: rfc3161-client gives None for a number that is too large for it, too.
    if all(part is None for part in parts) or seconds > _LEAST_EXACT_S:
        _distrust("its time is not exact to a day")
    return timedelta(seconds=seconds, milliseconds=millis, microseconds=micros)


def _response(token: bytes) -> bytes:
    """The token as in an answer: `SEQUENCE { SEQUENCE { INTEGER 0 }, token }`, in DER."""
    content = _GRANTED + token
    length = len(content)
    if length < 0x80:
        return bytes([0x30, length]) + content
    size = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes([0x30, 0x80 | len(size)]) + size + content


def _distrust(problem: str, detail: str = "") -> NoReturn:
    raise IntegrityError(
        Code.BAD_SIGNATURE,
        problem,
        next_step="check which certificates are pinned",
        detail=detail,
    )


def _refuse(where: str, problem: str, detail: str = "") -> NoReturn:
    raise ConfigError(
        Code.INVALID_SETTING,
        f"{where} {problem}",
        next_step="give the authority's root, with what stands between it and the authority",
        detail=detail,
    )
