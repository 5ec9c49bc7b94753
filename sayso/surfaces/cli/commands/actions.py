"""`sayso actions list|show|settle|types`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from sayso.actions.model.status import FINAL, Status
from sayso.sdk.connectors.catalog import read_action_types
from sayso.sdk.setup.orphaned_actions import next_step as orphan_step
from sayso.sdk.workspace import Workspace
from sayso.surfaces.cli.command import Here, command
from sayso.surfaces.cli.options import AfterOption, LimitOption
from sayso.surfaces.cli.output import Out, local_time
from sayso.surfaces.cli.pages import read_page, show_page
from sayso.surfaces.cli.show import is_late, show_action, show_timeline
from sayso.surfaces.cli.words import one_line
from sayso.surfaces.cli.workspace import run

if TYPE_CHECKING:
    from sayso.sdk.connectors.catalog import ActionTypeView
    from sayso.sdk.views.rows import ActionView

_GOES_ON = frozenset(Status) - FINAL

app = typer.Typer(help="Look at actions and their types: list, show, settle, types.")


@command(app, "list")
def list_actions(
    here: Here,
    status: Annotated[
        str | None, typer.Option("--status", metavar="STATUS", help="Only in this state.")
    ] = None,
    subject: Annotated[
        str | None, typer.Option("--subject", "-s", metavar="ID", help="Only of this customer.")
    ] = None,
    action: Annotated[
        str | None, typer.Option("--action", metavar="NAME", help="Only this kind.")
    ] = None,
    limit: LimitOption = 50,
    after: AfterOption = None,
) -> None:
    """List actions, newest first."""
    read = read_page(
        here,
        lambda sayso, n, last: sayso.actions.list(
            status=status, subject=subject, action=action, limit=n, after=last
        ),
        limit,
        after,
    )
    wanted = {"--status": status, "--subject": subject, "--action": action}
    show_page(
        here,
        "actions list",
        read,
        columns=["id", "status", "what", "customer", "amount", "at"],
        row=_row,
        nothing=[
            "No action fits." if any(wanted.values()) else "Nothing was asked yet.",
            'Ask something: sayso ask "Please refund order 1042" --subject cus_…',
        ],
        options={**wanted, "-n": limit},
    )
    _warn_of_orphans(here, read.rows)


def _warn_of_orphans(here: Here, found: Sequence[ActionView]) -> None:
    """Say of open actions that no connector of the workspace has them."""
    opened = {one.action for one in found if one.status in _GOES_ON}
    workspace = Workspace.load(here.folder, os.environ)
    named = workspace.settings.connectors
    if all(name.partition(".")[0] in named for name in opened):
        return  # as nearly always, and then no connector's code is loaded
    types_known = run(read_action_types(workspace))
    for name in () if types_known.unread else sorted(opened - types_known.names):
        count = sum(one.action == name for one in found if one.status in _GOES_ON)
        here.out.warn(f"no connector here has `{name}`, which {count} of these need")
        here.out.warn(f"next: {orphan_step(name)}")


def _row(action: ActionView) -> list[str]:
    amount = "" if action.amount is None else str(action.amount)
    at = local_time(action.created_at)[:16]
    status = f"{action.status} (late)" if is_late(action) else action.status
    return [action.id, status, action.action, action.subject, amount, at]


@command(app)
def show(
    here: Here, action_id: Annotated[str, typer.Argument(metavar="ID", help="The action, act_….")]
) -> None:
    """Show an action with everything the log says about it."""
    out = here.out
    action = here.read(lambda sayso: sayso.actions.get(action_id))
    if out.as_json:
        out.document(action)
        return
    show_action(out, action, why=True)
    _warn_of_orphans(here, [action])
    out.line()
    show_timeline(out, action.timeline)


@command(app)
def settle(
    here: Here,
    action_id: Annotated[str, typer.Argument(metavar="ID", help="The action, act_….")],
    outcome: Annotated[
        str,
        typer.Option("--outcome", metavar="OUTCOME", help="What was seen: succeeded or failed."),
    ],
    evidence: Annotated[
        str, typer.Option("--evidence", metavar="TEXT", help="Where it was seen at the provider.")
    ],
    receipt: Annotated[
        str,
        typer.Option("--receipt", metavar="ID", help="The provider's id of what succeeded."),
    ] = "",
) -> None:
    """Settle an unknown outcome as a person who has looked at the provider."""
    action = here.act(
        lambda sayso: sayso.actions.settle(
            action_id, outcome, token=here.token, evidence=evidence, receipt_id=receipt, via="cli"
        )
    )
    here.show(action, lambda out, found: show_action(out, found, why=True))


@command(app)
def types(here: Here) -> None:
    """List what can be proposed: each type with its arguments and its guarantee."""
    out = here.out
    found = here.read(lambda sayso: sayso.actions.types())
    if out.as_json:
        out.document(found)
    elif not found.items:
        out.line("Nothing can be proposed yet: see docs/how-to/add-a-connector.md")
    for one in found.items:
        _show_type(out, one)
    for place, why in found.unread.items():
        out.warn(f"`{one_line(place)}` cannot be read, and may have more: {one_line(why)}")


def _show_type(out: Out, shown: ActionTypeView) -> None:
    out.line(shown.name)
    undone = "" if shown.undone_by is None else f"by {shown.undone_by}"
    args = [
        (
            f"{'takes' if one.required else 'may take'} {one.name}",
            " · ".join(filter(None, [one.description, one.form])) or "as its connector says",
        )
        for one in shown.args
    ]
    labelled = [
        ("does", shown.summary),
        ("card", shown.sentence),
        ("effect", shown.effect.replace("_", " ")),
        ("guarantee", shown.promise),
        ("undone", undone),
        *args,
    ]
    out.pairs([(f"  {label}", text) for label, text in labelled])
    out.line()
