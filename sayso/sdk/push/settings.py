"""`[channels.push]`: the keys that name this server to push services, and who answers for it."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from sayso.errors import Code, ConfigError
from sayso.extras import missing_extra
from sayso.secret import Secret
from sayso.settings.base import Reference, Section
from sayso.toml import TomlMistakeError, check_as

if TYPE_CHECKING:
    from sayso.sdk.workspace import Workspace

CHANNEL = "push"
PAGE = "docs/how-to/get-told-on-your-phone.md"
MAKE_A_KEY = "openssl ecparam -name prime256v1 -genkey -noout -out keys/push.key"


class PushSection(Section):
    """Whose name pushes carry.

    Attributes:
        key: where the private key is: P-256, as PEM. older_keys: those before it, by which the
            browsers are still told that were turned on with them.
        contact: an e-mail address that a push service may write to. Source: RFC 8292 §2.1.
    """

    key: Reference
    older_keys: tuple[Reference, ...] = ()
    contact: Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$", max_length=254)]


@dataclass(frozen=True, slots=True, kw_only=True)
class PushKey:
    """A key pair.

    Attributes:
        private: PEM. public: PEM of its public half.
        named: the public half as browsers take it, an uncompressed point in base64url.
    """

    private: Secret
    public: str
    named: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PushSettings:
    """The section, read. `keys`: the newest first."""

    keys: Sequence[PushKey]
    contact: str

    def key(self, named: str) -> PushKey | None:
        """The key by which a browser was turned on; None where it is not here any more."""
        return next((one for one in self.keys if one.named == named), None)


def read_settings(workspace: Workspace) -> PushSettings | None:
    """The settings of a workspace; None where nothing is pushed.

    Raises:
        ConfigError: `invalid_setting`, `missing_secret`.
    """
    table = workspace.settings.channels.get(CHANNEL)
    if table is None:
        return None
    try:
        section = check_as(PushSection, table)
    except TomlMistakeError as error:
        raise ConfigError(
            Code.INVALID_SETTING,
            f"`[channels.push]`: {error}",
            next_step=f"{PAGE} names all of them",
        ) from error
    references = (section.key, *section.older_keys)
    return PushSettings(
        keys=tuple(_read(one, workspace.secret(one)) for one in references),
        contact=section.contact,
    )


def check_extra() -> None:
    """Make sure that what encrypts is installed; nothing is imported.

    Raises:
        ConfigError: `missing_extra`.
    """
    if find_spec("webpush") is None:
        raise missing_extra("push", "`[channels.push]` needs what encrypts a push")


def _read(reference: str, secret: Secret) -> PushKey:
    from cryptography.hazmat.primitives import serialization  # only who pushes pays for it
    from cryptography.hazmat.primitives.asymmetric import ec

    try:
        key = serialization.load_pem_private_key(secret.reveal().encode(), password=None)
    except (ValueError, TypeError) as error:
        raise _no_key(reference) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != "secp256r1":
        raise _no_key(reference)
    point = key.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return PushKey(
        private=secret,
        public=public.decode(),
        named=base64.urlsafe_b64encode(point).rstrip(b"=").decode(),
    )


def _no_key(reference: str) -> ConfigError:
    return ConfigError(
        Code.INVALID_SETTING,
        f"`{reference}` holds no private key of the curve P-256",
        next_step=f"make one once: `{MAKE_A_KEY}`",
    )
