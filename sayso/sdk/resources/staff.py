"""Who works here, changed by the people themselves: invited, given roles, removed; and tokens.

`People` and `Tokens` obey whoever runs the workspace. Here a person acts by their own credential,
so more is asked: they may put a policy in force, and what gives somebody a power is agreed to by a
second one who may, wherever there are two. What waits for the second is in no row: it is a sealed
note that the first hands on, good for a day, once, and only while nothing has changed (see
decision 0164).
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Literal, cast

from sayso.audit.authority.by import By
from sayso.audit.authority.credentials import alive_of
from sayso.audit.authority.people import KnownPerson
from sayso.audit.authority.state import Authority
from sayso.errors import Code, RefusedError
from sayso.ids import to_micros
from sayso.sdk.resources.base import Resource
from sayso.sdk.resources.people import admin
from sayso.sdk.resources.policy import check_of_home
from sayso.sdk.resources.tokens import MAX_DAYS, Scope, Token
from sayso.sdk.wiring.policy_in_force import read_state

if TYPE_CHECKING:
    from sayso.sdk.container import Container
    from sayso.sdk.workspace import Workspace

Verb = Literal["add", "role", "link"]
LASTS = timedelta(hours=24)
"""So long a second person has to agree."""
INVITATION_DAYS = 3
"""So long a link that was handed out begins a session, once."""
_CONTEXT = b"sayso/staff/v1\0"
_MOST_CHARS = 1500
OWN_SCOPES = (Scope.DECIDE, Scope.READ, Scope.STOP, Scope.AUDIT, Scope.FIND, Scope.PROPOSE)
"""What somebody may put into a token of their own, where their session opens it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffChange:
    """What is to become of somebody.

    Attributes:
        verb: `add` them with a link, `role` for other roles, `link` for another link to sign in.
        roles: all of theirs from then on; of no meaning for `link`.
    """

    verb: Verb
    person: str
    roles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedChange:
    """A change that a second person may agree to, and who asked for it."""

    change: StaffChange
    asked_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffDone:
    """What came of a change.

    Attributes:
        offer: what a second person opens to agree; empty where it is done.
        link: a secret that begins one session of the person, once; empty where none was made.
    """

    change: StaffChange
    offer: str = ""
    link: str = ""


