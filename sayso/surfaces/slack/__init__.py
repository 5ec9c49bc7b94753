"""Slack: cards with a yes, a no and a less, for people whom the log links to their accounts.

    async with create_slack_app(sayso) as slack:  # posts and updates cards while it is open
        routes = [Route("/slack/events", slack)]  # takes Slack's signed requests

Where to look: `app` puts it together · `bolt` checks Slack's requests, `socket_mode` takes them
over a connection of ours · `payload` reads clicks, forms and messages · `identity` says whose they
are · `answers` takes decisions, `notes` what is written in a thread · `card` draws what is shown,
`forms` what is asked, `thread` what stands below a card, all in the words of `sayso.sdk.chat`;
`wording` makes foreign text safe, and `sayso.block_kit` checks them · `channel` is what we post and
find again, `notifier` brings the cards up to date, `canaries` shows test cards and `work` what
people have to do, both as `outbox_cards`; `reminding` tells everything else, `calls` tells who is
called by name, `direct` in private, `pace` and `web` are how · `home` is the app's Home, `linking`
how an account becomes somebody's · `doctor` says what is missing.

docs/how-to/set-up-slack.md says how to set it up and what a crash loses, approve-in-slack.md what a
card shows and who may decide.
"""

from sayso.block_kit import check_blocks
from sayso.surfaces.slack.app import SlackApp, create_slack_app, open_channel
from sayso.surfaces.slack.card import SlackMessage, build_message
from sayso.surfaces.slack.doctor import examine

__all__ = [
    "SlackApp",
    "SlackMessage",
    "build_message",
    "check_blocks",
    "create_slack_app",
    "examine",
    "open_channel",
]
