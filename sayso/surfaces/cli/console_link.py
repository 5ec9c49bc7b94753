"""The one-time link that opens the console, and for whom there is one without asking."""

from __future__ import annotations

from sayso.sdk.workspace import Workspace
from sayso.settings.surfaces import CONSOLE_PATH


def console_link(url: str, secret: str) -> str:
    """What a person opens; it works once, for ten minutes."""
    # NOTE: browsers keep no passkey for a bare address (WebAuthn §5.1.2: an RP ID is a domain).
    named = url.replace("://127.0.0.1", "://localhost", 1)
    return f"{named}{CONSOLE_PATH}/enter?key={secret}"


def only_person(workspace: Workspace) -> str | None:
    """Who opens the console of a workspace that is one person's; None where there are several, or
    where other machines open it.
    """
    people = [person.id for person in workspace.settings.people if person.active]
    alone = len(people) == 1 and not workspace.settings.console.url
    return people[0] if alone else None
