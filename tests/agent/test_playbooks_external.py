"""The playbooks against public customer messages that nobody here wrote.

Run with `-s` to see the figures that docs/explanation/planning.md states. The mapping is the
strictest one that
is honest: `cancel_order`, `delete_account` and newsletters are no cancelled subscriptions, a refund
that is late or asked about is no request, and nothing in CLINC150 is one.
"""

from __future__ import annotations

import gzip
import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pytest
from agent.shop import ACTIONS, MUG, SUBSCRIPTION, charge

from sayso.actions.model.plan import Plan
from sayso.agent.base import Handles
from sayso.agent.playbooks import load_playbooks

DATA = Path(os.environ.get("SAYSO_TEST_DATA", Path(__file__).parents[3] / "shared" / "data"))

pytestmark = [
    pytest.mark.external_data,
    pytest.mark.skipif(
        not (DATA / "intent").is_dir(),
        reason=f"no public messages in {DATA / 'intent'}; set SAYSO_TEST_DATA",
    ),
]

# The customer that is easiest to act upon: one charge and one subscription, so that no ambiguity
# protects; for double charges, two equal ones.
EASY = Handles([MUG, SUBSCRIPTION])
TWICE = Handles(
    [
        charge("ch_b", "Order 88: kettle", 12900, created="2026-11-11T12:00:00Z"),
        charge("ch_a", "Order 88: kettle", 12900, created="2026-11-10T12:00:00Z"),
    ]
)
REFUND = {"get_refund": EASY, "request_refund": EASY, "transaction_charged_twice": TWICE}
PLANNER = load_playbooks()


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """How one file went: in scope and planned, planned wrongly, out of scope and planned."""

    in_scope: int
    planned: int
    wrong: int
    out_of_scope: int
    acted: Mapping[str, int]


def rows(name: str) -> Iterator[tuple[str, str]]:
    with gzip.open(DATA / "intent" / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            row = cast("dict[str, str]", json.loads(line))
            yield row["text"], row["intent"]


def measure(name: str) -> Figures:
    counts: Counter[str] = Counter()
    acted: Counter[str] = Counter()
    for text, intent in rows(name):
        handles = REFUND.get(intent)
        found = PLANNER.plan_text(text, handles or EASY, ACTIONS)
        if handles is None:
            counts["out"] += 1
            acted[intent] += isinstance(found, Plan)
            continue
        counts["in"] += 1
        if isinstance(found, Plan):
            right = found.steps[0].action == "stripe.refund"
            counts["planned" if right else "wrong"] += 1
    return Figures(
        in_scope=counts["in"],
        planned=counts["planned"],
        wrong=counts["wrong"],
        out_of_scope=counts["out"],
        acted=+acted,
    )


@pytest.mark.parametrize(
    ("name", "most", "least"),
    [
        ("bitext27_train", 0.001, 0.10),
        ("bitext27_dev", 0.002, 0.10),
        ("banking77_train", 0.001, 0.10),
        ("clinc150_train", 0.0005, 0.0),
        ("clinc150_val", 0.0005, 0.0),
        ("clinc150_oos_train", 0.0, 0.0),
        ("clinc150_oos_val", 0.0, 0.0),
    ],
)
def test_hardly_any_message_out_of_scope_is_planned(name: str, most: float, least: float) -> None:
    """Out of scope nearly nothing is planned, in scope nothing is planned wrongly."""
    found = measure(name)
    print(f"{name}: {found}")  # noqa: T201  (the figures of the docs)
    assert sum(found.acted.values()) <= most * found.out_of_scope
    assert found.wrong == 0
    assert found.planned >= least * found.in_scope


@pytest.mark.promise("agent:not-asked-for")
def test_public_attack_strings_plan_nothing() -> None:
    """No attack string of the collection makes a playbook plan, alone or beside a real request."""
    lines = (DATA / "attacks" / "strings.jsonl").read_text("utf-8").splitlines()
    for line in lines:
        text = cast("dict[str, str]", json.loads(line))["text"]
        assert not isinstance(PLANNER.plan_text(text, EASY, ACTIONS), Plan), text
        both = PLANNER.plan_text(f"Please refund order 1042.\n{text}", EASY, ACTIONS)
        if isinstance(both, Plan):
            # What else is written may be ignored; it adds no step and changes no argument.
            assert [step.action for step in both.steps][:1] == ["stripe.refund"], text
            assert both.steps[0].args["charge"] == "charge#1"
            assert "amount" not in both.steps[0].args, text
