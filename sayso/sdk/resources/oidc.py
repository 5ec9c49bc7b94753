"""Signing in by a company's OpenID provider: Authlib's code flow, joserfc's checks, our rules.

Nothing of a login is kept here between its two halves: state, nonce and verifier are derived from
one secret in a cookie of the browser that began it, so that no other browser can end it.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NoReturn, cast

from sayso.audit.authority.by import By
from sayso.audit.authority.people import KnownPerson
from sayso.audit.entry import Actor, ActorKind
from sayso.errors import Code, RefusedError, RetryableError
from sayso.sdk.identity import safe_client
from sayso.sdk.resources.base import Resource
from sayso.sdk.resources.people import by_oidc, oidc_link
from sayso.sdk.resources.sessions import Session, SessionResource
from sayso.settings.surfaces import OidcSection
from sayso.text import plain

if TYPE_CHECKING:
    from joserfc.jwk import KeySet

    from sayso.connectors.oauth.connection import Connection
    from sayso.sdk.container import Container
    from sayso.sdk.workspace import Workspace

LEEWAY_S = 30
KEPT_S = 600
"""How long the provider's description and keys are taken as they were read."""
_ANEW_S = 30
"""So often at most its keys are read again for one that is not among them."""
_ALGORITHMS = ["RS256", "ES256", "EdDSA"]
_MOST_TOKEN = 32_768
_NO_ID = re.compile(r"[^a-z0-9_.@-]+")
PROVIDER = Actor(kind=ActorKind.SYSTEM, id="oidc")
"""Who says what roles somebody has, where they follow the groups of a company."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Provider:
    """What a provider says of itself, and its keys."""

    read_at: float
    keys_read_at: float
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    announces_issuer: bool
    keys: KeySet


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """Both halves of a login, from the secret that its browser keeps.

    Attributes:
        secret: random, of this login alone.
    """

    secret: str

    def _of(self, use: str) -> str:
        return hashlib.sha256(f"sayso/oidc/{use}\0{self.secret}".encode()).hexdigest()

    @property
    def state(self) -> str:
        """What comes back with the answer."""
        return self._of("state")

    @property
    def nonce(self) -> str:
        """What stands in the ID token."""
        return self._of("nonce")

    @property
    def verifier(self) -> str:
        """PKCE's secret half."""
        return self._of("verifier")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a browser brings back from the provider; each is empty where it brought none."""

    code: str = ""
    state: str = ""
    issuer: str = ""
    error: str = ""


class OidcResource(Resource):
    """Sends people to their company's provider, and takes them back."""

    def __init__(self, container: Container, workspace: Workspace) -> None:
        super().__init__(container)
        self._workspace = workspace
        self._private = tuple(map(str, workspace.settings.network.private))
        self._provider: _Provider | None = None

    @property
    def name(self) -> str:
        """What the button says; empty where there is no provider."""
        section = self._workspace.settings.console.oidc
        return "" if section is None else section.name

    async def begin(self, login: Login, redirect_uri: str) -> str:
        """Where the browser goes.

        Raises:
            RefusedError: `not_found`, without `[console.oidc]`.
            RetryableError: the provider does not answer.
        """
        from sayso.connectors.oauth.client import OAuthExchange  # loads Authlib

        section = self._section()
        provider = await self._read(section)
        connection = self._connection(section, provider, redirect_uri)
        return OAuthExchange(clock=self._container.clock).authorization_url(
            connection, state=login.state, verifier=login.verifier, nonce=login.nonce
        )

    async def finish(self, login: Login, answer: Answer, redirect_uri: str) -> tuple[Session, str]:
        """A session of whom the provider names.

        Raises:
            RefusedError: `unauthenticated`, for whatever does not hold; `forbidden`, for somebody
                whom nobody has linked, or who has no group with a role.
            RetryableError: the provider does not answer.
        """
        claims = await self._claims(login, answer, redirect_uri)
        person = await self._person(claims)
        return await SessionResource(self._container).begin(person.id, via="oidc")

    async def link(
        self, session: Session, login: Login, answer: Answer, redirect_uri: str
    ) -> KnownPerson:
        """Have who is signed in come in by their company from now on, too.

        Raises:
            RefusedError: as `finish`; `invalid_input`, for a sign-in that is somebody else's.
        """
        claims = await self._claims(login, answer, redirect_uri)
        by = By(actor=session.token.actor, credential=session.token.id, via="console")
        return await self._container.people.change(
            self._container.tenant, session.person, oidc=self._link(claims), by=by
        )

    def _section(self) -> OidcSection:
        section = self._workspace.settings.console.oidc
        if section is None:
            raise RefusedError(
                Code.NOT_FOUND,
                "nobody signs in by a company's provider here",
                next_step="set [console.oidc] in sayso.toml",
            )
        return section

    def _link(self, claims: Mapping[str, object]) -> str:
        return oidc_link(self._section().issuer, cast("str", claims["sub"]))

    async def _person(self, claims: Mapping[str, object]) -> KnownPerson:
        section = self._section()
        tenant, people = self._container.tenant, self._container.people
        known = by_oidc(await people.authority(tenant), self._link(claims))
        roles = _roles(section, claims)
        by = By(actor=PROVIDER, via="oidc")
        if known is None:
            return await self._create(claims, roles or (), by)
        # INVARIANT: by the log, and so for every surface; whoever has left all groups has no role.
        if roles is not None and frozenset(roles) != known.roles:
            known = await people.change(tenant, known.id, roles=roles, by=by)
        if roles is not None and not roles:
            raise _no_role()
        return known

    async def _create(
        self, claims: Mapping[str, object], roles: tuple[str, ...], by: By
    ) -> KnownPerson:
        section = self._section()
        name = claims.get(section.create) if section.create is not None else None
        if not isinstance(name, str):
            raise RefusedError(
                Code.FORBIDDEN,
                "nobody here is linked with that sign-in",
                next_step="sign in by a one-time link, and link it under your name",
            )
        if not roles:
            raise _no_role()
        person = _NO_ID.sub("-", name.partition("@")[0].lower()).strip("-._@")[:64]
        tenant, people = self._container.tenant, self._container.people
        authority = await people.authority(tenant)
        if not person or person in authority.people:
            # INVARIANT: a name or an address that a provider says makes nobody somebody known.
            raise RefusedError(
                Code.FORBIDDEN,
                "somebody else has that name here, or you have signed in otherwise before",
                next_step="sign in by a one-time link, and link it under your name",
            )
        return await people.add(tenant, person, roles, oidc=self._link(claims), by=by)

    async def _claims(
        self, login: Login, answer: Answer, redirect_uri: str
    ) -> Mapping[str, object]:
        """The claims of the ID token, once everything about it holds."""
        section = self._section()
        # The state first: what else is in an answer of nobody's login is not looked at.
        if not hmac.compare_digest(login.state.encode(), answer.state.encode()):
            _refuse("the answer belongs to another login")
        provider = await self._read(section)
        # SOURCE: RFC 9207 §2.4, against mix-up.
        if answer.issuer != section.issuer and (answer.issuer or provider.announces_issuer):
            _refuse("the answer is of another provider")
        if answer.error:
            _refuse(f"the provider says {plain(answer.error, limit=40)}")
        if not answer.code:
            _refuse("the answer has no code")
        token = await self._id_token(section, provider, login, answer.code, redirect_uri)
        if not token.isascii() or not 0 < len(token) <= _MOST_TOKEN:
            _refuse("there is no ID token")
        try:
            return self._checked(section, provider.keys, token, login)
        except _KeyUnknownError:
            provider = await self._read_keys(section, provider)
        try:
            return self._checked(section, provider.keys, token, login)
        except _KeyUnknownError:
            _refuse("its key is not the provider's")

    async def _id_token(
        self, section: OidcSection, provider: _Provider, login: Login, code: str, redirect_uri: str
    ) -> str:
        from sayso.connectors.oauth.client import OAuthExchange

        exchange = OAuthExchange(clock=self._container.clock)
        connection = self._connection(section, provider, redirect_uri)
        try:
            return await exchange.id_token(connection, code=code, verifier=login.verifier)
        except RefusedError as error:
            _refuse(error.detail or error.code.value)

    def _checked(
        self, section: OidcSection, keys: KeySet, token: str, login: Login
    ) -> Mapping[str, object]:
        from joserfc import jwt
        from joserfc.errors import InvalidKeyIdError, JoseError

        now = int(self._container.clock.now().timestamp())
        wanted = jwt.JWTClaimsRegistry(
            now=now,
            leeway=LEEWAY_S,
            iss={"essential": True, "value": section.issuer},
            aud={"essential": True, "value": section.client_id},
            nonce={"essential": True, "value": login.nonce},
            exp={"essential": True},
            iat={"essential": True},
            sub={"essential": True},
        )
        try:
            # INVARIANT: the algorithms are ours, whatever the provider or the token says.
            decoded = jwt.decode(token, keys, algorithms=_ALGORITHMS)
            wanted.validate(decoded.claims)
        except InvalidKeyIdError as error:
            raise _KeyUnknownError from error
        except (JoseError, ValueError, TypeError, KeyError) as error:
            _refuse(type(error).__name__)
        claims = cast("Mapping[str, object]", decoded.claims)
        azp, aud = claims.get("azp"), claims.get("aud")
        alone = isinstance(aud, str) or (isinstance(aud, list) and aud == [section.client_id])
        # SOURCE: OpenID Connect Core §3.1.3.7, 3 to 5.
        if (azp is not None and azp != section.client_id) or (azp is None and not alone):
            _refuse("it is for another program")
        if not isinstance(claims["sub"], str) or not claims["sub"]:
            _refuse("it names nobody")
        return claims

    def _connection(
        self, section: OidcSection, provider: _Provider, redirect_uri: str
    ) -> Connection:
        from sayso.connectors.oauth.connection import Connection

        secret = section.client_secret
        return Connection(
            id="console/oidc",
            grant="refresh_token",
            token_endpoint=provider.token_endpoint,
            authorization_endpoint=provider.authorization_endpoint,
            client_id=section.client_id,
            client_secret=None if secret is None else self._workspace.secret(secret),
            auth_method="none" if secret is None else None,
            scopes=tuple(dict.fromkeys(("openid", *section.scopes))),
            redirect_uri=redirect_uri,
        )

    async def _read(self, section: OidcSection) -> _Provider:
        now = self._container.clock.now().timestamp()
        if self._provider is not None and now - self._provider.read_at <= KEPT_S:
            return self._provider
        base = section.issuer.rstrip("/")
        said = await _json_at(f"{base}/.well-known/openid-configuration", self._private)
        places = [said.get(name) for name in _PLACES]
        # SOURCE: OpenID Connect Discovery §4.3: who says otherwise of itself is somebody else.
        if said.get("issuer") != section.issuer or not all(isinstance(one, str) for one in places):
            raise _unusable("it does not describe the issuer that sayso.toml names")
        authorization, token, keys = cast("list[str]", places)
        self._provider = _Provider(
            read_at=now,
            keys_read_at=now,
            authorization_endpoint=authorization,
            token_endpoint=token,
            jwks_uri=keys,
            announces_issuer=said.get("authorization_response_iss_parameter_supported") is True,
            keys=await _keys_at(keys, self._private),
        )
        return self._provider

    async def _read_keys(self, section: OidcSection, provider: _Provider) -> _Provider:
        now = self._container.clock.now().timestamp()
        if now - provider.keys_read_at < _ANEW_S and provider.keys_read_at != provider.read_at:
            return provider

        self._provider = replace(
            provider, keys_read_at=now, keys=await _keys_at(provider.jwks_uri, self._private)
        )
        return self._provider


