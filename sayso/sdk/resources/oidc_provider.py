"""A company's OpenID provider: what it says of itself, its keys, and what its tokens say.

joserfc checks the tokens; what they have to say, and by which algorithms, is ours.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NoReturn, cast

from sayso.audit.entry import Actor, ActorKind
from sayso.errors import Code, RefusedError, RetryableError
from sayso.nesting import read_json
from sayso.sdk.resources.base import Resource
from sayso.sdk.resources.identity import safe_client
from sayso.settings.surfaces import OidcSection

if TYPE_CHECKING:
    from joserfc.jwk import KeySet

    from sayso.connectors.oauth.connection import Connection
    from sayso.sdk.container import Container
    from sayso.sdk.workspace import Workspace
    from sayso.secret import Secret

PROVIDER = Actor(kind=ActorKind.SYSTEM, id="oidc")
"""Who says what roles somebody has, where they follow the groups of a company."""
LEEWAY_S = 30
KEPT_S = 600
"""How long the provider's description and keys are taken as they were read."""
_ANEW_S = 30
"""So often at most its keys are read again for one that is not among them."""
_ALGORITHMS = ["RS256", "ES256", "EdDSA"]
_MOST_TOKEN = 32_768
_NEEDED = ("authorization_endpoint", "token_endpoint", "jwks_uri")
_MORE = ("userinfo_endpoint", "revocation_endpoint", "end_session_endpoint")
_LOGOUT = "http://schemas.openid.net/event/backchannel-logout"
Claims = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """What a provider says of itself, and its keys.

    Attributes:
        places: its endpoints by their names in the description, as far as it has them.
    """

    read_at: float
    keys_read_at: float
    places: Mapping[str, str]
    announces_issuer: bool
    keys: KeySet


