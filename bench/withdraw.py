"""A withdrawal and a yes at one moment: `python -m bench.withdraw [--races N] [--store NAME]`.

One process takes requests back, another one says yes to their cards, each pair at the same moment.
What the provider's books hold, what the ledger says and what the customer is told is compared: both
never, neither never, and each told as it is. The log of every store is verified whole.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from support.postgres import fresh_database, shared_server
from support.workspace import ENVIRONMENT, make_workspace

from bench.place import with_bytecode, working_folder
from bench.report import Report, Row, print_report, show_progress
from sayso.actions.approvals.decision import Decision
from sayso.actions.approvals.repository import DecisionChoice
from sayso.agent.phrases import phrases_of
from sayso.errors import Code, SaysoError
from sayso.ids import Tenant
from sayso.sandbox import Sandbox
from sayso.sandbox.seed import DemoCharge, DemoCustomer, customer_rows
from sayso.sdk.client import Sayso
from sayso.sdk.views.rows import RequestView
from sayso.settings import FILE_NAME

WORDS = "Please refund order 1042, the mugs came broken."
CHARGE = DemoCharge(amount=12_900, currency="usd", days_ago=9, order="Order 1042: blue mug")
YES_LATER_S, WITHDRAWAL_LATER_S = 0.06, 0.06
"""So much later one of the two begins at most, so that either may come first."""
SETTLE_S = 30.0


@dataclass(slots=True)
class Judged:
    """What the races came to.

    Attributes:
        ended: how often each state of the action. answers: to the yes. both: withdrawn and paid.
        untrue: told otherwise than the books hold. open: neither the one nor the other, or twice.
        intact: the log verifies.
    """

    ended: Counter[str] = field(default_factory=Counter[str])
    answers: Counter[str] = field(default_factory=Counter[str])
    both: int = 0
    untrue: int = 0
    open: int = 0
    intact: bool = True


async def say_yes(folder: Path) -> None:
    """The other process: each line is a card, after so many seconds; it answers with what came."""
    async with Sayso.open(folder, mode="decide", environment=ENVIRONMENT) as sayso:
        print("ready", flush=True)
        while line := await asyncio.to_thread(sys.stdin.readline):
            card, revision, digest, wait = line.split()
            await asyncio.sleep(float(wait))
            yes = Decision(
                tenant=Tenant(sayso.tenant),
                approval_id=card,
                revision=int(revision),
                digest=digest,
                choice=DecisionChoice.APPROVE,
                person="maria",
                via="bench",
                credential="host",
            )
            try:
                await sayso.approvals.decide_as(yes)
                print("yes", flush=True)
            except SaysoError as error:
                print(error.code, flush=True)


async def races(folder: Path, sandbox: Sandbox, count: int, seed: int) -> Judged:
    """All races of one store."""
    judged, dice = Judged(), Random(seed)
    other = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.withdraw", "--worker", str(folder)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env=with_bytecode(folder / "bytecode"),
    )
    assert other.stdin is not None
    assert other.stdout is not None
    await other.stdout.readline()
    now = int(sandbox.now().timestamp())
    async with Sayso.open(folder, mode="decide", environment=ENVIRONMENT) as sayso:
        for number in range(count):
            who = DemoCustomer(
                who=f"r{number}", name="R", days=400, brand="visa", last4="4242", charges=(CHARGE,)
            )
            sandbox.add(*customer_rows(who, now))
            asked = await sayso.ask(who.customer_id, WORDS)
            card = asked.actions[0].approval
            assert card is not None, asked
            lead = dice.uniform(-WITHDRAWAL_LATER_S, YES_LATER_S)
            line = f"{card.id} {card.revision} {card.digest} {max(0.0, lead)}\n"
            other.stdin.write(line.encode())
            await other.stdin.drain()
            await asyncio.sleep(max(0.0, -lead))
            await sayso.requests.withdraw(asked.id, "actually no, stop, I'll keep it")
            came = await asyncio.wait_for(other.stdout.readline(), SETTLE_S)
            judged.answers[came.decode().strip()] += 1
            await sayso.container.dispatcher.drain()
            judge(judged, await sayso.requests.get(asked.id), sandbox, who.customer_id)
            show_progress(f"{number + 1} of {count} races")
        other.stdin.close()
        await other.wait()
        found = await asyncio.to_thread(sayso.audit.verify, deep=True)
        judged.intact = found.verdict == "verified"
    return judged


def judge(judged: Judged, view: RequestView, sandbox: Sandbox, customer: str) -> None:
    """Hold one race against the provider's books and the customer's reply."""
    (action,) = view.actions
    paid = [one.id for one in sandbox.books().effects if one.customer == customer]
    judged.ended[action.status] += 1
    judged.both += action.status == "withdrawn" and bool(paid)
    judged.open += action.status not in {"withdrawn", "succeeded"} or len(paid) > 1
    stopped = phrases_of("en").withdrawn.partition("}")[2].partition(".")[0]
    told_paid, told_stopped = any(one in view.reply for one in paid), stopped in view.reply
    judged.untrue += (told_paid, told_stopped) != (bool(paid), not paid)


def main(argv: list[str] | None = None) -> int:
    """Run it; the exit status is 0 where no race was lost, on neither store."""
    parser = argparse.ArgumentParser(prog="python -m bench.withdraw", description=__doc__)
    parser.add_argument("--races", type=int, default=500, metavar="N", help="on each store")
    parser.add_argument("--store", choices=["sqlite", "postgres", "both"], default="both")
    parser.add_argument("--seed", type=int, default=1, metavar="N")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args(argv)
    if given.worker is not None:
        asyncio.run(say_yes(given.worker))
        return 0
    stores = ("sqlite", "postgres") if given.store == "both" else (given.store,)
    found = {store: on_store(store, given.races, given.seed) for store in stores}
    ok = all(map(is_won, found.values()))
    rows = [row for store, one in found.items() for row in rows_of(store, one)]
    return print_report(Report(name="withdraw", rows=rows, ok=ok), as_json=given.json)


def on_store(store: str, count: int, seed: int) -> Judged:
    """All races on a new database of one kind."""
    with ExitStack() as stack:
        folder = stack.enter_context(working_folder())
        sandbox = stack.enter_context(Sandbox.start(seed="demo"))
        place = folder / "shop"
        more = '[planner.confirm]\ndefault = "never"\n'
        make_workspace(place, stripe_url=sandbox.url, more=more)
        if store == "postgres":
            server = stack.enter_context(shared_server(folder))
            url = stack.enter_context(fresh_database(server))
            with (place / FILE_NAME).open("a", encoding="utf-8") as settings:
                settings.write(f'[store]\nurl = "{url}"\n')
        return asyncio.run(races(place, sandbox, count, seed))


def is_won(judged: Judged) -> bool:
    """Whether no race was lost, and all were races: nothing else kept a yes from being counted."""
    raced = set(judged.answers) <= {"yes", Code.WITHDRAWN.value}
    return judged.intact and raced and not (judged.both + judged.open + judged.untrue)


def rows_of(store: str, judged: Judged) -> list[Row]:
    """The figures of one store."""
    return [
        *(
            Row(case=f"{store}: ended as {status}", value=times, unit="races")
            for status, times in sorted(judged.ended.items())
        ),
        *(
            Row(case=f"{store}: the yes came to `{came}`", value=times, unit="races")
            for came, times in sorted(judged.answers.items())
        ),
        Row(case=f"{store}: withdrawn and paid", value=judged.both, unit="races"),
        Row(case=f"{store}: neither, or twice", value=judged.open, unit="races"),
        Row(case=f"{store}: told otherwise", value=judged.untrue, unit="races"),
        Row(case=f"{store}: log unverified", value=int(not judged.intact), unit="logs"),
    ]


if __name__ == "__main__":
    raise SystemExit(main())
