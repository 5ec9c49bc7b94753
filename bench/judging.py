"""What limits, roll-out and others' rules cost: `python -m bench.judging [--base CLONE] [--json]`.

The default policy by itself, with three limits and two dials in force, and beside 90 rules about
another action, each in turn in the same run, in CPU microseconds of one thread. With `--base`, a
clone of another commit with its own `.venv`, that commit's `bench.policy` runs between the rounds;
the bar is a quarter above it.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast

from bench.policy import ACTIONS, anew, refund
from bench.report import Report, Row, print_report
from sayso.actions.limits.checks import LimitChecks
from sayso.actions.limits.reservations import Circumstances, LimitReservations
from sayso.actions.model.action_row import ActionRow, get_action
from sayso.actions.policy.active import LoadedPolicy
from sayso.actions.policy.base import Judgement, PolicyQuestion
from sayso.actions.policy.cedar import DEFAULT_ROLES, CedarPolicy, read_default_policy
from sayso.actions.policy.document import PolicyDocument, PolicyRules
from sayso.actions.policy.reading import read_policy
from sayso.actions.rollout.checks import SALT, StageChecks, capped
from sayso.ids import to_micros
from sayso.money import Money
from sayso.store.base import Transaction

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support.shop_workspace import ShopWorkspace, open_shop

CALLS = 200
MOST = 1.25
"""So many times another commit's judgement at most."""
LIMITS = """
[[limit]]
id = "token-hour"
say = "One bot refunds at most $900,000 an hour"
of = "token"
action = "stripe.refund"
sum = { USD = 900_000 }
per = "hour"
[[limit]]
id = "workspace-day"
say = "At most $5,000,000 go out a day"
of = "workspace"
effect = "money_out"
sum = { USD = 5_000_000 }
per = "day"
[[limit]]
id = "customer-month"
say = "At most 1,000 in 30 days"
of = "tenant"
action = "stripe.refund"
count = 1_000
rolling = "30d"
"""
DIALS = """
[[dial]]
id = "year"
say = "Customers of over ten years"
action = "stripe.refund"
tenure_days = { over = 3650 }
stage = "suggest"
[[dial]]
id = "others"
say = "Everybody else"
action = "stripe.refund"
stage = "auto"
"""
OTHERS = "\n".join(
    f'@id("credit-{number}") @explain("of another action")\n'
    'forbid (principal, action == Action::"stripe.credit", resource)\n'
    f'when {{ context.tenure_days == {number + 10_000} && context.currency == "USD" }};'
    for number in range(90)
)
CASES: Mapping[str, PolicyQuestion] = {
    "allow: a small refund": refund(18_50),
    "ask: a support manager": refund(120_00),
    "ask: two people, one from finance": refund(900_00),
}
Ask = Callable[[PolicyQuestion], object]


@dataclass(kw_only=True)
class Judging:
    """The steps of a judgement as the evaluator takes them, in one transaction of a database."""

    loaded: LoadedPolicy
    row: ActionRow
    tx: Transaction
    stages: StageChecks
    limits: LimitChecks

    def __call__(self, question: PolicyQuestion) -> Judgement:
        """Ask the rules, the dials and the limits."""
        loaded = self.loaded
        judgement = loaded.policy.judge(question)
        staged = self.stages.staged(self.tx, loaded, self.row, question)
        assert loaded.dials is not None
        judgement = capped(judgement, staged, loaded.dials.roles, loaded.number)
        about = Circumstances(
            limits=loaded.limits,
            calendar=loaded.calendar,
            row=self.row,
            action=question.action,
            resolved=question.resolved,
            now=to_micros(question.at),
        )
        return self.limits.judged(self.tx, about, loaded.policy, question, judgement)


def policies() -> tuple[CedarPolicy, CedarPolicy, LoadedPolicy]:
    """The default one, the same beside 90 rules of another action, and with limits and dials."""
    texts = read_default_policy(["stripe"])
    plain = CedarPolicy(texts, ACTIONS, DEFAULT_ROLES)
    crowded = CedarPolicy({**texts, "others.cedar": OTHERS}, ACTIONS, DEFAULT_ROLES)
    document = PolicyDocument(
        files={**texts, "limits.toml": LIMITS, "rollout.toml": DIALS},
        rules=PolicyRules(roles=DEFAULT_ROLES),
    )
    read = read_policy(document, ACTIONS)
    full = LoadedPolicy(
        number=1,
        policy=read.policy,
        limits=read.limits,
        calendar=read.calendar,
        dials=read.dials,
        read=read,
    )
    return plain, crowded, full


