"""How long a judgement takes: `python -m bench.policy [--json]`.

The default policy is asked in Cedar and, in the same run, as plain Python predicates that say the
same about refunds: what the text, its checks and its explanations cost. Times are the median of
rounds, in CPU microseconds of one thread.
"""

from __future__ import annotations

import itertools
import json
import statistics
import sys
import time
from collections.abc import Callable, Generator
from dataclasses import replace
from datetime import UTC, datetime

from sayso.actions.model.definition import FactValue, Subject
from sayso.actions.model.snapshot import Resolved
from sayso.actions.policy.base import Approver, History, Outcome, PolicyQuestion
from sayso.actions.policy.cedar import DEFAULT_ROLES, CedarPolicy, read_default_policy
from sayso.connectors.stripe.actions import CANCEL_SUBSCRIPTION, CREDIT, REFUND
from sayso.json import JsonValue
from sayso.money import Money

ACTIONS = (REFUND, CREDIT, CANCEL_SUBSCRIPTION)
ROUNDS = 9
CALLS = 200
LIMIT_US = {"allow": 500.0, "ask": 2000.0, "deny": 2000.0, "permits": 500.0}


def refund(amount_minor: int, **changed: FactValue) -> PolicyQuestion:
    """A refund in US dollars by a customer of a hundred days."""
    amount = Money(amount_minor, "USD")
    facts: dict[str, FactValue] = {
        "tenure_days": 100,
        "charge_age_days": 10,
        "charge_amount": amount,
        "refunded_before": 0,
        "refunded_total": Money(0, "USD"),
        "full": True,
        "reason": "",
        "livemode": False,
    }
    return PolicyQuestion(
        tenant="acme",
        action=REFUND,
        subject=Subject(id="cus_1"),
        resolved=Resolved(
            args={},
            object_kind="charge",
            object_id="ch_1",
            owner=str(changed.pop("owner", "cus_1")),
            owner_proof="charge.customer",
            account="acct_1",
            payee="the card that paid",
            amount=amount,
            facts=facts | changed,
        ),
        history=History(count_30d=0, amount_30d_minor=0),
        planner="caller",
        at=datetime(2026, 11, 12, 12, tzinfo=UTC),
    )


def plain_permits(question: PolicyQuestion, approvals: int, roles: frozenset[str]) -> bool:
    """The default policy's refund rules as one would write them by hand."""
    resolved, facts = question.resolved, question.resolved.facts
    amount = resolved.amount
    if amount is None or resolved.owner != question.subject.id:
        return False
    known = amount.currency in {"USD", "EUR", "GBP"}
    cents, finance = amount.amount_minor, "finance" in roles
    if (
        int(str(facts["charge_age_days"])) > 180 or facts["reason"] == "fraudulent"
    ) and not finance:
        return False
    tenure, history = facts["tenure_days"], question.history
    assert isinstance(tenure, int)
    small = known and cents <= 50_00 and tenure > 90
    few = history.count_30d < 3 and history.amount_30d_minor < 100_00
    manager = known and cents <= 500_00 and "support_manager" in roles
    return (small and few) or manager or (approvals >= 2 and finance)


def plain_judge(question: PolicyQuestion) -> tuple[str, ...] | None:
    """The least roles, in the order in which `CedarPolicy.judge` asks; None for a deny."""
    first, second = DEFAULT_ROLES
    for roles in ((), (first,), (second,), (first, first), (first, second), (second, second)):
        if plain_permits(question, len(roles), frozenset(roles)):
            return roles
    return None


def anew(question: PolicyQuestion) -> Generator[PolicyQuestion]:
    """The same question about one object after the other, since a policy remembers answers."""
    for number in itertools.count():
        facts = {**question.resolved.facts, "tenure_days": 100 + number}
        resolved = replace(question.resolved, facts=facts)
        yield replace(question, resolved=resolved)


def median_us(call: Callable[[PolicyQuestion], object], question: PolicyQuestion) -> float:
    """CPU microseconds of one call, the median of `ROUNDS` rounds of `CALLS` calls."""
    rounds: list[float] = []
    questions = anew(question)
    call(next(questions))
    for _ in range(ROUNDS):
        asked = list(itertools.islice(questions, CALLS))
        start = time.process_time()
        for one in asked:
            call(one)
        rounds.append((time.process_time() - start) / CALLS * 1e6)
    return statistics.median(rounds)


def run() -> dict[str, JsonValue]:
    """Measure every case beside its peer."""
    texts = read_default_policy(["stripe"])
    policy = CedarPolicy(texts, ACTIONS, DEFAULT_ROLES)
    cases = {
        "allow: a small refund": refund(18_50),
        "ask: a support manager": refund(120_00),
        "ask: two people, one from finance": refund(900_00),
        "deny: somebody else's charge": refund(18_50, owner="cus_2"),
    }
    rows: list[JsonValue] = []
    ok = True
    for case, question in cases.items():
        judgement = policy.judge(question)
        roles = None if judgement.outcome is Outcome.DENY else judgement.roles
        # Each case has a policy of its own, or it would remember what another case has asked.
        fresh = CedarPolicy(texts, ACTIONS, DEFAULT_ROLES)
        ours = median_us(fresh.judge, question)
        peer = median_us(plain_judge, question)
        ok = ok and roles == plain_judge(question) and ours < LIMIT_US[judgement.outcome.value]
        rows.append(_row(case, ours, peer))
    two = [Approver(person=role, roles=frozenset({role})) for role in DEFAULT_ROLES]
    question = cases["ask: two people, one from finance"]
    fresh = CedarPolicy(texts, ACTIONS, DEFAULT_ROLES)
    ours = median_us(lambda asked: fresh.permits(asked, two), question)
    peer = median_us(lambda asked: plain_permits(asked, 2, frozenset(DEFAULT_ROLES)), question)
    ok = ok and ours < LIMIT_US["permits"]
    rows.append(_row("permits: two real approvals", ours, peer))
    start = time.process_time()
    CedarPolicy(texts, ACTIONS, DEFAULT_ROLES)
    load_ms = (time.process_time() - start) * 1e3
    rows.append(
        {"case": "load and check the default policy", "value": round(load_ms, 1), "unit": "ms"}
    )
    return {"name": "policy", "rows": rows, "ok": ok}


def _row(case: str, ours: float, peer: float) -> JsonValue:
    return {
        "case": case,
        "value": round(ours, 1),
        "unit": "us",
        "ratio_to": {"plain python": round(ours / peer, 1)},
    }


def main() -> int:
    """Print the document; with `--json` on one line."""
    result = run()
    if "--json" in sys.argv[1:]:
        print(json.dumps(result))
    else:
        print(json.dumps(result, indent=2))
    return 0 if result["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
