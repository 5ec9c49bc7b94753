"""The demo in a browser: all messages are asked, and what waits for people waits in the console."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sayso.errors import SaysoError
from sayso.sdk.client import Sayso
from sayso.sdk.views.rows import RequestView
from sayso.surfaces.cli.console_link import console_link
from sayso.surfaces.cli.demo.messages import CustomerMessage
from sayso.surfaces.cli.demo.stage import PERSON, DemoStage, open_stage
from sayso.surfaces.cli.output import Out
from sayso.surfaces.cli.problem import OK


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoPlan:
    """What the options ask for; `choice` is None where nobody said it beforehand."""

    messages: Sequence[CustomerMessage]
    choice: str | None
    slack: bool
    keep: Path | None


async def in_console(plan: DemoPlan, out: Out) -> int:
    """Ask everything, and serve the console until Ctrl-C."""
    # Loaded where it is used: the demo in a terminal needs no web stack.
    from sayso.serving import listen
    from sayso.surfaces.site import serve_site

    async with open_stage(keep=plan.keep, work=True) as stage:
        waiting, done = await ask_all(stage, plan.messages, out.warn)
        link = await stage.sayso.sessions.make_link(PERSON)
        listener = listen("127.0.0.1", 0)

        def ready(url: str) -> None:
            out.line(f"{len(plan.messages)} customers wrote. {waiting} wait for your yes or no.")
            out.line("Open this link in a browser on this machine; it works once:")
            out.line("")
            out.line(f"  {console_link(url, link)}")
            out.line("")
            out.line(f"{done} got what they asked for at once; the others people have to answer.")
            out.line(f"No real money moves: the provider is a sandbox at {stage.provider.url}.")
            out.line("Ctrl-C ends it.")

        with listener:
            await serve_site(stage.sayso, listener, ready)
    return OK


async def ask_all(
    stage: DemoStage, messages: Sequence[CustomerMessage], warn: Callable[[str], None]
) -> tuple[int, int]:
    """Have every customer write, and answer what they are asked back.

    Returns:
        How many wait for people, and how many got what they asked for at once.
    """
    waiting, done = 0, 0
    for number, message in enumerate(messages, start=1):
        try:
            request = await _ask(stage.sayso, number, message)
        except SaysoError as error:
            warn(f"message {number} is none that can be acted on: {error.message}")
            continue
        statuses = {action.status for action in request.actions}
        waiting += "pending_approval" in statuses
        done += statuses <= {"succeeded"} and bool(statuses)
    return waiting, done


async def _ask(sayso: Sayso, number: int, message: CustomerMessage) -> RequestView:
    request = await sayso.ask(message.subject, message.text, idempotency_key=f"demo-{number}")
    for words in message.answers:
        if request.question is None:
            break
        request = await sayso.requests.answer(request.id, words, question=request.question.number)
    return request


async def serve_console(stage: DemoStage, out: Out) -> None:
    """Serve the console until Ctrl-C, and say by which link it opens."""
    from sayso.serving import listen
    from sayso.surfaces.site import serve_site

    link = await stage.sayso.sessions.make_link(PERSON)
    listener = listen("127.0.0.1", 0)

    def ready(url: str) -> None:
        out.line("Open this link in a browser on this machine; it works once:")
        out.line("")
        out.line(f"  {console_link(url, link)}")
        out.line("")
        out.line("What you say yes to there is told in the customers' mailboxes. Ctrl-C ends it.")

    with listener:
        await serve_site(stage.sayso, listener, ready)
