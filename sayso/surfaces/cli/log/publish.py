"""`sayso audit publish`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sayso.errors import Code, ConfigError
from sayso.sdk.app import Sayso
from sayso.surfaces.cli.options import JsonOption, WorkspaceOption
from sayso.surfaces.cli.output import Out
from sayso.surfaces.cli.place import find_workspace, run

if TYPE_CHECKING:
    from sayso.audit.publishing.publisher import PlaceState


def publish(workspace: WorkspaceOption = None, as_json: JsonOption = False) -> int:
    """Publish every log's head to every place now; 1 when one of them did not take it."""
    from sayso.sdk.log.publishing import publish_now  # only this command needs it

    out = Out(as_json=as_json)
    folder = find_workspace(workspace)

    async def work() -> list[PlaceState]:
        async with Sayso.open(folder, act=False) as sayso:
            if not sayso.workspace.settings.publishing.places:
                raise ConfigError(
                    Code.INVALID_SETTING,
                    "there is no place to publish to",
                    next_step="name one under [[publishing.places]] in sayso.toml",
                )
            return await publish_now(sayso)

    states = run(work())
    if as_json:
        out.document({"places": [_document(state) for state in states]})
    else:
        columns = ["place", "log", "published", "of", "problem"]
        rows = [
            [state.place, state.tenant, str(state.published), str(state.size), state.problem]
            for state in states
        ]
        out.table(columns, rows)
    return 1 if any(state.problem for state in states) else 0


def _document(state: PlaceState) -> dict[str, object]:
    return {
        "place": state.place,
        "tenant": state.tenant,
        "size": state.size,
        "published": state.published,
        "lag": state.lag,
        "problem": state.problem or None,
    }
