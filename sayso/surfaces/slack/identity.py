"""Whose click it is: an account becomes a person only by the log, which is asked each time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from sayso.audit.authority.credentials import SLACK
from sayso.audit.authority.people import KnownPerson
from sayso.audit.authority.state import Authority
from sayso.errors import RetryableError
from sayso.json import JsonObject
from sayso.sdk.chat.answers import Voice
from sayso.sdk.resources.people import by_account
from sayso.surfaces.slack.payload import SlackAccount
from sayso.surfaces.slack.web import SlackRefusedError, SlackWeb

FRESH_S = 300.0
"""SOURCE: A deactivated account decides nothing after five minutes."""
_MOST_KEPT = 10_000
_FOREIGN = "this account belongs to another workspace"
_FLAGS = (
    ("deleted", "this Slack account is deactivated"),
    ("is_bot", "a bot decides nothing"),
    ("is_app_user", "an app decides nothing"),
    ("is_restricted", "guests decide nothing"),
    ("is_ultra_restricted", "guests decide nothing"),
    ("is_stranger", "members of other organisations decide nothing"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Identified:
    """An account with what we know of it.

    Attributes:
        person: who it is; None when nobody, or nobody who may decide by this account.
        refusal: why not, in words for the person who clicked.
    """

    person: KnownPerson | None
    refusal: str = ""


def voice_of(person: str, account: SlackAccount) -> Voice:
    """The word of a person that came by this account."""
    return Voice(person=person, credential=account.actor)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bot:
    """Who we are in Slack.

    Attributes:
        user: our bot's user id, which wrote our cards.
        places: the ids of our workspace and, on Enterprise Grid, of our enterprise.
    """

    user: str
    places: frozenset[str]


class Home:
    """Asks Slack once who we are, and keeps it.

    Args:
        ask_s: how long Slack has for an answer.
    """

    def __init__(self, web: SlackWeb, ask_s: float) -> None:
        self._web = web
        self._ask_s = ask_s
        self._bot: Bot | None = None

    async def read(self) -> Bot:
        """Who we are.

        Raises:
            RetryableError: Slack does not say now.
            SlackRefusedError: the token is not valid.
        """
        if self._bot is None:
            answer = await self._web.read("auth.test", {}, timeout_s=self._ask_s)
            places = (answer.get("team_id"), answer.get("enterprise_id"))
            self._bot = Bot(
                user=str(answer.get("user_id", "")),
                places=frozenset(place for place in places if isinstance(place, str)),
            )
        return self._bot


class Identities:
    """Finds the person behind an account.

    Args:
        authority: who the people are now, by the log.
        monotonic_s: seconds of a clock that never jumps, for the age of what Slack said.
        ask_s: how long Slack has for an answer.
    """

    def __init__(
        self,
        authority: Callable[[], Awaitable[Authority]],
        web: SlackWeb,
        home: Home,
        monotonic_s: Callable[[], float],
        ask_s: float,
    ) -> None:
        self._authority = authority
        self._web = web
        self._home = home
        self._monotonic_s = monotonic_s
        self._ask_s = ask_s
        self._known: dict[tuple[str, str], tuple[float, str]] = {}

    async def identify(self, account: SlackAccount) -> Identified:
        """The person behind an account, or why there is none.

        Raises:
            RetryableError: Slack does not say what kind of account it is, so nobody decides.
        """
        # INVARIANT: never by name or e-mail, which whoever runs a Slack account can change.
        person = by_account(await self._authority(), SLACK, f"{account.owner}/{account.user}")
        if person is None:
            return Identified(
                person=None, refusal="this Slack account is not linked to an approver"
            )
        if account.owner not in (await self._home.read()).places:
            return Identified(person=None, refusal=_FOREIGN)
        refusal = await self._refusal(account)
        return Identified(person=None if refusal else person, refusal=refusal)

    async def may_link(self, account: SlackAccount) -> bool:
        """Whether it is nobody's, and of somebody who could decide by it: no guest, bot, stranger.

        Raises:
            RetryableError, SlackRefusedError: Slack does not say.
        """
        if (
            by_account(await self._authority(), SLACK, f"{account.owner}/{account.user}")
            is not None
        ):
            return False
        if account.owner not in (await self._home.read()).places:
            return False
        return not await self._refusal(account)

    async def _refusal(self, account: SlackAccount) -> str:
        key = (account.owner, account.user)
        now = self._monotonic_s()
        known = self._known.get(key)
        if known is not None and now - known[0] < FRESH_S:
            return known[1]
        try:
            answer = await self._web.read(
                "users.info", {"user": account.user}, timeout_s=self._ask_s
            )
        except SlackRefusedError as error:
            if error.error in {"user_not_found", "user_not_visible"}:
                return "slack does not know this account here"
            raise RetryableError(error.code, error.message, detail=error.detail) from error
        refusal = _refusal_of(answer, account, (await self._home.read()).places)
        if len(self._known) >= _MOST_KEPT:
            self._known.clear()
        self._known[key] = (now, refusal)
        return refusal


def _refusal_of(answer: JsonObject, account: SlackAccount, places: frozenset[str]) -> str:
    user = answer.get("user")
    if not isinstance(user, Mapping) or user.get("id") != account.user:
        return "slack does not know this account here"
    for flag, refusal in _FLAGS:
        if user.get(flag, False) is not False:
            return refusal
    grid = user.get("enterprise_user")
    homes = [user.get("team_id"), grid.get("enterprise_id") if isinstance(grid, Mapping) else None]
    return "" if any(home in places for home in homes if isinstance(home, str)) else _FOREIGN
