"""Who does something for which nobody decides, and by what they showed who they are."""

from __future__ import annotations

from dataclasses import dataclass

from sayso.audit.authority.credentials import HOST
from sayso.audit.entry import Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class By:
    """Whoever says something that an entry tells.

    Attributes:
        actor: who. credential: `tok_…`, or `host` for whoever runs the workspace itself.
        via: the surface, such as `cli`.
        asked_by: the person who asked for it first, where the actor is the second of two.
    """

    actor: Actor
    credential: str = HOST
    via: str = "sdk"
    asked_by: str = ""