class StaffResource(Resource):
    """`sayso.staff`."""

    def __init__(self, container: Container, workspace: Workspace) -> None:
        super().__init__(container)
        self._workspace = workspace

    async def may(self, holder: Token) -> bool:
        """Whether somebody may change who works here."""
        try:
            await self._check(holder)
        except RefusedError:
            return False
        return True

    async def check(self, holder: Token) -> None:
        """Refuse somebody who may not change who works here.

        Raises:
            RefusedError: `forbidden`, `not_an_approver`.
        """
        await self._check(holder)

    async def who_may(self) -> frozenset[str]:
        """The active people who may, by id."""
        people = self._container.people
        authority, roles = await people.authority(self._container.tenant), await self._roles()
        return _who(authority, roles)

    async def ask(self, change: StaffChange, holder: Token, *, via: str = "sdk") -> StaffDone:
        """Change it at once; or have a second person asked, where it gives a power.

        Raises:
            RefusedError: `forbidden`, `not_an_approver` for whoever may not; `own_request` for
                what is about oneself; as `People.add` and `change`.
        """
        authority, may = await self._check(holder)
        known = authority.people.get(change.person)
        self._check_sense(change, known, holder)
        before = known.roles if known is not None and known.active else frozenset[str]()
        gains = change.verb != "role" or bool(frozenset(change.roles) - before)
        if gains and len(may) > 1:
            return StaffDone(change=change, offer=self._offer(change, holder, authority))
        if not gains:
            _check_two_stay(change.person, may, keeps=bool(set(change.roles) & await self._roles()))
        return await self._put(change, holder, via)

    async def asked(self, offer: str) -> AskedChange:
        """What somebody is asked to agree to.

        Raises:
            RefusedError: `unauthenticated` for one of nobody's, or an old one; `wrong_state` for
                what has changed since then, such as where it is done.
        """
        return (await self._opened(offer))[0]

    async def confirm(self, offer: str, holder: Token, *, via: str = "sdk") -> StaffDone:
        """Agree to it as a second person, by which it is done.

        Raises:
            RefusedError: as `asked` and `ask`; `own_request` for whoever has asked for it.
        """
        asked, _ = await self._opened(offer)
        _, may = await self._check(holder)
        if holder.holder == asked.asked_by:
            raise RefusedError(
                Code.OWN_REQUEST,
                "you asked for this yourself, so somebody else has to agree",
                next_step="hand the address of this page to somebody else who may",
            )
        if asked.asked_by not in may:
            raise RefusedError(
                Code.NOT_AN_APPROVER,
                f"`{asked.asked_by[:40]}`, who asked for it, may not any more",
                next_step="ask for it yourself, and have somebody else agree",
            )
        return await self._put(asked.change, holder, via, asked_by=asked.asked_by)

    async def remove(self, person: str, holder: Token, *, via: str = "sdk") -> None:
        """Take every power of somebody, at once.

        Raises:
            RefusedError: `forbidden`, `not_an_approver`, `not_found`; `own_request` for oneself;
                `wrong_state` where fewer than two who may would be left.
        """
        _, may = await self._check(holder)
        if person == holder.holder:
            raise RefusedError(
                Code.OWN_REQUEST,
                "you cannot remove yourself",
                next_step="ask somebody else who may",
            )
        _check_two_stay(person, may, keeps=False)
        by = By(actor=holder.actor, credential=holder.id, via=via)
        await self._container.people.deactivate(holder.tenant, person, by=by)

    async def first(self) -> str | None:
        """Who signs in first: whom the log knew first of those who may; None where anybody has.

        INVARIANT: a sign-in that there was once, of whomever and ended or not, ends this for good.
        """
        container = self._container
        rows = await container.store.read(
            lambda reader: reader.all("session.newest", tenant=container.tenant, limit=1)
        )
        authority = await container.people.authority(container.tenant)
        if rows or any(one.session for one in authority.credentials.values()):
            return None
        may = await self.who_may()
        return min(may, key=lambda name: authority.people[name].seq, default=None)

    # ---- tokens --------------------------------------------------------------------------------

    async def make_token(
        self, holder: Token, scopes: frozenset[Scope], *, days: int, service: str = ""
    ) -> tuple[Token, str]:
        """A token of one's own, or of a program; its secret is shown once.

        Args:
            service: the program's name; empty for one's own. days: until it ends, 1 to 90.

        Raises:
            RefusedError: `forbidden` for a scope that the session has not, or for a program by
                whoever may not; as `Tokens.create`.
        """
        check_of_home(self._container.tenant, holder)
        if service:
            await self._check(holder)
        elif holder.kind != "person" or not scopes <= holder.scopes & frozenset(OWN_SCOPES):
            raise RefusedError(
                Code.FORBIDDEN,
                "a token of yours opens no more than what you have signed in with",
                next_step="leave the rest out, or sign in by a link",
            )
        return await self._container.tokens.create(
            holder.tenant,
            "service" if service else "person",
            service or holder.holder,
            scopes,
            days=min(days, MAX_DAYS + 1),
            by=holder.actor,
            credential=holder.id,
        )

    async def end_token(self, token_id: str, holder: Token) -> None:
        """End a token: one's own, or any by whoever may.

        Raises:
            RefusedError: `forbidden`, `not_an_approver`; `not_found`, also for one that has ended.
        """
        check_of_home(self._container.tenant, holder)
        authority = await self._container.people.authority(holder.tenant)
        known = authority.credentials.get(token_id)
        if known is None or known.kind != "person" or known.holder != holder.holder:
            await self._check(holder)
        await self._container.tokens.revoke(
            holder.tenant, token_id, by=holder.actor, credential=holder.id
        )

    # ---- inside --------------------------------------------------------------------------------

    async def _roles(self) -> frozenset[str]:
        """The roles that may put a policy in force, by the version in force."""
        state = await read_state(self._container.store, None)
        if state.document is not None:
            return state.document.rules.may_activate
        settings = self._workspace.settings
        return frozenset(settings.policy.activate or settings.approvals.roles)

    async def _check(self, holder: Token) -> tuple[Authority, frozenset[str]]:
        """Who may, when this one is among them."""
        check_of_home(self._container.tenant, holder)
        admin(holder, "")
        authority = await self._container.people.authority(holder.tenant)
        roles = await self._roles()
        may = _who(authority, roles)
        if holder.holder not in may:
            wanted = " or ".join(sorted(roles)).replace("_", " ") or "a role that nobody has"
            raise RefusedError(
                Code.NOT_AN_APPROVER,
                f"you may not change who works here; it needs {wanted}",
                next_step="ask somebody with that role",
            )
        return authority, may

    @staticmethod
    def _check_sense(change: StaffChange, known: KnownPerson | None, holder: Token) -> None:
        active = known is not None and known.active
        if change.verb == "add" and active:
            raise RefusedError(
                Code.ALREADY_IN_STATE,
                f"`{change.person[:60]}` is a person of this workspace already",
                next_step="change their roles instead",
            )
        if change.verb != "add" and not active:
            raise RefusedError(
                Code.NOT_FOUND,
                f"`{change.person[:60]}` is no active person of this workspace",
                next_step="invite them first",
            )
        if change.person == holder.holder:
            raise RefusedError(
                Code.OWN_REQUEST,
                "you cannot change what you may yourself",
                next_step="ask somebody else who may",
            )
        same = change.verb == "role" and known is not None
        if same and known is not None and known.roles == frozenset(change.roles):
            raise RefusedError(
                Code.ALREADY_IN_STATE,
                f"`{change.person[:60]}` has just these roles",
                next_step="nothing; or choose others",
            )

    def _offer(self, change: StaffChange, holder: Token, authority: Authority) -> str:
        # What cannot be is said to whoever asks, and not a day later to somebody else.
        self._container.people.check(change.person, change.roles)
        until = to_micros(self._container.clock.now() + LASTS)
        said = json.dumps(
            [
                change.verb,
                change.person,
                list(change.roles),
                holder.holder,
                _mark(change, authority),
                until,
            ]
        ).encode()
        seal = self._container.keyring.seal_note(_CONTEXT + said)
        return f"{_to_text(said)}.{_to_text(seal)}"

    async def _opened(self, offer: str) -> tuple[AskedChange, Authority]:
        head, _, tail = offer.partition(".")
        try:
            said, seal = _of_text(head), _of_text(tail)
        except ValueError:
            said = seal = b""
        keyring = self._container.keyring
        if len(offer) > _MOST_CHARS or not keyring.is_own_note(_CONTEXT + said, seal):
            raise _over("this is no change that somebody asked for")
        verb, person, roles, asked_by, mark, until = json.loads(said)
        if to_micros(self._container.clock.now()) > until:
            raise _over("this was asked for more than a day ago")
        change = StaffChange(verb=cast("Verb", verb), person=person, roles=tuple(roles))
        authority = await self._container.people.authority(self._container.tenant)
        if _mark(change, authority) != mark:
            raise RefusedError(
                Code.WRONG_STATE,
                f"what is known of `{person[:60]}` has changed since this was asked for",
                next_step="look whether it is done already; else ask for it once more",
            )
        return AskedChange(change=change, asked_by=str(asked_by)), authority

    async def _put(
        self, change: StaffChange, holder: Token, via: str, *, asked_by: str = ""
    ) -> StaffDone:
        people, where = self._container.people, holder.tenant
        by = By(actor=holder.actor, credential=holder.id, via=via, asked_by=asked_by)
        match change.verb:
            case "add":
                await people.add(where, change.person, change.roles, by=by)
            case "role":
                await people.change(where, change.person, roles=change.roles, by=by)
                return StaffDone(change=change)
            case "link":
                await self._end_links(change.person, holder)
        _, secret = await self._container.tokens.create(
            where,
            "person",
            change.person,
            frozenset({Scope.ENTER}),
            days=INVITATION_DAYS,
            by=holder.actor,
            credential=holder.id,
        )
        return StaffDone(change=change, link=secret)

    async def _end_links(self, person: str, holder: Token) -> None:
        """A new link ends those before it, which may be anybody's by now."""
        authority = await self._container.people.authority(holder.tenant)
        now = to_micros(self._container.clock.now())
        for one in list(alive_of(authority.credentials.values(), person, now)):
            if one.scopes == frozenset({Scope.ENTER.value}):
                await self._container.tokens.revoke(
                    holder.tenant, one.id, by=holder.actor, credential=holder.id
                )


def _who(authority: Authority, roles: frozenset[str]) -> frozenset[str]:
    return frozenset(
        one.id for one in authority.people.values() if one.active and one.roles & roles
    )


def _check_two_stay(person: str, may: frozenset[str], *, keeps: bool) -> None:
    """INVARIANT: nobody gets to be the only one who may by taking it from the others."""
    if not keeps and person in may and len(may) < 3:
        raise RefusedError(
            Code.WRONG_STATE,
            f"fewer than two people who may change who works here would be left without `{person}`",
            next_step="give somebody else a role that may first; or, at the machine itself, run "
            f"`sayso people deactivate {person}` or `sayso people role {person}`",
        )


def _mark(change: StaffChange, authority: Authority) -> int:
    """The entry after which nothing has changed of what a change rests on."""
    if change.verb == "link":
        mine = (one.seq for one in authority.credentials.values() if one.holder == change.person)
        return max(mine, default=0)
    known = authority.people.get(change.person)
    return 0 if known is None else known.seq


def _to_text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _of_text(text: str) -> bytes:
    return base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))


def _over(message: str) -> RefusedError:
    return RefusedError(
        Code.UNAUTHENTICATED, message, next_step="have it asked for once more on the People page"
    )
