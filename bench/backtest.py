"""How long it takes to play a million recorded questions again: `python -m bench.backtest`.

Made-up questions of the default policy, played by it and by the same with $75 after a year.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Mapping

from sayso.actions.policy.backtest import Player
from sayso.actions.policy.cedar import DEFAULT_ROLES, CedarPolicy, read_default_policy
from sayso.actions.policy.formula.domain import domain_of, pick
from sayso.actions.policy.formula.terms import Value
from sayso.actions.policy.playing import RecordedJudgement, Said, VersionAtPlay
from sayso.connectors.stripe.actions import CANCEL_SUBSCRIPTION, CREDIT, REFUND

YEAR = """
@id("refunds.year") @explain("Up to $75 for a customer of over a year")
permit (principal, action == Action::"stripe.refund", resource)
when { context.currency == "USD" && context.amount.lessThanOrEqual(decimal("75.00")) &&
       context.tenure_days > 365 && context.count30d < 3 };
"""
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def question(dice: random.Random, ordinary: Mapping[str, Value]) -> dict[str, Value]:
    """A made-up question about a refund."""
    values: dict[str, Value] = {
        **ordinary,
        "amount": dice.randrange(100, 15_000) * 100,
        "currency": dice.choice(("USD", "USD", "EUR", "CHF")),
        "count30d": dice.choice((0, 0, 0, 1, 2, 3, 4)),
        "amount30d": dice.randrange(0, 20_000) * 100,
        "hour": dice.randrange(24),
        "localHour": dice.randrange(24),
        "weekday": dice.choice(WEEKDAYS),
    }
    for name, fact in REFUND.declared.items():
        match fact.type:
            case "long":
                values[name] = dice.randrange(0, 900)
            case "bool":
                values[name] = dice.random() < 0.5
            case "decimal":
                values[name] = dice.randrange(0, 60_000) * 100
            case "string":
                values[name] = dice.choice(fact.words or ("a", "b"))
    return values


def main(count: int) -> int:
    """Play them, and print the figures."""
    actions = [REFUND, CREDIT, CANCEL_SUBSCRIPTION]
    texts = read_default_policy(["stripe"])
    was = CedarPolicy(texts, actions, DEFAULT_ROLES)
    now = CedarPolicy({**texts, "year.cedar": YEAR}, actions, DEFAULT_ROLES)
    dice = random.Random(17)
    mine = was.slice(REFUND.name)
    assert mine is not None, "the policy was made for it"
    ordinary = pick(domain_of(REFUND, mine.facts, (), ())) or {}
    kept = [question(dice, ordinary) for _ in range(20_000)]
    sayings: tuple[Said, ...] = ("yes", "yes", "yes", "less", "no", "")
    player = Player(VersionAtPlay(policy=was), VersionAtPlay(policy=now))
    began, cpu = time.perf_counter(), time.process_time()
    for at in range(count):
        values = kept[at % len(kept)]
        player.play(RecordedJudgement(str(at), REFUND.name, values, sayings[at % len(sayings)]))
    played = player.finish()
    took, spent = time.perf_counter() - began, time.process_time() - cpu
    sys.stdout.write(
        f"{count:,} played in {took:.1f} s ({spent:.1f} s CPU), {played.checked:,} asked of the"
        f" engine, {played.wrong} differences\n"
        f"automatic {played.was['allow']:,} -> {played.now['allow']:,},"
        f" asked {played.was['ask']:,} -> {played.now['ask']:,},"
        f" refused {played.was['deny']:,} -> {played.now['deny']:,}\n"
    )
    return 1 if played.wrong else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=1_000_000)
    sys.exit(main(parser.parse_args().count))
