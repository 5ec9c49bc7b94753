"""Copies rows between two databases of a workspace: one tenant's, and the operator's log."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import orjson

from sayso.audit.entry import EntryKind
from sayso.audit.place import LogPlace, place_of
from sayso.errors import Code, IntegrityError, RefusedError
from sayso.sdk.wiring.database import is_postgres, missing_postgres
from sayso.sdk.workspace import Workspace
from sayso.store.sqlite.transfer import change_file, read_file
from sayso.store.transfer import (
    Origin,
    Progress,
    Target,
    Transferred,
    clear_tenant,
    transfer_tenant,
)

LOG_TABLES = frozenset({"log_entry", "log_head", "log_key", "log_segment", "log_timestamp"})
"""What stays of a tenant that is in another database: the log, which proves that it went."""
_OF_OPERATOR = LOG_TABLES | {"policy_version", "stop"}
_BEGIN_WITH = ("deployment", "signing_key/")


def copy_tenant(
    source: Workspace, target: Workspace, tenant: str, progress: Progress
) -> Transferred:
    """Copy all rows of a tenant that leaves; they are all there at the end, or none.

    Guarantees: nothing of the source is changed; the target has had no rows of the tenant, or such
    as an earlier copy, or an earlier stay, has left.

    Raises:
        RefusedError: `wrong_state`, when the tenant's log goes on in the target.
        IntegrityError: `tampered`, when the target has another log of the tenant than the source.
        ConfigError: `damaged`, `store_version`, `store_read_only`; RetryableError: `store_busy`,
            `store_unavailable`.
    """
    with _read(source) as origin, _changed(target) as filled:
        _check_free(origin, filled, tenant)
        _begin_database(origin, filled)
        return transfer_tenant(origin, filled, tenant, progress)


def copy_operator(home: Workspace, target: Workspace) -> bool:
    """Make the copy of the operator's log where there is none; whether it was made.

    Raises:
        As `copy_tenant`.
    """
    operator = home.settings.workspace.tenant
    with _read(home) as origin, _changed(target) as filled:
        begins = not filled.count("log_entry", ("tenant", operator))
        pruned = _first(filled, operator) < _first(origin, operator)
        if not (begins or pruned) or not origin.count("log_entry", ("tenant", operator)):
            return False
        _begin_database(origin, filled)
        transfer_tenant(origin, filled, operator, only=_OF_OPERATOR)
        return True


def clear_moved(source: Workspace, tenant: str) -> bool:
    """Delete the rows of a tenant that has moved, but for its log; whether there were any.

    INVARIANT: looked at in the transaction that deletes, since the tenant may have come back.
    """
    with _changed(source) as there:
        if _place(there, tenant).kind is not EntryKind.TENANT_MOVED:
            return False
        return _clear(there, tenant)


def clear_left(target: Workspace, tenant: str, size: int) -> bool:
    """Delete the rows of a copy that has never arrived, but for its log; whether there were any.

    INVARIANT: looked at in the transaction that deletes, since another copy may be on its way.

    Args:
        size: of the tenant's log where it has stayed; a longer copy is of a later move.
    """
    with _changed(target) as there:
        heads = iter(there.rows("log_head", ("size",), ("size",), ("tenant", tenant)))
        (copied,) = next(heads, (0,))
        leaves = _place(there, tenant).kind is EntryKind.TENANT_LEAVING
        if not leaves or int(str(copied)) > size:
            return False
        return _clear(there, tenant)


def _clear(there: Target, tenant: str) -> bool:
    had = any(
        there.count(name, ("tenant", tenant)) for name in ("action", "request", "token", "subject")
    )
    clear_tenant(there, tenant, but=LOG_TABLES)
    return had


def _check_free(origin: Origin, target: Origin, tenant: str) -> None:
    """Refuse a target in which the tenant's log goes on, or is another one."""
    rows = iter(target.rows("log_entry", ("body",), ("seq",), ("tenant", tenant)))
    last = None
    # What is there has to be the beginning of what comes, and is deleted for it.
    for last, was in zip(rows, _bodies(origin, tenant), strict=False):
        if last != was:
            raise IntegrityError(
                Code.TAMPERED,
                f"the other database has a log of `{tenant}` that is not the beginning of this one",
                next_step="run `sayso audit verify` on both; nothing was copied",
            )
    if last is None:
        return
    if next(rows, None) is not None or _place(target, tenant).kind is EntryKind.TENANT_SETTLED:
        raise RefusedError(
            Code.WRONG_STATE,
            f"the log of `{tenant}` goes on in the other database already",
            next_step="see where it is: `sayso tenant show`",
        )


def _bodies(origin: Origin, tenant: str) -> Generator[tuple[object, ...]]:
    yield from origin.rows("log_entry", ("body",), ("seq",), ("tenant", tenant))


def _place(there: Origin, tenant: str) -> LogPlace:
    """What the newest entry about the log's place says."""
    newest: str | None = None
    for (body,) in there.rows("log_entry", ("body",), ("seq",), ("tenant", tenant)):
        found = str(body)
        if '"kind":"tenant.' in found and '"kind":"tenant.placed"' not in found:
            newest = found if orjson.loads(found)["kind"] in _KINDS else newest
    return place_of(newest)


_KINDS = {EntryKind.TENANT_LEAVING, EntryKind.TENANT_MOVED, EntryKind.TENANT_SETTLED}


def _first(there: Origin, tenant: str) -> int:
    """The index of the first entry that is there; 0 of none."""
    rows = there.rows("log_entry", ("seq",), ("seq",), ("tenant", tenant))
    found = next(iter(rows), None)
    return 0 if found is None else int(str(found[0]))


def _begin_database(origin: Origin, target: Target) -> None:
    """Give a database that has no log yet the name and the keys of the workspace."""
    has = {row[0] for row in target.rows("meta", ("key",), ("key",))}
    rows = [
        row
        for row in origin.rows("meta", ("key", "value"), ("key",))
        if str(row[0]).startswith(_BEGIN_WITH) and row[0] not in has
    ]
    target.insert("meta", ("key", "value"), rows)


@contextmanager
def _read(workspace: Workspace) -> Generator[Origin]:
    if not is_postgres(workspace):
        with read_file(workspace.store_path) as origin:
            yield origin
        return
    try:
        from sayso.store.postgres.transfer import read_database  # needs an extra
    except ImportError as error:
        raise missing_postgres() from error
    with read_database(workspace.store_url) as origin:
        yield origin


@contextmanager
def _changed(workspace: Workspace) -> Generator[Target]:
    if not is_postgres(workspace):
        with change_file(workspace.store_path) as target:
            yield target
        return
    try:
        from sayso.store.postgres.transfer import change_database  # needs an extra
    except ImportError as error:
        raise missing_postgres() from error
    with change_database(workspace.store_url) as target:
        yield target
