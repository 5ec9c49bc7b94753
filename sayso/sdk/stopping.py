"""Stops as the SDK shows them, and what keeps a stop from holding nothing by a misspelt name."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Literal

from sayso.actions.ledger import ActionRow, read_action
from sayso.actions.stopping import StopRow, StopScope, get_stop, read_stop
from sayso.errors import Code, RefusedError
from sayso.ids import Tenant, rfc3339
from sayso.sdk.views import HeldView, StopView
from sayso.store.base import Reader, integer

if TYPE_CHECKING:
    from sayso.sdk.wiring import House
    from sayso.sdk.workspace import Workspace

_STOP_PREFIX = "stp_"


def read_scope(scope: str) -> StopScope:
    """The scope behind a word.

    Raises:
        RefusedError: `invalid_input`.
    """
    try:
        return StopScope(scope)
    except ValueError:
        raise RefusedError(
            Code.INVALID_INPUT,
            f"`{scope[:40]}` is no scope of a stop",
            next_step="use " + ", ".join(StopScope),
        ) from None


def check_target(house: House, workspace: Workspace, scope: StopScope, target: str) -> None:
    """Refuse a connector or an action that surely does not exist: such a stop would hold nothing.

    Where the names are not known, since no connector was opened and the workspace has Python
    files of its own, the target is taken as it is.

    Raises:
        RefusedError: `not_found`.
    """
    if scope is StopScope.CONNECTOR:
        known = {action.connector for action in house.connectors.actions}
        name = target
    elif scope is StopScope.ACTION:
        known = {action.name for action in house.connectors.actions}
        name = target if known else target.partition(".")[0]
    else:
        return
    if not known and not workspace.settings.actions:
        known = set(workspace.settings.connectors)
    if not target or not known or name in known:
        return
    near = difflib.get_close_matches(name, known, 1)
    raise RefusedError(
        Code.NOT_FOUND,
        f"there is no {scope} `{target[:60]}`, so the stop would hold nothing",
        next_step=f"did you mean `{near[0]}`?" if near else "use " + ", ".join(sorted(known)[:10]),
    )


def show_stop(reader: Reader, row: StopRow, tenant: Tenant) -> StopView:
    """The external form of a stop, with how many of the tenant's actions it holds."""
    held = 0
    if row.in_force:
        found = reader.one("stop.held", tenant=tenant, id=row.id)
        held = 0 if found is None else integer(found, "count")
    return StopView(
        id=row.id,
        status=_status_of(row),
        scope=row.scope.value,
        target=row.target,
        reason=row.reason,
        held=held,
        engaged_by=row.engaged_by,
        engaged_at=rfc3339(row.engaged_at),
        asked_by=row.asked_by,
        asked_at=None if row.asked_at is None else rfc3339(row.asked_at),
        released_by=row.released_by,
        released_at=None if row.released_at is None else rfc3339(row.released_at),
    )


def _status_of(row: StopRow) -> Literal["in_force", "resume_asked", "released"]:
    if not row.in_force:
        return "released"
    return "in_force" if row.asked_by is None else "resume_asked"


def list_stops(
    reader: Reader, tenant: Tenant, *, released: bool | None, limit: int, after: str | None
) -> list[StopView]:
    """Stops that hold the tenant, or did; newest first."""
    rows = reader.all(
        "stop.page",
        tenant=tenant,
        released=None if released is None else int(released),
        after=after,
        limit=limit,
    )
    return [show_stop(reader, read_stop(row), tenant) for row in rows]


def held_view(reader: Reader, row: ActionRow) -> HeldView | None:
    """What an action waits for; None when nothing holds it."""
    if row.held_by is None or not row.is_held:
        return None
    if not row.held_by.startswith(_STOP_PREFIX):
        found = reader.one("action.by_id", tenant=row.tenant, id=row.held_by)
        status = "gone" if found is None else read_action(found).status.value
        reason = f"{row.held_by}, on the same object, is {status}"
        return HeldView(by=row.held_by, code="unsettled", reason=reason)
    stop = get_stop(reader, row.tenant, row.held_by)
    why = f": {stop.reason}" if stop.reason else ""
    return HeldView(by=stop.id, code="stopped", reason=f"stopped ({stop.what}){why}")