class OidcProvider(Resource):
    """Reads the provider, and checks what it has signed."""

    def __init__(self, container: Container, workspace: Workspace) -> None:
        super().__init__(container)
        self._workspace = workspace
        self._private = tuple(map(str, workspace.settings.network.private))
        self._described: Described | None = None

    @property
    def section(self) -> OidcSection:
        """How it is set up.

        Raises:
            RefusedError: `not_found`, without `[console.oidc]`.
        """
        section = self._workspace.settings.console.oidc
        if section is None:
            raise RefusedError(
                Code.NOT_FOUND,
                "nobody signs in by a company's provider here",
                next_step="set [console.oidc] in sayso.toml",
            )
        return section

    async def connection(self, redirect_uri: str = "", name: str = "console/oidc") -> Connection:
        """Our registration there, for a token endpoint.

        Args:
            redirect_uri: of a login; empty for a refresh.
        """
        from sayso.connectors.oauth.connection import Connection

        section, described = self.section, await self.described()
        secret = section.client_secret
        return Connection(
            id=name,
            grant="refresh_token",
            token_endpoint=described.places["token_endpoint"],
            authorization_endpoint=described.places["authorization_endpoint"],
            client_id=section.client_id,
            client_secret=None if secret is None else self._workspace.secret(secret),
            auth_method="none" if secret is None else None,
            # SOURCE: RFC 6749 §6: none for a refresh is what was given, which may be less than was
            # asked for: whoever asks for it again is refused.
            scopes=tuple(dict.fromkeys(("openid", *section.scopes))) if redirect_uri else (),
            redirect_uri=redirect_uri,
        )

    async def described(self) -> Described:
        """What it says of itself, as of the last ten minutes.

        Raises:
            RetryableError: it does not answer, or describes somebody else.
        """
        now, section = self._container.clock.now().timestamp(), self.section
        if self._described is not None and now - self._described.read_at <= KEPT_S:
            return self._described
        base = section.issuer.rstrip("/")
        said = await self._json_at(f"{base}/.well-known/openid-configuration")
        places = {
            name: one for name in (*_NEEDED, *_MORE) if isinstance(one := said.get(name), str)
        }
        # SOURCE: OpenID Connect Discovery §4.3: who says otherwise of itself is somebody else.
        if said.get("issuer") != section.issuer or not places.keys() >= set(_NEEDED):
            raise _unusable("it does not describe the issuer that sayso.toml names")
        self._described = Described(
            read_at=now,
            keys_read_at=now,
            places=places,
            announces_issuer=said.get("authorization_response_iss_parameter_supported") is True,
            keys=await self._keys_at(places["jwks_uri"]),
        )
        return self._described

    async def login_claims(self, token: str, access: str, *, nonce: str) -> Claims:
        """What an ID token of a login says, once everything about it holds.

        Raises:
            RefusedError: `unauthenticated`.
        """
        claims = await self._signed(token, nonce={"essential": True, "value": nonce})
        self._check_party(claims)
        return await self._with_groups(claims, access)

    async def later_claims(self, token: str, access: str, *, first: Claims) -> Claims:
        """What the provider says of the same person later, by the answer to a refresh.

        Args:
            token: the new ID token; empty where the answer has none, which is asked for then.
            first: the claims of the ID token of the login.

        Raises:
            RefusedError: `unauthenticated`, also for another person.
        """
        if not token:
            return await self._userinfo(access, str(first["sub"]))
        claims = await self._signed(token)
        self._check_party(claims)
        # SOURCE: OpenID Connect Core §12.2: the same person, and no nonce but the first one.
        if claims["sub"] != first["sub"] or claims.get("nonce") not in {None, first.get("nonce")}:
            refuse("the answer to a refresh is of another sign-in")
        return await self._with_groups(claims, access)

    async def logout_claims(self, token: str) -> Claims:
        """What a logout token says, once everything about it holds.

        Raises:
            RefusedError: `unauthenticated`.
        """
        claims = await self._signed(token, essential=("exp", "iat", "jti"))
        events: object = claims.get("events")
        told = cast("Claims", events).get(_LOGOUT) if isinstance(events, dict) else None
        named = (claims.get("sub"), claims.get("sid"))
        # SOURCE: OpenID Connect Back-Channel Logout 1.0 §2.6: an ID token is none, nor is a token
        # of another event.
        if not isinstance(told, dict):
            refuse("it tells of no logout")
        if "nonce" in claims or not any(isinstance(one, str) and one for one in named):
            refuse("it is no logout token")
        return claims

    async def _with_groups(self, claims: Claims, access: str) -> Claims:
        """The same, with the groups of the userinfo where a thin ID token leaves them out."""
        section = self.section
        described = await self.described()
        asks = section.groups and section.groups_claim not in claims
        if not asks or not access or "userinfo_endpoint" not in described.places:
            return claims
        return {**await self._userinfo(access, str(claims["sub"])), **claims}

    async def _userinfo(self, access: str, subject: str) -> Claims:
        place = (await self.described()).places.get("userinfo_endpoint")
        if place is None:
            refuse("the answer to a refresh has no ID token, and there is no userinfo")
        said = await self._json_at(place, bearer=access)
        # SOURCE: OpenID Connect Core §5.3.4, against swapped tokens.
        if said.get("sub") != subject:
            refuse("the userinfo is of somebody else")
        return said

    async def _signed(
        self, token: str, *, essential: tuple[str, ...] = ("exp", "iat", "sub"), **wanted: Any
    ) -> Claims:
        if not token.isascii() or not 0 < len(token) <= _MOST_TOKEN:
            refuse("there is no token")
        needed = {name: {"essential": True} for name in essential} | wanted
        described = await self.described()
        try:
            return self._decoded(described.keys, token, needed)
        except _KeyUnknownError:
            described = await self._read_keys(described)
        try:
            return self._decoded(described.keys, token, needed)
        except _KeyUnknownError:
            refuse("its key is not the provider's")

    def _decoded(self, keys: KeySet, token: str, needed: Mapping[str, Any]) -> Claims:
        from joserfc import jwt
        from joserfc.errors import (
            BadSignatureError,
            InvalidKeyIdError,
            InvalidKeyTypeError,
            JoseError,
        )

        section = self.section
        wanted = jwt.JWTClaimsRegistry(
            now=int(self._container.clock.now().timestamp()),
            leeway=LEEWAY_S,
            iss={"essential": True, "value": section.issuer},
            aud={"essential": True, "value": section.client_id},
            **needed,
        )
        try:
            # INVARIANT: the algorithms are ours, whatever the provider or the token says.
            decoded = jwt.decode(token, keys, algorithms=_ALGORITHMS)
            wanted.validate(decoded.claims)
        except (InvalidKeyIdError, InvalidKeyTypeError, BadSignatureError) as error:
            # NOTE: a provider of one key need not name it, so a new one is not told by its name.
            raise _KeyUnknownError from error
        except (JoseError, ValueError, TypeError, KeyError) as error:
            refuse(type(error).__name__)
        return cast("Claims", decoded.claims)

    def _check_party(self, claims: Claims) -> None:
        client = self.section.client_id
        azp, aud = claims.get("azp"), claims.get("aud")
        alone = isinstance(aud, str) or (isinstance(aud, list) and aud == [client])
        # SOURCE: OpenID Connect Core §3.1.3.7, 3 to 5.
        if (azp is not None and azp != client) or (azp is None and not alone):
            refuse("it is for another program")
        if not isinstance(claims["sub"], str) or not claims["sub"]:
            refuse("it names nobody")

    async def _read_keys(self, described: Described) -> Described:
        now = self._container.clock.now().timestamp()
        if now - described.keys_read_at < _ANEW_S and described.keys_read_at != described.read_at:
            return described
        keys = await self._keys_at(described.places["jwks_uri"])
        self._described = replace(described, keys_read_at=now, keys=keys)
        return self._described

    async def _keys_at(self, url: str) -> KeySet:
        from joserfc.errors import JoseError
        from joserfc.jwk import KeySet

        try:
            return KeySet.import_key_set(cast("Any", await self._json_at(url)))
        except (JoseError, ValueError, KeyError, TypeError) as error:
            raise _unusable(type(error).__name__) from error

    async def _json_at(self, url: str, *, bearer: str = "") -> dict[str, Any]:
        from sayso.connectors.http import HttpRequest

        headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
        client = safe_client("console.oidc", url, self._private)
        try:
            answer = await client.send(HttpRequest(method="GET", url=url, headers=headers))
        finally:
            await client.close()
        if bearer and answer.status in {401, 403}:
            refuse("the provider knows them no more")
        try:
            said: object = read_json(answer.body) if answer.status == 200 else None
        except ValueError:
            said = None
        if not isinstance(said, dict):
            raise _unusable(f"HTTP {answer.status}")
        return cast("dict[str, Any]", said)


