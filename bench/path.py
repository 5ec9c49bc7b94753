"""How many files and functions one action runs through: `python -m bench.path [--json] [--list]`.

Real runs, traced: a refund from `propose` to `succeeded`, in process and over HTTP; a customer's
words from `ask` to a waiting card and to a question; the console's inbox, a card and a yes; and a
click in Slack to its commit. Counted are the distinct files and functions of `sayso` that run in
between, on every thread; the sandbox and `sayso.testing` are left out. Each run is made twice and
counted the second time, so that nothing of a start is in it.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import threading
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from types import CodeType, FrameType

import httpx
from support.shop_workspace import open_shop
from surfaces.console.served_console import ROOT, ServedConsole, open_console
from surfaces.console.test_answers import shown
from surfaces.http.api_server import refund, token
from surfaces.slack.slack_team import open_team

import sayso
from bench.report import Report, Row, print_report
from sayso.actions.model.definition import Action
from sayso.actions.model.plan import Plan, Step
from sayso.agent.base import Handles, Message
from sayso.money import Money
from sayso.sdk.resources.tokens import Scope
from sayso.sdk.views.solution import SolutionView
from sayso.surfaces.http.app import create_app
from sayso.testing.slack import FakeSlack

PACKAGE = tuple(map(Path, sayso.__path__))
LEFT_OUT = frozenset({"sandbox", "testing"})
MOST_FILES = {
    "propose to succeeded": 58,
    "propose to succeeded, over HTTP": 66,
    "words to a waiting card": 121,
    "words to a question": 97,
    "the console's inbox": 49,
    "the console's card": 50,
    "a yes in the console": 101,
    "a click in Slack to its commit": 71,
}
"""The bar of each journey."""
CUSTOMERS = ("cus_1", "cus_2")
PATIENT_S = 600.0
"""A traced run on a busy machine is slow, and how slow is not what is counted."""

Run = Callable[[str], Awaitable[None]]


class Trace:
    """The functions of the package that were entered while it was on."""

    def __init__(self) -> None:
        self.on = False
        self._seen: set[CodeType] = set()

    def __call__(self, frame: FrameType, event: str, _: object) -> None:
        """See `sys.setprofile`."""
        if self.on and event == "call":
            self._seen.add(frame.f_code)

    def install(self) -> None:
        """Watch this thread and all that begin from now on."""
        threading.setprofile(self)
        sys.setprofile(self)

    async def second(self, run: Run) -> None:
        """Run for both customers, and watch the second time."""
        first, second = CUSTOMERS
        await run(first)
        self._seen.clear()
        self.on = True
        await run(second)
        self.on = False

    @property
    def functions(self) -> set[tuple[str, str]]:
        """File and name; a comprehension is part of the function that it stands in."""
        paths = ((_inside(code.co_filename), code.co_qualname) for code in self._seen)
        return {
            (path, name)
            for path, name in paths
            if path and path.partition("/")[0] not in LEFT_OUT and not name.endswith(">")
        }

    @property
    def files(self) -> list[str]:
        """The files, relative to the package."""
        return sorted({file for file, _ in self.functions})


def _inside(file: str) -> str:
    """The path inside the package, of whatever part of it; empty for all that is not ours."""
    path = Path(file)
    return next((path.relative_to(x).as_posix() for x in PACKAGE if path.is_relative_to(x)), "")


class OneRefund:
    """A planner that needs no model."""

    name = "scripted"

    async def plan(
        self, messages: Sequence[Message], handles: Handles, actions: Sequence[Action]
    ) -> Plan:
        """Refund the first order."""
        del messages, handles, actions
        step = Step(id="s1", action="shop.refund", args={"order": "order#1"})
        return Plan(steps=(step,), planner=self.name)


async def propose(folder: Path, trace: Trace) -> None:
    """An action that the policy allows, to its receipt."""
    async with open_shop(folder) as opened:

        async def run(customer: str) -> None:
            order = f"order_{customer}"
            opened.shop.books.add(order, customer, Money(2_000, "USD"))
            view = await opened.sayso.propose("shop.refund", {"order": order}, subject=customer)
            assert view.status == "succeeded", view

        await trace.second(run)


async def ask(folder: Path, trace: Trace) -> None:
    """A customer's words, to the card that waits for people."""
    async with open_shop(folder, planner=OneRefund()) as opened:

        async def run(customer: str) -> None:
            order = f"order_{customer}"
            opened.shop.books.add(order, customer, Money(20_000, "USD"))
            words = f"please refund all of {order}"
            request = await opened.sayso.ask(customer, words, wait_s=PATIENT_S)
            assert [one.status for one in request.actions] == ["pending_approval"], request

        await trace.second(run)