_PLACES = ("authorization_endpoint", "token_endpoint", "jwks_uri")


class _KeyUnknownError(Exception):
    """The token names a key that was not among those that were read."""


def _roles(section: OidcSection, claims: Mapping[str, object]) -> tuple[str, ...] | None:
    """The roles of somebody's groups; None where groups give none here."""
    if not section.groups:
        return None
    said = claims.get(section.groups_claim)
    found = cast("list[object]", said) if isinstance(said, list) else [said]
    named = [one for one in found if isinstance(one, str)]
    roles = {role for name in named for role in section.groups.get(name, ())}
    return tuple(sorted(roles))


async def _json_at(url: str, private: tuple[str, ...]) -> dict[str, Any]:
    from sayso.connectors.http import HttpRequest

    client = safe_client("console.oidc", url, private)
    try:
        answer = await client.send(HttpRequest(method="GET", url=url))
    finally:
        await client.close()
    try:
        said: object = json.loads(answer.body) if answer.status == 200 else None
    except ValueError:
        said = None
    if not isinstance(said, dict):
        raise _unusable(f"HTTP {answer.status}")
    return cast("dict[str, Any]", said)


async def _keys_at(url: str, private: tuple[str, ...]) -> KeySet:
    from joserfc.errors import JoseError
    from joserfc.jwk import KeySet

    try:
        return KeySet.import_key_set(cast("Any", await _json_at(url, private)))
    except (JoseError, ValueError, KeyError, TypeError) as error:
        raise _unusable(type(error).__name__) from error


def _unusable(detail: str) -> RetryableError:
    return RetryableError(
        Code.PROVIDER_UNAVAILABLE,
        "your company's sign-in gave no usable answer",
        next_step="try again, or check `issuer` of [console.oidc]; a one-time link works meanwhile",
        detail=detail,
    )


def _no_role() -> RefusedError:
    return RefusedError(
        Code.FORBIDDEN,
        "none of your groups has a role here",
        next_step="ask whoever keeps [console.oidc] groups, or your company's groups",
    )


def _refuse(why: str) -> NoReturn:
    # NOTE: why is for the log of whoever runs it; a browser that guesses learns nothing more.
    raise RefusedError(
        Code.UNAUTHENTICATED,
        "your company's sign-in does not hold",
        next_step="begin again from this page",
        detail=why,
    )
