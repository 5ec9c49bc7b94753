"""A fake Slack over real HTTP on loopback: for tests, and for a demo without a Slack workspace.

    with FakeSlack.start() as slack:
        slack.add_user("U1")
        async with slack.serve(app):  # any ASGI app that takes Slack's requests
            await slack.click(slack.messages[0], "sayso.solution.yes", user="U1")
            print(render(slack.messages[0]))

It stores what is posted, refuses what Slack refuses, signs what it sends as Slack does, and
misbehaves on request (`SlackFault`). It knows only the methods that Sayso uses.
"""

from sayso.testing.slack.fake import CHANNEL, SIGNING_SECRET, TEAM, TOKEN, FakeSlack
from sayso.testing.slack.interactions import InteractionDelivery
from sayso.testing.slack.records import (
    ApiCall,
    Ephemeral,
    FaultKind,
    OpenView,
    PostedMessage,
    SlackFault,
    SlackUser,
)
from sayso.testing.slack.render import render

__all__ = [
    "CHANNEL",
    "SIGNING_SECRET",
    "TEAM",
    "TOKEN",
    "ApiCall",
    "Ephemeral",
    "FakeSlack",
    "FaultKind",
    "InteractionDelivery",
    "OpenView",
    "PostedMessage",
    "SlackFault",
    "SlackUser",
    "render",
]
