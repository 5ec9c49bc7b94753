"""The one-time link that opens the console, and for whom there is one without asking."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sayso.settings.surfaces import CONSOLE_PATH

if TYPE_CHECKING:
    from sayso.sdk.workspace import Workspace


def console_link(url: str, secret: str) -> str:
    """What a person opens; it works once, for ten minutes."""
    # NOTE: browsers keep no passkey for a bare address (WebAuthn §5.1.2: an RP ID is a domain).
    named = url.replace("://127.0.0.1", "://localhost", 1)
    return f"{named}{CONSOLE_PATH}/enter?key={secret}"


def first_lines(url: str, first: str | None, secret: str) -> list[str]:
    """What a server says where nobody has ever signed in; nothing where somebody has.

    Args:
        first: who signs in first; None where somebody has. secret: empty where nobody looks.
    """
    if first is None:
        return []
    if not secret:
        return [f"  nobody has ever signed in: `sayso console --person {first}` prints a link"]
    return [
        f"  Nobody has ever signed in. This link signs {first} in, once, within ten minutes;",
        "  whoever opens it is that person, so give it to nobody:",
        f"    {console_link(url, secret)}",
    ]


def only_person(workspace: Workspace) -> str | None:
    """Who opens the console of a workspace that is one person's; None where there are several, or
    where other machines open it.
    """
    people = [person.id for person in workspace.settings.people if person.active]
    alone = len(people) == 1 and not workspace.settings.console.url
    return people[0] if alone else None
