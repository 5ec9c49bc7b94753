"""`sayso work`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from sayso.errors import Code, RefusedError, SaysoError
from sayso.money import Money
from sayso.sdk.client import Sayso
from sayso.sdk.progress.carry_on import CARRY_ON_S
from sayso.sdk.resources.work import KINDS
from sayso.surfaces.cli.command import Here, command
from sayso.surfaces.cli.commands.ask import show_asked
from sayso.surfaces.cli.confirm import check_somebody_is_there, confirm
from sayso.surfaces.cli.options import LimitOption
from sayso.surfaces.cli.output import Out
from sayso.surfaces.cli.problem import usage
from sayso.surfaces.cli.unfinished import problem_of_request
from sayso.surfaces.cli.words import one_line

if TYPE_CHECKING:
    from sayso.sdk.resources.work import WorkView
    from sayso.sdk.resources.work_draft import WorkDraftView
    from sayso.sdk.views.rows import RequestView

app = typer.Typer(help="What machines left to people: take, note, propose, end.")

AboutArgument = Annotated[
    str,
    typer.Argument(metavar="ID", help="The request, the action, or the refund."),
]
NoteArgument = Annotated[str, typer.Argument(metavar="NOTE", help="For your colleagues.")]


@command(app, "list")
def list_work(
    here: Here,
    kind: Annotated[
        list[str] | None,
        typer.Option("--kind", metavar="KIND", help=f"Only this: {', '.join(KINDS)}."),
    ] = None,
    person: Annotated[
        str | None, typer.Option("--person", metavar="ID", help="Only what they have taken.")
    ] = None,
    by_wait: Annotated[
        bool, typer.Option("--by-wait", help="Only requests, the longest wait first.")
    ] = False,
    late: Annotated[
        bool, typer.Option("--late", help="Only who waits longer than [work] answer_within.")
    ] = False,
    limit: LimitOption = 50,
) -> None:
    """List what machines left to people, and nobody has ended."""
    out = here.out
    found = here.read(
        lambda sayso: sayso.work.list(
            kinds=tuple(kind or KINDS),
            assignee=person,
            order="wait" if by_wait else "newest",
            late=late,
            limit=limit,
        ),
    )
    if out.as_json:
        out.document({"items": found})
        return
    for one in found:
        _line(out, one)
        if one.draft is not None:
            out.line(f"  a solution is drafted: sayso work show {one.about}")
    if not found:
        out.line("Nothing is left to people.")


@command(app, "show")
def show_work(here: Here, about: AboutArgument) -> None:
    """Show one with its notes, and what is drafted for it."""
    here.show(here.read(lambda sayso: sayso.work.get(about)), _show_item)


@command(app, "take")
def take_work(
    here: Here,
    about: AboutArgument,
    person: Annotated[
        str | None, typer.Option("--to", metavar="ID", help="Give it to them instead.")
    ] = None,
) -> None:
    """Take it, or give it to somebody."""
    here.show(
        here.read(lambda sayso: sayso.work.take(about, token=here.token, person=person, via="cli")),
        _show_item,
    )


@command(app, "note")
def note_work(here: Here, about: AboutArgument, note: NoteArgument) -> None:
    """Note something about it."""
    here.show(
        here.read(lambda sayso: sayso.work.note(about, note, token=here.token, via="cli")),
        _show_item,
    )


@command(app, "propose")
def propose_work(
    here: Here,
    about: AboutArgument,
    steps: Annotated[
        list[str] | None,
        typer.Option("--step", metavar="STEP", help="Only this step; once for each."),
    ] = None,
    lower: Annotated[
        list[str] | None,
        typer.Option("--lower", metavar="STEP=AMOUNT", help="Less of a step, such as s1=20.00."),
    ] = None,
    digest: Annotated[
        str | None,
        typer.Option(
            "--digest",
            metavar="HEX",
            help="Insist on this draft: at least 12 digits of its digest. Else it is the one shown"
            " now.",
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask once more.")] = False,
) -> int:
    """Propose what is drafted for it, as yours: somebody else agrees where the policy asks."""
    out = here.out
    shown = here.read(lambda sayso: sayso.work.get(about))
    draft = shown.draft
    if draft is None:
        raise RefusedError(
            Code.WRONG_STATE,
            "nothing is drafted here that could be proposed",
            next_step=f"see `sayso work show {about}`",
        )
    lowered = _lowered(draft, lower or [])
    if not yes:
        check_somebody_is_there(out, "whether to propose it")
        _show_item(out, shown)
        confirm("Propose it? [y/N] ", "nothing was proposed")

    async def work(sayso: Sayso) -> tuple[RequestView, SaysoError | None]:
        request = await sayso.work.propose(
            about,
            token=here.token,
            digest=draft.digest if digest is None else digest,
            steps=steps or None,
            lower=lowered,
            via="cli",
        )
        return request, problem_of_request(sayso, sayso.tenant, request)

    request, problem = here.act(work)
    return show_asked(out, request, problem, CARRY_ON_S)


@command(app, "end")
def end_work(here: Here, about: AboutArgument, note: NoteArgument) -> None:
    """Say that nobody has to do anything about it any more."""
    here.show(
        here.read(lambda sayso: sayso.work.end(about, note, token=here.token, via="cli")),
        _show_item,
    )


def _lowered(draft: WorkDraftView, said: list[str]) -> dict[str, Money]:
    """The lower amounts, in the currency of their steps."""
    found: dict[str, Money] = {}
    for one in said:
        name, _, amount = one.partition("=")
        step = next((step for step in draft.steps if step.id == name), None)
        if step is None or step.amount is None or not amount:
            raise usage(
                f"`{one[:60]}` lowers no step of it",
                "write --lower s1=20.00, for a step with money",
            )
        found[name] = Money.parse(amount, step.amount.currency)
    return found


def _show_item(out: Out, view: WorkView) -> None:
    _line(out, view)
    for note in view.notes:
        out.line(f"  {one_line(note.person)}: {one_line(note.text) or '(nothing is left of it)'}")
    if view.draft is not None and not view.ended:
        _show_draft(out, view.about, view.draft)


def _show_draft(out: Out, about: str, draft: WorkDraftView) -> None:
    out.line(f"  drafted by {one_line(draft.planner)}, and not done ({draft.digest[:12]}):")
    for step in draft.steps:
        after = f", after {', '.join(step.after)}" if step.after else ""
        out.line(
            f"    {one_line(step.id)} {one_line(step.title)}, to {one_line(step.payee)}{after}"
        )
        if step.consequence:
            out.line(f"       {one_line(step.consequence)}")
        for name, value in step.texts:
            out.line(f"       {one_line(name)}: “{one_line(value, limit=None)}”")
        if step.why:
            out.line(f"       not done: {one_line(step.why)}")
        if step.agent_says:
            out.line(f"       the planner's reason, not checked: {one_line(step.agent_says)}")
    out.line(f"  propose it as yours: sayso work propose {about}")


def _line(out: Out, view: WorkView) -> None:
    who = "ended" if view.ended else view.assignee or "nobody has taken it"
    money = f" {view.amount}" if view.amount is not None else ""
    what = f" {view.what}" if view.what else ""
    kind = view.kind.replace("_", " ")
    named = f"{one_line(view.name)} ({one_line(view.subject)})" if view.name else view.subject
    out.line(f"{view.about}  {kind}{what}{money}  {one_line(named)}  {one_line(who)}")
    if view.why:
        out.line(f"  {one_line(view.why)}")
    if view.late:
        out.line(f"  late: an answer was promised by {view.answer_by}")
    if view.unknown_writer and not view.ended:
        out.line("  nobody knows that the customer writes; who does vouches for them:")
        out.line(f'  sayso customers vouch {view.about} --reason "…"')
