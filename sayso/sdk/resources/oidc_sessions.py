"""Sessions that a company's provider began: it is asked again while they last, and told of the end.

What a login left is kept as connections' tokens are, in a row of its session, sealed by the vault:
the refresh token, the first ID token, and when the provider was asked last. So one process at a
time asks, by the lease of that row. Whoever writes the database makes no old answer new, and gains
no role; which sessions a provider began is said by the log.

Nothing here has a timer: whoever looks at a page has the provider asked beside it, and whoever
decides waits for its answer where the last one is too old.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, cast
from urllib.parse import urlencode

from sayso.audit.authority.by import By
from sayso.audit.authority.people import KnownPerson
from sayso.errors import Code, ConfigError, RefusedError, RetryableError, SaysoError, logged
from sayso.ids import from_micros
from sayso.sdk.resources.base import Resource
from sayso.sdk.resources.connections import read_vault
from sayso.sdk.resources.oidc_provider import (
    LEEWAY_S,
    PROVIDER,
    Claims,
    OidcProvider,
    kept_claims,
    no_role,
    roles_of_groups,
)
from sayso.sdk.resources.people import by_oidc, oidc_link
from sayso.sdk.resources.sessions import Session, SessionResource

if TYPE_CHECKING:
    from sayso.connectors.oauth.connection import Connection
    from sayso.connectors.oauth.refresh import TokenBroker
    from sayso.connectors.oauth.token_rows import SqlTokenStore
    from sayso.connectors.oauth.tokens import OAuthToken, TokenRow
    from sayso.sdk.container import Container
    from sayso.sdk.workspace import Workspace
    from sayso.secret import Secret

logger = logging.getLogger("sayso.oidc")
WAIT_S = 5.0
"""So long a decision waits for the provider."""
_FRESH_S = 60
"""So young, an answer that another process got is taken; below every `recheck_minutes`."""
_AGAIN = timedelta(seconds=30)
"""So often at most a provider is asked that did not answer."""
_MOST_HINT = 4000
_MOST_KNOWN = 10_000
_SAID_NO = frozenset({Code.NEEDS_REAUTH, Code.UNAUTHENTICATED, Code.FORBIDDEN, Code.NOT_FOUND})
"""What ends a session; another refusal is about our registration there, and as good as silence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Opened:
    """What sealed rows need, once Authlib is loaded."""

    rows: SqlTokenStore
    broker: TokenBroker


