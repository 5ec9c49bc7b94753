"""Sessions: people who are signed in to the console.

A session is a person's token that lives for a day at most: it is made, checked and revoked like
any other, so that each begins and ends by an entry of the log, and everything that a person does
with it is done by a credential that the log knows. How and when they signed in stands in that
entry, too. The row beside it says only when it was used last: whoever forges that row opens nothing
with it, and whoever deletes it ends the session.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

from sayso.audit.authority.people import KnownPerson
from sayso.audit.entry import Actor, ActorKind
from sayso.errors import Code, RefusedError
from sayso.ids import to_micros
from sayso.sdk.resources.base import Resource
from sayso.sdk.resources.tokens import Scope, Token
from sayso.store.base import Reader, Row, integer, text

IDLE = timedelta(minutes=30)
"""SOURCE."""
ABSOLUTE = timedelta(hours=12)
"""SOURCE."""
LINK = timedelta(minutes=10)
"""How long a one-time link opens anything."""
_MOST_SEEN = 1000
_SEEN_EVERY = timedelta(seconds=60)
"""So that looking around writes no row per page."""
_SCOPES = frozenset(Scope) - {Scope.ENTER}
"""What a session opens that a link began; one that a token began opens what the token does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Somebody who is signed in. Times are microseconds since 1970, UTC.

    Attributes:
        token: who it is; its id names the session.
        via: how they signed in: `link`, `token` or `oidc`.
        known: who it is by the log; None of a session that has only begun.
    """

    token: Token
    via: str
    started_at: int
    known: KnownPerson | None = None

    @property
    def person(self) -> str:
        """The person's id."""
        return self.token.holder


