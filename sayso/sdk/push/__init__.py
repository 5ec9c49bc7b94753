"""Web push: what is told to a person in their own browser, also while no page is open.

It tells no more than Slack's notifications do, and decides nothing.

Where to look: `settings` is `[channels.push]` and its keys · `browsers` are the rows, each sealed
for its person · `notices` is what is said, in the browser's language · `message` encrypts one and
hands it over. The channel that tells what is due is `sayso.surfaces.push`.
"""
