"""Taking an account in a chat for oneself: one page that says whose, and one form."""

from __future__ import annotations

from starlette.responses import Response

from sayso.surfaces.console.visit import Visit


async def show_link(visit: Visit) -> Response:
    """The page; nothing is linked by looking at it."""
    offer = visit.request.path_params["offer"]
    offered = visit.sayso.account_links.account_of(offer)
    chat = name_of(offered.chat)
    page = visit.page(f"Link a {chat} account", "-")
    was = visit.person.account(offered.chat)
    account = offered.account
    return visit.show("account.html", page, chat=chat, account=account, offer=offer, was=was)


async def link(visit: Visit) -> Response:
    """Link it."""
    links, offer = visit.sayso.account_links, visit.request.path_params["offer"]
    chat = name_of(links.account_of(offer).chat)
    await links.link(visit.session, offer)
    return visit.note(
        f"The {chat} account is yours",
        f"From now on what it says in {chat} counts as your word, and the log says so.",
        kind="ok",
    )


def name_of(chat: str) -> str:
    """A chat by the name that people know it by."""
    return chat.replace("_", " ").replace("-", " ").capitalize()
