"""Bearer tokens: made once, stored as hashes, each with a kind, scopes and an end.

A service token proposes, reads and, with a scope for it, stops; only a person's token decides and
resumes. A person's token lasts no longer than the person stands in sayso.toml as active.
"""

from __future__ import annotations

import hashlib
import secrets
import zlib
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Literal, cast

import orjson

from sayso.actions.model.action_row import dumps
from sayso.actions.model.ports import Directory
from sayso.audit.entry import Actor, ActorKind, Entry, EntryKind, Json
from sayso.audit.log import AuditLog
from sayso.errors import Code, RefusedError
from sayso.ids import Clock, IdSource, Tenant, to_micros
from sayso.store.base import Row, Store, Transaction, integer, integer_or_none, text

PREFIX = "csk"
MAX_DAYS = 90
MAX_HOLDER_CHARS = 200


class Scope(StrEnum):
    """What a token may be used for."""

    PROPOSE = "actions:propose"
    READ = "actions:read"
    DECIDE = "approvals:decide"
    STOP = "stop"
    AUDIT = "audit:read"
    ADMIN = "admin"
    ENTER = "console:enter"
    """Begins one session of the console, and nothing else."""


SERVICE_SCOPES = frozenset({Scope.PROPOSE, Scope.READ, Scope.AUDIT, Scope.STOP})
"""All that a service token can ever have; deciding and resuming are not among them."""