class SessionResource(Resource):
    """Begins, checks and ends sessions."""

    async def make_link(self, person: str) -> str:
        """A secret that begins one session of a person, once and soon; shown to whoever is here.

        Raises:
            RefusedError: `forbidden`, for somebody who is no active person.
        """
        await self._check_person(person)
        _, secret = await self._container.tokens.create(
            self._container.tenant,
            "person",
            person,
            frozenset({Scope.ENTER}),
            days=1,
            by=Actor(kind=ActorKind.SERVICE, id="console"),
        )
        return secret

    async def enter(self, secret: str) -> tuple[Session, str]:
        """Begin a session by a one-time link or by a person's token.

        Returns:
            The session and the secret that opens it.

        Raises:
            RefusedError: `unauthenticated`, `forbidden`.
        """
        token = await self._container.authentication.holder(secret, via="console", own=True)
        if token.kind != "person":
            raise RefusedError(
                Code.FORBIDDEN,
                "a program's token opens no console",
                next_step="sign in with a person's token, or with a one-time link",
            )
        if Scope.ENTER not in token.scopes:
            created = await self._container.tokens.create(
                token.tenant,
                "person",
                token.holder,
                token.scopes,
                days=1,
                by=token.actor,
                credential=token.id,
                session="token",
            )
            return await self._begun(*created)
        # A link that a person handed out lives until its token ends; any other one ten minutes.
        lives = max(token.expires_at - token.created_at, _micros(LINK))
        most = _micros(LINK) if lives <= _micros(timedelta(days=1)) else lives
        if to_micros(self._container.clock.now()) - token.created_at > most:
            raise _used()
        try:
            # INVARIANT: whoever comes second finds it revoked, so a link opens one session.
            exchanged = await self._container.tokens.exchange(
                token, _SCOPES, days=1, session="link"
            )
        except RefusedError as error:
            raise _used() from error
        return await self._begun(*exchanged)

    async def begin(self, person: str, *, via: str) -> tuple[Session, str]:
        """Begin a session of somebody whom the caller has authenticated.

        Raises:
            RefusedError: `forbidden`, for somebody who is no active person.
        """
        await self._check_person(person)
        by = Actor(kind=ActorKind.PERSON, id=person)
        created = await self._container.tokens.create(
            self._container.tenant, "person", person, _SCOPES, days=1, by=by, session=via
        )
        return await self._begun(*created)

    async def _begun(self, token: Token, secret: str) -> tuple[Session, str]:
        await self._container.store.write(
            lambda tx: tx.run(
                "session.insert",
                tenant=token.tenant,
                token_id=token.id,
                via=token.session,
                now=token.created_at,
            )
        )
        return _session_of(token), secret

    async def check(self, secret: str) -> Session:
        """The session behind a secret; it is used now.

        Raises:
            RefusedError: `unauthenticated`, also after half an hour without use and after twelve
                hours in any case; `forbidden`, for somebody who is not active any more.
        """
        token = await self._container.tokens.check(secret, session=True)

        def work(reader: Reader) -> tuple[Row | None, KnownPerson | None]:
            row = reader.one("session.by_token", tenant=token.tenant, token_id=token.id)
            return row, self._container.directory.at(reader, token.tenant).person(token.holder)

        row, known = await self._container.store.read(work, brief=True)
        now = to_micros(self._container.clock.now())
        # INVARIANT: what is a session is said by the log, and so are its way in and its beginning.
        if row is None or not token.session:
            raise _over()
        seen = integer(row, "seen_at")
        if now - seen > _micros(IDLE) or now - token.created_at > _micros(ABSOLUTE):
            await self._revoke(token, by=token)
            raise _over()
        if now - seen > _micros(_SEEN_EVERY):
            await self._container.store.write(
                lambda tx: tx.run("session.seen", tenant=token.tenant, token_id=token.id, now=now),
                brief=True,
            )
        return replace(_session_of(token), known=known)

    async def seen(self) -> dict[str, int]:
        """When each session was used last, to the minute, by its token; the newest thousand."""
        tenant = self._container.tenant
        rows = await self._container.store.read(
            lambda reader: reader.all("session.newest", tenant=tenant, limit=_MOST_SEEN)
        )
        return {text(row, "token_id"): integer(row, "seen_at") for row in rows}

    async def of_provider(self) -> frozenset[str]:
        """The tokens of those that a company's provider began, and that may still be open."""
        tenant, since = self._container.tenant, to_micros(self._container.clock.now() - ABSOLUTE)
        tokens = await self._container.tokens.list(tenant)
        return frozenset(
            one.id for one in tokens if one.session == "oidc" and one.created_at >= since
        )

    async def end(self, session: Session) -> None:
        """End a session; what it opened is closed at once."""
        await self._revoke(session.token, by=session.token)

    async def end_all(self, session: Session) -> int:
        """End every session of the same person, this one too; returns how many."""
        open_ones = [
            token
            for token in await self._container.tokens.list(session.token.tenant)
            if token.holder == session.person and token.session
            if token.revoked_at is None
        ]
        # The one by which this is done ends last.
        for token in sorted(open_ones, key=lambda one: one.id == session.token.id):
            await self._revoke(token, by=session.token)
        return len(open_ones)

    async def _revoke(self, token: Token, *, by: Token) -> None:
        tokens = self._container.tokens
        await tokens.revoke(token.tenant, token.id, by=by.actor, credential=by.id)

    async def _check_person(self, person: str) -> None:
        authority = await self._container.people.authority(self._container.tenant)
        if authority.person(person) is None:
            raise RefusedError(
                Code.FORBIDDEN,
                f"`{person[:40]}` is no active person of this workspace",
                next_step="add them: `sayso people add`, or [[people]] in sayso.toml",
            )


def _session_of(token: Token) -> Session:
    return Session(token=token, via=token.session, started_at=token.created_at)


def _micros(time: timedelta) -> int:
    return time // timedelta(microseconds=1)


def _over() -> RefusedError:
    return RefusedError(Code.UNAUTHENTICATED, "your session is over", next_step="sign in once more")


def _used() -> RefusedError:
    return RefusedError(
        Code.UNAUTHENTICATED,
        "this link was used already, or is too old",
        next_step="have somebody hand you another one on the People page, or run `sayso console`",
    )
