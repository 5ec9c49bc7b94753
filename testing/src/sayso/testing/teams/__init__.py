"""A fake Bot Framework over real HTTP on loopback, and people who click and write in Teams.

    async with FakeTeams.open(now) as teams:
        teams.add_member("maria")
        ...  # a workspace with `teams.settings`, and its app on `teams.app`
        await teams.click(teams.messages[0], "yes", user="maria")

It makes tokens with keys of its own, checks the bot's, stores what is posted and updated, refuses
what Teams refuses, and misbehaves on request (`TeamsFault`). It knows only what Sayso uses, and it
is made from Microsoft's documentation: nobody has compared it with Teams itself.
"""

from sayso.testing.teams.fake import APP_ID, APP_SECRET, CHANNEL, TEAM, TENANT, FakeTeams
from sayso.testing.teams.records import (
    TeamsCall,
    TeamsDelivery,
    TeamsFault,
    TeamsFaultKind,
    TeamsMessage,
)

__all__ = [
    "APP_ID",
    "APP_SECRET",
    "CHANNEL",
    "TEAM",
    "TENANT",
    "FakeTeams",
    "TeamsCall",
    "TeamsDelivery",
    "TeamsFault",
    "TeamsFaultKind",
    "TeamsMessage",
]
