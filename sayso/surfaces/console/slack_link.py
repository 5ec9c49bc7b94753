"""Taking a Slack account for oneself: one page that says whose, and one form."""

from __future__ import annotations

from starlette.responses import Response

from sayso.surfaces.console.visit import Visit


async def show_link(visit: Visit) -> Response:
    """The page; nothing is linked by looking at it."""
    offer = visit.request.path_params["offer"]
    account = visit.sayso.slack_links.account_of(offer)
    page = visit.page("Link a Slack account", "-")
    return visit.show("slack.html", page, account=account, offer=offer, was=visit.person.slack)


async def link(visit: Visit) -> Response:
    """Link it."""
    await visit.sayso.slack_links.link(visit.session, visit.request.path_params["offer"])
    return visit.note(
        "The Slack account is yours",
        "From now on what it says in Slack counts as your word, and the log says so.",
        kind="ok",
    )
