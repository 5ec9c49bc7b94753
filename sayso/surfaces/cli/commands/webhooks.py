"""`sayso webhooks add|list|test|rotate|disable|enable|replay|remove`."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from sayso.ids import Tenant
from sayso.sdk.client import Sayso
from sayso.sdk.webhooks.resource import WebhookView
from sayso.surfaces.cli.options import JsonOption, TenantOption, WorkspaceOption
from sayso.surfaces.cli.output import Out, local_time
from sayso.surfaces.cli.problem import usage
from sayso.surfaces.cli.workspace import CLI, find_workspace, read_workspace, tenant_of

T = TypeVar("T")
app = typer.Typer(help="Programs called with every change: add, list, test, and so on.")
IdArgument = Annotated[str, typer.Argument(metavar="ID", help="The webhook, whk_….")]
_NOT_TAKEN = 1


@app.command()
def add(
    url: Annotated[str, typer.Argument(metavar="URL", help="https, or http on this machine.")],
    kind: Annotated[
        list[str] | None,
        typer.Option(
            "--kind",
            metavar="KIND",
            help="Only these: action.succeeded, or a family such as action; repeatable.",
        ),
    ] = None,
    tenant: TenantOption = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> int:
    """Call an address with every change from now on; its secret is shown."""
    made = _run(
        workspace,
        tenant,
        lambda sayso, where: sayso.webhooks.add(
            url, kinds=kind or (), by=CLI, via=_via(), tenant=where
        ),
    )
    out = Out(as_json=as_json)
    if as_json:
        out.document(made)
        return 0
    out.line(made.secret or "")
    out.warn(f"{made.id} is called at {made.url} with every change from now on.")
    out.warn("Give the receiver this secret; it verifies what comes. Keep it where secrets are.")
    out.warn(f"Try it: sayso webhooks test {made.id}")
    return 0


@app.command("list")
def list_webhooks(
    tenant: TenantOption = None, workspace: WorkspaceOption = None, as_json: JsonOption = False
) -> int:
    """List webhooks, oldest first: how they stand, and what waits for them."""
    found = _run(workspace, tenant, lambda sayso, where: sayso.webhooks.list(tenant=where))
    out = Out(as_json=as_json)
    if as_json:
        out.document({"items": found})
    elif not found:
        out.line("No program is called yet. Add one: sayso webhooks add https://…")
    else:
        out.table(["id", "url", "told", "state", "waiting", "problem"], list(map(_row, found)))
    return 0


@app.command("test")
def send_test(
    webhook_id: IdArgument,
    tenant: TenantOption = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> int:
    """Send it a signed test message now; ends with 1 when it is not taken."""
    found = _run(
        workspace, tenant, lambda sayso, where: sayso.webhooks.test(webhook_id, tenant=where)
    )
    out = Out(as_json=as_json)
    if as_json:
        out.document(found)
    elif found.taken:
        out.line(f"{found.id} took it: status {found.status}, in {found.took_ms} ms.")
    else:
        out.warn(f"{found.id} did not take it: {found.problem}, after {found.took_ms} ms.")
    return 0 if found.taken else _NOT_TAKEN


@app.command()
def rotate(
    webhook_id: IdArgument,
    tenant: TenantOption = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> int:
    """Sign with a new secret, which is shown; for a day the one before signs as well."""
    changed = _run(
        workspace,
        tenant,
        lambda sayso, where: sayso.webhooks.rotate(webhook_id, by=CLI, via=_via(), tenant=where),
    )
    out = Out(as_json=as_json)
    if as_json:
        out.document(changed)
        return 0
    out.line(changed.secret or "")
    out.warn("Give the receiver this secret within a day; until then both verify what comes.")
    return 0


@app.command()
def disable(
    webhook_id: IdArgument,
    tenant: TenantOption = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> int:
    """Call it no more; what comes meanwhile is told once it is enabled again."""
    changed = _run(
        workspace,
        tenant,
        lambda sayso, where: sayso.webhooks.disable(webhook_id, by=CLI, via=_via(), tenant=where),
    )
    return _print_changed(changed, f"{changed.id} is called no more, until you enable it.", as_json)


@app.command()
def enable(
    webhook_id: IdArgument,
    tenant: TenantOption = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> int:
    """Call it again, at once; for one that is failing, this ends the pauses."""
    changed = _run(
        workspace,
        tenant,
        lambda sayso, where: sayso.webhooks.enable(webhook_id, by=CLI, via=_via(), tenant=where),
    )
    return _print_changed(changed, f"{changed.id} is called again.", as_json)


@app.command()
def replay(
    webhook_id: IdArgument,
    after: Annotated[
        int | None,
        typer.Option("--after", metavar="SEQ", help="Behind this event's seq; -1 for all."),
    ] = None,
    since: Annotated[
        datetime | None, typer.Option("--since", metavar="TIME", help="Since this moment.")
    ] = None,
    tenant: TenantOption = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> int:
    """Tell everything once more, with the same ids, behind an event or since a moment."""
    if (after is None) == (since is None):
        raise usage("a replay begins somewhere", "give --after SEQ or --since TIME")
    moment = None if since is None else since.astimezone()
    changed = _run(
        workspace,
        tenant,
        lambda sayso, where: sayso.webhooks.replay(
            webhook_id, after=after, since=moment, by=CLI, via=_via(), tenant=where
        ),
    )
    return _print_changed(changed, f"{changed.id} is told again from there on.", as_json)


@app.command()
def remove(
    webhook_id: IdArgument,
    tenant: TenantOption = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> int:
    """Forget it, its secret, and what was still to be told."""
    changed = _run(
        workspace,
        tenant,
        lambda sayso, where: sayso.webhooks.remove(webhook_id, by=CLI, via=_via(), tenant=where),
    )
    return _print_changed(changed, f"{changed.id} is gone.", as_json)


def _run(
    workspace: Path | None, tenant: str | None, work: Callable[[Sayso, Tenant], Awaitable[T]]
) -> T:
    """What comes of the work, for the tenant that is meant."""
    return read_workspace(
        find_workspace(workspace), lambda sayso: work(sayso, tenant_of(sayso, tenant))
    )


def _via() -> str:
    return f"cli/{secrets.token_hex(6)}"


def _print_changed(changed: WebhookView, line: str, as_json: bool) -> int:
    out = Out(as_json=as_json)
    if as_json:
        out.document(changed)
    else:
        out.line(line)
    return 0


def _row(webhook: WebhookView) -> list[str]:
    told = " ".join(webhook.kinds) or "everything"
    state = webhook.status if webhook.why in {None, "asked"} else f"{webhook.status}: {webhook.why}"
    since = "" if webhook.failing_since is None else f", since {local_time(webhook.failing_since)}"
    problem = "" if webhook.problem is None else f"{webhook.problem}{since}"
    return [webhook.id, webhook.url, told, state, str(webhook.waiting), problem]