def mean_us(call: Ask, questions: Iterator[PolicyQuestion]) -> float:
    """CPU microseconds of one call, over `CALLS` questions that were never asked before."""
    asked = list(itertools.islice(questions, CALLS))
    start = time.process_time()
    for one in asked:
        call(one)
    return (time.process_time() - start) / CALLS * 1e6


def base_us(clone: Path) -> dict[str, float]:
    """What that commit's own bench says, by case."""
    command = [str(clone / ".venv" / "bin" / "python"), "-m", "bench.policy", "--json"]
    done = subprocess.run(command, cwd=clone, capture_output=True, check=False, timeout=300)
    rows = cast("list[dict[str, object]]", json.loads(done.stdout)["rows"])
    return {str(row["case"]): float(str(row["value"])) for row in rows}


async def measure(rounds: int, clone: Path | None) -> dict[str, dict[str, list[float]]]:
    """Each case by each policy, in turn."""
    found: dict[str, dict[str, list[float]]] = {case: {} for case in CASES}
    with TemporaryDirectory() as folder:
        async with open_shop(Path(folder)) as opened:
            row = await a_row(opened)

            def work(tx: Transaction) -> None:
                tx.run("log.meta_insert", key=SALT, value="00" * 32)
                plain, crowded, full = policies()
                checks = LimitChecks(LimitReservations())
                judging = Judging(loaded=full, row=row, tx=tx, stages=StageChecks(), limits=checks)
                asks: dict[str, Ask] = {
                    "rules": plain.judge,
                    "crowded": crowded.judge,
                    "full": judging,
                }
                # Each policy has questions of its own, or it would remember what it was asked.
                questions = {
                    (case, name): anew(question)
                    for case, question in CASES.items()
                    for name in asks
                }
                for case, name in questions:
                    mean_us(asks[name], questions[case, name])
                for _ in range(rounds):
                    one_round(asks, questions, clone, found)

            await opened.sayso.container.store.write(work)
    return found


def one_round(
    asks: Mapping[str, Ask],
    questions: Mapping[tuple[str, str], Iterator[PolicyQuestion]],
    clone: Path | None,
    found: Mapping[str, dict[str, list[float]]],
) -> None:
    """Every case once by each, the other commit first."""
    if clone is not None:
        for case, value in base_us(clone).items():
            if case in found:
                found[case].setdefault("base", []).append(value)
    for (case, name), asked in questions.items():
        found[case].setdefault(name, []).append(mean_us(asks[name], asked))


async def a_row(opened: ShopWorkspace) -> ActionRow:
    """A stored action that is called a refund at Stripe."""
    opened.shop.books.add("o1", "cus_1", Money(2_000, "USD"))
    view = await opened.sayso.propose("shop.refund", {"order": "o1"}, subject="cus_1")
    stored = await opened.sayso.container.store.read(
        lambda reader: get_action(reader, opened.sayso.container.tenant, view.id)
    )
    return replace(stored, name="stripe.refund")


def report(found: Mapping[str, Mapping[str, list[float]]]) -> Report:
    """The figures, and whether they are within the bars."""
    rows: list[Row] = []
    ok = True
    for case, by in found.items():
        middle = {name: statistics.median(values) for name, values in by.items()}
        bar = middle.get("base", middle["rules"])
        peer = "base" if "base" in middle else "rules alone"
        for name, value in middle.items():
            ratio = None if name == "base" else {peer: value / bar}
            rows.append(Row(case=f"{case}, {_WORDS[name]}", value=value, unit="us", ratio_to=ratio))
        if "base" in middle:
            ok = ok and middle["full"] <= MOST * bar
        ok = ok and middle["crowded"] <= 1.1 * middle["rules"]
    return Report(name="judging", rows=rows, ok=ok)


_WORDS = {
    "base": "the other commit",
    "rules": "the rules alone",
    "crowded": "beside 90 rules of another action",
    "full": "with three limits and two dials",
}


def main() -> int:
    """Print the document; with `--json` on one line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--base", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    done = report(asyncio.run(measure(options.rounds, options.base)))
    return print_report(done, as_json=options.json)


if __name__ == "__main__":
    sys.exit(main())
