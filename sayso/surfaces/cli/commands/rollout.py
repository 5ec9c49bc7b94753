"""`sayso rollout`: how far each action may go by itself, and how often shadow agrees."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Annotated, cast

import typer

from sayso.actions.policy.reading import ROLLOUT
from sayso.sdk.client import Sayso
from sayso.surfaces.cli.command import Here, command
from sayso.surfaces.cli.follow_files import follow_files
from sayso.surfaces.cli.output import Out
from sayso.surfaces.cli.problem import usage
from sayso.surfaces.cli.words import one_line

if TYPE_CHECKING:
    from sayso.sdk.resources.policy import ActivationView
    from sayso.sdk.resources.rollout import DialView, How

app = typer.Typer(help="How far actions go by themselves: list, set, compare, wrong.")

DialArgument = Annotated[str, typer.Argument(metavar="DIAL", help="The dial's id.")]


@command(app, "list")
def list_dials(here: Here) -> None:
    """List the dials in force, how often shadow agrees with people, and what was wrong."""
    out = here.out
    found = here.read(lambda sayso: sayso.rollout.list())
    if out.as_json:
        out.document({"items": found})
        return
    if not found:
        out.line("No dials are in force: each action goes as far as the policy says.")
        out.line(f"next: write policies/{ROLLOUT}, and put it in force with `policy activate`")
        return
    out.table(["dial", "action", "stage", "for", "agrees", "wrong"], list(map(_row, found)))
    for dial in found:
        if dial.ready:
            out.line(f"{dial.id} is ready to widen: {dial.agreement.words}")
        elif dial.agreement.counted:
            out.line(f"{dial.id} is not ready: {'; '.join(dial.agreement.missing)}")


def _row(dial: DialView) -> list[str]:
    whom = "everybody" if dial.share == 100 else f"{dial.share:g} %, else {dial.otherwise}"
    if dial.until:
        whom += f", until {dial.until}"
    stage = f"{dial.stage}, braked" if dial.braked else str(dial.stage)
    unseen = f", {dial.agreement.unseen} unseen" if dial.agreement.unseen else ""
    agrees = f"{dial.agreement.words}{unseen}"
    return [dial.id, dial.action, stage, whom, agrees, f"{dial.wrong} of {dial.done}"]


@command(app, "set")
def set_dial(
    here: Here,
    dial: DialArgument,
    stage: Annotated[str, typer.Argument(metavar="STAGE", help="off, shadow, suggest, auto.")],
    share: Annotated[
        str | None, typer.Option("--share", metavar="PERCENT", help="Of customers; the same ones.")
    ] = None,
    otherwise: Annotated[
        str | None, typer.Option("--else", metavar="STAGE", help="The stage of the others.")
    ] = None,
    note: Annotated[
        str, typer.Option("--note", metavar="TEXT", help="Why, for whoever looks.")
    ] = "",
) -> None:
    """Move a dial. To the left at once; to the right as a loosening, by two people where asked."""
    out = here.out
    dials = here.read(lambda sayso: sayso.rollout.list())
    before = next((one for one in dials if one.id == dial), None)
    with follow_files(here.folder):
        done = here.read(
            lambda sayso: sayso.rollout.set(
                dial,
                stage,
                token=here.token,
                share=None if share is None else _percent(share),
                otherwise=otherwise,
                note=note,
                via="cli",
            ),
        )
    if out.as_json:
        out.document(done)
    else:
        _show(out, dial, done, before)
        if before is not None and done.version is not None and done.version.direction == "looser":
            out.line(f"back at once: {_way_back(before, share, otherwise)}")


def _way_back(before: DialView, share: str | None, otherwise: str | None) -> str:
    """The command that brings back what was in force: whatever was moved, and no more."""
    words = ["sayso rollout set", before.id, "suggest" if before.braked else str(before.stage)]
    words += ["--share", f"{before.share:g}"] if share is not None else []
    words += ["--else", str(before.otherwise)] if otherwise is not None else []
    return " ".join(words)


def _percent(given: str) -> Decimal:
    try:
        return Decimal(given.removesuffix("%").strip())
    except InvalidOperation:
        raise usage(
            f"`{given[:20]}` is no share", "write a number of percent, such as 10"
        ) from None


def _show(out: Out, dial: str, done: ActivationView, before: DialView | None) -> None:
    if done.version is not None:
        version = done.version
        out.line(f"`{one_line(dial)}` is moved: version {version.version} ({version.direction}).")
        if before is not None and version.direction == "looser" and not before.ready:
            why = "; ".join([before.agreement.words, *before.agreement.missing])
            out.line(f"It was not ready to widen: {one_line(why)}.")
    if done.waits is not None:
        out.line(f"{done.waits.id} waits for a second person: to the right it loosens.")
        out.line(f"next: {done.waits.next_step}")


@command(app)
def compare(here: Here) -> None:
    """Compare what shadow proposed 72 hours ago or earlier with what people did."""
    out = here.out

    async def work(sayso: Sayso) -> int:
        return await sayso.rollout.compare()

    count = here.act(work)
    if out.as_json:
        out.document({"compared": count})
    else:
        out.line(f"{count} compared.")


@command(app)
def wrong(
    here: Here,
    action: Annotated[str, typer.Argument(metavar="ACTION", help="What was done, act_….")],
    how: Annotated[
        str, typer.Option("--how", metavar="HOW", help="reversed, disputed or mistaken.")
    ] = "mistaken",
) -> None:
    """Say that something that was done was wrong; the dial that let it through may brake."""
    out = here.out
    found = here.read(
        lambda sayso: sayso.rollout.report_wrong(
            action, cast("How", how), token=here.token, via="cli"
        ),
    )
    if out.as_json:
        out.document(found)
    elif found is None:
        out.line("Noted; no dial let it through.")
    else:
        then = "; it went back to suggest" if found.braked else ""
        out.line(f"Noted: {found.wrong} of {found.done} in 30 days by `{found.id}`{then}.")