Kind = Literal["service", "person"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A token as it is stored, without its secret. Times are microseconds since 1970, UTC."""

    tenant: Tenant
    id: str
    kind: Kind
    holder: str
    scopes: frozenset[Scope]
    created_at: int
    expires_at: int
    revoked_at: int | None

    @property
    def actor(self) -> Actor:
        """Who acts when this token is used."""
        kind = ActorKind.PERSON if self.kind == "person" else ActorKind.SERVICE
        return Actor(kind=kind, id=self.holder)


class Tokens:
    """Makes, checks and revokes tokens.

    Args:
        directory: who the people are now; a token of anybody else opens nothing.
    """

    def __init__(
        self, store: Store, log: AuditLog, clock: Clock, ids: IdSource, directory: Directory
    ) -> None:
        self._directory = directory
        self._store = store
        self._log = log
        self._clock = clock
        self._ids = ids

    async def create(
        self,
        tenant: Tenant,
        kind: Kind,
        holder: str,
        scopes: frozenset[Scope],
        *,
        days: int,
        by: Actor,
    ) -> tuple[Token, str]:
        """Make a token; returns it with its secret, which is stored nowhere.

        Args:
            holder: the person's id as in sayso.toml, or the service's name.
            days: until it ends, 1 to 90.

        Raises:
            RefusedError: `invalid_input`, also for a service token that could decide.
        """
        if not _is_name(holder):
            raise RefusedError(
                Code.INVALID_INPUT,
                f"a token's holder is a name of 1 to {MAX_HOLDER_CHARS} printable characters",
                next_step="give the person's id as in sayso.toml, or the service's name",
            )
        if not 1 <= days <= MAX_DAYS:
            raise RefusedError(Code.INVALID_INPUT, f"a token lives 1 to {MAX_DAYS} days")
        if kind != "person" and not scopes <= SERVICE_SCOPES:
            raise RefusedError(
                Code.INVALID_INPUT,
                "a service token can never decide or administer",
                next_step="make a person's token for somebody who may",
            )
        if not scopes:
            raise RefusedError(Code.INVALID_INPUT, "a token without a scope opens nothing")
        token_id = self._ids.new("tok")
        body = f"{PREFIX}_{token_id.removeprefix('tok_')}_{secrets.token_urlsafe(32)}"
        secret = f"{body}_{zlib.crc32(body.encode()):08x}"
        now = to_micros(self._clock.now())
        token = Token(
            tenant=tenant,
            id=token_id,
            kind=kind,
            holder=holder,
            scopes=scopes,
            created_at=now,
            expires_at=now + timedelta(days=days) // timedelta(microseconds=1),
            revoked_at=None,
        )
        await self._store.write(lambda tx: self._insert(tx, token, secret, by))
        return token, secret

    def _insert(self, tx: Transaction, token: Token, secret: str, by: Actor) -> None:
        scopes: list[Json] = list[Json](sorted(scope.value for scope in token.scopes))
        entry = Entry(
            kind=EntryKind.TOKEN_CREATED,
            actor=by,
            data={
                "token": token.id,
                "token_kind": token.kind,
                "holder": token.holder,
                "scopes": scopes,
                "expires_at": token.expires_at,
            },
        )
        seq = self._log.append(tx, token.tenant, entry)
        tx.run(
            "token.insert",
            tenant=token.tenant,
            id=token.id,
            hash=_hash(secret),
            kind=token.kind,
            holder=token.holder,
            scopes=dumps(scopes),
            created_at=token.created_at,
            expires_at=token.expires_at,
            last_seq=seq,
        )

    async def check(self, secret: str) -> Token:
        """The token behind a secret; every surface that takes one asks here.

        Raises:
            RefusedError: `unauthenticated`, when it is unknown, ended or revoked; `forbidden`, when
                it is of a person who is not listed, or not active, any more.
        """
        row = None
        if _well_formed(secret):
            row = await self._store.read(
                lambda reader: reader.one("token.by_hash", hash=_hash(secret)), brief=True
            )
        if row is not None:
            token = _read(row)
            if token.revoked_at is None and to_micros(self._clock.now()) < token.expires_at:
                return self._of_somebody(token)
        raise RefusedError(
            Code.UNAUTHENTICATED,
            "the token is unknown, ended or revoked",
            next_step="make one with `sayso token create`",
        )

    def _of_somebody(self, token: Token) -> Token:
        if token.kind == "person" and self._directory.person(token.holder) is None:
            raise RefusedError(
                Code.FORBIDDEN,
                "the person behind this token is no active person of this workspace",
                next_step="revoke the token, or list them as active under [[people]] in sayso.toml",
            )
        return token

    async def revoke(self, tenant: Tenant, token_id: str, *, by: Actor) -> None:
        """End a token now.

        Raises:
            RefusedError: `not_found`, when there is none or it is revoked already.
        """
        await self._store.write(lambda tx: self._revoke(tx, tenant, token_id, by))

    def _revoke(self, tx: Transaction, tenant: Tenant, token_id: str, by: Actor) -> None:
        entry = Entry(kind=EntryKind.TOKEN_REVOKED, actor=by, data={"token": token_id[:80]})
        seq = self._log.append(tx, tenant, entry)
        now = to_micros(self._clock.now())
        if tx.run("token.revoke", tenant=tenant, id=token_id, now=now, last_seq=seq) == 0:
            raise RefusedError(Code.NOT_FOUND, f"there is no live token `{token_id[:40]}`")

    async def list(self, tenant: Tenant) -> list[Token]:
        """All tokens of a tenant, oldest first."""
        rows = await self._store.read(lambda reader: reader.all("token.page", tenant=tenant))
        return [_read(row) for row in rows]


def may_stop(token: Token) -> Token:
    """The same token, when its holder may stop: a scope of its own, or deciding.

    Raises:
        RefusedError: `forbidden`.
    """
    if not token.scopes & {Scope.STOP, Scope.DECIDE}:
        raise RefusedError(
            Code.FORBIDDEN,
            "this token may not stop anything",
            next_step="make one with the scope `stop`",
        )
    return token


def _read(row: Row) -> Token:
    return Token(
        tenant=Tenant(text(row, "tenant")),
        id=text(row, "id"),
        kind="person" if text(row, "kind") == "person" else "service",
        holder=text(row, "holder"),
        scopes=frozenset(
            Scope(scope) for scope in cast("list[str]", orjson.loads(text(row, "scopes")))
        ),
        created_at=integer(row, "created_at"),
        expires_at=integer(row, "expires_at"),
        revoked_at=integer_or_none(row, "revoked_at"),
    )


def _hash(secret: str) -> bytes:
    # 256 random bits need no slow hash: there is nothing to guess.
    return hashlib.sha256(secret.encode()).digest()


def _is_name(holder: str) -> bool:
    # Printable leaves out control characters and lone surrogates, which no log could hold.
    return bool(holder.strip()) and len(holder) <= MAX_HOLDER_CHARS and holder.isprintable()


def _well_formed(secret: str) -> bool:
    if not secret.isascii():
        return False
    body, _, crc = secret.rpartition("_")
    return secret.startswith(f"{PREFIX}_") and crc == f"{zlib.crc32(body.encode()):08x}"
