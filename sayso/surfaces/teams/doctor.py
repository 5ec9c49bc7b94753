"""Whether Teams is set up: each thing that a card or a click needs, asked of Microsoft itself."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

from sayso.errors import SaysoError
from sayso.ids import monotonic_s
from sayso.sdk.chat.finding import DoctorFinding
from sayso.sdk.client import Sayso
from sayso.surfaces.teams.board import Board
from sayso.surfaces.teams.bot_keys import BotKeys
from sayso.surfaces.teams.settings import CHANNEL, TeamsSettings, read_settings
from sayso.surfaces.teams.web import TeamsRefusedError, TeamsWeb

_STEPS: Mapping[str, str] = {
    "invalid_client": "make a new client secret in the app's registration, and put it where"
    " `channels.teams.app_secret` says",
    "unauthorized_client": "use the `app_id` and the `tenant` of one and the same registration",
    "invalid_request": "check `channels.teams.tenant`: it is the id of your organisation",
    "Forbidden": "add the app to the team: Teams, Manage team, Apps",
    "BotNotInConversationRoster": "add the app to the team: Teams, Manage team, Apps",
}


async def examine(sayso: Sayso) -> list[DoctorFinding]:
    """Look at the login, the keys, the channel and each linked person; changes nothing."""
    try:
        settings = read_settings(sayso)
    except SaysoError as error:
        return [DoctorFinding(what="settings", said=error.message, next_step=error.next_step)]
    web = TeamsWeb(settings, monotonic_s)
    try:
        return [found async for found in _examine(sayso, settings, web)]
    finally:
        await web.close()


async def _examine(
    sayso: Sayso, settings: TeamsSettings, web: TeamsWeb
) -> AsyncIterator[DoctorFinding]:
    keys = BotKeys(settings, web.client, monotonic_s, sayso.now)
    try:
        await web.token()
        yield DoctorFinding(what="login", said=f"the secret of {settings.app_id} is valid")
    except SaysoError as error:
        yield _problem("login", error)
        return
    try:
        await keys.read()
        yield DoctorFinding(what="keys", said="the keys that sign what Teams sends can be read")
    except SaysoError as error:
        yield _problem("keys", error)
    if settings.channel is None:
        said = "none is set, so each card goes to whoever may decide it"
        yield DoctorFinding(what="channel", said=said)
    else:
        try:
            await Board(sayso, settings, web).check_private()
            yield DoctorFinding(what="channel", said="it is in the team, and ours alone")
        except SaysoError as error:
            yield _problem("channel", error)
    async for found in _people(sayso, settings):
        yield found


async def _people(sayso: Sayso, settings: TeamsSettings) -> AsyncIterator[DoctorFinding]:
    people = await sayso.people.list(sayso.tenant)
    linked = [(one, one.account(CHANNEL)) for one in people if one.active]
    named = [(one, account) for one, account in linked if account is not None]
    if not named:
        step = 'link somebody: `accounts = { teams = "TENANT/OBJECT" }` in [[people]]'
        said = "nobody is linked, so nobody decides"
        yield DoctorFinding(what="people", said=said, next_step=step)
    for person, account in named:
        what = f"person {person.id}"
        if account.partition("/")[0] != settings.tenant:
            step = "link the account that they have in your organisation"
            said = "their account is of another organisation"
            yield DoctorFinding(what=what, said=said, next_step=step)
        elif not person.roles:
            yield DoctorFinding(what=what, said="has no role", next_step="give them one")
        else:
            roles = ", ".join(role.replace("_", " ") for role in sorted(person.roles))
            yield DoctorFinding(what=what, said=f"may decide as {roles}")


def _problem(what: str, error: SaysoError) -> DoctorFinding:
    word = error.error if isinstance(error, TeamsRefusedError) else ""
    step = _STEPS.get(word, error.next_step or "try again")
    return DoctorFinding(what=what, said=error.message, next_step=step)
