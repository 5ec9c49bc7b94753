"""Links to where else one can look: the provider, the ticket, the trace."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import quote

from sayso.surfaces.console.visit import Visit


@dataclass(frozen=True, slots=True)
class Outside:
    """A link that leaves the console: what it is called, and its address."""

    name: str
    url: str


async def outside(visit: Visit, action_ids: Iterable[str]) -> tuple[Outside, ...]:
    """What `[console.links]` leads to from these actions, each address once.

    The host is the settings' own; whatever stands in an address is an id, percent-encoded.
    """
    links = visit.sayso.workspace.settings.console.links
    found: dict[str, Outside] = {}
    for action_id in action_ids if links else ():
        known = await visit.sayso.actions.elsewhere(action_id)
        words = {
            known.connector: ("{object}", known.object),
            "ticket": ("{conversation}", known.conversation),
            "trace": ("{trace}", known.trace),
        }
        for name, (word, value) in words.items():
            if value and name in links:
                url = links[name].replace(word, quote(value, safe=""))
                found.setdefault(url, Outside(name=name, url=url))
    return tuple(found.values())
