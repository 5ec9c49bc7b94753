"""Whose click it is: an account becomes a person only by the log, which is asked each time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from sayso.audit.authority.people import KnownPerson
from sayso.audit.authority.state import Authority
from sayso.errors import RetryableError
from sayso.json import JsonObject
from sayso.sdk.resources.people import by_account
from sayso.surfaces.teams.activity import TeamsAccount, base_of
from sayso.surfaces.teams.settings import CHANNEL, TeamsSettings
from sayso.surfaces.teams.web import TeamsRefusedError, TeamsWeb

FRESH_S = 300.0
"""SOURCE: A deactivated account decides nothing after five minutes."""
_MOST_KEPT = 10_000
_FOREIGN = "this account belongs to another organisation"
_UNKNOWN = "teams does not know this account here"


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownMember:
    """An account with what we know of it.

    Attributes:
        person: who it is; None when nobody, or nobody who may decide by this account.
        refusal: why not, in words for the person who clicked.
        linkable: it could become somebody's.
    """

    person: KnownPerson | None
    refusal: str = ""
    linkable: bool = False


class Members:
    """Finds the person behind an account.

    Args:
        authority: who the people are now, by the log.
        monotonic_s: seconds of a clock that never jumps, for the age of what Teams said.
    """

    def __init__(
        self,
        settings: TeamsSettings,
        authority: Callable[[], Awaitable[Authority]],
        web: TeamsWeb,
        monotonic_s: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._authority = authority
        self._web = web
        self._monotonic_s = monotonic_s
        self._known: dict[tuple[str, str], tuple[float, str]] = {}

    async def identify(self, account: TeamsAccount, conversation: str) -> KnownMember:
        """The person behind an account, or why there is none.

        Args:
            conversation: in which it clicked or wrote.

        Raises:
            RetryableError: Teams does not say what kind of account it is, so nobody decides.
        """
        if account.tenant != self._settings.tenant:
            return KnownMember(person=None, refusal=_FOREIGN)
        # INVARIANT: never by name or e-mail, which whoever runs an account can change.
        person = by_account(await self._authority(), CHANNEL, account.named)
        refusal = await self._refusal(account, base_of(conversation))
        if person is None:
            unlinked = "this Teams account is not linked to an approver"
            return KnownMember(person=None, refusal=refusal or unlinked, linkable=not refusal)
        return KnownMember(person=None if refusal else person, refusal=refusal)

    async def _refusal(self, account: TeamsAccount, conversation: str) -> str:
        key = (account.object_id, conversation)
        now = self._monotonic_s()
        known = self._known.get(key)
        if known is not None and now - known[0] < FRESH_S:
            return known[1]
        try:
            found = await self._web.member(conversation, account.user)
        except TeamsRefusedError as error:
            if error.status != 404:
                raise RetryableError(error.code, error.message, detail=error.detail) from error
            refusal = _UNKNOWN
        else:
            refusal = _refusal_of(found, account)
        if len(self._known) >= _MOST_KEPT:
            self._known.clear()
        self._known[key] = (now, refusal)
        return refusal


def _refusal_of(found: JsonObject, account: TeamsAccount) -> str:
    """Source: Teams, roster: `userRole` is `user`, `guest` or `anonymous`."""
    named = found.get("aadObjectId", found.get("objectId"))
    if named != account.object_id:
        return _UNKNOWN
    if found.get("tenantId", account.tenant) != account.tenant:
        return _FOREIGN
    role = found.get("userRole", "")
    if role in {"guest", "anonymous"}:
        return "guests decide nothing"
    return "" if role == "user" else "teams does not say that this is a member of your organisation"
