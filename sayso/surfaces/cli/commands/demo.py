"""`sayso demo`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sayso.sandbox import DEMO
from sayso.surfaces.cli.demo.answers import (
    Answers,
    AskedAnswers,
    DemoAnswer,
    FlagAnswers,
    SlackAnswers,
)
from sayso.surfaces.cli.demo.browser import DemoPlan, in_console, serve_console
from sayso.surfaces.cli.demo.messages import CustomerMessage, own_messages, read_messages
from sayso.surfaces.cli.demo.play import Ending, Watcher, play
from sayso.surfaces.cli.demo.show import Screen
from sayso.surfaces.cli.demo.stage import open_stage
from sayso.surfaces.cli.demo.tally import MessageTally, Tally, tally_json
from sayso.surfaces.cli.options import JsonOption
from sayso.surfaces.cli.output import Out
from sayso.surfaces.cli.problem import FAILED, OK, usage
from sayso.surfaces.cli.words import one_line

if TYPE_CHECKING:
    from sayso.sdk.views.rows import QuestionView, RequestView
    from sayso.sdk.views.solution import SolutionView
    from sayso.surfaces.cli.demo.slack import SlackStage

app = typer.Typer()
_YES = frozenset({"y", "yes"})


@app.command()
def demo(
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
    console: Annotated[
        bool,
        typer.Option("--console", help="Answer the cards in a browser: it ends with a link."),
    ] = False,
    desk: Annotated[
        bool,
        typer.Option(
            "--desk",
            help="Have customers write e-mails to a mailbox on this machine; without --yes or --no "
            "it ends with a link to the console.",
        ),
    ] = False,
    keep: Annotated[
        Path | None,
        typer.Option("--keep", metavar="FOLDER", help="Keep the workspace there, to look around."),
    ] = None,
    as_json: JsonOption = False,
) -> int:
    """See it work: from customers' words to proven refunds."""
    if yes and no:
        raise usage("--yes and --no exclude each other", "choose one")
    if console and (slack or yes or no or as_json):
        raise usage("--console goes with none of the other ways to answer", "choose one")
    if desk and (slack or console):
        raise usage("--desk goes with neither --slack nor --console", "choose one")
    wanted = own_messages() if messages is None else read_messages(messages)
    out = Out(as_json=as_json)
    plan = DemoPlan(
        messages=wanted,
        choice="approve" if yes else "reject" if no else None,
        slack=slack,
        keep=keep,
    )
    ending = Ending()
    if desk:
        known = {customer.customer_id for customer in DEMO}
        if not all(one.subject in known for one in wanted):
            raise usage("with --desk the customers are the demo's own", "use their ids")
        return ending.run(_at_a_desk(plan, out))
    return ending.run(in_console(plan, out) if console else _demo(plan, out, ending))


async def _at_a_desk(plan: DemoPlan, out: Out) -> int:
    # Loaded where they are used: reading mail is an extra, and a mail server is a package.
    from sayso.sandbox.mailboxes import run_mailboxes
    from sayso.surfaces.cli.demo.desk import (
        MAIL_ENVIRONMENT,
        delivering,
        mail_tables,
        mails_json,
        play_by_mail,
    )

    names = {customer.customer_id: customer.name for customer in DEMO}
    screen = Screen(out, len(plan.messages), names)
    answers = None if plan.choice is None else _answers(plan.choice, out, Ending())
    async with AsyncExitStack() as stack:
        boxes = stack.enter_context(run_mailboxes())
        tables = mail_tables(boxes.port, await stack.enter_async_context(delivering(boxes)))
        stage = await stack.enter_async_context(
            open_stage(keep=plan.keep, work=True, mail=tables, environment=MAIL_ENVIRONMENT)
        )
        if not out.as_json:
            screen.opening(stage.provider.url)
        watcher = _Silent() if out.as_json else screen
        tally, rounds = await play_by_mail(stage, boxes, plan.messages, answers, watcher)
        if out.as_json:
            document = tally_json(tally, names)
            out.document({**document, "mails": [mails_json(one) for one in rounds]})
            return _ended(tally, out)
        screen.closing(tally)
        count = sum(len(one.told) for one in rounds)
        out.line(f"{len(rounds)} customers wrote, and {count} e-mails lie in their mailboxes.")
        if answers is None:
            await serve_console(stage, out)
    return _ended(tally, out)


