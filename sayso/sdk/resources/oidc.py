"""Signing in by a company's OpenID provider: Authlib's code flow, and who somebody is by it.

Nothing of a login is kept here between its two halves: state, nonce and verifier are derived from
one secret in a cookie of the browser that began it, so that no other browser can end it. What is
kept of it afterwards, and asked again while the session lasts, is `oidc_sessions`.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sayso.audit.authority.by import By
from sayso.audit.authority.people import KnownPerson
from sayso.errors import Code, RefusedError
from sayso.sdk.resources.base import Resource
from sayso.sdk.resources.oidc_provider import (
    PROVIDER,
    Claims,
    OidcProvider,
    no_role,
    refuse,
    roles_of_groups,
)
from sayso.sdk.resources.oidc_sessions import OidcSessions
from sayso.sdk.resources.people import by_oidc, oidc_link
from sayso.sdk.resources.sessions import Session, SessionResource
from sayso.text import plain

if TYPE_CHECKING:
    from sayso.connectors.oauth.tokens import OAuthToken
    from sayso.sdk.container import Container
    from sayso.sdk.workspace import Workspace

_NO_ID = re.compile(r"[^a-z0-9_.@-]+")


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
class LoginCallback:
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
        self._provider = OidcProvider(container, workspace)
        self.sessions = OidcSessions(container, workspace, self._provider)

    @property
    def name(self) -> str:
        """What the button says; empty where there is no provider."""
        section = self._workspace.settings.console.oidc
        return "" if section is None else section.name

    async def check(self) -> int:
        """Ask the provider what it is, as signing in does, and say how many keys it has.

        Raises:
            RefusedError: `not_found`, without `[console.oidc]`.
            RetryableError: it does not answer, or describes somebody else.
        """
        return len((await self._provider.described()).keys.keys)

    async def begin(self, login: Login, redirect_uri: str) -> str:
        """Where the browser goes.

        Raises:
            RefusedError: `not_found`, without `[console.oidc]`.
            RetryableError: the provider does not answer.
        """
        from sayso.connectors.oauth.client import OAuthExchange  # loads Authlib

        connection = await self._provider.connection(redirect_uri)
        more = {**self._provider.section.parameters, "nonce": login.nonce}
        return OAuthExchange(clock=self._container.clock).authorization_url(
            connection, state=login.state, verifier=login.verifier, **more
        )

    async def finish(
        self, login: Login, answer: LoginCallback, redirect_uri: str
    ) -> tuple[Session, str]:
        """A session of whom the provider names.

        Raises:
            RefusedError: `unauthenticated`, for whatever does not hold; `forbidden`, for somebody
                whom nobody has linked, or who has no group with a role.
            RetryableError: the provider does not answer.
        """
        token = await self._token(login, answer, redirect_uri)
        claims = await self._claims(login, token)
        person = await self._person(claims)
        session, secret = await SessionResource(self._container).begin(person.id, via="oidc")
        await self.sessions.keep(session, token)
        return session, secret

    async def link(
        self, session: Session, login: Login, answer: LoginCallback, redirect_uri: str
    ) -> KnownPerson:
        """Have who is signed in come in by their company from now on, too.

        Raises:
            RefusedError: as `finish`; `invalid_input`, for a sign-in that is somebody else's.
        """
        claims = await self._claims(login, await self._token(login, answer, redirect_uri))
        by = By(actor=session.token.actor, credential=session.token.id, via="console")
        return await self._container.people.change(
            self._container.tenant, session.person, oidc=self._link(claims), by=by
        )

    def _link(self, claims: Claims) -> str:
        return oidc_link(self._provider.section.issuer, str(claims["sub"]))

    async def _person(self, claims: Claims) -> KnownPerson:
        tenant, people = self._container.tenant, self._container.people
        known = by_oidc(await people.authority(tenant), self._link(claims))
        if known is None:
            return await self._create(claims)
        return await self.sessions.follow(known, claims)

    async def _create(self, claims: Claims) -> KnownPerson:
        section = self._provider.section
        name = claims.get(section.create) if section.create is not None else None
        if not isinstance(name, str):
            raise RefusedError(
                Code.FORBIDDEN,
                "nobody here is linked with that sign-in",
                next_step="sign in by a one-time link, and link it under your name",
            )
        roles = roles_of_groups(section, claims)
        if not roles:
            raise no_role()
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
        by = By(actor=PROVIDER, via="oidc")
        return await people.add(tenant, person, roles, oidc=self._link(claims), by=by)

    async def _claims(self, login: Login, token: OAuthToken) -> Claims:
        signed = "" if token.id_token is None else token.id_token.reveal()
        return await self._provider.login_claims(signed, token.access.reveal(), nonce=login.nonce)

    async def _token(self, login: Login, answer: LoginCallback, redirect_uri: str) -> OAuthToken:
        """What the provider gives for the code that a browser brought; nothing of it is checked."""
        from sayso.connectors.oauth.client import OAuthExchange

        issuer = self._provider.section.issuer
        # The state first: what else is in an answer of nobody's login is not looked at.
        if not hmac.compare_digest(login.state.encode(), answer.state.encode()):
            refuse("the answer belongs to another login")
        described = await self._provider.described()
        # SOURCE: RFC 9207 §2.4, against mix-up.
        if answer.issuer != issuer and (answer.issuer or described.announces_issuer):
            refuse("the answer is of another provider")
        if answer.error:
            refuse(f"the provider says {plain(answer.error, limit=40)}")
        if not answer.code:
            refuse("the answer has no code")
        exchange = OAuthExchange(clock=self._container.clock)
        connection = await self._provider.connection(redirect_uri)
        try:
            return await exchange.traded(connection, code=answer.code, verifier=login.verifier)
        except RefusedError as error:
            refuse(error.detail or error.code.value)
