"""Microsoft Teams: the same cards, answers and words as in Slack, for people whom the log links.

    async with open_channel(sayso) as routes:  # tells what is due, and takes what Teams sends
        ...

Where to look: `app` puts it together · `settings` is `[channels.teams]` · `bot_keys` says whether a
request is from Teams, `activity` reads it, `identity` says whose it is · `answers` takes clicks,
`notes` what is written · `board` is where cards stand and what is told, `card` draws it, `web`
calls Teams · `doctor` says what is missing.

docs/how-to/approve-in-teams.md says how to set it up, what a card shows and who may decide.
"""

from sayso.surfaces.teams.app import TeamsApp, open_channel
from sayso.surfaces.teams.doctor import examine

__all__ = ["TeamsApp", "examine", "open_channel"]
