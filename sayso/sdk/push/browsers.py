"""The browsers in which people are told: turned on by their person there, and taken back.

No entry of the log tells of one: it decides nothing and opens nothing, and a row that is gone is a
browser that is silent.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import orjson
from pydantic import AnyHttpUrl, BaseModel, Field, TypeAdapter, ValidationError

from sayso.errors import Code, ConfigError, IntegrityError, RefusedError
from sayso.ids import Tenant, rfc3339, to_micros
from sayso.sdk.push.settings import PAGE, PushSettings, check_extra, read_settings
from sayso.sdk.resources.base import Resource
from sayso.sdk.resources.connections import read_vault
from sayso.settings import FILE_NAME, WebhooksSection
from sayso.store.base import Reader, Row, Transaction, blob, integer, text
from sayso.text import plain

if TYPE_CHECKING:
    from sayso.connectors.vault import Vault
    from sayso.sdk.container import Container
    from sayso.sdk.workspace import Workspace

MOST_BROWSERS = 10
"""Of one person: each is called with whatever they are told."""
_MOST_SAID = 4096
_POINT_BYTES, _AUTH_BYTES = 65, 16
"""SOURCE: RFC 8291 §3.1, §3.2: an uncompressed P-256 point, and 16 bytes."""


class _Keys(BaseModel):
    p256dh: str = Field(max_length=120)
    auth: str = Field(max_length=40)


class _Said(BaseModel):
    """A `PushSubscription` as a browser writes it. Source: W3C Push API, `toJSON`."""

    endpoint: str = Field(max_length=2000)
    keys: _Keys


@dataclass(frozen=True, slots=True, kw_only=True)
class Browser:
    """A browser, opened.

    Attributes:
        endpoint: where it is pushed to. p256dh, auth: its keys, base64url.
        key: by which of our keys it was turned on, see `PushKey.named`. language: of its person.
        name: what it calls itself, such as `Chrome, Android`. created_at: microseconds since 1970.
    """

    tenant: Tenant
    id: str
    person: str
    endpoint: str
    p256dh: str
    auth: str
    key: str
    language: str
    name: str
    created_at: int

    @property
    def since(self) -> str:
        """When it was turned on, RFC 3339."""
        return rfc3339(self.created_at)


_Sealed = TypeAdapter(tuple[str, str, str, str, str, str])
_Url = TypeAdapter(AnyHttpUrl)


class BrowserResource(Resource):
    """The browsers of a workspace's people."""

    def __init__(self, container: Container, workspace: Workspace) -> None:
        super().__init__(container)
        self._workspace = workspace

    @cached_property
    def settings(self) -> PushSettings | None:
        """`[channels.push]`, read; None where nothing is pushed.

        Raises:
            ConfigError: see `read_settings`.
        """
        return read_settings(self._workspace)

    async def add(
        self,
        person: str,
        said: str,
        *,
        language: str = "en",
        name: str = "",
        tenant: str | None = None,
    ) -> Browser:
        """Have a person told in a browser from now on, in place of whoever had it before.

        Args:
            said: the subscription as the browser writes it, JSON.
            language: in which it is told. name: what the browser calls itself.

        Raises:
            RefusedError: `not_found` for nobody who is active; `invalid_input` for what is no
                subscription, for an address that is not let through, and beyond `MOST_BROWSERS`;
                `wrong_state` where nothing is pushed.
            ConfigError: `missing_extra`, `missing_secret`.
        """
        settings = self.settings
        if settings is None:
            raise RefusedError(
                Code.WRONG_STATE,
                "nothing is pushed here",
                next_step=f"set `[channels.push]` up as {PAGE} says",
            )
        check_extra()
        found, where = _read_said(said), self._tenant(tenant)
        endpoint = allowed(found.endpoint, self._workspace.settings.webhooks)
        made = Browser(
            tenant=where,
            id=self._container.ids.new("psh"),
            person=person,
            endpoint=endpoint,
            p256dh=found.keys.p256dh,
            auth=found.keys.auth,
            key=settings.keys[0].named,
            language=language,
            name=plain(name, limit=60),
            created_at=to_micros(self._container.clock.now()),
        )
        sealed = _seal(self._vault, made)

        def write(tx: Transaction) -> None:
            if self._container.directory.at(tx, where).person(person) is None:
                raise RefusedError(
                    Code.NOT_FOUND,
                    f"`{plain(person, limit=64)}` is no active person here",
                    next_step="`sayso people list` shows them all",
                )
            digest = _digest(endpoint)
            tx.run("push.forget_endpoint", tenant=where, endpoint_sha256=digest)
            if len(tx.all("push.of_person", tenant=where, person=person)) >= MOST_BROWSERS:
                raise RefusedError(
                    Code.INVALID_INPUT,
                    f"a person has at most {MOST_BROWSERS} browsers",
                    next_step="take one back that you do not use any more",
                )
            tx.run(
                "push.insert",
                tenant=where,
                id=made.id,
                person=person,
                endpoint_sha256=digest,
                sealed=sealed,
                now=made.created_at,
            )

        await self._container.store.write(write, about=where)
        return made

    async def list(
        self, person: str | None = None, *, tenant: str | None = None
    ) -> Sequence[Browser]:
        """The browsers of a person, or of everybody, the oldest first; what does not open is none.

        Args:
            person: None for all.
        """
        where = self._tenant(tenant)

        def read(reader: Reader) -> list[Row]:
            if person is None:
                return list(reader.all("push.all", tenant=where))
            return list(reader.all("push.of_person", tenant=where, person=person))

        rows = await self._container.store.read(read)
        opened = [_open(self._vault, row) for row in rows] if rows else []
        return [one for one in opened if one is not None]

    async def remove(self, person: str, browser_id: str, *, tenant: str | None = None) -> bool:
        """Tell a person nothing more in one of their browsers; whether it was one of theirs."""
        where = self._tenant(tenant)
        gone = await self._container.store.write(
            lambda tx: tx.run("push.remove", tenant=where, person=person, id=browser_id),
            about=where,
        )
        return gone > 0

    async def remove_all(self, person: str, *, tenant: str | None = None) -> None:
        """Tell a person nothing more in any browser."""
        where = self._tenant(tenant)
        await self._container.store.write(
            lambda tx: tx.run("push.forget_person", tenant=where, person=person), about=where
        )

    @cached_property
    def _vault(self) -> Vault:
        return read_vault(self._workspace)