async def _demo(plan: DemoPlan, out: Out, ending: Ending) -> int:
    names = {customer.customer_id: customer.name for customer in DEMO}
    screen = Screen(out, len(plan.messages), names, panels=not plan.slack)
    async with AsyncExitStack() as stack:
        slack: SlackStage | None = None
        if plan.slack:
            # Loaded where it is used: Slack's packages are an extra.
            from sayso.surfaces.cli.demo.slack import SlackStage

            slack = SlackStage()
            stack.callback(slack.stop)
        stage = await stack.enter_async_context(open_stage(keep=plan.keep, slack=slack))
        answers = _answers(plan.choice, out, ending)
        if slack is not None:
            cards = await stack.enter_async_context(slack.open(stage.sayso))
            answers = SlackAnswers(cards, _slack_choice(plan.choice, screen, out, ending))
        if out.as_json:
            tally = await play(stage, plan.messages, answers, _Silent())
            out.document(tally_json(tally, names))
            return _ended(tally, out)
        screen.opening(stage.provider.url)
        tally = await play(stage, plan.messages, answers, screen)
        screen.closing(tally)
    if plan.keep is not None:
        out.line(f"\nThe workspace stays: sayso audit tail --workspace {plan.keep}")
    return _ended(tally, out)


def _ended(tally: Tally, out: Out) -> int:
    """The exit status, and on stderr, as every error, which messages were wrong in themselves."""
    for number, code in tally.bad_inputs:
        out.warn(f"error: message {number} is none that can be acted on [{code}]")
    if tally.bad_inputs:
        out.warn("next: correct these messages; the others were played")
    return OK if tally.ok and not tally.bad_inputs else FAILED


def _answers(choice: str | None, out: Out, ending: Ending) -> Answers:
    """Flags first; a terminal is asked; everybody else says no."""
    match choice:
        case "approve":
            return FlagAnswers("approve", "", "yes, by --yes")
        case "reject":
            return FlagAnswers("reject", "declined_by_flag", "no, by --no")
        case _:
            pass
    if _is_asked(out):
        return AskedAnswers(ending.ask, lambda why: out.line(f"  not taken: {one_line(why)}"))
    return FlagAnswers("reject", "nobody_at_terminal", "no, since nobody is at a terminal")


def _slack_choice(
    choice: str | None, screen: Screen, out: Out, ending: Ending
) -> Callable[[str], str]:
    """Shows a card as Slack does, and says which of its buttons is clicked."""

    def choose(text: str) -> str:
        if not out.as_json:
            screen.slack_card(text)
        if choice is not None:
            return choice
        if not _is_asked(out):
            return "reject"
        while True:
            try:
                word = ending.ask("  click yes / [no]? ").strip().lower()
            except EOFError:
                return "reject"
            if word in _YES:
                return "approve"
            if word in {"n", "no", ""}:
                return "reject"
            shown = one_line(word, limit=40)
            out.line(f"  not taken: `{shown}` is no answer: say yes or no; Enter alone is no")

    return choose


def _is_asked(out: Out) -> bool:
    return out.tty and sys.stdin.isatty()


class _Silent(Watcher):
    """Says nothing: the one JSON document says it all."""

    def asked(self, number: int, message: CustomerMessage) -> None: ...
    def questioned(self, question: QuestionView, answer: str) -> None: ...
    def judged(self, request: RequestView, handed_over: str) -> None: ...
    def card(self, solution: SolutionView) -> None: ...
    def answered(self, answer: DemoAnswer) -> None: ...
    def ended(self, told: MessageTally) -> None: ...
