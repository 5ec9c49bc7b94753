"""Access tokens in the database: one row per connection, its token sealed by the vault.

What is a secret stands in the sealed column only, together with its age and its life, so that
nobody can make an old token look fresh. The lease and the state are plain: they are no secrets,
and the statements that fence a refresh compare them.
"""

from __future__ import annotations

from datetime import datetime
from typing import cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sayso.connectors.oauth.tokens import OAuthToken, TokenRow, TokenState
from sayso.connectors.vault import Vault
from sayso.errors import Code, IntegrityError
from sayso.ids import Tenant, from_micros, to_micros
from sayso.secret import Secret
from sayso.store.base import (
    Row,
    SqlValue,
    Store,
    Transaction,
    blob,
    integer,
    integer_or_none,
    text,
    text_or_none,
)


class SqlTokenStore:
    """Rows of one tenant, shared by every process on one database.

    Args:
        store: the database.
        vault: seals the tokens.
        tenant: whose rows.

    Guarantees: as `TokenStore`; each method is one transaction, durable when it returns. No
    method deletes a row.
    """

    def __init__(self, store: Store, vault: Vault, tenant: Tenant) -> None:
        self._store = store
        self._vault = vault
        self._tenant = tenant

    async def read(self, connection: str) -> TokenRow | None:
        """See `TokenStore.read`.

        Raises:
            ConfigError: `key_mismatch`, when the vault has not the key that sealed the token.
            IntegrityError: `tampered`.
        """
        row = await self._store.read(
            lambda reader: reader.one(
                "connection.by_id", tenant=self._tenant, connection=connection
            )
        )
        return None if row is None else self._opened(row)

    async def take_lease(
        self, connection: str, *, version: int, owner: str, now: datetime, until: datetime
    ) -> bool:
        """See `TokenStore.take_lease`."""
        params: dict[str, SqlValue] = {
            "tenant": self._tenant,
            "connection": connection,
            "owner": owner,
            "now": to_micros(now),
            "until": to_micros(until),
        }

        def work(tx: Transaction) -> bool:
            if tx.run("connection.lease", version=version, **params) == 1:
                return True
            return version == 0 and tx.run("connection.lease_first", **params) == 1

        return await self._store.write(work)

    async def write(self, connection: str, *, version: int, owner: str, token: OAuthToken) -> bool:
        """See `TokenStore.write`."""
        sealed = self._sealed(connection, token)
        return await self._changed("write", connection, version, owner, sealed=sealed)

    async def release(self, connection: str, *, version: int, owner: str) -> None:
        """See `TokenStore.release`."""
        await self._changed("release", connection, version, owner)

    async def mark_needs_reauth(self, connection: str, *, version: int, owner: str) -> bool:
        """See `TokenStore.mark_needs_reauth`."""
        return await self._changed("needs_reauth", connection, version, owner)

    async def put(self, connection: str, token: OAuthToken) -> None:
        """See `TokenStore.put`."""
        sealed = self._sealed(connection, token)

        def work(tx: Transaction) -> None:
            tx.run("connection.put", tenant=self._tenant, connection=connection, sealed=sealed)

        await self._store.write(work)

    async def reseal(self) -> int:
        """Seal with the vault's newest key whatever an older one sealed.

        Returns:
            how many rows were sealed anew. What does not open stays as it is, for `read` to say.

        Guarantees: versions and leases stay as they are, so a refresh that runs is not disturbed.
        """

        def work(tx: Transaction) -> int:
            rows = tx.all("connection.sealed", tenant=self._tenant)
            return sum(self._reseal_row(tx, row) for row in rows)

        return await self._store.write(work)

    def _reseal_row(self, tx: Transaction, row: Row) -> int:
        sealed, connection = blob(row, "sealed"), text(row, "connection")
        if not self._vault.can_open(sealed) or self._vault.is_current(sealed):
            return 0
        place = {"tenant": self._tenant, "connection": connection}
        try:
            anew = self._vault.seal(self._vault.open(sealed, **place), **place)
        except IntegrityError:
            return 0  # one row that was tampered with must not stop the other connections
        return tx.run("connection.reseal", sealed=anew, before=sealed, **place)

    async def _changed(
        self, query: str, connection: str, version: int, owner: str, **params: SqlValue
    ) -> bool:
        """Run a statement that is fenced by version and owner; whether it found its row."""

        def work(tx: Transaction) -> bool:
            changed = tx.run(
                f"connection.{query}",
                tenant=self._tenant,
                connection=connection,
                version=version,
                owner=owner,
                **params,
            )
            return changed == 1

        return await self._store.write(work)

    def _sealed(self, connection: str, token: OAuthToken) -> bytes:
        kept = _Kept(
            access=token.access.reveal(),
            refresh=token.refresh.reveal() if token.refresh is not None else None,
            issued_at=to_micros(token.issued_at),
            lifetime_s=token.lifetime_s,
        )
        return self._vault.seal(
            kept.model_dump_json().encode(), tenant=self._tenant, connection=connection
        )

    def _opened(self, row: Row) -> TokenRow:
        connection = text(row, "connection")
        started, until = (integer_or_none(row, at) for at in ("refresh_started_at", "lease_until"))
        return TokenRow(
            connection=connection,
            version=integer(row, "version"),
            token=self._token(connection, row),
            state=cast("TokenState", text(row, "state")),
            refresh_started_at=None if started is None else from_micros(started),
            lease_owner=text_or_none(row, "lease_owner"),
            lease_until=None if until is None else from_micros(until),
        )

    def _token(self, connection: str, row: Row) -> OAuthToken | None:
        if row["sealed"] is None:
            return None
        plain = self._vault.open(blob(row, "sealed"), tenant=self._tenant, connection=connection)
        try:
            kept = _Kept.model_validate_json(plain)
        except ValidationError:
            # INVARIANT: Pydantic's error may repeat what it read, so it is not kept as the cause.
            raise IntegrityError(
                Code.TAMPERED,
                f"the stored token of the connection `{connection[:60]}` has another form",
                next_step="authorise the connection again",
            ) from None
        return OAuthToken(
            access=Secret(kept.access),
            refresh=Secret(kept.refresh) if kept.refresh is not None else None,
            issued_at=from_micros(kept.issued_at),
            lifetime_s=kept.lifetime_s,
        )


class _Kept(BaseModel):
    """A token as it is sealed; never leaves this module, and never prints its secrets."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)

    access: str = Field(repr=False)
    refresh: str | None = Field(repr=False)
    issued_at: int
    lifetime_s: int | None
