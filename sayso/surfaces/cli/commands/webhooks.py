"""`sayso webhooks add|list|test|rotate|disable|enable|replay|remove`."""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from sayso.surfaces.cli.command import Here, command
from sayso.surfaces.cli.output import local_time
from sayso.surfaces.cli.problem import usage
from sayso.surfaces.cli.workspace import CLI

if TYPE_CHECKING:
    from sayso.sdk.webhooks.resource import WebhookView

T = TypeVar("T")
app = typer.Typer(help="Programs called with every change: add, list, test, and so on.")
IdArgument = Annotated[str, typer.Argument(metavar="ID", help="The webhook, whk_….")]
_NOT_TAKEN = 1


@command(app, tenant=True)
def add(
    here: Here,
    url: Annotated[str, typer.Argument(metavar="URL", help="https, or http on this machine.")],
    kind: Annotated[
        list[str] | None,
        typer.Option(
            "--kind",
            metavar="KIND",
            help="Only these: action.succeeded, or a family such as action; repeatable.",
        ),
    ] = None,
) -> None:
    """Call an address with every change from now on; its secret is shown."""
    made = here.read_for_tenant(
        lambda sayso, where: sayso.webhooks.add(
            url, kinds=kind or (), by=CLI, via=_via(), tenant=where
        ),
    )
    out = here.out
    if out.as_json:
        out.document(made)
        return
    out.line(made.secret or "")
    out.warn(f"{made.id} is called at {made.url} with every change from now on.")
    out.warn("Give the receiver this secret; it verifies what comes. Keep it where secrets are.")
    out.warn(f"Try it: sayso webhooks test {made.id}")


@command(app, "list", tenant=True)
def list_webhooks(here: Here) -> None:
    """List webhooks, oldest first: how they stand, and what waits for them."""
    found = here.read_for_tenant(lambda sayso, where: sayso.webhooks.list(tenant=where))
    out = here.out
    if out.as_json:
        out.document({"items": found})
    elif not found:
        out.line("No program is called yet. Add one: sayso webhooks add https://…")
    else:
        out.table(["id", "url", "told", "state", "waiting", "problem"], list(map(_row, found)))


@command(app, "test", tenant=True)
def send_test(here: Here, webhook_id: IdArgument) -> int:
    """Send it a signed test message now; ends with 1 when it is not taken."""
    found = here.read_for_tenant(
        lambda sayso, where: sayso.webhooks.test(webhook_id, tenant=where),
    )
    out = here.out
    if out.as_json:
        out.document(found)
    elif found.taken:
        out.line(f"{found.id} took it: status {found.status}, in {found.took_ms} ms.")
    else:
        out.warn(f"{found.id} did not take it: {found.problem}, after {found.took_ms} ms.")
    return 0 if found.taken else _NOT_TAKEN


@command(app, tenant=True)
def rotate(here: Here, webhook_id: IdArgument) -> None:
    """Sign with a new secret, which is shown; for a day the one before signs as well."""
    changed = here.read_for_tenant(
        lambda sayso, where: sayso.webhooks.rotate(webhook_id, by=CLI, via=_via(), tenant=where),
    )
    out = here.out
    if out.as_json:
        out.document(changed)
        return
    out.line(changed.secret or "")
    out.warn("Give the receiver this secret within a day; until then both verify what comes.")


@command(app, tenant=True)
def disable(here: Here, webhook_id: IdArgument) -> None:
    """Call it no more; what comes meanwhile is told once it is enabled again."""
    changed = here.read_for_tenant(
        lambda sayso, where: sayso.webhooks.disable(webhook_id, by=CLI, via=_via(), tenant=where),
    )
    here.show(changed, f"{changed.id} is called no more, until you enable it.")


@command(app, tenant=True)
def enable(here: Here, webhook_id: IdArgument) -> None:
    """Call it again, at once; for one that is failing, this ends the pauses."""
    changed = here.read_for_tenant(
        lambda sayso, where: sayso.webhooks.enable(webhook_id, by=CLI, via=_via(), tenant=where),
    )
    here.show(changed, f"{changed.id} is called again.")


@command(app, tenant=True)
def replay(
    here: Here,
    webhook_id: IdArgument,
    after: Annotated[
        int | None,
        typer.Option("--after", metavar="SEQ", help="Behind this event's seq; -1 for all."),
    ] = None,
    since: Annotated[
        datetime | None, typer.Option("--since", metavar="TIME", help="Since this moment.")
    ] = None,
) -> None:
    """Tell everything once more, with the same ids, behind an event or since a moment."""
    if (after is None) == (since is None):
        raise usage("a replay begins somewhere", "give --after SEQ or --since TIME")
    moment = None if since is None else since.astimezone()
    changed = here.read_for_tenant(
        lambda sayso, where: sayso.webhooks.replay(
            webhook_id, after=after, since=moment, by=CLI, via=_via(), tenant=where
        ),
    )
    here.show(changed, f"{changed.id} is told again from there on.")


@command(app, tenant=True)
def remove(here: Here, webhook_id: IdArgument) -> None:
    """Forget it, its secret, and what was still to be told."""
    changed = here.read_for_tenant(
        lambda sayso, where: sayso.webhooks.remove(webhook_id, by=CLI, via=_via(), tenant=where),
    )
    here.show(changed, f"{changed.id} is gone.")


def _via() -> str:
    return f"cli/{secrets.token_hex(6)}"


def _row(webhook: WebhookView) -> list[str]:
    told = " ".join(webhook.kinds) or "everything"
    state = webhook.status if webhook.why in {None, "asked"} else f"{webhook.status}: {webhook.why}"
    since = "" if webhook.failing_since is None else f", since {local_time(webhook.failing_since)}"
    problem = "" if webhook.problem is None else f"{webhook.problem}{since}"
    return [webhook.id, webhook.url, told, state, str(webhook.waiting), problem]
