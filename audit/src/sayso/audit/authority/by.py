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
    """

    actor: Actor
    credential: str = HOST
    via: str = "sdk"
