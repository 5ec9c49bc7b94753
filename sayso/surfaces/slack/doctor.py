"""Whether Slack is set up: each thing that a card or a click needs, asked of Slack itself."""

from __future__ import annotations

from collections.abc import AsyncIterator

from sayso.errors import SaysoError
from sayso.ids import rfc3339, to_micros
from sayso.sdk.chat.finding import DoctorFinding
from sayso.sdk.client import Sayso
from sayso.surfaces.slack.channel import Channel
from sayso.surfaces.slack.identity import Home, Identities
from sayso.surfaces.slack.pace import AnswerTimeouts, NotifierPace
from sayso.surfaces.slack.payload import SlackAccount
from sayso.surfaces.slack.web import SlackRefusedError, SlackWeb

_STEPS = {
    "invalid_auth": "take `slack.bot_token` from “OAuth & Permissions”, and install the app",
    "not_authed": "set `slack.bot_token`",
    "account_inactive": "install the app again; its token was revoked",
    "missing_scope": "add the scopes of the manifest, and install the app again",
    "channel_not_found": "invite the app to the channel: /invite @sayso",
    "not_in_channel": "invite the app to the channel: /invite @sayso",
}


_READS = frozenset({"groups:history", "channels:history"})
"""By one of them Slack sends what is written in a channel, private or public."""


_DIRECT = ("im:write", "im:history")
"""To open a conversation with one person, and to find there what may have been said already."""


async def examine(sayso: Sayso) -> list[DoctorFinding]:
    """Look at the token, the channel, how clicks come, and each linked person; changes nothing."""
    section = sayso.workspace.settings.slack
    if section is None:
        step = "add [slack] to sayso.toml as the guide shows"
        return [DoctorFinding(what="settings", said="there is no [slack]", next_step=step)]
    try:
        web = SlackWeb(section.api_url, sayso.workspace.secret(section.bot_token))
    except SaysoError as error:
        return [DoctorFinding(what="token", said=error.message, next_step=error.next_step)]
    try:
        return [found async for found in _examine(sayso, web, section.channel)]
    finally:
        await web.close()


async def _examine(sayso: Sayso, web: SlackWeb, channel: str) -> AsyncIterator[DoctorFinding]:
    pace, patience = NotifierPace(), AnswerTimeouts()
    home = Home(web, patience.ask_s)
    try:
        bot = await home.read()
        yield DoctorFinding(what="token", said=f"it is valid; we are {bot.user}")
    except SaysoError as error:
        yield _problem("token", error)
        return
    try:
        place = Channel(web, home, channel, pace.timeout_s)
        await place.check_private()
        await place.find("apr_none", rfc3339(to_micros(sayso.now())))
        yield DoctorFinding(
            what="channel", said=f"{channel} is ours alone, and we can read our cards"
        )
    except SaysoError as error:
        yield _problem("channel", error)
    try:
        scopes = await web.scopes(timeout_s=patience.ask_s)
        yield _notes(scopes)
        yield _private(scopes)
    except SaysoError as error:
        yield _problem("scopes", error)
    yield DoctorFinding(
        what="home",
        said="it is shown once the app is subscribed to `app_home_opened` and its Home tab is on,"
        " which only its settings pages show",
    )
    section = sayso.workspace.settings.slack
    assert section is not None, "looked at before"
    how = "over Socket Mode" if section.app_token else "over HTTP, at /slack/events"
    yield DoctorFinding(what="clicks", said=f"they come {how}")
    async for found in _people(
        sayso,
        Identities(
            lambda: sayso.people.authority(sayso.tenant), web, home, pace.monotonic, patience.ask_s
        ),
    ):
        yield found


def _private(scopes: frozenset[str]) -> DoctorFinding:
    """Whether who is called and is not in the channel can be told; all else goes on without."""
    missing = [f"`{one}`" for one in _DIRECT if one not in scopes]
    if not missing:
        return DoctorFinding(what="private", said="who is called and is not in the channel is told")
    return DoctorFinding(
        what="private",
        said="who is called and is not in the channel is not told in Slack: the token lacks"
        f" {' and '.join(missing)}",
        next_step="add the scopes of the manifest, and install the app again; or invite them to the"
        " channel",
    )


def _notes(scopes: frozenset[str]) -> DoctorFinding:
    """Whether what people write below a card can reach us; everything else goes on without."""
    if not scopes & _READS:
        return DoctorFinding(
            what="notes",
            said="what people write below a card is not noted: the token lacks `groups:history`",
            next_step="add the scopes and the event of the manifest, and install the app again;"
            " cards and clicks go on without",
        )
    return DoctorFinding(
        what="notes",
        said="the token may read threads; Slack sends them once the app is subscribed to"
        " `message.groups`, which only its settings page shows",
    )


async def _people(sayso: Sayso, identities: Identities) -> AsyncIterator[DoctorFinding]:
    linked = [one for one in await sayso.people.list(sayso.tenant) if one.slack and one.active]
    if not linked:
        step = 'link somebody: `slack = "T…/U…"` in [[people]]'
        yield DoctorFinding(
            what="people", said="nobody is linked, so nobody decides", next_step=step
        )
    for person in linked:
        owner, _, user = (person.slack or "").partition("/")
        what = f"person {person.id}"
        try:
            known = await identities.identify(SlackAccount(owner=owner, user=user))
        except SaysoError as error:
            yield _problem(what, error)
            continue
        if known.person is None:
            step = "link the account that they use, or leave it out"
            yield DoctorFinding(what=what, said=known.refusal, next_step=step)
        elif not known.person.roles:
            yield DoctorFinding(what=what, said="has no role", next_step="give them one")
        else:
            roles = ", ".join(role.replace("_", " ") for role in sorted(known.person.roles))
            yield DoctorFinding(what=what, said=f"may decide as {roles}")


def _problem(what: str, error: SaysoError) -> DoctorFinding:
    word = error.error if isinstance(error, SlackRefusedError) else ""
    step = _STEPS.get(word, error.next_step or "try again")
    return DoctorFinding(
        what=what, said=f"{error.message}{f' ({word})' if word else ''}", next_step=step
    )
