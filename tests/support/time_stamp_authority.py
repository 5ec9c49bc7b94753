"""A time-stamp authority on a port of this machine (RFC 3161), for tests of whatever asks one."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from sayso.ids import Clock
from sayso.testing.clock import FakeClock

POLICY = "1.3.6.1.4.1.32473.1"
"""SOURCE: RFC 5612: the arc for examples."""

_SHA256 = "2.16.840.1.101.3.4.2.1"
_SIGNED_DATA = "1.2.840.113549.1.7.2"
_TST_INFO = "1.2.840.113549.1.9.16.1.4"
_CONTENT_TYPE, _MESSAGE_DIGEST = "1.2.840.113549.1.9.3", "1.2.840.113549.1.9.4"
_SIGNING_CERTIFICATE = "1.2.840.113549.1.9.16.2.47"
_RSA = "1.2.840.113549.1.1.1"
_INTEGER, _OCTETS, _OID, _SEQUENCE, _SET, _TIME = 0x02, 0x04, 0x06, 0x30, 0x31, 0x18


@dataclass(frozen=True, slots=True, kw_only=True)
class _Made:
    """What an authority signs with; `carried` are the certificates in its tokens, in DER."""

    root: x509.Certificate
    own: x509.Certificate
    key: rsa.RSAPrivateKey
    carried: tuple[bytes, ...]


class FakeAuthority:
    """A time-stamp authority with a root and a certificate of its own, made of Python alone.

    Args:
        clock: what it says the time is.
        name: the common name of its certificate.
        usages: what its certificate is for.
        days: how long its certificates are valid from the clock's time on; negative for over.
        accuracy_s: how exact it says that it is; None for nothing said.
        issuer: whose certificate signs its own, as if that were a root's; a root's when None.

    Attributes:
        policy: what its tokens name.
    """

    def __init__(
        self,
        clock: Clock | None = None,
        *,
        name: str = "tsa.example",
        usages: tuple[ObjectIdentifier, ...] = (ExtendedKeyUsageOID.TIME_STAMPING,),
        days: int = 3650,
        accuracy_s: int | None = 1,
        issuer: FakeAuthority | None = None,
    ) -> None:
        self._clock = clock or FakeClock()
        self._accuracy_s = accuracy_s
        self._serial = 0
        self._lock = threading.Lock()
        self._name, self._usages, self._issuer = name, usages, issuer
        self._made: _Made | None = None
        self._making = threading.Lock()
        self.policy = POLICY
        now = self._clock.now()
        self._valid = now - timedelta(days=max(1, 1 - days)), now + timedelta(days=days)

    @property
    def roots_pem(self) -> bytes:
        """The certificate of its root."""
        return self._names.root.public_bytes(serialization.Encoding.PEM)

    @property
    def _names(self) -> _Made:
        """Its keys and certificates, which take their time: made when they are first needed."""
        with self._making:
            if self._made is None:
                self._made = self._make()
            return self._made

    def _make(self) -> _Made:
        begin, end = self._valid
        root_key, key = (rsa.generate_private_key(65537, 2048) for _ in range(2))
        root_name = _name(f"{self._name} root")
        root = (
            _certificate(root_name, root_name, root_key.public_key(), 1)
            .not_valid_before(begin)
            .not_valid_after(end)
            .add_extension(x509.BasicConstraints(ca=True, path_length=1), critical=True)
            .sign(root_key, hashes.SHA256())
        )
        over = None if self._issuer is None else self._issuer._names
        above, above_key = (root, root_key) if over is None else (over.own, over.key)
        own = (
            _certificate(above.subject, _name(self._name), key.public_key(), 2)
            .not_valid_before(begin)
            .not_valid_after(end)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage(self._usages), critical=True)
            .sign(above_key, hashes.SHA256())
        )
        carried = [own] if over is None else [own, over.own]
        ders = tuple(one.public_bytes(serialization.Encoding.DER) for one in carried)
        return _Made(root=root, own=own, key=key, carried=ders)

    def write(self, folder: Path) -> None:
        """Write `root.pem`, `own.pem` and `own.key`."""
        encoding, private = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "root.pem").write_bytes(self.roots_pem)
        (folder / "own.pem").write_bytes(self._names.own.public_bytes(encoding))
        key = self._names.key.private_bytes(encoding, private, serialization.NoEncryption())
        (folder / "own.key").write_bytes(key)

    def answer(self, request: bytes) -> bytes:
        """The response to a request, granted."""
        imprint, nonce = read_request(request)
        return granted(self.token(imprint, nonce))

    @property
    def certificate(self) -> bytes:
        """Its own certificate, in DER."""
        return self._names.own.public_bytes(serialization.Encoding.DER)

    def token(self, imprint: bytes, nonce: bytes = b"", *, beside: Iterable[bytes] = ()) -> bytes:
        """A token over a message imprint.

        Args:
            imprint: the DER of a `MessageImprint`.
            nonce: the DER of an integer; empty for none.
            beside: further certificates that it carries, in DER.
        """
        with self._lock:
            self._serial += 1
            serial = self._serial
        said = self._clock.now().strftime("%Y%m%d%H%M%SZ").encode()
        accuracy = self._accuracy_s
        info = der(
            _SEQUENCE,
            integer(1),
            oid(self.policy),
            imprint,
            integer(serial),
            der(_TIME, said),
            b"" if accuracy is None else der(_SEQUENCE, integer(accuracy)),
            nonce,
        )
        own = der(_OCTETS, sha256(self.certificate).digest())
        named = der(_SEQUENCE, der(_SEQUENCE, der(_SEQUENCE, own)))
        attributes = sorted(
            [
                _attribute(_CONTENT_TYPE, oid(_TST_INFO)),
                _attribute(_MESSAGE_DIGEST, der(_OCTETS, sha256(info).digest())),
                _attribute(_SIGNING_CERTIFICATE, named),
            ]
        )
        # SOURCE: RFC 5652 §5.4: signed as a SET, carried as [0]
        signature = self._names.key.sign(
            der(_SET, *attributes), padding.PKCS1v15(), hashes.SHA256()
        )
        algorithm = der(_SEQUENCE, oid(_SHA256))
        signer = der(
            _SEQUENCE,
            integer(1),
            der(
                _SEQUENCE,
                self._names.own.issuer.public_bytes(),
                integer(self._names.own.serial_number),
            ),
            algorithm,
            der(0xA0, *attributes),
            der(_SEQUENCE, oid(_RSA), b"\x05\x00"),
            der(_OCTETS, signature),
        )
        signed = der(
            _SEQUENCE,
            integer(3),
            der(_SET, algorithm),
            der(_SEQUENCE, oid(_TST_INFO), der(0xA0, der(_OCTETS, info))),
            der(0xA0, *sorted([*self._names.carried, *beside])),
            der(_SET, signer),
        )
        return der(_SEQUENCE, oid(_SIGNED_DATA), der(0xA0, signed))


class OpensslAuthority:
    """A time-stamp authority whose tokens `openssl ts -reply` makes, by this machine's clock.

    Args:
        folder: for its files.
        names: whose certificates and key it has.

    Raises:
        FileNotFoundError: there is no `openssl` here.
    """

    def __init__(self, folder: Path, names: FakeAuthority) -> None:
        self._command = openssl()
        self._folder = folder
        self._lock = threading.Lock()
        names.write(folder)
        self.roots_pem = names.roots_pem
        (folder / "serial").write_text("01\n")
        (folder / "tsa.cnf").write_text(
            "[tsa]\ndefault_tsa = own\n[own]\n"
            f"serial = {folder}/serial\nsigner_cert = {folder}/own.pem\n"
            f"signer_key = {folder}/own.key\nsigner_digest = sha256\n"
            f"default_policy = {POLICY}\ndigests = sha256, sha512\naccuracy = secs:1\n"
            "ess_cert_id_alg = sha256\n"
        )

    def answer(self, request: bytes) -> bytes:
        """The response to a request, granted or not."""
        with self._lock, tempfile.TemporaryDirectory(dir=self._folder) as name:
            asked, said = Path(name, "asked"), Path(name, "said")
            asked.write_bytes(request)
            config = ["-config", str(self._folder / "tsa.cnf"), "-section", "own"]
            command = [self._command, "ts", "-reply", *config, "-queryfile", str(asked)]
            # Paths of this class's own making.
            subprocess.run(
                [*command, "-out", str(said)], check=False, capture_output=True, timeout=60
            )
            return said.read_bytes()


def openssl() -> str:
    """The path of the command.

    Raises:
        FileNotFoundError: there is none.
    """
    found = shutil.which("openssl")
    if found is None:
        raise FileNotFoundError(2, "no such command", "openssl")
    return found


Answer = Callable[[bytes], bytes]
"""Gives the response to a request, both in DER."""


@dataclass(slots=True, kw_only=True)
class TsaServer:
    """An authority behind HTTP, in background threads of this process.

    Attributes:
        answer: gives the response to a request; may be exchanged while it runs.
        asked: the requests so far.
    """

    answer: Answer
    asked: list[bytes] = field(default_factory=list[bytes])
    _server: ThreadingHTTPServer = field(init=False)
    _thread: threading.Thread = field(init=False)

    def __post_init__(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        )

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/tsr"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _handler_of(server: TsaServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        """Passes a request on."""

        def do_POST(self) -> None:
            """SOURCE: RFC 3161 §3.4."""
            request = self.rfile.read(int(self.headers["content-length"]))
            wanted = self.headers["content-type"] == "application/timestamp-query"
            server.asked.append(request)
            reply = server.answer(request) if wanted else b""
            self.send_response(200 if wanted else 415)
            self.send_header("content-type", "application/timestamp-reply")
            self.send_header("content-length", str(len(reply)))
            self.end_headers()
            self.wfile.write(reply)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing."""

    return Handler