class OidcSessions(Resource):
    """Keeps what a login left, asks the provider again, and hears that it has signed somebody out.

    Guarantees: nobody decides by an answer that is older than `recheck_minutes`, or by
    `outage_minutes` more while the provider does not answer. What it says changes the log before
    it counts as asked.
    """

    def __init__(self, container: Container, workspace: Workspace, provider: OidcProvider) -> None:
        super().__init__(container)
        self._workspace = workspace
        self._provider = provider
        self._opened: _Opened | None = None
        self._good_until: dict[str, datetime] = {}
        self._asking: dict[str, asyncio.Task[None]] = {}

    # ---- a login -----------------------------------------------------------------------------

    async def keep(self, session: Session, token: OAuthToken) -> None:
        """Keep what a login left, for as long as its session lasts."""
        from sayso.connectors.oauth.tokens import OAuthToken as Kept

        first = token.id_token
        assert first is not None, "checked with the login"
        kept = Kept(access=first, refresh=token.refresh, issued_at=self._now(), lifetime_s=_FRESH_S)
        try:
            await self._open().rows.put(self._row_id(session), kept)
        except ConfigError as error:
            # Without a key to seal it with it is as if the provider had given none.
            logger.warning("nothing is kept of a sign-in: %s", logged(error))

    async def follow(self, known: KnownPerson, claims: Claims) -> KnownPerson:
        """Somebody with the roles that their groups give now, where groups give any.

        Raises:
            RefusedError: `forbidden`, for somebody without a group that has a role.
        """
        roles = roles_of_groups(self._provider.section, claims)
        # INVARIANT: by the log, and so for every surface; whoever has left all groups has no role.
        if roles is not None and frozenset(roles) != known.roles:
            known = await self._container.people.change(
                self._container.tenant, known.id, roles=roles, by=By(actor=PROVIDER, via="oidc")
            )
        if roles is not None and not roles:
            raise no_role()
        return known

    async def asks_again(self, session: Session) -> tuple[int, bool] | None:
        """After how many minutes a decision needs the provider, and whether it is asked by itself.

        Returns:
            None for a session that no provider began.
        """
        section = self._workspace.settings.console.oidc
        if session.via != "oidc" or section is None:
            return None
        row = await self._read(session.token.id)
        has = row is not None and row.token is not None and row.token.refresh is not None
        return section.recheck_minutes, has

    # ---- asking again --------------------------------------------------------------------------

    def refresh_if_old(self, session: Session) -> None:
        """Have the provider asked where its last answer is too old, beside what is done now."""
        if session.via == "oidc" and not self._is_good(session):
            self._ask_once(session)

    async def check(self, session: Session) -> None:
        """Make sure that the provider still says so, before somebody decides.

        Raises:
            RefusedError: `unauthenticated`: it said no, and the session is over; or it gave no
                refresh token, and they have to sign in again to decide.
            RetryableError: it does not answer, for longer than is allowed.
        """
        if session.via != "oidc" or self._is_good(session):
            return
        before = self._asking.get(session.token.id)
        try:
            await self._answer(session)
        except RetryableError:
            # A page had asked before this click: the provider may have come back since.
            if before is None or not before.done():
                raise
            await self._answer(session)

    async def _answer(self, session: Session) -> None:
        task = self._ask_once(session)
        done, _ = await asyncio.wait({task}, timeout=WAIT_S)
        if done:
            task.result()
        else:
            await self._bear_silence(session, _silent())

    def _is_good(self, session: Session) -> bool:
        until = self._good_until.get(session.token.id)
        return until is not None and self._now() < until

    def _ask_once(self, session: Session) -> asyncio.Task[None]:
        name = session.token.id
        task = self._asking.get(name)
        if task is None:
            task = self._asking[name] = asyncio.create_task(self._ask(session))
            task.add_done_callback(lambda done: self._asked(name, done))
        return task

    def _asked(self, name: str, task: asyncio.Task[None]) -> None:
        self._asking.pop(name, None)
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, (RefusedError, RetryableError)):
            told = logged(error) if isinstance(error, SaysoError) else type(error).__name__
            logger.error("a session could not be checked at the provider: %s", told)

    async def _ask(self, session: Session) -> None:
        """Ask where what is kept is too old; ends the session where the answer is a no."""
        row = await self._read(session.token.id)
        if row is not None and row.state == "needs_reauth":
            await self._end(session)
        until = self._asked_at(session, row) + self._lifetime()
        if self._now() < until:
            self._known_good(session, until)
            return
        if row is None or row.token is None or row.token.refresh is None:
            raise _sign_in_again(self._provider.section.name)
        try:
            connection = await self._provider.connection(name=self._row_id(session))
            await self._open().broker.bearer(connection)
        except RefusedError as error:
            logger.info("the provider ends a session: %s", logged(error))
            if error.code in _SAID_NO:
                await self._end(session)
            await self._bear_silence(session, error)
        except RetryableError as error:
            await self._bear_silence(session, error)
        else:
            until = self._asked_at(session, await self._read(session.token.id)) + self._lifetime()
            if self._now() >= until:  # it answered, and not whole
                await self._bear_silence(session, _silent())
            else:
                self._known_good(session, until)

    async def _bear_silence(self, session: Session, error: SaysoError) -> None:
        """Let the last answer stand a while longer, or refuse."""
        row = await self._read(session.token.id)
        outage = timedelta(minutes=self._provider.section.outage_minutes)
        end, now = self._asked_at(session, row) + self._lifetime() + outage, self._now()
        logger.warning("the provider was not asked about a session: %s", logged(error))
        if now >= end:
            raise _silent() from error
        self._known_good(session, min(end, now + _AGAIN))

    def _asked_at(self, session: Session, row: TokenRow | None) -> datetime:
        """When the provider was asked last: with the login, by the log, unless it was later."""
        if row is not None and row.token is not None:
            asked_at = row.token.issued_at
            # One from the future was given while the clock was ahead: how old it is nobody knows.
            if asked_at <= self._now() + timedelta(seconds=LEEWAY_S):
                return asked_at
        return from_micros(session.token.created_at)

    def _known_good(self, session: Session, until: datetime) -> None:
        if len(self._good_until) >= _MOST_KNOWN:
            self._good_until.clear()
        self._good_until[session.token.id] = until

    async def _end(self, session: Session) -> None:
        """End a session in the name of the provider.

        Raises:
            RefusedError: always, since it is over.
        """
        await self._revoke(session.token.id)
        raise RefusedError(
            Code.UNAUTHENTICATED,
            "your company's sign-in has ended your session",
            next_step="sign in once more",
        )

    async def _revoke(self, token_id: str) -> None:
        self._good_until.pop(token_id, None)
        with suppress(RefusedError):  # over already
            await self._container.tokens.revoke(self._container.tenant, token_id, by=PROVIDER)

    # ---- the exchange that the broker leads ----------------------------------------------------

    async def refresh(self, connection: Connection, refresh: Secret) -> OAuthToken:
        """See `Exchange.refresh`: what the provider says now has counted when this returns.

        Raises:
            RefusedError: `needs_reauth`; `unauthenticated`, `forbidden` for who is nobody here now.
            RetryableError: the provider does not answer.
        """
        from sayso.connectors.oauth.client import OAuthExchange
        from sayso.connectors.oauth.tokens import OAuthToken as Kept

        row = await self._open().rows.read(connection.id)
        assert row is not None
        assert row.token is not None, "it has the refresh token"
        first = kept_claims(row.token.access)
        given = await OAuthExchange(clock=self._container.clock).refresh(connection, refresh)
        try:
            await self._take_in(given, first)
        except RetryableError as error:
            # INVARIANT: the token that was traded is spent. The new one is kept, with the age of
            # the last answer: the next try asks by it, and nobody decides by this one.
            logger.warning("the provider's answer is not whole: %s", logged(error))
            return replace(row.token, refresh=given.refresh)
        return Kept(
            access=row.token.access,
            refresh=given.refresh,
            issued_at=self._now(),
            lifetime_s=_FRESH_S,
        )

    async def _take_in(self, given: OAuthToken, first: Claims) -> None:
        signed = "" if given.id_token is None else given.id_token.reveal()
        claims = await self._provider.later_claims(signed, given.access.reveal(), first=first)
        authority = await self._container.people.authority(self._container.tenant)
        known = by_oidc(authority, oidc_link(self._provider.section.issuer, str(first["sub"])))
        if known is None:
            raise no_role()
        await self.follow(known, claims)

    async def client_credentials(self, connection: Connection) -> OAuthToken:
        """See `Exchange.client_credentials`: never for a person."""
        raise RefusedError(Code.NEEDS_REAUTH, "a person's session has no grant of the client's own")

    # ---- signing out ---------------------------------------------------------------------------

    async def leave(self, session: Session, back: str) -> str:
        """Where somebody signs out at the provider, too, once their session here is over.

        The refresh token is revoked where the provider can do so.

        Args:
            back: where the provider sends the browser then.

        Returns:
            Empty where there is no such place.
        """
        if session.via != "oidc" or self._workspace.settings.console.oidc is None:
            return ""
        try:
            return await self._left(session, back)
        except SaysoError as error:  # signing out here never hangs on the provider
            logger.warning("the provider was not told of a sign-out: %s", logged(error))
            return ""

    async def _left(self, session: Session, back: str) -> str:
        from sayso.connectors.oauth.client import OAuthExchange
        from sayso.connectors.oauth.tokens import OAuthToken as Kept

        name, rows = self._row_id(session), self._open().rows
        row = await self._read(session.token.id)
        token = None if row is None else row.token
        if token is not None:
            blank = Kept(access=token.access, refresh=None, issued_at=self._now(), lifetime_s=0)
            await rows.put(name, blank)
        self._good_until.pop(session.token.id, None)
        places = (await self._provider.described()).places
        endpoint = places.get("revocation_endpoint")
        if endpoint is not None and token is not None and token.refresh is not None:
            connection = await self._provider.connection(name=name)
            exchange = OAuthExchange(clock=self._container.clock, timeout_s=WAIT_S)
            with suppress(SaysoError):
                await exchange.revoke(connection, endpoint, token.refresh)
        place = places.get("end_session_endpoint")
        if place is None:
            return ""
        # SOURCE: OpenID Connect RP-Initiated Logout 1.0 §2.
        query = {"client_id": self._provider.section.client_id, "post_logout_redirect_uri": back}
        if token is not None and len(token.access.reveal()) <= _MOST_HINT:
            query["id_token_hint"] = token.access.reveal()
        return f"{place}{'&' if '?' in place else '?'}{urlencode(query)}"

    async def hear(self, logout_token: str) -> int:
        """End the sessions that a logout token names; returns how many.

        A token that comes twice ends nothing that began after it was made.

        Raises:
            RefusedError: `unauthenticated`, for a token that does not hold.
            RetryableError: the provider's keys cannot be read.
        """
        claims = await self._provider.logout_claims(logout_token)
        subject, sid = claims.get("sub"), claims.get("sid")
        authority = await self._container.people.authority(self._container.tenant)
        person = None
        if isinstance(subject, str):
            person = by_oidc(authority, oidc_link(self._provider.section.issuer, subject))
            if person is None:
                return 0
        made = from_micros(int(cast("int", claims["iat"])) * 1_000_000)
        begun_by = await SessionResource(self._container).of_provider()
        ended = 0
        for token in await self._container.tokens.list(self._container.tenant):
            alive = token.revoked_at is None and token.id in begun_by
            early = from_micros(token.created_at) <= made + timedelta(seconds=LEEWAY_S)
            if alive and early and (person is None or token.holder == person.id):
                if isinstance(sid, str) and not await self._is_of(token.id, sid, subject):
                    continue
                await self._revoke(token.id)
                ended += 1
        return ended

    async def _is_of(self, token_id: str, sid: str, subject: object) -> bool:
        """Whether a session began by this one at the provider, as far as it has said so."""
        row = await self._read(token_id)
        first: Claims = {}
        if row is not None and row.token is not None:
            first = kept_claims(row.token.access)
        return first["sid"] == sid if "sid" in first else subject is not None

    async def settle(self) -> None:
        """Wait until nothing is asked any more."""
        await asyncio.gather(*self._asking.values(), return_exceptions=True)

    async def close(self) -> None:
        """Let what is asked end, and write what came of it; before the database closes."""
        await self.settle()
        if self._opened is not None:
            await self._opened.broker.close()

    # ---- what it stands on ---------------------------------------------------------------------

    def _now(self) -> datetime:
        return self._container.clock.now()

    def _lifetime(self) -> timedelta:
        return timedelta(minutes=self._provider.section.recheck_minutes)

    def _row_id(self, session: Session) -> str:
        return self._name_of(session.token.id)

    def _name_of(self, token_id: str) -> str:
        return f"{self._container.tenant}/session/{token_id}"

    async def _read(self, token_id: str) -> TokenRow | None:
        """What is kept of a session; None also where no key is here that opens it."""
        try:
            return await self._open().rows.read(self._name_of(token_id))
        except ConfigError as error:
            logger.warning("what is kept of a sign-in does not open: %s", logged(error))
            return None

    def _open(self) -> _Opened:
        if self._opened is None:
            # These load Authlib, which only who signs in that way needs.
            from sayso.connectors.oauth.refresh import TokenBroker
            from sayso.connectors.oauth.token_rows import SqlTokenStore

            rows = SqlTokenStore(
                self._container.store, read_vault(self._workspace), self._container.tenant
            )
            broker = TokenBroker(
                store=rows, exchange=self, clock=self._container.clock, owner=secrets.token_hex(8)
            )
            self._opened = _Opened(rows=rows, broker=broker)
        return self._opened


def _sign_in_again(name: str) -> RefusedError:
    return RefusedError(
        Code.UNAUTHENTICATED,
        "you signed in too long ago to decide",
        next_step=f"sign in with {name} once more: you come back to where you were",
    )


def _silent() -> RetryableError:
    return RetryableError(
        Code.PROVIDER_UNAVAILABLE,
        "your company's sign-in does not answer, and nobody decides without it",
        next_step="try again in a moment; a one-time link works meanwhile",
    )