class _KeyUnknownError(Exception):
    """None of the keys that were read has signed the token: it may be a new one."""


def roles_of_groups(section: OidcSection, claims: Claims) -> tuple[str, ...] | None:
    """The roles of somebody's groups; None where groups give none here."""
    if not section.groups:
        return None
    said = claims.get(section.groups_claim)
    found = cast("list[object]", said) if isinstance(said, list) else [said]
    named = [one for one in found if isinstance(one, str)]
    roles = {role for name in named for role in section.groups.get(name, ())}
    return tuple(sorted(roles))


def no_role() -> RefusedError:
    """Somebody whom no group gives anything here."""
    return RefusedError(
        Code.FORBIDDEN,
        "none of your groups has a role here",
        next_step="ask whoever keeps [console.oidc] groups, or your company's groups",
    )


def kept_claims(token: Secret) -> Claims:
    """What an ID token says that was checked when it came, and sealed since."""
    body = token.reveal().split(".")[1]
    said: Claims = read_json(urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return said


def refuse(why: str) -> NoReturn:
    """Refuse whatever does not hold.

    Raises:
        RefusedError: `unauthenticated`.
    """
    # NOTE: why is for the log of whoever runs it; a browser that guesses learns nothing more.
    raise RefusedError(
        Code.UNAUTHENTICATED,
        "your company's sign-in does not hold",
        next_step="begin again from this page",
        detail=why,
    )


def _unusable(detail: str) -> RetryableError:
    return RetryableError(
        Code.PROVIDER_UNAVAILABLE,
        "your company's sign-in gave no usable answer",
        next_step="try again, or check `issuer` of [console.oidc]; a one-time link works meanwhile",
        detail=detail,
    )
