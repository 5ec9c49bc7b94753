"""Bearer tokens: made once, stored as keyed hashes, each with a kind, scopes and an end.

A service token proposes, reads and, with a scope for it, stops; only a person's token decides and
resumes. A person's token lasts no longer than the person is active.

What a token opens is what its entries in the log say. The row only finds them: its hash is made
with a key that is not in the database, so nobody who can write a row can make a token.
"""

from __future__ import annotations

import secrets
import zlib
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Literal

from sayso.actions.model.action_row import dumps
from sayso.audit.authority.credentials import HOST, Credential
from sayso.audit.authority.directory import Directory
from sayso.audit.authority.keyring import Keyring
from sayso.audit.authority.state import Authority
from sayso.audit.entry import Actor, ActorKind, Entry, EntryKind, Json
from sayso.audit.log import AuditLog, read_place
from sayso.audit.place import moved
from sayso.errors import Code, RefusedError, SaysoError
from sayso.ids import Clock, IdSource, Tenant, to_micros
from sayso.store.base import Reader, Store, Transaction, integer, text

PREFIX = "csk"
MAX_DAYS = 90
MAX_HOLDER_CHARS = 200
SEEN_EVERY = timedelta(seconds=60) // timedelta(microseconds=1)
"""Microseconds; so that no call writes a row."""
_MOST_SEEN = 1000


class Scope(StrEnum):
    """What a token may be used for."""

    PROPOSE = "actions:propose"
    READ = "actions:read"
    DECIDE = "approvals:decide"
    STOP = "stop"
    AUDIT = "audit:read"
    FIND = "customers:find"
    """Finds customers by an address, and shows who they are."""
    ADMIN = "admin"
    ENTER = "console:enter"
    """Begins one session of the console, and nothing else."""


SERVICE_SCOPES = frozenset({Scope.PROPOSE, Scope.READ, Scope.AUDIT, Scope.STOP, Scope.FIND})
"""All that a service token can ever have; deciding and resuming are not among them."""

