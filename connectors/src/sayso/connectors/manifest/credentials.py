"""How a manifest's connector shows who it is; the secret is in no template and no address."""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from sayso.connectors.manifest.schema import (
    Auth,
    BasicAuth,
    BearerAuth,
    ClientCredentialsAuth,
    HeaderAuth,
    NoAuth,
    OAuthAuth,
)
from sayso.connectors.manifest.template import fill_text
from sayso.secret import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthHeaders:
    """Makes the header of one kind of authentication.

    Attributes:
        auth: what the manifest says.
        settings: of sayso.toml, for the user name of Basic.
        secret: reads the key, or a fresh access token; at each request.
    """

    auth: Auth
    settings: Mapping[str, str]
    secret: Callable[[], Awaitable[Secret]]

    async def headers(self) -> Mapping[str, str]:
        """See `Credentials.headers`."""
        auth = self.auth
        if isinstance(auth, NoAuth):
            return {}
        secret = (await self.secret()).reveal()
        match auth:
            case HeaderAuth():
                return {auth.name: auth.prefix + secret}
            case BearerAuth() | ClientCredentialsAuth():
                return {"Authorization": f"Bearer {secret}"}
            case OAuthAuth():
                return {auth.header: auth.prefix + secret}
            case BasicAuth():
                names = {"secret": secret, "settings": dict(self.settings)}
                user, password = (str(fill_text(one, names)) for one in (auth.user, auth.password))
                both = base64.b64encode(f"{user}:{password}".encode()).decode()
                return {"Authorization": f"Basic {both}"}


def needs_secret(auth: Auth) -> bool:
    """Whether a key of the operator's own is needed, and no token of the broker's."""
    return not isinstance(auth, (OAuthAuth, ClientCredentialsAuth, NoAuth))