async def question(folder: Path, trace: Trace) -> None:
    """A customer's words, to the question whether they were understood."""
    async with open_shop(folder, confirm={"default": "always"}) as opened:

        async def run(customer: str) -> None:
            order = f"order_{customer}"
            opened.shop.books.add(order, customer, Money(20_000, "USD"))
            words = f"My mug broke, please refund $10 of {order}."
            request = await opened.sayso.ask(customer, words, wait_s=PATIENT_S)
            assert request.question is not None, request

        await trace.second(run)


async def post(folder: Path, trace: Trace) -> None:
    """The same action over HTTP."""
    async with open_shop(folder) as opened:
        transport = httpx.ASGITransport(create_app(opened.sayso))
        scopes = frozenset({Scope.PROPOSE, Scope.READ})
        _, secret = await token(opened.sayso, "bot", scopes=scopes)
        bearer = {"Authorization": f"Bearer {secret}"}
        async with httpx.AsyncClient(
            transport=transport, base_url="http://localhost", headers=bearer, timeout=PATIENT_S
        ) as client:

            async def run(customer: str) -> None:
                order = f"order_{customer}"
                opened.shop.books.add(order, customer, Money(2_000, "USD"))
                answer = await client.post(
                    "/v1/actions",
                    json=refund(order, customer),
                    headers={"Idempotency-Key": f"key-{customer}"},
                )
                assert answer.json()["status"] == "succeeded", answer.text

            await trace.second(run)


async def look(folder: Path, trace: Trace, where: str) -> None:
    """A page of the console: the inbox, or a card."""
    async with open_console(folder) as console:
        cards = {customer: await _card(console, customer) for customer in CUSTOMERS}
        async with console.client(await console.sign_in()) as browser:

            async def run(customer: str) -> None:
                page = await browser.get(f"{ROOT}/{where.format(card=cards[customer].id)}")
                assert page.status_code == 200, page.text

            await trace.second(run)


async def answer(folder: Path, trace: Trace) -> None:
    """A yes in the console, to its commit and the page after it."""
    async with open_console(folder) as console:
        cards = {customer: await _card(console, customer) for customer in CUSTOMERS}
        async with console.client(await console.sign_in()) as browser:

            async def run(customer: str) -> None:
                form = shown(cards[customer], decision="yes")
                said = await browser.post(
                    f"{ROOT}/solution/{cards[customer].id}/decision", data=form
                )
                assert said.status_code in {200, 303}, said.text
                view = await console.sayso.solutions.get(cards[customer].id)
                assert "pending_approval" not in {step.status for step in view.steps}, view

            await trace.second(run)


async def _card(console: ServedConsole, customer: str) -> SolutionView:
    return await console.ask(customer=int(customer.removeprefix("cus_")))


async def click(folder: Path, trace: Trace) -> None:
    """A yes in Slack, to its commit and the answer."""
    with FakeSlack.start() as slack:
        await _click(folder, trace, slack)


async def _click(folder: Path, trace: Trace, slack: FakeSlack) -> None:
    async with open_team(folder, slack) as team:

        async def run(_: str) -> None:
            watched, trace.on = trace.on, False
            asked = await team.ask(20_000)
            trace.on = watched
            delivery = await slack.click(team.card(asked), "sayso.solution.yes", user="UMARIA")
            assert delivery.acknowledged, delivery

        await trace.second(run)


CASES: dict[str, Callable[[Path, Trace], Coroutine[None, None, None]]] = {
    "propose to succeeded": propose,
    "propose to succeeded, over HTTP": post,
    "words to a waiting card": ask,
    "words to a question": question,
    "the console's inbox": partial(look, where=""),
    "the console's card": partial(look, where="solution/{card}"),
    "a yes in the console": answer,
    "a click in Slack to its commit": click,
}


def measure(*, show: bool) -> Report:
    """Trace each case in a workspace of its own."""
    rows: list[Row] = []
    ok = True
    trace = Trace()
    trace.install()
    for case, life in CASES.items():
        with TemporaryDirectory() as folder:
            asyncio.run(life(Path(folder), trace))
        files, functions = trace.files, trace.functions
        rows += [
            Row(case=case, value=len(files), unit="files"),
            Row(case=case, value=len(functions), unit="functions"),
        ]
        ok = ok and len(files) <= MOST_FILES[case]
        if show:
            sys.stderr.write("\n".join([case, *(f"  {file}" for file in files), ""]))
    sys.setprofile(None)
    return Report(name="path", rows=rows, ok=ok)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; the exit status is 0 when the bar is met."""
    parser = argparse.ArgumentParser(prog="python -m bench.path", description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON document")
    parser.add_argument("--list", action="store_true", help="the files of each case, on stderr")
    arguments = parser.parse_args(argv)
    report = measure(show=arguments.list)
    print_report(report, as_json=arguments.json)
    return 0 if report.ok else 1


if __name__ == "__main__":
    sys.exit(main())