def granted(token: bytes) -> bytes:
    """The response that carries a token."""
    return der(_SEQUENCE, der(_SEQUENCE, integer(0)), token)


def refused(status: int = 2, said: str = "no") -> bytes:
    """A response without a token; 2 is a rejection."""
    return der(_SEQUENCE, der(_SEQUENCE, integer(status), der(_SEQUENCE, der(0x0C, said.encode()))))


def read_request(request: bytes) -> tuple[bytes, bytes]:
    """The DER of the message imprint and of the nonce, which is empty when there is none."""
    (_, inside, _), *_ = _parts(request)
    (_, _, _), (_, _, imprint), *rest = _parts(inside)
    nonces = [whole for tag, _, whole in rest if tag == _INTEGER]
    return imprint, nonces[0] if nonces else b""


def imprint_of(digest: bytes) -> bytes:
    """The message imprint with a SHA-256 digest."""
    return der(_SEQUENCE, der(_SEQUENCE, oid(_SHA256), b"\x05\x00"), der(_OCTETS, digest))


def integer(value: int) -> bytes:
    """The DER of a number that is not negative."""
    return der(_INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def oid(dotted: str) -> bytes:
    """The DER of an object identifier."""
    first, second, *rest = map(int, dotted.split("."))
    encoded = bytearray()
    for arc in (40 * first + second, *rest):
        digits = [arc & 0x7F]
        while arc := arc >> 7:
            digits.append(arc & 0x7F | 0x80)
        encoded += bytes(reversed(digits))
    return der(_OID, bytes(encoded))


def der(tag: int, *parts: bytes) -> bytes:
    """A value with its tag and length."""
    content = b"".join(parts)
    if len(content) < 0x80:
        return bytes([tag, len(content)]) + content
    size = len(content).to_bytes((len(content).bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(size)]) + size + content


def _parts(content: bytes) -> list[tuple[int, bytes, bytes]]:
    """Tag, content and whole of each value."""
    found: list[tuple[int, bytes, bytes]] = []
    while content:
        begin, length = 2, content[1]
        if length & 0x80:
            begin += length & 0x7F
            length = int.from_bytes(content[2:begin], "big")
        end = begin + length
        found.append((content[0], content[begin:end], content[:end]))
        content = content[end:]
    return found


def _attribute(kind: str, value: bytes) -> bytes:
    return der(_SEQUENCE, oid(kind), der(_SET, value))


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _certificate(
    issuer: x509.Name, subject: x509.Name, key: rsa.RSAPublicKey, serial: int
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .issuer_name(issuer)
        .subject_name(subject)
        .public_key(key)
        .serial_number(serial)
    )
