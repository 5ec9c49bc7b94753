"""Access tokens where they are kept: the protocol a database row can implement, and one in memory.

One row per connection. A refresh is fenced twice: only the holder of the lease calls the provider,
and only the version that was read may be replaced. Nothing here ever deletes a row.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from sayso.secret import Secret

TokenState = Literal["active", "needs_reauth"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OAuthToken:
    """What a token endpoint gave.

    Attributes:
        access: the bearer.
        refresh: the refresh token; None for a grant without one.
        issued_at: when, aware, UTC.
        lifetime_s: for how long, in seconds; None when the provider did not say.
        id_token: who signed in, as the provider gave it and nobody has checked; not kept.
    """

    access: Secret
    refresh: Secret | None
    issued_at: datetime
    lifetime_s: int | None
    id_token: Secret | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRow:
    """One connection's row.

    Attributes:
        connection: the connection's id.
        version: grows by one with every change of the token or the state.
        token: None before the first one.
        state: `needs_reauth` until a person has authorised it again.
        refresh_started_at: set with the lease and cleared with the new token, so that a row with an
            old one tells of a refresh that may have happened without being written.
        lease_owner, lease_until: who may refresh now, until when; None when nobody.
    """

    connection: str
    version: int
    token: OAuthToken | None = None
    state: TokenState = "active"
    refresh_started_at: datetime | None = None
    lease_owner: str | None = None
    lease_until: datetime | None = None


class TokenStore(Protocol):
    """Keeps the rows. Each method is one transaction; `RetryableError` means it did nothing."""

    async def read(self, connection: str) -> TokenRow | None:
        """The row, or None."""
        ...

    async def take_lease(
        self, connection: str, *, version: int, owner: str, now: datetime, until: datetime
    ) -> bool:
        """Become the one who refreshes; also makes an empty row for `version` 0.

        Returns:
            whether it was taken: the version is still that one, and no lease runs beyond `now`.

        As SQL: `UPDATE … SET lease_owner=?, lease_until=?, refresh_started_at=? WHERE connection=?
        AND version=? AND (lease_until IS NULL OR lease_until<=?)`.
        """
        ...

    async def write(self, connection: str, *, version: int, owner: str, token: OAuthToken) -> bool:
        """Keep the new token, make the state active, end the refresh and the lease, version + 1.

        Returns:
            whether the version and the lease's owner were still those.
        """
        ...

    async def release(self, connection: str, *, version: int, owner: str) -> None:
        """End the lease without a new token, when it is still that owner's."""
        ...

    async def mark_needs_reauth(self, connection: str, *, version: int, owner: str) -> bool:
        """Say that a person has to authorise again; the token stays, the lease ends, version + 1.

        Returns:
            whether the version and the lease's owner were still those.
        """
        ...

    async def put(self, connection: str, token: OAuthToken) -> None:
        """Keep a token that a person has just authorised, whatever was there; version + 1."""
        ...
