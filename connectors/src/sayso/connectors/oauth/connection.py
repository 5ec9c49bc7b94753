"""An authorised connection to a provider, as it is configured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sayso.network import checked_url
from sayso.secret import Secret

AuthMethod = Literal["client_secret_basic", "client_secret_post", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """One authorised connection to a provider.

    Attributes:
        id: unique over tenants, such as `main/mail/send`; the key of its token row.
        grant: how fresh tokens are come by.
        token_endpoint: https, or http on this machine.
        client_id, client_secret: of our registration there.
        scopes: what is asked for.
        auth_method: how the client shows its secret; by default as the secret allows.
        authorization_endpoint, redirect_uri: for connecting by a person; exact.
        private: networks in which these may be.

    Raises:
        ConfigError: `invalid_setting` for an address that is not safe.
    """

    id: str
    grant: Literal["refresh_token", "client_credentials"]
    token_endpoint: str
    client_id: str
    client_secret: Secret | None = None
    scopes: tuple[str, ...] = ()
    auth_method: AuthMethod | None = None
    authorization_endpoint: str = ""
    redirect_uri: str = ""
    private: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        checked_url(self.token_endpoint, name="token_endpoint", private=self.private, query=True)
        for name, url in (
            ("authorization_endpoint", self.authorization_endpoint),
            ("redirect_uri", self.redirect_uri),
        ):
            if url:
                checked_url(url, name=name, private=self.private, query=True)