Kind = Literal["service", "person"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A token as the log has it, without its secret. Times are microseconds since 1970, UTC.

    Attributes:
        session: how its person signed in to the console; empty for a token that is no session.
    """

    tenant: Tenant
    id: str
    kind: Kind
    holder: str
    scopes: frozenset[Scope]
    created_at: int
    expires_at: int
    revoked_at: int | None
    session: str = ""

    @property
    def actor(self) -> Actor:
        """Who acts when this token is used."""
        kind = ActorKind.PERSON if self.kind == "person" else ActorKind.SERVICE
        return Actor(kind=kind, id=self.holder)


class Tokens:
    """Makes, checks and revokes tokens.

    Args:
        directory: which tokens there are by the log, and who the people are now.
        keyring: makes the hashes under which they are stored.
        home: the workspace's own tenant, of which most tokens are.
    """

    def __init__(
        self,
        *,
        store: Store,
        log: AuditLog,
        clock: Clock,
        ids: IdSource,
        directory: Directory,
        keyring: Keyring,
        home: Tenant,
    ) -> None:
        self._home = home
        self._seen: dict[str, int] = {}
        self._directory = directory
        self._keyring = keyring
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
        credential: str = HOST,
        session: str = "",
        mending: Callable[[Transaction], None] | None = None,
    ) -> tuple[Token, str]:
        """Make a token; returns it with its secret, which is stored nowhere.

        Args:
            holder: the person's id, or the service's name.
            days: until it ends, 1 to 90.
            credential: by what whoever makes it showed who they are; `host` is the workspace.
            session: see `Token`.
            mending: refuses it unless the log is still the one that was judged; with it a log
                that is accused for its rows takes the token. See `RepairResource.admit`.

        Raises:
            RefusedError: `invalid_input`, also for a service token that could decide; `not_found`
                for somebody who is no active person.
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
        token, secret = self._made(tenant, kind, holder, scopes, days, session)

        def work(tx: Transaction) -> None:
            if mending is not None:
                mending(tx)
            self._insert(tx, token, secret, by, credential, mends=mending is not None)

        await self._store.write(work)
        await self._directory.see(self._store, tenant)
        return token, secret

    async def exchange(
        self, token: Token, scopes: frozenset[Scope], *, days: int, session: str = ""
    ) -> tuple[Token, str]:
        """Make another token for the same holder and end this one, both or neither.

        Args:
            session: see `Token`.

        Raises:
            RefusedError: `not_found`, when this one is revoked already.
        """
        made, secret = self._made(token.tenant, token.kind, token.holder, scopes, days, session)

        def work(tx: Transaction) -> None:
            self._insert(tx, made, secret, token.actor, token.id)
            self._revoke(tx, token.tenant, token.id, token.actor, token.id)

        await self._store.write(work)
        await self._directory.see(self._store, token.tenant)
        return made, secret

    def _made(
        self,
        tenant: Tenant,
        kind: Kind,
        holder: str,
        scopes: frozenset[Scope],
        days: int,
        session: str,
    ) -> tuple[Token, str]:
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
            session=session,
        )
        return token, secret

    def _insert(
        self,
        tx: Transaction,
        token: Token,
        secret: str,
        by: Actor,
        credential: str,
        *,
        mends: bool = False,
    ) -> None:
        authority = self._directory.at(tx, token.tenant)
        if token.kind == "person" and authority.person(token.holder) is None:
            raise RefusedError(
                Code.NOT_FOUND,
                f"`{token.holder[:40]}` is no active person of this workspace",
                next_step="add them first: `sayso people add`, or [[people]] in sayso.toml",
            )
        hashed = self._keyring.token_hash(secret)
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
                "keyed": hashed.hex(),
                "kid": self._keyring.kid,
                "credential": credential,
                **({"session": token.session} if token.session else {}),
            },
        )
        seq = self._log.append(tx, token.tenant, entry, at=token.created_at, mends=mends)
        tx.run(
            "token.insert",
            tenant=token.tenant,
            id=token.id,
            hash=hashed,
            kind=token.kind,
            holder=token.holder,
            scopes=dumps(scopes),
            created_at=token.created_at,
            expires_at=token.expires_at,
            last_seq=seq,
        )

    async def check(self, secret: str, *, session: bool = False, elsewhere: bool = False) -> Token:
        """The token behind a secret; every surface that takes one asks here.

        Args:
            session: whether it may be a session that a company's provider began, which only the
                console asks again whether it still may.
            elsewhere: whether other databases are asked as well; else whoever has this one alone
                open is told where a tenant went with its tokens.

        Raises:
            RefusedError: `unauthenticated`, when it is unknown, ended or revoked; `forbidden`, when
                it is of a person who is not, or not any more, an active one, or of such a session.
            RetryableError: `tenant_moved`, when its tenant has left this database.
            IntegrityError: `tampered`, when the log is not what its key has signed.
        """
        found = None
        hashes = self._keyring.token_hashes(secret) if _well_formed(secret) else []
        if hashes:
            found = await self._store.read(
                lambda reader: self._find(reader, hashes, session), brief=True
            )
        now = to_micros(self._clock.now())
        if found is None and hashes and not elsewhere:
            hashed = {one.hex() for one in hashes}
            await self._store.read(lambda reader: self._refuse_moved(reader, hashed, now))
        if found is None or not found[1].is_alive(now):
            raise RefusedError(
                Code.UNAUTHENTICATED,
                "the token is unknown, ended or revoked",
                next_step="make one with `sayso token create`",
            )
        tenant, credential, authority = found
        if credential.kind == "person" and authority.person(credential.holder) is None:
            raise RefusedError(
                Code.FORBIDDEN,
                "the person behind this token is no active person of this workspace",
                next_step="revoke the token, or add them: `sayso people add`",
            )
        if not session:
            await self._used(tenant, credential.id, now)
        return token_of(tenant, credential)

    async def seen(self, tenant: Tenant) -> dict[str, int]:
        """When each token was used last, to the minute; the newest thousand that were used.

        Sessions of the console keep their own, see `SessionResource.seen`.
        """
        rows = await self._store.read(
            lambda reader: reader.all("token.used", tenant=tenant, limit=_MOST_SEEN)
        )
        return {text(row, "id"): integer(row, "seen_at") for row in rows}

    async def _used(self, tenant: Tenant, token_id: str, now: int) -> None:
        """Keep when it was used, at most once a minute; whatever fails of that stops no call."""
        if now < self._seen.get(token_id, 0) + SEEN_EVERY:
            return
        if len(self._seen) >= _MOST_SEEN:
            self._seen.clear()
        self._seen[token_id] = now
        with suppress(SaysoError):
            await self._store.write(
                lambda tx: tx.run(
                    "token.seen", tenant=tenant, id=token_id, now=now, before=now - SEEN_EVERY
                ),
                brief=True,
                about=tenant,
            )

    def _find(
        self, reader: Reader, hashes: list[bytes], session: bool
    ) -> tuple[Tenant, Credential, Authority] | None:
        """The credential that the log has under one of these hashes."""
        for hashed in hashes:
            reader.ahead("token.by_hash", hash=hashed)
            self._log.ahead_of_head(reader, self._home)
            row = reader.one("token.by_hash", hash=hashed)
            if row is None:
                continue
            tenant = Tenant(text(row, "tenant"))
            authority = self._directory.at(reader, tenant)
            # INVARIANT: the row says only where to look, so that one which no entry made, or which
            # was changed, opens nothing.
            credential = authority.credentials.get(text(row, "id"))
            if credential is not None and credential.keyed == hashed.hex():
                if credential.kind == "person" and not session:
                    _refuse_session(credential)
                return tenant, credential, authority
        return None

    def _refuse_moved(self, reader: Reader, hashes: Collection[str], now: int) -> None:
        """Refuse a token that went to another database with its tenant, whose log tells of it.

        Raises:
            RetryableError: `tenant_moved`.
        """
        for name, database in self._directory.at(reader, self._home).places.items():
            tenant = Tenant(name)
            if read_place(reader, tenant).kind is not EntryKind.TENANT_MOVED:
                continue
            credentials = self._directory.at(reader, tenant).credentials.values()
            if any(one.keyed in hashes and one.is_alive(now) for one in credentials):
                raise moved(tenant, database)

    async def revoke(
        self, tenant: Tenant, token_id: str, *, by: Actor, credential: str = HOST
    ) -> None:
        """End a token now.

        Raises:
            RefusedError: `not_found`, when there is none or it is revoked already.
        """
        await self._store.write(lambda tx: self._revoke(tx, tenant, token_id, by, credential))
        await self._directory.see(self._store, tenant)

    def _revoke(
        self, tx: Transaction, tenant: Tenant, token_id: str, by: Actor, credential: str
    ) -> None:
        known = self._directory.at(tx, tenant).credentials.get(token_id)
        if known is None or known.ended_at is not None:
            raise RefusedError(Code.NOT_FOUND, f"there is no live token `{token_id[:40]}`")
        data: dict[str, Json] = {"token": token_id, "credential": credential}
        entry = Entry(kind=EntryKind.TOKEN_REVOKED, actor=by, data=data)
        now = to_micros(self._clock.now())
        seq = self._log.append(tx, tenant, entry, at=now)
        tx.run("token.revoke", tenant=tenant, id=token_id, now=now, last_seq=seq)

    async def list(self, tenant: Tenant) -> list[Token]:
        """The tokens of a tenant by its log, oldest first; those that ended a day ago are gone."""
        authority = await self._store.read(lambda reader: self._directory.at(reader, tenant))
        found = sorted(authority.credentials.values(), key=lambda one: one.seq)
        return [token_of(tenant, one) for one in found]


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


def token_of(tenant: Tenant, credential: Credential) -> Token:
    """A credential as surfaces know it; a scope that this program does not know opens nothing."""
    return Token(
        tenant=tenant,
        id=credential.id,
        kind="person" if credential.kind == "person" else "service",
        holder=credential.holder,
        scopes=frozenset(scope for scope in Scope if scope.value in credential.scopes),
        created_at=credential.created_at,
        expires_at=credential.expires_at,
        revoked_at=credential.ended_at,
        session=credential.session,
    )


def _refuse_session(credential: Credential) -> None:
    if credential.session == "oidc":
        raise RefusedError(
            Code.FORBIDDEN,
            "this is a session of the console, and opens nothing else",
            next_step="make a token with `sayso token create`",
        )


def _is_name(holder: str) -> bool:
    # Printable leaves out control characters and lone surrogates, which no log could hold.
    return bool(holder.strip()) and len(holder) <= MAX_HOLDER_CHARS and holder.isprintable()


def _well_formed(secret: str) -> bool:
    if not secret.isascii():
        return False
    body, _, crc = secret.rpartition("_")
    return secret.startswith(f"{PREFIX}_") and crc == f"{zlib.crc32(body.encode()):08x}"
