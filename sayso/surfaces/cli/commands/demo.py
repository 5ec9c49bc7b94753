"""`sayso demo`."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from sayso.sdk.views import ApprovalView, RequestView
from sayso.surfaces.cli.demo.answers import Answer, Answers, AskedAnswers, FlagAnswers
from sayso.surfaces.cli.demo.messages import CustomerMessage, own_messages, read_messages
from sayso.surfaces.cli.demo.play import Watcher, play
from sayso.surfaces.cli.demo.show import Screen
from sayso.surfaces.cli.demo.stage import open_stage
from sayso.surfaces.cli.demo.tally import Told, tally_json
from sayso.surfaces.cli.options import JsonOption
from sayso.surfaces.cli.output import Out
from sayso.surfaces.cli.outside import Outside
from sayso.surfaces.cli.place import run
from sayso.surfaces.cli.problem import FAILED, OK, usage
from sayso.surfaces.cli.root import outside_of

app = typer.Typer()


@app.command()
def demo(
    context: typer.Context,
    messages: Annotated[
        str | None,
        typer.Option(
            "--messages",
            metavar="FILE",
            help='Other messages, one {"subject": "cus_…", "text": "…"} a line; - is stdin.',
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Say yes to every card.")] = False,
    no: Annotated[
        bool, typer.Option("--no", help="Say no to every card; so does whoever is no terminal.")
    ] = False,
    slack: Annotated[
        bool, typer.Option("--slack", help="Show and click the cards in a Slack of the demo's own.")
    ] = False,
    keep: Annotated[
        Path | None,
        typer.Option("--keep", metavar="FOLDER", help="Keep the workspace there, to look around."),
    ] = None,
    as_json: JsonOption = False,
) -> int:
    """See it work: customers' words to proven refunds, with nothing to set up."""
    if yes and no:
        raise usage("--yes and --no exclude each other", "choose one")
    wanted = own_messages() if messages is None else read_messages(messages)
    out = Out(as_json=as_json)
    plan = _Plan(outside=outside_of(context), messages=wanted, slack=slack, keep=keep)
    choice = "approve" if yes else "reject" if no else None
    return run(_demo(plan, choice, out))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """What the options ask for."""

    outside: Outside
    messages: Sequence[CustomerMessage]
    slack: bool
    keep: Path | None


async def _demo(plan: _Plan, choice: str | None, out: Out) -> int:
    names = plan.outside.customer_names()
    async with AsyncExitStack() as stack:
        stage = await stack.enter_async_context(open_stage(plan.outside, keep=plan.keep))
        answers = _answers(choice, out)
        if out.as_json:
            tally = await play(stage, plan.messages, answers, _Silent())
            out.document(tally_json(tally, names))
            return OK if tally.ok else FAILED
        screen = Screen(out, len(plan.messages), names)
        screen.opening(stage.provider.url)
        tally = await play(stage, plan.messages, answers, screen)
        screen.closing(tally)
    if plan.keep is not None:
        out.line(f"\nThe workspace stays: sayso audit tail --workspace {plan.keep}")
    return OK if tally.ok else FAILED


def _answers(choice: str | None, out: Out) -> Answers:
    """Flags first; a terminal is asked; everybody else says no."""
    match choice:
        case "approve":
            return FlagAnswers("approve", "", "yes, by --yes")
        case "reject":
            return FlagAnswers("reject", "declined_by_flag", "no, by --no")
        case _:
            pass
    if out.tty and sys.stdin.isatty():
        return AskedAnswers(_input)
    return FlagAnswers("reject", "nobody_at_terminal", "no, since nobody is at a terminal")


def _input(question: str) -> str:
    """A line from the terminal; Ctrl-C ends the demo at once.

    NOTE: asyncio's own handler only cancels the task, and a blocking read goes on after it.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return input(question)
    finally:
        signal.signal(signal.SIGINT, before)


class _Silent(Watcher):
    """Says nothing: the one JSON document says it all."""

    def asked(self, number: int, message: CustomerMessage) -> None: ...
    def judged(self, request: RequestView, handed_over: str) -> None: ...
    def card(self, approval: ApprovalView) -> None: ...
    def answered(self, answer: Answer) -> None: ...
    def ended(self, told: Told) -> None: ...
