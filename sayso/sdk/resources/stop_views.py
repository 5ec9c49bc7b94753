"""Stops as the SDK shows them, and what keeps a stop from holding nothing by a misspelt name."""

from __future__ import annotations

import difflib
from functools import partial
from typing import TYPE_CHECKING, Literal

from sayso.actions.controls.kill_switch import StopRow, StopScope, get_stop, read_stop
from sayso.actions.model.action_row import ActionRow, read_action
from sayso.errors import Code, RefusedError
from sayso.ids import Tenant, rfc3339
from sayso.sdk.views import HeldView, StopView
from sayso.store.base import Reader, integer, text
from sayso.text import plain

if TYPE_CHECKING:
    from sayso.sdk.container import Container

_STOP_PREFIX = "stp_"
_NEWEST = 200
"""So many of the newest actions say which names are in use, whatever is set up here."""


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


async def check_target(container: Container, scope: StopScope, target: str) -> str:
    """Refuse a connector or an action that surely does not exist: such a stop would hold nothing.

    What the newest actions of the ledger name exists, though it is not set up here: the workers may
    have another version of the workspace.

    Returns:
        why the name could not be checked, since a connector cannot be loaded; else empty.

    Raises:
        RefusedError: `not_found`, with the nearest name.
    """
    if not target or scope not in {StopScope.CONNECTOR, StopScope.ACTION}:
        return ""
    types = await container.action_catalog.read()
    known = types.names if scope is StopScope.ACTION else types.connectors
    if target in known:
        return ""
    # INVARIANT: a brake is not kept from holding by what is broken; where the names are not known,
    # the target is taken as it is.
    if doubt := types.doubt(target.partition(".")[0]):
        return doubt
    done = await container.store.read(partial(_done_lately, tenant=container.tenant))
    if target in (done if scope is StopScope.ACTION else {name.partition(".")[0] for name in done}):
        return ""
    raise RefusedError(
        Code.NOT_FOUND,
        f"there is no {scope} `{plain(target, limit=60)}`, so the stop would hold nothing",
        next_step=_instead(target, known),
    )


def _done_lately(reader: Reader, tenant: Tenant) -> set[str]:
    rows = reader.all("action.page", tenant=tenant, after=None, name=None, limit=_NEWEST)
    return {text(row, "name") for row in rows}


def _instead(target: str, known: frozenset[str]) -> str:
    """The name that was meant: of an action called by its verb, of a connector, or the nearest."""
    names = sorted(known)
    verbs = [name for name in names if name.partition(".")[2] == target]
    of_connector = [name for name in names if name.startswith(f"{target}.")]
    if of_connector and not verbs:
        return f"use {', '.join(of_connector[:10])}; or stop the connector `{target}`"
    if near := verbs or difflib.get_close_matches(target, names, 1):
        return f"did you mean `{near[0]}`?"
    return "use " + ", ".join(names[:10]) if names else "stop the tenant, with the scope `tenant`"


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
    if row.blocked_by is None or not row.is_blocked:
        return None
    if not row.blocked_by.startswith(_STOP_PREFIX):
        found = reader.one("action.by_id", tenant=row.tenant, id=row.blocked_by)
        status = None if found is None else read_action(found).status.value
        reason = f"{row.blocked_by}, on the same object, is {status or 'gone'}"
        return HeldView(by=row.blocked_by, code="object_locked", reason=reason, status=status)
    stop = get_stop(reader, row.tenant, row.blocked_by)
    why = f": {stop.reason}" if stop.reason else ""
    return HeldView(by=stop.id, code="stopped", reason=f"stopped ({stop.what}){why}")