def allowed(url: str, section: WebhooksSection) -> str:
    """The address of a push service as it is called: https, of a public host.

    INVARIANT: a browser names it, so it is foreign: judged here, and again for each connection.

    Raises:
        RefusedError: `invalid_input`.
    """
    from sayso.network import LOOPBACK, checked_url  # 10 ms, which only turning one on pays for

    private = [str(one) for one in section.private]
    try:
        found = checked_url(url, name="endpoint", private=private, query=True)
        _Url.validate_python(found)  # as what encrypts reads it: a name that IDNA forbids is none
    except (ConfigError, ValidationError) as error:
        raise _refused("where this browser is told is no address that may be called") from error
    if urlsplit(found).hostname in LOOPBACK and not section.local:
        raise _refused(f"it is on this machine, and `[webhooks] local` of {FILE_NAME} is not set")
    return found


def _refused(why: str) -> RefusedError:
    return RefusedError(Code.INVALID_INPUT, why, next_step="turn it on again, in another browser")


def _read_said(said: str) -> _Said:
    """What a browser said.

    Raises:
        RefusedError: `invalid_input`.
    """
    try:
        found = _Said.model_validate_json(said if len(said) <= _MOST_SAID else "")
        sizes = (_size(found.keys.p256dh), _size(found.keys.auth))
    except (ValidationError, ValueError) as error:
        raise _refused("this is no subscription of a browser") from error
    if sizes != (_POINT_BYTES, _AUTH_BYTES) or not _is_point(found.keys.p256dh):
        raise _refused("its keys are none that a browser makes")
    return found


def _is_point(said: str) -> bool:
    from cryptography.hazmat.primitives.asymmetric import ec

    try:
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), _bytes(said))
    except ValueError:
        return False
    return True


def _size(said: str) -> int:
    return len(_bytes(said))


def _bytes(said: str) -> bytes:
    return base64.b64decode(said + "=" * (-len(said) % 4), altchars=b"-_", validate=True)


def _digest(endpoint: str) -> str:
    return hashlib.sha256(endpoint.encode()).hexdigest()


def _seal(vault: Vault, one: Browser) -> bytes:
    kept = [one.endpoint, one.p256dh, one.auth, one.key, one.language, one.name]
    return vault.seal(orjson.dumps(kept), tenant=one.tenant, connection=_place(one.person, one.id))


def _open(vault: Vault, row: Row) -> Browser | None:
    """The opened form; None for what the vault has not sealed for this row and this person."""
    tenant, person, browser_id = Tenant(text(row, "tenant")), text(row, "person"), text(row, "id")
    try:
        sealed = vault.open(
            blob(row, "sealed"), tenant=tenant, connection=_place(person, browser_id)
        )
    except (IntegrityError, ConfigError):
        return None
    endpoint, p256dh, auth, key, language, name = _Sealed.validate_json(sealed)
    return Browser(
        tenant=tenant,
        id=browser_id,
        person=person,
        endpoint=endpoint,
        p256dh=p256dh,
        auth=auth,
        key=key,
        language=language,
        name=name,
        created_at=integer(row, "created_at"),
    )


def _place(person: str, browser_id: str) -> str:
    return f"push/{person}/{browser_id}"
